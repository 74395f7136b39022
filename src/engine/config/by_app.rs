//! A value for each application, by [`AppId`]: what a module keeps of its directives.

use crate::engine::ids::AppId;

/// A value for each application. Those of applications that are gone since a reload stay until they are released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByApp<T>(Vec<Option<T>>);

impl<T> ByApp<T> {
    /// Takes the values of another configuration in place of those of the same applications.
    pub fn adopt(&mut self, next: Self) {
        for (app, value) in next.into_entries() {
            self.insert(app, value);
        }
    }

    /// Sets the value of an application.
    pub fn insert(&mut self, app: AppId, value: T) {
        if self.0.len() <= app.0 {
            self.0.resize_with(app.0 + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(app.0) {
            *slot = Some(value);
        }
    }

    /// Removes the value of an application that nothing uses any more.
    pub fn release(&mut self, app: AppId) -> Option<T> {
        self.0.get_mut(app.0)?.take()
    }

    /// The value of an application.
    #[inline]
    pub fn get(&self, app: AppId) -> Option<&T> {
        self.0.get(app.0)?.as_ref()
    }

    /// The value of an application.
    #[inline]
    pub fn get_mut(&mut self, app: AppId) -> Option<&mut T> {
        self.0.get_mut(app.0)?.as_mut()
    }

    /// All values, each with its application.
    pub fn iter(&self) -> impl Iterator<Item = (AppId, &T)> {
        self.0.iter().enumerate().filter_map(|(slot, value)| Some((AppId(slot), value.as_ref()?)))
    }

    /// All values, each with its application.
    pub fn into_entries(self) -> impl Iterator<Item = (AppId, T)> {
        self.0.into_iter().enumerate().filter_map(|(slot, value)| Some((AppId(slot), value?)))
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> Default for ByApp<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(AppId, T)> for ByApp<T> {
    fn from_iter<I: IntoIterator<Item = (AppId, T)>>(values: I) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|(app, value)| all.insert(app, value));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_by_application_and_those_of_gone_ones_stay_until_they_are_released() {
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
