//! Requests on their way through the modules' gates, and what granting or refusing one does.

use std::time::Duration;

use super::Engine;
use super::ctx::{Action, Gate};
use super::module::Verdict;
use super::name::StreamName;
use super::session::{Ask, Player, Request, Role, SessionId};
use crate::rtmp::ServerSession;
use crate::rtmp::command::{Level, Play, Publish};
use crate::rtmp::message::UserControl;

/// How long nothing at all may come from a publisher's host. Its name is free again after that; the
/// kernel's probes tell a host that is gone from an encoder that pauses.
const DEAD_PUBLISHER: Duration = Duration::from_secs(12);

impl Engine {
    /// Sends a request through all gates.
    pub(super) fn ask(&mut self, request: Request) {
        self.run_gates(0, request);
    }

    /// Goes on with a request that the module at `module` had suspended.
    pub(super) fn settle(&mut self, module: usize, request: Request, verdict: Verdict) {
        match verdict {
            Verdict::Continue => self.run_gates(module + 1, request),
            Verdict::Deny(why) => self.refuse(&request, &why),
            Verdict::Suspend => self.suspend(module, request),
        }
    }

    fn run_gates(&mut self, first: usize, mut request: Request) {
        for (index, module) in self.modules.iter_mut().enumerate().skip(first) {
            match module.gate(&mut self.cx, &mut request) {
                Verdict::Continue => {}
                Verdict::Deny(why) => return self.refuse(&request, &why),
                Verdict::Suspend => return self.suspend(index, request),
            }
        }
        self.grant(&request);
    }

    fn suspend(&mut self, module: usize, request: Request) {
        if let Some(session) = self.cx.sessions.get_mut(request.session) {
            session.gate = Some(Gate { module, request: Box::new(request) });
        }
    }

    fn grant(&mut self, request: &Request) {
        match &request.ask {
            Ask::Connect(connect) => {
                let now = self.cx.now.instant;
                let Some(session) = self.cx.sessions.get_mut(request.session) else { return };
                let peer = session.peer;
                let settings = self.cx.servers.get(session.server).map(|server| server.rtmp);
                let (Some(settings), Some(state)) = (settings, session.rtmp_mut()) else { return };
                state.app = Some(request.app);
                state.owes_since = now;
                self.reply(request.session, |protocol, out| protocol.accept_connect(connect, &settings, out));
                let client = &connect.flash_ver;
                log::info!("{} connect {} from {peer} ({client:?})", request.session, self.app_name(request));
            }
            Ask::Publish(publish) => match StreamName::new(&request.name) {
                Ok(name) => self.grant_publish(request, publish, &name),
                Err(error) => self.refuse(request, &error.to_string()),
            },
            Ask::Play(play) => match StreamName::new(&request.name) {
                Ok(name) => self.grant_play(request, play, &name),
                Err(error) => self.refuse(request, &error.to_string()),
            },
        }
    }

