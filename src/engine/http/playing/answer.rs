//! The live answer of an HTTP player: its head when the play is granted, and its end.

use crate::engine::Engine;
use crate::engine::ctx::{AppFacts, Ctx};
use crate::engine::http::lookup::Findings;
use crate::engine::http::playing::asking::NOT_FOUND;
use crate::engine::http::playing::play::HttpPlay;
use crate::engine::http::playing::{MSID, PUBLISHER_WAIT, Stage};
use crate::engine::http::request::HttpRequest;
use crate::engine::http::send_limits::SendLimits;
use crate::engine::ids::{AppId, Endpoint, SessionId, StreamId};
use crate::engine::rtmp::address::joined;
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::out_queue::wire::{FlvFraming, Wire};
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::{Life, Session};
use crate::engine::stream::Stream;
use crate::engine::stream::flv_clock::FlvClock;
use crate::engine::stream::name::StreamName;
use crate::engine::work::Action;
use crate::http::RequestBody;
use crate::http::response::{Framing, NO_ROOM};
use crate::http::websocket::CloseCode;

impl Engine {
    /// Grants the play of an HTTP player: the head of its answer is sent, and frames follow. False if it is refused, as
    /// nobody publishes the stream.
    pub(in crate::engine) fn grant_http_play(
        &mut self,
        id: SessionId,
        app: AppId,
        name: &StreamName,
    ) -> bool {
        let live = self.cx.streams.find(app, name).is_some_and(Stream::is_live);
        if !self.cx.may_wait_for(app, name) {
            // The name may be one that only a backend knows.
            let for_log = format!("play {}/{name} refused: nobody publishes it", self.app_name(app));
            self.turn_away_player(id, NOT_FOUND, ("nobody publishes this stream", &for_log));
            return false;
        }
        let Some(pending) = self.unhold(id) else { return false };
        let now = self.cx.now.instant;
        let player = self.cx.sessions.get_mut(id).and_then(Session::http_player_mut);
        let Some(play) = player.and_then(|player| player.take_asked(Stage::Playing)) else { return false };
        let stream = self.cx.find_or_create_stream(app, name);
        let Some(session) = self.cx.sessions.get_mut(id) else { return false };
        let Some(player) = session.http_player_mut() else { return false };
        let (framing, queue, protocol) = (player.framing, player.server.queue, player.framing.protocol());
        let timeout = player.server.timeout;
        session.roles.add(SessionRole::Player(Player::http((stream, MSID), play.form, now)));
        self.begin_answer(pending.request, *play, framing);
        if let Some(session) = self.cx.sessions.get_mut(id) {
            session.out.speak(Wire::Flv(framing), queue);
        }
        self.cx.count_input(id);
        self.cx.await_publisher(id);
        self.cx.wake_no_later_than(id, now + timeout);
        self.cx.work.actions.push_back(Action::ServeAsMedia(id));
        self.cx.totals.plays += 1;
        let wait = if live { "" } else { ", not live yet" };
        log::info!("{id} play {}/{name} over {protocol}{wait}", self.app_name(app));
        self.call_play_start(stream, Endpoint { session: id, msid: MSID });
        true
    }

    /// Queues the head of a live answer, and keeps its exchange for the access log.
    fn begin_answer(&mut self, mut request: HttpRequest, play: HttpPlay, framing: FlvFraming) {
        let (id, mut head) = (request.session, play.head);
        for module in &mut self.modules {
            module.on_http_reply(&mut self.cx, &request, &mut head);
        }
        let framing = match framing {
            FlvFraming::Chunked => Framing::Chunked,
            FlvFraming::UntilClose => Framing::UntilClose,
            FlvFraming::WebSocket => Framing::WebSocket,
        };
        let bytes = head.encode(framing, self.cx.date());
        self.cx.totals.count_answer(head.status);
        request.findings = Findings::default();
        request.head.body = RequestBody::None;
        if self.cx.send_bytes(id, &bytes) {
            self.modules.iter_mut().for_each(|module| module.on_http_queued(&mut request));
            // It is as long as the player stays, and the largest part of what a player takes.
            if !request.is_forgotten {
                self.cx.keep_exchange(request, head.status, (bytes.len() as u64, None), SendLimits::NONE);
            }
        }
    }

    /// The times of a stream in FLV begin anew: HTTP players have to, too.
    pub(in crate::engine) fn renew_flv_times(&mut self, stream: StreamId) {
        let Some(stream) = self.cx.streams.get_mut(stream) else { return };
        stream.gop.clear();
        for player in stream.players.clone() {
            if self.cx.is_http_player(player.session) {
                self.cx.let_go(player, "the times of its stream begin anew");
            }
        }
    }

