//! Actions whose outcome is known at once: kicks, bans, redirects.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;

use crate::engine::{
    Answer, Ban, Banned, Ctx, Endpoint, MAX_BANS, Session, SessionId, SessionRole, StreamId, stream_name,
};

use super::actor::Actor;
use super::body::{self, Kick, NewBan, Redirect, Who};
use super::facts::{BanFacts, seconds};
use super::reply::{Fault, json_reply};
use super::route::StreamPath;

/// How long a kicked viewer of HLS is refused if nobody says: until its player has given up.
const VIEWER_REFUSED_FOR: Duration = Duration::from_secs(10);

/// The most clients that each get a line in the log.
const MOST_LINES: usize = 16;

/// The answer to a kick.
#[derive(Debug, Serialize)]
struct Kicked<'a> {
    /// The number of clients.
    kicked: usize,
    /// The bans on their addresses.
    bans: Vec<BanFacts<'a>>,
    /// Whom the ban does not reach, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// Clients that are to be kicked.
#[derive(Debug, Default)]
struct Targets {
    seen: HashSet<SessionId>,
    sessions: Vec<(SessionId, Option<String>)>,
    /// The addresses to ban, each with the stream.
    banned: Vec<(Banned, Option<String>)>,
    note: Option<&'static str>,
}

const HAS_NO_ADDRESS: &str = "a client at a Unix socket has no address that could be banned";
const BEHIND_PROXY: &str = "a client behind a trusted proxy that does not tell its address is not banned, for that would ban all behind it";
const VIEWER_BAN: &str =
    "a viewer of HLS is refused for that time, but its address is not banned: a ban of that is one by itself";

/// Ends a client of RTMP or a viewer of HLS.
pub fn kick_client(cx: &mut Ctx, id: u32, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
    if kick.who.is_some() {
        return Err(Fault::new(400, "\"who\" is for the kick of a stream"));
    }
    let Some(session) = cx.sessions.by_serial(id).filter(|session| is_client(session)) else {
        return kick_viewer(cx, id, kick, actor);
    };
    let (session, stream) = (session.id, stream_of(cx, session));
    let mut targets = Targets::default();
    targets.add(cx, session, stream);
    kick_all(cx, &targets, kick, (0, actor))
}

fn kick_viewer(cx: &mut Ctx, id: u32, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
    let why = body::why(kick.why.as_ref())?;
    let ban = kick.ban.as_ref().map(body::Time::read).transpose()?;
    let Some((viewer, app, name)) = cx.viewing.viewers.by_serial(id) else {
        return Err(Fault::not_found(format!("there is no client {id}")));
    };
    let app = cx.apps.get(app).map_or("", |app| &app.name);
    let refused_for = ban.unwrap_or(VIEWER_REFUSED_FOR);
    actor.log(&format!(
        "kicks viewer {id} of {app}/{} and refuses it for {} s: {}",
        name.escape_debug(),
        seconds(refused_for),
        why.escape_debug()
    ));
    cx.kick_viewer(viewer, &why, refused_for);
    let kicked = Kicked { kicked: 1, bans: Vec::new(), note: ban.map(|_| VIEWER_BAN) };
    Ok(Answer::Verbatim(json_reply(200, &kicked)))
}

/// Ends clients of a stream.
pub fn kick_stream(cx: &mut Ctx, path: &StreamPath, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
    let who = kick.who.unwrap_or(Who::Publisher);
    let mut targets = Targets::default();
    let streams = path.find(cx)?;
    for stream in &streams {
        for endpoint in clients_of(cx, *stream, who) {
            targets.add(cx, endpoint.session, key_of(cx, *stream));
        }
    }
    let viewers = kick_viewers_of(cx, &streams, (who, kick), actor)?;
    if targets.sessions.is_empty() && viewers == 0 {
        let nobody = match who {
            Who::Publisher => "nobody publishes this stream now",
            Who::Players => "nobody plays this stream now",
            Who::Viewers => "nobody watches this stream as HLS now",
            Who::All => "this stream has no clients now",
        };
        return Err(Fault::not_found(nobody));
    }
    if viewers > 0 && kick.ban.is_some() {
        targets.note.get_or_insert(VIEWER_BAN);
    }
    kick_all(cx, &targets, kick, (viewers, actor))
}

