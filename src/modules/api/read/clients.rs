//! All clients, and one client.

use super::client::{ClientFacts, ViewerJson};
use super::parts::List;
use crate::engine::{COMPOSED_AT_ONCE, Compose, Composed, Ctx, ViewerFacts};
use crate::modules::api::reply::{Fault, json_reply};

/// The most viewers of HLS in the list: there may be 65 536.
const MAX_VIEWERS: usize = 10_000;

/// Composes the list of all clients: first the sessions of RTMP that are connected to an application, then the viewers of HLS.
#[derive(Debug)]
pub struct Clients {
    /// The next slot of a session.
    slot: usize,
    /// The viewers that are left; none before the first of them.
    viewers: Option<std::vec::IntoIter<ViewerFacts>>,
    left_out: usize,
    list: List,
}

impl Clients {
    /// The list of all clients.
    pub fn new() -> Self {
        Self { slot: 0, viewers: None, left_out: 0, list: List::begin("clients") }
    }
}

impl Compose for Clients {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let end = cx.sessions.slots().min(self.slot.saturating_add(COMPOSED_AT_ONCE));
        if self.slot < end {
            for session in (self.slot..end).filter_map(|slot| cx.sessions.at(slot)) {
                if let Some(facts) = ClientFacts::of(cx, session) {
                    self.list.push(&facts);
                }
            }
            self.slot = end;
            return Composed::Partly;
        }
        let Some(viewers) = &mut self.viewers else {
            // Sessions in slots that are added from now on are left out.
            self.slot = usize::MAX;
            let viewers = cx.viewing.viewers.facts(MAX_VIEWERS);
            self.left_out = cx.viewing.viewers.len().saturating_sub(viewers.len());
            self.viewers = Some(viewers.into_iter());
            return Composed::Partly;
        };
        for viewer in viewers.by_ref().take(COMPOSED_AT_ONCE) {
            self.list.push(&ViewerJson::new(cx, &viewer));
        }
        if !viewers.as_slice().is_empty() {
            return Composed::Partly;
        }
        std::mem::replace(&mut self.list, List::begin("")).end_with("viewers_left_out", self.left_out)
    }
}

/// Composes one client, which is looked for in steps.
#[derive(Debug)]
pub struct OneClient {
    id: u32,
    /// The next slot of a session.
    slot: usize,
}

impl OneClient {
    /// The client with this number.
    pub fn new(id: u32) -> Self {
        Self { id, slot: 0 }
    }
}

impl Compose for OneClient {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let end = cx.sessions.slots().min(self.slot + COMPOSED_AT_ONCE);
        let mut sessions = (self.slot..end).filter_map(|slot| cx.sessions.at(slot));
        let found = sessions.find(|session| session.id.serial() == self.id);
        if let Some(facts) = found.and_then(|session| ClientFacts::of(cx, session)) {
            return Composed::Reply(json_reply(200, &facts));
        }
        self.slot = end;
        if end < cx.sessions.slots() {
            return Composed::Partly;
        }
        Composed::Verbatim(match cx.viewing.viewers.facts_of(self.id) {
            Some(viewer) => json_reply(200, &ViewerJson::new(cx, &viewer)),
            None => Fault::not_found(format!("there is no client {}", self.id)).into_reply(),
        })
    }
}
