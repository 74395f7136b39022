//! The clients that are to be ended or moved: they are looked for in steps, and only when all are known something happens to
//! them. So nobody is met twice whom a redirect has moved on, and who asks may leave meanwhile.

use std::collections::HashSet;
use std::time::Duration;

use super::answers::reply;
use super::command::Who;
use super::filter::{ClientNumber, Filter};
use crate::engine::{
    COMPOSED_AT_ONCE, ClientProtocol, Compose, Composed, Ctx, Endpoint, HttpReply, RelayKind, SessionId,
    StreamId,
};

/// What a client that is ended is told.
const DROPPED: &str = "ended by an operator";

/// How long the playlists are refused to a viewer of HLS who was ended, who would else continue with the next request.
const VIEWER_REFUSED: Duration = Duration::from_secs(60);

/// What happens to clients.
#[derive(Debug)]
pub enum Act {
    Drop,
    /// They go to the stream of this name and arguments; none if there can be no such stream.
    Redirect(Option<String>),
}

/// A search for clients, and what is done with them.
#[derive(Debug)]
pub struct Selection {
    filter: Filter,
    who: Who,
    act: Act,
    /// What is done and by whom, for the log.
    what: String,
    /// Clients that have not been looked at.
    left: Vec<Endpoint>,
    /// Streams whose clients are to be looked at, the next one last; none before the first step.
    streams: Option<Vec<StreamId>>,
    /// Whom it is about: a session once if it is to be ended.
    found: Vec<Endpoint>,
    sessions: HashSet<SessionId>,
}

impl Selection {
    pub fn new((filter, who): (Filter, Who), act: Act, what: String) -> Self {
        Self {
            filter,
            who,
            act,
            what,
            left: Vec::new(),
            streams: None,
            found: Vec::new(),
            sessions: HashSet::new(),
        }
    }

    /// Looks at some clients; false if there are no more.
    fn search(&mut self, cx: &Ctx) -> bool {
        let streams = self.streams.get_or_insert_with(|| {
            let mut streams = self.filter.streams(cx);
            // nginx leaves those alone who play files. They cannot be moved.
            if matches!(self.act, Act::Drop) {
                streams.extend(self.filter.files(cx));
            }
            streams.reverse();
            streams
        });
        for _ in 0..COMPOSED_AT_ONCE {
            let Some(client) = self.left.pop() else {
                let Some(stream) = streams.pop() else { return false };
                if let Some(stream) = cx.streams.get(stream) {
                    self.left.extend(stream.players.iter().filter(|_| self.who.has_subscribers()));
                    self.left.extend(stream.publisher.filter(|_| self.who.has_publishers()));
                }
                continue;
            };
            let is_once = matches!(self.act, Act::Redirect(_)) || !self.sessions.contains(&client.session);
            if is_once
                && !leaves(cx, client, (&self.act, &self.filter))
                && self.filter.is_client(cx, client.session)
            {
                self.sessions.insert(client.session);
                self.found.push(client);
            }
        }
        true
    }

    /// Has it happen to all of them, in steps of the engine's.
    fn act(&self, cx: &mut Ctx) {
        for client in &self.found {
            match &self.act {
                Act::Drop => end(cx, client.session),
                Act::Redirect(Some(to)) => cx.redirect(*client, to),
                Act::Redirect(None) => {}
            }
        }
    }

    /// Ends the viewer of HLS who has the number that is asked for: only so are viewers told apart, as they have no
    /// connections.
    fn drop_viewer(&self, cx: &mut Ctx) -> bool {
        let Some(ClientNumber::Of(number)) = self.filter.client else { return false };
        let viewer = cx.viewing.viewers.facts_of(number);
        let viewer = viewer.filter(|viewer| self.filter.is_viewer(viewer.app, &viewer.name));
        if let Some(viewer) = &viewer {
            cx.kick_viewers(vec![viewer.id], DROPPED, VIEWER_REFUSED);
        }
        viewer.is_some()
    }

    fn finish(&self, cx: &mut Ctx) -> HttpReply {
        if matches!(self.act, Act::Redirect(None)) && !self.found.is_empty() {
            log::warn!("{}: there is no such name to go to", self.what);
            return HttpReply::error(500);
        }
        let is_drop_of_watchers = matches!(self.act, Act::Drop) && self.who.has_subscribers();
        let viewers = usize::from(self.found.is_empty() && is_drop_of_watchers && self.drop_viewer(cx));
        let all = self.found.len() + viewers;
        log::info!("{} (clients: {all})", self.what);
        self.act(cx);
        reply(all.to_string().as_bytes())
    }
}

/// Whether a client is left alone. It is the connection of a relay: a redirect is none for it, and a push ends only if
/// its number is given, as it is no subscriber whom somebody would send away. Or it plays over HTTP, where nobody can be moved.
fn leaves(cx: &Ctx, client: Endpoint, (act, filter): (&Act, &Filter)) -> bool {
    let is_redirect = matches!(act, Act::Redirect(_));
    let session = cx.sessions.get(client.session);
    if is_redirect && session.is_some_and(|session| session.client_protocol() != ClientProtocol::Rtmp) {
        return true;
    }
    let Some(relay) = cx.relay_of(client.session) else { return false };
    is_redirect || relay.kind == RelayKind::Push && filter.client.is_none()
}

/// Ends a client, or the relay whose connection it is.
fn end(cx: &mut Ctx, session: SessionId) {
    match cx.relay_of(session).map(|relay| relay.id) {
        Some(relay) => cx.end_relay(relay, DROPPED),
        None => cx.kick(session, DROPPED),
    }
}

impl Compose for Selection {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        if self.search(cx) {
            return Composed::Partly;
        }
        Composed::Reply(self.finish(cx))
    }
}