/// Kicks the viewers of streams, if they are meant. Returns their number.
fn kick_viewers_of(
    cx: &mut Ctx,
    streams: &[StreamId],
    (who, kick): (Who, &Kick),
    actor: &Actor,
) -> Result<usize, Fault> {
    let why = body::why(kick.why.as_ref())?;
    let ban = kick.ban.as_ref().map(body::Time::read).transpose()?;
    if !matches!(who, Who::Viewers | Who::All) {
        return Ok(0);
    }
    let mut count = 0;
    for stream in streams {
        let Some(stream) = cx.streams.get(*stream) else { continue };
        let (label, viewers) =
            (stream.label.clone(), cx.viewing.viewers.ids_of_stream(stream.app, stream.name.as_str()));
        count += viewers.len();
        if !viewers.is_empty() {
            actor.log(&format!("kicks {} viewers of {label}: {}", viewers.len(), why.escape_debug()));
        }
        for viewer in viewers {
            cx.kick_viewer(viewer, &why, ban.unwrap_or(VIEWER_REFUSED_FOR));
        }
    }
    Ok(count)
}

/// Kicks clients of RTMP and bans their addresses if that is asked for. `viewers` have been kicked before.
fn kick_all(
    cx: &mut Ctx,
    targets: &Targets,
    kick: &Kick,
    (viewers, actor): (usize, &Actor),
) -> Result<Answer, Fault> {
    let why = body::why(kick.why.as_ref())?;
    let ban = kick.ban.as_ref().map(body::Time::read).transpose()?;
    let mut ids = Vec::new();
    if ban.is_some() && targets.banned.len() > MAX_BANS {
        return Err(too_many_bans());
    }
    if let Some(time) = ban {
        for (banned, stream) in &targets.banned {
            ids.push(add_ban(cx, (*banned, stream.clone()), (time, &why), actor)?);
        }
    }
    if targets.sessions.len() > MOST_LINES {
        actor.log(&format!("kicks {} clients: {}", targets.sessions.len(), why.escape_debug()));
    }
    for (session, stream) in &targets.sessions {
        if targets.sessions.len() <= MOST_LINES {
            let of = stream.as_ref().map_or(String::new(), |stream| format!(" of {}", stream.escape_debug()));
            actor.log(&format!("kicks client {}{of}: {}", session.serial(), why.escape_debug()));
        }
        cx.kick(*session, &why);
    }
    let now = cx.now.instant;
    let bans =
        cx.bans.iter(now).filter(|ban| ids.contains(&ban.id)).map(|ban| BanFacts::new(ban, now)).collect();
    let note = targets.note.filter(|_| ban.is_some());
    let kicked = Kicked { kicked: targets.sessions.len() + viewers, bans, note };
    Ok(Answer::Verbatim(json_reply(200, &kicked)))
}

/// Bans an address.
pub fn ban(cx: &mut Ctx, new: &NewBan, actor: &Actor) -> Result<Answer, Fault> {
    let banned = Banned::parse(&new.address).map_err(|why| Fault::new(400, why))?;
    let time = new.time.read()?;
    let why = body::why(new.why.as_ref().or(Some(&String::new())))?;
    let stream = new.stream.as_deref().map(canonical_label).transpose()?;
    let id = add_ban(cx, (banned, stream), (time, &why), actor)?;
    let now = cx.now.instant;
    let ban = cx.bans.iter(now).find(|ban| ban.id == id).map(|ban| BanFacts::new(ban, now));
    Ok(Answer::Verbatim(json_reply(201, &ban)))
}

fn add_ban(
    cx: &mut Ctx,
    (banned, stream): (Banned, Option<String>),
    (time, why): (Duration, &str),
    actor: &Actor,
) -> Result<u64, Fault> {
    let now = cx.now.instant;
    let from = stream.as_ref().map_or("all streams".to_owned(), |stream| stream.escape_debug().to_string());
    let ban = Ban { id: 0, banned, stream, until: now + time, why: why.to_owned(), by: actor.name.clone() };
    let Some(id) = cx.bans.add(ban, now).map(|ban| ban.id) else {
        return Err(too_many_bans());
    };
    let reason = if why.is_empty() { String::new() } else { format!(": {}", why.escape_debug()) };
    actor.log(&format!("bans {banned} from {from} for {} s{reason}", seconds(time)));
    Ok(id)
}

