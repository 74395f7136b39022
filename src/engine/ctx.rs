//! The context: all that the modules may see and ask for while a turn runs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use crate::http;
use crate::rtmp::ServerSession;
use crate::rtmp::capabilities::Capabilities;
use crate::rtmp::chunk::DEFAULT_CHUNK_SIZE;
use crate::rtmp::command::Level;

use super::config::{Config, Listener, Protocol, ServerSettings};
use super::exchange::{self, Exchange};
use super::hosts::Hosts;
use super::locations::Locations;
use super::memory::MemoryFiles;
use super::module::Verdict;
use super::out_queue::OutQueue;
use super::policy::Policy;
use super::role::{Endpoint, Role, Roles, Seat, Until};
use super::session::{
    HttpState, Life, Request, RtmpState, STEP_DEADLINE, Session, SessionId, Sessions, Speaks,
};
use super::stream::{Stream, StreamId, Streams};
use super::timers::{Timer, Timers};

/// The time, as whoever polls the sockets read it for this turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines and durations.
    pub instant: Instant,
    /// For dates and file names.
    pub wall: SystemTime,
}

/// What the end of a turn asks of whoever owns the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read this session again, though no new bytes have been announced.
    Read(SessionId),
    /// Give up on this session when its peer's host has been heard of in no way for so long.
    LimitSilence(SessionId, Duration),
    /// Say that nothing more will be sent; the peer may still send.
    ShutDown(SessionId),
    /// Close the socket; the session is gone.
    Drop(SessionId),
}

/// What the engine keeps of an application.
#[derive(Debug, Clone)]
pub struct AppFacts {
    /// Its name.
    pub name: String,
    /// The position of its RTMP server.
    pub server: usize,
    pub(super) policy: Policy,
}

/// A request that a module has suspended.
#[derive(Debug)]
pub(super) struct Gate {
    /// The module's position.
    pub module: usize,
    pub request: Box<Request>,
}

/// Bytes of frames that may wait for one player; beyond, frames are left out for it whatever their
/// number. (A frame of more than one chunk takes up twice its length, with its image.)
pub const MAX_QUEUED_BYTES: usize = 8 << 20;

/// Messages waiting for one player at which what is queued is sent before more is read: a burst of a
/// publisher must not overflow the queue of a player that reads.
const PRESSED: usize = 64;

/// Bytes of replies that may wait for an RTMP client, beside frames. The handshake's answer has 3 KiB.
const MAX_REPLY_BYTES: usize = 256 * 1024;
/// The same before its `connect` is accepted.
const MAX_FIRST_BYTES: usize = 16 * 1024;
const _: () = assert!(MAX_FIRST_BYTES <= MAX_REPLY_BYTES);

/// The engine's state, without the modules.
pub struct Ctx {
    /// The time of this turn.
    pub now: Now,
    /// All sessions.
    pub sessions: Sessions,
    /// All streams.
    pub streams: Streams,
    /// All applications, by [`AppId`](super::AppId).
    pub apps: Vec<AppFacts>,
    /// Files in memory, which are served before those on the disk.
    pub memory: MemoryFiles,
    pub(super) locations: Locations,
    /// Which HTTP servers answer at each address.
    pub(super) hosts: Vec<Hosts>,
    /// Answers that have been sent, or never will be, to be accounted for at the end of the turn.
    pub(super) exchanged: Vec<Exchange>,
    pub(super) servers: Vec<ServerSettings>,
    pub(super) timers: Timers,
    pub(super) dirty: Vec<SessionId>,
    /// Whether a player's queue has reached [`PRESSED`] since the last write.
    pub(super) pressed: bool,
    pub(super) actions: Vec<Action>,
    /// Players that have had all they wanted.
    pub(super) satisfied: Vec<Endpoint>,
    /// Sessions to end this turn.
    pub(super) ended: Vec<SessionId>,
    /// Sessions on their way out.
    pub(super) lingering: Vec<SessionId>,
    /// Answers to suspended requests.
    pub(super) answers: Vec<(SessionId, Verdict)>,
    resumable: Vec<SessionId>,
    /// Whether the server is only finishing what it has.
    pub(super) draining: bool,
    /// Seconds since 1970 and the date they are, as HTTP writes it.
    pub(super) date: (u64, String),
    seed: u64,
}

impl Ctx {
    pub(super) fn new(config: &mut Config<'_>, seed: u64, now: Now) -> Self {
        let apps = config.applications.iter();
        Self {
            now,
            sessions: Sessions::default(),
            streams: Streams::default(),
            apps: apps
                .map(|app| AppFacts {
                    name: app.name.clone(),
                    server: app.server,
                    policy: Policy::new(&app.scope),
                })
                .collect(),
            memory: MemoryFiles::default(),
            locations: Locations::new(&config.locations),
            hosts: std::mem::take(&mut config.hosts),
            exchanged: Vec::new(),
            servers: config.servers.clone(),
            timers: Timers::default(),
            dirty: Vec::new(),
            pressed: false,
            actions: Vec::new(),
            satisfied: Vec::new(),
            ended: Vec::new(),
            lingering: Vec::new(),
            answers: Vec::new(),
            resumable: Vec::new(),
            draining: false,
            date: (0, String::new()),
            seed,
        }
    }

