//! HTTP requests that wait for their answers, and the places for those that readers work for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;

use crate::engine::http::answer::Compose;
use crate::engine::http::lookup::Lookup;
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::viewing::identity::ViewerKeys;

/// The most long answers that readers work for at once. They leave half of the readers to others. Those that keep
/// a folder open go on until they are complete, the others in turn.
const MAX_READING: usize = 2;

/// A request whose answer is not there yet.
#[derive(Debug)]
pub(in crate::engine) struct Pending {
    pub request: HttpRequest,
    pub progress: Progress,
    /// The answer that is composed; none while the request is on its way to one.
    pub composer: Option<Box<dyn Compose>>,
    /// The viewer about whom the gates are asked by this request.
    pub asks: Option<ViewerKeys>,
    place: Place,
}

/// Its place among the [`MAX_READING`] that readers work for.
#[derive(Debug)]
enum Place {
    None,
    /// This lookup waits for one.
    Awaited(Lookup),
    /// It has one, and no reader works for it now.
    Idle,
    /// A reader works for it.
    InUse,
}

/// All pending requests. Each is that of a held session.
#[derive(Debug, Default)]
pub(in crate::engine) struct PendingRequests {
    all: HashMap<SessionId, Pending>,
    /// The number of places that are taken.
    reading: usize,
    /// Requests that have been removed while a reader worked for them. They keep their places until it is done.
    abandoned: HashSet<SessionId>,
    /// Those that wait for a place, in order.
    waiting: VecDeque<SessionId>,
}

impl Pending {
    /// A request that waits for its answer, or for a lookup on the way to it.
    pub fn new(request: HttpRequest, progress: Progress, composer: Option<Box<dyn Compose>>) -> Self {
        Self { request, progress, composer, asks: None, place: Place::None }
    }

    /// A request by which the gates are asked about a viewer.
    pub fn asking(request: HttpRequest, progress: Progress, viewer: ViewerKeys) -> Self {
        Self { asks: Some(viewer), ..Self::new(request, progress, None) }
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

    /// Has the lookup of a request wait for a place, if it has none: then [`Self::next_lookup`] returns it.
    pub fn queue(&mut self, id: SessionId, lookup: Lookup) {
        let Some(pending) = self.all.get_mut(&id) else { return };
        let is_in_turn = lookup.is_in_turn();
        let has_place = match mem::replace(&mut pending.place, Place::Awaited(lookup)) {
            Place::Idle | Place::InUse => {
                self.reading -= 1;
                true
            }
            Place::None | Place::Awaited(_) => false,
        };
        if has_place && !is_in_turn {
            self.waiting.push_front(id);
        } else {
            self.waiting.push_back(id);
        }
    }

    /// No reader works any more for the request of a session, which may have been removed.
    pub fn finish_lookup(&mut self, id: SessionId) {
        if self.abandoned.remove(&id) {
            self.reading -= 1;
        } else if let Some(pending) = self.all.get_mut(&id)
            && matches!(pending.place, Place::InUse)
        {
            pending.place = Place::Idle;
        }
    }

    /// Whether there is none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.waiting.is_empty() && self.reading == 0
    }

    /// Removes one, with its wait for a place, or its place unless a reader works there.
    pub fn remove(&mut self, id: SessionId) -> Option<Pending> {
        let pending = self.all.remove(&id)?;
        match pending.place {
            Place::None => {}
            Place::Awaited(_) => self.waiting.retain(|&other| other != id),
            Place::Idle => self.reading -= 1,
            Place::InUse => _ = self.abandoned.insert(id),
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
        let Place::Awaited(lookup) = mem::replace(&mut pending.place, Place::InUse) else { return None };
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
        // One that has a place goes on before the others.
        pending.finish_lookup(ids[1]);
        pending.queue(ids[1], Lookup::new(|| ()));
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[1]), None]);
        // Unless it takes turns.
        pending.finish_lookup(ids[1]);
        pending.queue(ids[1], Lookup::new(|| ()).in_turn());
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[2]), None]);
        pending.finish_lookup(ids[2]);
        pending.queue(ids[2], Lookup::new(|| ()).in_turn());
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[3]), None]);
        pending.finish_lookup(ids[3]);
        pending.queue(ids[3], Lookup::new(|| ()).in_turn());
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[1]), None]);
        // One leaves that waits, and one that a reader works for.
        assert!(pending.remove(ids[2]).is_some() && pending.remove(ids[0]).is_some());
        assert_eq!(next(&mut pending), None);
        pending.finish_lookup(ids[0]);
        assert_eq!([(); 2].map(|()| next(&mut pending)), [Some(ids[3]), None]);
        for id in [ids[1], ids[3]] {
            pending.finish_lookup(id);
            assert!(pending.remove(id).is_some());
        }
        assert!(pending.is_empty());
    }
}
