//! A command, and what its module hears of it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A run of a command. No other has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u64);

/// A program that the configuration has the server run.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The name of the module that hears of it.
    pub module: &'static str,
    /// The module's number for it, which no other that has not ended has.
    pub token: u64,
    /// What its lines in the log begin with: `#12 exec_push of live/cam: ffmpeg`.
    pub label: String,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// Where its descriptors lead; they are opened in this order.
    pub redirections: Vec<Redirection>,
    /// When it ends.
    pub ends: CommandEnds,
}

/// Without words, environment and paths, which may have secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { module, token, label, ends, .. } = self;
        f.debug_struct("Command")
            .field("module", module)
            .field("token", token)
            .field("label", label)
            .field("ends", ends)
            .finish_non_exhaustive()
    }
}

/// When a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandEnds {
    /// With what it belongs to, and with the server at the latest, by this signal; it is managed.
    WithServer {
        /// The number of the signal.
        signal: i32,
    },
    /// By itself only; it is independent, and survives the server.
    ByItself,
}

/// A descriptor of a command that leads to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirection {
    /// The descriptor, from 0 to 9.
    pub descriptor: i32,
    /// Where it leads.
    pub to: RedirectionTarget,
}

impl Redirection {
    /// The file that is opened for it.
    pub fn path(&self) -> Option<&Path> {
        match &self.to {
            RedirectionTarget::Read(path)
            | RedirectionTarget::Write(path)
            | RedirectionTarget::Append(path) => Some(path),
            RedirectionTarget::Copy(_) => None,
        }
    }
}

/// Where a descriptor leads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedirectionTarget {
    /// It reads this file: `<path`.
    Read(PathBuf),
    /// It writes this file, which is made or emptied: `>path`.
    Write(PathBuf),
    /// It appends to this file, which is made if it is missing: `>>path`.
    Append(PathBuf),
    /// It leads where this descriptor leads: `2>&1`.
    Copy(i32),
}

/// Without paths, which may have secrets.
impl fmt::Debug for RedirectionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("Read"),
            Self::Write(_) => f.write_str("Write"),
            Self::Append(_) => f.write_str("Append"),
            Self::Copy(from) => f.debug_tuple("Copy").field(from).finish(),
        }
    }
}

/// What a module hears of its command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEvent {
    /// It runs.
    Started {
        /// The id of its process, and of its group.
        process: u32,
    },
    /// It has ended, with all that it had started. Nothing comes after this.
    Ended(CommandEnd),
}

/// How a command has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEnd {
    /// It was never started; why.
    NotStarted(String),
    /// With this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// Its launcher was killed, so nothing is known.
    Lost,
}

impl fmt::Display for CommandEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(why) => f.write_str(why),
            Self::Exit(status) => write!(f, "exit status {status}"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Lost => f.write_str("its launcher was killed"),
        }
    }
}