    /// The times of a stream in FLV begin at 0 with its next publisher, unless an HTTP player waits for that one.
    pub(in crate::engine) fn restart_flv_clock(&mut self, stream: StreamId) {
        let Some(found) = self.cx.streams.get(stream) else { return };
        let is_followed = found.players.iter().any(|player| {
            self.cx.is_http_player(player.session)
                && !self.player_on(*player).is_some_and(|player| player.is_finished())
        });
        if let Some(stream) = self.cx.streams.get_mut(stream).filter(|_| !is_followed) {
            stream.flv_clock = FlvClock::default();
        }
    }

    /// A player that has been let go leaves.
    pub(in crate::engine) fn complete_http_play(&mut self, endpoint: Endpoint) {
        let player = self.cx.sessions.get(endpoint.session).and_then(Session::http_player);
        if let Some(why) = player.map(|player| player.why_leaves) {
            self.end_http_player(endpoint, why);
        }
    }

    /// Ends the answer of an HTTP player, and its connection.
    pub(in crate::engine) fn end_http_player(&mut self, endpoint: Endpoint, why: &str) {
        self.leave(endpoint, LeaveReason::Ended);
        self.finish_if_idle(endpoint.session, why);
    }
}

impl Ctx {
    /// Sends an HTTP player nothing more, and has it leave its stream in a later step: there may be thousands.
    pub(in crate::engine) fn let_go(&mut self, endpoint: Endpoint, why: &'static str) {
        let Some(session) = self.sessions.get_mut(endpoint.session) else { return };
        session.http_player_mut().into_iter().for_each(|player| player.why_leaves = why);
        if session.roles.player_mut(endpoint.msid).is_some_and(Player::finish) {
            self.work.finished.push_back(endpoint);
        }
    }

    /// Tells an HTTP player, once, that nothing more comes, and why.
    pub(in crate::engine) fn end_live_answer(&mut self, id: SessionId, why: &str) {
        let code = if self.is_draining() { CloseCode::GoingAway } else { CloseCode::Normal };
        self.end_live_answer_with(id, (code, why));
    }

    /// The same with the code that a WebSocket is closed with.
    pub(super) fn end_live_answer_with(&mut self, id: SessionId, (code, why): (CloseCode, &str)) {
        let open = self.sessions.get_mut(id).filter(|session| session.life == Life::Open);
        let Some(player) = open.and_then(Session::http_player_mut) else { return };
        match player.stage {
            Stage::Playing => {
                player.stage = Stage::Ended;
                let end = player.framing.end(code, why);
                self.send_bytes(id, &end);
            }
            // Nothing has been said to it yet.
            Stage::Asking(_) => {
                player.stage = Stage::Refused;
                self.send_bytes(id, NO_ROOM);
            }
            Stage::Refused | Stage::Ended => {}
        }
    }

    /// The tracks of a publisher that continues a stream have as long to come as those of the first one.
    pub(in crate::engine) fn await_tracks(&mut self, stream: StreamId) {
        let players = self.streams.get(stream).map(|stream| stream.players.clone()).unwrap_or_default();
        players.iter().for_each(|player| self.await_publisher(player.session));
    }

    /// An HTTP player waits for a publisher from now on.
    pub(in crate::engine) fn await_publisher(&mut self, id: SessionId) {
        let until = self.now.instant + PUBLISHER_WAIT;
        if let Some(player) = self.sessions.get_mut(id).and_then(Session::http_player_mut) {
            player.waits_until = until;
            self.wake_no_later_than(id, until);
        }
    }

    /// Whether a stream of this name is published, or in the grace of its publisher. The name is decoded, and may have the
    /// slashes of an address.
    pub fn is_live(&self, app: AppId, name: &str) -> bool {
        let Ok(name) = StreamName::new(&joined(name)) else { return false };
        self.streams.find(app, &name).is_some_and(Stream::is_live)
    }

    /// Whether a player gets a stream of this name, or may wait for it.
    pub fn may_wait(&self, app: AppId, name: &str) -> bool {
        StreamName::new(&joined(name)).is_ok_and(|name| self.may_wait_for(app, &name))
    }

    fn may_wait_for(&self, app: AppId, name: &StreamName) -> bool {
        let is_live = self.streams.find(app, name).is_some_and(Stream::is_live);
        let idle_streams = self.apps.get(app).is_some_and(AppFacts::has_idle_streams);
        is_live || idle_streams || self.pull_of(app, name).is_some()
    }

    /// Whether a session is that of an HTTP player, or of a request to be one.
    #[inline]
    pub(in crate::engine) fn is_http_player(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|session| session.http_player().is_some())
    }
}
