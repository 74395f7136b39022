//! The longest of the times of the last one to two minutes.
//!
//! A maximum since the start would show for ever what happened once. So there are two: that of the present minute, and
//! that of the one before.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The longest times of the present minute and of the last one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Longest {
    since: Option<Instant>,
    current: Duration,
    past: Duration,
}

impl Longest {
    /// Notes a time.
    #[inline]
    pub fn note(&mut self, time: Duration, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= MINUTE {
            self.advance(now);
        }
        self.current = self.current.max(time);
    }

    /// The longest of the last one to two minutes; zero if there was none.
    pub fn of_late(&self, now: Instant) -> Duration {
        let mut then = *self;
        then.advance(now);
        then.current.max(then.past)
    }

    #[cold]
    fn advance(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let minutes = now.saturating_duration_since(since).as_secs() / MINUTE.as_secs();
        for _ in 0..minutes.min(2) {
            self.past = std::mem::take(&mut self.current);
        }
        self.since = since.checked_add(Duration::from_secs(minutes * MINUTE.as_secs()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_is_forgotten_after_one_to_two_minutes() {
        let (start, mut longest) = (Instant::now(), Longest::default());
        let after = |seconds| start + Duration::from_secs(seconds);
        let ms = Duration::from_millis;
        assert_eq!(longest.of_late(start), Duration::ZERO);
        longest.note(ms(1), start);
        longest.note(ms(9), after(30));
        longest.note(ms(3), after(59));
        assert_eq!(longest.of_late(after(59)), ms(9));
        longest.note(ms(2), after(70));
        assert_eq!(longest.of_late(after(119)), ms(9));
        assert_eq!(longest.of_late(after(120)), ms(2));
        assert_eq!(longest.of_late(after(180)), Duration::ZERO);
        longest.note(ms(4), after(6000));
        assert_eq!(longest.of_late(after(6000)), ms(4));
    }
}
