//! Actions whose outcome is known at once: kicks, bans, redirects.

use std::time::Duration;

use serde::Serialize;

use crate::engine::{
    Answer, Ban, Banned, Ctx, Endpoint, HttpRequest, MAX_BANS, Session, SessionId, SessionRole, StreamId,
    stream_name,
};

use super::Api;
use super::body::{self, Kick, NewBan, Nothing, Redirect, Who};
use super::facts::{BanFacts, seconds};
use super::reply::{Fault, json_reply};
use super::route::{Act, StreamPath};

/// Who has an action done.
#[derive(Debug)]
pub struct Actor {
    /// The name, for the log and for bans.
    pub name: String,
    /// The session of the request.
    pub session: SessionId,
}

impl Actor {
    /// Logs an action.
    pub fn log(&self, what: &str) {
        log::info!("{} api: {} {what}", self.session, self.name);
    }
}

/// How long a kicked viewer of HLS is refused if nobody says: until its player has given up.
const VIEWER_REFUSED_FOR: Duration = Duration::from_secs(10);

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
    sessions: Vec<(SessionId, Option<String>)>,
    /// The addresses to ban, each with the stream.
    banned: Vec<(Banned, Option<String>)>,
    note: Option<&'static str>,
}

const HAS_NO_ADDRESS: &str = "a client at a Unix socket has no address that could be banned";
const BEHIND_PROXY: &str = "a client behind a trusted proxy that does not tell its address is not banned, for that would ban all behind it";
const VIEWER_BAN: &str =
    "a viewer of HLS is refused for that time by what it shows; to ban its address, POST bans";

impl Api {
    /// Does what a request asks for, or begins to.
    pub(super) fn act(
        &mut self,
        cx: &mut Ctx,
        request: &HttpRequest,
        act: &Act,
        actor: &Actor,
    ) -> Result<Answer, Fault> {
        match act {
            Act::KickClient(id) => self.kick_client(cx, *id, &body::read(request)?, actor),
            Act::KickStream(path) => self.kick_stream(cx, path, &body::read(request)?, actor),
            Act::Redirect(id) => redirect(cx, *id, &body::read(request)?, actor),
            Act::Ban => self.ban(cx, &body::read(request)?, actor),
            Act::Lift(id) => {
                body::read::<Nothing>(request)?;
                self.lift(cx, *id, actor)
            }
            Act::Record(path) => Self::record(cx, request, path, &body::read(request)?, actor),
            Act::Reload => {
                body::read::<Nothing>(request)?;
                Self::reload(request, actor)
            }
        }
    }

    fn kick_client(&mut self, cx: &mut Ctx, id: u32, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
        if kick.who.is_some() {
            return Err(Fault::new(400, "\"who\" is for the kick of a stream"));
        }
        let Some(session) = cx.sessions.by_serial(id).filter(|session| is_client(session)) else {
            return self.kick_viewer(cx, id, kick, actor);
        };
        let (session, stream) = (session.id, stream_of(cx, session));
        let mut targets = Targets::default();
        targets.add(cx, session, stream);
        self.kick(cx, &targets, kick, actor)
    }

