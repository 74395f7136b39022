//! Durations, counts, sizes and bit rates as log lines write them: "3.2 s", "111 600", "82.1 MB", "4.2 Mbit/s".
//!
//! Numbers for programs (statistics, JSON, headers) are not written here. Nothing here logs.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// "3.2 s", "12 s", "5 m 07 s", "1 h 02 m", "3 d 04 h".
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_millis() as f64 / 1000.0),
        10..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} m {:02} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {:02} m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {:02} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// "111 600": its digits in threes.
pub fn count(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{} {:03}", count(number / 1000), number % 1000),
    }
}

/// "812 bytes", "1.4 kB", "82.1 MB": powers of 1000, as disks are sold.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        _ => scaled(bytes as f64, "B"),
    }
}

/// "812 kbit/s", "4.2 Mbit/s": the mean over a time.
pub fn bit_rate(bytes: u64, time: Duration) -> String {
    let rate = bytes as f64 * 8.0 / time.as_secs_f64().max(0.001);
    scaled(rate, "bit/s")
}

/// A number from some hundreds on, in thousands, millions or more of its unit.
fn scaled(number: f64, unit: &str) -> String {
    let thousands = number / 1000.0;
    let (value, prefix) = match thousands {
        ..999.5 => (thousands, "k"),
        ..999_500.0 => (thousands / 1e3, "M"),
        ..999_500_000.0 => (thousands / 1e6, "G"),
        _ => (thousands / 1e9, "T"),
    };
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_their_two_largest_units() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (3_240, "3.2 s"),
            (12_900, "12 s"),
            (59_999, "59 s"),
            (60_000, "1 m 00 s"),
            (307_000, "5 m 07 s"),
            (3_720_000, "1 h 02 m"),
            (86_399_000, "23 h 59 m"),
            (273_600_000, "3 d 04 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn counts_have_their_digits_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (111_600, "111 600")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(u64::MAX), "18 446 744 073 709 551 615");
    }

    #[test]
    fn sizes_and_rates_have_three_digits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_400, "1.4 kB"),
            (99_949, "99.9 kB"),
            (812_400, "812 kB"),
            (999_600, "1.0 MB"),
            (82_100_000, "82.1 MB"),
            (1_240_000_000, "1.2 GB"),
            (3_000_000_000_000, "3.0 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        let second = Duration::from_secs(1);
        assert_eq!(bit_rate(101_500, second), "812 kbit/s");
        assert_eq!(bit_rate(5_250_000, second * 10), "4.2 Mbit/s");
        assert_eq!(bit_rate(0, second), "0.0 kbit/s");
        assert_eq!(bit_rate(100, Duration::ZERO), "800 kbit/s", "of a moment");
    }
}
