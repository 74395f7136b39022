//! A client's request to connect, publish or play, and the words in which modules decide about it.
//!
//! Only the types: the way through the gates is `rtmp/gates.rs`. An HTTP request is
//! [`HttpRequest`](super::HttpRequest).

use std::borrow::Cow;
use std::time::Instant;

use crate::engine::ids::{AppId, Endpoint, SessionId};
use crate::engine::stream::name::SentName;
use crate::engine::viewing::files::HlsFileKind;
use crate::engine::viewing::view::View;
use crate::rtmp::command::{After, Connect, PublishType};

/// A request on its way through the gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The session that makes it.
    pub session: SessionId,
    /// The application; for a connect, the one that its name means.
    pub app: AppId,
    /// The stream's name, as [`StreamName`](super::StreamName) allows it; modules may change it. Empty for a connect.
    pub name: String,
    /// The name as the client has sent it.
    pub(super) sent: SentName,
    /// Whether it has passed the gate of access. Before that its name may be a key.
    pub(super) is_admitted: bool,
    /// Whether it has passed the gate of callbacks. Before that its name may be a key that only a backend knows.
    pub(super) is_decided: bool,
    /// Whether an operator makes it for the client, which does not know of it ([`Ctx::redirect`](super::Ctx::redirect)):
    /// keys and passwords are not asked for.
    pub is_redirect: bool,
    /// Whether a pull makes it, which the operator has configured: neither rules of access nor keys are asked.
    pub is_relay: bool,
    /// The URLs to which the stream is to be published, or the one from which it is to be pulled, as a backend has
    /// answered.
    pub relays: Vec<Box<str>>,
    /// The path of a file that a play may mean: its name as the client has sent it, with its prefix and slashes.
    pub(super) path: Option<Box<str>>,
    /// Whether a module answers it with a file that it has opened: it sends the messages after the grant.
    pub is_of_file: bool,
    /// The arguments after "?".
    pub args: String,
    /// What is requested.
    pub kind: RequestKind,
    /// The ticket for [`Ctx::answer`](super::Ctx::answer), if the module that is asked now suspends the request: each
    /// has another.
    pub ticket: Ticket,
}

/// The kinds of requests.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestKind {
    /// To connect to an application.
    Connect(Box<Connect>),
    /// To publish.
    Publish {
        /// The message stream to publish on.
        msid: u32,
        /// The kind of publish: live, record or append.
        publish_type: PublishType,
    },
    /// To play.
    Play {
        /// The message stream to play on.
        msid: u32,
        /// The start that is wanted, in milliseconds of media, if it is told; -2000 for live or recorded, -1000 for live.
        start: Option<i64>,
        /// The duration that is wanted, in milliseconds of media; none for all.
        duration: Option<u32>,
        /// What becomes of the play before it.
        after: After,
    },
    /// To watch a stream as HLS over HTTP. The name is that without the suffix of a variant, unless a module has found
    /// that the viewer may only watch this variant.
    View(Box<View>),
}

impl Request {
    /// A request that has passed no gate yet.
    pub(super) fn new(
        session: SessionId,
        app: AppId,
        (name, args): (String, String),
        kind: RequestKind,
    ) -> Self {
        let sent = SentName::of(&name);
        let ticket = Ticket { session, serial: 0 };
        let is_redirect = false;
        Self {
            session,
            app,
            name,
            sent,
            is_admitted: false,
            is_decided: false,
            is_redirect,
            is_relay: false,
            relays: Vec::new(),
            path: None,
            is_of_file: false,
            args,
            kind,
            ticket,
        }
    }

    /// The message stream on which to publish or play.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self.kind {
            RequestKind::Connect(_) | RequestKind::View(_) => None,
            RequestKind::Publish { msid, .. } | RequestKind::Play { msid, .. } => {
                Some(Endpoint { session: self.session, msid })
            }
        }
    }

    /// The path of a file that a play may mean. What the client has sent, unless a module has changed the name.
    pub fn path(&self) -> &str {
        let sent = self.path.as_deref().filter(|_| SentName::of(&self.name) == self.sent);
        sent.unwrap_or(&self.name)
    }

    /// Whether it is for recordings of the stream, and not for what is live.
    pub fn is_for_recordings(&self) -> bool {
        matches!(&self.kind, RequestKind::View(view) if view.file.kind == HlsFileKind::Recording)
    }

    /// The word for its kind: "connect", "publish", "play" or "view".
    pub fn verb(&self) -> &'static str {
        match self.kind {
            RequestKind::Connect(_) => "connect",
            RequestKind::Publish { .. } => "publish",
            RequestKind::Play { .. } => "play",
            RequestKind::View(_) => "view",
        }
    }
}

