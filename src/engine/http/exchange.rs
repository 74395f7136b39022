//! A request with the outcome of its answer, for the access log: complete when the answer has been sent.
//!
//! The engine keeps exchanges in their session, counts sent bytes, and gives each to the modules once.

use std::time::Instant;

use crate::engine::http::request::HttpRequest;
use crate::engine::http::send_limits::{SendLimits, Throttle};
use crate::engine::now::Now;

/// An answered HTTP request.
#[derive(Debug)]
pub struct Exchange {
    /// The request as it was answered: an internal redirect has changed its path and location.
    pub request: HttpRequest,
    /// The status of the answer; 444 if the connection was closed without one.
    pub status: u16,
    /// Bytes of the answer that were sent.
    pub sent: u64,
    /// Bytes of the body that were sent.
    pub body_sent: u64,
    /// When the last of them was sent.
    pub ended: Now,
    /// Bytes that the session had queued before its head.
    pub(in crate::engine) begins: u64,
    /// Bytes of its head.
    pub(in crate::engine) head: u64,
    /// Bytes of its body; none for a live answer.
    pub(in crate::engine) body: Option<u64>,
    /// The limits for sending it.
    pub(in crate::engine) limits: SendLimits,
    /// The account of its limited rate, if it has one.
    pub(in crate::engine) throttle: Option<Throttle>,
}

impl Exchange {
    /// Whether all of the answer was sent.
    pub fn is_complete(&self) -> bool {
        self.body.is_some_and(|body| self.sent == self.head + body)
    }

    /// Bytes of memory of the request, about: its path and its fields are copies of its head.
    pub(in crate::engine) fn memory(&self) -> usize {
        2 * self.request.head.length
    }

    /// Bytes of it that may be sent now, as it is the first that waits.
    pub(in crate::engine) fn most(&self, now: Instant) -> u64 {
        let left = self.length().saturating_sub(self.sent);
        self.throttle.as_ref().map_or(left, |throttle| throttle.most((self.sent, left), now))
    }

    /// Bytes of head and body.
    fn length(&self) -> u64 {
        self.body.map_or(u64::MAX, |body| self.head + body)
    }

    pub(in crate::engine) fn count(&mut self, bytes_out: u64, now: Instant) {
        let before = self.sent;
        self.sent = bytes_out.saturating_sub(self.begins).min(self.length());
        self.body_sent = self.sent.saturating_sub(self.head);
        if let Some(throttle) = &mut self.throttle {
            throttle.count(before, self.sent, now);
        }
    }
}
