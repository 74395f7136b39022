//! Sessions: one for each connection, in a slab.
//!
//! [`Session`] holds all that the server knows of a connection: its protocol, its queue, its roles, its deadlines. It
//! owns no socket; net has those, under the same ids. Fields of RTMP and HTTP stand in [`RtmpState`] and
//! [`HttpState`], with their protocols. The files below have what is done with sessions; slots are freed only in `ending`.

pub(in crate::engine) mod client;
pub(in crate::engine) mod deadlines;
pub(in crate::engine) mod ending;
pub(in crate::engine) mod input;
pub(in crate::engine) mod log_limits;
pub(in crate::engine) mod misdirected;
pub(in crate::engine) mod out_queue;
pub(in crate::engine) mod player;
pub(in crate::engine) mod proxy;
pub(in crate::engine) mod proxy_header;
pub(in crate::engine) mod roles;
pub(in crate::engine) mod sending;
pub(in crate::engine) mod throttling;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::engine::calls::connection::HttpClientState;
use crate::engine::calls::transfer::Transfer;
use crate::engine::http::connection::HttpState;
use crate::engine::http::exchange::Exchange;
use crate::engine::http::playing::HttpPlayer;
use crate::engine::ids::SessionId;
use crate::engine::peer::Peer;
use crate::engine::relay::connection::RtmpClientState;
use crate::engine::request::Suspended;
use crate::engine::rtmp::connection::RtmpState;
use crate::engine::session::client::{Client, ClientProtocol};
use crate::engine::session::out_queue::OutQueue;
use crate::engine::session::proxy_header::AwaitedHeader;
use crate::engine::session::roles::Roles;
use crate::engine::tls::facts::TlsFacts;
use crate::rtmp::capabilities::Capabilities;
use crate::rtmp::handshake;

/// The protocol of a session, with its state.
#[derive(Debug)]
pub(in crate::engine) enum ProtocolState {
    Rtmp(Box<RtmpState>),
    Http(Box<HttpState>),
    HttpClient(Box<HttpClientState>),
    /// The connection of a relay.
    RtmpClient(Box<RtmpClientState>),
}

/// The states of a session from open to gone. They are passed in this order; some may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Life {
    Open,
    /// Ends in a later step for this reason; its socket is closed after the queue has been sent.
    Finishing(Box<str>),
    /// Ends in a later step for this reason, without sending the queue. The level is that of the closing log line.
    Closing(Box<str>, log::Level),
    /// Has ended and has been logged; the queue is still being sent.
    Flushing,
    /// Has ended; the sending side is closed, and the peer has until this time to close its own.
    HalfClosed(Instant),
    /// Has ended and has been logged; the slot is to be freed.
    Gone,
}

