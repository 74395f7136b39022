//! HTTP requests that wait for their answers, and the places for those that readers work for.

use std::collections::{HashMap, VecDeque};

use crate::engine::http::answer::Compose;
use crate::engine::http::lookup::Lookup;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;

/// The most long answers that readers work for at once. They keep what they have read of a folder until they are
/// complete, and leave half of the readers to others.
const MAX_READING: usize = 2;

/// A request whose answer is not there yet.
#[derive(Debug)]
pub(in crate::engine) struct Pending {
    pub request: HttpRequest,
    pub progress: Progress,
    /// The answer that is composed; none while the request is on its way to one.
    pub composer: Option<Box<dyn Compose>>,
    /// It has one of the [`MAX_READING`] places.
    reads: bool,
    /// The lookup that waits for a place.
    lookup: Option<Lookup>,
}

/// All pending requests. Each is that of a held session.
#[derive(Debug, Default)]
pub(in crate::engine) struct PendingRequests {
    all: HashMap<SessionId, Pending>,
    /// The number of those that have a place.
    reading: usize,
    /// Those that wait for a place, in order.
    waiting: VecDeque<SessionId>,
}

impl Pending {
    /// A request that waits for its answer, or for a lookup on the way to it.
    pub fn new(request: HttpRequest, progress: Progress, composer: Option<Box<dyn Compose>>) -> Self {
        Self { request, progress, composer, reads: false, lookup: None }
    }
}

impl PendingRequests {
    /// Adds one, that of this session.
    pub fn insert(&mut self, id: SessionId, pending: Pending) {
        self.all.insert(id, pending);
    }

    /// The pending request of a session.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Pending> {
        self.all.get_mut(&id)
    }

    /// Whether a request has a place.
    pub fn reads(&self, id: SessionId) -> bool {
        self.all.get(&id).is_some_and(|pending| pending.reads)
    }

    /// Has the lookup of a request wait for a place.
    pub fn queue(&mut self, id: SessionId, lookup: Lookup) {
        if let Some(pending) = self.all.get_mut(&id) {
            pending.lookup = Some(lookup);
            self.waiting.push_back(id);
        }
    }

    /// Whether there is none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.waiting.is_empty() && self.reading == 0
    }

    /// Removes one, with its place or its wait for one.
    pub fn remove(&mut self, id: SessionId) -> Option<Pending> {
        let pending = self.all.remove(&id)?;
        self.reading -= usize::from(pending.reads);
        if pending.lookup.is_some() {
            self.waiting.retain(|&other| other != id);
        }
        Some(pending)
    }

    /// Gives a free place to the request that waits longest, and returns its lookup.
    pub fn next_lookup(&mut self) -> Option<(SessionId, Lookup)> {
        if self.reading >= MAX_READING {
            return None;
        }
        let id = self.waiting.pop_front()?;
        let pending = self.all.get_mut(&id)?;
        let lookup = pending.lookup.take()?;
        pending.reads = true;
        self.reading += 1;
        Some((id, lookup))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_read_two_at_a_time_in_order() {
        let mut pending = PendingRequests::default();
        let ids = [0, 1, 2, 3].map(|index| SessionId::new(index, 7));
        for id in ids {
            let request = HttpRequest::for_test("GET / HTTP/1.0\r\n\r\n");
            pending.insert(id, Pending::new(request, Progress::default(), None));
            pending.queue(id, Lookup::new(|| ()));
        }
        let next = |pending: &mut PendingRequests| pending.next_lookup().map(|(id, _)| id);
        assert_eq!([(); 3].map(|()| next(&mut pending)), [Some(ids[0]), Some(ids[1]), None]);
        assert!(pending.reads(ids[0]) && !pending.reads(ids[2]));
        // One leaves that waits, and one that has a place.
        assert!(pending.remove(ids[2]).is_some() && pending.remove(ids[0]).is_some());
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[3]), None]);
    }
}
