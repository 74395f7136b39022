//! The wait for the end of a command: for its processes, for orders of the server, and for the time to kill it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millstream::engine::{CommandEnd, CommandEvent};
use nix::fcntl::OFlag;
use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::pipe2;
use signal_hook::{flag, low_level};

use super::control::{Control, News};
use super::drain::Drain;
use super::family::Family;

/// The time that a managed command has to end when the server has gone.
const TIME_WITHOUT_SERVER: Duration = Duration::from_secs(3);
/// The time after which a command that has not ended gets its signal once more. ffmpeg ends only then if it waits for
/// media of a stream that has ended; killed, it would leave its files without an end.
const REMINDER: Duration = Duration::from_secs(1);
/// The times between two attempts to kill what is left: a process may be starting others, or wait for a disk.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What wakes the launcher: a pipe that signals write to.
pub struct Wait {
    wakes: File,
    /// Somebody, such as the manager of services, has told this process to end.
    is_told: Arc<AtomicBool>,
}

impl Wait {
    /// To be called before the command is started, so that no end of a process is missed.
    pub fn begin() -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let is_told = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGQUIT, SIGHUP] {
            flag::register(signal, Arc::clone(&is_told))?;
            low_level::pipe::register(signal, write.try_clone()?)?;
        }
        low_level::pipe::register(SIGCHLD, write)?;
        Ok(Self { wakes: File::from(read), is_told })
    }
}

/// The end of a command that has been told to end.
struct Ending {
    /// When it gets its signal once more.
    remind_at: Option<Instant>,
    /// When it is killed, for the first time or again.
    kill_at: Instant,
    pause: Duration,
}

impl Ending {
    /// When something is to be done next.
    fn next(&self) -> Instant {
        self.remind_at.map_or(self.kill_at, |at| at.min(self.kill_at))
    }
}

/// All that a launcher has to do with, while its command runs.
pub struct Watch<'c> {
    family: Family,
    wait: Wait,
    /// Until the server has gone.
    control: Option<&'c mut Control>,
    /// What is read when the server has gone.
    drain: Option<Drain>,
    ending: Option<Ending>,
}

impl<'c> Watch<'c> {
    pub fn new(family: Family, control: &'c mut Control, wait: Wait, drain: Option<Drain>) -> Self {
        Self { family, wait, control: Some(control), drain, ending: None }
    }

    /// Waits until the command has ended, a managed one with all that it has started.
    pub fn until_end(&mut self) -> CommandEnd {
        // It may have been told to end before it was started.
        let early = self.control.as_mut().map(|control| control.early_news());
        early.into_iter().flatten().for_each(|news| self.hear(news));
        loop {
            if let Some(end) = self.family.reap() {
                return end;
            }
            let now = Instant::now();
            self.remind_if_due(now);
            self.kill_if_due(now);
            self.wait(now);
        }
    }

    /// Waits until nobody can write any more. Without this, what an independent command has left in the background would be
    /// ended by its next line if the server goes.
    pub fn until_output_ends(&mut self) {
        while let Some(drain) = &mut self.drain {
            let Some(control) = &mut self.control else {
                if !drain.read() {
                    return;
                }
                let pause = drain.pause();
                let drain = pause.is_none().then(|| (drain.as_fd(), PollFlags::POLLIN));
                poll_all([drain], pause);
                continue;
            };
            let drain = (drain.as_fd(), PollFlags::empty());
            let [has_news, is_over] =
                poll_all([Some((control.as_fd(), PollFlags::POLLIN)), Some(drain)], None);
            if is_over {
                return;
            }
            if has_news && control.news().contains(&News::Closed) {
                self.control = None;
            }
        }
    }

    /// Tells the server something.
    pub fn tell(&self, event: &CommandEvent) {
        if let Some(control) = &self.control {
            control.tell(event);
        }
    }

    /// Waits until something happens, and does what is asked for.
    fn wait(&mut self, now: Instant) {
        let pause = self.drain.as_ref().filter(|_| self.control.is_none()).and_then(Drain::pause);
        let ending = self.ending.as_ref().map(|ending| ending.next().saturating_duration_since(now));
        let timeout = ending.into_iter().chain(pause).min();
        let readable = |descriptor| (descriptor, PollFlags::POLLIN);
        let control = self.control.as_ref().map(|control| readable(control.as_fd()));
        let drain = self.drain.as_ref().filter(|_| control.is_none() && pause.is_none());
        let drain = drain.map(|drain| readable(drain.as_fd()));
        let wakes = Some(readable(self.wait.wakes.as_fd()));
        let [is_woken, has_news, can_drain] = poll_all([wakes, control, drain], timeout);
        if is_woken {
            // More than one signal has written at most a few bytes.
            let _ = self.wait.wakes.read(&mut [0; 256]);
        }
        if can_drain && self.drain.as_mut().is_some_and(|drain| !drain.read()) {
            self.drain = None;
        }
        if self.wait.is_told.swap(false, Ordering::Relaxed) {
            self.end(TIME_WITHOUT_SERVER);
        }
        let news = if has_news { self.control.as_mut().map(|control| control.news()) } else { None };
        news.into_iter().flatten().for_each(|news| self.hear(news));
    }

    fn hear(&mut self, news: News) {
        match news {
            News::End { time, signal } => {
                signal.into_iter().for_each(|number| self.family.change_signal(number));
                self.end(Duration::from_millis(time));
            }
            News::Closed => {
                self.control = None;
                self.end(TIME_WITHOUT_SERVER);
            }
        }
    }

    /// Ends a managed command: its signal now and once more, and SIGKILL after a time, which may become shorter later.
    fn end(&mut self, time: Duration) {
        let Some(signal) = self.family.signal() else { return };
        let time = if signal == Signal::SIGKILL { Duration::ZERO } else { time };
        let now = Instant::now();
        let kill_at = now + time;
        match &mut self.ending {
            Some(ending) => ending.kill_at = ending.kill_at.min(kill_at),
            None => {
                self.family.signal_all(signal);
                self.ending = Some(Ending { remind_at: Some(now + REMINDER), kill_at, pause: FIRST_PAUSE });
            }
        }
    }

    fn remind_if_due(&mut self, now: Instant) {
        let due = |ending: &&mut Ending| ending.remind_at.is_some_and(|at| at <= now);
        if let Some(ending) = self.ending.as_mut().filter(due) {
            ending.remind_at = None;
            if let Some(signal) = self.family.signal() {
                self.family.signal_all(signal);
            }
        }
    }

    fn kill_if_due(&mut self, now: Instant) {
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.kill_at <= now) {
            self.family.signal_all(Signal::SIGKILL);
            ending.kill_at = now + ending.pause;
            ending.pause = (ending.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Waits until one of these is ready, or its other end is closed; tells which.
fn poll_all<const N: usize>(
    sources: [Option<(BorrowedFd<'_>, PollFlags)>; N],
    timeout: Option<Duration>,
) -> [bool; N] {
    let mut polled: Vec<_> =
        sources.iter().flatten().map(|(source, flags)| PollFd::new(*source, *flags)).collect();
    // Rounded up, so that it does not wake before the time.
    let timeout = timeout.map(|time| time + Duration::from_millis(1));
    let timeout =
        timeout.map_or(PollTimeout::NONE, |time| PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX));
    // An interrupted one tells nothing.
    let is_done = poll(&mut polled, timeout).is_ok();
    let mut ready = polled.into_iter().map(|polled| is_done && polled.any().unwrap_or_default());
    sources.map(|source| source.is_some() && ready.next().unwrap_or_default())
}
