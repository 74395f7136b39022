//! `record_interval`: a recording continues in another file after a time, or at a time of the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::conf::value;
use crate::engine::{Now, time_zone};

/// The syntax of `record_interval`.
pub const SYNTAX: &str = "time|off [aligned]";

/// The length of a file, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// So long from its beginning.
    Of(Duration),
    /// Up to the next multiple, in seconds, of the local time.
    Aligned(u64),
}

impl Interval {
    /// Reads the arguments of `record_interval`; none for `off`.
    pub fn parse(args: &[String]) -> Result<Option<Self>, String> {
        match args {
            [time] => Ok(parse_time(time)?.map(Self::Of)),
            [time, word] if word == "aligned" => match parse_time(time)? {
                Some(time) if time.subsec_millis() != 0 => Err("whole seconds, to be aligned".into()),
                Some(time) => Ok(Some(Self::Aligned(time.as_secs()))),
                None => Err("a time to be aligned".into()),
            },
            [_, word] => Err(format!("\"aligned\" or nothing behind the time, not \"{word}\"")),
            _ => Err("a time such as 1h, or off".into()),
        }
    }

    /// How long a whole file is.
    pub fn length(self) -> Duration {
        match self {
            Self::Of(length) => length,
            Self::Aligned(seconds) => Duration::from_secs(seconds),
        }
    }

    /// When a file that begins now is to end.
    pub fn deadline(self, now: Now) -> Deadline {
        match self {
            Self::Of(length) => Deadline::After { at: now.instant + length, length: millis(length) },
            Self::Aligned(length) => {
                let offset = |second| {
                    let timestamp = Timestamp::from_second(second).unwrap_or_default();
                    i64::from(time_zone::local().to_offset(timestamp).seconds())
                };
                let second = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                let end = next_multiple(second, length, offset);
                Deadline::Clock {
                    wall: UNIX_EPOCH + Duration::from_secs(end),
                    // If the clock has been put back, the file ends all the same.
                    at: now.instant + Duration::from_secs(2 * length),
                }
            }
        }
    }
}

fn parse_time(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let time = value::time(text).ok_or_else(|| format!("\"{text}\" is no time such as 1h, or off"))?;
    Ok(Some(time).filter(|time| !time.is_zero()))
}

/// When a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// At this moment, or with so many milliseconds of media, which an encoder may send faster.
    After { at: Instant, length: u64 },
    /// When the clock has this time; at the latest, at that moment.
    Clock { wall: SystemTime, at: Instant },
}

impl Deadline {
    /// True if it is past for a file of so many milliseconds.
    pub fn is_past(self, now: Now, duration: u64) -> bool {
        match self {
            Self::After { at, length } => now.instant >= at || duration >= length,
            Self::Clock { wall, at } => now.instant >= at || now.wall >= wall,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The first second (since 1970, UTC) after `now` at which the local time is a multiple of `length`, counted
/// from a Monday's midnight. `offset` is the local time minus UTC at a second.
fn next_multiple(now: u64, length: u64, offset: impl Fn(i64) -> i64) -> u64 {
    const MONDAY: i64 = 3 * 86_400; // 1970 began on a Thursday
    let (now, length) = (now.cast_signed(), length.max(1).cast_signed());
    let local = now + offset(now) + MONDAY;
    let end = (local.div_euclid(length) + 1) * length - MONDAY;
    let plain = end - offset(now);
    // Where summer time begins or ends before that, long files end by the clock, and short ones keep
    // their length.
    let moved = end - offset(plain);
    let end = if length > 3600 && moved > now { moved } else { plain };
    end.max(now + 1).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_interval_is_a_time_that_may_be_aligned() {
        for (text, interval) in [
            ("off", None),
            ("0", None),
            ("15m", Some(Interval::Of(Duration::from_secs(900)))),
            ("250ms", Some(Interval::Of(Duration::from_millis(250)))),
            ("1h aligned", Some(Interval::Aligned(3600))),
        ] {
            assert_eq!(Interval::parse(&args(text)), Ok(interval), "{text}");
        }
        for text in ["", "soon", "1h align", "1500ms aligned", "off aligned", "1h aligned aligned"] {
            assert!(Interval::parse(&args(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn aligned_files_end_at_full_hours_midnights_and_mondays_of_the_local_time() {
        let india = |_| 19_800; // 5:30 h ahead
        let at = 1_767_225_600; // Thursday 2026-01-01 00:00 UTC, 5:30 there
        assert_eq!(next_multiple(at, 3600, |_| 0), at + 3600);
        assert_eq!(next_multiple(at - 1, 3600, |_| 0), at);
        assert_eq!(next_multiple(at, 3600, india), at + 1800);
        assert_eq!(next_multiple(at, 86_400, india), at + 66_600);
        assert_eq!(next_multiple(at, 7 * 86_400, |_| 0), at + 4 * 86_400);
    }

    #[test]
    fn summer_time_moves_midnight_and_not_the_length_of_an_hour() {
        let change = 1_792_890_000u64; // Sunday 2026-10-25 01:00 UTC: 3:00 becomes 2:00
        let berlin = |second: i64| if second < change.cast_signed() { 7200 } else { 3600 };
        let midnight = change - 3 * 3600;
        assert_eq!(next_multiple(midnight, 86_400, berlin), midnight + 25 * 3600);
        assert_eq!(next_multiple(change - 1800, 3600, berlin), change);
        assert_eq!(next_multiple(change + 1800, 3600, berlin), change + 3600);
    }

    #[test]
    fn a_deadline_is_past_by_time_or_by_media_or_by_the_clock() {
        let now = Now { instant: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000) };
        let later = |seconds, wall: u64| Now {
            instant: now.instant + Duration::from_secs(seconds),
            wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000 + wall),
        };
        let after = Interval::Of(Duration::from_secs(10)).deadline(now);
        assert!(!after.is_past(later(9, 99), 9999));
        assert!(after.is_past(later(10, 0), 0) && after.is_past(later(0, 0), 10_000));
        let aligned = Interval::Aligned(60).deadline(now);
        assert!(!aligned.is_past(later(0, 0), 99_000));
        assert!(aligned.is_past(later(1, 60), 0));
        assert!(aligned.is_past(later(120, 0), 0), "the clock stands still");
    }
}