/// The gates that a request passes, in this order. At each one every module is asked, and all must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// The client: access rules, keys. A key may stand for the stream's name, and change it.
    Access,
    /// The service: `live on`, limits. After it the engine refuses clients beyond a limit and names that are taken.
    Service,
    /// Callbacks over the network: the request is suspended, and the answer may change the name.
    Callback,
    /// The name: whether the outputs can take it as it is now. After it the engine checks again that it is not taken.
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

/// A module's decision about a request at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the next module; after the last one at the last gate the request is granted.
    Continue,
    /// Refuse; the peer and the log get the reason.
    Deny(Refusal),
    /// Suspend the request: the session is neither read nor parsed until [`Ctx::answer`](super::Ctx::answer) is
    /// called with its ticket. Then [`Module::resume`](super::Module::resume) decides.
    Suspend {
        /// When the engine answers [`Reply::TimedOut`].
        until: Instant,
    },
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, which decides about the code of the answer.
    pub kind: RefusalKind,
    /// The reason, for the peer and the log.
    pub why: String,
    /// The reason for the log, if the peer's is none for people.
    pub for_log: Option<Cow<'static, str>>,
}

/// What is wrong with a request that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The client: it may not do this, or has not shown that it may.
    Client,
    /// The request: its name, a limit, the state of the stream or of the server.
    Request,
    /// There is no such stream or file to play.
    NotFound,
}

impl Refusal {
    /// The client may not do this.
    pub fn of_client(why: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Client, why: why.into(), for_log: None }
    }

    /// The request cannot be granted, whoever makes it.
    pub fn of_request(why: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Request, why: why.into(), for_log: None }
    }

    /// There is nothing of this name to play.
    pub fn not_found(why: impl Into<String>) -> Self {
        Self { kind: RefusalKind::NotFound, why: why.into(), for_log: None }
    }

    /// The same with another reason for the log.
    #[must_use]
    pub fn logged_as(self, why: impl Into<Cow<'static, str>>) -> Self {
        Self { for_log: Some(why.into()), ..self }
    }
}

/// One suspension of a request. An answer with an older ticket than the session's latest has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The session that makes the request.
    pub session: SessionId,
    /// The number of the question to a module.
    pub(super) serial: u64,
}

/// The answer to a suspended request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Yes.
    Grant,
    /// Yes, under this name.
    Rename(String),
    /// No, for this reason.
    Refuse(Refusal),
    /// There was no answer in time.
    TimedOut,
}

/// The progress of a request: the module that has been asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub gate: Gate,
    /// The module's position in the table.
    pub module: usize,
}

/// A suspended request.
#[derive(Debug)]
pub(super) struct Suspended {
    pub request: Request,
    pub position: Position,
    /// The module's name, for the log.
    pub module: &'static str,
    pub since: Instant,
    pub until: Instant,
}

impl Suspended {
    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let Request { name, args, kind, path, .. } = &self.request;
        let more = match kind {
            RequestKind::Connect(connect) => {
                let Connect { app, args, tc_url, flash_ver, page_url, swf_url, .. } = &**connect;
                let texts = [app, args, tc_url, flash_ver, page_url, swf_url];
                size_of::<Connect>() + texts.map(String::capacity).iter().sum::<usize>()
            }
            RequestKind::Publish { .. } | RequestKind::Play { .. } => 0,
            RequestKind::View(view) => size_of::<View>() + view.texts(),
        };
        let urls: usize = self.request.relays.iter().map(|url| url.len() + size_of::<Box<str>>()).sum();
        let path = path.as_ref().map_or(0, |path| path.len());
        size_of::<Self>() + urls + name.capacity() + args.capacity() + path + more
    }
}
