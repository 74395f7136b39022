//! The gates are asked about an HTTP player as about a client of RTMP that connects and then plays. Its request is held
//! meanwhile.

use std::rc::Rc;

use crate::engine::Engine;
use crate::engine::config::listener::Protocol;
use crate::engine::http::answer::{HttpReply, Route};
use crate::engine::http::answering::pending::Pending;
use crate::engine::http::lookup::Findings;
use crate::engine::http::playing::play::HttpPlay;
use crate::engine::http::playing::{HttpPlayer, MSID, Stage};
use crate::engine::http::progress::Progress;
use crate::engine::http::request::HttpRequest;
use crate::engine::ids::{AppId, SessionId};
use crate::engine::request::{Refusal, RefusalKind, Request, RequestKind};
use crate::engine::rtmp::address::joined;
use crate::engine::session::Session;
use crate::engine::session::client::Client;
use crate::engine::session::out_queue::wire::FlvFraming;
use crate::engine::stream::name::StreamName;
use crate::engine::viewing::identity::{MAX_FIELD, start_of};
use crate::http::response::RETRY_AFTER;
use crate::http::websocket;
use crate::rtmp::command::{After, Connect};

/// The status for a client that may not play, for a stream that nobody publishes, and for what cannot be now.
const FORBIDDEN: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
const UNAVAILABLE: u16 = 503;

impl Engine {
    /// Asks the gates about a request for a live stream, which is held until they have decided.
    pub(in crate::engine) fn play_over_http(
        &mut self,
        mut request: HttpRequest,
        progress: Progress,
        play: Box<HttpPlay>,
    ) {
        let (id, app) = (request.session, play.app);
        let settings = self.cx.apps.get(app).and_then(|app| self.cx.servers.get(app.server));
        let Some(server) = settings.map(|server| Rc::clone(&server.settings)) else {
            return self.refuse_answer((request, progress), &play, (NOT_FOUND, "no such application"));
        };
        if self.cx.is_draining() {
            return self.refuse_answer((request, progress), &play, (UNAVAILABLE, "try again soon"));
        }
        if self.cx.sessions.get(id).is_some_and(|session| !session.out.is_empty()) {
            return self.wait_for_queue(request, progress);
        }
        let connect = self.connect_of(&request, &play);
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        // From now on the connection is its client's, whom a proxy may have told.
        let counted = session.counted_peer();
        if let Some(counted) = counted
            && let Err(excess) = self.cx.connections.change_address(Protocol::Http, counted, request.peer)
        {
            self.cx.note_excess(request.peer, excess);
            return self.refuse_answer((request, progress), &play, (UNAVAILABLE, "too many connections"));
        }
        session.peer = request.peer;
        // The connection may have served other requests before.
        session.opened = request.received_at.instant;
        let (received, sent) = (session.bytes_in, session.bytes_out);
        let Some(state) = session.http_mut() else { return };
        state.player = Some(Box::new(HttpPlayer {
            websocket: play.is_websocket.then(websocket::Reader::new),
            app: None,
            client: Client::default(),
            server,
            framing: match (play.is_websocket, request.head.version_minor) {
                (true, _) => FlvFraming::WebSocket,
                (false, 0) => FlvFraming::UntilClose,
                (false, _) => FlvFraming::Chunked,
            },
            stage: Stage::Asking(play),
            waits_until: self.cx.now.instant,
            ends_at: None,
            is_proxy: request.is_of_proxy(),
            received: 0,
            pinged: None,
            why_leaves: "a track that it was told of is missing",
            before: (received, sent),
        }));
        // They may have open files.
        request.findings = Findings::default();
        self.hold(Pending::new(request, progress, None));
        let args = connect.args.clone();
        self.submit(Request::new(id, app, (String::new(), args), RequestKind::Connect(Box::new(connect))));
    }

    /// Has a request wait until the answers before it have been sent: a live answer is the only one in its queue.
    fn wait_for_queue(&mut self, request: HttpRequest, progress: Progress) {
        let Some(session) = self.cx.sessions.get_mut(request.session) else { return };
        session.backlogged = true;
        session.http_mut().into_iter().for_each(|state| state.awaits_queue = true);
        self.hold(Pending::new(request, progress, None));
    }

