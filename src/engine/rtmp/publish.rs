//! Publishers: the grant of a `publish`, replacement by another publisher, loss and grace, and the end of a stream.
//!
//! Also `leave`, by which every role ends, publisher or player. Frames of a publisher are handled in `rtmp/mod.rs`.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, Endpoint, SessionId, StreamId};
use crate::engine::quantities::duration;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, STEP_DEADLINE, Session};
use crate::engine::sink::Finish;
use crate::engine::stream::name::{SentName, StreamName};
use crate::engine::timers::Timer;
use crate::engine::work::Action;
use crate::rtmp::command::{Level, PLAY_STOP, PublishType};
use crate::rtmp::control::UserControl;

/// How long a publisher's host may be unreachable before its connection is closed and its name is free. The kernel's
/// probes tell a dead host from an encoder that pauses.
const DEAD_PUBLISHER: Duration = Duration::from_secs(12);

/// The most streams in grace at a time, as no session counts them. More than all the cameras of a site that loses its
/// network.
const MAX_STREAMS_IN_GRACE: usize = 512;

/// Why a publisher or player leaves its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum LeaveReason {
    /// Its client has asked for that, or it has played all that it asked for; the client is answered.
    Requested,
    /// Another publish or play on the same message stream has been granted.
    NextRequest,
    /// Another publisher, which this session has, goes on with the stream.
    Replaced(SessionId),
    /// The server ends it: a module has dismissed it, or the stream that it plays has ended.
    Ended,
    /// Its session ends without a stop command.
    ConnectionLost,
}

impl Engine {
    /// Grants a `publish`: the message stream becomes the publisher of the stream. Its earlier role ends, and another
    /// publisher of the name is replaced. `sent` is the name by which the client has asked.
    pub(in crate::engine) fn grant_publish(
        &mut self,
        endpoint: Endpoint,
        app: AppId,
        publish_type: PublishType,
        (name, sent): (&StreamName, SentName),
    ) {
        let Endpoint { session: id, msid } = endpoint;
        let now = self.cx.now.instant;
        self.leave(endpoint, LeaveReason::NextRequest);
        self.drop_play_list(endpoint);
        if let Some(holder) = self.cx.streams.find(app, name).and_then(|stream| stream.publisher) {
            self.replace_publisher(holder, id);
        }
        let Some(policy) = self.cx.apps.get(app).map(|app| app.policy) else { return };
        let stream_id = self.cx.find_or_create_stream(app, name);
        let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
        let Some(stream) = streams.get_mut(stream_id) else { return };
        let continues = stream.is_live();
        stream.begin(endpoint, publish_type, &mut outlet, panics);
        stream.mux = policy.mux;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.roles.add(SessionRole::Publisher { stream: stream_id, msid, sent });
        self.cx.begin_publishing(id);
        self.cx.wake_no_later_than(id, now + policy.drop_idle);
        let how = if continues { ", and goes on with it" } else { "" };
        self.cx.totals.publishes += 1;
        log::info!("{id} publish {}/{name}{how}", self.app_name(app));
        self.cx.status(endpoint, (Level::Status, "NetStream.Publish.Start"), "Start publishing");
        self.resume_pushes_of(stream_id, id);
        if continues {
            self.restart_players(stream_id);
            self.cx.await_tracks(stream_id);
        } else {
            self.tell_players_of_begin(stream_id);
            self.call_stream_start(stream_id, endpoint);
        }
        self.call_publish_start(stream_id, endpoint);
    }

    /// Ends a publisher whose stream continues with session `by`, which may be its own.
    fn replace_publisher(&mut self, holder: Endpoint, by: SessionId) {
        self.cx.status(holder, (Level::Error, "NetStream.Publish.BadName"), "Replaced by another publisher");
        self.cx.stand_by(holder.session);
        self.leave(holder, LeaveReason::Replaced(by));
        if holder.session != by {
            self.finish_if_idle(holder.session, "replaced by another publisher");
        }
    }

