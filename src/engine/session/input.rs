//! What sessions send: to what they speak, at once or when nothing holds it any more.

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::now::Now;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session, Speaks};
use crate::engine::work::Action;
use crate::engine::{CLIENT_LEFT, Engine};

/// Bytes of unfinished messages that a prompt session may have. A hundred that complete so many at the same moment take
/// some 20 ms at most (metadata of 16 000 values, 0.01 ms for a kilobyte).
const PROMPT_BYTES: usize = 16 * 1024;

impl Engine {
    /// A session's bytes have come.
    pub fn input(&mut self, id: SessionId, bytes: &[u8], now: Now) {
        self.cx.now = now;
        self.enforce_budgets();
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.last_input = now.instant;
        session.bytes_in += bytes.len() as u64;
        self.contain_for(id, |engine| engine.process(id, bytes));
        self.cx.count_input(id);
        self.cx.schedule_unsolicited(id);
    }

    /// Keeps a session's bytes that have come for a later turn, as this one has taken long enough.
    pub fn postpone(&mut self, id: SessionId, bytes: &[u8]) {
        let Some(session) = self.cx.sessions.get_mut(id).filter(|_| !bytes.is_empty()) else { return };
        session.bytes_in += bytes.len() as u64;
        session.pending.extend_from_slice(bytes);
        session.has_more_input = true;
        self.cx.count_input(id);
        self.cx.resume_input(id);
    }

    /// A session's peer sends nothing more. One that still waits for an answer gets it.
    pub fn end_of_input(&mut self, id: SessionId, now: Now) {
        self.cx.now = now;
        match self.cx.sessions.get(id) {
            Some(session) if matches!(session.speaks, Speaks::Http(_)) && !session.out.is_empty() => {
                self.cx.finish(id, CLIENT_LEFT);
            }
            _ => self.lost(id, now),
        }
    }

    /// A session's peer has hung up. What it has sent before may still be to be read.
    pub fn hung_up(&mut self, id: SessionId, now: Now) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.hung_up.get_or_insert(now.instant);
        // Nobody is left to hear the answer. What is published meanwhile is still taken.
        if session.suspended.is_some() && !session.roles.publishes() {
            self.lost(id, now);
        }
    }

    /// Whether what comes from a session takes no time to speak of, as far as can be known: it publishes or plays, and
    /// is not in the middle of a long message, whose end takes longer than others.
    pub fn is_prompt(&self, id: SessionId) -> bool {
        let Some(session) = self.cx.sessions.get(id) else { return false };
        match &session.speaks {
            Speaks::Rtmp(state) => !session.roles.is_empty() && state.protocol.unfinished() <= PROMPT_BYTES,
            Speaks::Http(_) => false,
        }
    }

    /// Whether a session's input is to be left in its socket for now.
    pub fn is_held(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(Session::is_held)
    }

    /// Whether a session publishes.
    pub fn publishes(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(|session| session.roles.publishes())
    }

    /// Whether a session speaks HTTP, or should.
    pub(in crate::engine) fn is_http(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(|session| matches!(session.speaks, Speaks::Http(_)))
    }

    /// Whether a session's input waits for what its client must be there for: an answer, room in its queue.
    pub fn needs_its_client(&self, id: SessionId) -> bool {
        self.cx.sessions.get(id).is_some_and(Session::needs_its_client)
    }

    /// Whether what comes from a session may wait for a moment: it does nothing but publish, and nobody plays
    /// what it publishes.
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

    /// Feeds bytes to what the session speaks.
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
        match session.speaks {
            Speaks::Rtmp(_) => self.rtmp_input(id, bytes),
            Speaks::Http(_) => self.http_input(id, bytes),
        }
    }

    /// Goes on with what a session sent while it was held.
    pub(in crate::engine) fn resume(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        // Not before: what is read meanwhile would be processed ahead of what is pending.
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
        if self.cx.draining && !self.cx.is_busy(id) {
            self.cx.finish(id, "server stops");
        }
    }
}

impl Ctx {
    /// Counts what a session holds of its client's input.
    pub(in crate::engine) fn count_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            self.budgets.count_input(session);
        }
    }

    /// Frees what a session holds of its client's input: it ends, and takes no more.
    pub(in crate::engine) fn release_input(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.release_input();
            self.budgets.count_input(session);
        }
    }

    /// Lets a session's input go on in a step to come, unless something holds it still.
    pub(in crate::engine) fn resume_input(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        match session.speaks {
            Speaks::Rtmp(_) if session.roles.is_empty() => self.work.joining.push_back(id),
            Speaks::Rtmp(_) => self.work.streaming.push_back(id),
            Speaks::Http(_) => self.work.requesting.push_back(id),
        }
    }
}
