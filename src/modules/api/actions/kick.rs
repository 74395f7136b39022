//! Kicks: clients of RTMP and viewers of HLS are ended, and their addresses are banned if that is asked for.
//!
//! The clients of a stream are looked for in steps, as there may be thousands. Only when all are known they are kicked, at
//! once: so whoever asks may leave meanwhile, and nobody is kicked by halves. The engine carries it out in steps.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::engine::{
    Answer, AppId, Ban, Banned, COMPOSED_AT_ONCE, Compose, Composed, Ctx, Endpoint, HttpReply, MAX_BANS,
    RelayId, Session, SessionId, SessionRole, StreamId, ViewerId,
};

use crate::modules::api::actor::Actor;
use crate::modules::api::body::{KickOrder, Who};
use crate::modules::api::facts::{BanFacts, seconds};
use crate::modules::api::reply::{Fault, json_reply};
use crate::modules::api::route::StreamPath;

/// How long a kicked viewer of HLS is refused if nobody says: until its player has given up.
const VIEWER_REFUSED_FOR: Duration = Duration::from_secs(10);

/// The most clients and bans that each get a line in the log.
const MOST_LINES: usize = 16;

/// Viewers of all streams that are looked at in one step, which is a quick look.
const VIEWERS_AT_ONCE: usize = 4096;

const HAS_NO_ADDRESS: &str = "a client at a Unix socket has no address that could be banned";
const HAS_NO_STREAM: &str = "a client without a stream is not banned, as a kick bans from a stream; ban its address to keep it from all";
const BEHIND_PROXY: &str = "a client behind a trusted proxy that does not tell its address is not banned, for that would ban all behind it";
const VIEWER_BAN: &str =
    "a viewer of HLS is refused for that time, but its address is not banned: a ban of that is one by itself";
const GRACE_ENDED: &str = "its publisher was lost, and is not waited for any longer";

/// The answer to a kick.
#[derive(Debug, Serialize)]
struct Kicked<'a> {
    /// The number of clients.
    kicked: usize,
    /// The bans on their addresses.
    bans: Vec<BanFacts<'a>>,
    /// Whom the ban does not reach, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Ends a client of RTMP or a viewer of HLS.
pub fn kick_client(cx: &mut Ctx, id: u32, kick: &KickOrder, actor: &Actor) -> Result<Answer, Fault> {
    if kick.who.is_some() {
        return Err(Fault::new(400, "\"who\" is for the kick of a stream"));
    }
    let mut targets = Targets::default();
    if let Some(session) = cx.sessions.by_serial(id).filter(|session| is_client(session)) {
        let streams: Vec<_> = session.roles().iter().map(SessionRole::stream).collect();
        let labels: Vec<_> = streams.iter().filter_map(|stream| label_of(cx, *stream)).collect();
        targets.add(cx, session.id, &labels, kick);
    } else if let Some(viewer) = cx.viewing.viewers.facts_of(id) {
        targets.viewers.push(viewer.id);
    } else if let Some(relay) = cx.sessions.by_serial(id).and_then(Session::relay) {
        let why = format!("{id} is the connection of relay {0}, which DELETE relays/{0} ends", relay.0);
        return Err(Fault::new(409, why));
    } else {
        return Err(Fault::not_found(format!("there is no client {id}")));
    }
    Ok(Answer::Verbatim(targets.carry_out(cx, kick, actor)))
}

/// Ends clients of a stream.
pub fn kick_stream(cx: &Ctx, path: &StreamPath, kick: KickOrder, actor: Actor) -> Result<Answer, Fault> {
    let streams = path.find(cx)?;
    let who = kick.who.unwrap_or(Who::Publisher);
    let label = streams.first().and_then(|stream| label_of(cx, *stream)).unwrap_or_default();
    Ok(Answer::Later(Box::new(StreamKick {
        who,
        kick,
        actor,
        labels: [label],
        streams,
        left: Vec::new(),
        watched: None,
        targets: Targets::default(),
    })))
}

/// A kick of a stream's clients, which are looked for.
#[derive(Debug)]
struct StreamKick {
    who: Who,
    kick: KickOrder,
    actor: Actor,
    /// "live/cam", the name of all of its streams: one for each server that has the application.
    labels: [Rc<str>; 1],
    /// Streams whose clients are to be looked for.
    streams: Vec<StreamId>,
    /// Clients of RTMP that have not been looked at.
    left: Vec<Endpoint>,
    /// The stream whose viewers are looked for, with the last viewer that has been looked at.
    watched: Option<(AppId, String, Option<ViewerId>)>,
    targets: Targets,
}