    /// Ends one role of a session; true if it has others.
    pub(in crate::engine) fn leave_next(&mut self, id: SessionId, reason: LeaveReason) -> bool {
        let next = self.cx.sessions.get(id).and_then(|session| session.roles.iter().next());
        if let Some(msid) = next.map(SessionRole::msid) {
            self.leave(Endpoint { session: id, msid }, reason);
        }
        self.cx.sessions.get(id).is_some_and(|session| !session.roles.is_empty())
    }

    /// Ends the role of a message stream. Modules and players are told, and the client if it has requested this.
    pub(in crate::engine) fn leave(&mut self, endpoint: Endpoint, reason: LeaveReason) {
        let session = self.cx.sessions.get(endpoint.session);
        let Some(role) = session.and_then(|session| session.roles.on(endpoint.msid)).copied() else { return };
        match role {
            SessionRole::Publisher { stream, .. } => self.leave_publisher(endpoint, stream, reason),
            SessionRole::Player(player) => self.leave_player(endpoint, &player),
        }
        self.cx.remove_role(endpoint);
        if reason == LeaveReason::Requested {
            self.drop_play_list(endpoint);
            match role {
                SessionRole::Publisher { .. } => self.cx.answer_unpublish(endpoint),
                // It has been told before.
                SessionRole::Player(player) if player.is_of_file() && player.is_finished() => {}
                SessionRole::Player(player) if player.is_of_file() => {
                    self.cx.user_control(endpoint, UserControl::StreamEof);
                    self.cx.status(endpoint, PLAY_STOP, "Stop video on demand");
                }
                SessionRole::Player(_) => {
                    self.cx.status(endpoint, PLAY_STOP, "Stop live");
                }
            }
            // The time for its next step begins.
            self.cx.wake_no_later_than(endpoint.session, self.cx.now.instant + STEP_DEADLINE);
        }
    }

    fn leave_publisher(&mut self, publisher: Endpoint, stream: StreamId, reason: LeaveReason) {
        let id = publisher.session;
        if self.cx.streams.get(stream).is_none_or(|stream| stream.publisher != Some(publisher)) {
            return; // the stream has ended by a panic
        }
        self.call_publish_end(stream);
        match reason {
            LeaveReason::ConnectionLost => {
                self.cx.totals.lost_publishers += u64::from(!self.cx.is_draining());
                self.publisher_lost(id, stream);
            }
            LeaveReason::Replaced(by) => {
                log::info!("{id} stops publishing {}; {by} goes on with it", self.publisher_summary(stream));
            }
            LeaveReason::Requested | LeaveReason::NextRequest | LeaveReason::Ended => {
                log::info!("{id} stops publishing {}", self.publisher_summary(stream));
                self.end_stream(stream);
            }
        }
    }

