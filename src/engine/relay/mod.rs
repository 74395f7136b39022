//! Relays: streams that travel between servers. A push publishes a stream of this server to another one, and a pull
//! publishes a stream of another server here.
//!
//! A module starts a relay with [`Ctx::start_push`] or [`Ctx::start_pull`], and hears of it by
//! [`Module::on_relay`](crate::engine::Module::on_relay). The connection is a session: a push is a player of its stream
//! with a queue of its own, a pull is a publisher. What fails is tried again. Which streams are relayed, and where, is
//! decided by modules; nothing here reads a URL.

pub(in crate::engine) mod asks;
pub(in crate::engine) mod checks;
pub(in crate::engine) mod connection;
pub(in crate::engine) mod input;
pub(in crate::engine) mod path;
pub(in crate::engine) mod relays;
pub(in crate::engine) mod roles;
pub(in crate::engine) mod state;
pub(in crate::engine) mod target;
pub(in crate::engine) mod times;
pub(in crate::engine) mod trial;
pub(in crate::engine) mod tries;

use std::rc::Rc;
use std::time::Duration;

use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, SessionId, StreamId};
use crate::engine::quantities::duration;
use crate::engine::relay::state::{
    Progress, Relay, RelayEvent, RelayId, RelayKind, RelaySource, RelaySpec, RelayState, RelaySums,
};
use crate::engine::relay::target::Target as RelayTarget;
use crate::engine::statistics::rate::Rate;
use crate::engine::stream::name::StreamName;

/// The most pushes of the server, the most pulls, and the most relays of one stream.
const MAX_PUSHES: usize = 512;
const MAX_PULLS: usize = 512;
const MAX_RELAYS_OF_STREAM: usize = 64;

/// The most pulls that clients have asked for: they may ask for streams that there are not.
const MAX_ASKED_PULLS: usize = 256;

/// How often the log is told that there are too many.
const TOLD_FULL: Duration = Duration::from_secs(10);

impl Ctx {
    /// Publishes a live stream to another server, too, until the stream ends or [`Ctx::end_relay`] is called. The same
    /// push of the same stream is not started twice. None if there is no such stream, or there are too many relays.
    pub fn start_push(&mut self, stream: StreamId, spec: RelaySpec) -> Option<RelayId> {
        let found = self.streams.get(stream).filter(|stream| stream.is_live())?;
        let (app, name) = (found.app, found.name.clone());
        let publisher = found.publisher.map(|publisher| publisher.session);
        let is_same = |relay: &&mut Relay| {
            relay.kind == RelayKind::Push
                && relay.app == app
                && relay.name == name
                && relay.spec.is_like(&spec)
        };
        if let Some(relay) = self.relays.all.values_mut().find(is_same) {
            relay.stream = Some(stream);
            relay.progress.publisher = publisher;
            return Some(relay.id);
        }
        self.add_relay(RelayKind::Push, (app, &name), (Some(stream), publisher), spec)
    }

    /// Publishes a stream of another server here for as long as somebody plays it; there is one pull for each stream.
    /// One that waits is tried soon. None if there are too many relays.
    pub fn start_pull(&mut self, app: AppId, name: &StreamName, spec: RelaySpec) -> Option<RelayId> {
        if let Some(id) = self.pull_of(app, name).map(|relay| relay.id) {
            self.ask_again(id, spec);
            return Some(id);
        }
        self.add_relay(RelayKind::Pull, (app, name), (None, None), spec)
    }

    /// Gives a relay other times and conditions, as the configuration has changed; it keeps its targets, and goes on.
    pub fn renew_relay(&mut self, id: RelayId, spec: &RelaySpec) {
        if let Some(relay) = self.relays.all.get_mut(&id) {
            relay.spec = RelaySpec { targets: Rc::clone(&relay.spec.targets), ..spec.clone() };
        }
    }

    /// Ends a relay.
    pub fn end_relay(&mut self, id: RelayId, why: &str) {
        let Some(relay) = self.relays.remove(id) else { return };
        let time = duration(self.now.instant.saturating_duration_since(relay.started));
        log::info!("{}: the relay ends after {time}: {why}", relay.head());
        self.tell_of_relay(id, RelayEvent::Ended);
        if let Some(session) = relay.session {
            self.finish(session, why);
        }
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
        self.relays().filter(move |relay| relay.is_push_of(stream))
    }

    /// The pull of a stream.
    pub fn pull_of(&self, app: AppId, name: &StreamName) -> Option<&Relay> {
        self.relays().find(|relay| relay.kind == RelayKind::Pull && relay.app == app && relay.name == *name)
    }

