//! What a client asks for, and what the modules say to it.

use std::time::Instant;

use crate::engine::ids::{AppId, Endpoint, SessionId};
use crate::rtmp::command::{After, Connect, PublishType};

/// What a session asks for, on its way through the gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who asks.
    pub session: SessionId,
    /// The application; for a connect, the one that was found.
    pub app: AppId,
    /// The stream's name by the one rule for names, which modules may change; empty for a connect.
    pub name: String,
    /// The arguments after "?".
    pub args: String,
    /// What is asked.
    pub kind: RequestKind,
    /// What [`Ctx::answer`](super::Ctx::answer) wants if the module that is asked now suspends the request: a new one each time.
    pub ticket: Ticket,
}

/// The three things that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestKind {
    /// To be let in.
    Connect(Box<Connect>),
    /// To publish.
    Publish {
        /// The message stream to publish on.
        msid: u32,
        /// What the stream is to be.
        publish_type: PublishType,
    },
    /// To play.
    Play {
        /// The message stream to play on.
        msid: u32,
        /// How much is wanted, milliseconds of media; `None` for all.
        duration: Option<u32>,
        /// How this play stands to the one before.
        after: After,
    },
}

impl Request {
    /// A request that has been to no gate yet.
    pub(super) fn new(
        session: SessionId,
        app: AppId,
        (name, args): (String, String),
        kind: RequestKind,
    ) -> Self {
        Self { session, app, name, args, kind, ticket: Ticket { session, serial: 0 } }
    }

    /// The message stream on which to publish or play.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self.kind {
            RequestKind::Connect(_) => None,
            RequestKind::Publish { msid, .. } | RequestKind::Play { msid, .. } => {
                Some(Endpoint { session: self.session, msid })
            }
        }
    }

    /// The word for what is asked: "connect", "publish" or "play".
    pub fn verb(&self) -> &'static str {
        match self.kind {
            RequestKind::Connect(_) => "connect",
            RequestKind::Publish { .. } => "publish",
            RequestKind::Play { .. } => "play",
        }
    }
}

/// What a request passes, in this order: at each gate every module is asked, and all must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Who asks: access rules, keys. A key may stand for the stream's name, and change it.
    Access,
    /// What there is here: `live on`, limits. Behind it the engine refuses clients that are too many and names that are taken.
    Service,
    /// What others say who are asked over the network: the request is suspended, and the answer may change the name.
    Callback,
    /// Whether the outputs can take the name that it has come to. Behind it the engine looks for a taken name again.
    Name,
}

impl Gate {
    /// The gate behind this one.
    pub(super) fn next(self) -> Option<Self> {
        match self {
            Self::Access => Some(Self::Service),
            Self::Service => Some(Self::Callback),
            Self::Callback => Some(Self::Name),
            Self::Name => None,
        }
    }
}

/// What a module says to a request at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the next module; after the last one at the last gate the request is granted.
    Continue,
    /// Refuse; the peer and the log get the reason.
    Deny(String),
    /// Wait: neither read nor parse this session until [`Ctx::answer`](super::Ctx::answer) is called with the request's
    /// ticket. What is said then, [`Module::resume`](super::Module::resume) decides.
    Suspend {
        /// When the engine answers [`Reply::TimedOut`].
        until: Instant,
    },
}

/// One suspension of a request; an answer to any but the latest of a session finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Whose request it is.
    pub session: SessionId,
    /// Counts how often modules have been asked about requests.
    pub(super) serial: u64,
}

/// What has become of that for which a request was suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Yes.
    Grant,
    /// Yes, under this name.
    Rename(String),
    /// No, for this reason.
    Refuse(String),
    /// There was no answer in time.
    TimedOut,
}

/// How far a request has come: the module that has been asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub gate: Gate,
    /// The module's position in the table.
    pub module: usize,
}

/// A request that a module has suspended.
#[derive(Debug)]
pub(super) struct Suspended {
    pub request: Request,
    pub position: Position,
    /// The module's name, for the log.
    pub module: &'static str,
    pub since: Instant,
    pub until: Instant,
}
