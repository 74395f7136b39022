//! The age of a file, by a clock that may be set while the server runs.
//!
//! A box without a battery begins in 1970, or where it stopped last, and its clock is set forward later; a bad time
//! server may set it anywhere. No step of the clock may make a recording seem older than it can be.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::Now;

/// A clock that differs by more than this from what has passed since the last look has been set.
const STEP: Duration = Duration::from_secs(60);
/// The steps that are remembered.
const MAX_STEPS: usize = 16;
/// The beginning of 2024, before which there was no such server: an earlier time is that of a clock that is not set.
const FIRST_DATE: Duration = Duration::from_secs(1_704_067_200);
/// A file that is younger than `now` by no more than this has been written since: a job may wait for so long.
const LATE: Duration = Duration::from_secs(60);

/// The wall clock, as far as it has been looked at.
#[derive(Debug, Default)]
pub struct Clock {
    last: Option<Now>,
    steps: VecDeque<ClockStep>,
}

/// The clock was set.
#[derive(Debug)]
struct ClockStep {
    /// The time that it would have shown.
    before: SystemTime,
    /// When it was noticed, with the clock's time then.
    noticed: Now,
}

impl Clock {
    /// Looks at the clock.
    pub fn look(&mut self, now: Now) {
        let Some(last) = self.last.replace(now) else { return };
        let passed = now.instant.saturating_duration_since(last.instant);
        let Some(expected) = last.wall.checked_add(passed) else { return };
        let difference = now.wall.duration_since(expected).unwrap_or_else(|error| error.duration());
        if difference > STEP {
            self.steps.push_back(ClockStep { before: expected, noticed: now });
            if self.steps.len() > MAX_STEPS {
                self.steps.pop_front();
            }
        }
    }

    /// The least age of a file that was last written at `modified`, by the clock as it is and as it was before each
    /// step. `None` if that was in the future, or if no clock can tell.
    pub fn age(&self, modified: SystemTime, now: Now) -> Option<Duration> {
        let first = UNIX_EPOCH + FIRST_DATE;
        let knows = |wall: SystemTime| modified >= first || wall < first;
        let by_steps = self.steps.iter().filter(|step| knows(step.before)).filter_map(|step| {
            let age = step.before.duration_since(modified).ok()?;
            Some(age + now.instant.saturating_duration_since(step.noticed.instant))
        });
        let by_clock = match now.wall.duration_since(modified) {
            Ok(age) => Some(age),
            Err(error) => (error.duration() <= LATE).then_some(Duration::ZERO),
        };
        let by_clock = by_clock.filter(|_| knows(now.wall));
        by_steps.chain(by_clock).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const DAY: u64 = 86_400;
    /// Days from 1970 to a day in 2026.
    const TODAY: u64 = 20_500;

    /// The clock after looks: days that have passed since the start, and the day that the clock tells.
    fn clock(start: Instant, looks: &[(u64, u64)]) -> (Clock, Now) {
        let mut clock = Clock::default();
        let at = |&(passed, day): &(u64, u64)| Now {
            instant: start + Duration::from_secs(passed * DAY),
            wall: UNIX_EPOCH + Duration::from_secs(day * DAY),
        };
        looks.iter().for_each(|look| clock.look(at(look)));
        (clock, at(looks.last().unwrap()))
    }

    fn days(looks: &[(u64, u64)], day: u64) -> Option<u64> {
        let (clock, now) = clock(Instant::now(), looks);
        clock.age(UNIX_EPOCH + Duration::from_secs(day * DAY), now).map(|age| age.as_secs() / DAY)
    }

    #[test]
    fn a_file_is_as_old_as_the_clock_says_and_one_from_the_future_is_not() {
        let steady = [(0, TODAY), (1, TODAY + 1), (3, TODAY + 3)];
        assert_eq!(days(&steady, TODAY - 4), Some(7));
        assert_eq!(days(&steady, TODAY + 4), None);
    }

    #[test]
    fn a_clock_that_steps_makes_nothing_older() {
        // Back by 30 days, after which one more passes.
        let back = [(0, TODAY), (1, TODAY - 29), (2, TODAY - 28)];
        assert_eq!(days(&back, TODAY), Some(2), "its time is in the future, but it was seen to be written");
        assert_eq!(days(&back, TODAY - 28), Some(0));
        // Forward by ten years.
        let forward = [(0, TODAY), (1, TODAY + 3651), (2, TODAY + 3652)];
        assert_eq!(days(&forward, TODAY), Some(2));
        assert_eq!(days(&forward, TODAY - 7), Some(9));
        assert_eq!(days(&forward, TODAY + 3650), Some(2));
    }

    #[test]
    fn a_clock_that_was_not_set_yet_tells_nothing() {
        // It begins in 1970, and is set a day later.
        let set = [(0, 0), (1, TODAY), (2, TODAY + 1)];
        assert_eq!(days(&set, 0), Some(2), "written before it was set");
        assert_eq!(days(&set, TODAY - 7), Some(8), "written by an earlier run");
        assert_eq!(days(&[(0, TODAY)], 0), None, "by an earlier run, before its clock was set");
        assert_eq!(days(&[(0, 3)], 1), Some(2), "it is never set");
    }

    #[test]
    fn steps_are_bounded_and_slow_corrections_are_none() {
        let start = Instant::now();
        let many: Vec<_> = (0..100).map(|n| (n, TODAY + n * 10)).collect();
        assert_eq!(clock(start, &many).0.steps.len(), MAX_STEPS);
        let mut clock = Clock::default();
        for second in 0..1000u32 {
            let (passed, wall) = (Duration::from_secs(second.into()), Duration::from_millis(1050) * second);
            clock.look(Now { instant: start + passed, wall: UNIX_EPOCH + wall });
        }
        assert!(clock.steps.is_empty());
    }
}
