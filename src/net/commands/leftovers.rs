//! What killed launchers have left. All of it becomes children of this process, one generation after the other, and is
//! killed: processes of the launcher's session, and those whose environment has the mark of the command.
//!
//! This goes in rounds, so no turn takes long, however many processes there are.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::family::{children, is_of_session};

/// The variable that marks all processes of a command.
pub const MARK: &str = "MILLSTREAM_COMMAND";
/// The time between two rounds: what was killed needs a moment to end.
const PAUSE: Duration = Duration::from_millis(10);
/// The most rounds for a command.
const ROUNDS: usize = 500;
/// The most processes that are killed in a round.
const KILLS: usize = 128;

/// The commands of which something may be left.
#[derive(Default)]
pub struct Leftovers {
    all: Vec<Leftover>,
    next: Option<Instant>,
}

struct Leftover {
    launcher: Pid,
    mark: String,
    rounds: usize,
}

impl Leftovers {
    /// Kills what is left of the command of this launcher, which has been reaped.
    pub fn add(&mut self, launcher: Pid, mark: &str, now: Instant) {
        self.all.push(Leftover { launcher, mark: mark.to_owned(), rounds: ROUNDS });
        self.next = Some(now);
    }

    /// When the next round is due.
    pub fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Does a round if it is due.
    pub fn kill(&mut self, is_launcher: impl Fn(Pid) -> bool, now: Instant) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        let orphans: Vec<Pid> =
            children(Pid::this()).into_iter().filter(|child| !is_launcher(*child)).collect();
        self.all.retain_mut(|leftover| {
            leftover.rounds -= 1;
            leftover.kill(&orphans) && leftover.rounds > 0
        });
        self.next = (!self.all.is_empty()).then_some(now + PAUSE);
    }
}

impl Leftover {
    /// Whether there was anything to kill.
    fn kill(&self, orphans: &[Pid]) -> bool {
        let is_its = |process: &&Pid| is_of_session(**process, self.launcher) || self.has_mark(**process);
        let killed = orphans.iter().filter(is_its).take(KILLS).map(|process| kill(*process, Signal::SIGKILL));
        killed.count() > 0
    }

    fn has_mark(&self, process: Pid) -> bool {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| {
            variable.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
                == Some(self.mark.as_bytes())
        })
    }
}
