//! All streams and files that are played, and one of them with its clients.

use super::client::ClientFacts;
use super::parts::{List, Queue};
use super::stream::StreamFacts;
use crate::engine::{COMPOSED_AT_ONCE, Compose, Composed, Ctx, Endpoint, SessionId, StreamId, Visit, Walk};
use crate::modules::api::reply::Fault;

/// Composes the list of all streams, in the order of the configuration and of their names.
#[derive(Debug)]
pub struct Streams {
    /// None before the first step.
    walk: Option<Walk>,
    list: List,
    /// The longest queue of the present stream, so far.
    queue: Queue,
}

impl Streams {
    /// The list of all streams.
    pub fn new() -> Self {
        Self { walk: None, list: List::begin("streams"), queue: Queue::default() }
    }

    /// Takes one step of the walk; false at its end.
    fn visit(&mut self, cx: &Ctx) -> Option<Visit> {
        let walk = self.walk.get_or_insert_with(|| Walk::new(cx).with_files());
        let visit = walk.next(cx)?;
        match visit {
            Visit::Stream(_) => self.queue = Queue::default(),
            Visit::Client(_, client) => self.queue = self.queue.max(queue_of(cx, client)),
            Visit::StreamEnd(id) => {
                if let Some(stream) = cx.streams.get(id) {
                    self.list.push(&StreamFacts::new(cx, stream, self.queue));
                }
            }
            Visit::Partly | Visit::App(_) | Visit::AppEnd(_) => {}
        }
        Some(visit)
    }
}

impl Compose for Streams {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        for _ in 0..COMPOSED_AT_ONCE {
            match self.visit(cx) {
                Some(Visit::Partly) => return Composed::Partly,
                Some(_) => {}
                None => return std::mem::replace(&mut self.list, List::begin("")).end(),
            }
        }
        Composed::Partly
    }
}

/// Composes one stream, with its clients of RTMP.
#[derive(Debug)]
pub struct OneStream {
    id: StreamId,
    /// Its clients that are still to be looked at; none before the first step.
    clients: Option<std::vec::IntoIter<Endpoint>>,
    queue: Queue,
    /// Those that have been looked at.
    found: Vec<SessionId>,
    list: Option<List>,
}

impl OneStream {
    /// One stream.
    pub fn new(id: StreamId) -> Self {
        Self { id, clients: None, queue: Queue::default(), found: Vec::new(), list: None }
    }
}

impl Compose for OneStream {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let Some(stream) = cx.streams.get(self.id) else {
            return Composed::Verbatim(Fault::not_found("the stream has ended").into_reply());
        };
        let clients = self.clients.get_or_insert_with(|| {
            let all: Vec<_> = stream.publisher.iter().chain(&stream.players).copied().collect();
            all.into_iter()
        });
        let part: Vec<_> = clients.by_ref().take(COMPOSED_AT_ONCE).collect();
        let Some(list) = &mut self.list else {
            // First the queues, as they stand before the clients.
            for client in part {
                self.queue = self.queue.max(queue_of(cx, client));
                self.found.push(client.session);
            }
            if clients.as_slice().is_empty() {
                let facts = StreamFacts::new(cx, stream, self.queue);
                self.list = Some(List::behind(&facts, "clients"));
            }
            return Composed::Partly;
        };
        let rest = self.found.split_off(self.found.len().min(COMPOSED_AT_ONCE));
        for session in std::mem::replace(&mut self.found, rest) {
            if let Some(facts) = cx.sessions.get(session).and_then(|session| ClientFacts::of(cx, session)) {
                list.push(&facts);
            }
        }
        if self.found.is_empty() {
            self.list.take().map_or(Composed::Partly, List::end)
        } else {
            Composed::Partly
        }
    }
}

fn queue_of(cx: &Ctx, client: Endpoint) -> Queue {
    cx.sessions.get(client.session).map(Queue::of).unwrap_or_default()
}
