//! The limit of 20 lines a second for each place in the source. The rest is counted, and the count is logged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::{Level, Record};

/// Lines of one place in each [`PERIOD`].
const MAX_LINES: u32 = 20;
/// The time for which the lines of a place are counted.
const PERIOD: Duration = Duration::from_secs(1);
/// Places that are counted at a time; about 130 log anything. Any others would be counted as one.
const MAX_CALL_SITES: usize = 1024;
/// Bytes of the line that is shown for those left out.
const MAX_EXAMPLE: usize = 256;

/// A place in the source that logs: its file and line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallSite(Option<&'static str>, Option<u32>);

impl CallSite {
    pub fn of(record: &Record<'_>) -> Self {
        Self(record.file_static(), record.line())
    }
}

/// The decision on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Written,
    /// The first of its place that is left out in this period: its text is to be given to [`LineLimits::describe`].
    FirstLeftOut,
    LeftOut,
}

/// Lines of one place that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The level of the first.
    pub level: Level,
    pub count: u64,
    /// The first of them.
    pub example: String,
}

/// The lines of all places in their current periods.
#[derive(Debug, Default)]
pub struct LineLimits {
    periods: HashMap<CallSite, Period>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Period {
    ends: Instant,
    lines: u32,
    left_out: Option<LeftOut>,
}

impl LineLimits {
    /// Counts a line. [`LineLimits::take_due`] comes first.
    pub fn admit(&mut self, site: CallSite, level: Level, now: Instant) -> Admission {
        let site = self.counted_as(site, now);
        let fresh = || Period { ends: now + PERIOD, lines: 0, left_out: None };
        let period = self.periods.entry(site).or_insert_with(fresh);
        if period.ends <= now && period.left_out.is_none() {
            *period = fresh();
        }
        if period.lines < MAX_LINES {
            period.lines += 1;
            return Admission::Written;
        }
        if let Some(left_out) = &mut period.left_out {
            left_out.count += 1;
            return Admission::LeftOut;
        }
        period.left_out = Some(LeftOut { level, count: 1, example: String::new() });
        self.due = Some(self.due.map_or(period.ends, |due| due.min(period.ends)));
        Admission::FirstLeftOut
    }

    /// Keeps the text of the first line that a place has left out.
    pub fn describe(&mut self, site: CallSite, mut line: String) {
        let site = if self.periods.contains_key(&site) { site } else { CallSite::default() };
        if let Some(left_out) = self.periods.get_mut(&site).and_then(|period| period.left_out.as_mut()) {
            let end = (0..=MAX_EXAMPLE.min(line.len())).rev().find(|&end| line.is_char_boundary(end));
            line.truncate(end.unwrap_or_default());
            left_out.example = line;
        }
    }

    /// When the next counts are due; `None` if nothing has been left out.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the counts of the periods that are over.
    pub fn take_due(&mut self, now: Instant) -> Vec<LeftOut> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.take(|period| period.ends <= now)
    }

    /// Takes all counts, at the end.
    pub fn take_all(&mut self) -> Vec<LeftOut> {
        self.take(|_| true)
    }

    fn take(&mut self, is_over: impl Fn(&Period) -> bool) -> Vec<LeftOut> {
        let mut over = Vec::new();
        self.periods.retain(|_, period| {
            if is_over(period) {
                over.extend(period.left_out.take());
                return false;
            }
            true
        });
        let due = self.periods.values().filter(|period| period.left_out.is_some()).map(|period| period.ends);
        self.due = due.min();
        over
    }

    /// The place itself, or the one that stands for all that are too many.
    fn counted_as(&mut self, site: CallSite, now: Instant) -> CallSite {
        if self.periods.len() >= MAX_CALL_SITES && !self.periods.contains_key(&site) {
            self.periods.retain(|_, period| period.ends > now || period.left_out.is_some());
        }
        let has_room = self.periods.len() < MAX_CALL_SITES || self.periods.contains_key(&site);
        if has_room { site } else { CallSite::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(line: u32) -> CallSite {
        CallSite(Some("a.rs"), Some(line))
    }

    /// Admits lines of a place; returns how many were written.
    fn written(limits: &mut LineLimits, site: CallSite, lines: u32, now: Instant) -> usize {
        let admissions = (0..lines).map(|_| limits.admit(site, Level::Info, now));
        admissions.filter(|admission| *admission == Admission::Written).count()
    }

    fn counts(left_out: &[LeftOut]) -> Vec<u64> {
        left_out.iter().map(|left_out| left_out.count).collect()
    }

    #[test]
    fn twenty_lines_a_second_of_a_place_are_written_and_the_rest_is_counted() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        assert_eq!(written(&mut limits, site(1), 20, now), 20);
        assert_eq!(limits.due(), None, "nothing has been left out");
        assert_eq!(limits.admit(site(1), Level::Warn, now), Admission::FirstLeftOut);
        limits.describe(site(1), "the first".to_owned());
        assert_eq!(limits.admit(site(1), Level::Info, now), Admission::LeftOut);
        let end = now + PERIOD;
        assert_eq!(limits.due(), Some(end));
        assert_eq!(limits.take_due(end - Duration::from_nanos(1)), []);
        let expected = LeftOut { level: Level::Warn, count: 2, example: "the first".to_owned() };
        assert_eq!(limits.take_due(end), [expected]);
        assert_eq!((limits.due(), limits.take_due(end + PERIOD)), (None, Vec::new()));
        assert_eq!(written(&mut limits, site(1), 30, end), 20, "a new period");
    }

    #[test]
    fn places_do_not_count_against_each_other() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        assert_eq!(written(&mut limits, site(1), 50, now), 20);
        let later = now + PERIOD / 2;
        assert_eq!(written(&mut limits, site(2), 30, later), 20);
        assert_eq!(counts(&limits.take_due(now + PERIOD)), [30]);
        assert_eq!(limits.due(), Some(later + PERIOD));
        assert_eq!(counts(&limits.take_due(later + PERIOD)), [10]);
    }

    #[test]
    fn a_slow_place_is_never_cut() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        for second in 0..100 {
            assert_eq!(written(&mut limits, site(1), 20, now + PERIOD * second), 20);
        }
        assert_eq!(limits.take_all(), []);
    }

    #[test]
    fn lines_left_out_when_the_log_ends_are_counted_too() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        written(&mut limits, site(1), 50, now);
        assert_eq!(counts(&limits.take_all()), [30]);
    }

    #[test]
    fn more_places_than_are_counted_share_one_count() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        let most = MAX_CALL_SITES as u32;
        for line in 0..most {
            assert_eq!(written(&mut limits, site(line), 1, now), 1);
        }
        assert_eq!(written(&mut limits, site(most), 15, now), 15);
        assert_eq!(written(&mut limits, site(most + 1), 15, now), 5);
        assert_eq!(limits.periods.len(), MAX_CALL_SITES + 1);
        assert_eq!(written(&mut limits, site(most), 15, now + PERIOD), 15, "there is room again");
    }

    #[test]
    fn a_long_example_is_cut_between_two_characters() {
        let (mut limits, now) = (LineLimits::default(), Instant::now());
        written(&mut limits, site(1), 21, now);
        limits.describe(site(1), format!("a{}", "\u{e4}".repeat(200)));
        assert_eq!(limits.take_all()[0].example.len(), 255);
    }
}
