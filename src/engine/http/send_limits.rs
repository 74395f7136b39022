//! The time limits for sending an answer, of `send_timeout` and `send_min_rate`.
//!
//! Computed here; the deadlines of sessions apply them.

use std::time::Duration;

use crate::conf::Scope;
use crate::conf::value::{NEVER, or_never};

/// The time limits for sending an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SendLimits {
    /// The longest time without progress.
    pub pause: Duration,
    /// The longest time in all, from when the answer is the first that waits; progress does not renew it.
    pub whole: Duration,
}

/// `send_timeout` and `send_min_rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SendSettings {
    /// The longest time without progress.
    pause: Duration,
    /// The least mean rate, bytes a second; 0 for any.
    min_rate: u64,
}

impl SendLimits {
    /// No limits.
    pub const NONE: Self = Self { pause: NEVER, whole: NEVER };
}

impl SendSettings {
    /// Reads a checked location.
    pub fn read(scope: &Scope<'_>) -> Self {
        Self { pause: or_never(scope.time("send_timeout")), min_rate: scope.size("send_min_rate") }
    }

    /// The limits for an answer of this length in bytes.
    pub fn limits(self, length: u64) -> SendLimits {
        let at_min_rate = length.checked_div(self.min_rate).map_or(NEVER, Duration::from_secs);
        SendLimits { pause: self.pause, whole: self.pause.saturating_add(at_min_rate).min(NEVER) }
    }
}
