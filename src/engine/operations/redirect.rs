//! Redirects: an operator has a publisher or player continue with another stream, without a word of its client.
//!
//! The request is like one of the client's and passes all gates; only keys and passwords are not asked for again, as the
//! operator vouches for it. The old role stays until the grant. If the request is refused, nothing changes and the client
//! is told nothing: it has asked for nothing.

use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, Endpoint, StreamId};
use crate::engine::operations::order::Order;
use crate::engine::request::{Refusal, Request, RequestKind};
use crate::engine::rtmp::address::stream_name;
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::stream::Stream;
use crate::engine::stream::name::StreamName;
use crate::media::{Frame, Kind};
use crate::rtmp::command::After;

impl Ctx {
    /// Has a publisher or player continue, in a later step, with the stream of its application that a text such as
    /// "cam?user=me" names. The log says if that is refused.
    pub fn redirect(&mut self, endpoint: Endpoint, name_and_args: &str) {
        self.order(Order::Redirect(endpoint, name_and_args.into()));
    }
}

impl Engine {
    /// Makes the request of a redirect, and asks the gates.
    pub(super) fn begin_redirect(&mut self, endpoint: Endpoint, name_and_args: &str) {
        let Endpoint { session: id, msid } = endpoint;
        let open = self.cx.sessions.get(id).filter(|session| session.life == Life::Open);
        let is_client = |session: &&Session| session.hung_up.is_none() && !session.is_relay();
        let Some(session) = open.filter(is_client) else { return };
        if session.http_player().is_some() {
            // Its FLV header has told the tracks of the stream that it plays.
            return log::warn!("{id}: not redirected, as it plays over HTTP");
        }
        let Some(role) = session.roles.on(msid).copied() else { return };
        let Some(stream) = self.cx.streams.get(role.stream()) else { return };
        if role.is_of_file() {
            // It has its own time line, and perhaps a list of files.
            return log::warn!("{id} {}: not redirected, as it plays a file", stream.label);
        }
        if session.suspended.is_some() {
            let label = &stream.label;
            return log::warn!("{id} {label}: not redirected, as another request of it waits for an answer");
        }
        let app = stream.app;
        let kind = match role {
            SessionRole::Publisher { .. } => RequestKind::Publish { msid, publish_type: stream.publish_type },
            SessionRole::Player(_) => {
                RequestKind::Play { msid, start: None, duration: None, after: After::Replace }
            }
        };
        let (name, args) = name_and_args.split_once('?').unwrap_or((name_and_args, ""));
        let mut request = Request::redirect(id, app, (name.to_owned(), args.to_owned()), kind);
        if let SessionRole::Publisher { sent, .. } = role {
            // The client stops it by the name that it knows.
            request.sent = sent;
        }
        log::info!("{id} {}: redirected to {}", stream.label, name.escape_debug());
        match stream_name(name) {
            Ok(name) => {
                name.as_str().clone_into(&mut request.name);
                self.submit(request);
            }
            Err(error) => self.refuse(&request, &Refusal::of_request(error.to_string())),
        }
    }

    /// The player of a message stream.
    pub(in crate::engine) fn player_on(&self, endpoint: Endpoint) -> Option<Player> {
        match self.cx.sessions.get(endpoint.session)?.roles.on(endpoint.msid)? {
            SessionRole::Player(player) => Some(*player),
            SessionRole::Publisher { .. } => None,
        }
    }

    /// Why a redirect that has passed all gates is not granted nevertheless.
    pub(in crate::engine) fn objection_to_redirect(&self, request: &Request) -> Option<&'static str> {
        let endpoint = request.endpoint()?;
        let role = self.cx.sessions.get(request.session)?.roles.on(endpoint.msid);
        match (&request.kind, role) {
            (RequestKind::Publish { .. }, Some(SessionRole::Publisher { stream, .. })) => {
                self.cx.is_dismissed(*stream).then_some("the publisher is being ended")
            }
            (RequestKind::Play { .. }, Some(SessionRole::Player(_))) => {
                let name = StreamName::new(&request.name).ok()?;
                let is_live = self.cx.streams.find(request.app, &name).is_some_and(Stream::is_live);
                let may_wait = self.cx.apps.get(request.app).is_some_and(|app| app.policy.idle_streams);
                (!is_live && !may_wait).then_some("nobody publishes it")
            }
            _ => Some("it has left its stream meanwhile"),
        }
    }

    /// The headers of the stream that an endpoint publishes, with the publisher's own times. An encoder that is redirected
    /// does not send them again.
    pub(in crate::engine) fn headers_of_publisher(&self, endpoint: Endpoint) -> Vec<Frame> {
        let session = self.cx.sessions.get(endpoint.session);
        let stream = session.and_then(|session| session.roles.published_on(endpoint.msid));
        let Some(stream) = stream.and_then(|stream| self.cx.streams.get(stream)) else { return Vec::new() };
        let time = stream.timeline.newest_of_publisher().unwrap_or_default();
        let headers = stream.headers.metadata().into_iter().chain(stream.headers.of(Kind::Video));
        headers.chain(stream.headers.of(Kind::Audio)).map(|header: &Rc<Frame>| header.at(time)).collect()
    }

    /// Has a redirected publisher begin its new stream with these headers.
    pub(in crate::engine) fn begin_with_headers(&mut self, endpoint: Endpoint, headers: Vec<Frame>) {
        for header in headers {
            self.handle_frame(endpoint.session, endpoint.msid, header);
        }
    }

    /// "publish live/b refused: why; it continues with live/a".
    pub(in crate::engine) fn log_refused_redirect(&self, request: &Request, why: &str) {
        let id = request.session;
        let role = request.endpoint().and_then(|endpoint| self.cx.sessions.get(id)?.roles.on(endpoint.msid));
        let label = |stream: StreamId| self.cx.streams.get(stream).map(|stream| Rc::clone(&stream.label));
        let rest = match role.map(SessionRole::stream).and_then(label) {
            Some(label) => format!("; it continues with {label}"),
            None => String::new(),
        };
        log::warn!("{id} {} refused: {why}{rest}", self.describe(request));
    }
}

impl Request {
    /// The request of a pull to publish its stream here.
    pub(in crate::engine) fn relay(
        session: crate::engine::ids::SessionId,
        app: AppId,
        name: String,
        kind: RequestKind,
    ) -> Self {
        let request = Self::new(session, app, (name, String::new()), kind);
        Self { is_relay: true, is_admitted: true, ..request }
    }

    /// A request that an operator makes for a client.
    fn redirect(
        session: crate::engine::ids::SessionId,
        app: AppId,
        name_and_args: (String, String),
        kind: RequestKind,
    ) -> Self {
        let request = Self::new(session, app, name_and_args, kind);
        // The name is no key.
        Self { is_redirect: true, is_admitted: true, is_decided: true, ..request }
    }
}
