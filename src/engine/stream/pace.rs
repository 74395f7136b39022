//! How fast the media time of a stream may run.
//!
//! A file that is sent as fast as the network takes it is welcome, but each second of media may cost a
//! recording or a fragment of its own. So media time may lead the clock by a while and catch up at a limited
//! speed; a publisher that is faster is not read for a moment, and TCP slows it.

use std::time::{Duration, Instant};

/// How far media time may run ahead of the clock.
const MAX_LEAD: Duration = Duration::from_secs(30);
/// How many times as fast as the clock media time may run in the long term. An encoder's clock that is some per
/// cent fast is never held.
const SPEED: u32 = 2;

/// How much of the lead is free again when a publisher goes on: it is not held for each frame anew.
const SLACK: Duration = Duration::from_secs(1);

/// The lead that one stream has left: a bucket of media time.
#[derive(Debug, Default)]
pub(in crate::engine) struct Pace {
    /// How much of the lead is used up, and when that was counted.
    used: Option<(Duration, Instant)>,
}

impl Pace {
    /// Another publisher has all of the lead. The time that has passed still pays for its first step.
    pub fn change_publisher(&mut self) {
        if let Some((used, _)) = &mut self.used {
            *used = Duration::ZERO;
        }
    }

    /// Media time has advanced. Returns until when no more is to be taken, if it is ahead by too much.
    pub fn advance(&mut self, by: Duration, now: Instant) -> Option<Instant> {
        let (used, at) = *self.used.get_or_insert((Duration::ZERO, now));
        if by.is_zero() {
            // What does not tell the time, such as the header behind a pause, leaves the pause to what follows.
            return None;
        }
        // A step over a pause is paid by the pause, so what has passed counts against the step, too.
        let passed = now.saturating_duration_since(at).saturating_mul(SPEED);
        let used = used.saturating_add(by).saturating_sub(passed);
        self.used = Some((used, now));
        let ahead = used.checked_sub(MAX_LEAD).filter(|ahead| !ahead.is_zero())?;
        now.checked_add(ahead.saturating_add(SLACK) / SPEED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends `seconds` of media in frames of `step`, and is held as told. How long that takes.
    fn send(pace: &mut Pace, seconds: u32, step: Duration, speed: f64) -> Duration {
        let start = Instant::now();
        let (mut now, mut media) = (start, Duration::ZERO);
        while media < SECOND * seconds {
            media += step;
            now += step.div_f64(speed);
            if let Some(until) = pace.advance(step, now) {
                assert!(until > now);
                now = until;
            }
        }
        now - start
    }

    #[test]
    fn thirty_seconds_may_come_at_once_and_what_follows_at_twice_the_speed() {
        let at_once = f64::from(1 << 20);
        assert!(send(&mut Pace::default(), 30, SECOND / 25, at_once) < SECOND);
        let took = send(&mut Pace::default(), 130, SECOND / 25, at_once);
        assert!((took.as_secs_f64() - 50.0).abs() < 1.0, "{took:?}");
    }

    #[test]
    fn a_clock_that_is_a_little_fast_is_never_held() {
        let day = 24 * 3600;
        let took = send(&mut Pace::default(), day, SECOND, 1.05);
        assert!((took.as_secs_f64() - f64::from(day) / 1.05).abs() < 1.0, "{took:?}");
    }

    #[test]
    fn a_pause_of_any_length_is_no_lead() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for pause in [1, 40, 3600, 24 * 3600] {
            now += SECOND * pause;
            assert_eq!(pace.advance(SECOND * pause, now), None, "{pause} s");
        }
    }

    #[test]
    fn a_lead_that_was_used_comes_back_with_time() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert_eq!(pace.advance(SECOND * 30, now), None);
        assert_eq!(pace.advance(SECOND * 2, now), Some(now + SECOND * 3 / 2));
        assert_eq!(pace.advance(SECOND * 30, now + SECOND * 16), None);
        assert_eq!(pace.advance(Duration::MAX, now + SECOND * 16), None, "no clock goes that far");
    }
}
