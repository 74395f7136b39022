//! Sessions: one for each connection, in a slab.

pub(in crate::engine) mod client;
pub(in crate::engine) mod deadlines;
pub(in crate::engine) mod ending;
pub(in crate::engine) mod input;
pub(in crate::engine) mod log_limits;
pub(in crate::engine) mod misdirected;
pub(in crate::engine) mod out_queue;
pub(in crate::engine) mod player;
pub(in crate::engine) mod roles;
pub(in crate::engine) mod sending;

use crate::engine::ids::SessionId;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::http;
use crate::rtmp::ServerSession;
use crate::rtmp::capabilities::Capabilities;

use crate::engine::http::exchange::{Exchange, SendLimits};
use crate::engine::ids::AppId;
use crate::engine::request::Suspended;
use crate::engine::rtmp::address::Address;
use crate::engine::rtmp::unsolicited::Unsolicited;
use crate::engine::session::client::Client;
use crate::engine::session::out_queue::OutQueue;
use crate::engine::session::roles::Roles;

/// What a session speaks.
#[derive(Debug)]
pub(in crate::engine) enum Speaks {
    Rtmp(Box<RtmpState>),
    Http(Box<HttpState>),
}

#[derive(Debug)]
pub(in crate::engine) struct RtmpState {
    pub protocol: ServerSession,
    /// The position of its server among `Ctx::servers`.
    pub server: usize,
    pub app: Option<AppId>,
    /// What it has connected to beside the application.
    pub address: Address,
    /// What the client has said that it can do.
    pub capabilities: Capabilities,
    /// What else it has said of itself.
    pub client: Client,
    /// Since when it owes a connect, a publish or a play.
    pub idle_since: Instant,
    /// How often it has asked to publish or play.
    pub stream_requests: u64,
    /// When a ping was sent that has not been answered by any byte.
    pub pinged: Option<Instant>,
    /// What it is to be sent without having asked for it.
    pub unsolicited: Unsolicited,
}

impl RtmpState {
    /// Of a client that has said nothing yet; `seed` is what its handshake is made of.
    pub fn new(seed: u64, server: usize, now: Instant) -> Self {
        Self {
            protocol: ServerSession::new(seed),
            server,
            app: None,
            address: Address::default(),
            capabilities: Capabilities::default(),
            client: Client::default(),
            idle_since: now,
            stream_requests: 0,
            pinged: None,
            unsolicited: Unsolicited::default(),
        }
    }
}

#[derive(Debug)]
pub(in crate::engine) struct HttpState {
    pub protocol: http::RequestReader,
    /// Since when a head is being received, or was last answered.
    pub waits_since: Instant,
    /// Whether a head is awaited or part of it has come.
    pub in_head: bool,
    /// How long the connection may be idle after the last answer.
    pub keep_alive: Duration,
    /// Where the peer has connected to.
    pub local: SocketAddr,
    /// The position of the hosts that it may ask for among `Ctx::hosts`.
    pub hosts: usize,
    /// Requests so far.
    pub requests: u64,
    /// Bytes queued so far.
    pub queued: u64,
    /// Whether an answer is being composed; until then nothing more is taken.
    pub composing: bool,
    /// What has been answered and not yet sent, in order; as bounded as the queue.
    pub exchanges: VecDeque<Box<Exchange>>,
    /// Since when the first of them has been the first.
    pub front_since: Instant,
}

impl HttpState {
    /// Of a client that has asked for nothing yet.
    pub fn new(local: SocketAddr, hosts: usize, now: Instant) -> Self {
        Self {
            protocol: http::RequestReader::new(),
            waits_since: now,
            in_head: true,
            keep_alive: STEP_DEADLINE,
            local,
            hosts,
            requests: 0,
            queued: 0,
            composing: false,
            exchanges: VecDeque::new(),
            front_since: now,
        }
    }

    /// By when more of the answer at the front must have been sent, and by when all of it.
    pub fn send_deadlines(&self, last_output: Instant) -> Option<(Instant, Instant)> {
        let SendLimits { pause, whole } = self.exchanges.front()?.limits;
        Some((last_output + pause, self.front_since + whole))
    }
}

/// How far a session is on its way to its end: open, sending its queue, hung up, gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Life {
    Open,
    /// To end this turn, for a reason, once what is queued has been sent.
    Finishing(Box<str>),
    /// To end this turn, for a reason of some weight, at once.
    Closing(Box<str>, log::Level),
    /// Ended; sending what is queued.
    Flushing,
    /// Ended; hung up, waiting for the peer to do so, until a deadline.
    HalfClosed(Instant),
    /// Ended and logged; only the slot is left to free.
    Gone,
}

