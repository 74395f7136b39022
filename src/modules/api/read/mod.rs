//! What the API tells: the server, its streams, its clients and its recorders, in JSON.
//!
//! Each answer is composed in steps, as there may be thousands of clients. The fields are described in docs/statistics.md,
//! and a change of one is a change for every script. Secrets are left out: arguments of URLs, and what stands in a URL
//! in place of an application.

mod client;
mod clients;
mod recorders;
mod status;
mod stream;
mod streams;

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use super::reply::text_reply;
use crate::engine::{Composed, Peer};
use crate::http::json;

pub use clients::{Clients, OneClient};
pub use recorders::Recorders;
pub use status::Status;
pub use streams::{OneStream, Streams};

/// The JSON of an object whose last field is a list, while its elements come.
#[derive(Debug)]
struct List {
    text: String,
    written: usize,
}

impl List {
    /// An object that begins with the list of this name.
    fn begin(name: &str) -> Self {
        Self { text: format!("{{\"{name}\":["), written: 0 }
    }

    /// The same, behind the fields of an object, which has some.
    fn behind(fields: &impl Serialize, name: &str) -> Self {
        let mut text = json::to_string(fields);
        text.pop();
        text.push_str(&format!(",\"{name}\":["));
        Self { text, written: 0 }
    }

    fn push(&mut self, element: &impl Serialize) {
        self.text.push_str(if self.written > 0 { "," } else { "" });
        self.text.push_str(&json::to_string(element));
        self.written += 1;
    }

    /// Ends the list, and the object with a number behind it.
    fn end_with(mut self, name: &str, number: usize) -> Composed {
        self.text.push_str(&format!("],\"{name}\":{number}}}\n"));
        Composed::Reply(text_reply(200, self.text))
    }

    /// Ends the list and the object.
    fn end(mut self) -> Composed {
        self.text.push_str("]}\n");
        Composed::Reply(text_reply(200, self.text))
    }
}

/// Bytes and messages that wait for a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Queue {
    messages: usize,
    bytes: usize,
}

impl Queue {
    /// The longer of two, each number by itself.
    fn max(self, other: Self) -> Self {
        Self { messages: self.messages.max(other.messages), bytes: self.bytes.max(other.bytes) }
    }
}

/// The time since a moment in milliseconds; 0 if there was none.
fn ms_since(since: Option<Instant>, now: Instant) -> u64 {
    since.map_or(0, |since| ms(now.saturating_duration_since(since)))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A date in UTC to the second: `2026-11-30T12:00:00Z`; none for one that no calendar has.
fn date(at: SystemTime) -> Option<String> {
    let seconds = Timestamp::try_from(at).ok()?.as_second();
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}

/// Bits a second of a rate in bytes.
fn bits(bytes: u64) -> u64 {
    bytes.saturating_mul(8)
}

/// A number that JSON can have.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// The address of a client with its port; "unix:" at a Unix socket.
fn address(peer: Peer) -> String {
    peer.to_string()
}