impl Compose for StreamKick {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        if self.search(cx) {
            return Composed::Partly;
        }
        if self.targets.is_empty() {
            let nobody = match self.who {
                Who::Publisher => "nobody publishes this stream now",
                Who::Players => "nobody plays this stream now",
                Who::Viewers => "nobody watches this stream as HLS now",
                Who::All => "this stream has no clients now",
            };
            return Composed::Verbatim(Fault::not_found(nobody).into_reply());
        }
        Composed::Verbatim(self.targets.carry_out(cx, &self.kick, &self.actor))
    }
}

impl StreamKick {
    /// Looks for some clients; false if there are no more.
    fn search(&mut self, cx: &Ctx) -> bool {
        if !self.left.is_empty() {
            let rest = self.left.split_off(self.left.len().min(COMPOSED_AT_ONCE));
            for client in std::mem::replace(&mut self.left, rest) {
                self.targets.add(cx, client.session, &self.labels, &self.kick);
            }
            return true;
        }
        if let Some((app, name, behind)) = self.watched.take() {
            let (found, last) = cx.viewing.viewers.look((app, &name), behind, VIEWERS_AT_ONCE);
            self.targets.viewers.extend(found);
            self.watched = last.map(|last| (app, name, Some(last)));
            return true;
        }
        let Some(id) = self.streams.pop() else { return false };
        let Some(stream) = cx.streams.get(id) else { return true };
        if matches!(self.who, Who::Players | Who::All) {
            // A push is no player that somebody would keep away, and ends by itself.
            self.left.extend(stream.players.iter().filter(|player| cx.relay_of(player.session).is_none()));
        }
        if matches!(self.who, Who::Publisher | Who::All) {
            let pull = stream.publisher.and_then(|publisher| cx.relay_of(publisher.session));
            self.targets.pulls.extend(pull.map(|relay| relay.id));
            self.left.extend(stream.publisher.filter(|_| pull.is_none()));
            self.targets.in_grace.extend(stream.grace_until().map(|_| id));
        }
        if matches!(self.who, Who::Viewers | Who::All) {
            self.watched = Some((stream.app, stream.name.as_str().to_owned(), None));
        }
        true
    }
}

/// Who is to be kicked.
#[derive(Debug, Default)]
struct Targets {
    sessions: Vec<SessionId>,
    seen: HashSet<SessionId>,
    viewers: Vec<ViewerId>,
    /// Pulls, which publish here.
    pulls: Vec<RelayId>,
    /// Streams whose publisher is lost and waited for.
    in_grace: Vec<StreamId>,
    /// The addresses to ban, each with the stream.
    bans: Vec<(Banned, Rc<str>)>,
    banned: HashSet<(Banned, Rc<str>)>,
    notes: BTreeSet<&'static str>,
}

impl Targets {
    fn is_empty(&self) -> bool {
        let has_clients = !self.sessions.is_empty() || !self.viewers.is_empty();
        !has_clients && self.pulls.is_empty() && self.in_grace.is_empty()
    }

    /// Adds a client of these streams, and its address if that is to be banned, unless it is the address of many.
    fn add(&mut self, cx: &Ctx, id: SessionId, labels: &[Rc<str>], kick: &KickOrder) {
        let Some(session) = cx.sessions.get(id) else { return };
        if self.seen.insert(id) {
            self.sessions.push(id);
        }
        if kick.ban.is_none() {
            return;
        }
        match Banned::of(session.peer) {
            None => _ = self.notes.insert(HAS_NO_ADDRESS),
            Some(_) if cx.is_trusted_proxy(id) => _ = self.notes.insert(BEHIND_PROXY),
            Some(_) if labels.is_empty() => _ = self.notes.insert(HAS_NO_STREAM),
            Some(banned) => {
                let new = labels.iter().map(|label| (banned, Rc::clone(label)));
                self.bans.extend(new.filter(|ban| self.banned.insert(ban.clone())));
            }
        }
    }

