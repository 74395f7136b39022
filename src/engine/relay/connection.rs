//! The connection of a relay: what a session that speaks RTMP as a client has of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::calls::destination::Destination;
use crate::engine::config::server::ServerSettings;
use crate::engine::ids::AppId;
use crate::engine::relay::state::{RelayId, RunningTrial};
use crate::engine::session::client::Client;
use crate::media::Frame;
use crate::rtmp::client::{ClientSession, Purpose};

/// How much later the engine ends a connection that is not connected in time than net does.
const CONNECT_REPORT: Duration = Duration::from_secs(1);

/// The state of a session that is the connection of a relay.
#[derive(Debug)]
pub struct RtmpClientState {
    pub protocol: ClientSession,
    pub owner: Owner,
    /// The server that it connects to.
    pub destination: Rc<Destination>,
    /// The settings of the RTMP server here whose application it relays for: frames are cut for its clients already.
    pub server: Rc<ServerSettings>,
    pub app: AppId,
    /// The texts of its `connect`.
    pub client: Client,
    pub stage: Stage,
    /// When its time to begin is over; none while it may wait for what it plays.
    pub until: Option<Instant>,
    /// When a ping was sent; any later byte of the other server answers it.
    pub pinged: Option<Instant>,
    /// What the other server has refused, or what has ended there: the reason for which the session ends.
    pub refusal: Option<Refused>,
    /// The first frame of what it plays, until its publish here is granted.
    pub first: Option<Frame>,
}

/// What such a session is for.
#[derive(Debug)]
pub enum Owner {
    /// A try of this relay.
    Relay(RelayId),
    /// A trial.
    Trial(Box<RunningTrial>),
}

/// The stages of such a session, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Net connects it.
    Connecting,
    /// It is connected, and the handshake of RTMP is not over.
    Handshaking,
    /// It has asked to publish or to play.
    Asking,
    /// Its play is accepted, on this message stream, but nothing of the stream has come: many servers accept a play of
    /// what nobody publishes.
    Awaiting(u32),
    /// Its publish is accepted, or what it plays has begun, on this message stream.
    Running(u32),
    /// It ends, and its relay has another connection or none.
    Ended,
}

/// What the other server has said that ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It refuses.
    There,
    /// It is refused here.
    Here,
    /// What was published or played has ended there.
    Ended,
}

impl RtmpClientState {
    /// When it ends if it has not begun by then. Who connects it knows more of why that fails, and comes first.
    pub fn ends_at(&self) -> Option<Instant> {
        let is_reported = self.stage == Stage::Connecting && matches!(self.owner, Owner::Relay(_));
        let report = if is_reported { CONNECT_REPORT } else { Duration::ZERO };
        self.until.map(|until| until + report)
    }

    /// What its connection is lost at, unless what was asked for is accepted.
    pub fn lost(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Connecting | Stage::Handshaking => Some("the connection was lost at the handshake"),
            Stage::Asking if !self.protocol.is_connected() => Some("the connection was lost at connect"),
            Stage::Asking => match self.protocol.ask().purpose {
                Purpose::Publish => Some("the connection was lost at publish"),
                Purpose::Play { .. } => Some("the connection was lost at play"),
            },
            _ => None,
        }
    }

    /// Why it ends if its time to begin is over.
    pub fn overdue(&self) -> &'static str {
        match self.stage {
            Stage::Connecting => "no connection in time",
            Stage::Handshaking => "no handshake in time",
            Stage::Asking => "no answer in time",
            Stage::Awaiting(_) => "has sent nothing of the stream in time",
            Stage::Running(_) | Stage::Ended => "its time is over",
        }
    }

    /// Whether its publish is accepted, or what it plays has begun.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }
}
