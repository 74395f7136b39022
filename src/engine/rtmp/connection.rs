//! The state of a session that speaks RTMP with a client.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::config::server::ServerSettings;
use crate::engine::ids::AppId;
use crate::engine::rtmp::address::Address;
use crate::engine::rtmp::unsolicited::Unsolicited;
use crate::engine::session::client::Client;
use crate::rtmp::ServerSession;
use crate::rtmp::capabilities::Capabilities;
use crate::rtmp::command::Play;

#[derive(Debug)]
pub(in crate::engine) struct RtmpState {
    pub protocol: ServerSession,
    /// The settings of its server that it has begun with.
    pub server: Rc<ServerSettings>,
    pub app: Option<AppId>,
    /// The part of the connected address beside the application.
    pub address: Address,
    /// The capabilities that the client has declared in `connect`.
    pub capabilities: Capabilities,
    /// The texts of its `connect`.
    pub client: Client,
    /// The servers that its stream has come through, if it is the relay of another server.
    pub relay_path: Box<str>,
    /// When the time began in which the client must connect, publish or play: a step, see
    /// [`STEP_DEADLINE`](crate::engine::session::STEP_DEADLINE).
    pub idle_since: Instant,
    /// How much media the client buffers, as it has told last.
    pub buffer_length: Option<Duration>,
    /// Plays that wait for the end of the file before them. Bounded by `file_play.rs`.
    pub play_list: VecDeque<Play>,
    /// Requests to publish or play so far.
    pub stream_requests: u64,
    /// When a ping was sent; any later byte of the client answers it.
    pub pinged: Option<Instant>,
    /// Messages for the client that are no answers, and wait for a moment at which it can take them.
    pub unsolicited: Unsolicited,
}

impl RtmpState {
    /// The state of a client that has sent nothing yet. `seed` is for the random bytes of the handshake.
    pub fn new(seed: u64, server: Rc<ServerSettings>, now: Instant) -> Self {
        Self {
            protocol: ServerSession::new(seed),
            server,
            app: None,
            address: Address::default(),
            capabilities: Capabilities::default(),
            client: Client::default(),
            relay_path: Box::default(),
            idle_since: now,
            buffer_length: None,
            play_list: VecDeque::new(),
            stream_requests: 0,
            pinged: None,
            unsolicited: Unsolicited::default(),
        }
    }
}
