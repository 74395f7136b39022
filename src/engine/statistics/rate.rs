//! An amount per second: the average of the last three whole seconds.
//!
//! Seconds are counted from the first amount. Adding costs a comparison and a sum; what has become old is found out when
//! the next amount comes, or when the rate is asked for.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// The number of whole seconds that count.
const KEPT: usize = 3;

/// Amounts of the last seconds, such as bytes or frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rate {
    /// When the present second began; none before the first amount.
    since: Option<Instant>,
    /// The amount of the present second.
    current: u64,
    /// The amounts of the last whole seconds, the newest first.
    past: [u64; KEPT],
    /// How many of them have passed since the first amount.
    known: u8,
}

impl Rate {
    /// Adds an amount.
    #[inline]
    pub fn add(&mut self, amount: u64, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= SECOND {
            self.advance(now);
        }
        self.current = self.current.wrapping_add(amount);
    }

    /// The amount per second, on average; 0 until the first second is over.
    pub fn per_second(&self, now: Instant) -> u64 {
        self.average(now).round() as u64
    }

    /// The same with its fraction, for amounts as small as a frame rate.
    pub fn average(&self, now: Instant) -> f64 {
        let mut then = *self;
        then.advance(now);
        match then.known {
            0 => 0.0,
            known => then.past.iter().sum::<u64>() as f64 / f64::from(known),
        }
    }

    /// Begins the second in which `now` is.
    #[cold]
    fn advance(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let seconds = now.saturating_duration_since(since).as_secs();
        for _ in 0..seconds.min(KEPT as u64 + 1) {
            self.past.rotate_right(1);
            self.past[0] = std::mem::take(&mut self.current);
            self.known = (self.known + 1).min(KEPT as u8);
        }
        self.since = since.checked_add(Duration::from_secs(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_rate_is_the_average_of_the_last_three_whole_seconds() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        for (second, amount) in [(0, 100), (1, 200), (2, 300), (3, 400), (4, 5000)] {
            rate.add(amount, start + MS * 1000 * second);
        }
        assert_eq!(rate.per_second(start + MS * 4999), 300, "the present second does not count yet");
        assert_eq!(rate.per_second(start + MS * 5000), 1900);
    }

    #[test]
    fn a_young_rate_is_the_average_of_the_seconds_that_there_have_been() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        assert_eq!(rate.per_second(start), 0);
        rate.add(100, start);
        assert_eq!(rate.per_second(start + MS * 999), 0);
        assert_eq!(rate.per_second(start + MS * 1000), 100);
        rate.add(200, start + MS * 1500);
        assert_eq!(rate.per_second(start + MS * 2000), 150);
    }

    #[test]
    fn a_rate_is_zero_three_seconds_after_the_last_amount() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        rate.add(300, start);
        let rates = [1, 2, 3, 4, 4000].map(|second| rate.per_second(start + MS * 1000 * second));
        assert_eq!(rates, [300, 150, 100, 0, 0]);
    }

    #[test]
    fn a_rate_that_begins_again_after_a_pause_has_the_pause_in_it() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        rate.add(300, start);
        rate.add(300, start + MS * 60_500);
        assert_eq!(rate.per_second(start + MS * 61_000), 100);
    }

    #[test]
    fn a_time_before_the_last_amount_harms_nothing() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        rate.add(1, start + MS * 5000);
        rate.add(1, start);
        assert_eq!(rate.per_second(start), 0);
        assert_eq!(rate.per_second(start + MS * 6000), 2);
    }

    #[test]
    fn a_frame_rate_keeps_its_fraction() {
        let (start, mut rate) = (Instant::now(), Rate::default());
        for (second, frames) in [(0, 25), (1, 25), (2, 24)] {
            rate.add(frames, start + MS * 1000 * second);
        }
        assert!((rate.average(start + MS * 3000) - 24.667).abs() < 0.001);
    }
}
