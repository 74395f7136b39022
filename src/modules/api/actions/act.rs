//! Actions whose outcome is known at once: bans and redirects.

use serde::Serialize;

use crate::engine::{Answer, Ban, Banned, ClientProtocol, Ctx, Endpoint, MAX_BANS, SessionRole, stream_name};

use super::kick::is_client;
use crate::modules::api::actor::Actor;
use crate::modules::api::body::{self, NewBan, Redirect};
use crate::modules::api::facts::{BanFacts, seconds};
use crate::modules::api::reply::{Fault, json_reply};

/// Bans an address.
pub fn ban(cx: &mut Ctx, new: &NewBan, actor: &Actor) -> Result<Answer, Fault> {
    let banned = Banned::parse(&new.address).map_err(|why| Fault::new(400, why))?;
    let time = new.time.read()?;
    let why = new.why.as_deref().map(body::why).transpose()?.unwrap_or_default();
    let stream = new.stream.as_deref().map(|stream| canonical_label(cx, stream)).transpose()?;
    let now = cx.now.instant;
    let from = stream.as_ref().map_or("all streams".to_owned(), |stream| stream.escape_debug().to_string());
    let ban = Ban { id: 0, banned, stream, until: now + time, why: why.clone(), by: actor.name.clone() };
    let Some(ban) = cx.bans.add(ban, now) else {
        return Err(Fault::new(409, format!("there may be {MAX_BANS} bans at most: lift some first")));
    };
    let reason = if why.is_empty() { String::new() } else { format!(": {}", why.escape_debug()) };
    actor.log(&format!("bans {banned} from {from} for {} s{reason}", seconds(time)));
    Ok(Answer::Verbatim(json_reply(201, &BanFacts::new(ban, now))))
}

/// Lifts a ban.
pub fn lift(cx: &mut Ctx, id: u64, actor: &Actor) -> Result<Answer, Fault> {
    let now = cx.now.instant;
    let Some(ban) = cx.bans.lift(id, now) else {
        return Err(Fault::not_found(format!("there is no ban {id}")));
    };
    actor.log(&format!("lifts the ban {id} on {}", ban.banned));
    Ok(Answer::Verbatim(json_reply(200, &BanFacts::new(&ban, now))))
}

/// Has a publisher or player continue with another stream of its application.
pub fn redirect(cx: &mut Ctx, id: u32, to: &Redirect, actor: &Actor) -> Result<Answer, Fault> {
    let name = to.name.split_once('?').map_or(to.name.as_str(), |(name, _)| name);
    stream_name(name).map_err(|why| Fault::new(400, format!("\"name\": {why}")))?;
    let no_client = || Fault::not_found(format!("there is no client {id} of RTMP"));
    let session = cx.sessions.by_serial(id).filter(|session| is_client(session)).ok_or_else(no_client)?;
    if session.client_protocol() != ClientProtocol::Rtmp {
        return Err(Fault::new(
            409,
            "this client plays over HTTP, where nobody can be moved to another stream",
        ));
    }
    let roles: Vec<_> = session.roles().iter().map(SessionRole::msid).collect();
    let &[msid] = roles.as_slice() else {
        return Err(Fault::new(409, "this client has no stream, or several"));
    };
    if session.roles().iter().any(SessionRole::is_of_file) {
        return Err(Fault::new(409, "this client plays a file, and only those of streams can be moved"));
    }
    let endpoint = Endpoint { session: session.id, msid };
    actor.log(&format!("redirects client {id} to {}", name.escape_debug()));
    cx.redirect(endpoint, &to.name);
    // The gates have to agree, which may take a while; the log tells the outcome.
    Ok(Answer::Verbatim(json_reply(202, &Redirected { redirected: id })))
}

#[derive(Debug, Serialize)]
struct Redirected {
    /// The client that is asked to go elsewhere.
    redirected: u32,
}

/// "live/cam" with the name as streams have it.
fn canonical_label(cx: &Ctx, text: &str) -> Result<String, Fault> {
    let bad =
        |why: &str| Fault::new(400, format!("\"stream\" is APPLICATION/NAME, such as \"live/cam\"{why}"));
    let (app, name) = text.rsplit_once('/').ok_or_else(|| bad(""))?;
    let name = stream_name(name).map_err(|why| bad(&format!(": {why}")))?;
    if cx.apps.values().all(|known| known.name != app) {
        return Err(bad(", and there is no such application"));
    }
    Ok(format!("{app}/{}", name.as_str()))
}
