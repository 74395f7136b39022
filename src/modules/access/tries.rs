//! Guessing is slow: a try is counted by the address of its client, and has to wait if too many were wrong.
//!
//! Whatever is wrong, a key, a signature or a password, has one log line, by which programs may block the address.

use std::fmt;

use crate::auth::mask;
use crate::engine::{Ctx, Origin, Peer, Purpose, Refusal, Request, RequestKind, SessionId};

/// What a client shows in a request, to be judged.
pub struct Try {
    session: SessionId,
    peer: Peer,
    /// Whether many clients may be behind the address.
    is_trusted: bool,
    purpose: Purpose,
    /// "connect live", and of the name of a stream, which may be a key, only the beginning.
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

    /// The network of its client, as it is counted; none for this machine and for a proxy.
    pub fn network(&self) -> Option<Origin> {
        Origin::of(self.peer).filter(|_| !self.is_trusted)
    }

    /// The refusal of a try before it is looked at, if its address has been wrong too often. To be asked once for each.
    pub fn refusal(&self, cx: &mut Ctx) -> Option<Refusal> {
        let wait = cx.guesses.admit_try((self.peer, self.is_trusted), self.purpose, cx.now.instant)?;
        cx.refusals.slowed += 1;
        let seconds = wait.as_secs_f32().ceil();
        Some(Refusal::of_client(format!("too many wrong keys from your address; try again in {seconds} s")))
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
