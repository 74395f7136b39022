//! The publishers of streams that are recorded: a recording is finished after its publisher may have gone, and is told
//! with what is known of it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::engine::{AppId, StreamName};

use crate::modules::notify::facts::ClientFacts;

/// The most publishers that are kept after their streams have ended. Their recordings are written in seconds.
const MOST_ENDED: usize = 1024;

/// A publisher, and the arguments that it has given with the stream.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub client: Rc<ClientFacts>,
    pub args: String,
}

/// The last publisher of each stream that is recorded.
#[derive(Debug, Default)]
pub struct Publishers {
    known: HashMap<(AppId, StreamName), Publisher>,
    /// The streams that have ended, the oldest first.
    ended: VecDeque<(AppId, StreamName)>,
}

impl Publishers {
    /// The publisher of a stream begins.
    pub fn begin(&mut self, app: AppId, stream: StreamName, publisher: Publisher) {
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
    pub fn of(&self, app: AppId, stream: &StreamName) -> Option<&Publisher> {
        self.known.get(&(app, stream.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::notify::event::tests::client;

    #[test]
    fn those_that_have_ended_are_kept_up_to_a_number_unless_they_begin_again() {
        let mut publishers = Publishers::default();
        let publisher = Publisher { client: Rc::new(client()), args: String::new() };
        let name = |number: usize| StreamName::new(&format!("cam{number}")).unwrap();
        for number in 0..=MOST_ENDED {
            publishers.begin(AppId(0), name(number), publisher.clone());
            publishers.end(AppId(0), &name(number));
            publishers.begin(AppId(0), name(1), publisher.clone());
        }
        let is_known = |number| publishers.of(AppId(0), &name(number)).is_some();
        assert!(is_known(1) && is_known(0) && is_known(MOST_ENDED));
        publishers.end(AppId(0), &name(1));
        assert!(publishers.of(AppId(0), &name(0)).is_none());
        assert!(publishers.of(AppId(1), &name(2)).is_none());
    }
}
