//! The lines of commands on their way to the log: at most 20 a second for each line of the configuration and stream,
//! however many commands it runs.
//!
//! The first ones of a second are logged at once. Of the rest the last ones are kept, since a program says at its end why
//! it ends; they are logged behind a count at the end of the second, or of the command.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use log::{Level, Record};

use super::shown::Secrets;

/// Lines that are logged at once in each [`PERIOD`].
const AT_ONCE: u32 = 16;
/// Lines that are kept of the others.
const LAST: usize = 3;
/// All lines of a period: with the count, what the log takes of one place in the source.
const MOST: u32 = AT_ONCE + 1 + LAST as u32;
const PERIOD: Duration = Duration::from_secs(1);
/// Counts of earlier seconds are forgotten when there are so many.
const MOST_COUNTS: usize = 128;

/// A command as the log has it.
pub struct Source {
    label: Box<str>,
    secrets: Secrets,
    /// What its lines are counted by.
    counted_as: Rc<str>,
}

impl Source {
    /// Of a command with this label. Its lines are counted together with those of all that have the same one, except for
    /// the number of the session in front.
    pub fn new(label: &str, secrets: Secrets) -> Self {
        let counted_as = match label.strip_prefix('#').and_then(|rest| rest.split_once(' ')) {
            Some((_, rest)) => rest.into(),
            None => label.into(),
        };
        Self { label: label.into(), secrets, counted_as }
    }

    /// A text as the log may have it.
    pub fn show(&self, text: &str) -> String {
        self.secrets.show(text)
    }

    fn log(&self, period: u32, line: &str) {
        self.log_shown(period, &self.secrets.show(line));
    }

    /// Logs a line as a warning.
    pub fn warn(&self, line: &str) {
        log::warn!("{}: {}", self.label, self.secrets.show(line));
    }

    /// Each period is a place in the source of its own, so the log's limit leaves out no line.
    fn log_shown(&self, period: u32, text: &str) {
        log::logger().log(
            &Record::builder()
                .level(Level::Info)
                .target(module_path!())
                .module_path_static(Some(module_path!()))
                .file_static(Some(file!()))
                .line(Some(period))
                .args(format_args!("{}: {text}", self.label))
                .build(),
        );
    }
}

/// The lines of all commands.
#[derive(Default)]
pub struct LogLines {
    counts: HashMap<Rc<str>, Counted>,
    /// When lines that are kept are to be logged.
    due: Option<Instant>,
    last_period: u32,
}

/// The lines of a second.
struct Counted {
    period: u32,
    ends: Instant,
    logged: u32,
    kept: Option<Kept>,
}

/// What has not been logged yet.
struct Kept {
    /// The last command that has written.
    source: Rc<Source>,
    /// Lines before `last`.
    lines: u64,
    /// Bytes that were not even cut into lines.
    bytes: u64,
    last: VecDeque<(Rc<Source>, String)>,
}

impl LogLines {
    /// Logs a line now or later.
    pub fn add(&mut self, source: &Rc<Source>, line: &str, now: Instant) {
        if log::max_level() < Level::Info {
            return;
        }
        let counted = self.counted(source, now);
        if counted.kept.is_none() && counted.logged < AT_ONCE {
            counted.logged += 1;
            source.log(counted.period, line);
        } else {
            self.keep(source, now, |kept| kept.line(source, line));
        }
    }

    /// Counts bytes that are left out.
    pub fn leave_out(&mut self, source: &Rc<Source>, bytes: u64, now: Instant) {
        self.keep(source, now, |kept| kept.bytes += bytes);
    }

    /// Logs what is kept, since a command has ended. If there is no room, it is logged at the end of the second.
    pub fn finish(&mut self, source: &Source) {
        let Some(counted) = self.counts.get_mut(&source.counted_as) else { return };
        let count = counted.kept.as_ref().map_or(0, Kept::count);
        if counted.logged + count <= MOST {
            counted.write();
        }
    }

    /// When lines are to be logged.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Logs the lines whose second is over.
    pub fn write_due(&mut self, now: Instant) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        for counted in self.counts.values_mut().filter(|counted| counted.kept.is_some()) {
            counted.begin_if_over(now, &mut self.last_period);
        }
        let kept = self.counts.values().filter(|counted| counted.kept.is_some());
        self.due = kept.map(|counted| counted.ends).min();
    }

    /// The count that holds for a command now.
    fn counted(&mut self, source: &Source, now: Instant) -> &mut Counted {
        if self.counts.len() >= MOST_COUNTS && !self.counts.contains_key(&source.counted_as) {
            self.counts.retain(|_, counted| counted.ends > now || counted.kept.is_some());
        }
        let counted = self.counts.entry(Rc::clone(&source.counted_as)).or_insert_with(|| Counted {
            period: 0,
            ends: now,
            logged: 0,
            kept: None,
        });
        counted.begin_if_over(now, &mut self.last_period);
        counted
    }

    fn keep(&mut self, source: &Rc<Source>, now: Instant, change: impl FnOnce(&mut Kept)) {
        let counted = self.counted(source, now);
        let empty = || Kept { source: Rc::clone(source), lines: 0, bytes: 0, last: VecDeque::new() };
        let kept = counted.kept.get_or_insert_with(empty);
        if !Rc::ptr_eq(&kept.source, source) {
            kept.source = Rc::clone(source);
        }
        change(kept);
        let ends = counted.ends;
        self.due = Some(self.due.map_or(ends, |due| due.min(ends)));
    }
}

