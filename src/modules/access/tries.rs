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

/// Counts and logs what was wrong in a request: a "wrong key".
pub fn note_wrong(cx: &mut Ctx, request: &Request, what: &str) {
    let Some(peer) = peer(cx, request.session) else { return };
    let count = cx.guesses.note_wrong(peer, cx.is_trusted_proxy(request.session), cx.now.instant);
    cx.refusals.wrong_keys += 1;
    let app = cx.apps.get(request.app).map_or("", |app| &app.name);
    log::warn!("{} {}", request.session, wrong_line(&peer.host(), what, (app, request), count));
}

/// The line of what was wrong, which docs/log.md promises to programs: its form must not change. The stream's name may be
/// a secret.
fn wrong_line(host: &str, what: &str, (app, request): (&str, &Request), count: u32) -> String {
    let name = match request.kind {
        RequestKind::Connect(_) => String::new(),
        _ => format!("/{}", mask::start_of(&request.name)),
    };
    let (verb, ones) = (request.verb(), if count == 1 { "one" } else { "ones" });
    format!("{host}: {what} for {verb} {app}{name}; {count} wrong {ones} from this address")
}

fn peer(cx: &Ctx, session: SessionId) -> Option<Peer> {
    cx.sessions.get(session).map(|session| session.peer)
}