impl Life {
    /// Whether more may be queued for the peer.
    pub(in crate::engine) fn may_send(&self) -> bool {
        matches!(self, Self::Open | Self::Finishing(_))
    }
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// The client's address: that of the connection, or the one that a trusted proxy has told.
    pub peer: Peer,
    /// The address of this machine to which the client has connected; none at a Unix socket.
    pub local: Option<IpAddr>,
    /// Whether a proxy has told it.
    pub(in crate::engine) is_told: bool,
    /// The PROXY header that has to come before all else.
    pub(in crate::engine) awaited_header: Option<Box<AwaitedHeader>>,
    /// Whether it has come by the control socket; then it counts for no limit.
    pub(in crate::engine) is_control: bool,
    /// Whether the connection is encrypted, also before its handshake is complete.
    pub(in crate::engine) is_encrypted: bool,
    /// Whether it speaks HTTP without TLS at a port for HTTPS; every request is refused.
    pub(in crate::engine) is_plain: bool,
    /// What its handshake has told.
    pub tls: Option<Rc<TlsFacts>>,
    /// When the connection was accepted.
    pub opened: Instant,
    /// When bytes were last received.
    pub last_input: Instant,
    /// When bytes were last sent, or the queue was last empty; or the end of the wait of a throttled answer, so that its
    /// deadlines run from then on.
    pub last_output: Instant,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// The outgoing queue.
    pub out: OutQueue,
    pub(in crate::engine) roles: Roles,
    pub(in crate::engine) protocol: ProtocolState,
    pub(in crate::engine) life: Life,
    /// When the queue of an RTMP session that ends is given up.
    ends_by: Option<Instant>,
    /// Whether modules are to be told when its queue has been sent.
    pub(in crate::engine) awaits_drain: bool,
    /// Whether it is on [`Work::dirty`](crate::engine::work::Work::dirty).
    pub(in crate::engine) dirty: bool,
    /// The request that a module has suspended.
    pub(in crate::engine) suspended: Option<Box<Suspended>>,
    /// Until when it is held, as its media time is too far ahead of the clock.
    pub(in crate::engine) paced_until: Option<Instant>,
    /// When the peer closed the connection, if its last bytes may still be unread.
    pub(in crate::engine) hung_up: Option<Instant>,
    /// Input that came while the session was held. Invariant: at most one read's worth.
    pub(in crate::engine) pending: Vec<u8>,
    /// Whether it has more input than one step may process; the rest waits for another step.
    pub(in crate::engine) has_more_input: bool,
    /// Whether it is held until its queue is empty, as too many answers wait.
    pub(in crate::engine) backlogged: bool,
    /// When the timer entry that counts expires.
    pub(in crate::engine) timer_at: Instant,
    /// Bytes of shared objects that may wait in the queue, beside replies; 0 while the client uses none.
    pub(in crate::engine) shared_object_room: usize,
    /// Bytes of input that the budget of all sessions has counted for it.
    pub(in crate::engine) counted_input: usize,
    /// Bytes of waiting replies that the budget has counted for it.
    pub(in crate::engine) counted_replies: usize,
}

impl Session {
    /// A session that has just been accepted and has no timer yet.
    pub(in crate::engine) fn new(
        id: SessionId,
        peer: Peer,
        protocol: ProtocolState,
        out: OutQueue,
        now: Instant,
    ) -> Self {
        Self {
            id,
            peer,
            local: None,
            is_told: false,
            awaited_header: None,
            is_control: false,
            is_encrypted: false,
            is_plain: false,
            tls: None,
            opened: now,
            last_input: now,
            last_output: now,
            bytes_in: 0,
            bytes_out: 0,
            out,
            roles: Roles::default(),
            protocol,
            life: Life::Open,
            ends_by: None,
            awaits_drain: false,
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

    /// Its roles as publisher and player.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The capabilities that an RTMP client has declared.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        match &self.protocol {
            ProtocolState::Rtmp(state) => Some(&state.capabilities),
            ProtocolState::Http(_) | ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => None,
        }
    }

    /// The texts of an RTMP client's `connect`, once that is granted; of a relay, those of its own `connect`; of an HTTP
    /// player, what stands for them in its request.
    pub fn client(&self) -> Option<&Client> {
        match &self.protocol {
            ProtocolState::Rtmp(state) => state.app.map(|_| &state.client),
            ProtocolState::RtmpClient(state) => Some(&state.client),
            ProtocolState::Http(state) => {
                let player = state.player.as_ref()?;
                player.app.map(|_| &player.client)
            }
            ProtocolState::HttpClient(_) => None,
        }
    }

    /// The protocol of its client, for one that publishes or plays.
    pub fn client_protocol(&self) -> ClientProtocol {
        self.http_player().map_or(ClientProtocol::Rtmp, |player| player.framing.protocol())
    }