    /// Runs `offer` on every player of a stream, and sees to it that what it queues is sent. A player for
    /// which it breaks has had all it wanted, and leaves.
    pub fn for_each_player(
        &mut self,
        stream: StreamId,
        mut offer: impl FnMut(&mut Seat<'_>, &Stream) -> ControlFlow<()>,
    ) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        let hold = self.apps.get(stream.app.0).map_or(Duration::ZERO, |app| app.policy.hold);
        let (mut stuck, mut held) = (Vec::new(), false);
        for &endpoint in &stream.players {
            let Endpoint { session, msid } = endpoint;
            let Some(session) = self.sessions.get_mut(session).filter(|session| session.life == Life::Open)
            else {
                continue;
            };
            session.touch_output(self.now.instant);
            let Some(player) = session.roles.player_mut(msid) else { continue };
            let mut seat = Seat { player, out: &mut session.out };
            if offer(&mut seat, stream).is_break() && seat.player.until != Until::Done {
                seat.player.until = Until::Done;
                self.satisfied.push(endpoint);
            }
            let settings = self.servers.get(session.server);
            if !hold.is_zero() && settings.is_some_and(|s| session.out.len() < s.out_cork) {
                held = true;
            } else if !session.out.is_empty() {
                mark_dirty(&mut self.dirty, session);
            }
            self.pressed |= session.out.len() >= PRESSED;
            if is_overfull(session, settings) {
                stuck.push(session.id);
            }
        }
        if held && stream.held_until.is_none() {
            let until = self.now.instant + hold;
            stream.held_until = Some(until);
            self.timers.add(until, Timer::Stream(stream.id));
        }
        for id in stuck {
            self.close(id, "does not read what it is sent");
        }
    }

    /// Runs `offer` on one player of a stream.
    pub fn for_player(&mut self, endpoint: Endpoint, offer: impl FnOnce(&mut Seat<'_>)) {
        let found = self.sessions.get_mut(endpoint.session).filter(|session| session.life == Life::Open);
        let Some(session) = found else { return };
        session.touch_output(self.now.instant);
        let Some(player) = session.roles.player_mut(endpoint.msid) else { return };
        offer(&mut Seat { player, out: &mut session.out });
        if !session.out.is_empty() {
            mark_dirty(&mut self.dirty, session);
        }
    }

    /// Lets the frames of a stream go that have been held back.
    pub(super) fn release(&mut self, stream: StreamId) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        stream.held_until = None;
        for &endpoint in &stream.players {
            let found = self.sessions.get_mut(endpoint.session);
            if let Some(session) = found.filter(|session| !session.out.is_empty()) {
                mark_dirty(&mut self.dirty, session);
            }
        }
    }

    /// Queues bytes for a session, unless it is past that. An RTMP peer that lets replies pile up is
    /// closed; what HTTP clients ask ahead waits.
    pub fn send_bytes(&mut self, id: SessionId, bytes: &[u8]) -> bool {
        self.queue(id, bytes, |out, bytes| out.push_bytes(bytes.into()))
    }

    /// The same, with the way the bytes are put in the queue.
    pub(super) fn queue(&mut self, id: SessionId, bytes: &[u8], push: fn(&mut OutQueue, &[u8])) -> bool {
        let Some(session) = self.sessions.get_mut(id).filter(|session| session.life.may_send()) else {
            return false;
        };
        if !bytes.is_empty() {
            session.touch_output(self.now.instant);
            push(&mut session.out, bytes);
            mark_dirty(&mut self.dirty, session);
            if is_overfull(session, self.servers.get(session.server)) {
                self.close(id, "does not read what it is sent");
            }
        }
        true
    }

    /// Sends a stream's publisher an `onStatus`, unless it is gone.
    pub fn tell_publisher(&mut self, stream: StreamId, status: (Level, &str), description: &str) {
        let publisher = self.streams.get(stream).and_then(|stream| stream.publisher);
        let Some(Endpoint { session, msid }) = publisher else { return };
        let Some(state) = self.sessions.get_mut(session).and_then(Session::rtmp_mut) else { return };
        let mut out = Vec::new();
        state.protocol.write_status(&mut out, msid, status, description);
        self.send_bytes(session, &out);
    }

    /// Closes a session at the end of this turn, at once.
    pub fn close(&mut self, id: SessionId, reason: &str) {
        self.end(id, reason, log::Level::Info);
    }

    /// Closes a session whose peer broke the protocol.
    pub fn fail(&mut self, id: SessionId, reason: &str) {
        self.end(id, reason, log::Level::Warn);
    }