    /// Counts the frames that the connection of a relay has left out so far.
    pub(in crate::engine) fn count_dropped(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get(id)
            && let Some(relay) = self.relays.of_session(session)
        {
            relay.count_dropped(session);
        }
    }

    /// Tells the modules, in a later step, what has happened to a relay.
    pub(in crate::engine) fn tell_of_relay(&mut self, id: RelayId, event: RelayEvent) {
        self.work.relay_news.push_back((id, event));
    }

    fn add_relay(
        &mut self,
        kind: RelayKind,
        (app, name): (AppId, &StreamName),
        (stream, publisher): (Option<StreamId>, Option<SessionId>),
        spec: RelaySpec,
    ) -> Option<RelayId> {
        let app_name = self.apps.get(app).map_or("", |app| &app.name);
        let label: Rc<str> = format!("{app_name}/{name}").into();
        if spec.targets.is_empty() || self.is_stopping() {
            return None;
        }
        if let Some(why) = self.objection_to_relay(kind, (app, name), &spec) {
            self.tell_of_full(&label, &why);
            return None;
        }
        self.relays.last += 1;
        let (id, now) = (RelayId(self.relays.last), self.now.instant);
        let mark = self.mark_of(id, kind, (app, name), spec.targets.first()?);
        let relay = Relay {
            id,
            kind,
            app,
            name: name.clone(),
            stream,
            label,
            spec,
            current: 0,
            state: RelayState::Waiting(now),
            since: now,
            started: now,
            session: None,
            reconnects: 0,
            failures: 0,
            last_error: None,
            bytes: 0,
            rate: Rate::default(),
            dropped: 0,
            inherited: RelaySums::default(),
            mark,
            progress: Progress::new(publisher, now),
        };
        let shown = relay.target().map_or("", |target| &target.shown);
        log::info!("{}: the relay begins ({shown})", relay.ends());
        self.relays.all.insert(id, relay);
        // In a later step: a player that a pull is for is there by then.
        self.work.tries.push_back(id);
        Some(id)
    }

    /// What log lines show behind the other server, if another relay of the stream has the same: its number, as operators
    /// know it.
    fn mark_of(
        &self,
        id: RelayId,
        kind: RelayKind,
        (app, name): (AppId, &StreamName),
        target: &RelayTarget,
    ) -> Box<str> {
        let own = &target.destination;
        let is_there =
            |other: &RelayTarget| (&other.destination.host, other.destination.port) == (&own.host, own.port);
        let is_like = |relay: &Relay| {
            (relay.kind, relay.app) == (kind, app)
                && relay.name == *name
                && relay.spec.targets.first().is_some_and(is_there)
        };
        if self.relays().any(is_like) { format!(" (relay {})", id.0).into() } else { "".into() }
    }

    /// Why there may be no such relay more.
    fn objection_to_relay(
        &self,
        kind: RelayKind,
        (app, name): (AppId, &StreamName),
        spec: &RelaySpec,
    ) -> Option<String> {
        let count = |is_meant: &dyn Fn(&Relay) -> bool| self.relays().filter(|relay| is_meant(relay)).count();
        let of_stream = count(&|relay| relay.app == app && relay.name == *name);
        if of_stream >= MAX_RELAYS_OF_STREAM {
            return Some(format!("{MAX_RELAYS_OF_STREAM} relays of this stream"));
        }
        let (most, what) = match kind {
            RelayKind::Push => (MAX_PUSHES, "pushes"),
            RelayKind::Pull => (MAX_PULLS, "pulls"),
        };
        if count(&|relay| relay.kind == kind) >= most {
            return Some(format!("{most} {what}"));
        }
        let is_asked = |relay: &Relay| relay.kind == RelayKind::Pull && relay.spec.is_asked_by_clients();
        let is_full = kind == RelayKind::Pull && spec.is_asked_by_clients();
        (is_full && count(&is_asked) >= MAX_ASKED_PULLS)
            .then(|| format!("{MAX_ASKED_PULLS} pulls that players have asked for"))
    }

    /// Tells the log, from time to time, that there are too many relays.
    fn tell_of_full(&mut self, label: &str, why: &str) {
        let now = self.now.instant;
        if self.relays.told_full.is_none_or(|told| now >= told + TOLD_FULL) {
            self.relays.told_full = Some(now);
            log::error!("{label}: not relayed, as there are {why} already");
        }
    }
}

impl RelaySpec {
    /// Whether the same is asked by the same.
    fn is_like(&self, other: &Self) -> bool {
        self.targets == other.targets && self.source == other.source
    }

    /// Whether it is a pull for whoever plays, rather than one that the configuration or an operator wants to run.
    fn is_asked_by_clients(&self) -> bool {
        !self.is_static && self.source != RelaySource::Operator
    }
}
