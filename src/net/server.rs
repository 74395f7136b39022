//! The loop: polls, reads into one shared buffer, lets the engine act, writes, acts for the engine.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime};

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook_mio::v1_0::Signals;

use crate::engine::{Action, Engine, Now, SessionId};

use super::agenda::{Agenda, Handshakes, LastLook, Queue, SHARE, SLOW_SHARE, TURN};
use super::backlog::{Backlog, descriptors};
use super::cached_parts::CachedParts;
use super::commands::list::Commands;
use super::commands::tokens::is_output;
use super::connecting::connector::Connector;
use super::listeners::{FIRST_FREE_TOKEN, Listeners};
use super::read_ahead::ReadAhead;
use super::socket::{Socket, Traffic};
use super::tls::servers::{LoadedTls, TlsServers};
use super::workers::{Finished, Workers};

/// The one buffer that all sessions are read into.
const SCRATCH: usize = 64 * 1024;
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// The longest time for which a stopping server goes on sending what is queued.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// The longest time for which it waits until files have been written, and when it says so.
const FILES_GRACE: Duration = Duration::from_secs(5);
const FILES_NOTICE: Duration = Duration::from_secs(1);
/// The longest time for which it waits until managed commands have ended; after 3 s they are killed.
const COMMANDS_GRACE: Duration = Duration::from_secs(4);
/// The longest time for which it starts commands that belong to its end. They need milliseconds.
const STARTS_GRACE: Duration = Duration::from_secs(15);
/// The time between two looks whether files have been written.
const FILES_LOOK: Duration = Duration::from_millis(10);

/// The time for which frames that nobody plays may gather in the kernel.
const NAP: Duration = Duration::from_millis(60);
/// The time before a nap in which nothing but such frames has come.
const CALM: Duration = Duration::from_secs(1);

const SIGNALS: Token = Token(usize::MAX);
const WORKERS: Token = Token(usize::MAX - 1);
/// Listeners have the tokens below this, sessions those from here on.
pub(super) const FIRST_SESSION: usize = FIRST_FREE_TOKEN;

/// The phases of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connections are accepted; the others go on until they end by themselves.
    Draining,
    /// All sessions have been closed or have ended; what is queued may be sent until the deadline.
    Stopping {
        until: Instant,
        /// When it began.
        since: Instant,
        /// Commands are waited for until then.
        commands_until: Instant,
        /// It has been logged that files are waited for.
        has_told: bool,
    },
}

impl Phase {
    fn stopping(now: Now) -> Self {
        Self::Stopping {
            until: now.instant + STOP_GRACE,
            since: now.instant,
            commands_until: now.instant + COMMANDS_GRACE,
            has_told: false,
        }
    }
}

/// What a signal, or the end, asks of the caller of [`Server::run`], who may run the server again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The server has stopped.
    Stop,
    /// The configuration is to be read again.
    Reload,
    /// The logs are to be opened again.
    Reopen,
    /// What was given to [`Server::run_in_background`] is done.
    Collect,
}

/// The engine with its sockets.
pub struct Server {
    pub(super) engine: Engine,
    pub(super) poll: Poll,
    signals: Signals,
    pub(super) listeners: Listeners,
    pub(super) sockets: Vec<Option<Socket>>,
    /// Sessions to be served. While there are some, polling does not wait.
    pub(super) agenda: Agenda,
    pub(super) scratch: Box<[u8]>,
    phase: Phase,
    pub(super) workers: Workers,
    pub(super) read_ahead: ReadAhead,
    pub(super) cached_parts: CachedParts,
    /// Sessions that are being connected.
    pub(super) connector: Connector,
    /// Clients whose hellos are to be answered, each once. While there are some, polling does not wait.
    pub(super) handshakes: Handshakes,
    pub(super) tls_servers: TlsServers,
    pub(super) commands: Commands,
    /// What signals have asked for, each once.
    wishes: VecDeque<Wish>,
    pub(super) backlog: Backlog,
    /// When an event last came that somebody may wait for: anything but frames that nobody plays.
    pub(super) last_urgent: Instant,
    last_look: LastLook,
}

/// Reads the clocks.
pub fn now() -> Now {
    Now { instant: Instant::now(), wall: SystemTime::now() }
}

