//! The numbers of the console, for its script and for others: `live.json`, which is small and asked for each second, and
//! `streams.json`, which has everything.
//!
//! Both are composed in steps when they are asked for, from what the engine knows then, and shared by all who may see the
//! same. Only what has happened to streams is kept here, by `events`; nothing has a timer.

pub mod detail;
pub mod events;
pub mod json;
pub mod list;
pub mod live;
pub mod process;
pub mod relays;
pub mod selection;
pub mod site;
pub mod stream;
pub mod waiting;

use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, UNIX_EPOCH};

use crate::engine::Ctx;

/// Most streams in an answer; it says how many there are.
pub const MAX_LISTED: usize = 500;

/// A short digest, by which a script learns whether a text has changed.
pub fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    format!("{:08x}", hasher.finish() as u32)
}

/// A word that differs after each start of the server.
pub fn run(cx: &Ctx) -> String {
    let started = cx.started.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    digest(&started.as_nanos().to_string())
}

pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