    /// Bytes received and sent, without those of RTMP's handshake, as nginx-rtmp counts.
    pub fn traffic_after_handshake(&self) -> (u64, u64) {
        if let Some(HttpPlayer { before: (received, sent), .. }) = self.http_player() {
            return (self.bytes_in.saturating_sub(*received), self.bytes_out.saturating_sub(*sent));
        }
        (self.bytes_in.saturating_sub(handshake::LENGTH), self.bytes_out.saturating_sub(handshake::LENGTH))
    }

    /// Whether it is sent frames, or may be later.
    #[inline]
    pub(in crate::engine) fn is_sent_frames(&self) -> bool {
        match &self.protocol {
            ProtocolState::Rtmp(_) | ProtocolState::RtmpClient(_) => true,
            ProtocolState::Http(_) => self.out.speaks_flv(),
            ProtocolState::HttpClient(_) => false,
        }
    }

    /// Whether it ends or has ended; its last bytes may still be sent.
    pub fn is_ending(&self) -> bool {
        self.life != Life::Open
    }

    /// Starts the deadline of a queue that has been empty.
    pub(in crate::engine) fn start_output_deadline(&mut self, now: Instant) {
        if self.out.is_empty() {
            self.last_output = now;
        }
    }

    /// Gives the queue of a session that ends a time in which it has to be sent, however slowly the peer takes it.
    pub(in crate::engine) fn limit_end(&mut self, now: Instant) {
        let more = self.out.bytes() / SLOWEST_END;
        self.ends_by = Some(now + LAST_SENDING + Duration::from_secs(more as u64));
        // It may have taken nothing for a while, as a slow one does.
        self.last_output = self.last_output.max(now);
    }

    /// The deadline of a closing session: for the peer to take the next bytes of the queue, and all of them, and after
    /// that to close its side.
    pub(in crate::engine) fn lingers_until(&self) -> Instant {
        match (&self.life, &self.protocol) {
            (Life::HalfClosed(deadline), _) => *deadline,
            (_, ProtocolState::Http(state)) if !state.exchanges.is_empty() && !self.out.speaks_flv() => {
                let (pause, whole) =
                    state.send_deadlines(self.last_output).unwrap_or((self.last_output, self.last_output));
                pause.min(whole)
            }
            _ => {
                let pause = self.last_output + REFUSAL_TIME;
                self.ends_by.map_or(pause, |whole| pause.min(whole))
            }
        }
    }

    /// The peer for which the connection counts; none while a trusted proxy has not told it.
    pub(in crate::engine) fn counted_peer(&self) -> Option<Peer> {
        let is_open = self.awaited_header.as_ref().is_some_and(|header| header.is_trusted());
        (!is_open).then_some(self.peer)
    }

    /// The reason for which the connection was lost, if the session ends for that.
    pub(in crate::engine) fn loss_reason(&self) -> Option<&str> {
        match &self.life {
            Life::Closing(reason, log::Level::Info) => Some(reason),
            _ => None,
        }
    }

    /// Whether an HTTP request of it waits for its answer.
    pub(in crate::engine) fn is_answering(&self) -> bool {
        matches!(&self.protocol, ProtocolState::Http(state) if state.answering)
    }

    /// Whether it is a connection over which a call is made.
    pub(in crate::engine) fn is_calling(&self) -> bool {
        self.http_client().is_some_and(|state| state.call.is_some())
    }

    /// Whether its connection is closed after the HTTP answer that is being sent, as its server is gone.
    #[inline]
    pub(in crate::engine) fn is_last_answer(&self) -> bool {
        matches!(&self.protocol, ProtocolState::Http(state) if state.keep_alive.is_zero())
    }

    /// Whether it is held: its input is neither read nor parsed now.
    pub(in crate::engine) fn is_held(&self) -> bool {
        self.life == Life::Open && (self.is_stopped() || self.has_more_input || !self.pending.is_empty())
    }

    /// Whether it is held for more than its next turn.
    fn is_stopped(&self) -> bool {
        self.paced_until.is_some()
            || self.needs_its_client()
            || self.download().is_some_and(Transfer::is_full)
    }

