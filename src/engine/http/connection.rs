//! The state of a session that speaks HTTP with a client.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::engine::config::listen_on::ListenOn;
use crate::engine::http::exchange::Exchange;
use crate::engine::http::playing::HttpPlayer;
use crate::engine::http::send_limits::SendLimits;
use crate::engine::ids::ListenerId;
use crate::http;

#[derive(Debug)]
pub(in crate::engine) struct HttpState {
    pub protocol: http::RequestReader,
    /// When the current request began, or the last one was answered.
    pub waits_since: Instant,
    /// Whether the next request is awaited or incomplete.
    pub in_request: bool,
    /// How long the connection may be idle after its last answer; 0 if it is closed then, as its server is gone.
    pub keep_alive: Duration,
    /// The server's address of the connection.
    pub local: ListenOn,
    /// The listener that has accepted it; its virtual hosts are found at each request.
    pub listener: ListenerId,
    /// Requests so far on this connection.
    pub requests: u64,
    /// Bytes queued so far on this connection.
    pub queued: u64,
    /// Whether a request waits for its answer, which is looked up or composed; the session is held until it is there.
    pub answering: bool,
    /// Whether it waits only until the answers before it have been sent.
    pub awaits_queue: bool,
    /// Bytes of memory of that request's body.
    pub held_body: usize,
    /// Answers that are not yet wholly sent, in order; bounded like the queue.
    pub exchanges: VecDeque<Box<Exchange>>,
    /// When the first of them became the first.
    pub front_since: Instant,
    /// Until when nothing is sent, as the first of them has a limited rate.
    pub throttled_until: Option<Instant>,
    /// Its client as a player, once it has asked for a live stream; nothing comes after that on the connection.
    pub player: Option<Box<HttpPlayer>>,
}

impl HttpState {
    /// The state of a client that has requested nothing yet, and may be idle for the `first` time.
    pub fn new(local: ListenOn, listener: ListenerId, (now, first): (Instant, Duration)) -> Self {
        Self {
            protocol: http::RequestReader::new(),
            waits_since: now,
            in_request: true,
            keep_alive: first,
            local,
            listener,
            requests: 0,
            queued: 0,
            answering: false,
            awaits_queue: false,
            held_body: 0,
            exchanges: VecDeque::new(),
            front_since: now,
            throttled_until: None,
            player: None,
        }
    }

    /// The deadlines of the answer at the front: for its next byte, and for all of it.
    pub fn send_deadlines(&self, last_output: Instant) -> Option<(Instant, Instant)> {
        let SendLimits { pause, whole, .. } = self.exchanges.front()?.limits;
        Some((last_output + pause, self.front_since + whole))
    }
}
