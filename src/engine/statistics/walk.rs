//! The walk over applications, their streams and their clients, for statistics: in steps, between which the server goes
//! on.
//!
//! A [`Walk`] owns only ids. What has gone since they were collected is left out, so every [`Visit`] is of something
//! that is there. What each visit writes is the caller's.

use std::collections::{BTreeMap, btree_map};
use std::rc::Rc;
use std::vec;

use crate::engine::ctx::{AppFacts, Ctx};
use crate::engine::http::answer::COMPOSED_AT_ONCE;
use crate::engine::ids::{AppId, Endpoint, StreamId};
use crate::engine::statistics::states::StreamState;
use crate::engine::stream::Stream;
use crate::engine::stream::name::StreamName;

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

/// The place of a stream in the walk: the position of its application, whether it is a file, and its label.
type Place = (usize, bool, Rc<str>);

/// Which of several streams of the same names is shown to tools that tell them apart by nothing else: the first one by
/// state and by the order of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamRank(StreamState, usize);

/// A walk over all applications in the order of the configuration, their streams by name, and their clients.
#[derive(Debug)]
pub struct Walk {
    apps: Vec<AppId>,
    /// The applications of streams, each with the position of the one that it is shown as.
    places: Vec<(AppId, usize)>,
    with_clients: bool,
    with_files: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Only this stream is visited.
    One(StreamId),
    /// The streams are collected.
    Collecting {
        /// The slot that is next.
        slot: usize,
        streams: BTreeMap<Place, (StreamRank, StreamId)>,
    },
    Visiting(Visiting),
}

#[derive(Debug)]
struct Visiting {
    /// The position of the application that is next, or of the present one.
    app: usize,
    is_in_app: bool,
    streams: std::iter::Peekable<btree_map::IntoIter<Place, (StreamRank, StreamId)>>,
    stream: Option<StreamId>,
    /// The clients of the present stream that are left.
    clients: vec::IntoIter<Endpoint>,
}

impl Walk {
    /// A walk that visits everything.
    pub fn new(cx: &Ctx) -> Self {
        let stage = Stage::Collecting { slot: 0, streams: BTreeMap::new() };
        let apps = cx.apps_in_order();
        let places = apps.iter().enumerate().map(|(position, app)| (*app, position)).collect();
        Self { apps, places, with_clients: true, with_files: false, stage }
    }

    /// A walk for tools that know an application and a stream by nothing but their names: the applications of one name
    /// are one, and of several streams of the same names only one is visited.
    pub fn by_name(cx: &Ctx) -> Self {
        let mut walk = Self::new(cx);
        let mut names: Vec<&str> = Vec::new();
        walk.apps.clear();
        for (app, place) in &mut walk.places {
            let name = cx.apps.get(*app).map_or("", |facts| &facts.name);
            *place = names.iter().position(|known| *known == name).unwrap_or(names.len());
            if *place == names.len() {
                names.push(name);
                walk.apps.push(*app);
            }
        }
        walk
    }

    /// A walk over the clients of one stream.
    pub fn of_stream(id: StreamId) -> Self {
        let stage = Stage::One(id);
        Self { apps: Vec::new(), places: Vec::new(), with_clients: true, with_files: false, stage }
    }

    /// The same without clients.
    #[must_use]
    pub fn without_clients(self) -> Self {
        Self { with_clients: false, ..self }
    }

    /// The same with the files that are played, behind the streams of their application.
    #[must_use]
    pub fn with_files(self) -> Self {
        Self { with_files: true, ..self }
    }

    /// Makes the visits of one step; false if the walk is over.
    pub fn step(&mut self, cx: &Ctx, mut visit: impl FnMut(Visit)) -> bool {
        for _ in 0..COMPOSED_AT_ONCE {
            match self.next(cx) {
                None => return false,
                Some(Visit::Partly) => break,
                Some(next) => visit(next),
            }
        }
        true
    }

    /// The next visit; none at the end.
    pub fn next(&mut self, cx: &Ctx) -> Option<Visit> {
        match &mut self.stage {
            Stage::One(id) => {
                let stream = cx.streams.get(*id)?;
                self.stage = Stage::Visiting(Visiting::new(BTreeMap::new(), Some(stream)));
                Some(Visit::Stream(stream.id))
            }
            Stage::Collecting { slot, streams } => {
                let end = cx.streams.slots().min(*slot + COMPOSED_AT_ONCE);
                let with_files = self.with_files;
                let found = (*slot..end).filter_map(|slot| cx.streams.any_at(slot));
                for stream in found.filter(|stream| with_files || !stream.is_file) {
                    let found = self.places.iter().find(|(app, _)| *app == stream.app);
                    let Some((_, position)) = found else { continue };
                    let entry = (StreamRank::of(cx, stream), stream.id);
                    let place = (*position, stream.is_file, Rc::clone(&stream.label));
                    let shown = streams.entry(place).or_insert(entry);
                    *shown = entry.min(*shown);
                }
                *slot = end;
                if end == cx.streams.slots() {
                    self.stage = Stage::Visiting(Visiting::new(std::mem::take(streams), None));
                }
                Some(Visit::Partly)
            }
            Stage::Visiting(visiting) => visiting.next(&self.apps, self.with_clients, cx),
        }
    }
}

impl StreamRank {
    /// The rank of a stream.
    pub fn of(cx: &Ctx, stream: &Stream) -> Self {
        let position = cx.app_order.iter().position(|app| *app == stream.app);
        Self(stream.state(), position.unwrap_or(usize::MAX))
    }
}

impl Ctx {
    /// The stream of this label, `APP/NAME`: of several the first one by rank.
    pub fn stream_of_label(&self, label: &str) -> Option<&Stream> {
        let of_app = |(id, app): (AppId, &AppFacts)| {
            let name = label.strip_prefix(app.name.as_str())?.strip_prefix('/')?;
            self.streams.find(id, &StreamName::new(name).ok()?)
        };
        self.apps.iter().filter_map(of_app).min_by_key(|stream| StreamRank::of(self, stream))
    }
}

impl Visiting {
    /// Visits these streams, or the clients of the present one first.
    fn new(streams: BTreeMap<Place, (StreamRank, StreamId)>, stream: Option<&Stream>) -> Self {
        Self {
            app: 0,
            is_in_app: false,
            streams: streams.into_iter().peekable(),
            stream: stream.map(|stream| stream.id),
            clients: stream.map(clients).unwrap_or_default(),
        }
    }

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
        while let Some((_, (_, id))) = self.streams.next_if(|((of, ..), _)| *of == position) {
            let Some(stream) = cx.streams.get(id) else { continue };
            if with_clients {
                self.clients = clients(stream);
            }
            self.stream = Some(id);
            return Some(Visit::Stream(id));
        }
        (self.app, self.is_in_app) = (position + 1, false);
        Some(Visit::AppEnd(app))
    }
}

/// The clients of a stream, its publisher first.
fn clients(stream: &Stream) -> vec::IntoIter<Endpoint> {
    let clients: Vec<_> = stream.publisher.into_iter().chain(stream.players.iter().copied()).collect();
    clients.into_iter()
}

/// Whether a client still publishes or plays a stream.
fn is_client(cx: &Ctx, stream: StreamId, client: Endpoint) -> bool {
    let session = cx.sessions.get(client.session);
    session.and_then(|session| session.roles.on(client.msid)).is_some_and(|role| role.stream() == stream)
}
