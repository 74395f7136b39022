//! A value for each application or RTMP server, by its id: what the engine and modules keep of the directives.

use std::marker::PhantomData;

use crate::engine::ids::{AppId, ServerId};

/// An id that is the number of a slot.
pub trait SlotId: Copy {
    /// The id of a slot.
    fn at(slot: usize) -> Self;
    /// The slot.
    fn slot(self) -> usize;
}

/// A value for each id. Those of what is gone since a reload stay until they are released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ById<I, T> {
    slots: Vec<Option<T>>,
    ids: PhantomData<I>,
}

/// A value for each application.
pub type ByApp<T> = ById<AppId, T>;
/// A value for each RTMP server.
pub(in crate::engine) type ByServer<T> = ById<ServerId, T>;

impl<I: SlotId, T> ById<I, T> {
    /// Takes the values of another configuration in place of those with the same ids.
    pub fn adopt(&mut self, next: Self) {
        for (id, value) in next.into_entries() {
            self.insert(id, value);
        }
    }

    /// Sets the value of an id.
    pub fn insert(&mut self, id: I, value: T) {
        if self.slots.len() <= id.slot() {
            self.slots.resize_with(id.slot() + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(id.slot()) {
            *slot = Some(value);
        }
    }

    /// Removes the value of an id that nothing uses any more.
    pub fn release(&mut self, id: I) -> Option<T> {
        self.slots.get_mut(id.slot())?.take()
    }

    /// The value of an id.
    #[inline]
    pub fn get(&self, id: I) -> Option<&T> {
        self.slots.get(id.slot())?.as_ref()
    }

    /// The value of an id.
    #[inline]
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.slots.get_mut(id.slot())?.as_mut()
    }

    /// All values with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, value)| Some((I::at(slot), value.as_ref()?)))
    }

    /// All values with their ids.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (I, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(slot, value)| Some((I::at(slot), value.as_mut()?)))
    }

    /// All values with their ids.
    pub fn into_entries(self) -> impl Iterator<Item = (I, T)> {
        self.slots.into_iter().enumerate().filter_map(|(slot, value)| Some((I::at(slot), value?)))
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }
}

impl<I, T> Default for ById<I, T> {
    fn default() -> Self {
        Self { slots: Vec::new(), ids: PhantomData }
    }
}

impl<I: SlotId, T> FromIterator<(I, T)> for ById<I, T> {
    fn from_iter<V: IntoIterator<Item = (I, T)>>(values: V) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|(id, value)| all.insert(id, value));
        all
    }
}

impl SlotId for AppId {
    fn at(slot: usize) -> Self {
        Self(slot)
    }

    fn slot(self) -> usize {
        self.0
    }
}

impl SlotId for ServerId {
    fn at(slot: usize) -> Self {
        Self(slot)
    }

    fn slot(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_by_id_and_those_of_what_is_gone_stay_until_they_are_released() {
        let mut names: ByApp<_> = [(AppId(0), "a"), (AppId(1), "b")].into_iter().collect();
        names.adopt([(AppId(3), "d"), (AppId(1), "B")].into_iter().collect());
        let all =
            |names: &ByApp<&'static str>| names.iter().map(|(app, name)| (app.0, *name)).collect::<Vec<_>>();
        assert_eq!(all(&names), [(0, "a"), (1, "B"), (3, "d")]);
        assert_eq!((names.get(AppId(2)), names.get(AppId(9))), (None, None));
        assert_eq!((names.release(AppId(0)), names.release(AppId(0))), (Some("a"), None));
        assert_eq!(all(&names), [(1, "B"), (3, "d")]);
        assert!(names.values().eq(["B", "d"].iter()));
    }
}
