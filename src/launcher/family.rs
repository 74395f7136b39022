//! A command with all that it has started: what of it is left, and how it is signalled.

use millstream::engine::CommandEnd;
use millstream::net::family::{descendants, group_of};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A command and its descendants. Those of a managed one that lose their parents become children of this process, so nothing
/// is lost.
pub struct Family {
    /// The first process, by which the group is known, too.
    first: Pid,
    /// How the first process has ended.
    end: Option<CommandEnd>,
    /// The signal that ends it, if it is managed.
    signal: Option<Signal>,
}

impl Family {
    pub fn new(first: Pid, signal: Option<Signal>) -> Self {
        Self { first, end: None, signal }
    }

    /// The first process.
    pub fn first(&self) -> Pid {
        self.first
    }

    /// The signal that ends it, if it is managed.
    pub fn signal(&self) -> Option<Signal> {
        self.signal
    }

    /// Has another signal end it.
    pub fn change_signal(&mut self, number: i32) {
        if let (Some(signal), Ok(next)) = (&mut self.signal, Signal::try_from(number)) {
            *signal = next;
        }
    }

    /// Reaps what has ended. Returns how the first process has ended, if nothing is left, or if it is independent: then it
    /// does not matter what is left.
    pub fn reap(&mut self) -> Option<CommandEnd> {
        loop {
            let (process, end) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(process, status)) => (process, CommandEnd::Exit(status)),
                Ok(WaitStatus::Signaled(process, signal, _)) => (process, CommandEnd::Signal(signal as i32)),
                Ok(WaitStatus::StillAlive) => return None,
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(_) => return Some(self.end.take().unwrap_or(CommandEnd::Lost)),
            };
            if process == self.first {
                self.end = Some(end);
                if self.signal.is_none() {
                    return self.end.take();
                }
            }
        }
    }

    /// Signals the whole group, and what has left it.
    pub fn signal_all(&self, signal: Signal) {
        // Its number belongs to no other group while the first process has not been reaped.
        let is_whole = self.end.is_none();
        if is_whole {
            let _ = killpg(self.first, signal);
        }
        for process in descendants(Pid::this()) {
            if !(is_whole && group_of(process) == Some(self.first)) {
                let _ = kill(process, signal);
            }
        }
    }
}
