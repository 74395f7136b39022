//! The connection of a relay: what a session that speaks RTMP as a client has of its own.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::engine::calls::destination::Destination;
use crate::engine::config::server::ServerSettings;
use crate::engine::ids::AppId;
use crate::engine::relay::state::RelayId;
use crate::engine::relay::trial::RunningTrial;
use crate::engine::session::client::Client;
use crate::rtmp::client::ClientSession;

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
    /// When its time to begin is over.
    pub until: Instant,
    /// When a ping was sent; any later byte of the other server answers it.
    pub pinged: Option<Instant>,
    /// What the other server has refused, or what has ended there: the reason for which the session ends.
    pub refusal: Option<Refused>,
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
    /// Its publish or play is accepted, on this message stream.
    Running(u32),
    /// It ends, and its relay has another connection or none.
    Ended,
}

/// What the other server has said that ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It refuses.
    Refused,
    /// What was published or played has ended there.
    Ended,
}

impl RtmpClientState {
    /// When it ends if it has not begun by then. Who connects it knows more of why that fails, and comes first.
    pub fn ends_at(&self) -> Instant {
        if self.stage == Stage::Connecting { self.until + CONNECT_REPORT } else { self.until }
    }

    /// Why it ends if its time to begin is over.
    pub fn overdue(&self) -> &'static str {
        match self.stage {
            Stage::Connecting => "no connection in time",
            Stage::Handshaking => "no handshake in time",
            Stage::Asking => "no answer in time",
            Stage::Running(_) | Stage::Ended => "its time is over",
        }
    }

    /// Whether its publish or play is accepted.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }
}
