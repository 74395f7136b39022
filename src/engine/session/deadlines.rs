//! The deadlines of a session: handshake, first command, answer to a ping, progress of its queue, requests that wait.
//!
//! Each session has one timer entry that counts, `Session::timer_at`. When it expires, `check_session` decides what
//! is due and sets the next one. An entry that a nearer one has replaced expires without effect. Deadlines never send
//! media.

use std::time::{Duration, Instant};

use crate::engine::calls::transfer::Transfer;
use crate::engine::config::by_id::ByApp;
use crate::engine::config::server::ServerSettings;
use crate::engine::ctx::{AppFacts, Ctx};
use crate::engine::http::connection::HttpState;
use crate::engine::http::playing::MSID;
use crate::engine::ids::{Endpoint, SessionId, StreamId};
use crate::engine::relay::connection::RtmpClientState;
use crate::engine::rtmp::connection::RtmpState;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, ProtocolState, STEP_DEADLINE, Session};
use crate::engine::stream::{Stream, Streams};
use crate::engine::timers::Timer;
use crate::engine::work::Action;
use crate::engine::{CLIENT_LEFT, Engine};
use crate::http::HttpError;
use crate::http::websocket::{Opcode, control_frame};
use crate::rtmp::control::UserControl;

/// The reply to an HTTP client that does not finish its request in time.
const TOO_SLOW: HttpError = HttpError { status: 408, reason: "no whole request in time" };

/// The shortest time between two checks of a session that is closing.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// How long media is still read that a peer had sent before it hung up: a socket's buffer holds some minutes of sound.
const LAST_OF_MEDIA: Duration = Duration::from_secs(600);

/// The result of a check of a session.
pub(in crate::engine) enum Due {
    /// Nothing is due before this time.
    Later(Instant),
    /// Ping the client, and check again at this time.
    Ping(Instant),
    /// Close the session with this reason.
    Close(&'static str),
    /// Answer 408 to an HTTP client that does not finish its request, and close.
    TimedOut,
    /// End the answer of an HTTP player for this reason.
    GiveUp(&'static str),
}

impl Engine {
    /// A session's timer entry for `at` has expired.
    pub(in crate::engine) fn check_session(&mut self, id: SessionId, at: Instant) {
        let cx = &mut self.cx;
        let now = cx.now.instant;
        let Some(session) = cx.sessions.get_mut(id) else { return };
        if session.timer_at != at {
            return; // an entry that a nearer one has replaced
        }
        if session.life != Life::Open {
            let at = session.lingers_until().max(now + SHORTEST_WAIT);
            cx.work.lingering.push_back(id);
            return cx.reset_timer(id, at);
        }
        self.time_out_request(id);
        let operation = self.time_out_operation(id);
        self.cx.check_pace(id);
        self.cx.answer_late_unpublish(id);
        let cx = &mut self.cx;
        // A session that one of these has closed needs no further check.
        let Some(session) = cx.sessions.get(id).filter(|session| session.life == Life::Open) else { return };
        if session.unsolicited_due().is_some_and(|due| due <= now) {
            cx.work.actions.push_back(Action::SendUnsolicited(id));
        }
        match cx.due(session) {
            Some(Due::Later(at)) => cx.reset_timer(id, operation.map_or(at, |until| at.min(until))),
            Some(Due::Ping(at)) => cx.ping(id, at),
            Some(Due::Close(reason)) => cx.close(id, reason),
            Some(Due::TimedOut) => self.reject(id, TOO_SLOW, at.checked_sub(STEP_DEADLINE).unwrap_or(at)),
            Some(Due::GiveUp(why)) => self.end_http_player(Endpoint { session: id, msid: MSID }, why),
            None => {}
        }
    }

    /// A timer of a stream has expired: its grace, or the time for which frames are held back (`buffer`).
    pub(in crate::engine) fn check_stream(&mut self, id: StreamId) {
        let now = self.cx.now.instant;
        let Some(stream) = self.cx.streams.get(id) else { return };
        if stream.buffered_until.is_some_and(|until| until <= now) {
            self.cx.send_buffered(id);
        }
        if self.cx.streams.get(id).and_then(Stream::grace_until).is_some_and(|until| until <= now) {
            self.end_grace(id);
        }
    }
}

impl Ctx {
    /// Makes this the time of the next check, whatever it was before.
    pub(in crate::engine) fn reset_timer(&mut self, id: SessionId, at: Instant) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.timer_at = at;
            self.timers.add(at, Timer::Session { id, at });
        }
    }

