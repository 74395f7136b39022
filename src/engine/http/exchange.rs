//! A request and what became of it, for whoever keeps an account: it is complete once the answer is sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::http::request::HttpRequest;
use crate::engine::now::Now;
use crate::engine::session::{Session, Speaks};

/// How long a client may take over an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SendLimits {
    /// Without taking anything.
    pub pause: Duration,
    /// In all, from when the answer is the first that waits; what is taken does not renew it.
    pub whole: Duration,
}

/// An answered HTTP request.
#[derive(Debug)]
pub struct Exchange {
    /// What was asked, as it was answered: an internal redirect has changed its path and location.
    pub asked: HttpRequest,
    /// The answer's status; 444 where the connection was closed without one.
    pub status: u16,
    /// Bytes of the answer that were sent.
    pub sent: u64,
    /// How many of them were the body's.
    pub body_sent: u64,
    /// When the last of them went.
    pub ended: Now,
    /// Bytes of the session before its head, as the session counts what it queues.
    pub(in crate::engine) begins: u64,
    /// Bytes of its head.
    pub(in crate::engine) head: u64,
    /// Bytes of its body.
    pub(in crate::engine) body: u64,
    /// How long sending it may take.
    pub(in crate::engine) limits: SendLimits,
}

impl Exchange {
    /// Whether all of the answer was sent.
    pub fn is_complete(&self) -> bool {
        self.sent == self.head + self.body
    }

    /// Bytes of memory that the request takes, about: its path and its fields are copies of its head.
    pub(in crate::engine) fn memory(&self) -> usize {
        2 * self.asked.request.length
    }

    fn count(&mut self, bytes_out: u64) {
        self.sent = bytes_out.saturating_sub(self.begins).min(self.head + self.body);
        self.body_sent = self.sent.saturating_sub(self.head);
    }
}

/// Moves what has been sent of a session's answers to `done`. Returns by when the next one must be sent, if that is at
/// the front since now.
pub(in crate::engine) fn settle(
    session: &mut Session,
    done: &mut VecDeque<Exchange>,
    now: Instant,
) -> Option<Instant> {
    let bytes_out = session.bytes_out;
    let Speaks::Http(state) = &mut session.speaks else { return None };
    let mut next_due = None;
    while let Some(exchange) = state.exchanges.front_mut() {
        exchange.count(bytes_out);
        if !exchange.is_complete() {
            return next_due.map(|()| now + exchange.limits.whole);
        }
        done.extend(state.exchanges.pop_front().map(|exchange| *exchange));
        state.front_since = now;
        next_due = Some(());
    }
    None
}

/// Moves all of a session's answers to `done`: nothing more will be sent.
pub(in crate::engine) fn give_up(session: &mut Session, done: &mut VecDeque<Exchange>, now: Instant) {
    settle(session, done, now);
    if let Speaks::Http(state) = &mut session.speaks {
        done.extend(state.exchanges.drain(..).map(|exchange| *exchange));
    }
}
