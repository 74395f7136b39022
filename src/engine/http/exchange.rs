//! A request and what became of it, for whoever keeps an account: it is complete once the answer is sent.

use std::time::Duration;

use crate::engine::http::request::HttpRequest;
use crate::engine::now::Now;

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
    /// The request as it was answered: an internal redirect has changed its path and location.
    pub request: HttpRequest,
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
        2 * self.request.head.length
    }

    pub(in crate::engine) fn count(&mut self, bytes_out: u64) {
        self.sent = bytes_out.saturating_sub(self.begins).min(self.head + self.body);
        self.body_sent = self.sent.saturating_sub(self.head);
    }
}
