//! What a relay is here: a push plays its stream, a pull publishes it.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, Endpoint, SessionId, StreamId};
use crate::engine::relay::connection::{Refused, Stage};
use crate::engine::relay::state::{Relay, RelayId, RelayKind, RelayState};
use crate::engine::request::{Refusal, Request, RequestKind};
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::stream::Stream;
use crate::engine::stream::name::StreamName;
use crate::engine::work::Action;
use crate::media::Frame;
use crate::rtmp::command::PublishType;

/// How long the other server's host may be unreachable before a connection is given up.
const DEAD_SERVER: Duration = Duration::from_secs(12);

/// How long a pulled stream stays when its connection is lost: a player notices a short interruption only as a pause.
pub(in crate::engine) const PULL_GRACE: Duration = Duration::from_secs(10);

impl Engine {
    /// The other server has accepted the publish or play of a relay.
    pub(super) fn relay_began(&mut self, id: SessionId, msid: u32) {
        let Some(relay) = self.cx.relay_of(id) else { return };
        let (relay_id, kind, stream) = (relay.id, relay.kind, relay.stream);
        let is_only = relay.spec.targets.len() == 1;
        self.cx.work.actions.push_back(Action::DetectDeadPeer(id, DEAD_SERVER));
        match (kind, stream) {
            (RelayKind::Push, stream) => {
                self.set_stage(id, Stage::Running(msid));
                if let Some(stream) = stream {
                    self.begin_push((id, msid), relay_id, stream);
                }
            }
            (RelayKind::Pull, _) => self.await_media(id, msid, is_only),
        }
        self.cx.check_soon(id);
    }

    /// Makes a session the player that is a push.
    fn begin_push(&mut self, (id, msid): (SessionId, u32), relay: RelayId, stream: StreamId) {
        let now = self.cx.now.instant;
        if self.cx.streams.get(stream).is_none() {
            return self.cx.retry_later(relay, id);
        }
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.roles.add(SessionRole::Player(Player::push((stream, msid), now)));
        self.cx.note_running(relay);
        self.call_play_start(stream, Endpoint { session: id, msid });
    }

