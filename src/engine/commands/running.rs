//! The commands that have not ended, as the engine knows them, and what modules have not heard yet.

use std::collections::BTreeMap;

use crate::engine::commands::command::{Command, CommandEnds, CommandEvent, CommandId};

/// The commands that have not ended.
#[derive(Debug, Default)]
pub struct Commands {
    pub last_id: u64,
    /// Those that net has not taken yet.
    pub waiting: BTreeMap<CommandId, Command>,
    /// All of them, those that wait included.
    pub running: BTreeMap<CommandId, Run>,
}

/// A command that has not ended, as the engine knows it.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub module: &'static str,
    pub token: u64,
    pub ends: CommandEnds,
    pub is_told_to_end: bool,
}

/// An event of a command, on its way to a module.
#[derive(Debug)]
pub struct CommandNews {
    pub module: &'static str,
    pub token: u64,
    pub event: CommandEvent,
}
