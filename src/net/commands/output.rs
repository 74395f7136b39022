//! What a command writes: read from its pipe, cut into lines, and given to the log.
//!
//! A command that floods never waits for the log: what is too much for it is read and left out. Only one that writes
//! faster than any program has reason to is slowed.

use std::io::{ErrorKind, PipeReader, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use log::Level;

use super::lines::Lines;
use super::log_lines::{LogLines, Source};

/// Bytes of a command that are cut into lines: so many a second, and so many at once, as programs have much to say when
/// they begin.
const LINES: Rate = Rate { second: 256 * 1024, most: 1024 * 1024 };
/// When so many may be cut into lines again, that goes on.
const RESUME: u64 = 64 * 1024;
/// Bytes of a command that are read; beyond them its pipe fills, and the command waits.
const READS: Rate = Rate { second: 16 * 1024 * 1024, most: 4 * 1024 * 1024 };
/// The most bytes of a read that is cut into lines: each of them may end one.
const MOST: usize = 8 * 1024;
/// The time after which a command whose bytes are used up is read again.
const PAUSE: Duration = Duration::from_millis(20);
/// The last bytes that are kept of what is left out: they may say why the command ends.
const TAIL: usize = 4096;
/// The most reads for what is left when a command has ended: as much as a pipe keeps.
const LAST_READS: usize = 8;

/// A step of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    More,
    /// There is nothing more for now.
    Empty,
    /// The command has written all that it may, and is read again at this time.
    Paused(Instant),
    /// Nobody can write any more.
    Closed,
}

/// How many bytes there may be.
struct Rate {
    second: u64,
    most: u64,
}

/// Bytes that there may be now.
struct Allowance {
    rate: Rate,
    left: u64,
    counted_at: Instant,
}

impl Allowance {
    fn new(rate: Rate, now: Instant) -> Self {
        Self { left: rate.most, rate, counted_at: now }
    }

    fn earn(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.counted_at).as_micros() as u64;
        let earned = time.saturating_mul(self.rate.second) / 1_000_000;
        self.left = self.left.saturating_add(earned).min(self.rate.most);
        self.counted_at = now;
    }

    fn spend(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
    }
}

/// The output of one command.
pub struct Output {
    /// Until nobody can write any more.
    pipe: Option<PipeReader>,
    source: Rc<Source>,
    lines: Lines,
    to_cut: Allowance,
    to_read: Allowance,
    /// While bytes are left out, the last of them.
    left_out: Option<Vec<u8>>,
    /// The last line.
    last_line: String,
}

impl Output {
    pub fn new(pipe: PipeReader, source: Rc<Source>, now: Instant) -> Self {
        Self {
            pipe: Some(pipe),
            source,
            lines: Lines::default(),
            to_cut: Allowance::new(LINES, now),
            to_read: Allowance::new(READS, now),
            left_out: None,
            last_line: String::new(),
        }
    }

    /// Whether there may be anything left to read.
    pub fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Whether more comes than the log takes.
    pub fn is_flood(&self) -> bool {
        self.left_out.is_some()
    }

    /// Reads once.
    pub fn step(&mut self, scratch: &mut [u8], log: &mut LogLines, now: Instant) -> Step {
        self.to_cut.earn(now);
        self.to_read.earn(now);
        if self.to_read.left < scratch.len() as u64 {
            return Step::Paused(now + PAUSE);
        }
        if self.is_flood() && self.to_cut.left >= RESUME {
            self.resume(log, now);
        } else if !self.is_flood() && self.to_cut.left < MOST as u64 {
            // What has begun is no line without its end.
            self.lines = Lines::default();
            self.left_out = Some(Vec::new());
        }
        self.read(scratch, log, now)
    }

