//! The limits for sending an answer: of time by `send_timeout` and `send_min_rate`, of the rate by `limit_rate` and
//! `limit_rate_after`.
//!
//! Computed here; sessions apply them, in their deadlines and when they are written.

use std::time::{Duration, Instant};

use crate::conf::Scope;
use crate::conf::value::{NEVER, or_never};

/// What may be sent in advance of the limited rate, as a time at this rate. nginx sends a second's worth at once, too.
const ADVANCE: Duration = Duration::from_secs(1);

/// Fewer bytes than these wait until there may be more of them, for half a second at most: packets should be full.
const LEAST: u64 = 4096;

/// The part of the time for a file in memory, one in so many, in which it is sent whatever the limited rate is. The rest
/// is the client's.
const OWN_PART: u64 = 2;

/// The limits for sending an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SendLimits {
    /// The longest time without progress.
    pub pause: Duration,
    /// The longest time in all, from when the answer is the first that waits; progress does not renew it.
    pub whole: Duration,
    /// The highest mean rate, if it has one.
    pub rate: Option<RateLimit>,
}

/// A limited rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct RateLimit {
    /// Bytes a second. Invariant: not 0.
    rate: u64,
    /// Bytes of the answer that come before it, and are not limited.
    after: u64,
}

/// The settings of a location for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SendSettings {
    /// The longest time without progress.
    pause: Duration,
    /// The least mean rate, bytes a second; 0 for any.
    min_rate: u64,
    /// The highest mean rate, bytes a second; 0 for any.
    rate: u64,
    /// Bytes of an answer that are not limited.
    after: u64,
}

impl SendLimits {
    /// No limits.
    pub const NONE: Self = Self { pause: NEVER, whole: NEVER, rate: None };
}

impl SendSettings {
    /// Reads a checked location.
    pub fn read(scope: &Scope<'_>) -> Self {
        Self {
            pause: or_never(scope.time("send_timeout")),
            min_rate: scope.size("send_min_rate"),
            rate: scope.size("limit_rate"),
            after: scope.size("limit_rate_after"),
        }
    }

    /// The limits for an answer with so many bytes of head and body. A file in memory must be sent `within` a time.
    pub fn limits(self, (head, body): (u64, u64), within: Option<Duration>) -> SendLimits {
        let length = head + body;
        let rate = self.rate_limit(body, within);
        let at_min_rate = length.checked_div(self.min_rate).map_or(NEVER, Duration::from_secs);
        // The time in which the answer is throttled is none of the client's.
        let throttled = rate.map_or(Duration::ZERO, |limit| limit.time(length));
        let whole = self.pause.saturating_add(at_min_rate).saturating_add(throttled);
        SendLimits { pause: self.pause, whole: whole.min(within.unwrap_or(NEVER)), rate }
    }

    /// The limited rate of a body; none for an answer without one.
    fn rate_limit(self, body: u64, within: Option<Duration>) -> Option<RateLimit> {
        if self.rate == 0 || body == 0 {
            return None;
        }
        let needed = within.map_or(0, |within| body.saturating_mul(OWN_PART) / within.as_secs().max(1));
        Some(RateLimit { rate: self.rate.max(needed), after: self.after })
    }
}

impl RateLimit {
    /// The time that so many bytes take at least, about.
    fn time(self, length: u64) -> Duration {
        Duration::from_secs(length.saturating_sub(self.after) / self.rate)
    }
}

/// The account of an answer whose rate is limited: when its bytes would have been sent at exactly this rate.
#[derive(Debug)]
pub(in crate::engine) struct Throttle {
    limit: RateLimit,
    /// The time up to which the bytes that were sent use up the rate. What a client does not use is lost to it: it gets
    /// no more than [`ADVANCE`] at once later.
    used_until: Instant,
}

