//! Guessing is slow: a try is counted by the address of its client, and has to wait if too many were wrong.
//!
//! Whatever is wrong, a key, a signature or a password, has one log line, by which programs may block the address.

use crate::auth::mask;
use crate::engine::{Ctx, Peer, Refusal, Request, RequestKind, SessionId};

/// The refusal of a try before it is looked at, if its address has been wrong too often. Asked once for each try.
pub fn refusal(cx: &mut Ctx, session: SessionId) -> Option<Refusal> {
    let (peer, is_trusted, now) = (peer(cx, session)?, cx.is_trusted_proxy(session), cx.now.instant);
    let wait = cx.guesses.is_slowed(peer, is_trusted, now)?;
    cx.refusals.slowed += 1;
    let seconds = wait.as_secs_f32().ceil();
    Some(Refusal::of_client(format!("too many wrong keys from your address; try again in {seconds} s")))
}

/// Counts what was right.
pub fn note_right(cx: &mut Ctx, session: SessionId) {
    if let Some(peer) = peer(cx, session) {
        cx.guesses.note_right(peer, cx.now.instant);
    }
}

/// Counts and logs what was wrong in a request: a "wrong key". docs/log.md promises the form of the line to programs.
pub fn note_wrong(cx: &mut Ctx, request: &Request, what: &str) {
    let (session, Some(peer)) = (request.session, peer(cx, request.session)) else { return };
    let count = cx.guesses.note_wrong(peer, cx.is_trusted_proxy(session), cx.now.instant);
    cx.refusals.wrong_keys += 1;
    let (host, tried, ones) = (peer.host(), describe(cx, request), if count == 1 { "one" } else { "ones" });
    log::warn!("{session} {host}: {what} for {tried}; {count} wrong {ones} from this address");
}

/// A request for the log: "connect live", and of the name of a stream, which may be a key, only the beginning.
pub fn describe(cx: &Ctx, request: &Request) -> String {
    let (verb, app) = (request.verb(), cx.apps.get(request.app).map_or("", |app| &app.name));
    match request.kind {
        RequestKind::Connect(_) => format!("{verb} {app}"),
        _ => format!("{verb} {app}/{}", mask::start_of(&request.name)),
    }
}

fn peer(cx: &Ctx, session: SessionId) -> Option<Peer> {
    cx.sessions.get(session).map(|session| session.peer)
}