impl Counted {
    /// Begins a second if the one before is over, with what was kept of that.
    fn begin_if_over(&mut self, now: Instant, last_period: &mut u32) {
        if self.ends <= now {
            *last_period = last_period.wrapping_add(1);
            (self.period, self.ends, self.logged) = (*last_period, now + PERIOD, 0);
            self.write();
        }
    }

    /// Logs what is kept.
    fn write(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        self.logged += kept.count();
        let Kept { source, lines, bytes, last } = kept;
        match (lines, bytes.div_ceil(1024)) {
            (0, 0) => {}
            (lines, 0) => source.log_shown(self.period, &format!("({lines} lines left out)")),
            (0, size) => source.log_shown(self.period, &format!("({size} KiB left out)")),
            (lines, size) => {
                source.log_shown(self.period, &format!("({lines} lines and {size} KiB left out)"));
            }
        }
        for (source, line) in last {
            source.log(self.period, &line);
        }
    }
}

impl Kept {
    /// The lines of the log that it takes.
    fn count(&self) -> u32 {
        u32::from(self.lines > 0 || self.bytes > 0) + self.last.len() as u32
    }

    fn line(&mut self, source: &Rc<Source>, line: &str) {
        let mut text = String::new();
        if self.last.len() >= LAST {
            self.lines += 1;
            // Its memory is used again: lines may come by the million.
            text = self.last.pop_front().map(|(_, text)| text).unwrap_or_default();
            text.clear();
        }
        text.push_str(line);
        self.last.push_back((Rc::clone(source), text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(label: &str) -> Rc<Source> {
        Rc::new(Source::new(label, Secrets::default()))
    }

    impl LogLines {
        /// Lines logged in this second, lines left out, bytes left out, and the last ones that are kept.
        fn state(&self, source: &Source) -> (u32, u64, u64, Vec<&str>) {
            let counted = &self.counts[&source.counted_as];
            let Some(kept) = &counted.kept else { return (counted.logged, 0, 0, Vec::new()) };
            let last = kept.last.iter().map(|(_, line)| line.as_str()).collect();
            (counted.logged, kept.lines, kept.bytes, last)
        }
    }

    #[test]
    fn the_last_lines_of_a_command_are_logged_however_many_come_before() {
        log::set_max_level(log::LevelFilter::Info);
        let (mut lines, now) = (LogLines::default(), Instant::now());
        let first = source("#1 exec of live/cam: ffmpeg");
        (0..40).for_each(|number| lines.add(&first, &number.to_string(), now));
        assert_eq!(lines.state(&first), (16, 21, 0, vec!["37", "38", "39"]));
        lines.finish(&first);
        assert_eq!(lines.state(&first), (20, 0, 0, vec![]));
        // The next run of the same line of the configuration waits for the end of the second.
        let second = source("#2 exec of live/cam: ffmpeg");
        lines.add(&second, "why", now);
        lines.finish(&second);
        assert_eq!(lines.state(&first), (20, 0, 0, vec!["why"]));
        assert_eq!(lines.due(), Some(now + PERIOD));
        lines.write_due(now + PERIOD);
        assert_eq!(lines.state(&first), (1, 0, 0, vec![]));
        assert_eq!(lines.due(), None);
        let another = source("#2 exec of live/other: ffmpeg");
        lines.add(&another, "a", now);
        assert_eq!(lines.state(&another), (1, 0, 0, vec![]));
    }

    #[test]
    fn no_second_has_more_than_twenty_lines() {
        log::set_max_level(log::LevelFilter::Info);
        let (mut lines, mut now) = (LogLines::default(), Instant::now());
        let mut periods: HashMap<u32, u32> = HashMap::new();
        for number in 0..5000 {
            let run = source(&format!("#{number} exec of live/cam: ffmpeg"));
            (0..10).for_each(|_| lines.add(&run, "a", now));
            lines.leave_out(&run, 10, now);
            lines.finish(&run);
            now += Duration::from_millis(7);
            let counted = &lines.counts[&run.counted_as];
            periods.insert(counted.period, counted.logged);
        }
        assert!((30..40).contains(&periods.len()), "{}", periods.len());
        assert!(periods.values().all(|logged| *logged <= MOST));
    }
}
