//! A trial: whether another server would let a client play or publish, asked by connecting as a relay would.

use crate::engine::ids::{AppId, SessionId};
use crate::engine::relay::state::RelayKind;
use crate::engine::relay::target::Target;

/// A question to another server.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of the module that gets the result.
    pub module: &'static str,
    /// The module's number for it.
    pub token: u64,
    /// What is asked: to publish there as a push, or to play as a pull.
    pub kind: RelayKind,
    /// The other end, with the client's arguments.
    pub target: Target,
    /// The application here.
    pub app: AppId,
    /// The client for which it is asked, if it has come by RTMP: a trial that travels in a circle is found as a relay is.
    pub client: Option<SessionId>,
}

/// The result of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialResult {
    /// The other server lets the client play or publish.
    Accepted,
    /// The other server refuses; its reason, for people.
    Refused(String),
    /// It could not be reached, or has not answered in time; why, for people.
    Unknown(String),
}

/// There are too many trials already, or the application is gone; nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialsFull;

/// A trial that is under way.
#[derive(Debug)]
pub(in crate::engine) struct RunningTrial {
    pub trial: Trial,
    /// What the other server has answered.
    pub result: Option<TrialResult>,
    /// The arguments that answered its question who connects, and how often it has asked.
    pub auth: (String, u8),
}

/// The result of a trial, for its module.
#[derive(Debug)]
pub(in crate::engine) struct TrialNews {
    pub module: &'static str,
    pub token: u64,
    pub result: TrialResult,
}
