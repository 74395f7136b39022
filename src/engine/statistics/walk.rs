//! The walk over applications, their streams and their clients, for statistics: in steps, between which the server goes
//! on.
//!
//! A [`Walk`] owns only ids. What has gone since they were collected is left out, so every [`Visit`] is of something
//! that is there. What each visit writes is the caller's.

use std::collections::{BTreeMap, btree_map};
use std::rc::Rc;
use std::vec;

use crate::engine::ctx::Ctx;
use crate::engine::http::answer::COMPOSED_AT_ONCE;
use crate::engine::ids::{AppId, Endpoint, StreamId};

/// A step of a walk. Each application and each stream is left after it was entered, also one that ends meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Many entries have been looked at: others should be served before the next step.
    Partly,
    /// An application begins.
    App(AppId),
    /// A stream of it begins.
    Stream(StreamId),
    /// A client of this stream, its publisher first.
    Client(StreamId, Endpoint),
    /// The stream has no more clients.
    StreamEnd(StreamId),
    /// The application has no more streams.
    AppEnd(AppId),
}

/// The place of a stream in the walk: the position of its application, and its label.
type Place = (usize, Rc<str>);

/// A walk over all applications in the order of the configuration, their streams by name, and their clients.
#[derive(Debug)]
pub struct Walk {
    apps: Vec<AppId>,
    with_clients: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The streams are collected.
    Collecting {
        /// The slot that is next.
        slot: usize,
        streams: BTreeMap<Place, StreamId>,
    },
    Visiting(Visiting),
}

#[derive(Debug)]
struct Visiting {
    /// The position of the application that is next, or of the present one.
    app: usize,
    is_in_app: bool,
    streams: std::iter::Peekable<btree_map::IntoIter<Place, StreamId>>,
    stream: Option<StreamId>,
    /// The clients of the present stream that are left.
    clients: vec::IntoIter<Endpoint>,
}

impl Walk {
    /// A walk that visits everything.
    pub fn new(cx: &Ctx) -> Self {
        let stage = Stage::Collecting { slot: 0, streams: BTreeMap::new() };
        Self { apps: cx.apps_in_order(), with_clients: true, stage }
    }

    /// A walk without clients.
    pub fn without_clients(cx: &Ctx) -> Self {
        Self { with_clients: false, ..Self::new(cx) }
    }

    /// The next visit; none at the end.
    pub fn next(&mut self, cx: &Ctx) -> Option<Visit> {
        match &mut self.stage {
            Stage::Collecting { slot, streams } => {
                let end = cx.streams.slots().min(*slot + COMPOSED_AT_ONCE);
                for stream in (*slot..end).filter_map(|slot| cx.streams.at(slot)) {
                    if let Some(position) = self.apps.iter().position(|app| *app == stream.app) {
                        streams.insert((position, Rc::clone(&stream.label)), stream.id);
                    }
                }
                *slot = end;
                if end == cx.streams.slots() {
                    let streams = std::mem::take(streams).into_iter().peekable();
                    self.stage = Stage::Visiting(Visiting {
                        app: 0,
                        is_in_app: false,
                        streams,
                        stream: None,
                        clients: Vec::new().into_iter(),
                    });
                }
                Some(Visit::Partly)
            }
            Stage::Visiting(visiting) => visiting.next(&self.apps, self.with_clients, cx),
        }
    }
}

impl Visiting {
    fn next(&mut self, apps: &[AppId], with_clients: bool, cx: &Ctx) -> Option<Visit> {
        if let Some(stream) = self.stream {
            for client in self.clients.by_ref() {
                if is_client(cx, stream, client) {
                    return Some(Visit::Client(stream, client));
                }
            }
            self.stream = None;
            return Some(Visit::StreamEnd(stream));
        }
        let app = *apps.get(self.app)?;
        if !self.is_in_app {
            self.is_in_app = true;
            return Some(Visit::App(app));
        }
        let position = self.app;
        while let Some((_, id)) = self.streams.next_if(|((of, _), _)| *of == position) {
            let Some(stream) = cx.streams.get(id) else { continue };
            if with_clients {
                let clients: Vec<_> =
                    stream.publisher.into_iter().chain(stream.players.iter().copied()).collect();
                self.clients = clients.into_iter();
            }
            self.stream = Some(id);
            return Some(Visit::Stream(id));
        }
        (self.app, self.is_in_app) = (position + 1, false);
        Some(Visit::AppEnd(app))
    }
}

/// Whether a client still publishes or plays a stream.
fn is_client(cx: &Ctx, stream: StreamId, client: Endpoint) -> bool {
    let session = cx.sessions.get(client.session);
    session.and_then(|session| session.roles.on(client.msid)).is_some_and(|role| role.stream() == stream)
}