    /// Ends a session at the end of this turn, and closes it once what is queued has been sent.
    pub fn finish(&mut self, id: SessionId, reason: &str) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.life == Life::Open {
            session.life = Life::Finishing(reason.into());
            session.gate = None;
            self.ended.push(id);
        }
    }

    /// Answers a request that a gate has suspended.
    pub fn answer(&mut self, id: SessionId, verdict: Verdict) {
        self.answers.push((id, verdict));
    }

    /// Calls a module's `on_timer` with `token` at `at`.
    pub fn set_module_timer(&mut self, module: &'static str, at: Instant, token: u64) {
        self.timers.add(at, Timer::Module { module, token });
    }

    /// Whether a session has something to finish: a stream that is live, an answer to send.
    pub(super) fn is_busy(&self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(id) else { return false };
        let live = session.roles.iter().any(|role| match role {
            Role::Publisher { .. } => true,
            Role::Player(player) => self.streams.get(player.stream).is_some_and(Stream::is_live),
        });
        live || !session.out.is_empty()
    }

    /// Frees a session's slot; its socket is to be closed.
    pub(super) fn forget(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            exchange::give_up(session, &mut self.exchanged);
        }
        self.sessions.remove(id);
        self.actions.push(Action::Drop(id));
    }

    fn end(&mut self, id: SessionId, reason: &str, level: log::Level) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let queued = !matches!(session.life, Life::Finishing(_) | Life::Closed(..) | Life::Gone);
        session.gate = None;
        session.life = match std::mem::replace(&mut session.life, Life::Gone) {
            Life::Open => Life::Closed(reason.into(), level),
            Life::Finishing(first) => Life::Closed(first, log::Level::Info),
            Life::Closed(first, level) => Life::Closed(first, level),
            // It has been logged already.
            Life::Lingering | Life::ShutDown(_) | Life::Gone => Life::Gone,
        };
        if queued {
            self.ended.push(id);
        }
    }

    pub(super) fn open_session(
        &mut self,
        listener: &Listener,
        peer: SocketAddr,
        local: SocketAddr,
    ) -> SessionId {
        let (now, server) = (self.now.instant, listener.server_at(local));
        let chunking = match listener.protocol {
            Protocol::Rtmp => self.servers.get(server).map(|server| server.rtmp.chunking),
            Protocol::Http => None,
        };
        let speaks = match listener.protocol {
            Protocol::Rtmp => {
                self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                let protocol = ServerSession::new(self.seed);
                Speaks::Rtmp(Box::new(RtmpState {
                    protocol,
                    app: None,
                    instance: "".into(),
                    capabilities: Capabilities::default(),
                    owes_since: now,
                    asks: 0,
                    pinged: None,
                }))
            }
            Protocol::Http => {
                let protocol = http::ServerSession::new();
                Speaks::Http(Box::new(HttpState {
                    protocol,
                    waits_since: now,
                    in_head: true,
                    keep_alive: STEP_DEADLINE,
                    local,
                    requests: 0,
                    queued: 0,
                    exchanges: VecDeque::new(),
                }))
            }
        };
        let timer_at = now + STEP_DEADLINE;
        let id = self.sessions.insert(|id| Session {
            id,
            peer,
            opened: now,
            last_input: now,
            last_output: now,
            bytes_in: 0,
            bytes_out: 0,
            out: OutQueue::new(chunking.unwrap_or(DEFAULT_CHUNK_SIZE.into())),
            roles: Roles::default(),
            speaks,
            server,
            life: Life::Open,
            dirty: false,
            gate: None,
            pending: Vec::new(),
            has_more: false,
            backlogged: false,
            timer_at,
            shared_object_room: 0,
        });
        self.timers.add(timer_at, Timer::Session { id, at: timer_at });
        id
    }

    pub(super) fn resume_input(&mut self, id: SessionId) {
        self.resumable.push(id);
    }

    pub(super) fn has_resumable(&self) -> bool {
        !(self.resumable.is_empty() && self.answers.is_empty())
    }

    pub(super) fn take_resumable(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.resumable)
    }
}

/// Whether more waits for an RTMP session than there can be if its peer reads. Frames stop at the limits of
/// the live module, so only replies and headers come to this. What it publishes and plays does not count: a
/// player whose stream has ended still takes in what waits.
fn is_overfull(session: &Session, settings: Option<&ServerSettings>) -> bool {
    let Speaks::Rtmp(state) = &session.speaks else { return false };
    let (out, more) = (&session.out, session.out.allowance());
    let is_over = |replies: usize| {
        let own = replies + session.shared_object_room;
        out.reply_bytes() > own || out.bytes() > 2 * MAX_QUEUED_BYTES + own + more.bytes
    };
    let messages = settings.map_or(0, ServerSettings::longest_queue);
    out.len() > messages + more.messages
        // The state of the protocol is looked at last: nearly never, as it lies elsewhere.
        || is_over(MAX_FIRST_BYTES) && (state.app.is_none() || is_over(MAX_REPLY_BYTES))
}

fn mark_dirty(dirty: &mut Vec<SessionId>, session: &mut Session) {
    if !session.dirty {
        session.dirty = true;
        dirty.push(session.id);
    }
}
