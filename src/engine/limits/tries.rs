//! Tries: what clients show to be judged, whatever it is and whichever protocol they speak. A try is counted by the address
//! of its client, and has to wait if too many were wrong.
//!
//! What was wrong has one form of log line, by which programs may block the address.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::auth::mask;
use crate::engine::ctx::Ctx;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::SessionId;
use crate::engine::jobs::{JobOwner, Jobs, QueueFull};
use crate::engine::limits::guesses::Purpose;
use crate::engine::limits::origin::Origin;
use crate::engine::peer::Peer;
use crate::engine::request::{Request, RequestKind};

/// What a client shows in a request, to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    session: SessionId,
    peer: Peer,
    /// Whether many clients may be behind the address.
    is_trusted: bool,
    purpose: Purpose,
    /// "connect live", and of the name of a stream, which may be a key, only the beginning; or "get /path".
    what: String,
}

impl Try {
    /// The try of a request; none if its session is gone.
    pub fn of(cx: &Ctx, request: &Request) -> Option<Self> {
        let session = request.session;
        let (peer, is_trusted) = match &request.kind {
            RequestKind::View(view) => (view.peer, view.is_proxy),
            _ => (cx.sessions.get(session)?.peer, cx.is_trusted_proxy(session)),
        };
        let (verb, app) = (request.verb(), cx.apps.get(request.app).map_or("", |app| &app.name));
        let what = match request.kind {
            RequestKind::Connect(_) => format!("{verb} {app}"),
            // The names of files are no keys.
            RequestKind::View(_) => format!("{verb} {app}/{}", request.name.escape_debug()),
            _ => format!("{verb} {app}/{}", mask::start_of(&request.name)),
        };
        // Adobe's authentication, at the connect, is for publishing.
        let purpose = match request.kind {
            RequestKind::Play { .. } | RequestKind::View(_) => Purpose::Play,
            RequestKind::Connect(_) | RequestKind::Publish { .. } => Purpose::Publish,
        };
        Some(Self { session, peer, is_trusted, purpose, what })
    }

    /// The try of an HTTP request. Whatever its method, the log has "get", so that programs find the line.
    pub fn of_http(request: &HttpRequest) -> Self {
        Self {
            session: request.session,
            peer: request.peer,
            is_trusted: request.is_of_proxy(),
            purpose: Purpose::Play,
            what: format!("get {}", request.head.path.escape_debug()),
        }
    }

    /// The try of an operator's HTTP request.
    pub fn of_operator(request: &HttpRequest) -> Self {
        Self { purpose: Purpose::Operate, ..Self::of_http(request) }
    }

    /// The network of its client, as it is counted; none for this machine and for a proxy.
    pub fn network(&self) -> Option<Origin> {
        Origin::of(self.peer).filter(|_| !self.is_trusted)
    }

    /// Has a thread judge it. The error if too many wait for that.
    pub fn judge<T: Any + Send>(
        &self,
        jobs: &mut Jobs,
        owner: JobOwner,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Result<(), QueueFull> {
        match self.purpose {
            Purpose::Publish => jobs.hash_for_publisher(owner, self.network(), work),
            Purpose::Play | Purpose::Operate => jobs.hash(owner, self.network(), work),
        }
    }

    /// The time that it has to wait before it is looked at, if its address has been wrong too often. To be asked once for
    /// each.
    pub fn wait(&self, cx: &mut Ctx) -> Option<Duration> {
        let wait = cx.guesses.admit_try((self.peer, self.is_trusted), self.purpose, cx.now.instant)?;
        cx.refusals.slowed += 1;
        Some(wait)
    }

    /// Whether its address may guess as often as it likes.
    pub fn is_exempt(&self, cx: &mut Ctx) -> bool {
        cx.guesses.exempts((self.peer, self.is_trusted), self.purpose, cx.now.instant)
    }

    /// Counts what was right.
    pub fn note_right(&self, cx: &mut Ctx) {
        cx.guesses.note_right(self.peer, self.purpose, cx.now.instant);
    }

    /// Counts and logs what was wrong: a "wrong key". docs/log.md promises the form of the line to programs.
    pub fn note_wrong(&self, cx: &mut Ctx, what: &str) {
        let count = cx.guesses.note_wrong((self.peer, self.is_trusted), self.purpose, cx.now.instant);
        cx.refusals.wrong_keys += 1;
        let (session, host) = (self.session, self.peer.host());
        let ones = if count == 1 { "one" } else { "ones" };
        log::warn!("{session} {host}: {what} for {self}; {count} wrong {ones} from this address");
    }
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
