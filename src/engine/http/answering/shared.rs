//! Answers that many clients ask for at once, such as statistics: composed once, kept for a moment, sent to all.
//!
//! Here is what is kept, without the requests; `sharing.rs` has them wait and answers them. An answer that is asked for
//! while it is composed or kept is not composed again.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::http::answer::{Compose, HttpReply, SharedAnswer, SharedKey};
use crate::engine::http::body::Body;
use crate::engine::ids::SessionId;
use crate::http::ResponseHead;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_millis(500);

/// The most answers that are kept.
const MAX_KEPT: usize = 16;

/// The most bytes of all answers that are kept; a longer one is only sent to those who have waited for it.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// The most answers that are composed or kept; beyond it, a request has its answer composed for itself.
const MAX_ENTRIES: usize = 64;

/// A reply that is kept. Sending it again copies its head only.
#[derive(Debug, Clone)]
pub(in crate::engine) struct KeptReply {
    pub head: ResponseHead,
    pub body: Rc<[u8]>,
    /// Its entity tag; none if it is no success.
    pub etag: Option<String>,
    /// Whether an error is sent as it is, without an error page.
    pub is_verbatim: bool,
}

impl KeptReply {
    /// The reply for one request.
    pub fn reply(&self) -> HttpReply {
        HttpReply { head: self.head.clone(), body: Body::Bytes(Rc::clone(&self.body)) }
    }
}

/// All shared answers.
#[derive(Debug, Default)]
pub(in crate::engine) struct SharedAnswers {
    entries: Vec<Entry>,
    last: u64,
    /// Whether a timer is set for the end of those that are kept.
    pub has_timer: bool,
}

#[derive(Debug)]
pub(in crate::engine) struct Entry {
    id: u64,
    key: SharedKey,
    pub state: SharedState,
    /// Sessions whose requests wait for it. Some may have ended.
    pub waiting: Vec<SessionId>,
}

#[derive(Debug)]
pub(in crate::engine) enum SharedState {
    Composing(Box<dyn Compose>),
    Kept { reply: KeptReply, until: Instant },
}

impl SharedAnswers {
    /// The answer with this key, if it is being composed or may still be sent.
    pub fn find(&mut self, key: &SharedKey, now: Instant) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == *key && entry.is_current(now))
    }

    /// Adds an answer that is to be composed, and returns its number; the answer itself if there are too many.
    pub fn add(&mut self, answer: SharedAnswer, first: SessionId) -> Result<u64, SharedAnswer> {
        if self.entries.len() >= MAX_ENTRIES {
            return Err(answer);
        }
        let SharedAnswer { key, composer } = answer;
        self.last += 1;
        let (id, state) = (self.last, SharedState::Composing(composer));
        self.entries.push(Entry { id, key, state, waiting: vec![first] });
        Ok(id)
    }

    /// The answer of this number.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// Removes an answer, and returns it.
    pub fn remove(&mut self, id: u64) -> Option<Entry> {
        let position = self.entries.iter().position(|entry| entry.id == id)?;
        Some(self.entries.remove(position))
    }

    /// Keeps an answer that has been composed, as long as requests wait for it, and for a moment.
    pub fn keep(&mut self, id: u64, reply: KeptReply, now: Instant) {
        if let Some(entry) = self.get_mut(id) {
            entry.state = SharedState::Kept { reply, until: now + KEPT_FOR };
        }
    }

    /// Drops answers for which no request waits any more: those that have been kept for their moment, and the oldest if
    /// too many are kept.
    pub fn drop_unneeded(&mut self, now: Instant) {
        let (mut count, mut bytes) = self.kept();
        self.entries.retain(|entry| {
            let SharedState::Kept { reply, .. } = &entry.state else { return true };
            let is_too_much = count > MAX_KEPT || bytes > MAX_KEPT_BYTES;
            let is_needed = !entry.waiting.is_empty() || (entry.is_current(now) && !is_too_much);
            if !is_needed {
                (count, bytes) = (count - 1, bytes - reply.body.len());
            }
            is_needed
        });
    }

    /// Whether nothing is composed and nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the next answer need not be kept any more.
    pub fn next_end(&self) -> Option<Instant> {
        self.entries.iter().filter_map(Entry::kept_until).min()
    }

    /// The number of answers that are kept, and their bytes.
    pub fn kept(&self) -> (usize, usize) {
        let lengths = self.entries.iter().filter_map(|entry| match &entry.state {
            SharedState::Kept { reply, .. } => Some(reply.body.len()),
            SharedState::Composing(_) => None,
        });
        lengths.fold((0, 0), |(count, bytes), length| (count + 1, bytes + length))
    }
}

impl Entry {
    /// Whether it answers a request that comes now.
    fn is_current(&self, now: Instant) -> bool {
        self.kept_until().is_none_or(|until| now < until)
    }

    fn kept_until(&self) -> Option<Instant> {
        if let SharedState::Kept { until, .. } = self.state { Some(until) } else { None }
    }
}