    /// Holds the input of a session until the clock has caught up with its media time.
    pub(in crate::engine) fn hold_for_pace(&mut self, id: SessionId, until: Instant) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.paced_until = session.paced_until.max(Some(until));
            self.wake_no_later_than(id, until);
        }
    }

    /// Holds the input of a stream's publisher for a moment: an output is about to know where it begins.
    pub fn hold_publisher(&mut self, stream: StreamId, until: Instant) {
        if let Some(publisher) = self.streams.get(stream).and_then(|stream| stream.publisher) {
            self.hold_for_pace(publisher.session, until);
        }
    }

    /// Ends that hold before its time.
    pub fn resume_publisher(&mut self, stream: StreamId) {
        let publisher = self.streams.get(stream).and_then(|stream| stream.publisher);
        let session = publisher.and_then(|publisher| self.sessions.get(publisher.session));
        if let Some(id) = session.filter(|session| session.paced_until.is_some()).map(|session| session.id) {
            self.resume_after_pace(id);
        }
    }

    /// Ends the hold of a session for its media time if it is over, and the session if its peer hung up long ago.
    fn check_pace(&mut self, id: SessionId) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get(id) else { return };
        let Some(until) = session.paced_until else { return };
        if session.hung_up.is_some_and(|at| now >= at + LAST_OF_MEDIA) {
            self.close(id, "hung up after sending more media than may be taken in ten minutes");
        } else if until <= now {
            self.resume_after_pace(id);
        }
    }

    /// The result of a check of an open session.
    fn due(&self, session: &Session) -> Option<Due> {
        let now = self.now.instant;
        if session.awaited_header.is_some() {
            let deadline = session.opened + STEP_DEADLINE;
            return Some(if now < deadline {
                Due::Later(deadline)
            } else {
                Due::Close("no PROXY header in time")
            });
        }
        match &session.protocol {
            ProtocolState::Rtmp(state) => {
                let media_due = media_deadline(session, &self.streams, &self.apps);
                Some(rtmp_due(session, state, (media_due, now)))
            }
            ProtocolState::Http(state) => Some(match &state.player {
                Some(player) if player.is_answered() => {
                    let role = session.roles.players().next();
                    let stream = role.and_then(|role| self.streams.get(role.stream()));
                    player.due(session, stream.is_some_and(Stream::is_live), now)
                }
                _ => http_due(session, state, now),
            }),
            ProtocolState::HttpClient(state) if session.download().is_some_and(Transfer::awaits_module) => {
                Some(Due::Later(state.until.max(now + STEP_DEADLINE)))
            }
            ProtocolState::HttpClient(state) if now < state.until => Some(Due::Later(state.until)),
            ProtocolState::HttpClient(_) => Some(Due::Close("its time is over")),
            ProtocolState::RtmpClient(state) => {
                let media_due = media_deadline(session, &self.streams, &self.apps);
                Some(relay_due(session, state, (media_due, now)))
            }
        }
    }

    /// Pings a client, and checks the session again at `next`.
    fn ping(&mut self, id: SessionId, next: Instant) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let milliseconds = (now - session.opened).as_millis() as u64 & u64::from(u32::MAX);
        let mut ping = Vec::new();
        match &mut session.protocol {
            ProtocolState::Rtmp(state) => state.pinged = Some(now),
            ProtocolState::RtmpClient(state) => state.pinged = Some(now),
            ProtocolState::Http(state) => {
                if let Some(player) = &mut state.player {
                    player.pinged = Some(now);
                    ping = control_frame(Opcode::Ping, &[]);
                }
            }
            ProtocolState::HttpClient(_) => {}
        }
        if ping.is_empty() {
            UserControl::PingRequest(milliseconds as u32).write(&mut ping);
        }
        self.send_bytes(id, &ping);
        self.reset_timer(id, next);
    }

    /// Reads a session again that was held to slow it. It could not be heard meanwhile, so its silence counts from now.
    pub(in crate::engine) fn resume_after_pace(&mut self, id: SessionId) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.paced_until = None;
        session.last_input = now;
        for stream in session.roles.publishers().map(SessionRole::stream) {
            if let Some(stream) = self.streams.get_mut(stream) {
                stream.last_media = Some(now);
            }
        }
        self.resume_input(id);
    }

    /// Sets the timer for the first ping of a session that has begun to publish or play.
    pub(in crate::engine) fn schedule_ping(&mut self, id: SessionId) {
        let state = self.sessions.get(id).and_then(Session::rtmp);
        if let Some(ping) = state.map(|state| state.server.ping) {
            self.wake_no_later_than(id, self.now.instant + ping);
        }
    }

    /// Checks the session no later than `at`. A nearer entry is kept and no new one added, so a client that repeats a
    /// command cannot fill the heap.
    pub(in crate::engine) fn wake_no_later_than(&mut self, id: SessionId, at: Instant) {
        if self.sessions.get(id).is_some_and(|session| at < session.timer_at) {
            self.reset_timer(id, at);
        }
    }
}

/// The nearest deadline by which a session's publishers must send audio or video (`drop_idle_publisher`).
fn media_deadline(session: &Session, streams: &Streams, apps: &ByApp<AppFacts>) -> Option<Instant> {
    let ends = session.roles.iter().filter_map(|role| {
        let SessionRole::Publisher { stream, .. } = role else { return None };
        let stream = streams.get(*stream)?;
        let limit = apps.get(stream.app)?.policy.drop_idle;
        stream.last_media?.checked_add(limit)
    });
    ends.min()
}