impl Life {
    /// Whether more may be queued.
    pub(in crate::engine) fn may_send(&self) -> bool {
        matches!(self, Self::Open | Self::Finishing(_))
    }
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The other end.
    pub peer: SocketAddr,
    /// When it was accepted.
    pub opened: Instant,
    /// When bytes last came.
    pub last_input: Instant,
    /// When bytes last went, or the queue last was empty.
    pub last_output: Instant,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// What waits to be sent.
    pub out: OutQueue,
    pub(in crate::engine) roles: Roles,
    pub(in crate::engine) speaks: Speaks,
    pub(in crate::engine) life: Life,
    /// Whether it is on the list of those with something to send.
    pub(in crate::engine) dirty: bool,
    /// The request that waits for an answer.
    pub(in crate::engine) suspended: Option<Box<Suspended>>,
    /// Until when it is held because it publishes faster than media time may run.
    pub(in crate::engine) paced_until: Option<Instant>,
    /// When its peer hung up, though what it has sent may not all have been read.
    pub(in crate::engine) hung_up: Option<Instant>,
    /// Input that came while the session was held. Invariant: at most one read's worth.
    pub(in crate::engine) pending: Vec<u8>,
    /// Whether it has sent more than one step takes, and goes on in another.
    pub(in crate::engine) has_more_input: bool,
    /// Whether replies have piled up and no more requests are taken until they are sent.
    pub(in crate::engine) backlogged: bool,
    /// When its timer entry that counts expires.
    pub(in crate::engine) timer_at: Instant,
    /// Bytes of shared objects that may wait for it, beside replies; 0 while it uses none.
    pub(in crate::engine) shared_object_room: usize,
    /// What it holds of its client's input, as the budget of all sessions has it, bytes.
    pub(in crate::engine) counted_input: usize,
    /// Replies that wait for it, likewise.
    pub(in crate::engine) counted_replies: usize,
}

impl Session {
    /// One that has just been accepted; no timer looks at it yet.
    pub(in crate::engine) fn new(
        id: SessionId,
        peer: SocketAddr,
        speaks: Speaks,
        out: OutQueue,
        now: Instant,
    ) -> Self {
        Self {
            id,
            peer,
            opened: now,
            last_input: now,
            last_output: now,
            bytes_in: 0,
            bytes_out: 0,
            out,
            roles: Roles::default(),
            speaks,
            life: Life::Open,
            dirty: false,
            suspended: None,
            paced_until: None,
            hung_up: None,
            pending: Vec::new(),
            has_more_input: false,
            backlogged: false,
            timer_at: now,
            shared_object_room: 0,
            counted_input: 0,
            counted_replies: 0,
        }
    }

