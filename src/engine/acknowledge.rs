//! When a client hears how much of what it has sent has come (specification 5.4.3).
//!
//! Not at once. A client may close its socket as soon as it has written all, with megabytes of it still under way in its
//! kernel. What reaches it after that, or lies unread in it, makes its kernel reset the connection and throw those away
//! (RFC 2525, 2.17). So an acknowledgement waits until the client shows that it waits for it, or that it has nothing under way:
//!
//! - it has announced a window, and has been silent for as long as that window takes at 1 Gbit/s;
//! - it sends at the pace of its media, and is silent between two messages;
//! - it has been silent for a second.
//!
//! nginx-rtmp acknowledges at once what comes from clients that have announced a window, and nothing of others.

use std::time::{Duration, Instant};

use super::Engine;
use super::ctx::{Ctx, Now};
use super::role::Role;
use super::session::{Life, Session, SessionId, Speaks};
use super::stream::Streams;

/// The silence of a client that has announced a window, at most, and for each byte of the window: at 1 Gbit/s.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
const PAUSE_PER_BYTE: Duration = Duration::from_nanos(8);
/// The silence of one that has announced none. Such clients are not known to wait for acknowledgements.
const LONG_SILENCE: Duration = Duration::from_secs(1);
/// The silence between two messages of one that sends at the pace of its media.
const GAP: Duration = Duration::from_millis(10);
/// For how long its pace is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// The pace of a client that is owed an acknowledgement.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    /// Since when it is watched, and its media time then, milliseconds.
    since: Option<(Instant, u64)>,
    /// Whether media time has gone on like the clock lately.
    is_paced: bool,
}

impl Tempo {
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
    /// Acknowledges what a session has been sent, for which [`Action::Acknowledge`](super::Action) has asked: nothing of it
    /// is unread.
    pub fn acknowledge(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        let due = self.cx.sessions.get(id).and_then(Session::acknowledgement_due);
        if due.is_none_or(|due| now.instant < due) {
            return;
        }
        if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut) {
            state.tempo = Tempo::default();
        }
        self.cx.reply(id, |protocol, out| protocol.acknowledge(out));
    }
}

impl Ctx {
    /// Sees to it that a client that has sent something is acknowledged in time, if it is owed that.
    #[inline]
    pub(super) fn watch_acknowledgement(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Speaks::Rtmp(state) = &mut session.speaks else { return };
        if state.protocol.owes_acknowledgement() {
            if let Some(media) =
                session.roles.publishers().next().and_then(|role| newest(role, &self.streams))
            {
                state.tempo.observe(media, self.now.instant);
            }
            if let Some(due) = session.acknowledgement_due() {
                self.look_by(id, due);
            }
        }
    }
}

/// The time of a publisher's stream, milliseconds.
fn newest(role: &Role, streams: &Streams) -> Option<u64> {
    streams.get(role.stream())?.timeline.newest()
}

impl Session {
    /// When its client is to be acknowledged, if nothing more comes from it: not while it is not read, and not once it has
    /// hung up.
    pub(super) fn acknowledgement_due(&self) -> Option<Instant> {
        let Speaks::Rtmp(state) = &self.speaks else { return None };
        if !state.protocol.owes_acknowledgement() || self.life != Life::Open {
            return None;
        }
        if self.is_held() || self.hung_up.is_some() {
            return None;
        }
        let silence = match state.protocol.client_window() {
            Some(window) => LONGEST_PAUSE.min(PAUSE_PER_BYTE * window),
            None => LONG_SILENCE,
        };
        let is_at_a_gap = state.tempo.is_paced && state.protocol.unfinished() == 0;
        self.last_input.checked_add(if is_at_a_gap { silence.min(GAP) } else { silence })
    }
}