fn too_many_bans() -> Fault {
    Fault::new(409, format!("there may be {MAX_BANS} bans at most: lift some first"))
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

impl Targets {
    /// Adds a client, and its address, unless that is of many.
    fn add(&mut self, cx: &Ctx, id: SessionId, stream: Option<String>) {
        let Some(session) = cx.sessions.get(id) else { return };
        if !self.seen.insert(id) {
            return;
        }
        self.sessions.push((id, stream.clone()));
        match Banned::of(session.peer) {
            None => self.note = Some(HAS_NO_ADDRESS),
            Some(_) if cx.is_trusted_proxy(id) => self.note = Some(BEHIND_PROXY),
            // More could not be added.
            Some(_) if self.banned.len() > MAX_BANS => {}
            Some(banned) if !self.banned.iter().any(|(other, of)| (*other, of) == (banned, &stream)) => {
                self.banned.push((banned, stream));
            }
            Some(_) => {}
        }
    }
}

/// Has a publisher or player go on with another stream of its application.
pub fn redirect(cx: &mut Ctx, id: u32, to: &Redirect, actor: &Actor) -> Result<Answer, Fault> {
    let name = to.name.split_once('?').map_or(to.name.as_str(), |(name, _)| name);
    stream_name(name).map_err(|why| Fault::new(400, format!("\"name\": {why}")))?;
    let no_client = || Fault::not_found(format!("there is no client {id} of RTMP"));
    let session = cx.sessions.by_serial(id).filter(|session| is_client(session)).ok_or_else(no_client)?;
    let roles: Vec<_> = session.roles().iter().map(SessionRole::msid).collect();
    let &[msid] = roles.as_slice() else {
        return Err(Fault::new(409, "this client has no stream, or several"));
    };
    let endpoint = Endpoint { session: session.id, msid };
    actor.log(&format!("redirects client {id} to {}", name.escape_debug()));
    cx.redirect(endpoint, &to.name);
    // The gates have to agree, which may take a while; the log tells the outcome.
    Ok(Answer::Verbatim(json_reply(202, &Redirected { redirected: id })))
}

#[derive(Debug, Serialize)]
struct Redirected {
    /// The client that is asked to go on elsewhere.
    redirected: u32,
}

/// Whether a session is that of a client of RTMP, which has connected.
fn is_client(session: &Session) -> bool {
    session.client().is_some()
}

/// The stream of a client, if it has one.
fn stream_of(cx: &Ctx, session: &Session) -> Option<String> {
    key_of(cx, session.roles().iter().next().map(SessionRole::stream)?)
}

/// "live/cam", with the name as it is.
fn key_of(cx: &Ctx, stream: StreamId) -> Option<String> {
    let stream = cx.streams.get(stream)?;
    Some(format!("{}/{}", cx.apps.get(stream.app)?.name, stream.name.as_str()))
}

fn clients_of(cx: &Ctx, stream: StreamId, who: Who) -> Vec<Endpoint> {
    let Some(stream) = cx.streams.get(stream) else { return Vec::new() };
    let publisher = stream.publisher.filter(|_| matches!(who, Who::Publisher | Who::All));
    let players: &[Endpoint] = if matches!(who, Who::Players | Who::All) { &stream.players } else { &[] };
    publisher.into_iter().chain(players.iter().copied()).collect()
}

/// "live/cam" with the name as streams have it.
fn canonical_label(text: &str) -> Result<String, Fault> {
    let bad =
        |why: &str| Fault::new(400, format!("\"stream\" is APPLICATION/NAME, such as \"live/cam\"{why}"));
    let (app, name) = text.rsplit_once('/').ok_or_else(|| bad(""))?;
    let name = stream_name(name).map_err(|why| bad(&format!(": {why}")))?;
    if app.is_empty() { Err(bad("")) } else { Ok(format!("{app}/{}", name.as_str())) }
}