    /// What its connection was made for, if that is a download.
    pub(in crate::engine) fn download(&self) -> Option<&Transfer> {
        self.http_client()?.download.as_deref()
    }

    /// Whether it is held for something that concerns its client: a suspended request, an answer, room in its queue.
    pub(in crate::engine) fn needs_its_client(&self) -> bool {
        self.backlogged || self.suspended.is_some() || self.is_answering()
    }

    /// Bytes of memory that the client's input takes: what is unprocessed, and the texts of its `connect`, which are
    /// kept.
    pub(in crate::engine) fn held_input(&self) -> usize {
        let kept = match &self.protocol {
            ProtocolState::Rtmp(state) => {
                state.client.bytes() + state.address.bytes() + state.relay_path.len()
            }
            ProtocolState::RtmpClient(state) => {
                state.client.bytes() + state.first.as_ref().map_or(0, |frame| frame.payload().len())
            }
            ProtocolState::Http(state) => state.player.as_ref().map_or(0, |player| player.texts()),
            ProtocolState::HttpClient(_) => 0,
        };
        self.unprocessed_input() + kept
    }

    /// Bytes of memory that unprocessed input takes: unparsed, in unfinished messages, and in a suspended request.
    #[inline]
    pub(in crate::engine) fn unprocessed_input(&self) -> usize {
        let unfinished = match &self.protocol {
            ProtocolState::Rtmp(state) => state.protocol.held(),
            ProtocolState::Http(state) => state.protocol.held() + state.held_body,
            ProtocolState::HttpClient(state) => state.held(),
            ProtocolState::RtmpClient(state) => state.protocol.held(),
        };
        let suspended = self.suspended.as_ref().map_or(0, |suspended| suspended.memory());
        let header = self.awaited_header.as_ref().map_or(0, |header| header.memory());
        self.pending.capacity() + unfinished + suspended + header
    }

    /// Bytes of memory that wait for its client alone: replies, and HTTP requests that are logged when their answers
    /// have been sent.
    #[inline]
    pub(in crate::engine) fn waiting_bytes(&self) -> usize {
        let requests = match &self.protocol {
            ProtocolState::Rtmp(_) | ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => 0,
            ProtocolState::Http(state) => state.exchanges.iter().map(|exchange| exchange.memory()).sum(),
        };
        self.out.reply_bytes() + requests
    }

    /// Frees the client's input, as no more is processed.
    pub(in crate::engine) fn release_input(&mut self) {
        self.pending = Vec::new();
        self.awaited_header.iter_mut().for_each(|header| header.release());
        match &mut self.protocol {
            ProtocolState::Rtmp(state) => state.protocol.release(),
            ProtocolState::Http(state) => {
                state.protocol.release();
                state.held_body = 0;
            }
            ProtocolState::HttpClient(state) => state.release(),
            ProtocolState::RtmpClient(state) => state.protocol.release(),
        }
    }

    /// Moves the answers that have wholly been sent to `done`. Returns the deadline of the next one, if that is at
    /// the front from now on.
    pub(in crate::engine) fn settle_exchanges(
        &mut self,
        done: &mut VecDeque<Exchange>,
        now: Instant,
    ) -> Option<Instant> {
        let ProtocolState::Http(state) = &mut self.protocol else { return None };
        let mut next_due = None;
        while let Some(exchange) = state.exchanges.front_mut() {
            exchange.count(self.bytes_out, now);
            if !exchange.is_complete() {
                return next_due.map(|()| now + exchange.limits.whole);
            }
            done.extend(state.exchanges.pop_front().map(|exchange| *exchange));
            state.front_since = now;
            next_due = Some(());
        }
        None
    }