    fn kick_viewer(&mut self, cx: &mut Ctx, id: u32, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
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

    fn kick_stream(
        &mut self,
        cx: &mut Ctx,
        path: &StreamPath,
        kick: &Kick,
        actor: &Actor,
    ) -> Result<Answer, Fault> {
        let who = kick.who.unwrap_or(Who::Publisher);
        let mut targets = Targets::default();
        let streams = streams_of(cx, path)?;
        for stream in &streams {
            for endpoint in clients_of(cx, *stream, who) {
                targets.add(cx, endpoint.session, key_of(cx, *stream));
            }
        }
        let viewers = self.kick_viewers_of(cx, &streams, (who, kick), actor)?;
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
        self.kick_all(cx, &targets, kick, (viewers, actor))
    }

    /// Kicks the viewers of streams, if they are meant. Returns their number.
    fn kick_viewers_of(
        &mut self,
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

    fn kick(&mut self, cx: &mut Ctx, targets: &Targets, kick: &Kick, actor: &Actor) -> Result<Answer, Fault> {
        self.kick_all(cx, targets, kick, (0, actor))
    }

    /// Kicks clients of RTMP and bans their addresses if that is asked for. `viewers` have been kicked before.
    fn kick_all(
        &mut self,
        cx: &mut Ctx,
        targets: &Targets,
        kick: &Kick,
        (viewers, actor): (usize, &Actor),
    ) -> Result<Answer, Fault> {
        let why = body::why(kick.why.as_ref())?;
        let ban = kick.ban.as_ref().map(body::Time::read).transpose()?;
        let mut ids = Vec::new();
        if let Some(time) = ban {
            for (banned, stream) in &targets.banned {
                ids.push(self.add_ban(cx, (*banned, stream.clone()), (time, &why), actor)?);
            }
        }
        for (session, stream) in &targets.sessions {
            let of = stream.as_ref().map_or(String::new(), |stream| format!(" of {}", stream.escape_debug()));
            actor.log(&format!("kicks client {}{of}: {}", session.serial(), why.escape_debug()));
            cx.kick(*session, &why);
        }
        let now = cx.now.instant;
        let bans = cx
            .bans
            .iter(now)
            .filter(|ban| ids.contains(&ban.id))
            .map(|ban| BanFacts::new(ban, now))
            .collect();
        let note = targets.note.filter(|_| ban.is_some());
        let kicked = Kicked { kicked: targets.sessions.len() + viewers, bans, note };
        Ok(Answer::Verbatim(json_reply(200, &kicked)))
    }

    fn ban(&mut self, cx: &mut Ctx, new: &NewBan, actor: &Actor) -> Result<Answer, Fault> {
        let banned = Banned::parse(&new.address).map_err(|why| Fault::new(400, why))?;
        let time = new.time.read()?;
        let why = body::why(new.why.as_ref().or(Some(&String::new())))?;
        let stream = new.stream.as_deref().map(canonical_label).transpose()?;
        let id = self.add_ban(cx, (banned, stream), (time, &why), actor)?;
        let now = cx.now.instant;
        let ban = cx.bans.iter(now).find(|ban| ban.id == id).map(|ban| BanFacts::new(ban, now));
        Ok(Answer::Verbatim(json_reply(201, &ban)))
    }

    fn add_ban(
        &mut self,
        cx: &mut Ctx,
        (banned, stream): (Banned, Option<String>),
        (time, why): (Duration, &str),
        actor: &Actor,
    ) -> Result<u64, Fault> {
        let now = cx.now.instant;
        let from =
            stream.as_ref().map_or("all streams".to_owned(), |stream| stream.escape_debug().to_string());
        let ban =
            Ban { id: 0, banned, stream, until: now + time, why: why.to_owned(), by: actor.name.clone() };
        let Some(id) = cx.bans.add(ban, now).map(|ban| ban.id) else {
            return Err(Fault::new(
                409,
                format!("there are {MAX_BANS} bans, which is the most: lift one first"),
            ));
        };
        let reason = if why.is_empty() { String::new() } else { format!(": {}", why.escape_debug()) };
        actor.log(&format!("bans {banned} from {from} for {} s{reason}", seconds(time)));
        Ok(id)
    }

    fn lift(&mut self, cx: &mut Ctx, id: u64, actor: &Actor) -> Result<Answer, Fault> {
        let now = cx.now.instant;
        let Some(ban) = cx.bans.lift(id, now) else {
            return Err(Fault::not_found(format!("there is no ban {id}")));
        };
        actor.log(&format!("lifts the ban {id} on {}", ban.banned));
        Ok(Answer::Verbatim(json_reply(200, &BanFacts::new(&ban, now))))
    }
}

impl Targets {
    /// Adds a client, and its address, unless that is of many.
    fn add(&mut self, cx: &Ctx, id: SessionId, stream: Option<String>) {
        let Some(session) = cx.sessions.get(id) else { return };
        if self.sessions.iter().any(|(other, _)| *other == id) {
            return;
        }
        self.sessions.push((id, stream.clone()));
        match Banned::of(session.peer) {
            None => self.note = Some(HAS_NO_ADDRESS),
            Some(_) if cx.is_trusted_proxy(id) => self.note = Some(BEHIND_PROXY),
            Some(banned) if !self.banned.iter().any(|(other, of)| (*other, of) == (banned, &stream)) => {
                self.banned.push((banned, stream));
            }
            Some(_) => {}
        }
    }
}

/// Has a publisher or player go on with another stream of its application.
fn redirect(cx: &mut Ctx, id: u32, to: &Redirect, actor: &Actor) -> Result<Answer, Fault> {
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

/// The streams that a path means, one for each server that has the application. None is an error.
pub(super) fn streams_of(cx: &Ctx, path: &StreamPath) -> Result<Vec<StreamId>, Fault> {
    let name = stream_name(&path.name);
    let name = name.map_err(|why| Fault::not_found(format!("there is no such stream: {why}")))?;
    let apps = cx.apps.iter().filter(|(_, app)| app.name == path.app);
    let streams: Vec<_> =
        apps.filter_map(|(app, _)| cx.streams.find(app, &name)).map(|stream| stream.id).collect();
    if streams.is_empty() {
        let why = format!("there is no stream {}/{name} now", path.app.escape_debug());
        return Err(Fault::not_found(why));
    }
    Ok(streams)
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
