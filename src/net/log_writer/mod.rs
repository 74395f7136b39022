//! The thread that writes a log: the loop adds lines, and waits neither for a program that reads the log nor for a
//! disk.
//!
//! A queue of 256 KiB lies between loop and thread; lines beyond it are dropped and counted. From error to info, each
//! place in the source may log 20 lines a second, and the rest is counted. A log for debug or trace has no such limit.
//!
//! Before the thread is started, lines are written at once: they are few, they must not be lost if the start fails,
//! and a thread would not survive the fork of a process that goes to the background.

mod limits;
mod output;
mod queue;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Record};

use limits::{Admission, CallSite, LeftOut, LineLimits};
pub use output::{Format, LogOutput};
use output::{Output, Patience};
use queue::LineQueue;

/// The longest wait for a line to be written before there is a thread: nobody may read the log.
const PATIENCE: Duration = Duration::from_secs(1);
/// The thread's stack: it formats a line and writes.
const STACK: usize = 256 * 1024;

/// Opens the output of a log again; `None` if that fails.
type Reopen = Box<dyn FnOnce() -> Option<LogOutput> + Send>;

/// A log that is written by a thread. Clones are the same log.
#[derive(Debug, Clone)]
pub struct LogWriter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    format: Format,
    /// No place in the source has a limit.
    is_complete: AtomicBool,
    /// The log is no longer used: its thread writes what waits, and ends.
    is_closed: AtomicBool,
    state: Mutex<State>,
    /// Tells the thread that there is something to do, or another time to wait for.
    has_work: Condvar,
    /// Tells the others that all has been written, or that the thread has begun.
    is_idle: Condvar,
}

struct State {
    queue: LineQueue,
    limits: LineLimits,
    /// Until the thread takes it.
    output: Option<Output>,
    /// For the thread to open the file with.
    reopen: Option<Reopen>,
}

