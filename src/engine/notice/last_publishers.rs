//! The last publisher of each stream: a recording is finished after its publisher may have gone, and is told with what is
//! known of it.

use std::collections::{HashMap, VecDeque};

use crate::engine::ids::AppId;
use crate::engine::stream::name::StreamName;

/// The most publishers that are kept after their streams have ended. Their recordings are written in seconds.
const MOST_ENDED: usize = 1024;

/// What a module keeps of the last publisher of each stream.
#[derive(Debug)]
pub struct LastPublishers<P> {
    known: HashMap<(AppId, StreamName), P>,
    /// The streams that have ended, the oldest first.
    ended: VecDeque<(AppId, StreamName)>,
}

impl<P> LastPublishers<P> {
    /// The publisher of a stream begins.
    pub fn begin(&mut self, app: AppId, stream: StreamName, publisher: P) {
        let key = (app, stream);
        self.ended.retain(|ended| *ended != key);
        self.known.insert(key, publisher);
    }

    /// The publisher of a stream ends; its recordings may be finished later.
    pub fn end(&mut self, app: AppId, stream: &StreamName) {
        let key = (app, stream.clone());
        if !self.known.contains_key(&key) {
            return;
        }
        self.ended.push_back(key);
        if self.ended.len() > MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// The last publisher of a stream.
    pub fn of(&self, app: AppId, stream: &StreamName) -> Option<&P> {
        self.known.get(&(app, stream.clone()))
    }
}

impl<P> Default for LastPublishers<P> {
    fn default() -> Self {
        Self { known: HashMap::new(), ended: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_have_ended_are_kept_up_to_a_number_unless_they_begin_again() {
        let mut publishers = LastPublishers::default();
        let name = |number: usize| StreamName::new(&format!("cam{number}")).unwrap();
        for number in 0..=MOST_ENDED {
            publishers.begin(AppId(0), name(number), number);
            publishers.end(AppId(0), &name(number));
            publishers.begin(AppId(0), name(1), 1);
        }
        let is_known = |number| publishers.of(AppId(0), &name(number)).is_some();
        assert!(is_known(1) && is_known(0) && is_known(MOST_ENDED));
        publishers.end(AppId(0), &name(1));
        assert!(publishers.of(AppId(0), &name(0)).is_none());
        assert!(publishers.of(AppId(1), &name(2)).is_none());
    }
}
