//! Commands: programs that run beside the server, each under a launcher of its own.
//!
//! The launcher (`src/launcher/`) is the parent of the command and of all that it starts; it tells over its control
//! channel what happens, and ends the command when it is told to, or when the server is gone. Here are the server's
//! ends of these channels, and the output of the commands, which is logged. Nothing waits: launchers are started one
//! after the other, in shares of a turn, and every child of the server is reaped when its SIGCHLD comes.

pub mod family;
pub mod launching;
mod leftovers;
mod lines;
pub(in crate::net) mod list;
mod log_lines;
mod output;
pub mod protocol;
mod running;
mod shown;
pub(in crate::net) mod tokens;

use std::time::{Duration, Instant};

use mio::Token;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use self::output::Step;
use self::running::Running;
use self::tokens::command_of;
use super::agenda::SHARE;
use super::server::Server;
use crate::engine::{CommandEnd, CommandEnds, CommandEvent, CommandId, Now};

impl Server {
    /// Has the server start launchers: its own binary with this argument. Without it, no command is started.
    pub fn set_launcher(&mut self, mode: &'static str) {
        self.commands.mode = Some(mode);
    }

    /// Starts a command when there is time.
    pub(super) fn spawn_command(&mut self, id: CommandId) {
        self.commands.starting.push_back(id);
    }

    /// Ends a command: its signal now, SIGKILL after `time`.
    pub(super) fn end_command(&mut self, id: CommandId, time: Duration, now: Now) {
        if let Some(running) = self.commands.running.get_mut(&id) {
            running.end(time, self.engine.end_signal(id), now.instant);
        }
    }

    /// Handles an event of a control channel or an output; false if the token is not of a command.
    pub(super) fn handle_command_event(&mut self, token: Token, now: Now) -> bool {
        let Some((id, is_output)) = command_of(token) else { return false };
        match is_output {
            true => self.commands.read_later(id),
            false => self.read_control(id, now),
        }
        true
    }

    /// Starts commands and reads what they write, until the end of the turn, but at least for [`SHARE`].
    pub(super) fn serve_commands(&mut self, end: Instant, now: Now) {
        self.commands.wake(now.instant);
        if !self.commands.has_work() {
            return;
        }
        // One in a turn: a start takes a millisecond or two, and media comes between two of them.
        if let Some(id) = self.commands.starting.pop_front() {
            self.start_command(id, now);
        }
        let mut clock = Instant::now();
        let end = end.max(clock + SHARE);
        for _ in 0..self.commands.readable.len() {
            if let Some(id) = self.commands.readable.pop_front() {
                self.read_output(id, clock);
            }
            clock = Instant::now();
            if clock >= end {
                return;
            }
        }
    }

    /// Reaps all children that have ended. All of them are launchers, or were left by launchers and other processes that
    /// have ended before them.
    pub(super) fn reap(&mut self, now: Now) {
        if self.commands.mode.is_none() {
            // It has started none: those of others, as in tests, are not taken from them.
            return;
        }
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (process, signal) = match status {
                WaitStatus::Exited(process, _) => (process, None),
                WaitStatus::Signaled(process, signal, _) => (process, Some(signal)),
                WaitStatus::StillAlive => return,
                _ => continue,
            };
            if let Some(id) = self.commands.launchers.remove(&process) {
                self.launcher_ended(id, signal, now);
            }
        }
    }

    /// Whether there is anything that a stop does not leave out: commands that are to be started, or sessions that end,
    /// whose commands follow.
    pub(super) fn must_start_commands(&self) -> bool {
        self.engine.is_ending() || self.engine.commands_to_start() > 0
    }

    /// Whether a stop waits for managed commands that run.
    pub(super) fn awaits_commands(&self) -> bool {
        self.engine.actions() > 0 || self.commands.awaited() > 0
    }

    fn start_command(&mut self, id: CommandId, now: Now) {
        let Some(command) = self.engine.take_command(id) else { return };
        let started = match self.commands.mode {
            None => Err("this server has no launcher".to_owned()),
            Some(mode) => {
                adopt_orphans();
                let places = (self.poll.registry(), self.engine.descriptors());
                Running::start((id, command), mode, places, now.instant)
            }
        };
        match started {
            Ok(running) => {
                self.commands.launchers.insert(running.launcher(), id);
                self.commands.running.insert(id, running);
            }
            Err(why) => self.engine.command_ended(id, CommandEnd::NotStarted(why), now),
        }
    }

    fn read_control(&mut self, id: CommandId, now: Now) {
        let Some(running) = self.commands.running.get_mut(&id) else { return };
        for event in running.read_control() {
            match event {
                CommandEvent::Started { process } => {
                    self.engine.command_started(id, process, now);
                    // Its output is behind this in the log.
                    self.engine.tell_of_commands(now);
                    self.commands.read_later(id);
                }
                CommandEvent::Ended(end) => self.finish_command(id, end, now),
            }
        }
    }

    /// Tells the engine how a command has ended, behind its last output.
    fn finish_command(&mut self, id: CommandId, end: CommandEnd, now: Now) {
        let Some(running) = self.commands.running.get_mut(&id) else { return };
        running.finish_output(&mut self.scratch, &mut self.commands.log, now.instant);
        let has_ended = std::mem::replace(&mut running.has_ended, true);
        let end = running.shown_end(end);
        running.warn_of(&end);
        running.kill_at = None;
        let is_managed = matches!(running.ends, CommandEnds::WithServer { .. });
        // What an independent one has left may still write.
        if is_managed || !running.has_output() {
            self.commands.running.remove(&id);
        } else {
            self.commands.read_later(id);
            self.commands.bound_left();
        }
        if !has_ended {
            self.engine.command_ended(id, end, now);
        }
    }

    /// A launcher has ended. If it has not told how its command has ended, it was killed.
    fn launcher_ended(&mut self, id: CommandId, signal: Option<Signal>, now: Now) {
        self.read_control(id, now);
        let Some(running) = self.commands.running.get_mut(&id) else { return };
        if matches!(running.ends, CommandEnds::WithServer { .. }) {
            let (launcher, mark) = (running.launcher(), running.mark());
            self.commands.leftovers.add(launcher, mark, now.instant);
        }
        let end = running.lost_end(signal);
        self.finish_command(id, end, now);
    }

    fn read_output(&mut self, id: CommandId, now: Instant) {
        let Some(running) = self.commands.running.get_mut(&id) else { return };
        let step = running.read_output(&mut self.scratch, &mut self.commands.log, now);
        if running.floods() {
            // It does not wait for a nap.
            self.last_urgent = now;
        }
        match step {
            Step::More => self.commands.readable.push_back(id),
            Step::Empty => {}
            Step::Paused(until) => self.commands.paused.push((id, until)),
            Step::Closed if running.has_ended => {
                self.commands.running.remove(&id);
            }
            Step::Closed => {}
        }
    }
}

/// Has what is left of a killed launcher become a child of this process, by which it is found. Without effect if it is
/// so already.
fn adopt_orphans() {
    let adopted = prctl::set_child_subreaper(true);
    debug_assert_eq!(adopted, Ok::<_, Errno>(()));
}
