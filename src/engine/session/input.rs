//! Input of sessions: bytes from net go to the protocol of the session, or wait in it while it is held.
//!
//! A held session is neither read nor parsed; what has been read already waits in `Session::pending` and is parsed
//! first, in a later step. The questions that net asks before it reads (`is_prompt`, `is_held`, `may_delay_input`)
//! are here, too.

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, ProtocolState, Session};
use crate::engine::work::Action;
use crate::engine::{CLIENT_LEFT, Engine};

/// The most bytes of unfinished messages in a prompt session. A hundred sessions that complete so many at the same
/// moment take some 20 ms (metadata of 16 000 values, 0.01 ms for a kilobyte).
const PROMPT_BYTES: usize = 16 * 1024;

impl Engine {
    /// Processes bytes that have been read from a session's socket.
    pub fn input(&mut self, id: SessionId, bytes: &[u8], now: Now) {
        self.cx.now = now;
        self.enforce_budgets();
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.last_input = now.instant;
        session.bytes_in += bytes.len() as u64;
        self.cx.totals.bytes_in.add(bytes.len() as u64);
        self.contain_for(id, |engine| engine.process(id, bytes));
        self.cx.count_input(id);
        self.cx.schedule_unsolicited(id);
    }

    /// Keeps bytes that have been read for a later turn, as the budget of this one is used up.
    pub fn postpone(&mut self, id: SessionId, bytes: &[u8]) {
        let Some(session) = self.cx.sessions.get_mut(id).filter(|_| !bytes.is_empty()) else { return };
        session.bytes_in += bytes.len() as u64;
        self.cx.totals.bytes_in.add(bytes.len() as u64);
        session.pending.extend_from_slice(bytes);
        session.has_more_input = true;
        self.cx.count_input(id);
        self.cx.resume_input(id);
    }

    /// The peer has closed its sending side. An HTTP client still gets the answers that are queued, but no live one, which
    /// has no end.
    pub fn end_of_input(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        match self.cx.sessions.get(id) {
            Some(session)
                if matches!(session.protocol, ProtocolState::Http(_))
                    && !session.out.is_empty()
                    && !session.out.speaks_flv() =>
            {
                self.cx.finish(id, CLIENT_LEFT);
            }
            Some(session) if matches!(session.protocol, ProtocolState::HttpClient(_)) => {
                self.backend_ended(id);
            }
            _ => self.lost(id, now),
        }
    }

    /// The peer has closed the connection. What it had sent before may still be unread.
    pub fn hung_up(&mut self, id: SessionId, now: Now) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.hung_up.get_or_insert(now.instant);
        // Nobody is left to be answered. Media that a publisher had sent before is still read.
        // A client of HTTP may have closed only its sending side.
        if session.suspended.is_some() && !session.is_answering() && !session.roles.publishes() {
            self.lost(id, now);
        }
    }

    /// Whether the input of a session is quickly processed, as far as can be known: it publishes or plays, and is not
    /// in the middle of a long message, whose last byte costs more than others.
    pub fn is_prompt(&self, id: SessionId) -> bool {
        let Some(session) = self.cx.sessions.get(id) else { return false };
        match &session.protocol {
            ProtocolState::Rtmp(state) => {
                !session.roles.is_empty() && state.protocol.unfinished() <= PROMPT_BYTES
            }
            ProtocolState::RtmpClient(state) => {
                !session.roles.is_empty() && state.protocol.unfinished() <= PROMPT_BYTES
            }
            ProtocolState::Http(_) | ProtocolState::HttpClient(_) => false,
        }
    }

    /// Whether a session is held, so that its input stays in the socket.
    pub fn is_held(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(Session::is_held)
    }

    /// Whether a session has a publisher's role.
    pub fn publishes(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(|session| session.roles.publishes())
    }

    /// Whether a session has come to a listener for HTTP.
    pub(in crate::engine) fn is_http(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(|session| matches!(session.protocol, ProtocolState::Http(_)))
    }

    /// Whether a session is held for something that concerns its client: a suspended request, an answer, room in its
    /// queue.
    pub fn needs_its_client(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(Session::needs_its_client)
    }

    /// Whether the input of a session may be read a moment later: it does nothing but publish, and nobody plays what it
    /// publishes.
    pub fn may_delay_input(&self, id: SessionId) -> bool {
        let Some(session) = self.cx.sessions.get(id).filter(|session| session.life == Life::Open) else {
            return false;
        };
        let is_unplayed = |role: &SessionRole| match role {
            SessionRole::Publisher { stream, .. } => {
                self.cx.streams.get(*stream).is_some_and(|stream| stream.players.is_empty())
            }
            SessionRole::Player(_) => false,
        };
        !session.roles.is_empty() && session.roles.iter().all(is_unplayed)
    }

    /// Gives bytes to the protocol of the session.
    fn process(&mut self, id: SessionId, bytes: &[u8]) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        if session.life != Life::Open {
            return;
        }
        if session.is_held() {
            // At most one read's worth: a held session is not read.
            session.pending.extend_from_slice(bytes);
            return;
        }
        let mut bytes = bytes;
        let process: fn(&mut Self, SessionId, &[u8]) = match session.protocol {
            ProtocolState::Rtmp(_) => Self::rtmp_input,
            ProtocolState::Http(_) => Self::http_input,
            ProtocolState::HttpClient(_) => Self::http_client_input,
            ProtocolState::RtmpClient(_) => Self::rtmp_client_input,
        };
        if session.awaited_header.is_some() && (!self.take_proxy_header(id, &mut bytes) || bytes.is_empty()) {
            return;
        }
        process(self, id, bytes);
    }

    /// Processes the input that has waited while a session was held.
    pub(in crate::engine) fn resume(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        // Not earlier: input that is read meanwhile would be processed before what is pending.
        session.backlogged &= !session.out.is_empty();
        session.has_more_input = false;
        let pending = std::mem::take(&mut session.pending);
        if session.is_held() {
            session.pending = pending;
            return;
        }
        self.cx.work.actions.push_back(Action::Read(id));
        self.process(id, &pending);
        self.cx.count_input(id);
        self.cx.schedule_unsolicited(id);
        if self.cx.is_draining() && !self.cx.is_busy(id) {
            self.cx.finish(id, "server stops");
        }
    }
}

impl Ctx {
    /// Counts the session's unprocessed input for the budget of all sessions.
    pub(in crate::engine) fn count_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            self.budgets.count_input(session);
        }
    }

    /// Frees the unprocessed input of a closing session.
    pub(in crate::engine) fn release_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.release_input();
            self.budgets.count_input(session);
        }
    }

    /// Has a later step process the session's waiting input.
    pub(in crate::engine) fn resume_input(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        match session.protocol {
            ProtocolState::Rtmp(_) | ProtocolState::RtmpClient(_) if session.roles.is_empty() => {
                self.work.joining.push_back(id);
            }
            ProtocolState::Rtmp(_) | ProtocolState::RtmpClient(_) => self.work.streaming.push_back(id),
            ProtocolState::Http(_) | ProtocolState::HttpClient(_) => self.work.requesting.push_back(id),
        }
    }
}