    /// Moves all answers to `done`, as nothing more will be sent.
    pub(in crate::engine) fn give_up_exchanges(&mut self, done: &mut VecDeque<Exchange>, now: Instant) {
        self.settle_exchanges(done, now);
        if let ProtocolState::Http(state) = &mut self.protocol {
            done.extend(state.exchanges.drain(..).map(|exchange| *exchange));
        }
    }

    pub(in crate::engine) fn rtmp(&self) -> Option<&RtmpState> {
        if let ProtocolState::Rtmp(state) = &self.protocol { Some(state) } else { None }
    }

    pub(in crate::engine) fn rtmp_mut(&mut self) -> Option<&mut RtmpState> {
        if let ProtocolState::Rtmp(state) = &mut self.protocol { Some(state) } else { None }
    }

    pub(in crate::engine) fn http_mut(&mut self) -> Option<&mut HttpState> {
        if let ProtocolState::Http(state) = &mut self.protocol { Some(state) } else { None }
    }

    pub(in crate::engine) fn http_player(&self) -> Option<&HttpPlayer> {
        if let ProtocolState::Http(state) = &self.protocol { state.player.as_deref() } else { None }
    }

    pub(in crate::engine) fn http_player_mut(&mut self) -> Option<&mut HttpPlayer> {
        self.http_mut().and_then(|state| state.player.as_deref_mut())
    }

    pub(in crate::engine) fn http_client(&self) -> Option<&HttpClientState> {
        if let ProtocolState::HttpClient(state) = &self.protocol { Some(state) } else { None }
    }

    pub(in crate::engine) fn http_client_mut(&mut self) -> Option<&mut HttpClientState> {
        if let ProtocolState::HttpClient(state) = &mut self.protocol { Some(state) } else { None }
    }

    /// The level of the closing log line: debug for HTTP connections and for those that never got through the RTMP
    /// handshake, as scanners and floods make them; but an error stays an error.
    pub(in crate::engine) fn log_level(&self, level: log::Level) -> log::Level {
        let is_news = match &self.protocol {
            ProtocolState::Rtmp(state) => state.protocol.is_past_handshake(),
            ProtocolState::Http(state) => state.player.as_ref().is_some_and(|player| player.app.is_some()),
            // What a relay has to tell has a line of its own.
            ProtocolState::HttpClient(_) | ProtocolState::RtmpClient(_) => false,
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

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// The number of slots; a session keeps its own.
    pub fn slots(&self) -> usize {
        self.slab.capacity()
    }

    /// The session in a slot, if there is one.
    pub fn at(&self, slot: usize) -> Option<&Session> {
        self.slab.get(slot)
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// The session of this number.
    pub fn by_serial(&self, serial: u32) -> Option<&Session> {
        self.iter().find(|session| session.id.serial() == serial)
    }

    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slab.iter().map(|(_, session)| session)
    }

    pub(in crate::engine) fn ids(&self) -> Vec<SessionId> {
        self.slab.iter().map(|(_, session)| session.id).collect()
    }

    /// A number that no session has.
    pub(in crate::engine) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    pub(in crate::engine) fn insert(&mut self, make: impl FnOnce(SessionId) -> Session) -> SessionId {
        let serial = self.next_serial();
        let entry = self.slab.vacant_entry();
        let id = SessionId::new(entry.key() as u32, serial);
        entry.insert(make(id));
        id
    }

    pub(in crate::engine) fn remove(&mut self, id: SessionId) {
        if self.get(id).is_some() {
            self.slab.remove(id.index as usize);
        }
    }
}

/// How long an RTMP client may take nothing of the reply that ends its session.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How long it may take for all of that, or for what a kicked client is told.
const LAST_SENDING: Duration = Duration::from_secs(10);

/// Bytes a second that a client takes at least of the frames that wait for it when its session ends.
const SLOWEST_END: usize = 64 * 1024;

/// How long a client may take for its next step: handshake, connect, publish or play, an HTTP request.
pub(in crate::engine) const STEP_DEADLINE: Duration = Duration::from_secs(10);
