//! What a command writes: read from its pipe as fast as the log may take it, and logged line by line.

use std::fmt;
use std::io::{ErrorKind, PipeReader, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use log::{Level, Record};

use super::lines::Lines;
use super::shown::Secrets;

/// The most bytes that are read of a command in a second; beyond them its pipe fills, and the command waits.
const RATE: u64 = 256 * 1024;
/// The most bytes that may come at once: programs have much to say when they begin.
const BURST: u64 = 1024 * 1024;
/// The most bytes of a read: each of them may end a line.
const MOST: usize = 8 * 1024;
/// The time after which a command whose bytes are used up is read again.
const PAUSE: Duration = Duration::from_millis(100);
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

/// The output of one command.
pub struct Output {
    pipe: PipeReader,
    lines: Lines,
    voice: Voice,
    /// Bytes that may be read, as of `counted_at`.
    allowance: u64,
    counted_at: Instant,
}

/// What the log needs to know of a command.
pub struct Voice {
    label: Rc<str>,
    secrets: Secrets,
    /// The log counts the lines of each command by themselves.
    serial: u32,
}

impl Voice {
    pub fn new(label: Rc<str>, secrets: Secrets, serial: u32) -> Self {
        Self { label, secrets, serial }
    }

    fn log(&self, line: &str) {
        if log::max_level() < Level::Info {
            return;
        }
        // Written only if the log takes the line.
        let shown = Shown { voice: self, line };
        log::logger().log(
            &Record::builder()
                .level(Level::Info)
                .target(module_path!())
                .module_path_static(Some(module_path!()))
                .file_static(Some(file!()))
                .line(Some(self.serial))
                .args(format_args!("{shown}"))
                .build(),
        );
    }
}

struct Shown<'a> {
    voice: &'a Voice,
    line: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.voice.label, self.voice.secrets.show(self.line))
    }
}

impl Output {
    pub fn new(pipe: PipeReader, voice: Voice, now: Instant) -> Self {
        Self { pipe, lines: Lines::default(), voice, allowance: BURST, counted_at: now }
    }

    /// Reads once.
    pub fn step(&mut self, scratch: &mut [u8], now: Instant) -> Step {
        let earned = now.saturating_duration_since(self.counted_at).as_micros() as u64 * RATE / 1_000_000;
        self.allowance = self.allowance.saturating_add(earned).min(BURST);
        self.counted_at = now;
        if self.allowance == 0 {
            return Step::Paused(now + PAUSE);
        }
        let (step, count) = self.read(scratch, self.allowance as usize);
        self.allowance -= (count as u64).min(self.allowance);
        step
    }

    /// Reads what is left in the pipe when the command has ended, and logs a last line that has no end.
    pub fn finish(&mut self, scratch: &mut [u8]) {
        for _ in 0..LAST_READS {
            if self.read(scratch, MOST).0 != Step::More {
                break;
            }
        }
        self.lines.finish(|line| self.voice.log(line));
    }

    fn read(&mut self, scratch: &mut [u8], most: usize) -> (Step, usize) {
        let most = scratch.len().min(most).min(MOST);
        let scratch = scratch.get_mut(..most).unwrap_or_default();
        match self.pipe.read(scratch) {
            Ok(0) => (Step::Closed, 0),
            Ok(count) => {
                self.lines.add(scratch.get(..count).unwrap_or_default(), |line| self.voice.log(line));
                (Step::More, count)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => (Step::More, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (Step::Empty, 0),
            Err(_) => (Step::Closed, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_command_that_writes_more_than_it_may_is_paused_and_read_again() {
        let (pipe, mut writer) = std::io::pipe().unwrap();
        let (now, mut scratch) = (Instant::now(), vec![0; 64 * 1024]);
        let mut output = Output::new(pipe, Voice::new("exec: a".into(), Secrets::default(), 1), now);
        let mut write = |output: &mut Output, at| {
            writer.write_all(&[b'a'; MOST]).unwrap();
            output.step(&mut scratch, at)
        };
        for _ in 0..BURST as usize / MOST {
            assert_eq!(write(&mut output, now), Step::More);
        }
        assert_eq!(write(&mut output, now), Step::Paused(now + PAUSE));
        let later = now + PAUSE;
        let steps = (0..6).map(|_| write(&mut output, later)).filter(|step| *step == Step::More).count();
        assert_eq!(steps as u64, (RATE / 10).div_ceil(MOST as u64));
        drop(writer);
        let much_later = later + Duration::from_secs(60);
        let steps = std::iter::from_fn(|| Some(output.step(&mut scratch, much_later)));
        assert_eq!(steps.take_while(|step| *step != Step::Closed).count(), 4, "what has waited in the pipe");
    }
}