    /// The connection of a publisher is lost: its stream has a grace, or ends.
    fn publisher_lost(&mut self, id: SessionId, stream_id: StreamId) {
        let (summary, waiting) = (self.publisher_summary(stream_id), self.streams_in_grace().count());
        let why = self.cx.sessions.get(id).and_then(Session::loss_reason);
        let why = why.map_or_else(String::new, |reason| format!("; {reason}"));
        let is_draining = self.cx.is_draining();
        let app = self.cx.streams.get(stream_id).and_then(|stream| self.cx.apps.get(stream.app));
        let app = app.filter(|app| !app.has_ended(self.cx.now.instant));
        let grace = app.map_or(Duration::ZERO, |app| self.cx.grace_of(id, app.policy.grace));
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return };
        // After a panic the end of the stream may be half done.
        let may_wait = !grace.is_zero() && !is_draining && stream.pending_ends.stream;
        if !may_wait || waiting >= MAX_STREAMS_IN_GRACE {
            let full = if may_wait { "; too many streams wait for publishers already" } else { "" };
            log::info!("{id} stops publishing {summary}{why}{full}");
            return self.end_stream(stream_id);
        }
        let (kept, and) = (grace.as_secs_f32(), if why.is_empty() { ";" } else { ", and" });
        log::info!("{id} stops publishing {summary}{why}{and} the name is kept for {kept} s");
        let until = self.cx.now.instant + grace;
        let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
        let Some(stream) = streams.get_mut(stream_id) else { return };
        stream.begin_grace(until, &mut outlet, panics);
        self.cx.timers.add(until, Timer::Stream(stream_id));
    }

    /// The grace of a stream is over, and it ends.
    pub(in crate::engine) fn end_grace(&mut self, id: StreamId) {
        if let Some(stream) = self.cx.streams.get(id) {
            let time = self.cx.time_since(stream.started);
            log::info!("nobody goes on with {}, which was live for {}", stream.label, duration(time));
        }
        self.end_stream(id);
    }

    /// The streams in grace.
    fn streams_in_grace(&self) -> impl Iterator<Item = StreamId> {
        self.cx.streams.iter().filter(|stream| stream.grace_until().is_some()).map(|stream| stream.id)
    }

    /// Ends the streams in grace.
    pub(in crate::engine) fn end_streams_in_grace(&mut self) {
        for id in self.streams_in_grace().collect::<Vec<_>>() {
            if self.contain(|engine| engine.end_stream(id)).is_none() {
                self.end_stream_after_panic(id);
            }
            self.deliver_notices();
        }
    }

    /// Ends a stream that has no publisher.
    pub(in crate::engine) fn end_stream(&mut self, stream_id: StreamId) {
        self.call_stream_end(stream_id);
        self.end_pushes_of(stream_id);
        let why = if self.cx.is_draining() { Finish::ServerStops } else { Finish::StreamEnded };
        let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
        let Some(stream) = streams.get_mut(stream_id) else { return };
        stream.finish_sinks(why, &mut outlet, panics);
        stream.clear();
        self.tell_players_of_end(stream_id);
        self.restart_flv_clock(stream_id);
        self.cx.streams.remove_if_idle(stream_id);
    }

    /// "live/cam after 12 s: 300 pictures, 4.2 Mbit/s", of the present publisher.
    fn publisher_summary(&self, id: StreamId) -> String {
        let Some(stream) = self.cx.streams.get(id) else { return String::new() };
        let time = self.cx.time_since(stream.publisher_since);
        format!("{} after {}: {}", stream.label, duration(time), stream.tally.summary(time))
    }
}

impl Ctx {
    fn time_since(&self, since: Option<Instant>) -> Duration {
        since.map(|since| self.now.instant.saturating_duration_since(since)).unwrap_or_default()
    }

    /// Gives a session what only publishers have: larger messages, and an early end if its host is gone.
    fn begin_publishing(&mut self, id: SessionId) {
        self.set_input_limits(id);
        self.work.actions.push_back(Action::DetectDeadPeer(id, DEAD_PUBLISHER));
        self.schedule_ping(id);
    }

    /// Takes a role from its session. With the last publisher goes what only publishers have.
    fn remove_role(&mut self, endpoint: Endpoint) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(endpoint.session) else { return };
        let published = session.roles.publishes();
        session.roles.remove(endpoint.msid);
        let publishes = session.roles.publishes();
        let Some(state) = session.rtmp_mut() else { return };
        state.idle_since = now;
        if published && !publishes {
            self.end_publishing(endpoint.session);
        }
    }

    /// Takes from a session what only publishers have: it may be silent for as long as any client, has smaller
    /// messages, and is not held for its media time.
    fn end_publishing(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        let is_paced = session.life == Life::Open && session.paced_until.is_some();
        let timeout = session.rtmp().map_or(STEP_DEADLINE, |state| state.server.timeout);
        self.work.actions.push_back(Action::DetectDeadPeer(id, timeout));
        self.set_input_limits(id);
        if is_paced {
            self.resume_after_pace(id);
        }
    }

    /// Sets the input limits of a session: larger ones if it publishes.
    fn set_input_limits(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let publishes = session.roles.publishes();
        let Some(state) = session.rtmp_mut() else { return };
        let limits = state.server.rtmp.limits;
        if publishes {
            state.protocol.begin_publishing(limits);
        } else {
            state.protocol.end_publishing(limits);
        }
    }
}
