//! The commands that run and wait, and the way from a line of the configuration to a command of the engine.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::engine::{ByApp, Command, CommandEnd, CommandEnds, Ctx, LastPublishers, SessionId};

use super::line::{Filled, Line, Objection};
use super::settings::{Settings, Shared};
use super::starts::{MOST_STARTS, Starts};
use super::state::{Independent, Managed, Owner, State, Subject, Waiting};
use super::variables::Values;

/// The name of the module.
pub const MODULE: &str = "exec";

/// The most `..._done` commands that wait.
const MOST_WAITING: usize = 256;

/// The most commands beyond `exec_max` that are started when the server stops: those that have waited, and those of what
/// ends by that. A stop does not wait for their ends.
const MOST_AT_STOP: usize = 1024;

/// The token of the timer for the end of a second in which commands have been started. No command has this number.
pub const SECOND_TOKEN: u64 = 0;

/// Why a command cannot be started now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hindrance {
    /// As many run as may (`exec_max`).
    Full,
    /// As many have been started within a second as may.
    TooFast,
}

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
    starts: Starts,
    /// It has been logged that commands wait.
    is_full: bool,
    last_number: u64,
    pub publishers: LastPublishers<Rc<Values>>,
    /// The arguments of publishes and plays that have some, by session and message stream.
    pub args: HashMap<SessionId, Vec<(u32, Box<str>)>>,
    /// The message stream and the arguments of the request that a session makes, until it is decided.
    pub requested: HashMap<SessionId, (u32, Box<str>)>,
}

impl Executor {
    /// A number for a command.
    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// What lines of the log about a run begin with.
    pub fn label(&self, number: u64) -> Option<String> {
        let managed = self.managed.get(&number).map(|managed| managed.label.clone());
        let independent =
            || self.independent.get(&number).map(|command| command.subject.label(&command.line));
        managed.or_else(independent)
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
        managed.label = subject.label(&line);
        if !self.run(cx, number, &line, &subject)
            && let Some(managed) = self.managed.get_mut(&number)
        {
            managed.state = State::Refused;
        }
    }

    /// Runs a command to its own end. If too many run or have just been started, it waits or is left out.
    pub fn run_independent(&mut self, cx: &mut Ctx, line: Rc<Line>, subject: Subject) {
        let may_wait = line.kind.may_wait() && !cx.is_stopping();
        let command = Independent { line, subject };
        match self.hindrance(cx) {
            // Those that wait keep their order.
            None if !may_wait || self.waiting_independent == 0 => self.start(cx, command),
            None | Some(Hindrance::TooFast) if may_wait && self.waiting_independent < MOST_WAITING => {
                self.have_wait(command);
                self.await_second(cx);
            }
            Some(Hindrance::Full) if may_wait && self.waiting_independent < MOST_WAITING => {
                self.tell_of_waiting(&command.line, &command.subject);
                self.have_wait(command);
            }
            hindrance => self.leave_out(cx, &command, hindrance.filter(|_| !may_wait)),
        }
    }

    /// Runs what waits, as far as there is room.
    pub fn run_waiting(&mut self, cx: &mut Ctx) {
        while let Some(waiting) = self.next_waiting(cx) {
            match waiting {
                // It may have ended since.
                Waiting::Managed(number) => {
                    if self.managed.get(&number).is_some_and(|managed| managed.state == State::Waiting) {
                        self.run_managed(cx, number);
                    }
                }
                Waiting::Independent(command) => {
                    self.waiting_independent -= 1;
                    self.start(cx, command);
                }
            }
        }
        self.is_full &= !self.waiting.is_empty();
        if self.waiting_independent > 0 && self.hindrance(cx) == Some(Hindrance::TooFast) {
            self.await_second(cx);
        }
    }

    /// The next that may run. When the server stops, no managed one may.
    fn next_waiting(&mut self, cx: &Ctx) -> Option<Waiting> {
        let (has_room, hindrance) = (self.has_room() && !cx.is_stopping(), self.hindrance(cx));
        let may_run = |waiting: &Waiting| match waiting {
            Waiting::Managed(_) => has_room,
            Waiting::Independent(_) => hindrance.is_none(),
        };
        let place = self.waiting.iter().position(may_run)?;
        self.waiting.remove(place)
    }

    fn start(&mut self, cx: &mut Ctx, command: Independent) {
        let number = self.next_number();
        self.starts.count(cx.now.instant);
        if self.run(cx, number, &command.line, &command.subject) {
            self.independent.insert(number, command);
        }
    }

    fn have_wait(&mut self, command: Independent) {
        self.waiting_independent += 1;
        self.waiting.push_back(Waiting::Independent(command));
    }

    /// Tells the log of a command that is not run: of the first one in a second at once.
    fn leave_out(&mut self, cx: &mut Ctx, command: &Independent, hindrance: Option<Hindrance>) {
        if self.starts.leave_out(cx.now.instant) {
            let label = command.subject.label(&command.line);
            match hindrance {
                Some(Hindrance::Full) => {
                    log::warn!("{label} is not run: {} commands run (exec_max)", self.running.len());
                }
                Some(Hindrance::TooFast) => {
                    log::warn!(
                        "{label} is not run: {MOST_STARTS} commands have been started within a second"
                    );
                }
                None => log::warn!("{label} is not run: {MOST_WAITING} commands wait to be started"),
            }
        }
        self.await_second(cx);
    }

    /// A second in which commands have been started is over.
    pub fn second_ended(&mut self, cx: &mut Ctx) {
        let left_out = self.starts.second_ended();
        if left_out > 0 {
            log::warn!("{left_out} more commands were not run within that second");
        }
        self.run_waiting(cx);
    }

    /// Sets the timer for the end of the second.
    fn await_second(&mut self, cx: &mut Ctx) {
        if let Some(end) = self.starts.await_second(cx.now.instant) {
            cx.set_module_timer(MODULE, end, SECOND_TOKEN);
        }
    }

    /// Why no independent command can be started now. When the server stops, hardly anything hinders: what is not started
    /// now never will be.
    fn hindrance(&self, cx: &Ctx) -> Option<Hindrance> {
        let beyond = if cx.is_stopping() { MOST_AT_STOP } else { 0 };
        if self.running.len() >= self.shared.most.saturating_add(beyond) {
            Some(Hindrance::Full)
        } else if !cx.is_stopping() && !self.starts.may_start(cx.now.instant) {
            Some(Hindrance::TooFast)
        } else {
            None
        }
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
