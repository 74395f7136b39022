//! A value for each location, by [`LocationId`]: what a module keeps of its directives.
//!
//! Each configuration has ids of its own, so a request is answered and logged by the configuration at its arrival.

use crate::engine::ids::LocationId;

/// A value for each location, also of earlier configurations, until these are released.
#[derive(Debug)]
pub struct ByLocation<T>(Vec<Generation<T>>);

/// The values of one configuration.
#[derive(Debug)]
struct Generation<T> {
    first: LocationId,
    values: Vec<T>,
}

impl<T> ByLocation<T> {
    /// Takes the values of another configuration, and keeps those that it has.
    pub fn adopt(&mut self, next: Self) {
        self.0.extend(next.0);
    }

    /// Removes the values of the configuration that begins with the location `first`.
    pub fn release(&mut self, first: LocationId) {
        self.0.retain(|generation| generation.first != first);
    }

    /// The value of a location.
    pub fn get(&self, id: LocationId) -> Option<&T> {
        let generation = self.0.iter().rev().find(|generation| generation.first <= id)?;
        generation.values.get((id.0 - generation.first.0) as usize)
    }

    /// The values of all configurations.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|generation| &generation.values)
    }

    /// The values of all configurations.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flat_map(|generation| &mut generation.values)
    }
}

impl<T> Default for ByLocation<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The values of one configuration, in the order of its locations.
impl<T> FromIterator<(LocationId, T)> for ByLocation<T> {
    fn from_iter<I: IntoIterator<Item = (LocationId, T)>>(values: I) -> Self {
        let mut generation: Option<Generation<T>> = None;
        for (id, value) in values {
            let all = generation.get_or_insert_with(|| Generation { first: id, values: Vec::new() });
            debug_assert_eq!(
                (id.0 - all.first.0) as usize,
                all.values.len(),
                "ids of one configuration follow each other"
            );
            all.values.push(value);
        }
        Self(generation.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_earlier_configurations_stay_until_these_are_released() {
        let read = |first: u32, texts: &[&'static str]| -> ByLocation<_> {
            (first..).map(LocationId).zip(texts.iter().copied()).collect()
        };
        let mut texts = read(0, &["a", "b"]);
        texts.adopt(read(2, &[]));
        texts.adopt(read(3, &["c"]));
        texts.adopt(read(4, &["d", "e"]));
        let all = |texts: &ByLocation<&'static str>| {
            (0..7).map(|id| texts.get(LocationId(id)).copied().unwrap_or("-")).collect::<String>()
        };
        assert_eq!(all(&texts), "ab-cde-");
        texts.release(LocationId(3));
        assert_eq!(all(&texts), "ab--de-");
        texts.release(LocationId(0));
        assert_eq!(all(&texts), "----de-");
    }
}
