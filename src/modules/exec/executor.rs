//! The commands that run and wait, and the way from a line of the configuration to a command of the engine.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::engine::{ByApp, Command, CommandEnd, CommandEnds, Ctx, LastPublishers, SessionId};

use super::line::{Filled, Line, Objection};
use super::settings::{Settings, Shared};
use super::state::{Independent, Managed, Owner, State, Subject, Waiting};
use super::variables::Values;

/// The name of the module.
pub const MODULE: &str = "exec";

/// The most `..._done` commands that wait.
const MOST_WAITING: usize = 256;

/// All commands, and the settings that they come from.
#[derive(Default)]
pub struct Executor {
    pub apps: ByApp<Settings>,
    pub shared: Shared,
    /// The managed commands by number. The number is the token of their runs and of their timers.
    pub managed: HashMap<u64, Managed>,
    /// The numbers of the managed commands of each owner.
    pub owners: HashMap<Owner, Vec<u64>>,
    /// The commands that run to their own end, by number.
    pub independent: HashMap<u64, Independent>,
    /// The numbers of all that runs. Bounded by `exec_max`.
    pub running: HashSet<u64>,
    waiting: VecDeque<Waiting>,
    /// The commands among them that are not managed.
    waiting_independent: usize,
    /// It has been logged that commands wait.
    is_full: bool,
    last_number: u64,
    pub publishers: LastPublishers<Rc<Values>>,
    /// The arguments of publishes and plays that have some, by session and message stream.
    pub args: HashMap<SessionId, Vec<(u32, Box<str>)>>,
}

impl Executor {
    /// A number for a command.
    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// What lines of the log about a command begin with.
    pub fn label(&self, number: u64) -> Option<String> {
        let managed = self.managed.get(&number).map(|managed| (&managed.line, &managed.subject));
        let independent = || self.independent.get(&number).map(|command| (&command.line, &command.subject));
        managed.or_else(independent).map(|(line, subject)| subject.label(line))
    }

    /// Runs a managed command, or has it wait.
    pub fn run_managed(&mut self, cx: &mut Ctx, number: u64) {
        let has_room = self.has_room();
        let Some(managed) = self.managed.get_mut(&number) else { return };
        let (line, subject) = (Rc::clone(&managed.line), managed.subject.clone());
        if !has_room {
            managed.state = State::Waiting;
            self.tell_of_waiting(&line, &subject);
            self.waiting.push_back(Waiting::Managed(number));
            return;
        }
        managed.state = State::Running(cx.now.instant);
        if !self.run(cx, number, &line, &subject)
            && let Some(managed) = self.managed.get_mut(&number)
        {
            managed.state = State::Stopped;
        }
    }

    /// Runs a command to its own end. If too many run, it waits or is left out.
    pub fn run_independent(&mut self, cx: &mut Ctx, line: Rc<Line>, subject: Subject) {
        if self.has_room() {
            let number = self.next_number();
            if self.run(cx, number, &line, &subject) {
                self.independent.insert(number, Independent { line, subject });
            }
        } else if !line.kind.may_wait() {
            log::warn!("{} is not run: {} commands run (exec_max)", subject.label(&line), self.running.len());
        } else if self.waiting_independent >= MOST_WAITING {
            let label = subject.label(&line);
            log::warn!("{label} is not run: {MOST_WAITING} commands wait for others to end (exec_max)");
        } else {
            self.tell_of_waiting(&line, &subject);
            self.waiting_independent += 1;
            self.waiting.push_back(Waiting::Independent(Independent { line, subject }));
        }
    }

    /// Runs what waits, as far as there is room.
    pub fn run_waiting(&mut self, cx: &mut Ctx) {
        while self.has_room()
            && let Some(waiting) = self.waiting.pop_front()
        {
            match waiting {
                Waiting::Managed(number) => {
                    // It may have ended since.
                    if self.managed.get(&number).is_some_and(|managed| managed.state == State::Waiting) {
                        self.run_managed(cx, number);
                    }
                }
                Waiting::Independent(Independent { line, subject }) => {
                    self.waiting_independent -= 1;
                    self.run_independent(cx, line, subject);
                }
            }
        }
        self.is_full &= !self.waiting.is_empty();
    }

    /// Forgets that a managed command waits.
    pub fn withdraw(&mut self, number: u64) {
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::Managed(other) if *other == number));
    }

    /// A command that runs to its own end has ended.
    pub fn independent_ended(&mut self, number: u64, end: &CommandEnd) {
        let Some(Independent { line, subject }) = self.independent.remove(&number) else { return };
        let label = subject.label(&line);
        match end {
            CommandEnd::NotStarted(why) => {
                log::warn!("{label} cannot be started: {why}");
            }
            CommandEnd::Exit(0) => log::info!("{label} has ended"),
            end => log::warn!("{label} has ended: {end}"),
        }
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.shared.most
    }

    fn tell_of_waiting(&mut self, line: &Line, subject: &Subject) {
        if !std::mem::replace(&mut self.is_full, true) {
            let (label, count) = (subject.label(line), self.running.len());
            log::warn!("{label} waits until others have ended: {count} commands run (exec_max)");
        }
    }

    /// Gives a command to the engine; false if it must not run with these values.
    fn run(&mut self, cx: &mut Ctx, number: u64, line: &Line, subject: &Subject) -> bool {
        let label = subject.label(line);
        match self.command(number, line, subject, label.clone()) {
            Ok(command) => {
                self.running.insert(number);
                cx.run_command(command);
                true
            }
            Err(objection) => {
                log::warn!("{label} is not run: {objection}");
                false
            }
        }
    }

    fn command(
        &self,
        token: u64,
        line: &Line,
        subject: &Subject,
        label: String,
    ) -> Result<Command, Objection> {
        let values = subject.values.as_deref();
        let Filled { words, redirections } = match values {
            Some(values) => line.fill(values)?,
            None => line.fill(&Values::default())?,
        };
        let signal = line.managing.signal;
        let ends =
            if line.kind.is_managed() { CommandEnds::WithServer { signal } } else { CommandEnds::ByItself };
        let environment = self.shared.environment.with(values);
        Ok(Command { module: MODULE, token, label, words, environment, redirections, ends })
    }
}
