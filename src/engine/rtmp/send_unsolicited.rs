//! Sends unsolicited messages to clients when `unsolicited.rs` says that it is time, and queues new ones.
//!
//! The messages are acknowledgements, and status messages (`onStatus`) about recordings and for reconnecting. Replies
//! do not wait here; they take along what does.

use std::time::Instant;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, ProtocolState, Session};
use crate::engine::stream::Streams;
use crate::rtmp::ServerSession;

impl Engine {
    /// Sends a session's unsolicited messages, as [`Action::SendUnsolicited`](crate::engine::Action) has proposed.
    /// The caller has made sure that none of the client's bytes are unread.
    pub fn send_unsolicited(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        let due = self.cx.sessions.get(id).and_then(Session::unsolicited_due);
        if due.is_none_or(|due| now.instant < due) {
            return;
        }
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut) else { return };
        let mut out = state.unsolicited.take();
        if state.protocol.owes_acknowledgement() {
            state.protocol.acknowledge(&mut out);
        }
        self.cx.send_bytes(id, &out);
    }
}

impl Ctx {
    /// Sets the timer for a session's unsolicited messages, if there are any: an acknowledgement, or status messages.
    #[inline]
    pub(in crate::engine) fn schedule_unsolicited(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let ProtocolState::Rtmp(state) = &mut session.protocol else { return };
        if state.protocol.owes_acknowledgement() || state.unsolicited.has_statuses() {
            if let Some(media) =
                session.roles.publishers().next().and_then(|role| newest(role, &self.streams))
            {
                state.unsolicited.observe(media, self.now.instant);
            }
            if let Some(due) = session.unsolicited_due() {
                self.wake_no_later_than(id, due);
            }
        }
    }

    /// Queues an unsolicited message for a client. It is sent when the client can take one, or with the next reply.
    pub(in crate::engine) fn notify(
        &mut self,
        id: SessionId,
        write: impl FnOnce(&ServerSession, &mut Vec<u8>),
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let is_open = session.life == Life::Open;
        let Some(state) = session.rtmp_mut() else { return };
        let has_room = state.unsolicited.add(|statuses| write(&state.protocol, statuses));
        if is_open && has_room {
            self.schedule_unsolicited(id);
        } else {
            self.send_statuses(id);
        }
    }

    /// Sends the waiting status messages at once.
    pub(in crate::engine) fn send_statuses(&mut self, id: SessionId) {
        let statuses =
            self.sessions.get_mut(id).and_then(Session::rtmp_mut).map(|state| state.unsolicited.take());
        if let Some(statuses) = statuses.filter(|statuses| !statuses.is_empty()) {
            self.send_bytes(id, &statuses);
        }
    }
}

/// The newest timestamp of the role's stream, in milliseconds.
fn newest(role: &SessionRole, streams: &Streams) -> Option<u64> {
    streams.get(role.stream())?.timeline.newest()
}

impl Session {
    /// When the unsolicited messages are due if the client stays silent; none if there are none, while the session is
    /// held, and once the client has hung up.
    pub(in crate::engine) fn unsolicited_due(&self) -> Option<Instant> {
        let ProtocolState::Rtmp(state) = &self.protocol else { return None };
        let has_any = state.protocol.owes_acknowledgement() || state.unsolicited.has_statuses();
        if !has_any || self.life != Life::Open || self.is_held() || self.hung_up.is_some() {
            return None;
        }
        let is_between = state.protocol.unfinished() == 0;
        self.last_input.checked_add(state.unsolicited.silence(state.protocol.client_window(), is_between))
    }
}
