//! What the process of the server takes of the machine, as the kernel counts it.
//!
//! Read when somebody asks, at most once a second. Where there is no /proc nothing is known.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use rustix::param::{clock_ticks_per_second, page_size};
use serde::Serialize;

const STAT: &str = "/proc/self/stat";
/// The most bytes that are read of it. It has 52 numbers and a name of 15 bytes.
const MAX_STAT: u64 = 2048;
/// The shortest time between two readings.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time of which the part of a core is told: what was before nobody has asked for.
const LONGEST: Duration = Duration::from_secs(10);

/// What the process takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Process {
    /// The part of one core that it has taken since the reading before; not known if that is long ago.
    cpu: Option<f64>,
    /// Bytes of memory that are resident.
    memory: Option<u64>,
}

/// The readings.
#[derive(Debug, Default)]
pub struct ProcessMeter {
    /// When it was read last, and the ticks then.
    last: Option<(Instant, Option<u64>)>,
    known: Process,
}

/// What is taken of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    /// Ticks of all its threads, as user and in the kernel.
    ticks: u64,
    /// Pages that are resident.
    pages: u64,
}

impl ProcessMeter {
    /// What is known now.
    pub fn read(&mut self, now: Instant) -> Process {
        let is_recent = |(last, _): &(Instant, _)| now.saturating_duration_since(*last) < PAUSE;
        if !self.last.as_ref().is_some_and(is_recent) {
            self.take(now, reading());
        }
        self.known
    }

    fn take(&mut self, now: Instant, reading: Option<Reading>) {
        let ticks = reading.map(|reading| reading.ticks);
        let before = self.last.replace((now, ticks));
        let since =
            |(last, ticks): (Instant, Option<u64>)| Some((now.saturating_duration_since(last), ticks?));
        let cpu = |ticks: u64| match before.and_then(since) {
            Some((time, before)) if !time.is_zero() && time <= LONGEST => {
                let seconds = ticks.saturating_sub(before) as f64 / clock_ticks_per_second().max(1) as f64;
                Some((seconds / time.as_secs_f64() * 1000.0).round() / 1000.0)
            }
            _ => None,
        };
        let memory = reading.and_then(|reading| reading.pages.checked_mul(page_size() as u64));
        self.known = Process { cpu: ticks.and_then(cpu), memory };
    }
}

fn reading() -> Option<Reading> {
    let mut text = String::new();
    File::open(STAT).ok()?.take(MAX_STAT).read_to_string(&mut text).ok()?;
    parse(&text)
}

/// proc_pid_stat(5): behind the name, which is in brackets and may have any, `utime` and `stime` are the 14th and 15th
/// field, and `rss` is the 24th.
fn parse(stat: &str) -> Option<Reading> {
    let (_, fields) = stat.rsplit_once(')')?;
    let field = |number: usize| fields.split_ascii_whitespace().nth(number - 3)?.parse::<u64>().ok();
    Some(Reading { ticks: field(14)?.checked_add(field(15)?)?, pages: field(24)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) R 1 (x) S 1 4242 4242 0 -1 4194560 1409 0 3 0 250 50 0 0 20 0 1 0 83 7000000 1536 \
                        18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0";

    #[test]
    fn the_fields_are_counted_behind_the_name_whatever_that_has() {
        assert_eq!(parse(STAT), Some(Reading { ticks: 300, pages: 1536 }));
        for text in ["", "1 (a", "1 (a)", "1 (a) R 1 2 3", &STAT.replace(" 250 ", " x ")] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(reading().is_some_and(|reading| reading.pages > 0));
    }

    #[test]
    fn cpu_is_of_the_time_since_the_reading_before() {
        let (mut meter, now) = (ProcessMeter::default(), Instant::now());
        let ticks = |seconds: f64| (seconds * clock_ticks_per_second() as f64) as u64;
        let reading = |seconds| Some(Reading { ticks: ticks(seconds), pages: 2 });
        let after = |seconds| now + Duration::from_secs(seconds);
        meter.take(now, reading(3.0));
        assert_eq!((meter.known.cpu, meter.known.memory), (None, Some(2 * page_size() as u64)));
        meter.take(after(2), reading(3.5));
        assert_eq!(meter.known.cpu, Some(0.25));
        assert_eq!(meter.read(after(2)).cpu, Some(0.25), "it is read at most once a second");
        meter.take(after(4), None);
        assert_eq!(meter.known, Process::default());
        meter.take(after(5), reading(9.0));
        assert_eq!(meter.known.cpu, None);
        meter.take(after(16), reading(10.0));
        assert_eq!(meter.known.cpu, None, "eleven seconds are too long");
        meter.take(after(26), reading(15.0));
        assert_eq!(meter.known.cpu, Some(0.5));
    }
}
