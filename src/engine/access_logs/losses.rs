//! Lines of an access log that are lost, for a message now and then.

use std::fmt;
use std::time::{Duration, Instant};

/// An error of a log is reported once in this time.
pub const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// What has been lost since then is reported this long after it at the soonest, once lines are written again.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// Lines that are lost and have not been reported.
#[derive(Debug, Default)]
pub struct Losses {
    pub lines: u64,
    pub complained_at: Option<Instant>,
    /// Lines are written again, and it is too early to report those that were lost.
    is_owed: bool,
}

impl Losses {
    /// Counts lines that are lost, and reports all of them now and then. `log` is the file or the server.
    pub fn add(&mut self, log: impl fmt::Display, lines: u64, why: &dyn fmt::Display, now: Instant) {
        self.lines += lines;
        if self.is_over(COMPLAIN_EVERY, now) {
            log::error!("access log {log}: {why}; {} lines lost", self.lines);
            *self = Self { complained_at: Some(now), ..Self::default() };
        }
    }

    /// Reports lines that have been lost since the last report, now that others are not; if it is too early,
    /// [`Losses::tell_owed`] does.
    pub fn tell(&mut self, log: impl fmt::Display, now: Instant) {
        self.is_owed = self.lines > 0;
        self.tell_owed(log, now);
    }

    /// Reports lines for which it was too early.
    pub fn tell_owed(&mut self, log: impl fmt::Display, now: Instant) {
        if self.is_owed && self.is_over(TELL_AFTER, now) {
            log::error!("access log {log}: {} more lines lost", self.lines);
            *self = Self { complained_at: Some(now), ..Self::default() };
        }
    }

    /// Whether [`Losses::tell_owed`] has something to report.
    pub fn is_owed(&self) -> bool {
        self.is_owed
    }

    fn is_over(&self, period: Duration, now: Instant) -> bool {
        self.complained_at.is_none_or(|then| now.saturating_duration_since(then) >= period)
    }
}