fn rtmp_due(session: &Session, state: &RtmpState, (media_due, now): (Option<Instant>, Instant)) -> Due {
    let settings = &*state.server;
    let is_suspended = session.suspended.is_some();
    let media = media_due.filter(|_| session.paced_until.is_none() && !is_suspended);
    let must_act = session.roles.is_empty() && session.shared_object_room == 0 && !is_suspended;
    let step = must_act.then(|| state.idle_since + STEP_DEADLINE);
    let step_reason = match state.app {
        None => "no handshake and connect in time",
        Some(_) => "neither publishes nor plays",
    };
    let output = (!session.out.is_empty()).then(|| session.last_output + settings.timeout);
    let mut next = now + settings.timeout.max(STEP_DEADLINE);
    for (deadline, reason) in [
        (media, "publishes neither audio nor video"),
        (step, step_reason),
        (output, "takes nothing of what it is sent"),
    ] {
        let Some(deadline) = deadline else { continue };
        if now >= deadline {
            return Due::Close(reason);
        }
        next = next.min(deadline);
    }
    if let Some(due) = session.unsolicited_due() {
        // An action has been queued for what is due; if more input is unread, it waits.
        next = next.min(if due > now { due } else { now + SHORTEST_WAIT });
    }
    // The answer to a ping would not be read, so there is no ping meanwhile.
    let held_until = session.suspended.as_ref().map(|suspended| suspended.until).or(session.paced_until);
    match held_until {
        Some(until) => Due::Later(next.min(until)),
        None => ping_due(session, (settings, state.pinged), (next, now)),
    }
}

/// The result for the connection of a relay. The other server of a push need not say anything: what it takes shows that it
/// is there. That of a pull is pinged when it is silent.
fn relay_due(
    session: &Session,
    state: &RtmpClientState,
    (media_due, now): (Option<Instant>, Instant),
) -> Due {
    if let Some(until) = state.ends_at().filter(|_| !state.is_running()) {
        return if now < until { Due::Later(until) } else { Due::Close(state.overdue()) };
    }
    let settings = &*state.server;
    let held_until = session.suspended.as_ref().map(|suspended| suspended.until).or(session.paced_until);
    let media = media_due.filter(|_| held_until.is_none());
    let output = (!session.out.is_empty()).then(|| session.last_output + settings.timeout);
    let mut next = now + settings.timeout.max(STEP_DEADLINE);
    for (deadline, reason) in
        [(media, "sends neither audio nor video"), (output, "takes nothing of what it is sent")]
    {
        let Some(deadline) = deadline else { continue };
        if now >= deadline {
            return Due::Close(reason);
        }
        next = next.min(deadline);
    }
    match held_until {
        Some(until) => Due::Later(next.min(until)),
        None if session.roles.publishes() || !state.is_running() => {
            ping_due(session, (settings, state.pinged), (next, now))
        }
        None => Due::Later(next),
    }
}

/// The result for a client whose other deadlines are not before `next`: silence, a ping, or its missing answer.
fn ping_due(
    session: &Session,
    (settings, pinged): (&ServerSettings, Option<Instant>),
    (next, now): (Instant, Instant),
) -> Due {
    match pinged.filter(|&pinged| pinged > session.last_input) {
        Some(pinged) if now >= pinged + settings.ping_timeout => Due::Close("does not answer a ping"),
        Some(pinged) => Due::Later(next.min(pinged + settings.ping_timeout)),
        None => {
            let deadline = session.last_input + settings.ping;
            if now < deadline {
                Due::Later(next.min(deadline))
            } else if settings.busy {
                Due::Close("is silent")
            } else {
                Due::Ping(next.min(now + settings.ping_timeout))
            }
        }
    }
}

/// The result for a client of HTTP. A request that is suspended behind an answer that is still being sent has its own time.
fn http_due(session: &Session, state: &HttpState, now: Instant) -> Due {
    match (http_due_of_client(session, state, now), &session.suspended) {
        (Due::Later(at), Some(suspended)) => Due::Later(at.min(suspended.until)),
        (due, _) => due,
    }
}

fn http_due_of_client(session: &Session, state: &HttpState, now: Instant) -> Due {
    if session.is_answering() && session.out.is_empty() {
        // One that has only closed its sending side may still want the answer, but not after so long a time.
        return match session.hung_up.filter(|&since| now >= since + STEP_DEADLINE) {
            Some(_) => Due::Close(CLIENT_LEFT),
            None => Due::Later(now + STEP_DEADLINE),
        };
    }
    let sending = state.send_deadlines(session.last_output).filter(|_| !session.out.is_empty());
    let (deadline, reason) = if let Some((pause, whole)) = sending {
        if whole < pause {
            (whole, "takes what it is sent too slowly")
        } else {
            (pause, "takes nothing of what it is sent")
        }
    } else if state.in_request {
        (state.waits_since + STEP_DEADLINE, "no request in time")
    } else {
        (state.waits_since.max(session.last_output) + state.keep_alive, "idle")
    };
    match () {
        () if now < deadline => Due::Later(deadline),
        // Browsers connect in advance, and would take a 408 for the answer to a later request.
        () if session.out.is_empty() && state.protocol.in_request() => Due::TimedOut,
        () => Due::Close(reason),
    }
}
