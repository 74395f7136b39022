//! Commands: programs that modules have the server run.
//!
//! A module gives a command to [`Ctx::run_command`]; its [`on_command`](crate::engine::Module::on_command) hears in later
//! steps that the command has started, and once how it has ended. Net owns the processes and what they write. How many
//! there may be, and whether one is started again, is the module's business; here is only the path between module and
//! net.

pub(in crate::engine) mod command;
pub(in crate::engine) mod machine;
pub(in crate::engine) mod running;

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::commands::command::{Command, CommandEnd, CommandEnds, CommandEvent, CommandId};
use crate::engine::commands::running::{CommandNews, Run};
use crate::engine::ctx::{Ctx, Phase};
use crate::engine::module::Module;
use crate::engine::now::Now;
use crate::engine::work::Action;

/// The time that a command has to end after its signal, before it is killed.
const END_TIME: Duration = Duration::from_secs(5);
/// The same when the server stops.
const STOP_TIME: Duration = Duration::from_secs(3);

impl Ctx {
    /// Has a command run. Its module hears of it in [`on_command`](crate::engine::Module::on_command), and exactly once
    /// that it has ended.
    pub fn run_command(&mut self, command: Command) {
        self.commands.last_id += 1;
        let id = CommandId(self.commands.last_id);
        let Command { module, token, ends, .. } = command;
        self.commands.running.insert(id, Run { module, token, ends, is_told_to_end: false });
        self.commands.waiting.insert(id, command);
        self.work.actions.push_back(Action::Spawn(id));
    }

    /// Ends a managed command of a module: its signal now, SIGKILL after 5 s. Its end comes later, as an event. Without
    /// effect for one that has ended, and for one that is independent.
    pub fn end_command(&mut self, module: &str, token: u64) {
        self.end_commands(END_TIME, |run| run.module == module && run.token == token);
    }

    /// Has a command of a module end by another signal than it was started with.
    pub fn change_end(&mut self, module: &str, token: u64, ends: CommandEnds) {
        let is_meant = |run: &&mut Run| run.module == module && run.token == token;
        if let Some(run) = self.commands.running.values_mut().find(is_meant)
            && let (CommandEnds::WithServer { signal }, CommandEnds::WithServer { signal: next }) =
                (&mut run.ends, ends)
        {
            *signal = next;
        }
    }

    /// Ends all managed commands, as the server stops.
    pub(in crate::engine) fn end_all_commands(&mut self) {
        self.end_commands(STOP_TIME, |_| true);
    }

    fn end_commands(&mut self, time: Duration, is_meant: impl Fn(&Run) -> bool) {
        for (id, run) in &mut self.commands.running {
            let is_managed = matches!(run.ends, CommandEnds::WithServer { .. });
            let hurries = time < END_TIME;
            if is_managed && is_meant(run) && (hurries || !run.is_told_to_end) {
                run.is_told_to_end = true;
                self.work.actions.push_back(Action::EndCommand(*id, time));
            }
        }
    }

    /// The number of commands that have not ended.
    pub fn commands_running(&self) -> usize {
        self.commands.running.len()
    }
}

impl Engine {
    /// Takes a command that is to be started; none if it was ended before, of which its module hears.
    pub fn take_command(&mut self, id: CommandId) -> Option<Command> {
        let command = self.cx.commands.waiting.remove(&id)?;
        if self.cx.commands.running.get(&id)?.is_told_to_end {
            let why = "it was ended before it was started".to_owned();
            self.end_of_command(id, CommandEnd::NotStarted(why));
            return None;
        }
        Some(command)
    }

    /// The number of commands that have not been taken.
    pub fn commands_to_start(&self) -> usize {
        self.cx.commands.waiting.len()
    }

    /// The signal that ends a command, if it is managed.
    pub fn end_signal(&self, id: CommandId) -> Option<i32> {
        match self.cx.commands.running.get(&id)?.ends {
            CommandEnds::WithServer { signal } => Some(signal),
            CommandEnds::ByItself => None,
        }
    }

    /// Ends all managed commands, after the last session has ended: the server stops.
    pub fn stop_commands(&mut self, now: Now) {
        self.cx.now = now;
        self.cx.phase = Phase::Stopping;
        self.each_module(Module::on_stop);
        self.cx.end_all_commands();
    }

    /// A command runs, as this process.
    pub fn command_started(&mut self, id: CommandId, process: u32, now: Now) {
        self.cx.now = now;
        self.cx.totals.commands_started += 1;
        let Some(Run { module, token, .. }) = self.cx.commands.running.get(&id).copied() else { return };
        let event = CommandEvent::Started { process };
        self.cx.work.command_news.push_back(CommandNews { module, token, event });
    }

    /// A command has ended, or could not be started.
    pub fn command_ended(&mut self, id: CommandId, end: CommandEnd, now: Now) {
        self.cx.now = now;
        let is_told = |run: &Run| run.is_told_to_end || end == CommandEnd::Exit(0);
        let has_failed = self.cx.commands.running.get(&id).is_some_and(|run| !is_told(run));
        self.cx.totals.commands_failed += u64::from(has_failed);
        self.end_of_command(id, end);
    }

    fn end_of_command(&mut self, id: CommandId, end: CommandEnd) {
        self.cx.commands.waiting.remove(&id);
        let Some(Run { module, token, .. }) = self.cx.commands.running.remove(&id) else { return };
        let event = CommandEvent::Ended(end);
        self.cx.work.command_news.push_back(CommandNews { module, token, event });
    }

    /// Tells modules at once what has happened to their commands, for the order of lines in the log.
    pub fn tell_of_commands(&mut self, now: Now) {
        self.cx.now = now;
        while let Some(news) = self.cx.work.command_news.pop_front() {
            self.deliver_command_news(news);
        }
    }

    /// Tells a module what has happened to its command.
    pub(in crate::engine) fn deliver_command_news(&mut self, news: CommandNews) {
        let CommandNews { module, token, event } = news;
        let Some(module) = self.modules.iter_mut().find(|candidate| candidate.name() == module) else {
            return;
        };
        let cx = &mut self.cx;
        cx.panics.clone().contain(|| module.on_command(cx, token, event));
    }
}
