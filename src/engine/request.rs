//! What a client asks for, and what the modules say to it.

use crate::engine::ids::{AppId, SessionId};
use crate::rtmp::command::{Connect, Play, Publish};

/// What a session asks for, on its way through the gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who asks.
    pub session: SessionId,
    /// The application; for a connect, the one that was found.
    pub app: AppId,
    /// The stream's name by the one rule for names, which a gate may change; empty for a connect.
    pub name: String,
    /// The arguments after "?".
    pub args: String,
    /// What is asked.
    pub ask: Ask,
}

/// The three things that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// To be let in.
    Connect(Connect),
    /// To publish.
    Publish(Publish),
    /// To play.
    Play(Play),
}

/// What a gate says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the next module; after the last one the request is granted.
    Continue,
    /// Refuse; the peer and the log get the reason.
    Deny(String),
    /// Wait: neither read nor parse this session until [`Ctx::answer`](super::Ctx::answer) says more.
    Suspend,
}

/// A request that a module has suspended.
#[derive(Debug)]
pub(in crate::engine) struct Gate {
    /// The module's position.
    pub module: usize,
    pub request: Box<Request>,
}
