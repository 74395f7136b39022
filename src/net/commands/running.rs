//! A command as net knows it: its launcher, its control channel and its output.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::launching::{Launched, launch};
use super::leftovers::MARK;
use super::log_lines::{LogLines, Source};
use super::output::{Output, Step};
use super::protocol::{Incoming, LaunchRequest, OPEN_SECONDS, Order};
use super::shown::Secrets;
use super::tokens::Tokens;
use crate::engine::{Command, CommandEnd, CommandEnds, CommandEvent, CommandId, Descriptors, Redirection};

/// The time beyond that of a command after which its launcher is killed: it waits for a file that cannot be opened, or
/// somebody has stopped it.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time in which a launcher has a command started, or has told why it has not: it waits no longer than 10 s itself.
const START_TIME: Duration = Duration::from_secs(15);
/// Bytes read of a control channel at once.
const CHUNK: usize = 4096;

/// The most characters of a command's words that the log has.
const MOST_SHOWN: usize = 1024;

/// A command whose launcher has been started.
pub struct Running {
    launcher: Pid,
    source: Rc<Source>,
    mark: String,
    /// The files that its launcher opens.
    files: String,
    pub ends: CommandEnds,
    control: Option<UnixStream>,
    incoming: Incoming,
    output: Output,
    /// The group of the command, once it is known.
    group: Option<Pid>,
    /// When its launcher is killed, unless the command runs.
    pub kill_at: Option<Instant>,
    /// It has been told to end.
    is_told: bool,
    /// Its launcher was killed, as it took too long.
    pub is_late: bool,
    /// The engine has been told of its end.
    pub has_ended: bool,
}

impl Running {
    /// Starts the launcher of a command, and has the poll tell of its channel and its output.
    pub fn start(
        (id, command): (CommandId, Command),
        mode: &str,
        (registry, descriptors): (&Registry, Descriptors),
        now: Instant,
    ) -> Result<Self, String> {
        let Command { label, words, mut environment, redirections, ends, .. } = command;
        let secrets = Secrets::of(&words, &environment);
        log::debug!("{label} is started: {}", start_of(&secrets.show(&words.join(" "))));
        let source = Rc::new(Source::new(&label, secrets));
        let mark = format!("{}-{}", Pid::this(), id.0);
        environment.push((MARK.to_owned(), mark.clone()));
        let files = redirections.iter().filter_map(Redirection::path).map(|path| path.display().to_string());
        let files = files.collect::<Vec<_>>().join(" or ");
        let signal = match ends {
            CommandEnds::WithServer { signal } => Some(signal),
            CommandEnds::ByItself => None,
        };
        let request = LaunchRequest { words, environment, redirections, signal };
        let tokens = Tokens::of(id);
        let register = |fd: i32, token| match descriptors.may_connect(fd) {
            true => registry.register(&mut SourceFd(&fd), token, Interest::READABLE),
            false => Err(io::Error::other("no descriptor is left for it")),
        };
        let Launched { process: launcher, control, output } = launch(mode, request, |control, output| {
            register(control.as_raw_fd(), tokens.control)?;
            register(output.as_raw_fd(), tokens.output)
        })?;
        let output = Output::new(output, Rc::clone(&source), now);
        Ok(Self {
            launcher,
            source,
            mark,
            files,
            ends,
            control: Some(control),
            incoming: Incoming::default(),
            output,
            group: None,
            kill_at: Some(now + START_TIME),
            is_told: false,
            is_late: false,
            has_ended: false,
        })
    }

    /// The process of its launcher.
    pub fn launcher(&self) -> Pid {
        self.launcher
    }

    /// Has the launcher end the command, by this signal.
    pub fn end(&mut self, time: Duration, signal: Option<i32>, now: Instant) {
        let order = Order::End { time: time.as_millis() as u64, signal }.line();
        if let (Some(mut control), Some(line)) = (self.control.as_ref(), order) {
            // A launcher that has gone is noticed elsewhere.
            let _ = control.write_all(&line);
        }
        self.is_told = true;
        let kill_at = now + time + PATIENCE;
        self.kill_at = Some(self.kill_at.map_or(kill_at, |at| at.min(kill_at)));
    }

    /// Kills the launcher, which has neither started the command in time nor ended it. What it leaves is killed when it is
    /// reaped.
    pub fn kill_launcher(&mut self) {
        self.kill_at = None;
        self.is_late = self.group.is_none();
        let _ = kill(self.launcher, Signal::SIGKILL);
    }

    /// How the engine hears of an end: a reason may have secrets in the names of files.
    pub fn shown_end(&self, end: CommandEnd) -> CommandEnd {
        match end {
            CommandEnd::NotStarted(why) => CommandEnd::NotStarted(self.source.show(&why)),
            end => end,
        }
    }

    /// Reads what the launcher has to tell.
    pub fn read_control(&mut self) -> Vec<CommandEvent> {
        let mut chunk = [0; CHUNK];
        let mut is_over = false;
        while let (false, Some(mut control)) = (is_over, self.control.as_ref()) {
            match control.read(&mut chunk) {
                Ok(0) => is_over = true,
                Ok(count) => is_over = !self.incoming.add(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => is_over = true,
            }
        }
        if is_over {
            // Closing it takes it out of the poll.
            self.control = None;
        }
        let events: Vec<CommandEvent> = std::iter::from_fn(|| self.incoming.take()).collect();
        for event in &events {
            if let CommandEvent::Started { process } = event {
                self.group = Some(Pid::from_raw(process.cast_signed()));
                self.kill_at = None;
            }
        }
        events
    }

    /// Reads its output once.
    pub fn read_output(&mut self, scratch: &mut [u8], log: &mut LogLines, now: Instant) -> Step {
        let step = self.output.step(scratch, log, now);
        if step == Step::Closed {
            self.finish_output(scratch, log, now);
        }
        step
    }

    /// Reads what is left of its output, as it has ended. What it has left in the background may write on.
    pub fn finish_output(&mut self, scratch: &mut [u8], log: &mut LogLines, now: Instant) {
        self.output.finish(scratch, log, now);
    }

    /// Warns of what it has written last, if it has failed.
    pub fn warn_of(&self, end: &CommandEnd) {
        let has_failed = match end {
            CommandEnd::Exit(status) => *status != 0,
            CommandEnd::Signal(_) => true,
            CommandEnd::NotStarted(_) | CommandEnd::Lost => false,
        };
        if has_failed && !self.is_told {
            self.output.warn();
        }
    }

    /// Whether there may be anything left to read.
    pub fn has_output(&self) -> bool {
        self.output.is_open()
    }

    /// Whether its output may be logged: not before its start is.
    pub fn may_be_read(&self) -> bool {
        self.has_output() && self.group.is_some()
    }

    /// Whether it writes more than the log takes.
    pub fn floods(&self) -> bool {
        self.output.is_flood()
    }

    /// The end of a command whose launcher has ended by this signal without a word.
    pub fn lost_end(&self, signal: Option<Signal>) -> CommandEnd {
        let files = &self.files;
        match signal {
            Some(Signal::SIGALRM) if self.group.is_none() => {
                CommandEnd::NotStarted(format!("it has waited {OPEN_SECONDS} s for the other end of {files}"))
            }
            _ if self.is_late => CommandEnd::NotStarted("it has taken too long to start".to_owned()),
            _ => CommandEnd::Lost,
        }
    }

    /// What marks the processes of its command.
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

/// The beginning of a text that may be long.
fn start_of(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}
