//! The parts of the answers: a list that grows, queues, times and rates.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::{Composed, Peer, Session};
use crate::http::json;
use crate::modules::api::reply::text_reply;

/// The JSON of an object whose last field is a list, while its elements come.
#[derive(Debug)]
pub struct List {
    text: String,
    written: usize,
}

impl List {
    /// An object that begins with the list of this name.
    pub fn begin(name: &str) -> Self {
        Self { text: format!("{{\"{name}\":["), written: 0 }
    }

    /// The same, behind the fields of an object, which has some.
    pub fn behind(fields: &impl Serialize, name: &str) -> Self {
        let mut text = json::to_string(fields);
        text.pop();
        text.push_str(&format!(",\"{name}\":["));
        Self { text, written: 0 }
    }

    pub fn push(&mut self, element: &impl Serialize) {
        self.text.push_str(if self.written > 0 { "," } else { "" });
        self.text.push_str(&json::to_string(element));
        self.written += 1;
    }

    /// Ends the list, and the object with a number behind it.
    pub fn end_with(mut self, name: &str, number: usize) -> Composed {
        self.text.push_str(&format!("],\"{name}\":{number}}}\n"));
        Composed::Reply(text_reply(200, self.text))
    }

    /// Ends the list and the object.
    pub fn end(mut self) -> Composed {
        self.text.push_str("]}\n");
        Composed::Reply(text_reply(200, self.text))
    }
}

/// Bytes and messages that wait for a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    messages: usize,
    bytes: usize,
}

impl Queue {
    /// What waits for a session.
    pub fn of(session: &Session) -> Self {
        Self { messages: session.out.len(), bytes: session.out.bytes() }
    }

    /// The longer of two, each number by itself.
    pub fn max(self, other: Self) -> Self {
        Self { messages: self.messages.max(other.messages), bytes: self.bytes.max(other.bytes) }
    }
}

/// The time since a moment in milliseconds; 0 if there was none.
pub fn ms_since(since: Option<Instant>, now: Instant) -> u64 {
    since.map_or(0, |since| ms(now.saturating_duration_since(since)))
}

pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A date in UTC to the second: `2026-11-30T12:00:00Z`; none for one that no calendar has.
pub fn date(at: SystemTime) -> Option<String> {
    let seconds = Timestamp::try_from(at).ok()?.as_second();
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}

/// Bits a second of a rate in bytes.
pub fn bits(bytes: u64) -> u64 {
    bytes.saturating_mul(8)
}

/// A number that JSON can have.
pub fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// The address of a client with its port; "unix:" at a Unix socket.
pub fn address(peer: Peer) -> String {
    peer.to_string()
}
