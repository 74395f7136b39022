//! Players of files: the grant of a `play` that a module answers with a file, what the player is told, and what it is
//! sent. The module reads the file, decides how far ahead of the clock it sends, and calls the methods of [`Ctx`] here.
//!
//! A file that is played is a stream with players and without a publisher ([`Stream::is_file`]), so callbacks, commands
//! and statistics have it as they have others. It is found by no name that is published or played live.
//!
//! [`Stream::is_file`]: crate::engine::Stream::is_file

pub(in crate::engine) mod piece;

use std::time::Duration;

use crate::engine::Engine;
use crate::engine::ctx::Ctx;
use crate::engine::ids::{AppId, Endpoint, SessionId};
use crate::engine::request::RequestKind;
use crate::engine::rtmp::file_play::piece::{Piece, PieceForm};
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::player::Player;
use crate::engine::session::roles::SessionRole;
use crate::engine::session::sending::mark_dirty;
use crate::engine::session::{Life, Session};
use crate::engine::stream::name::StreamName;
use crate::rtmp::command::{After, Level, PLAY_STOP, Play};
use crate::rtmp::control::UserControl;

/// The most plays of one client that wait for the end of the file before them.
const MAX_PLAY_LIST: usize = 32;
/// The bytes of their names and arguments.
const MAX_PLAY_LIST_BYTES: usize = 16 * 1024;

