//! The loop: polls, reads into one shared buffer, lets the engine act, writes, acts for the engine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use nix::libc::{
    EMFILE, ENFILE, ENOBUFS, ENOMEM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ,
};
use signal_hook_mio::v1_0::Signals;

use crate::engine::{Action, Engine, Now, Protocol, SessionId};

use super::listener::bind;
use super::socket::{Progress, Socket};

/// The one buffer that all sessions are read into.
const SCRATCH: usize = 64 * 1024;
/// Bytes read from one session in a turn before the others have theirs.
const READ_BUDGET: usize = 256 * 1024;
/// Bytes written to one session in a turn: most fragments go in one, and no call is needed to go on.
const WRITE_BUDGET: usize = 512 * 1024;
/// Bytes given to the engine at once: less than a queue's worth of messages, unless they are tiny.
const PIECE: usize = 16 * 1024;
/// Connections accepted from one listener in a turn.
const ACCEPTS: usize = 64;
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// How long accepting rests when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long a stopping server goes on sending what is queued.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long frames that nobody plays may gather, and how long nothing else must have come before.
const NAP: Duration = Duration::from_millis(60);
const CALM: Duration = Duration::from_secs(1);

const SIGNALS: Token = Token(usize::MAX);
/// Listeners have the tokens below this, sessions those from here on.
const FIRST_SESSION: usize = 1024;

/// How far the server is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connections; the others go on to their own end.
    Draining,
    /// Everything has been told to end; what is queued may go until the deadline.
    Stopping(Instant),
}

/// The engine with its sockets.
pub struct Server {
    engine: Engine,
    poll: Poll,
    signals: Signals,
    listeners: Vec<Option<TcpListener>>,
    sockets: Vec<Option<Socket>>,
    /// Sessions with more to read or write than their budget; polling does not wait for them.
    ready: VecDeque<SessionId>,
    scratch: Box<[u8]>,
    phase: Phase,
    /// Listeners that have not been accepted from until they would block, each once.
    unaccepted: Vec<usize>,
    /// Until when accepting rests.
    paused_until: Option<Instant>,
    /// When something last came that somebody may wait for.
    hurried_at: Instant,
    /// Given up to accept and hang up on one more peer when there are no others.
    spare: Option<File>,
}

/// Reads the clocks.
pub fn now() -> Now {
    Now { instant: Instant::now(), wall: SystemTime::now() }
}

impl Server {
    /// Opens everything: the listeners of the engine, and the signals.
    pub fn new(engine: Engine) -> io::Result<Self> {
        let poll = Poll::new()?;
        let wanted = engine.listeners();
        if wanted.len() >= FIRST_SESSION {
            return Err(io::Error::other("more than 1023 addresses to listen on"));
        }
        let mut listeners = Vec::new();
        for (index, wanted) in wanted.iter().enumerate() {
            let explain = |error: io::Error| {
                io::Error::new(
                    error.kind(),
                    format!("{}: cannot listen on {}: {error}", wanted.origin, wanted.address),
                )
            };
            let mut listener = bind(wanted).map_err(explain)?;
            poll.registry().register(&mut listener, Token(index), Interest::READABLE)?;
            let name = match wanted.protocol {
                Protocol::Rtmp => "RTMP",
                Protocol::Http => "HTTP",
            };
            log::info!("listening for {name} on {}", listener.local_addr()?);
            listeners.push(Some(listener));
        }
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        Ok(Self {
            engine,
            poll,
            signals,
            listeners,
            sockets: Vec::new(),
            ready: VecDeque::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            phase: Phase::Serving,
            unaccepted: Vec::new(),
            paused_until: None,
            hurried_at: Instant::now(),
            spare: File::open("/dev/null").ok(),
        })
    }

