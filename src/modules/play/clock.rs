//! How far ahead of the clock a player is sent its file.

use std::time::{Duration, Instant};

/// What is sent ahead beyond the client's buffer.
const AHEAD: Duration = Duration::from_secs(1);
/// What has to be due before more is sent: half a second is sent at once, and there is no timer for each message.
const AT_ONCE: Duration = Duration::from_millis(500);
/// The longest buffer of a client that is believed; it may have all at once.
const LONGEST_BUFFER: Duration = Duration::from_secs(7 * 86_400);

/// The media time that is due, which advances with the clock from the first message on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    since: Instant,
    /// The media time that was due then, milliseconds.
    media: u64,
    paused: Option<Instant>,
}

impl Clock {
    /// A clock that begins with this media time.
    pub fn new(now: Instant, media: u64) -> Self {
        Self { since: now, media, paused: None }
    }

    /// Stops.
    pub fn pause(&mut self, now: Instant) {
        self.paused.get_or_insert(now);
    }

    /// Goes on.
    pub fn unpause(&mut self, now: Instant) {
        if let Some(paused) = self.paused.take() {
            self.since += now.saturating_duration_since(paused);
        }
    }

    /// The media time up to which a client with such a buffer gets messages.
    pub fn target(&self, now: Instant, buffer: Duration) -> u64 {
        let elapsed = self.paused.unwrap_or(now).saturating_duration_since(self.since);
        let ahead = elapsed + buffer.min(LONGEST_BUFFER) + AHEAD;
        self.media.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }

    /// The time from now on in which more is due, for a client that has been sent messages up to `sent`; none if more is
    /// due already.
    pub fn wait(&self, now: Instant, buffer: Duration, sent: u64) -> Option<Duration> {
        let due = self.target(now, buffer);
        let next = sent.saturating_add(AT_ONCE.as_millis() as u64);
        next.checked_sub(due).filter(|wait| *wait > 0).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_due_a_second_before_the_client_s_buffer_runs_out() {
        let now = Instant::now();
        let clock = Clock::new(now, 5000);
        let buffer = Duration::from_millis(300);
        assert_eq!(clock.target(now, buffer), 6300);
        assert_eq!(clock.target(now + Duration::from_secs(2), buffer), 8300);
        assert_eq!(clock.wait(now, buffer, 6300), Some(Duration::from_millis(500)));
        assert_eq!(clock.wait(now, buffer, 5800), None);
        assert_eq!(clock.wait(now, Duration::MAX, 6300), None);
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut clock = Clock::new(now, 0);
        clock.pause(at(2));
        clock.pause(at(3));
        assert_eq!(clock.target(at(9), Duration::ZERO), 3000);
        clock.unpause(at(10));
        clock.unpause(at(11));
        assert_eq!(clock.target(at(12), Duration::ZERO), 5000);
    }
}
