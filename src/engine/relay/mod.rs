//! Relays: streams that travel between servers. A push publishes a stream of this server to another one, and a pull
//! publishes a stream of another server here.
//!
//! A module starts a relay with [`Ctx::start_push`] or [`Ctx::start_pull`], and hears of it by
//! [`Module::on_relay`](crate::engine::Module::on_relay). The connection is a session: a push is a player of its stream
//! with a queue of its own, a pull is a publisher. What fails is tried again. Which streams are relayed, and where, is
//! decided by modules; nothing here reads a URL.

pub(in crate::engine) mod relay;
pub(in crate::engine) mod target;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, StreamId};
use crate::engine::relay::relay::{Relay, RelayId, RelayKind, RelaySpec, RelayState};
use crate::engine::statistics::rate::Rate;
use crate::engine::stream::name::StreamName;

/// All relays.
#[derive(Debug, Default)]
pub(in crate::engine) struct Relays {
    all: BTreeMap<RelayId, Relay>,
    last: u64,
}

impl Ctx {
    /// Publishes a live stream to another server, too, until the stream ends or [`Ctx::end_relay`] is called.
    pub fn start_push(&mut self, stream: StreamId, spec: RelaySpec) -> Option<RelayId> {
        let found = self.streams.get(stream)?;
        let (app, name) = (found.app, found.name.clone());
        Some(self.add_relay(RelayKind::Push, (app, &name), Some(stream), spec))
    }

    /// Publishes a stream of another server here for as long as somebody plays it; there is one pull for each stream.
    pub fn start_pull(&mut self, app: AppId, name: &StreamName, spec: RelaySpec) -> Option<RelayId> {
        if let Some(relay) = self.pull_of(app, name) {
            return Some(relay.id);
        }
        Some(self.add_relay(RelayKind::Pull, (app, name), None, spec))
    }

    /// Ends a relay.
    pub fn end_relay(&mut self, id: RelayId, _why: &str) {
        self.relays.all.remove(&id);
    }

    /// The relay, unless it is over.
    pub fn relay(&self, id: RelayId) -> Option<&Relay> {
        self.relays.all.get(&id)
    }

    /// All relays, the oldest first.
    pub fn relays(&self) -> impl Iterator<Item = &Relay> {
        self.relays.all.values()
    }

    /// The pushes of a stream.
    pub fn pushes_of(&self, stream: StreamId) -> impl Iterator<Item = &Relay> {
        self.relays().filter(move |relay| relay.stream == Some(stream))
    }

    /// The pull of a stream.
    pub fn pull_of(&self, app: AppId, name: &StreamName) -> Option<&Relay> {
        self.relays().find(|relay| relay.kind == RelayKind::Pull && relay.app == app && relay.name == *name)
    }

    fn add_relay(
        &mut self,
        kind: RelayKind,
        (app, name): (AppId, &StreamName),
        stream: Option<StreamId>,
        spec: RelaySpec,
    ) -> RelayId {
        self.relays.last += 1;
        let id = RelayId(self.relays.last);
        let app_name = self.apps.get(app).map_or("", |app| &app.name);
        let label: Rc<str> = format!("{app_name}/{name}").into();
        let relay = Relay {
            id,
            kind,
            app,
            name: name.clone(),
            stream,
            label,
            spec,
            current: 0,
            state: RelayState::Connecting,
            since: self.now.instant,
            session: None,
            reconnects: 0,
            failures: 0,
            last_error: None,
            bytes: 0,
            rate: Rate::default(),
            dropped: 0,
        };
        self.relays.all.insert(id, relay);
        id
    }
}
