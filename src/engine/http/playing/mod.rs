//! Players over HTTP: a request is answered with a live stream, for as long as that lasts, as HTTP-FLV or WebSocket-FLV.
//!
//! Such a client is to the gates, the modules and the statistics what a client of RTMP is: it connects to an application
//! and plays a stream there. `asking` asks the gates, `answer` begins and ends the answer, `input` has what the client
//! says meanwhile, `due` its deadlines; `sight` has who sees what
//! before anything is played. Which frames it is sent is decided by the live module.

pub(in crate::engine) mod answer;
pub(in crate::engine) mod asking;
pub(in crate::engine) mod due;
pub(in crate::engine) mod input;
pub(in crate::engine) mod play;
pub(in crate::engine) mod sight;
pub(in crate::engine) mod urls;

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::config::server::ServerSettings;
use crate::engine::http::playing::play::HttpPlay;
use crate::engine::ids::AppId;
use crate::engine::session::client::Client;
use crate::engine::session::out_queue::wire::FlvFraming;
use crate::http::websocket;

/// The message stream of an HTTP player, which has one alone.
pub(in crate::engine) const MSID: u32 = 1;

/// How long it waits for a stream that nobody publishes. Players in browsers give up, or connect again, by themselves.
const PUBLISHER_WAIT: Duration = Duration::from_secs(15);

/// What an HTTP session knows of its client as a player.
#[derive(Debug)]
pub(in crate::engine) struct HttpPlayer {
    /// Its application, once it is connected to that.
    pub app: Option<AppId>,
    /// What it tells of itself.
    pub client: Client,
    /// The settings of the RTMP server that the application is in.
    pub server: Rc<ServerSettings>,
    pub framing: FlvFraming,
    pub stage: Stage,
    /// When the wait for a publisher is over.
    pub waits_until: Instant,
    /// When it ends, as its address is not served any more since a reload.
    pub ends_at: Option<Instant>,
    /// Whether its address is that of a trusted proxy, so that many clients may be behind it.
    pub is_proxy: bool,
    /// Bytes that it has sent beside its request.
    pub received: usize,
    /// The frames that it sends, if it speaks WebSocket.
    pub websocket: Option<websocket::Reader>,
    /// When a WebSocket was pinged.
    pub pinged: Option<Instant>,
    /// Why it leaves its stream in a later step.
    pub why_leaves: &'static str,
    /// Bytes that its connection had received and sent before.
    pub before: (u64, u64),
}

/// How far an HTTP player is.
#[derive(Debug)]
pub(in crate::engine) enum Stage {
    /// The gates are asked whether it may have this.
    Asking(Box<HttpPlay>),
    /// It may not, and its connection ends.
    Refused,
    /// It is sent a live answer.
    Playing,
    /// It has been told that nothing more comes.
    Ended,
}

impl HttpPlayer {
    /// Whether it is sent a live answer, or was.
    pub fn is_answered(&self) -> bool {
        matches!(self.stage, Stage::Playing | Stage::Ended)
    }

    /// Bytes of memory of its texts.
    pub fn texts(&self) -> usize {
        let asked = match &self.stage {
            Stage::Asking(play) => size_of::<HttpPlay>() + play.name.len() + play.args.len(),
            Stage::Refused | Stage::Playing | Stage::Ended => 0,
        };
        self.client.bytes() + asked
    }

    /// What it has asked for, if that has not been decided; from now on it is at the next stage.
    pub fn take_asked(&mut self, next: Stage) -> Option<Box<HttpPlay>> {
        match std::mem::replace(&mut self.stage, next) {
            Stage::Asking(play) => Some(play),
            _ => None,
        }
    }
}