    fn grant_publish(&mut self, request: &Request, publish: &Publish, name: &StreamName) {
        let id = request.session;
        if self.cx.streams.find(request.app, name).is_some_and(|stream| stream.publisher.is_some()) {
            return self.refuse(request, "already publishing");
        }
        let stream_id = self.cx.streams.find_or_create(request.app, name);
        let (now, msid) = (self.cx.now.instant, publish.msid);
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return };
        stream.publisher = Some(id);
        stream.started = Some(now);
        let players = stream.players.clone();
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.role = Role::Publisher { stream: stream_id, msid };
        self.cx.actions.push(Action::LimitSilence(id, DEAD_PUBLISHER));
        self.cx.watch_silence(id);
        log::info!("{id} publish {}/{name}", self.app_name(request));
        self.reply(id, |protocol, out| {
            let code = (Level::Status, "NetStream.Publish.Start");
            protocol.write_status(out, msid, code, "Start publishing");
        });
        for player in players {
            self.send_stream_event(player, UserControl::StreamBegin);
        }
        for module in &mut self.modules {
            module.on_stream_start(&mut self.cx, stream_id);
        }
    }

    fn grant_play(&mut self, request: &Request, play: &Play, name: &StreamName) {
        let (id, msid) = (request.session, play.msid);
        let stream_id = self.cx.streams.find_or_create(request.app, name);
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return };
        stream.players.push(id);
        let live = stream.publisher.is_some();
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.role = Role::Player(Player::new(stream_id, msid));
        self.cx.watch_silence(id);
        log::info!("{id} play {}/{name}{}", self.app_name(request), if live { "" } else { ", not live yet" });
        self.reply(id, |protocol, out| {
            if live {
                UserControl::StreamBegin(msid).write(out);
            }
            protocol.write_status(out, msid, (Level::Status, "NetStream.Play.Start"), "Start live");
            protocol.write_sample_access(out, msid);
        });
        for module in &mut self.modules {
            module.on_join(&mut self.cx, stream_id, id);
        }
    }

    /// Tells the peer why not, and ends the session.
    fn refuse(&mut self, request: &Request, why: &str) {
        let id = request.session;
        let (what, code) = match &request.ask {
            Ask::Connect(_) => ("connect", ""),
            Ask::Publish(_) => ("publish", "NetStream.Publish.BadName"),
            Ask::Play(_) => ("play", "NetStream.Play.Failed"),
        };
        self.reply(id, |protocol, out| match &request.ask {
            Ask::Connect(connect) => protocol.reject_connect(connect, why, out),
            Ask::Publish(Publish { msid, .. }) | Ask::Play(Play { msid, .. }) => {
                protocol.write_status(out, *msid, (Level::Error, code), why);
            }
        });
        let app = self.app_name(request).to_owned();
        self.cx.finish(id, &format!("{what} {app}/{} refused: {why}", request.name.escape_debug()));
    }

    /// Takes a session out of its stream, and tells those who care.
    pub(super) fn leave_stream(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        match session.role {
            Role::None => return,
            Role::Publisher { stream, .. } => self.end_stream(id, stream),
            Role::Player(Player { stream, dropped, .. }) => {
                for module in &mut self.modules {
                    module.on_leave(&mut self.cx, stream, id);
                }
                if let Some(stream) = self.cx.streams.get_mut(stream) {
                    stream.players.retain(|&player| player != id);
                    let lost =
                        if dropped > 0 { format!(", {dropped} frames left out") } else { String::new() };
                    log::info!("{id} stops playing {}{lost}", stream.name);
                }
                self.cx.streams.remove_if_idle(stream);
            }
        }
        let now = self.cx.now.instant;
        if let Some(session) = self.cx.sessions.get_mut(id) {
            session.role = Role::None;
            if let Some(state) = session.rtmp_mut() {
                state.owes_since = now;
            }
        }
    }

    fn end_stream(&mut self, publisher: SessionId, stream_id: super::StreamId) {
        for module in &mut self.modules {
            module.on_stream_end(&mut self.cx, stream_id);
        }
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return };
        log::info!("{publisher} stops publishing {} ({} frames)", stream.name, stream.frames_in);
        stream.clear();
        for id in stream.players.clone() {
            self.send_stream_event(id, UserControl::StreamEof);
            if let Some(player) = self.cx.sessions.get_mut(id).and_then(|session| session.player_mut()) {
                *player = Player { dropped: player.dropped, ..Player::new(stream_id, player.msid) };
            }
            if self.cx.draining {
                self.cx.finish(id, "server stops");
            }
        }
        self.cx.streams.remove_if_idle(stream_id);
    }

    fn send_stream_event(&mut self, player: SessionId, event: fn(u32) -> UserControl) {
        let found = self.cx.sessions.get_mut(player).and_then(|session| session.player_mut());
        let Some(msid) = found.map(|player| player.msid) else { return };
        let mut out = Vec::new();
        event(msid).write(&mut out);
        self.cx.send_bytes(player, &out);
    }

    /// Lets the protocol of an RTMP session write an answer.
    pub(super) fn reply(&mut self, id: SessionId, write: impl FnOnce(&mut ServerSession, &mut Vec<u8>)) {
        let mut out = Vec::new();
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        let Some(state) = session.rtmp_mut() else { return };
        write(&mut state.protocol, &mut out);
        self.cx.send_bytes(id, &out);
    }

    fn app_name(&self, request: &Request) -> &str {
        self.cx.apps.get(request.app.0).map_or("", |app| &app.name)
    }
}
