//! The commands whose launchers run, and those that wait for their turn.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use nix::unistd::Pid;

use super::leftovers::Leftovers;
use super::log_lines::LogLines;
use super::running::Running;
use crate::engine::{CommandEnds, CommandId};

/// The most independent commands whose output is read on when they have ended, since something of theirs still runs.
const MOST_LEFT: usize = 64;

/// All commands that have not ended.
#[derive(Default)]
pub struct Commands {
    /// The argument by which the server's own binary knows that it is a launcher.
    pub mode: Option<&'static str>,
    /// Those that are to be started.
    pub starting: VecDeque<CommandId>,
    pub running: BTreeMap<CommandId, Running>,
    /// The launchers that have not been reaped.
    pub launchers: HashMap<Pid, CommandId>,
    /// Those whose output can be read, each once.
    pub readable: VecDeque<CommandId>,
    /// Those whose output is read again at a time, each once.
    pub paused: Vec<(CommandId, Instant)>,
    /// What they have written, on its way to the log.
    pub log: LogLines,
    /// What killed launchers have left.
    pub leftovers: Leftovers,
}

impl Commands {
    /// Whether there is something to do, whatever sockets and timers say.
    pub fn has_work(&self) -> bool {
        !self.starting.is_empty() || !self.readable.is_empty()
    }

    /// When something is to be done next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let kills = self.running.values().filter_map(|running| running.kill_at);
        self.paused
            .iter()
            .map(|(_, at)| *at)
            .chain(kills)
            .chain(self.log.due())
            .chain(self.leftovers.due())
            .min()
    }

    /// The number of commands for which a stop waits: managed ones, and all that have not been started.
    pub fn awaited(&self) -> usize {
        let is_managed =
            |running: &&Running| matches!(running.ends, CommandEnds::WithServer { .. }) && !running.has_ended;
        usize::from(self.leftovers.due().is_some())
            + self.starting.len()
            + self.running.values().filter(is_managed).count()
    }

    /// Reads the output of a command in its turn.
    pub fn read_later(&mut self, id: CommandId) {
        let waits = self.readable.contains(&id) || self.paused.iter().any(|(paused, _)| *paused == id);
        if !waits && self.running.get(&id).is_some_and(Running::may_be_read) {
            self.readable.push_back(id);
        }
    }

    /// Forgets the oldest of the commands that have ended and whose output is open, if there are too many. Its launcher
    /// reads on what is written.
    pub fn bound_left(&mut self) {
        let left = || self.running.iter().filter(|(_, running)| running.has_ended).map(|(id, _)| *id);
        if left().count() > MOST_LEFT
            && let Some(oldest) = left().next()
        {
            self.running.remove(&oldest);
        }
    }

    /// Goes on with what has waited for long enough.
    pub fn wake(&mut self, now: Instant) {
        self.log.write_due(now);
        self.leftovers.kill(|process| self.launchers.contains_key(&process), now);
        let readable = &mut self.readable;
        self.paused.retain(|(id, at)| {
            let waits = *at > now;
            readable.extend((!waits).then_some(*id));
            waits
        });
        for running in self.running.values_mut().filter(|running| running.kill_at.is_some_and(|at| at <= now))
        {
            running.kill_launcher();
        }
    }
}