    /// Serves until a signal ends it.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        self.engine.start(now());
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = now();
            for id in std::mem::take(&mut self.ready) {
                self.serve_ready(id, now);
            }
            for event in &events {
                self.handle_event(event, now);
            }
            self.resume_accepting(now);
            self.engine.expire(now);
            self.flush(now);
            for action in self.engine.end_turn(now) {
                self.act(action, now);
            }
            if self.is_over(now) {
                return Ok(());
            }
            if !events.is_empty() {
                self.nap(now);
            }
        }
    }

    /// Lets frames gather in the kernel while all that comes is frames that nobody plays: recordings and HLS
    /// do not mind, and 200 publishers take half the processor (scripts/bench ingest-200).
    fn nap(&mut self, now: Now) {
        let is_calm = now.instant >= self.hurried_at + CALM && self.phase == Phase::Serving;
        if is_calm && self.timeout().is_none_or(|timeout| timeout >= NAP) {
            std::thread::sleep(NAP);
        }
    }

    /// How long polling may wait.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.ready.is_empty()
            || !self.unaccepted.is_empty() && self.paused_until.is_none()
            || self.engine.has_work()
        {
            return Some(Duration::ZERO);
        }
        let stop = match self.phase {
            Phase::Stopping(deadline) => Some(deadline),
            _ => None,
        };
        let deadline = [self.engine.next_deadline(), self.paused_until, stop].into_iter().flatten().min()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn is_over(&self, now: Now) -> bool {
        match self.phase {
            Phase::Serving => false,
            Phase::Draining => self.engine.session_count() == 0,
            Phase::Stopping(deadline) => self.engine.session_count() == 0 || now.instant >= deadline,
        }
    }

    fn handle_event(&mut self, event: &Event, now: Now) {
        let may_wait = |socket: &Socket| self.engine.may_wait(socket.id);
        let of_session = |index: usize| self.sockets.get(index).and_then(Option::as_ref);
        if !event.token().0.checked_sub(FIRST_SESSION).and_then(of_session).is_some_and(may_wait) {
            self.hurried_at = now.instant;
        }
        match event.token() {
            SIGNALS => self.handle_signals(now),
            Token(index) if index < FIRST_SESSION => self.accept(index, now),
            Token(token) => {
                let Some(Some(socket)) = self.sockets.get_mut(token - FIRST_SESSION) else { return };
                let id = socket.id;
                if event.is_writable() {
                    socket.blocked = false;
                    self.write(id, now);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.read(id, event.is_read_closed() || event.is_error(), now);
                }
            }
        }
    }

    fn handle_signals(&mut self, now: Now) {
        let received: Vec<_> = self.signals.pending().collect();
        for signal in received {
            match signal {
                SIGTERM | SIGINT => {
                    log::info!("stopping");
                    // A second one does not wait.
                    let grace =
                        if matches!(self.phase, Phase::Stopping(_)) { Duration::ZERO } else { STOP_GRACE };
                    self.close_listeners();
                    self.engine.stop(now);
                    self.phase = Phase::Stopping(now.instant + grace);
                }
                SIGQUIT if self.phase == Phase::Serving => {
                    self.close_listeners();
                    self.engine.drain(now);
                    log::info!("draining: {} sessions go on to their end", self.engine.session_count());
                    self.phase = Phase::Draining;
                }
                SIGHUP => log::warn!("SIGHUP: reloading is not built yet; nothing changes"),
                SIGUSR1 => log::warn!("SIGUSR1: reopening log files is not built yet; nothing changes"),
                // A file at its size limit says so when it is written; the others have no meaning.
                _ => {}
            }
        }
    }

    fn close_listeners(&mut self) {
        self.listeners.iter_mut().for_each(|listener| *listener = None);
        self.unaccepted.clear();
    }

    fn resume_accepting(&mut self, now: Now) {
        if self.paused_until.is_some_and(|until| now.instant < until) {
            return;
        }
        self.paused_until = None;
        for index in std::mem::take(&mut self.unaccepted) {
            self.accept(index, now);
        }
    }

    fn accept(&mut self, index: usize, now: Now) {
        if self.paused_until.is_some() {
            return self.accept_later(index);
        }
        for _ in 0..ACCEPTS {
            let Some(Some(listener)) = self.listeners.get(index) else { return };
            match listener.accept() {
                Ok((stream, peer)) => {
                    let Ok(local) = self.local_end(index, &stream) else { continue };
                    if let Some(id) = self.engine.accept(index, (peer, local), now) {
                        self.adopt(id, stream, now);
                        self.limit_unsent(id, index);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_shortage(&error) => return self.pause_accepting(index, &error, now),
                // The peer was gone before we came.
                Err(error) => log::debug!("accept: {error}"),
            }
        }
        self.accept_later(index);
    }

    /// The address that a peer has connected to.
    fn local_end(&self, listener: usize, stream: &TcpStream) -> io::Result<SocketAddr> {
        match self.engine.listeners().get(listener) {
            // What is listened on says it, and saves a call.
            Some(known) if known.address.port() != 0 && !known.address.ip().is_unspecified() => {
                Ok(known.address)
            }
            _ => stream.local_addr(),
        }
    }

    fn accept_later(&mut self, index: usize) {
        if !self.unaccepted.contains(&index) {
            self.unaccepted.push(index);
        }
    }

    /// Takes the socket of a new session into the poll.
    fn adopt(&mut self, id: SessionId, mut stream: TcpStream, now: Now) {
        let index = id.index as usize;
        let token = Token(FIRST_SESSION + index);
        if let Err(error) = self.poll.registry().register(&mut stream, token, Interest::READABLE) {
            return self.engine.disconnected(id, &error.to_string(), now);
        }
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.sockets.get_mut(index) {
            *slot = Some(Socket::new(id, stream));
        }
    }

    /// Limits what the kernel holds for an RTMP client. Of what HTTP sends nothing is left out, so it may have that.
    fn limit_unsent(&mut self, id: SessionId, listener: usize) {
        let protocol = self.engine.listeners().get(listener).map(|listener| listener.protocol);
        if protocol == Some(Protocol::Rtmp)
            && let Some(socket) = self.socket(id)
        {
            socket.limit_unsent();
        }
    }

    /// Out of file descriptors or memory: hangs up on one peer with the spare descriptor, so that it is
    /// not left waiting, and rests.
    fn pause_accepting(&mut self, index: usize, error: &io::Error, now: Now) {
        log::error!("accepting rests for a second: {error}");
        self.spare = None;
        if let Some(Some(listener)) = self.listeners.get(index) {
            drop(listener.accept());
        }
        self.spare = File::open("/dev/null").ok();
        self.accept_later(index);
        self.paused_until = Some(now.instant + ACCEPT_PAUSE);
    }

    fn socket(&mut self, id: SessionId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.index as usize)?.as_mut().filter(|socket| socket.id == id)
    }

    fn make_ready(&mut self, id: SessionId) {
        let Some(socket) = self.socket(id) else { return };
        if !std::mem::replace(&mut socket.ready, true) {
            self.ready.push_back(id);
        }
    }

    fn serve_ready(&mut self, id: SessionId, now: Now) {
        let Some(socket) = self.socket(id) else { return };
        socket.ready = false;
        if socket.readable {
            self.read(id, true, now);
        }
        self.write(id, now);
    }

    /// Reads a session until it would block, its budget is spent or the engine holds it. A read that
    /// does not fill the buffer has taken all there is, unless the peer has hung up behind it.
    fn read(&mut self, id: SessionId, to_the_end: bool, now: Now) {
        let mut left = READ_BUDGET;
        loop {
            let held = self.engine.is_held(id);
            let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
            if socket.id != id {
                return;
            }
            socket.readable = true;
            if held {
                return; // Action::Read comes when it goes on
            }
            if left == 0 {
                return self.make_ready(id);
            }
            match socket.read(&mut self.scratch) {
                Progress::Bytes(count) => {
                    left = left.saturating_sub(count);
                    socket.readable = to_the_end || count == self.scratch.len();
                    let more = socket.readable;
                    self.feed(id, count, now);
                    if !more {
                        return;
                    }
                }
                Progress::Blocked => {
                    socket.readable = false;
                    return;
                }
                Progress::Closed => {
                    socket.readable = false;
                    return self.engine.end_of_input(id, now);
                }
                Progress::Ended(why) => {
                    socket.readable = false;
                    return self.engine.disconnected(id, &why, now);
                }
            }
        }
    }

    /// Hands what has been read to the engine, in pieces, between which a burst may be written on.
    fn feed(&mut self, id: SessionId, count: usize, now: Now) {
        for start in (0..count).step_by(PIECE) {
            let end = count.min(start + PIECE);
            self.engine.input(id, &self.scratch[start..end], now);
            if self.engine.is_pressed() {
                self.flush(now);
            }
        }
    }

    /// Writes every session that has something new.
    fn flush(&mut self, now: Now) {
        for id in self.engine.take_dirty() {
            self.write(id, now);
        }
    }

    /// Writes a session until its queue is empty, there is no room or its budget is spent.
    fn write(&mut self, id: SessionId, now: Now) {
        let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
        if socket.id != id || socket.blocked {
            return;
        }
        let Some(mut queue) = self.engine.out_queue(id).filter(|queue| !queue.is_empty()) else { return };
        let mut left = WRITE_BUDGET;
        let why = loop {
            match socket.write(queue) {
                Progress::Bytes(count) => match self.engine.sent(id, count, now) {
                    None => return,
                    Some(_) if count >= left => return self.make_ready(id),
                    Some(rest) => (queue, left) = (rest, left - count),
                },
                Progress::Blocked => {
                    socket.blocked = true;
                    return self.ask_for_room(id, now);
                }
                Progress::Closed => break "peer closed".into(),
                Progress::Ended(why) => break why,
            }
        };
        self.engine.disconnected(id, &why, now);
    }

    /// Has room in a socket announced from now on.
    fn ask_for_room(&mut self, id: SessionId, now: Now) {
        let Some(Some(socket)) = self.sockets.get_mut(id.index as usize) else { return };
        if socket.asked_for_room {
            return;
        }
        socket.asked_for_room = true;
        let token = Token(FIRST_SESSION + id.index as usize);
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().reregister(&mut socket.stream, token, both) {
            self.engine.disconnected(id, &error.to_string(), now);
        }
    }

    fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::Read(id) => {
                if self.socket(id).is_some_and(|socket| socket.readable) {
                    self.make_ready(id);
                }
            }
            Action::LimitSilence(id, limit) => {
                if let Some(socket) = self.socket(id) {
                    socket.limit_silence(limit);
                }
            }
            Action::ShutDown(id) => {
                let Some(socket) = self.socket(id) else { return };
                if socket.stream.shutdown(Shutdown::Write).is_err() {
                    self.engine.disconnected(id, "", now);
                }
            }
            Action::Drop(id) => {
                if self.socket(id).is_some()
                    && let Some(slot) = self.sockets.get_mut(id.index as usize)
                {
                    *slot = None; // closing it takes it out of the poll
                }
            }
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(&code))
}
