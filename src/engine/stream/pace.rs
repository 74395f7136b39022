//! The limit on the speed of a stream's media time.
//!
//! A file may be sent as fast as the network takes it, but each second of media may cost a recording or a fragment of
//! its own. So media time may lead the clock by a while and then advance at a limited speed. A publisher that is
//! faster is not read for a moment, and TCP slows it. Here only the time is computed; `session/deadlines.rs` holds
//! the session.

use std::time::{Duration, Instant};

/// The most by which media time may lead the clock.
const MAX_LEAD: Duration = Duration::from_secs(30);
/// The speed of media time in the long term, in multiples of the clock's. An encoder whose clock is some per cent
/// fast is never held.
const SPEED: u32 = 2;

/// The lead that is free again when a held publisher is read on, so that it is not held for each frame.
const SLACK: Duration = Duration::from_secs(1);

/// The lead that a stream has left: a token bucket of media time.
#[derive(Debug, Default)]
pub(in crate::engine) struct Pace {
    /// The part of the lead that is used, and when that was computed.
    used: Option<(Duration, Instant)>,
}

impl Pace {
    /// Gives another publisher the whole lead. The time that has passed still counts for its first step.
    pub fn change_publisher(&mut self) {
        if let Some((used, _)) = &mut self.used {
            *used = Duration::ZERO;
        }
    }

    /// Notes that media time has advanced. If it is too far ahead, returns the time until which nothing more is to be
    /// read.
    pub fn advance(&mut self, by: Duration, now: Instant) -> Option<Instant> {
        let (used, at) = *self.used.get_or_insert((Duration::ZERO, now));
        if by.is_zero() {
            // A frame without a time of its own, such as a header behind a pause, leaves the pause to the next.
            return None;
        }
        // The clock's time counts against the step, so that a step over a pause costs nothing.
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
