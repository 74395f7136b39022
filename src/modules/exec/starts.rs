//! How many independent commands have been started within a second, so that clients that come and go fast do not keep the
//! server busy with starting processes.

use std::time::{Duration, Instant};

/// The most independent commands that are started in a second, of all lines together.
pub const MOST_STARTS: usize = 32;

const SECOND: Duration = Duration::from_secs(1);

/// What has been started and left out in the current second.
#[derive(Debug, Default)]
pub struct Starts {
    /// When the second has begun.
    since: Option<Instant>,
    started: usize,
    /// How many have been left out, of which the log has heard of the first one.
    left_out: usize,
    /// The module's timer for the end of the second is set.
    is_awaited: bool,
}

impl Starts {
    /// Whether another command may be started.
    pub fn may_start(&self, now: Instant) -> bool {
        self.started < MOST_STARTS || self.is_over(now)
    }

    /// A command is started.
    pub fn count(&mut self, now: Instant) {
        self.renew(now);
        self.started += 1;
    }

    /// A command is left out; true if it is the first one.
    pub fn leave_out(&mut self, now: Instant) -> bool {
        self.renew(now);
        self.left_out += 1;
        self.left_out == 1
    }

    /// When the second ends, if no timer for that is set yet. The caller sets it.
    pub fn await_second(&mut self, now: Instant) -> Option<Instant> {
        self.renew(now);
        let is_new = !std::mem::replace(&mut self.is_awaited, true);
        self.since.filter(|_| is_new).map(|since| since + SECOND)
    }

    /// The timer has expired. Returns how many have been left out of which the log has not heard.
    pub fn second_ended(&mut self) -> usize {
        self.is_awaited = false;
        std::mem::take(&mut self.left_out).saturating_sub(1)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.since.is_none_or(|since| now.saturating_duration_since(since) >= SECOND)
    }

    /// Begins the next second if this one is over.
    fn renew(&mut self, now: Instant) {
        if self.is_over(now) {
            (self.since, self.started) = (Some(now), 0);
        }
    }
}
