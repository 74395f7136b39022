//! What a publisher is sent without having asked for it: acknowledgements (specification 5.4.3), what becomes of its
//! recordings, the request to connect anew.
//!
//! Not at once. A client may close its socket as soon as it has written all, with megabytes of it still under way in its
//! kernel. What reaches it after that, or lies unread in it, makes its kernel reset the connection and throw those away
//! (RFC 2525, 2.17). So this waits until the client shows that it waits for it, or that it has nothing under way:
//!
//! - it has announced a window, and has been silent for as long as that window takes at 1 Gbit/s;
//! - it sends at the pace of its media, and is silent between two messages;
//! - it has been silent for a second;
//! - it is answered something that it has asked for.
//!
//! nginx-rtmp acknowledges at once what comes from clients that have announced a window, and nothing of others.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::roles::Role;
use crate::engine::session::{Life, Session, Speaks};
use crate::engine::stream::Streams;
use crate::rtmp::ServerSession;

/// The silence of a client that has announced a window, at most, and for each byte of the window: at 1 Gbit/s.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
const PAUSE_PER_BYTE: Duration = Duration::from_nanos(8);
/// The silence of one that has announced none. Such clients are not known to wait for acknowledgements.
const LONG_SILENCE: Duration = Duration::from_secs(1);
/// The silence between two messages of one that sends at the pace of its media.
const GAP: Duration = Duration::from_millis(10);
/// For how long its pace is watched.
const WATCHED: Duration = Duration::from_secs(1);
/// Bytes of notices that wait. There are some 200 in one, and seldom more than one waits.
const MAX_NOTICES: usize = 4096;

/// What a client is to be sent without having asked for it.
#[derive(Debug, Default)]
pub(in crate::engine) struct Unasked {
    /// Messages; whether an acknowledgement is owed is in the protocol.
    notices: Vec<u8>,
    pace: Pace,
}

/// The pace of a client, while something waits for it.
#[derive(Debug, Default)]
struct Pace {
    /// Since when it is watched, and its media time then, milliseconds.
    since: Option<(Instant, u64)>,
    /// Whether media time has gone on like the clock lately.
    is_paced: bool,
}

impl Pace {
    fn observe(&mut self, media: u64, now: Instant) {
        let (since, first) = *self.since.get_or_insert((now, media));
        let (passed, advance) = (now - since, Duration::from_millis(media.saturating_sub(first)));
        if passed >= WATCHED {
            self.is_paced = advance.abs_diff(passed) <= passed / 5;
            self.since = Some((now, media));
        }
    }
}

impl Engine {
    /// Sends a session what it has not asked for, as [`Action::SendUnasked`](crate::engine::Action) has proposed: nothing of its
    /// client is unread.
    pub fn send_unasked(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        let due = self.cx.sessions.get(id).and_then(Session::unasked_due);
        if due.is_none_or(|due| now.instant < due) {
            return;
        }
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut) else { return };
        let mut out = state.unasked.take();
        if state.protocol.owes_acknowledgement() {
            state.protocol.acknowledge(&mut out);
        }
        self.cx.send_bytes(id, &out);
    }
}

impl Unasked {
    /// Takes the notices that wait.
    pub fn take(&mut self) -> Vec<u8> {
        self.pace = Pace::default();
        std::mem::take(&mut self.notices)
    }
}

impl Ctx {
    /// Sees to it that a client that has sent something is acknowledged in time, if it is owed that.
    #[inline]
    pub(in crate::engine) fn watch_unasked(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Speaks::Rtmp(state) = &mut session.speaks else { return };
        if state.protocol.owes_acknowledgement() || !state.unasked.notices.is_empty() {
            if let Some(media) =
                session.roles.publishers().next().and_then(|role| newest(role, &self.streams))
            {
                state.unasked.pace.observe(media, self.now.instant);
            }
            if let Some(due) = session.unasked_due() {
                self.look_by(id, due);
            }
        }
    }

    /// Has a client told something in time: what is written waits, or goes with what it asks for next.
    pub(in crate::engine) fn notify(
        &mut self,
        id: SessionId,
        write: impl FnOnce(&ServerSession, &mut Vec<u8>),
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let is_open = session.life == Life::Open;
        let Some(state) = session.rtmp_mut() else { return };
        write(&state.protocol, &mut state.unasked.notices);
        if is_open && state.unasked.notices.len() <= MAX_NOTICES {
            self.watch_unasked(id);
        } else {
            self.send_notices(id);
        }
    }

    /// Sends what a client is to be told, without waiting any longer.
    pub(in crate::engine) fn send_notices(&mut self, id: SessionId) {
        let notices = self.sessions.get_mut(id).and_then(Session::rtmp_mut).map(|state| state.unasked.take());
        if let Some(notices) = notices.filter(|notices| !notices.is_empty()) {
            self.send_bytes(id, &notices);
        }
    }
}

/// The time of a publisher's stream, milliseconds.
fn newest(role: &Role, streams: &Streams) -> Option<u64> {
    streams.get(role.stream())?.timeline.newest()
}

impl Session {
    /// When its client is to be sent what it has not asked for, if there is any and nothing more comes from it: not while it is
    /// not read, and not once it has hung up.
    pub(in crate::engine) fn unasked_due(&self) -> Option<Instant> {
        let Speaks::Rtmp(state) = &self.speaks else { return None };
        let has_any = state.protocol.owes_acknowledgement() || !state.unasked.notices.is_empty();
        if !has_any || self.life != Life::Open || self.is_held() || self.hung_up.is_some() {
            return None;
        }
        let silence = match state.protocol.client_window() {
            Some(window) => LONGEST_PAUSE.min(PAUSE_PER_BYTE * window),
            None => LONG_SILENCE,
        };
        let is_at_a_gap = state.unasked.pace.is_paced && state.protocol.unfinished() == 0;
        self.last_input.checked_add(if is_at_a_gap { silence.min(GAP) } else { silence })
    }
}