    /// Has all of them kicked. Bans for which there is no room are told.
    fn carry_out(&self, cx: &mut Ctx, kick: &KickOrder, actor: &Actor) -> HttpReply {
        self.log(cx, kick, actor);
        let made: Vec<_> = self.bans.iter().filter_map(|ban| add_ban(cx, ban, kick, actor)).collect();
        for session in &self.sessions {
            cx.kick(*session, Rc::clone(&kick.why));
        }
        self.pulls.iter().for_each(|relay| cx.end_relay(*relay, &kick.why));
        self.in_grace.iter().for_each(|stream| cx.end_grace_early(*stream));
        if !self.viewers.is_empty() {
            let refused_for = kick.ban.unwrap_or(VIEWER_REFUSED_FOR);
            cx.kick_viewers(self.viewers.clone(), Rc::clone(&kick.why), refused_for);
        }
        let now = cx.now.instant;
        let bans = made.iter().filter_map(|id| cx.bans.get(*id, now)).map(|ban| BanFacts::new(ban, now));
        let kicked = self.sessions.len() + self.viewers.len() + self.pulls.len();
        let note = self.note(kick, self.bans.len() - made.len());
        json_reply(200, &Kicked { kicked, bans: bans.collect(), note })
    }

    fn log(&self, cx: &Ctx, kick: &KickOrder, actor: &Actor) {
        let why = kick.why.escape_debug();
        if self.sessions.len() > MOST_LINES {
            actor.log(&format!("kicks {} clients: {why}", self.sessions.len()));
        } else {
            for id in &self.sessions {
                let stream = cx.sessions.get(*id).and_then(|session| session.roles().iter().next().copied());
                let label = stream.and_then(|role| label_of(cx, role.stream()));
                let of = label.map_or(String::new(), |label| format!(" of {}", label.escape_debug()));
                actor.log(&format!("kicks client {}{of}: {why}", id.serial()));
            }
        }
        for relay in self.pulls.iter().filter_map(|id| cx.relay(*id)) {
            actor.log(&format!(
                "ends relay {}, which pulls {}: {why}",
                relay.id.0,
                relay.label.escape_debug()
            ));
        }
        if let [id] = self.viewers.as_slice() {
            let time = seconds(kick.ban.unwrap_or(VIEWER_REFUSED_FOR));
            actor.log(&format!("kicks viewer {} and refuses it for {time} s: {why}", id.serial()));
        } else if !self.viewers.is_empty() {
            actor.log(&format!("kicks {} viewers: {why}", self.viewers.len()));
        }
        for label in self.in_grace.iter().filter_map(|stream| label_of(cx, *stream)) {
            actor.log(&format!("ends {}, whose publisher is lost: {why}", label.escape_debug()));
        }
    }

    /// What is to be known beside the numbers.
    fn note(&self, kick: &KickOrder, not_banned: usize) -> Option<String> {
        let mut notes: Vec<_> = self.notes.iter().map(|note| (*note).to_owned()).collect();
        if !self.viewers.is_empty() && kick.ban.is_some() {
            notes.push(VIEWER_BAN.to_owned());
        }
        if !self.in_grace.is_empty() {
            notes.push(GRACE_ENDED.to_owned());
        }
        if not_banned > 0 {
            notes.push(format!("addresses that are not banned, as there are {MAX_BANS} bans: {not_banned}"));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

/// Bans the address of a kicked client; none if there are too many bans.
fn add_ban(
    cx: &mut Ctx,
    (banned, stream): &(Banned, Rc<str>),
    kick: &KickOrder,
    actor: &Actor,
) -> Option<u64> {
    let (now, time) = (cx.now.instant, kick.ban?);
    let ban = Ban {
        id: 0,
        banned: *banned,
        stream: Some(stream.to_string()),
        until: now + time,
        why: kick.why.to_string(),
        by: actor.name.clone(),
    };
    let id = cx.bans.add(ban, now)?.id;
    actor.log(&format!("bans {banned} from {} for {} s", stream.escape_debug(), seconds(time)));
    Some(id)
}

/// Whether a session is that of a client of RTMP, which has connected and stays.
pub fn is_client(session: &Session) -> bool {
    session.client().is_some() && !session.is_relay() && !session.is_ending()
}

/// "live/cam", with the name as it is.
fn label_of(cx: &Ctx, stream: StreamId) -> Option<Rc<str>> {
    let stream = cx.streams.get(stream)?;
    Some(format!("{}/{}", cx.apps.get(stream.app)?.name, stream.name.as_str()).into())
}
