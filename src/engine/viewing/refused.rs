//! Viewers that are refused for a time without being judged again: by the gates, or by an operator.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::engine::viewing::identity::ViewerKey;

/// The number of entries for which the table keeps its memory.
const USUAL: usize = 1024;

/// Viewers that are refused, each until a time. If there are too many, those whose time is over first are forgotten.
#[derive(Debug)]
pub(in crate::engine) struct Refused {
    most: usize,
    all: HashMap<ViewerKey, Instant>,
    ends: BTreeSet<(Instant, ViewerKey)>,
}

impl Refused {
    /// None yet, and at most so many.
    pub fn new(most: usize) -> Self {
        Self { most, all: HashMap::new(), ends: BTreeSet::new() }
    }

    /// Refuses a viewer until a time.
    pub fn add(&mut self, key: ViewerKey, until: Instant, now: Instant) {
        if let Some(before) = self.all.insert(key, until) {
            self.ends.remove(&(before, key));
        }
        self.ends.insert((until, key));
        while let Some(&(end, first)) = self.ends.first()
            && (end <= now || self.all.len() > self.most)
        {
            self.ends.pop_first();
            self.all.remove(&first);
        }
        if self.all.capacity() / 8 > self.all.len().max(USUAL) {
            self.all.shrink_to(USUAL);
        }
    }

    /// Whether a viewer is refused.
    pub fn has(&self, key: ViewerKey, now: Instant) -> bool {
        self.all.get(&key).is_some_and(|until| now < *until)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        (self.all, self.ends) = Default::default();
    }

    /// The number of viewers, with some whose time is over.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        debug_assert_eq!(self.all.len(), self.ends.len());
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_refusals_that_end_first_make_room() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let key = ViewerKey::for_test;
        let mut refused = Refused::new(3);
        for number in 1..=4 {
            refused.add(key(number), now + second * number, now);
        }
        assert!(!refused.has(key(1), now) && refused.has(key(2), now) && refused.has(key(4), now));
        refused.add(key(2), now + second * 9, now);
        assert_eq!(refused.len(), 3);
        refused.add(key(5), now + second * 9, now + second * 4);
        assert!(refused.len() == 2 && refused.has(key(2), now + second * 8), "those that are over have gone");
        refused.clear();
        assert_eq!(refused.len(), 0);
    }
}