    /// What an HTTP player would say in `connect` (specification 7.2.1.1).
    fn connect_of(&self, request: &HttpRequest, play: &HttpPlay) -> Connect {
        let field =
            |name| request.head.headers.get(name).map_or("", |text| start_of(text, MAX_FIELD)).to_owned();
        let (app, scheme) = (self.app_name(play.app), if request.tls.is_some() { "https" } else { "http" });
        Connect {
            app: app.to_owned(),
            args: play.args.clone(),
            tc_url: format!("{scheme}://{}/{app}", field("host")),
            flash_ver: field("user-agent"),
            // Its query may have a key.
            page_url: field("referer").split('?').next().unwrap_or_default().to_owned(),
            ..Connect::default()
        }
    }

    /// An HTTP player may connect to an application: it asks for its stream.
    pub(in crate::engine) fn http_connected(&mut self, id: SessionId, app: AppId, client: Client) {
        self.cx.count_client(id, app);
        let Some(player) = self.cx.sessions.get_mut(id).and_then(Session::http_player_mut) else { return };
        let protocol = player.framing.protocol();
        let agent = client.flash_ver().to_owned();
        player.client = client;
        let Stage::Asking(play) = &player.stage else { return };
        let (name, args) = (play.name.clone(), play.args.clone());
        self.cx.count_input(id);
        if let Some(peer) = self.cx.sessions.get(id).map(|session| session.peer) {
            log::info!("{id} connect {} from {peer} over {protocol} ({agent:?})", self.app_name(app));
        }
        let kind = RequestKind::Play { msid: MSID, start: None, duration: None, after: After::Replace };
        match StreamName::new(&joined(&name)) {
            Ok(name) => self.submit(Request::new(id, app, (name.as_str().to_owned(), args), kind)),
            Err(error) => {
                let refusal = Refusal::of_request(error.to_string());
                self.refuse(&Request::new(id, app, (name, args), kind), &refusal);
            }
        }
    }

    /// An HTTP player is refused by a gate.
    pub(in crate::engine) fn refuse_http_player(&mut self, request: &Request, refusal: &Refusal) {
        let why = refusal.for_log.as_deref().unwrap_or(&refusal.why);
        let reason = format!("{} refused: {why}", self.describe(request));
        let status = match refusal.kind {
            RefusalKind::Client => FORBIDDEN,
            RefusalKind::Request
                if StreamName::new(&request.name).is_err() && request.endpoint().is_some() =>
            {
                NOT_FOUND
            }
            RefusalKind::NotFound => NOT_FOUND,
            RefusalKind::Request => UNAVAILABLE,
        };
        self.turn_away_player(request.session, status, (&refusal.why, &reason));
        self.call_refused(request);
    }

    /// Answers the request of an HTTP player that gets nothing. Its connection ends with the answer, as that of a client of
    /// RTMP does: what modules know of a client, they know by its session, and the next request may be somebody else's.
    pub(super) fn turn_away_player(&mut self, id: SessionId, status: u16, (why, for_log): (&str, &str)) {
        log::info!("{id} {for_log}");
        let Some(mut pending) = self.unhold(id) else { return };
        pending.request.head.persistent = false;
        let player = self.cx.sessions.get_mut(id).and_then(Session::http_player_mut);
        let play = player.and_then(|player| player.take_asked(Stage::Refused));
        self.cx.count_input(id);
        if let Some(play) = play {
            self.refuse_answer((pending.request, pending.progress), &play, (status, why));
        }
    }

    /// Answers a request for a live stream with a status and a reason.
    fn refuse_answer(
        &mut self,
        (request, progress): (HttpRequest, Progress),
        play: &HttpPlay,
        (status, why): (u16, &str),
    ) {
        let mut reply = HttpReply::made(status, "text/plain; charset=utf-8", "no-store", format!("{why}\n"));
        reply.head.defaults.clone_from(&play.head.defaults);
        if status == UNAVAILABLE {
            reply = reply.with("Retry-After", RETRY_AFTER);
        }
        self.lead(request, progress, Some(Route::Verbatim(reply)));
    }
}
