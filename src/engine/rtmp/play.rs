//! Players: the grant of a `play`, the player's commands, what it is told when its stream begins and ends, and its
//! leave.
//!
//! The state that a command changes is in `session/player.rs`; the frames are sent by the live module.

use crate::engine::Engine;
use crate::engine::config::policy::Policy;
use crate::engine::ids::{AppId, Endpoint, StreamId};
use crate::engine::quantities::{count, duration};
use crate::engine::relay::state::RelayState;
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::stream::Stream;
use crate::engine::stream::name::StreamName;
use crate::rtmp::Control;
use crate::rtmp::command::{After, Level, PLAY_NOT_FOUND, PLAY_STOP};
use crate::rtmp::control::UserControl;

type Code = (Level, &'static str);

const START: Code = (Level::Status, "NetStream.Play.Start");
const SEEK: Code = (Level::Status, "NetStream.Seek.Notify");

impl Engine {
    /// Grants a `play`: the message stream becomes a player of the stream, and its earlier role ends; `before` is the
    /// player that it continues, if it is redirected. False if it is refused, as nobody publishes the stream.
    pub(in crate::engine) fn grant_play(
        &mut self,
        endpoint: Endpoint,
        app: AppId,
        (duration, after, before): (Option<u32>, After, Option<Player>),
        name: &StreamName,
    ) -> bool {
        let Endpoint { session: id, msid } = endpoint;
        let Some(policy) = self.cx.apps.get(app).map(|app| app.policy) else { return false };
        // What this message stream publishes ends with the grant.
        let other = self.cx.streams.find(app, name).filter(|stream| stream.publisher != Some(endpoint));
        let comes = policy.idle_streams || self.cx.pull_of(app, name).is_some();
        if !other.is_some_and(Stream::is_live) && !comes {
            self.cx.status(endpoint, PLAY_NOT_FOUND, "No such stream");
            let reason = format!("play {}/{name} refused: nobody publishes it", self.app_name(app));
            self.finish_if_idle(id, &reason);
            return false;
        }
        let left_at = before.and_then(|before| self.cx.streams.get(before.stream())?.newest_time());
        self.leave(endpoint, LeaveReason::NextRequest);
        let live = self.cx.streams.find(app, name).is_some_and(Stream::is_live);
        let stream_id = self.cx.find_or_create_stream(app, name);
        let Some(session) = self.cx.sessions.get_mut(id) else { return false };
        let mut player = Player::new((stream_id, msid), duration, self.cx.now.instant);
        if let Some(before) = before {
            player.continue_from(&before, left_at.unwrap_or_default());
        }
        session.roles.add(SessionRole::Player(player));
        self.cx.schedule_ping(id);
        let wait = if live { "" } else { ", not live yet" };
        self.cx.totals.plays += 1;
        log::info!("{id} play {}/{name}{wait}", self.app_name(app));
        self.answer_play(endpoint, live, after, &policy);
        self.call_play_start(stream_id, endpoint);
        true
    }

    /// Answers a granted `play`.
    fn answer_play(&mut self, endpoint: Endpoint, live: bool, after: After, policy: &Policy) {
        if live {
            self.cx.user_control(endpoint, UserControl::StreamBegin);
        }
        match after {
            After::Replace | After::Append => {}
            After::Reset => {
                self.cx.status(endpoint, (Level::Status, "NetStream.Play.Reset"), "Playing and resetting");
            }
            After::Transition => {
                self.cx.status(endpoint, (Level::Status, "NetStream.Play.Transition"), "Changing the stream");
            }
        }
        let starts = live || !policy.play_restart;
        if starts {
            self.tell_start(endpoint);
        }
        if live && policy.publish_notify {
            self.cx.status(endpoint, (Level::Status, "NetStream.Play.PublishNotify"), "Start publishing");
        }
        if starts {
            self.push_answer_wait(endpoint);
        }
    }

    /// Applies a player's command and answers it. A live stream cannot be sought; the player starts again where the
    /// stream is, and is told that the seek succeeded: FFmpeg drops everything until then, and gives up on a failure.
    pub(in crate::engine) fn control(&mut self, endpoint: Endpoint, control: Control) {
        let Endpoint { session: id, msid } = endpoint;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        let Some(msid) = session.roles.commanded_on(msid).map(SessionRole::msid) else { return };
        let endpoint = Endpoint { session: id, msid };
        let Some(player) = session.roles.player_mut(msid) else { return };
        player.apply(&control);
        log::debug!("{id} asks for {control:?}");
        let stream = player.stream();
        if player.is_of_file() {
            return self.pass_control(stream, endpoint, control);
        }
        let live = self.cx.streams.get(stream).is_some_and(Stream::is_live);
        match control {
            Control::Pause => {
                self.cx.status(endpoint, (Level::Status, "NetStream.Pause.Notify"), "Paused live");
                self.cx.user_control(endpoint, UserControl::StreamEof);
            }
            Control::Unpause => {
                self.cx.status(endpoint, (Level::Status, "NetStream.Unpause.Notify"), "Unpaused live");
                if live {
                    self.cx.user_control(endpoint, UserControl::StreamBegin);
                }
            }
            Control::Seek { .. } => {
                self.cx.status(endpoint, SEEK, "A live stream is where it is");
                if live {
                    self.cx.user_control(endpoint, UserControl::StreamBegin);
                }
            }
            // 7.2.2.4 and 7.2.2.5: true is answered, false is not.
            Control::Receive { wanted: true, .. } => {
                self.cx.status(endpoint, SEEK, "Start live");
                self.cx.status(endpoint, START, "Start live");
            }
            Control::Receive { wanted: false, .. } => {}
        }
        self.pass_control(stream, endpoint, control);
    }

    fn pass_control(&mut self, stream: StreamId, endpoint: Endpoint, control: Control) {
        for module in &mut self.modules {
            module.on_play_control(&mut self.cx, stream, endpoint, control);
        }
    }

    /// Ends the play of a player that has reached its limit, or the answer of one over HTTP that cannot continue.
    pub(in crate::engine) fn complete_play(&mut self, endpoint: Endpoint) {
        let Endpoint { session: id, msid } = endpoint;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        // The message stream may have another player by now.
        if session.roles.player_mut(msid).is_none_or(|player| !player.is_finished()) {
            return;
        }
        if self.cx.is_http_player(id) {
            return self.complete_http_play(endpoint);
        }
        if self.cx.file_player(endpoint).is_some() {
            return self.complete_file_play(endpoint);
        }
        self.cx.user_control(endpoint, UserControl::StreamEof);
        self.cx.reply(id, |protocol, out| protocol.write_play_status(out, msid, "NetStream.Play.Complete"));
        self.leave(endpoint, LeaveReason::Requested);
    }

    pub(in crate::engine) fn leave_player(&mut self, endpoint: Endpoint, player: &Player) {
        self.call_play_end(player.stream(), endpoint);
        let is_push = self.cx.is_relay(endpoint.session);
        if let Some(stream) = self.cx.streams.get(player.stream()).filter(|_| !is_push) {
            let lost = match player.dropped() {
                0 => String::new(),
                dropped => format!(", {} frames dropped", count(dropped)),
            };
            let time = duration(self.cx.now.instant.saturating_duration_since(player.joined_at()));
            log::info!("{} stops playing {} after {time}{lost}", endpoint.session, stream.label);
        }
        self.cx.streams.remove_if_idle(player.stream());
    }

    /// Tells the players that have waited for a stream that it begins.
    pub(in crate::engine) fn tell_players_of_begin(&mut self, stream: StreamId) {
        for endpoint in self.players(stream) {
            if self.cx.relay_of(endpoint.session).is_some() {
                continue;
            }
            if self.cx.is_http_player(endpoint.session) {
                // Its tracks have as long to come.
                self.cx.await_publisher(endpoint.session);
                continue;
            }
            self.cx.user_control(endpoint, UserControl::StreamBegin);
            let Some(policy) = self.policy_of(stream) else { continue };
            if policy.play_restart {
                self.tell_start(endpoint);
            }
            if policy.publish_notify {
                let code = (Level::Status, "NetStream.Play.PublishNotify");
                self.cx.status(endpoint, code, "Start publishing");
            }
            if policy.play_restart {
                self.push_answer_wait(endpoint);
            }
        }
    }

    /// Tells the players of a stream that it has ended. With `idle_streams` they wait for the next publisher.
    pub(in crate::engine) fn tell_players_of_end(&mut self, stream: StreamId) {
        self.restart_players(stream);
        // A pull that has made room for the publisher comes back.
        let found = self.cx.streams.get(stream);
        let pull = found.and_then(|stream| self.cx.pull_of(stream.app, &stream.name));
        let comes = pull.is_some_and(|relay| relay.state == RelayState::Standby);
        for endpoint in self.players(stream) {
            let id = endpoint.session;
            if self.cx.relay_of(id).is_some() {
                continue; // it stays for its publisher, and the other server is told nothing
            }
            if self.cx.is_http_player(id) {
                if comes {
                    self.cx.await_publisher(id);
                } else {
                    self.cx.let_go(endpoint, "its stream has ended");
                }
                continue;
            }
            self.cx.user_control(endpoint, UserControl::StreamEof);
            let Some(policy) = self.policy_of(stream) else { continue };
            if policy.play_restart {
                self.cx.status(endpoint, PLAY_STOP, "Stop live");
            }
            if policy.publish_notify {
                let code = (Level::Status, "NetStream.Play.UnpublishNotify");
                self.cx.status(endpoint, code, "Stop publishing");
            }
            if self.cx.is_draining() {
                self.cx.finish(id, "server stops");
            } else if !policy.idle_streams && !comes {
                self.cx.status(endpoint, PLAY_NOT_FOUND, "The stream has ended");
                self.leave(endpoint, LeaveReason::Ended);
                self.finish_if_idle(id, "its stream has ended");
            }
        }
    }

    /// Restarts the players of a stream, for its next publisher.
    pub(in crate::engine) fn restart_players(&mut self, stream: StreamId) {
        for endpoint in self.players(stream) {
            let session = self.cx.sessions.get_mut(endpoint.session);
            if let Some(player) = session.and_then(|session| session.roles.player_mut(endpoint.msid)) {
                player.restart();
            }
        }
    }

    fn players(&self, stream: StreamId) -> Vec<Endpoint> {
        self.cx.streams.get(stream).map(|stream| stream.players.clone()).unwrap_or_default()
    }

    fn policy_of(&self, stream: StreamId) -> Option<Policy> {
        let app = self.cx.streams.get(stream)?.app;
        self.cx.apps.get(app).map(|app| app.policy)
    }

    fn tell_start(&mut self, endpoint: Endpoint) {
        let Endpoint { session: id, msid } = endpoint;
        self.cx.status(endpoint, START, "Start live");
        self.cx.reply(id, |protocol, out| protocol.write_sample_access(out, msid));
    }

    /// Queues the wait behind the answer to a `play`.
    fn push_answer_wait(&mut self, endpoint: Endpoint) {
        if let Some(session) = self.cx.sessions.get_mut(endpoint.session) {
            session.out.push_wait();
        }
    }
}