impl Throttle {
    /// An answer of which nothing has been sent.
    pub fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, used_until: now }
    }

    /// Bytes that may be sent now, if `sent` of them were sent before and `left` are left.
    pub fn most(&self, (sent, left): (u64, u64), now: Instant) -> u64 {
        let used = self.used_until.saturating_duration_since(now);
        let free = self.limit.after.saturating_sub(sent);
        let most = free.saturating_add(self.bytes(ADVANCE.saturating_sub(used))).min(left);
        if most < LEAST.min(left).min(self.limit.rate / 2) { 0 } else { most }
    }

    /// Counts that `sent` bytes in all have been sent, where they were `before`.
    pub fn count(&mut self, before: u64, sent: u64, now: Instant) {
        let counted = sent.saturating_sub(before.max(self.limit.after));
        let nanoseconds = u128::from(counted) * 1_000_000_000 / u128::from(self.limit.rate);
        let time = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)).min(NEVER);
        self.used_until = self.used_until.max(now) + time;
    }

    /// The bytes that a time is worth.
    fn bytes(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.limit.rate) * time.as_nanos() / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SendSettings =
        SendSettings { pause: Duration::from_secs(60), min_rate: 1000, rate: 10_000, after: 0 };

    /// Takes all that may be sent, every so often; returns the bytes that were sent in a time.
    fn sent_in(limit: RateLimit, length: u64, every: Duration, time: Duration) -> u64 {
        let begun = Instant::now();
        let (mut throttle, mut sent, mut passed) = (Throttle::new(limit, begun), 0, Duration::ZERO);
        while passed <= time {
            let most = throttle.most((sent, length - sent), begun + passed);
            throttle.count(sent, sent + most, begun + passed);
            sent += most;
            passed += every;
        }
        sent
    }

    #[test]
    fn the_mean_rate_is_the_limited_one_however_often_bytes_are_sent() {
        for rate in [10, 77, 1000, 4096, 500_000, 1 << 40] {
            for every in [1, 10, 100, 999] {
                let limit = RateLimit { rate, after: 0 };
                let sent = sent_in(limit, u64::MAX, Duration::from_millis(every), Duration::from_secs(100));
                // A second's worth is sent in advance.
                assert!(sent <= rate * 101 + rate / 100 && sent >= rate * 96, "{rate}, {every} ms: {sent}");
            }
        }
    }

    #[test]
    fn what_comes_before_the_limit_is_sent_at_once_and_not_counted() {
        let limit = RateLimit { rate: 1000, after: 50_000 };
        let sent = |seconds| sent_in(limit, 60_000, Duration::from_millis(100), Duration::from_secs(seconds));
        assert_eq!([0, 1, 4, 8, 9, 20].map(sent), [51_000, 52_000, 55_000, 59_000, 60_000, 60_000]);
    }

    #[test]
    fn a_client_that_has_paused_gets_a_seconds_worth_at_once_and_no_more() {
        let (begun, limit) = (Instant::now(), RateLimit { rate: 10_000, after: 0 });
        let mut throttle = Throttle::new(limit, begun);
        throttle.count(0, 10_000, begun);
        let at = |seconds| begun + Duration::from_secs_f64(seconds);
        assert_eq!(throttle.most((10_000, 1 << 30), at(0.2)), 0, "too few for a packet");
        assert_eq!(throttle.most((10_000, 2000), at(0.2)), 2000, "but not the last ones");
        assert_eq!(throttle.most((10_000, 1 << 30), at(0.5)), 5000);
        assert_eq!(throttle.most((10_000, 1 << 30), at(600.0)), 10_000);
    }

    #[test]
    fn the_time_in_which_an_answer_is_throttled_is_not_that_of_the_client() {
        let whole = |settings: SendSettings, body| settings.limits((0, body), None).whole.as_secs();
        assert_eq!(whole(SETTINGS, 1_000_000), 60 + 1000 + 100);
        assert_eq!(whole(SendSettings { rate: 10, ..SETTINGS }, 1_000_000), 60 + 1000 + 100_000);
        assert_eq!(whole(SendSettings { after: 900_000, ..SETTINGS }, 1_000_000), 60 + 1000 + 10);
        assert_eq!(whole(SendSettings { rate: 0, ..SETTINGS }, 1_000_000), 60 + 1000);
        assert_eq!(SendSettings { min_rate: 0, ..SETTINGS }.limits((0, 1_000_000), None).whole, NEVER);
    }

    #[test]
    fn a_file_in_memory_is_sent_in_half_of_its_time_whatever_the_limit_is() {
        let limits =
            |rate| SendSettings { rate, ..SETTINGS }.limits((200, 1_000_000), Some(Duration::from_secs(20)));
        assert_eq!(limits(10).rate, Some(RateLimit { rate: 100_000, after: 0 }));
        assert_eq!(limits(500_000).rate, Some(RateLimit { rate: 500_000, after: 0 }));
        assert_eq!(limits(10).whole, Duration::from_secs(20));
        assert_eq!(limits(0).rate, None);
    }

    #[test]
    fn an_answer_without_a_body_is_not_limited() {
        assert_eq!(SETTINGS.limits((300, 0), None).rate, None);
    }
}
