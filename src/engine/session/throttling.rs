//! Answers with a limited rate (`limit_rate`): how much of them may be sent now, and the waits for more.
//!
//! The account of a rate is in `engine/http/send_limits.rs`. When it allows nothing, the session waits for a moment, in a
//! list of timers of its own, and is then written again: no event of its socket would tell that time has passed.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::http::connection::HttpState;
use crate::engine::ids::SessionId;
use crate::engine::session::sending::mark_dirty;
use crate::engine::session::{ProtocolState, Session};

/// How long a session waits until it is written again. Shorter waits cost more work, longer ones send more at once.
const WAIT: Duration = Duration::from_millis(100);

impl HttpState {
    /// The most bytes that may be sent now, which are those of one answer; none if no answer that waits has a limit.
    pub(in crate::engine) fn most(&self, now: Instant) -> Option<u64> {
        if self.exchanges.iter().all(|exchange| exchange.throttle.is_none()) {
            return None;
        }
        if self.throttled_until.is_some() {
            return Some(0);
        }
        self.exchanges.front().map(|exchange| exchange.most(now))
    }
}

impl Session {
    /// Whether nothing of its answer may be sent before a time.
    pub(in crate::engine) fn is_throttled(&self) -> bool {
        matches!(&self.protocol, ProtocolState::Http(state) if state.throttled_until.is_some())
    }
}

impl Engine {
    /// Ends the wait of one session whose time is over; false if there is none.
    pub(in crate::engine) fn end_throttle(&mut self) -> bool {
        let Some(id) = self.cx.timers.throttled.pop_expired(self.cx.now.instant) else { return false };
        self.contain_for(id, |engine| engine.cx.end_throttle(id));
        true
    }
}

impl Ctx {
    /// Has a session wait until it is written again, unless it does so already.
    pub(in crate::engine) fn begin_throttle(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let until = now + WAIT;
        let Some(state) = session.http_mut().filter(|state| state.throttled_until.is_none()) else { return };
        state.throttled_until = Some(until);
        session.last_output = until;
        self.timers.throttled.add(until, id);
    }

    /// Has a session be written, or wait again.
    fn end_throttle(&mut self, id: SessionId) {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(state) = session.http_mut() else { return };
        state.throttled_until = None;
        if state.most(now) == Some(0) {
            self.begin_throttle(id, now);
        } else if !session.out.is_empty() {
            mark_dirty(&mut self.work.dirty, session);
        }
    }
}