type Code = (Level, &'static str);

const START: Code = (Level::Status, "NetStream.Play.Start");
const RESET: Code = (Level::Status, "NetStream.Play.Reset");
const TRANSITION: Code = (Level::Status, "NetStream.Play.Transition");
const SOUGHT: Code = (Level::Status, "NetStream.Seek.Notify");
const NOT_SOUGHT: Code = (Level::Error, "NetStream.Seek.Failed");
const PAUSED: Code = (Level::Status, "NetStream.Pause.Notify");
const UNPAUSED: Code = (Level::Status, "NetStream.Unpause.Notify");
const BROKEN: Code = (Level::Error, "NetStream.Play.FileStructureInvalid");

/// What a player of a file is told about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FileNews<'a> {
    /// What follows is from another place, in milliseconds of media.
    Sought(u64),
    /// It could not be sought, for this reason.
    NotSought(&'a str),
    /// Nothing is sent until it goes on.
    Paused,
    /// It goes on.
    Unpaused,
    /// There is nothing more for now, but may be soon: the file is still written.
    Dry,
    /// Sound or pictures, which were switched off, are sent again.
    Received,
    /// All that was asked for has been sent: its duration in seconds, and its bytes.
    Complete {
        /// Seconds.
        duration: f64,
        /// Bytes of media.
        bytes: u64,
    },
    /// The file cannot be read on, for this reason.
    Broken(&'a str),
}

impl Engine {
    /// Grants a `play` that a module answers with a file: the message stream becomes a player of it, and its earlier role
    /// ends.
    pub(in crate::engine) fn grant_file_play(
        &mut self,
        endpoint: Endpoint,
        app: AppId,
        after: After,
        name: &StreamName,
    ) {
        let Endpoint { session: id, msid } = endpoint;
        self.leave(endpoint, LeaveReason::NextRequest);
        let app_name = self.cx.apps.get(app).map_or("", |app| &app.name);
        let stream_id = self.cx.streams.find_or_create_file(app, app_name, name);
        if let Some(stream) = self.cx.streams.get_mut(stream_id) {
            stream.started.get_or_insert(self.cx.now.instant);
        }
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        session.roles.add(SessionRole::Player(Player::file((stream_id, msid), self.cx.now.instant)));
        self.cx.schedule_ping(id);
        self.cx.totals.plays += 1;
        log::info!("{id} play file {}/{name}", self.app_name(app));
        self.cx.user_control(endpoint, UserControl::StreamIsRecorded);
        self.cx.user_control(endpoint, UserControl::StreamBegin);
        match after {
            After::Replace | After::Append => {}
            After::Reset => self.cx.status(endpoint, RESET, "Playing and resetting"),
            After::Transition => self.cx.status(endpoint, TRANSITION, "Changing the file"),
        }
        self.cx.status(endpoint, START, "Start video on demand");
        self.cx.reply(id, |protocol, out| protocol.write_sample_access(out, msid));
        self.call_play_start(stream_id, endpoint);
    }

    /// Keeps a play for when the file that its message stream plays has ended. False if it is to be made now.
    pub(in crate::engine) fn keep_for_later(&mut self, id: SessionId, play: &Play) -> bool {
        let Some(session) = self.cx.sessions.get_mut(id) else { return false };
        let player = session.roles.player_mut(play.msid);
        let is_playing = player.is_some_and(|player| player.is_of_file() && !player.is_finished());
        let Some(state) = session.rtmp_mut() else { return false };
        if play.after != After::Append {
            state.play_list.retain(|waiting| waiting.msid != play.msid);
            return false;
        }
        if !is_playing {
            return false;
        }
        let bytes = |play: &Play| play.name.len() + play.args.len();
        let held: usize = state.play_list.iter().map(bytes).sum();
        if state.play_list.len() >= MAX_PLAY_LIST || held + bytes(play) > MAX_PLAY_LIST_BYTES {
            self.cx.fail(id, "its play list is too long");
        } else if self.count_request(id, Some(play.msid))
            && let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut)
        {
            state.play_list.push_back(play.clone());
        }
        true
    }

    /// Forgets the plays of a message stream that wait for the end of the file before them.
    pub(in crate::engine) fn drop_play_list(&mut self, endpoint: Endpoint) {
        if let Some(state) = self.cx.sessions.get_mut(endpoint.session).and_then(Session::rtmp_mut) {
            state.play_list.retain(|waiting| waiting.msid != endpoint.msid);
        }
    }

    /// Goes on with the play lists of a session that had to wait for the answer to another request.
    pub(in crate::engine) fn resume_play_lists(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get(id) else { return };
        if session.rtmp().is_none_or(|state| state.play_list.is_empty()) {
            return;
        }
        let awaits = session.roles.players().filter(|player| player.is_of_file() && player.awaits_next());
        let waiting = awaits.map(|player| Endpoint { session: id, msid: player.msid() });
        self.cx.work.finished.extend(waiting);
    }

    /// Begins the next play of a player's list. False if there is none.
    pub(in crate::engine) fn play_next(&mut self, endpoint: Endpoint) -> bool {
        let state = self.cx.sessions.get_mut(endpoint.session).and_then(Session::rtmp_mut);
        let next = state.and_then(|state| {
            let place = state.play_list.iter().position(|play| play.msid == endpoint.msid)?;
            state.play_list.remove(place)
        });
        let has_next = next.is_some();
        if let Some(play) = next {
            let Play { msid, name, args, start, duration, after } = play;
            let kind = RequestKind::Play { msid, start, duration, after };
            self.begin_request(endpoint.session, (name, args), kind);
        }
        has_next
    }

    /// Goes on with the play list of a player that has got all of its file. At the end of the list it is told so, and
    /// stays: clients seek in what they have buffered.
    pub(in crate::engine) fn complete_file_play(&mut self, endpoint: Endpoint) {
        let Some(session) = self.cx.sessions.get(endpoint.session) else { return };
        let waits = session.rtmp().is_some_and(|state| !state.play_list.is_empty());
        // One request is suspended at a time; the list goes on when that has been answered.
        if waits && session.suspended.is_some() || self.play_next(endpoint) {
            return;
        }
        if let Some(session) = self.cx.sessions.get_mut(endpoint.session) {
            session.roles.player_mut(endpoint.msid).into_iter().for_each(Player::end);
        }
        self.cx.status(endpoint, PLAY_STOP, "Stop video on demand");
    }

    /// Tells the modules that all of a player's last piece has been sent.
    pub(in crate::engine) fn tell_drained(&mut self, id: SessionId) {
        let Some(session) = self.cx.sessions.get(id).filter(|session| session.life == Life::Open) else {
            return;
        };
        let players = session.roles.players().filter(|player| player.is_of_file());
        let msids: Vec<_> = players.map(Player::msid).collect();
        for msid in msids {
            let endpoint = Endpoint { session: id, msid };
            for module in &mut self.modules {
                module.on_drained(&mut self.cx, endpoint);
            }
        }
    }
}

impl Ctx {
    /// How messages are written for a player of a file; none if it plays none.
    pub fn piece_form(&self, endpoint: Endpoint) -> Option<PieceForm> {
        self.file_player(endpoint)?;
        let state = self.sessions.get(endpoint.session)?.rtmp()?;
        Some(PieceForm { chunking: state.server.rtmp.chunking, msid: endpoint.msid })
    }

    /// How much media the client of a player buffers: what it has told, or else `assumed`.
    pub fn buffer_length(&self, endpoint: Endpoint, assumed: Duration) -> Duration {
        let state = self.sessions.get(endpoint.session).and_then(Session::rtmp);
        state.and_then(|state| state.buffer_length).unwrap_or(assumed)
    }

    /// The player of a file on a message stream.
    pub fn file_player(&self, endpoint: Endpoint) -> Option<&Player> {
        let session = self.sessions.get(endpoint.session).filter(|session| session.life == Life::Open)?;
        let mut players = session.roles.players();
        players.find(|player| player.msid() == endpoint.msid && player.is_of_file())
    }

    /// Sends a player of a file a piece of it. When it has been sent, [`Module::on_drained`] is called.
    ///
    /// [`Module::on_drained`]: crate::engine::Module::on_drained
    pub fn send_piece(&mut self, endpoint: Endpoint, piece: Piece) {
        let Some(stream) = self.file_player(endpoint).map(Player::stream) else { return };
        let Some(stream) = self.streams.get_mut(stream) else { return };
        let (messages, media, last) = (piece.messages(), piece.media(), piece.last());
        let bytes = piece.into_bytes();
        let charge = stream.charge(bytes.capacity());
        stream.traffic.give(media, self.now.instant);
        self.totals.frames_out += messages;
        self.apps.get_mut(stream.app).into_iter().for_each(|app| app.file_bytes += media);
        let Some(session) = self.sessions.get_mut(endpoint.session) else { return };
        session.start_output_deadline(self.now.instant);
        session.out.push_piece(bytes, charge);
        if let (Some(last), Some(player)) = (last, session.roles.player_mut(endpoint.msid)) {
            player.note_sent(last);
        }
        session.awaits_drain = true;
        mark_dirty(&mut self.work.dirty, session);
    }

    /// Tells a player of a file something about it. After [`FileNews::Complete`] and [`FileNews::Broken`] the next play of
    /// its list begins in a later step.
    pub fn tell_file_player(&mut self, endpoint: Endpoint, news: FileNews<'_>) {
        if self.file_player(endpoint).is_none() {
            return;
        }
        match news {
            FileNews::Sought(to) => {
                self.unfinish_file_play(endpoint);
                self.user_control(endpoint, UserControl::StreamEof);
                self.status(endpoint, SOUGHT, &format!("Seeking {to} ms"));
                self.user_control(endpoint, UserControl::StreamIsRecorded);
                self.user_control(endpoint, UserControl::StreamBegin);
                self.status(endpoint, START, "Start video on demand");
            }
            FileNews::NotSought(why) => self.status(endpoint, NOT_SOUGHT, why),
            FileNews::Paused => self.status(endpoint, PAUSED, "Paused video on demand"),
            FileNews::Unpaused => {
                self.status(endpoint, UNPAUSED, "Unpaused video on demand");
                self.user_control(endpoint, UserControl::StreamBegin);
            }
            FileNews::Dry => self.user_control(endpoint, UserControl::StreamDry),
            FileNews::Received => {
                self.status(endpoint, SOUGHT, "Start video on demand");
                self.status(endpoint, START, "Start video on demand");
            }
            FileNews::Complete { duration, bytes } => {
                self.user_control(endpoint, UserControl::StreamEof);
                self.reply(endpoint.session, |protocol, out| {
                    protocol.write_play_complete(out, endpoint.msid, duration, bytes);
                });
                self.end_file_play(endpoint);
            }
            FileNews::Broken(why) => {
                self.status(endpoint, BROKEN, why);
                self.user_control(endpoint, UserControl::StreamEof);
                self.end_file_play(endpoint);
            }
        }
    }

    /// Whether a player has got all of its file, and waits for the next one of its list.
    pub(in crate::engine) fn awaits_next_file(&self, endpoint: Endpoint) -> bool {
        self.file_player(endpoint).is_some_and(Player::awaits_next)
    }

    fn unfinish_file_play(&mut self, endpoint: Endpoint) {
        if let Some(session) = self.sessions.get_mut(endpoint.session) {
            session.roles.player_mut(endpoint.msid).into_iter().for_each(Player::unfinish);
        }
    }

    /// Ends the play of a file in a later step.
    fn end_file_play(&mut self, endpoint: Endpoint) {
        let Some(session) = self.sessions.get_mut(endpoint.session) else { return };
        if session.roles.player_mut(endpoint.msid).is_some_and(Player::finish) {
            self.work.finished.push_back(endpoint);
        }
    }
}
