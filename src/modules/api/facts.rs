//! Bans as they are shown.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::Ban;

/// A ban as it is shown.
#[derive(Debug, Serialize)]
pub struct BanFacts<'a> {
    pub id: u64,
    /// The address or network.
    pub address: String,
    /// The stream; null for all.
    pub stream: Option<&'a str>,
    /// The rest of its time, seconds.
    pub ends_in: u64,
    pub why: &'a str,
    pub by: &'a str,
}

impl<'a> BanFacts<'a> {
    /// What is shown of a ban.
    pub fn new(ban: &'a Ban, now: Instant) -> Self {
        Self {
            id: ban.id,
            address: ban.banned.to_string(),
            stream: ban.stream.as_deref(),
            ends_in: seconds(ban.until.saturating_duration_since(now)),
            why: &ban.why,
            by: &ban.by,
        }
    }
}

/// Whole seconds, rounded up.
pub fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