    /// What it is to its streams.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// What an RTMP client has said that it can do.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        match &self.speaks {
            Speaks::Rtmp(state) => Some(&state.capabilities),
            Speaks::Http(_) => None,
        }
    }

    /// What an RTMP client has said of itself, once it has connected.
    pub fn client(&self) -> Option<&Client> {
        self.rtmp().filter(|state| state.app.is_some()).map(|state| &state.client)
    }

    /// Starts the clock of a queue that has been empty.
    pub(in crate::engine) fn touch_output(&mut self, now: Instant) {
        if self.out.is_empty() {
            self.last_output = now;
        }
    }

    /// Until when a session on its way out may stay: while its peer takes what is queued, and then
    /// until the peer hangs up too.
    pub(in crate::engine) fn lingers_until(&self) -> Instant {
        match (&self.life, &self.speaks) {
            (Life::HalfClosed(deadline), _) => *deadline,
            (_, Speaks::Rtmp(_)) => self.last_output + REFUSAL_TIME,
            (_, Speaks::Http(state)) => {
                let (pause, whole) =
                    state.send_deadlines(self.last_output).unwrap_or((self.last_output, self.last_output));
                pause.min(whole)
            }
        }
    }

    /// Why its connection has ended, if nothing else ends it.
    pub(in crate::engine) fn loss_reason(&self) -> Option<&str> {
        match &self.life {
            Life::Closing(reason, log::Level::Info) => Some(reason),
            _ => None,
        }
    }

    /// Whether an answer is being made for it.
    pub(in crate::engine) fn is_composing(&self) -> bool {
        matches!(&self.speaks, Speaks::Http(state) if state.composing)
    }

    /// Whether its input is to wait: something holds it, or earlier input has not been gone on with.
    pub(in crate::engine) fn is_held(&self) -> bool {
        self.life == Life::Open && (self.is_stopped() || self.has_more_input || !self.pending.is_empty())
    }

    /// Whether its input waits for more than its next turn: an answer, room in its queue, the time.
    fn is_stopped(&self) -> bool {
        self.paced_until.is_some() || self.needs_its_client()
    }

    /// Whether its input waits for what its client must be there for: an answer, room in its queue.
    pub(in crate::engine) fn needs_its_client(&self) -> bool {
        self.backlogged || self.suspended.is_some() || self.is_composing()
    }

    /// Bytes of its client's input that are held: not yet parsed, no whole message, or what it has said of itself.
    pub(in crate::engine) fn held_input(&self) -> usize {
        let unfinished = match &self.speaks {
            Speaks::Rtmp(state) => state.protocol.held() + state.client.bytes(),
            Speaks::Http(state) => state.protocol.held(),
        };
        self.pending.capacity() + unfinished
    }

    /// Bytes that wait for its client and are nobody else's: replies, and requests that are logged when they have been
    /// answered.
    #[inline]
    pub(in crate::engine) fn waiting_bytes(&self) -> usize {
        let requests = match &self.speaks {
            Speaks::Rtmp(_) => 0,
            Speaks::Http(state) => state.exchanges.iter().map(|exchange| exchange.memory()).sum(),
        };
        self.out.reply_bytes() + requests
    }

    /// Frees its client's input, of which it takes no more.
    pub(in crate::engine) fn release_input(&mut self) {
        self.pending = Vec::new();
        match &mut self.speaks {
            Speaks::Rtmp(state) => state.protocol.release(),
            Speaks::Http(state) => state.protocol.release(),
        }
    }

    /// Moves the answers that have been sent to `done`. Returns by when the next one must be sent, if it is at the front
    /// since now.
    pub(in crate::engine) fn settle_exchanges(
        &mut self,
        done: &mut VecDeque<Exchange>,
        now: Instant,
    ) -> Option<Instant> {
        let Speaks::Http(state) = &mut self.speaks else { return None };
        let mut next_due = None;
        while let Some(exchange) = state.exchanges.front_mut() {
            exchange.count(self.bytes_out);
            if !exchange.is_complete() {
                return next_due.map(|()| now + exchange.limits.whole);
            }
            done.extend(state.exchanges.pop_front().map(|exchange| *exchange));
            state.front_since = now;
            next_due = Some(());
        }
        None
    }

    /// Moves all of its answers to `done`: nothing more will be sent.
    pub(in crate::engine) fn give_up_exchanges(&mut self, done: &mut VecDeque<Exchange>, now: Instant) {
        self.settle_exchanges(done, now);
        if let Speaks::Http(state) = &mut self.speaks {
            done.extend(state.exchanges.drain(..).map(|exchange| *exchange));
        }
    }

    pub(in crate::engine) fn rtmp(&self) -> Option<&RtmpState> {
        match &self.speaks {
            Speaks::Rtmp(state) => Some(state),
            Speaks::Http(_) => None,
        }
    }

    pub(in crate::engine) fn rtmp_mut(&mut self) -> Option<&mut RtmpState> {
        match &mut self.speaks {
            Speaks::Rtmp(state) => Some(state),
            Speaks::Http(_) => None,
        }
    }

    pub(in crate::engine) fn http_mut(&mut self) -> Option<&mut HttpState> {
        match &mut self.speaks {
            Speaks::Rtmp(_) => None,
            Speaks::Http(state) => Some(state),
        }
    }

    /// How loud the end of this session is. An HTTP connection's is no news, nor is that of a connection that
    /// has never got through the RTMP handshake, as scanners and floods make them; a fault of the server is.
    pub(in crate::engine) fn log_level(&self, level: log::Level) -> log::Level {
        let is_news = match &self.speaks {
            Speaks::Rtmp(state) => state.protocol.is_past_handshake(),
            Speaks::Http(_) => false,
        };
        if is_news || level == log::Level::Error { level } else { log::Level::Debug }
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    slab: Slab<Session>,
    serial: u32,
}

impl Sessions {
    /// The session, unless it is gone.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.slab.get(id.index as usize).filter(|session| session.id == id)
    }

    /// The session, unless it is gone.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slab.get_mut(id.index as usize).filter(|session| session.id == id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slab.iter().map(|(_, session)| session)
    }

    pub(in crate::engine) fn ids(&self) -> Vec<SessionId> {
        self.slab.iter().map(|(_, session)| session.id).collect()
    }

    pub(in crate::engine) fn insert(&mut self, make: impl FnOnce(SessionId) -> Session) -> SessionId {
        self.serial = self.serial.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let id = SessionId::new(entry.key() as u32, self.serial);
        entry.insert(make(id));
        id
    }

    pub(in crate::engine) fn remove(&mut self, id: SessionId) {
        if self.get(id).is_some() {
            self.slab.remove(id.index as usize);
        }
    }
}

/// How long an RTMP client may take nothing of the answer that ends its session.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// The longest a session may owe its next step (handshake, connect, publish or play).
pub(in crate::engine) const STEP_DEADLINE: Duration = Duration::from_secs(10);