    /// The play of a pull is accepted, which need not mean that there is such a stream: it begins with the first frame. Where
    /// there is no other server to ask, it waits for that as long as it is wanted.
    fn await_media(&mut self, id: SessionId, msid: u32, is_only: bool) {
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_client_mut) else { return };
        state.stage = Stage::Awaiting(msid);
        if is_only {
            state.until = None;
        }
    }

    /// The first frame of what a pull plays has come.
    pub(super) fn pulled_begins(&mut self, (id, msid): (SessionId, u32), frame: Frame) {
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_client_mut) else { return };
        state.stage = Stage::Running(msid);
        state.first = Some(frame);
        self.submit_pull(id, msid);
    }

    /// Asks the gates whether a pull may publish its stream here. Rules of access and keys are for clients.
    fn submit_pull(&mut self, id: SessionId, msid: u32) {
        let Some(relay) = self.cx.relay_of(id) else { return };
        let (app, name) = (relay.app, relay.name.as_str().to_owned());
        let kind = RequestKind::Publish { msid, publish_type: PublishType::Live };
        self.submit(Request::relay(id, app, name, kind));
    }

    /// A pull publishes its stream here.
    pub(in crate::engine) fn pull_granted(&mut self, endpoint: Endpoint) {
        let session = self.cx.sessions.get(endpoint.session);
        let stream = session.and_then(|session| session.roles.published_on(endpoint.msid));
        let Some(relay) = self.cx.relay_of(endpoint.session).map(|relay| relay.id) else { return };
        if let Some(relay) = self.cx.relays.all.get_mut(&relay) {
            relay.stream = stream;
        }
        self.cx.note_running(relay);
        let state = self.cx.sessions.get_mut(endpoint.session).and_then(Session::rtmp_client_mut);
        if let Some(frame) = state.and_then(|state| state.first.take()) {
            self.handle_frame(endpoint.session, endpoint.msid, frame);
        }
    }

    /// A pull may not publish its stream here: somebody else does, or a module refuses it.
    pub(in crate::engine) fn refuse_pull(&mut self, request: &Request, refusal: &Refusal) {
        let id = request.session;
        if self.cx.has_other_publisher(request) {
            self.cx.stand_by(id);
            self.cx.finish(id, "somebody publishes the stream here");
        } else {
            if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_client_mut) {
                state.refusal = Some(Refused::Here);
            }
            let why = refusal.for_log.as_deref().unwrap_or(&refusal.why);
            self.cx.finish(id, &format!("publish refused here: {why}"));
        }
        self.call_refused(request);
    }

    /// The stream of a pull has ended at the other server, and so it does here.
    pub(super) fn end_pulled(&mut self, id: SessionId) {
        let session = self.cx.sessions.get(id);
        let publisher = session.and_then(|session| session.roles.publishers().next());
        if let Some(msid) = publisher.map(SessionRole::msid) {
            self.leave(Endpoint { session: id, msid }, LeaveReason::Ended);
        }
    }

    /// A stream ends, and its pushes with it, but those that stay as long as their publisher's connection.
    pub(in crate::engine) fn end_pushes_of(&mut self, stream: StreamId) {
        let is_draining = self.cx.is_draining();
        let ended = self.cx.relays.all.values().filter(|relay| relay.is_push_of(stream));
        let ended: Vec<_> = ended
            .filter(|relay| is_draining || !self.cx.outlives_stream(relay))
            .map(|relay| relay.id)
            .collect();
        for id in ended {
            let session = self.cx.relay(id).and_then(|relay| relay.session);
            self.leave_all(session);
            self.cx.end_relay(id, "the stream has ended");
        }
    }

    /// A session is closed: pushes end that have stayed for it.
    pub(in crate::engine) fn end_pushes_of_session(&mut self, id: SessionId) {
        self.end_idle_pushes_of(id, "its publisher has left");
    }

    /// Ends the pushes that a publisher has had for a stream that is over.
    fn end_idle_pushes_of(&mut self, id: SessionId, why: &str) {
        let stay = self.cx.relays.all.values().filter(|relay| relay.progress.publisher == Some(id));
        let is_over = |relay: &&Relay| {
            let stream = relay.stream.and_then(|stream| self.cx.streams.get(stream));
            !stream.is_some_and(Stream::is_live)
        };
        let ended: Vec<_> = stay.filter(is_over).map(|relay| (relay.id, relay.session)).collect();
        for (id, session) in ended {
            self.leave_all(session);
            self.cx.end_relay(id, why);
        }
    }

    /// A publisher begins a stream, or goes on with one: its pushes are his from now on. Those end that have outlived another
    /// stream of his, as they would publish beside those of this one.
    pub(in crate::engine) fn resume_pushes_of(&mut self, stream: StreamId, publisher: SessionId) {
        self.cx.continue_pushes_of(stream, publisher);
        self.end_idle_pushes_of(publisher, "its publisher has begun another stream");
    }

    /// Ends all relays, as the server stops.
    pub(in crate::engine) fn end_all_relays(&mut self, why: &str) {
        for id in self.cx.relays.all.keys().copied().collect::<Vec<_>>() {
            self.contain(|engine| {
                let push = engine.cx.relay(id).filter(|relay| relay.kind == RelayKind::Push);
                let session = push.and_then(|relay| relay.session);
                engine.leave_all(session);
                engine.cx.end_relay(id, why);
            });
        }
    }

    /// Has the session of a relay leave its stream, before it says goodbye.
    fn leave_all(&mut self, session: Option<SessionId>) {
        if let Some(session) = session {
            self.leave_next(session, LeaveReason::Ended);
        }
    }
}

impl Ctx {
    /// Whether a session is the connection of a relay, or was one and ends.
    pub fn is_relay(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(Session::is_relay)
    }

    /// The relay whose connection is this session.
    pub fn relay_of(&self, id: SessionId) -> Option<&Relay> {
        let relay = self.relays.all.get(&self.sessions.get(id)?.relay()?)?;
        (relay.session == Some(id)).then_some(relay)
    }