impl Server {
    /// Opens the listeners of the engine, and takes the signals. `tls` is what has been read for it.
    pub fn new(mut engine: Engine, tls: LoadedTls) -> io::Result<Self> {
        engine.limit_descriptors(descriptors());
        let mut tls_servers = TlsServers::default();
        tls_servers.adopt(tls, Instant::now());
        engine.use_verifiers(tls_servers.verifiers());
        let poll = Poll::new()?;
        let mut listeners = Listeners::default();
        let prepared = listeners.prepare(engine.listeners(), poll.registry())?;
        listeners.adopt(prepared, engine.listeners());
        let mut signals =
            Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGXFSZ])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let workers = Workers::new(poll.registry(), WORKERS)?;
        Ok(Self {
            engine,
            poll,
            workers,
            read_ahead: ReadAhead::default(),
            cached_parts: CachedParts::default(),
            connector: Connector::default(),
            handshakes: Handshakes::default(),
            tls_servers,
            commands: Commands::default(),
            signals,
            listeners,
            sockets: Vec::new(),
            agenda: Agenda::new(Instant::now()),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            phase: Phase::Serving,
            wishes: VecDeque::new(),
            backlog: Backlog::default(),
            last_urgent: Instant::now(),
            last_look: LastLook::new(Instant::now()),
        })
    }

    /// The engine, for what needs no sockets.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Lets the engine begin to serve. To be called once, before the server is run.
    pub fn start(&mut self) {
        self.engine.start(now());
    }

    /// Serves until there is a wish.
    pub fn run(&mut self) -> io::Result<Wish> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            if let Some(wish) = self.wishes.pop_front() {
                return Ok(wish);
            }
            // Also those of a start or a reload.
            self.workers.add(self.engine.take_jobs());
            self.look_at_certificates();
            let timeout = self.timeout();
            let asked = Instant::now();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // Recordings are finished in any case.
                    self.stop(now());
                    self.wait_for_files();
                    return Err(error);
                }
            }
            let now = now();
            let ready_since = self.last_look.ready_since(asked, now.instant);
            self.turn(&events, (now, ready_since));
            self.engine.note_turn(now.instant.elapsed(), now.instant);
            if self.is_over(now) {
                return Ok(Wish::Stop);
            }
            if !events.is_empty() {
                self.nap(now);
            }
        }
    }

    /// Whether it neither stops nor drains.
    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// One turn, with events of sockets that may be ready for some time. The clock is read between its steps; what is left
    /// when its time is up is done in the next turn.
    fn turn(&mut self, events: &Events, (now, ready_since): (Now, Instant)) {
        let mut is_signalled = false;
        self.agenda.set_clock(ready_since);
        for event in events {
            is_signalled |= event.token() == SIGNALS;
            self.handle_event(event, now);
        }
        self.agenda.set_clock(now.instant);
        self.accept_waiting(now);
        let end = now.instant + TURN;
        self.serve(Queue::Prompt, (Duration::ZERO, end), now);
        self.agenda.postpone_prompt();
        self.expire_attempts(now);
        self.expire_timers(end, now);
        self.flush(now);
        self.answer_hellos(now);
        self.serve(Queue::Slow, (SLOW_SHARE, end), now);
        self.flush(now);
        self.serve_commands(end, now);
        self.serve_files(end, now);
        self.flush(now);
        if is_signalled {
            self.handle_signals(now);
        }
        self.shorten_pause();
    }

    /// Serves the sessions of a queue until the end of the turn, but at least for `share`.
    fn serve(&mut self, queue: Queue, (share, end): (Duration, Instant), now: Now) {
        if self.agenda.has(queue) {
            let mut clock = Instant::now();
            let end = end.max(clock + share);
            while self.serve_next(queue, &mut clock, now) && clock < end {}
        }
    }

    /// Handles the timers that have expired, until the end of the turn, but at least for [`SHARE`]. Mostly there is none, and
    /// the clock is not read.
    fn expire_timers(&mut self, end: Instant, now: Now) {
        if !self.engine.expire(now) {
            return;
        }
        let mut clock = Instant::now();
        let end = end.max(clock + SHARE);
        while clock < end && self.engine.expire(now) {
            clock = Instant::now();
        }
    }

    /// By turns an HTTP session and a step of the engine's own work; no session while others wait to be ended.
    fn serve_files(&mut self, end: Instant, now: Now) {
        let mut clock = Instant::now();
        let end = end.max(clock + SHARE);
        loop {
            let served = !self.engine.is_ending() && self.serve_next(Queue::Files, &mut clock, now);
            let worked = self.work(now);
            if !served && !worked {
                break;
            }
            clock = Instant::now();
            if clock >= end {
                break;
            }
        }
    }

    /// One step of the engine's own work, and the actions that it asks for; false if there is none.
    fn work(&mut self, now: Now) -> bool {
        let worked = self.engine.step(now);
        // Not those that follow from these: if nothing can be connected, one failed call leads to the next.
        for _ in 0..self.engine.actions() {
            if let Some(action) = self.engine.next_action() {
                self.act(action, now);
            }
        }
        if self.engine.needs_flush() {
            self.flush(now);
        }
        worked
    }

    /// Sleeps while nothing comes but frames that nobody plays. Recordings and HLS can wait for them; read together,
    /// the frames of 200 publishers take half the processor time (scripts/bench ingest-200).
    fn nap(&mut self, now: Now) {
        let is_calm = now.instant >= self.last_urgent + CALM && self.phase == Phase::Serving;
        if is_calm && self.timeout().is_none_or(|timeout| timeout >= NAP) {
            std::thread::sleep(NAP);
            // What has come meanwhile could wait: that is no wait to be told.
            self.last_look = LastLook::new(Instant::now());
        }
    }

    /// The longest time that polling may wait.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.agenda.is_empty()
            || !self.handshakes.is_empty()
            || self.backlog.is_ready()
            || self.engine.has_work()
            || self.commands.has_work()
        {
            return Some(Duration::ZERO);
        }
        if self.phase != Phase::Serving && self.engine.has_writes() {
            return Some(FILES_LOOK);
        }
        let stop = match self.phase {
            Phase::Stopping { commands_until, .. } if self.commands.awaited() > 0 => Some(commands_until),
            Phase::Stopping { until, .. } => Some(until),
            _ => None,
        };
        let accept = self.backlog.paused_until();
        let (engine, connector) = (self.engine.next_deadline(), self.connector.next_deadline());
        let deadlines = [engine, connector, self.commands.next_deadline(), accept, stop];
        let deadline = deadlines.into_iter().flatten().min()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn is_over(&mut self, now: Now) -> bool {
        if self.phase == Phase::Draining && self.engine.session_count() == 0 {
            // Only files are left, for which it waits no longer than a server that stops.
            self.engine.stop_commands(now);
            self.flush(now);
            self.phase = Phase::stopping(now);
        }
        match self.phase {
            Phase::Serving | Phase::Draining => false,
            Phase::Stopping { since, .. }
                if self.must_start_commands() && now.instant < since + STARTS_GRACE =>
            {
                false
            }
            Phase::Stopping { since, .. } if self.engine.has_writes() => self.gives_up_files(since, now),
            Phase::Stopping { commands_until, .. } if self.awaits_commands() => {
                self.gives_up_commands(commands_until, now)
            }
            Phase::Stopping { until, .. } => self.engine.has_ended() || self.gives_up_sending(until, now),
        }
    }

    /// Whether a stopping server no longer waits for what is queued. Tells the log of backends that have heard nothing.
    fn gives_up_sending(&self, until: Instant, now: Now) -> bool {
        let is_over = now.instant >= until;
        let calls = self.engine.calls_under_way();
        if is_over && calls > 0 {
            log::warn!("stopped with {calls} calls to backends that have got no answer");
        }
        is_over
    }

    /// Whether a stopping server no longer waits for commands, which are killed by now.
    fn gives_up_commands(&self, until: Instant, now: Now) -> bool {
        let is_over = now.instant >= until;
        if is_over {
            log::warn!("stopped while {} commands have not ended", self.commands.awaited());
        }
        is_over
    }

    /// Whether a stopping server no longer waits for files. Tells the log what it waits for.
    fn gives_up_files(&mut self, since: Instant, now: Now) -> bool {
        let waited = now.instant.saturating_duration_since(since);
        if waited >= FILES_GRACE {
            log::error!("stopped with writes to files that are not done: {}", self.workers.describe_writes());
            return true;
        }
        if let Phase::Stopping { has_told, .. } = &mut self.phase
            && waited >= FILES_NOTICE
            && !std::mem::replace(has_told, true)
        {
            log::info!("waiting for writes to files: {}", self.workers.describe_writes());
        }
        false
    }

    /// Waits for files when there is no poll any more.
    fn wait_for_files(&mut self) {
        loop {
            let now = now();
            self.workers.add(self.engine.take_jobs());
            self.take_results(now);
            while self.engine.step(now) {}
            if self.is_over(now) || !self.engine.has_writes() {
                return;
            }
            std::thread::sleep(FILES_LOOK);
        }
    }

    /// Gives the results of jobs to the engine, and goes on with sockets that have waited for files or names.
    fn take_results(&mut self, now: Now) {
        let Finished { jobs, read_for, findings, panics, has_background } = self.workers.take();
        jobs.into_iter().for_each(|finished| self.engine.finish_job(finished));
        self.engine.count_panics(panics);
        self.read_ahead.finish(read_for.len(), &self.workers);
        read_for.into_iter().for_each(|id| self.end_file_wait(id));
        findings.into_iter().for_each(|finding| self.take_finding(finding, now));
        if has_background {
            self.wish(Wish::Collect);
        }
    }

    fn handle_event(&mut self, event: &Event, now: Now) {
        let session = |index: usize| Some(self.sockets.get(index)?.as_ref()?.id);
        let id = event.token().0.checked_sub(FIRST_SESSION).and_then(session);
        let can_wait = event.token() == WORKERS || is_output(event.token());
        if !can_wait && !id.is_some_and(|id| self.engine.may_delay_input(id)) {
            self.last_urgent = now.instant;
        }
        match (event.token(), id) {
            // Signals are handled at the end of the turn, after the other events that came with them.
            (SIGNALS, _) => {}
            (WORKERS, _) => self.take_results(now),
            (_, Some(id)) => self.note(id, event, now),
            (Token(slot), None) if slot < FIRST_SESSION => self.accept(slot, now),
            // Otherwise a session that has just ended.
            (token, None) => {
                self.handle_command_event(token, now);
            }
        }
    }

    fn handle_signals(&mut self, now: Now) {
        let received: Vec<_> = self.signals.pending().collect();
        for signal in received {
            match signal {
                SIGTERM | SIGINT => {
                    log::info!("stopping");
                    self.stop(now);
                    self.wishes.clear();
                }
                SIGQUIT if self.phase == Phase::Serving => {
                    self.close_listeners();
                    self.engine.drain(now);
                    log::info!("draining: {} sessions go on until they end", self.engine.session_count());
                    self.phase = Phase::Draining;
                }
                SIGHUP if self.phase == Phase::Serving => self.wish(Wish::Reload),
                SIGHUP => {
                    log::warn!("SIGHUP: the server is about to end, so its configuration is not reloaded");
                }
                SIGUSR1 => self.wish(Wish::Reopen),
                SIGCHLD => self.reap(now),
                // SIGXFSZ: the write that hits the limit reports it. The others have no meaning.
                _ => {}
            }
        }
    }

    /// Ends all sessions. A second call does not wait for what is queued for clients.
    fn stop(&mut self, now: Now) {
        self.close_listeners();
        self.engine.stop(now);
        self.phase = match self.phase {
            Phase::Stopping { since, has_told, .. } => {
                Phase::Stopping { until: now.instant, since, commands_until: now.instant, has_told }
            }
            Phase::Serving | Phase::Draining => Phase::stopping(now),
        };
    }

    fn wish(&mut self, wish: Wish) {
        if !self.wishes.contains(&wish) {
            self.wishes.push_back(wish);
        }
    }

    fn close_listeners(&mut self) {
        self.listeners.clear();
        self.backlog.clear();
    }

    pub(super) fn socket(&mut self, id: SessionId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.index as usize)?.as_mut().filter(|socket| socket.id == id)
    }

    fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::Read(id) => {
                if self.socket(id).is_some_and(|socket| socket.readable) {
                    self.continue_later(id);
                }
            }
            Action::SendUnsolicited(id) => {
                if self.socket(id).is_some_and(|socket| !socket.readable) {
                    self.engine.send_unsolicited(id, now);
                }
            }
            Action::DetectDeadPeer(id, limit) => {
                if let Some(socket) = self.socket(id) {
                    socket.detect_dead_peer(limit);
                }
            }
            Action::ServeAsMedia(id) => {
                if let Some(socket) = self.socket(id) {
                    socket.traffic = Traffic::Media;
                }
            }
            Action::Connect(id) => self.connect(id, now),
            Action::Spawn(id) => self.spawn_command(id),
            Action::EndCommand(id, time) => self.end_command(id, time, now),
            Action::Reload if self.phase == Phase::Serving => self.wish(Wish::Reload),
            Action::Reload => self.engine.refuse_reloads("the server is about to end"),
            Action::ShutDownWrite(id) => {
                let Some(socket) = self.socket(id) else { return };
                if socket.shut_down_write().is_err() {
                    self.engine.disconnected(id, "", now);
                }
            }
            Action::CloseSocket(id) => {
                self.connector.end(id);
                self.drop_socket(id);
            }
        }
    }

    /// Closes the socket of a session, if it has one.
    pub(super) fn drop_socket(&mut self, id: SessionId) {
        let panics = self.engine.panics();
        let Some(slot) = self.sockets.get_mut(id.index as usize) else { return };
        if let Some(mut socket) = slot.take_if(|socket| socket.id == id) {
            if socket.phase.is_handshake() {
                self.end_handshake();
            }
            // Dropping it closes it, which takes it out of the poll.
            panics.contain(|| socket.announce_end());
        }
    }

    /// A client's handshake is complete, or over.
    pub(super) fn end_handshake(&mut self) {
        if self.handshakes.end() {
            self.backlog.release();
        }
    }
}