    /// Reads what is left in the pipe when the command has ended, and logs a last line that has no end.
    pub fn finish(&mut self, scratch: &mut [u8], log: &mut LogLines, now: Instant) {
        let mut reads = (0..LAST_READS).map(|_| self.read(scratch, log, now));
        let _ = reads.find(|step| *step != Step::More);
        self.resume(log, now);
        self.lines.finish(|line| log_line((&self.source, &mut self.last_line), line, log, now));
        log.finish(&self.source);
    }

    /// Logs its last line as a warning, for a log that has no other lines of it: mostly it says why the command has
    /// failed.
    pub fn warn(&self) {
        if log::max_level() < Level::Info && !self.last_line.is_empty() {
            self.source.warn(&self.last_line);
        }
    }

    /// Cuts into lines again, beginning with the last ones that were left out.
    fn resume(&mut self, log: &mut LogLines, now: Instant) {
        if let Some(tail) = self.left_out.take() {
            let begin = tail.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let whole = begin.and_then(|begin| tail.get(begin..)).unwrap_or_default();
            self.lines.add(whole, |line| log_line((&self.source, &mut self.last_line), line, log, now));
        }
    }

    fn read(&mut self, scratch: &mut [u8], log: &mut LogLines, now: Instant) -> Step {
        let most = if self.is_flood() { scratch.len() } else { scratch.len().min(MOST) };
        let scratch = scratch.get_mut(..most).unwrap_or_default();
        let Some(pipe) = &mut self.pipe else { return Step::Closed };
        match pipe.read(scratch) {
            Ok(0) => {
                self.pipe = None;
                Step::Closed
            }
            Ok(count) => {
                self.to_read.spend(count);
                self.take(scratch.get(..count).unwrap_or_default(), log, now);
                Step::More
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Step::More,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Empty,
            Err(_) => {
                self.pipe = None;
                Step::Closed
            }
        }
    }

    fn take(&mut self, bytes: &[u8], log: &mut LogLines, now: Instant) {
        match &mut self.left_out {
            None => {
                self.to_cut.spend(bytes.len());
                self.lines.add(bytes, |line| log_line((&self.source, &mut self.last_line), line, log, now));
            }
            Some(tail) => {
                tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
                tail.drain(..tail.len().saturating_sub(TAIL));
                log.leave_out(&self.source, bytes.len() as u64, now);
            }
        }
    }
}

/// Logs a line, and keeps it as the last one.
fn log_line((source, last): (&Rc<Source>, &mut String), line: &str, log: &mut LogLines, now: Instant) {
    log.add(source, line, now);
    last.clear();
    last.push_str(line);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::net::commands::shown::Secrets;

    #[test]
    fn a_flood_is_left_out_but_for_its_last_lines_and_slowed_only_when_it_is_a_great_one() {
        let (pipe, mut writer) = std::io::pipe().unwrap();
        let (now, mut scratch, mut log) = (Instant::now(), vec![0; 64 * 1024], LogLines::default());
        let mut output = Output::new(pipe, Rc::new(Source::new("exec: a", Secrets::default())), now);
        let mut write = |output: &mut Output, log: &mut LogLines, at| {
            writer.write_all(&[b'a'; MOST]).unwrap();
            output.step(&mut scratch, log, at)
        };
        for _ in 0..LINES.most as usize / MOST {
            assert_eq!(write(&mut output, &mut log, now), Step::More);
            assert!(!output.is_flood());
        }
        for _ in LINES.most as usize / MOST..=(READS.most as usize - 64 * 1024) / MOST {
            assert_eq!(write(&mut output, &mut log, now), Step::More);
            assert!(output.is_flood());
        }
        assert_eq!(write(&mut output, &mut log, now), Step::Paused(now + PAUSE));
        let later = now + Duration::from_millis(250);
        assert_eq!((write(&mut output, &mut log, later), output.is_flood()), (Step::More, false));
        drop(writer);
        assert_eq!(output.step(&mut scratch, &mut log, later), Step::More, "what has waited in the pipe");
        assert_eq!(output.step(&mut scratch, &mut log, later), Step::Closed);
    }
}