    /// Tells the other server of a relay that nothing more comes.
    pub(in crate::engine) fn say_goodbye(&mut self, id: SessionId) {
        let open = self.sessions.get_mut(id).filter(|session| session.life == Life::Open);
        if let Some(state) = open.and_then(Session::rtmp_client_mut) {
            let out = state.say_goodbye();
            self.send_bytes(id, &out);
        }
    }

    /// Whether a push stays when its stream has ended, as its publisher may publish again.
    fn outlives_stream(&self, relay: &Relay) -> bool {
        let publisher = relay.progress.publisher.and_then(|publisher| self.sessions.get(publisher));
        let has_other =
            |session: &Session| session.roles.publishers().any(|role| Some(role.stream()) != relay.stream);
        relay.spec.keeps_session
            && publisher.is_some_and(|session| !session.is_ending() && !has_other(session))
    }

    /// A publisher has a stream: pushes that have outlived his last one, or that of another, continue with it.
    fn continue_pushes_of(&mut self, stream: StreamId, publisher: SessionId) {
        let Some(found) = self.streams.get(stream) else { return };
        for relay in self.relays.all.values_mut() {
            let is_of_stream = relay.app == found.app && relay.name == found.name;
            if relay.kind == RelayKind::Push && is_of_stream {
                relay.stream = Some(stream);
                relay.progress.publisher = Some(publisher);
                if relay.session.is_none() {
                    self.work.tries.push_back(relay.id);
                }
            }
        }
    }

    /// The stream of a pull has a publisher here: it waits until that one has gone.
    pub(in crate::engine) fn stand_by(&mut self, session: SessionId) {
        if let Some(id) = self.relay_of(session).map(|relay| relay.id) {
            self.set_standby(id);
        }
    }

    pub(super) fn set_standby(&mut self, id: RelayId) {
        let now = self.now.instant;
        if let Some(relay) = self.relays.all.get_mut(&id) {
            (relay.state, relay.since) = (RelayState::Standby, now);
            log::info!("{}: on standby, as somebody publishes the stream here", relay.head());
        }
        self.schedule_relay_check();
    }

    /// Whether a client publishes a stream, rather than a pull.
    pub(super) fn has_publisher(&self, app: AppId, name: &StreamName) -> bool {
        let publisher = self.streams.find(app, name).and_then(|stream| stream.publisher);
        publisher.is_some_and(|publisher| !self.is_pull(publisher))
    }

    /// Whether another session publishes the stream of a request.
    fn has_other_publisher(&self, request: &Request) -> bool {
        let of_name = |stream: &&Stream| stream.app == request.app && stream.name.as_str() == request.name;
        let stream = self.streams.iter().find(of_name);
        stream.and_then(|stream| stream.publisher).is_some_and(|holder| holder.session != request.session)
    }

    /// Whether a publisher is a pull, whose stream any other publisher takes over.
    pub(in crate::engine) fn is_pull(&self, publisher: Endpoint) -> bool {
        self.is_relay(publisher.session)
    }

    /// The grace of a stream whose publisher is lost, where it would be so long for a client's.
    pub(in crate::engine) fn grace_of(&self, publisher: SessionId, grace: Duration) -> Duration {
        match self.sessions.get(publisher).and_then(Session::relay) {
            Some(relay) if self.relay(relay).is_some() => grace.max(PULL_GRACE),
            // A pull that has ended does not come back.
            Some(_) => Duration::ZERO,
            None => grace,
        }
    }

    /// Checks a session of a relay when its next deadline may be.
    fn check_soon(&mut self, id: SessionId) {
        let state = self.sessions.get(id).and_then(Session::rtmp_client);
        let limits = state.map(|state| (state.server.ping, state.server.timeout));
        if let Some((ping, timeout)) = limits {
            let at: Instant = self.now.instant + ping.min(timeout);
            self.wake_no_later_than(id, at);
        }
    }
}
