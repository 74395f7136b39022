//! Commands: the processes that run them, and what they write.

use std::time::Duration;

use super::server::Server;
use crate::engine::{CommandEnd, CommandId, Now};

impl Server {
    /// Starts a command.
    pub(super) fn spawn_command(&mut self, id: CommandId, now: Now) {
        if self.engine.take_command(id).is_some() {
            self.engine.command_ended(id, CommandEnd::NotStarted("not written yet".to_owned()), now);
        }
    }

    /// Ends a command: its signal now, SIGKILL after `time`.
    #[allow(clippy::unused_self)]
    pub(super) fn end_command(&mut self, _id: CommandId, _time: Duration) {}
}