/// The next thing that the thread has to do.
enum Task {
    /// Write the lines.
    Write,
    Reopen(Reopen),
    End,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("queue", &self.queue)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl LogWriter {
    /// A log that has no thread yet. At `level` debug or trace no line is left out: who reads such a log looks for one
    /// line, or for the order of all.
    pub fn new(output: LogOutput, level: LevelFilter, format: Format) -> Self {
        let output = Some(Output::new(output, format.clone()));
        let (queue, limits) = (LineQueue::new(format.clone()), LineLimits::default());
        let log = Self(Arc::new(Shared {
            format,
            is_complete: AtomicBool::default(),
            is_closed: AtomicBool::default(),
            state: Mutex::new(State { queue, limits, output, reopen: None }),
            has_work: Condvar::new(),
            is_idle: Condvar::new(),
        }));
        log.set_level(level);
        log
    }

    /// Changes the level, see [`LogWriter::new`].
    pub fn set_level(&self, level: LevelFilter) {
        self.0.is_complete.store(level > LevelFilter::Info, Ordering::Relaxed);
    }

    /// Starts the thread, if there is none; from then on nobody waits for the log. To be called after any fork.
    pub fn start(&self) -> io::Result<()> {
        if self.0.state().output.is_none() {
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name("log".to_owned()).stack_size(STACK).spawn(move || shared.serve())?;
        let has_not_begun = |state: &mut State| state.output.is_some();
        drop(self.0.is_idle.wait_while(self.0.state(), has_not_begun));
        Ok(())
    }

    /// Adds a line, or counts it if its place in the source has logged too many.
    pub fn add(&self, record: &Record<'_>, now: Instant) {
        let site = CallSite::of(record);
        match self.0.admit(site, record.level(), now) {
            Admission::Written => self.0.push(&self.0.format.line(record.level(), record.args())),
            Admission::FirstLeftOut => {
                let example = record.args().to_string();
                self.0.state().limits.describe(site, example);
                // The thread has to write the count when it is due.
                self.0.has_work.notify_one();
            }
            Admission::LeftOut => {}
        }
    }

    /// Waits until everything has been written, or for at most `limit`.
    pub fn flush(&self, limit: Duration) {
        let is_busy = |state: &mut State| !state.queue.is_idle();
        drop(self.0.is_idle.wait_timeout_while(self.0.state(), limit, is_busy));
    }

    /// Has the thread open the file again, once it has written what waits now. If that fails, the open file is kept.
    pub fn reopen(&self, open: impl FnOnce() -> Option<LogOutput> + Send + 'static) {
        self.0.state().reopen = Some(Box::new(open));
        self.0.has_work.notify_one();
    }

    /// Has the thread write what waits, and end. Waits for nothing. Lines that nobody reads for a second are lost.
    pub fn close(&self) {
        let mut state = self.0.state();
        let left_out = state.limits.take_all();
        state.push_counts(&self.0.format, left_out);
        self.0.is_closed.store(true, Ordering::Relaxed);
        drop(state);
        self.0.has_work.notify_one();
    }

    /// Whether everything has been written.
    pub fn is_idle(&self) -> bool {
        self.0.state().queue.is_idle()
    }

    /// Ends the log: adds the counts of the lines left out so far, and flushes.
    pub fn finish(&self, limit: Duration) {
        let mut state = self.0.state();
        let left_out = state.limits.take_all();
        state.push_counts(&self.0.format, left_out);
        state.write_directly();
        drop(state);
        self.0.has_work.notify_one();
        self.flush(limit);
    }
}

impl Shared {
    /// A poisoned lock is used on: nothing panics while it holds the state, and each change of it is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, site: CallSite, level: Level, now: Instant) -> Admission {
        if level > Level::Info || self.is_complete.load(Ordering::Relaxed) {
            return Admission::Written;
        }
        let mut state = self.state();
        if state.output.is_some() {
            return Admission::Written;
        }
        let due = state.limits.take_due(now);
        state.push_counts(&self.format, due);
        state.limits.admit(site, level, now)
    }

    fn push(&self, line: &str) {
        let mut state = self.state();
        let was_empty = state.queue.is_empty();
        state.queue.push(line);
        state.write_directly();
        drop(state);
        if was_empty {
            self.has_work.notify_one();
        }
    }

    /// Runs in the thread for as long as the log is used.
    fn serve(&self) {
        let Some(mut output) = self.state().output.take() else { return };
        self.is_idle.notify_all();
        let mut lines = Vec::new();
        loop {
            match self.wait_for_task(&mut lines) {
                Task::Write => output.write(&lines, Patience::UntilClosed(&self.is_closed)),
                Task::Reopen(open) => {
                    if let Some(to) = open() {
                        output.replace(to);
                    }
                }
                Task::End => return,
            }
            let mut state = self.state();
            state.queue.written();
            if state.queue.is_idle() {
                self.is_idle.notify_all();
            }
        }
    }

    /// Waits for lines to write, for counts that are due, for a file to be opened again, and for the end.
    fn wait_for_task(&self, lines: &mut Vec<u8>) -> Task {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let due = state.limits.take_due(now);
            state.push_counts(&self.format, due);
            if state.queue.take(lines) {
                return Task::Write;
            }
            if let Some(open) = state.reopen.take() {
                return Task::Reopen(open);
            }
            if self.is_closed.load(Ordering::Relaxed) {
                return Task::End;
            }
            state = match state.limits.due() {
                None => self.has_work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let wait = due.saturating_duration_since(now);
                    self.has_work.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl State {
    fn push_counts(&mut self, format: &Format, left_out: Vec<LeftOut>) {
        for LeftOut { level, count, example } in left_out {
            self.queue.push(
                &format.line(level, &format_args!("{count} more lines within a second like: {example}")),
            );
        }
    }

    /// Writes what waits, if there is no thread to do it.
    fn write_directly(&mut self) {
        let Some(output) = &mut self.output else { return };
        let mut lines = Vec::new();
        if self.queue.take(&mut lines) {
            output.write(&lines, Patience::For(PATIENCE));
            self.queue.written();
        }
    }
}

#[cfg(test)]
mod tests;
