//! Managed commands: they begin and end with what they belong to, and are started again when they have ended by
//! themselves.
//!
//! There is one command at a time for a line and its owner. If the owner comes back while the command is still ending, the
//! next run waits for that.

use std::rc::Rc;
use std::time::Duration;

use crate::engine::{CommandEnd, CommandEnds, Ctx, quantities};

use super::executor::{Executor, MODULE};
use super::line::Line;
use super::state::{LONG_RUN, Managed, Owner, State, Subject, pause};

impl Executor {
    /// Has the commands of these lines run for an owner, and ends its others.
    pub fn manage(&mut self, cx: &mut Ctx, owner: &Owner, lines: Vec<Rc<Line>>, subject: &Subject) {
        let mut left = self.owners.get(owner).cloned().unwrap_or_default();
        for line in lines {
            let is_its =
                |number: &u64| self.managed.get(number).is_some_and(|known| known.line.is_same(&line));
            match left.iter().position(is_its) {
                Some(place) => {
                    let number = left.remove(place);
                    self.keep(cx, number, line, subject);
                }
                None => self.begin(cx, owner, line, subject),
            }
        }
        left.into_iter().for_each(|number| self.end(cx, number));
    }

    /// Ends the commands of an owner.
    pub fn end_all(&mut self, cx: &mut Ctx, owner: &Owner) {
        let numbers = self.owners.get(owner).cloned().unwrap_or_default();
        numbers.into_iter().for_each(|number| self.end(cx, number));
    }

    fn begin(&mut self, cx: &mut Ctx, owner: &Owner, line: Rc<Line>, subject: &Subject) {
        let number = self.next_number();
        let (owner, subject) = (owner.clone(), subject.clone());
        self.owners.entry(owner.clone()).or_default().push(number);
        let managed = Managed {
            owner,
            line,
            subject,
            is_wanted: true,
            state: State::Stopped,
            label: String::new(),
            short_runs: 0,
        };
        self.managed.insert(number, managed);
        self.run_managed(cx, number);
    }

    /// Keeps a command whose line may have other settings now. One that is ending is wanted again.
    fn keep(&mut self, cx: &mut Ctx, number: u64, line: Rc<Line>, subject: &Subject) {
        let Some(managed) = self.managed.get_mut(&number) else { return };
        let ends = CommandEnds::WithServer { signal: line.managing.signal };
        cx.change_end(MODULE, number, ends);
        managed.line = line;
        if !std::mem::replace(&mut managed.is_wanted, true) {
            managed.subject = subject.clone();
            managed.short_runs = 0;
        }
        match (managed.state, managed.line.managing.respawn) {
            (State::Pausing(timer), false) => {
                cx.cancel_timer(timer);
                managed.state = State::Stopped;
            }
            (State::Stopped, true) => self.run_managed(cx, number),
            _ => {}
        }
    }

    fn end(&mut self, cx: &mut Ctx, number: u64) {
        let Some(managed) = self.managed.get_mut(&number) else { return };
        managed.is_wanted = false;
        match managed.state {
            State::Running(_) => {
                managed.state = State::Ending;
                cx.end_command(MODULE, number);
            }
            State::Ending => {}
            State::Waiting => {
                self.withdraw(number);
                self.forget(number);
            }
            State::Pausing(timer) => {
                cx.cancel_timer(timer);
                self.forget(number);
            }
            State::Stopped | State::Refused => self.forget(number),
        }
    }

    fn forget(&mut self, number: u64) {
        let Some(Managed { owner, .. }) = self.managed.remove(&number) else { return };
        if let Some(numbers) = self.owners.get_mut(&owner) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }

    /// The pause of a command is over.
    pub fn pause_ended(&mut self, cx: &mut Ctx, number: u64) {
        if self.managed.get(&number).is_some_and(|managed| matches!(managed.state, State::Pausing(_))) {
            self.run_managed(cx, number);
        }
    }

    /// A managed command has ended.
    pub fn managed_ended(&mut self, cx: &mut Ctx, number: u64, end: &CommandEnd) {
        let Some(managed) = self.managed.get(&number) else { return };
        let label = managed.label.clone();
        match (managed.state, managed.is_wanted) {
            (State::Running(since), true) => {
                let ran = cx.now.instant.saturating_duration_since(since);
                let next = self.plan_next(cx, number, ran);
                tell_of_end(&label, (end, ran), &next);
            }
            (_, true) => {
                log::info!("{label} has ended ({end})");
                self.run_managed(cx, number);
            }
            (_, false) => {
                log::info!("{label} has ended ({end})");
                self.forget(number);
            }
        }
    }

    /// Plans what follows on a run that has ended by itself. Returns that in words.
    fn plan_next(&mut self, cx: &mut Ctx, number: u64, ran: Duration) -> String {
        let Some(managed) = self.managed.get_mut(&number) else { return String::new() };
        managed.short_runs = if ran < LONG_RUN { managed.short_runs.saturating_add(1) } else { 0 };
        // When the server stops, only what its last publishers need is started again.
        let may_run = !cx.is_draining() || matches!(managed.owner, Owner::Publisher(..));
        if !managed.line.managing.respawn {
            managed.state = State::Stopped;
            return "it is not started again (respawn off)".to_owned();
        }
        if !may_run {
            managed.state = State::Stopped;
            return "it is not started again, as the server stops".to_owned();
        }
        let pause = pause(&managed.line.managing, managed.short_runs);
        managed.state = State::Pausing(cx.set_module_timer(MODULE, cx.now.instant + pause, number));
        format!("it is started again in {}", shown(pause))
    }
}

/// Logs that a command has ended by itself, and what follows.
fn tell_of_end(label: &str, (end, ran): (&CommandEnd, Duration), next: &str) {
    match end {
        CommandEnd::NotStarted(why) => {
            log::warn!("{label} cannot be started: {why}; {next}");
        }
        CommandEnd::Exit(0) => log::info!("{label} has ended after {}; {next}", shown(ran)),
        end => log::warn!("{label} has ended after {}: {end}; {next}", shown(ran)),
    }
}

/// A time in words: short ones exactly, as pauses are configured.
fn shown(time: Duration) -> String {
    match time.as_millis() {
        short @ 0..1000 => format!("{short} ms"),
        short @ 1000..10_000 => format!("{} s", short / 1000),
        _ => quantities::duration(time),
    }
}
