//! The commands whose launchers run, and those that wait for their turn.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

use nix::unistd::Pid;

use super::running::Running;
use crate::engine::{CommandEnds, CommandId};

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
}

impl Commands {
    /// Whether there is something to do, whatever sockets and timers say.
    pub fn has_work(&self) -> bool {
        !self.starting.is_empty() || !self.readable.is_empty()
    }

    /// When something is to be done next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let kills = self.running.values().filter_map(|running| running.kill_at);
        self.paused.iter().map(|(_, at)| *at).chain(kills).min()
    }

    /// The number of commands for which a stop waits: managed ones, and all that have not been started.
    pub fn awaited(&self) -> usize {
        let is_managed =
            |running: &&Running| matches!(running.ends, CommandEnds::WithServer { .. }) && !running.has_ended;
        self.starting.len() + self.running.values().filter(is_managed).count()
    }

    /// Reads the output of a command in its turn.
    pub fn read_later(&mut self, id: CommandId) {
        let waits = self.readable.contains(&id) || self.paused.iter().any(|(paused, _)| *paused == id);
        if !waits && self.running.get(&id).is_some_and(Running::has_output) {
            self.readable.push_back(id);
        }
    }

    /// Goes on with what has waited for long enough.
    pub fn wake(&mut self, now: Instant) {
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
