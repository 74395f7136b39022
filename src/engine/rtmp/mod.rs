//! RTMP sessions: events of the protocol become requests, frames of a stream, and commands of players.
//!
//! This file feeds bytes to the protocol, finds the application and the name of a request, and places each frame on its
//! stream's time line before modules and sinks get it. The files below have what follows from a request. No message is
//! written here but by [`ServerSession`](crate::rtmp::ServerSession).

pub(in crate::engine) mod address;
pub(in crate::engine) mod connection;
pub(in crate::engine) mod dismissal;
pub(in crate::engine) mod file_play;
pub(in crate::engine) mod gates;
pub(in crate::engine) mod play;
pub(in crate::engine) mod play_answer;
pub(in crate::engine) mod publish;
pub(in crate::engine) mod send_unsolicited;
pub(in crate::engine) mod shared_object;
pub(in crate::engine) mod unpublish;
pub(in crate::engine) mod unsolicited;

use std::time::Duration;

use crate::auth::mask;
use crate::engine::Engine;
use crate::engine::ctx::{AppFacts, Ctx};
use crate::engine::ids::{AppId, Endpoint, SessionId, StreamId};
use crate::engine::request::{Refusal, Request, RequestKind};
use crate::engine::rtmp::address::Address;
use crate::engine::rtmp::gates::MAX_SHOWN;
use crate::engine::rtmp::publish::LeaveReason;
use crate::engine::session::log_limits::DetectedProtocol;
use crate::engine::session::roles::{MAX_ROLES, SessionRole};
use crate::engine::session::{Life, ProtocolState, Session};
use crate::engine::stream::name::{NameError, SentName, StreamName};
use crate::media::Frame;
use crate::rtmp::command::{Connect, Play, Publish};
use crate::rtmp::{Event, HandshakeError, RtmpError, Stop};

/// The most events of one session in one step. Each may be a frame for a thousand players, and the smallest message
/// has one byte.
const EVENTS_AT_ONCE: usize = 32;

/// A frame by which media time advances so much may begin or end files, as a key frame may.
const LONG_ADVANCE: Duration = Duration::from_millis(500);

/// The cost of an event, which counts against what a session may do in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Effort {
    Little,
    /// Files may have been created and finished: the step ends, and other sessions come first.
    Long,
}

/// Requests to publish or play that a session may make, beside one a second: each may create and finish files.
const FREE_REQUESTS: u64 = 32;

impl Engine {
    /// Feeds bytes to the protocol of an RTMP session and acts on its events.
    pub(in crate::engine) fn rtmp_input(&mut self, id: SessionId, mut input: &[u8]) {
        let (mut out, mut left) = (Vec::new(), EVENTS_AT_ONCE);
        loop {
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.life != Life::Open {
                return;
            }
            session.has_more_input = left == 0;
            if session.has_more_input {
                self.cx.resume_input(id);
            }
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.is_held() {
                session.pending = input.to_vec();
                return;
            }
            let Some(state) = session.rtmp_mut() else { return };
            let event = state.protocol.next(&mut input, &mut out);
            self.cx.send_bytes(id, &out);
            out.clear();
            match event {
                Ok(Some(event)) => match self.rtmp_event(id, event) {
                    Effort::Little => left -= 1,
                    Effort::Long => left = 0,
                },
                Ok(None) => return,
                // Logged at debug: port scanners and the like.
                Err(RtmpError::Handshake(error)) => return self.end_handshake(id, error),
                Err(error) => return self.cx.fail(id, &error.to_string()),
            }
        }
    }

    /// Closes a session whose client does not speak RTMP.
    fn end_handshake(&mut self, id: SessionId, error: HandshakeError) {
        match error {
            HandshakeError::Http => self.note_wrong_port(id, DetectedProtocol::Http),
            HandshakeError::Tls => self.note_wrong_port(id, DetectedProtocol::Tls),
            HandshakeError::NotRtmp(_) => {}
        }
        self.cx.close(id, &error.to_string());
    }

    fn rtmp_event(&mut self, id: SessionId, event: Event) -> Effort {
        let is_request = matches!(
            event,
            Event::Connect(_) | Event::Publish(_) | Event::Play(_) | Event::Stop(_) | Event::Refused { .. }
        );
        if is_request || matches!(event, Event::Control { .. }) {
            self.cx.end_wait_at_command(id);
        }
        match event {
            Event::HandshakeDone => {
                let now = self.cx.now.instant;
                if let Some(state) = self.cx.sessions.get_mut(id).and_then(|session| session.rtmp_mut()) {
                    state.idle_since = now;
                }
            }
            Event::Connect(connect) => self.connect(id, connect),
            Event::Publish(publish) => {
                let Publish { msid, name, args, publish_type } = publish;
                self.request_stream(id, (msid, name, args), RequestKind::Publish { msid, publish_type });
            }
            Event::Play(play) => {
                if !self.keep_for_later(id, &play) {
                    self.request_play(id, play);
                }
            }
            Event::BufferLength(length) => {
                if let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut) {
                    state.buffer_length = Some(Duration::from_millis(length.into()));
                }
            }
            Event::Refused { what, why } => self.note_refusal(id, what, &why),
            Event::Stop(stop) => self.stop_role(id, &stop),
            Event::Control { msid, control } => self.control(Endpoint { session: id, msid }, control),
            Event::Frame { msid, frame } => return self.handle_frame(id, msid, frame),
            Event::Nothing => {}
            Event::LeftOut(what) => self.note_left_out(id, &what),
            Event::SharedObject(message) => self.handle_shared_object(id, &message),
        }
        if is_request { Effort::Long } else { Effort::Little }
    }

    pub(in crate::engine) fn note_left_out(&self, id: SessionId, what: &str) {
        let publisher = self.cx.sessions.get(id).and_then(|session| session.roles.only_publisher());
        let stream = publisher.and_then(|role| self.cx.streams.get(role.stream()));
        let label = stream.map(|stream| format!(" {}:", stream.label)).unwrap_or_default();
        log::warn!("{id}{label} {what} is dropped, and others of the kind");
    }

    /// Finds the application of a `connect` and starts the request: the application of that name; of "app/instance"
    /// the one of the first part; or that of `stream_from_app`.
    fn connect(&mut self, id: SessionId, mut connect: Connect) {
        let Some(state) = self.cx.sessions.get(id).and_then(Session::rtmp) else { return };
        let server = state.server.server;
        let find = |name: &str| self.cx.find_app(server, name);
        let whole = find(&connect.app).map(|app| (app, Address::default()));
        let parts = || {
            let (app, instance) = connect.app.split_once('/')?;
            Some((find(app)?, Address::Instance(instance.into())))
        };
        let alone = || {
            let app = self.cx.stream_from_app(server).filter(|_| !connect.app.contains('/'))?;
            Some((app, Address::Stream(connect.app.as_str().into())))
        };
        let Some((app, address)) = whole.or_else(parts).or_else(alone) else {
            let first = self.cx.apps_of(server).next().map(|(_, app)| app);
            let [for_client, for_log] = no_application(&connect.app, first);
            self.cx.reply(id, |protocol, out| protocol.refuse_connect(&connect, &for_client, out));
            return self.cx.finish(id, &format!("connect refused: {for_log}"));
        };
        if let Some(why) = self.cx.objection_to_path(app, &connect.relay_path) {
            self.cx.reply(id, |protocol, out| protocol.refuse_connect(&connect, why, out));
            return self.cx.finish(id, &format!("connect refused: {why}"));
        }
        let Some(state) = self.cx.sessions.get_mut(id).and_then(Session::rtmp_mut) else { return };
        state.relay_path = connect.relay_path.as_str().into();
        state.address = address;
        state.capabilities = connect.capabilities.clone();
        let args = std::mem::take(&mut connect.args);
        self.submit(Request::new(id, app, (String::new(), args), RequestKind::Connect(Box::new(connect))));
    }

    /// Starts a request to play.
    fn request_play(&mut self, id: SessionId, play: Play) {
        let Play { msid, name, args, start, duration, after } = play;
        self.request_stream(id, (msid, name, args), RequestKind::Play { msid, start, duration, after });
    }

    /// Starts a request for a stream by the name that the client has sent. The role that the message stream has is
    /// kept until the request is granted.
    fn request_stream(
        &mut self,
        id: SessionId,
        (msid, sent, args): (u32, String, String),
        kind: RequestKind,
    ) {
        if self.count_request(id, Some(msid)) {
            self.begin_request(id, (sent, args), kind);
        }
    }

    /// The same for a request that has been counted.
    pub(in crate::engine) fn begin_request(
        &mut self,
        id: SessionId,
        (sent, args): (String, String),
        kind: RequestKind,
    ) {
        let Some(app) = self.cx.app_of(id) else { return };
        match self.cx.name_of(id, &sent) {
            Ok(name) => {
                let path = self.cx.file_path(id, &sent).filter(|_| matches!(kind, RequestKind::Play { .. }));
                let request = Request::new(id, app, (name.as_str().to_owned(), args), kind);
                self.submit(Request { path, ..request });
            }
            Err(error) => {
                let refusal = Refusal::of_request(error.to_string());
                self.refuse(&Request::new(id, app, (sent, args), kind), &refusal);
            }
        }
    }

    /// Counts a request to publish or play on a message stream; false if there are too many, which closes the session.
    pub(in crate::engine) fn count_request(&mut self, id: SessionId, msid: Option<u32>) -> bool {
        let now = self.cx.now.instant;
        let Some(session) = self.cx.sessions.get_mut(id) else { return false };
        let seconds = (now - session.opened).as_secs();
        let others = session.roles.iter().filter(|role| Some(role.msid()) != msid).count();
        let Some(state) = session.rtmp_mut() else { return false };
        state.stream_requests += 1;
        if state.stream_requests > FREE_REQUESTS + seconds {
            self.cx.fail(id, "asks to publish or play too often");
            return false;
        }
        if others >= MAX_ROLES {
            self.cx.fail(id, "publishes and plays too much at once");
            return false;
        }
        true
    }

    /// Counts and logs a request that the protocol has refused by itself.
    fn note_refusal(&mut self, id: SessionId, what: &str, why: &str) {
        if self.count_request(id, None) {
            let app = self.cx.app_of(id).map_or("", |app| self.app_name(app));
            let space = if app.is_empty() { "" } else { " " };
            let reason = format!("{what}{space}{app} refused: {why}");
            self.finish_if_idle(id, &reason);
        }
    }

    /// Ends a role by the client's command; the connection stays open.
    fn stop_role(&mut self, id: SessionId, stop: &Stop) {
        let Some(session) = self.cx.sessions.get(id) else { return };
        let named = |role: &&SessionRole, name: &StreamName| {
            self.cx.streams.get(role.stream()).is_some_and(|stream| stream.name == *name)
        };
        let msid = match stop {
            Stop::Stream(msid) => session.roles.commanded_on(*msid).map(SessionRole::msid),
            Stop::Published(name) => {
                let name = self.cx.name_of(id, name).ok();
                let by_name = |name: &StreamName| {
                    let sent = session.roles.published_as(SentName::of(name.as_str()));
                    sent.or_else(|| session.roles.publishers().find(|role| named(role, name)))
                };
                name.as_ref()
                    .and_then(by_name)
                    .or_else(|| session.roles.only_publisher())
                    .map(SessionRole::msid)
            }
        };
        if let Some(msid) = msid {
            self.leave(Endpoint { session: id, msid }, LeaveReason::Requested);
        }
    }

    /// Takes a publisher's frame. One of a session that does not publish is ignored.
    pub(in crate::engine) fn handle_frame(&mut self, id: SessionId, msid: u32, mut frame: Frame) -> Effort {
        let stream_id = self.cx.sessions.get(id).and_then(|session| session.roles.published_on(msid));
        let Some(stream_id) = stream_id.filter(|stream| !self.cx.is_dismissed(*stream)) else {
            return Effort::Little;
        };
        let advance = self.place_frame(id, stream_id, &mut frame);
        let configuration = self.read_picture(id, stream_id, &mut frame);
        let effort =
            if frame.is_video_key() || advance >= LONG_ADVANCE { Effort::Long } else { Effort::Little };
        let keeps_history = self.cx.keeps_history;
        if keeps_history {
            self.cx.close_seconds(stream_id);
        }
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return effort };
        stream.bytes_in += frame.payload().len() as u64;
        stream.frames_in += 1;
        self.cx.totals.frames_in += 1;
        stream.traffic.take(&frame, self.cx.now.instant);
        if keeps_history {
            stream.history.add(&frame);
        }
        stream.tally.add(&frame, self.cx.now.instant);
        stream.key_frames.add(&frame, &mut self.cx.totals.key_frames);
        if stream.flv_clock.advance(&frame) {
            self.renew_flv_times(stream_id);
        }
        let is_dismissed = configuration.is_some_and(|configuration| !self.pass_on(stream_id, configuration));
        if is_dismissed || !self.pass_on(stream_id, frame) { Effort::Long } else { effort }
    }

    /// Hands a frame to the modules, in the order of the table, then to the sinks. False if a module has dismissed the
    /// publisher.
    fn pass_on(&mut self, stream_id: StreamId, frame: Frame) -> bool {
        let Some(stream) = self.cx.streams.get_mut(stream_id) else { return true };
        let frame = stream.stamped(frame);
        for module in &mut self.modules {
            module.on_frame(&mut self.cx, stream_id, &frame);
            if self.cx.is_dismissed(stream_id) {
                return false;
            }
        }
        let (streams, mut outlet, panics) = self.cx.streams_and_outlet();
        if let Some(stream) = streams.get_mut(stream_id) {
            stream.feed_sinks(&frame, &mut outlet, panics);
        }
        true
    }

    /// Reads the NAL units of a frame. Returns the configuration that must be sent before it, if the stream's is no
    /// longer valid.
    fn read_picture(&mut self, id: SessionId, stream: StreamId, frame: &mut Frame) -> Option<Frame> {
        let stream = self.cx.streams.get_mut(stream)?;
        let findings = stream.pictures.read(frame);
        for oddity in findings.oddities {
            log::warn!("{id} {}: {oddity}", stream.label);
        }
        findings.configuration
    }

    /// Puts a frame on its stream's time line, and holds the session if media time is too far ahead of the clock.
    /// Returns by how much the time line has advanced.
    fn place_frame(&mut self, id: SessionId, stream: StreamId, frame: &mut Frame) -> Duration {
        let now = self.cx.now.instant;
        let Some(stream) = self.cx.streams.get_mut(stream) else { return Duration::ZERO };
        if !frame.kind.is_data() {
            stream.last_media = Some(now);
        }
        let before = stream.timeline.newest();
        if let Some(jump) = stream.timeline.place(frame, now) {
            stream.tally.jumps += 1;
            stream.traffic.jumps += 1;
            if stream.tally.jumps == 1 {
                let (label, by) = (&stream.label, jump.by);
                log::warn!(
                    "{id} {label}: the publisher's time jumps by {by} ms; the stream's goes on without a gap"
                );
            }
        }
        let steps = before.zip(stream.timeline.newest());
        let advance = Duration::from_millis(steps.map_or(0, |(before, after)| after.saturating_sub(before)));
        if let Some(until) = stream.pace.advance(advance, now) {
            if !std::mem::replace(&mut stream.was_paced, true) {
                let label = &stream.label;
                log::info!("{id} {label}: media time is 30 s ahead of the clock; the publisher is slowed");
            }
            self.cx.hold_for_pace(id, until);
        }
        advance
    }
}

impl Ctx {
    /// The application that an RTMP session, or an HTTP player, is connected to.
    pub fn app_of(&self, id: SessionId) -> Option<AppId> {
        let session = self.sessions.get(id)?;
        match &session.protocol {
            ProtocolState::Rtmp(state) => state.app,
            ProtocolState::RtmpClient(state) => Some(state.app),
            ProtocolState::Http(state) => state.player.as_ref()?.app,
            ProtocolState::HttpClient(_) => None,
        }
    }

    /// The path of a file that an RTMP client means by `sent`.
    fn file_path(&self, id: SessionId, sent: &str) -> Option<Box<str>> {
        let state = self.sessions.get(id).and_then(Session::rtmp)?;
        let app = state.app.and_then(|app| self.apps.get(app)).map_or("", |app| &app.name);
        state.address.path(app, sent).ok().map(String::into_boxed_str)
    }

    /// The name of the stream that an RTMP client means by `sent`.
    fn name_of(&self, id: SessionId, sent: &str) -> Result<StreamName, NameError> {
        let state = self.sessions.get(id).and_then(Session::rtmp).ok_or(NameError::Empty)?;
        let app = state.app.and_then(|app| self.apps.get(app)).map_or("", |app| &app.name);
        state.address.name(app, sent)
    }
}

/// The refusal of a `connect` whose application does not exist, with what to do instead in a server whose first
/// application is `first`: for the client, and for the log, which must not show what may be a stream key.
fn no_application(name: &str, first: Option<&AppFacts>) -> [String; 2] {
    let cut: String = name.chars().take(MAX_SHOWN).collect();
    let for_client = format!("no application \"{}\" here", cut.escape_debug());
    let for_log = format!("no application {} here", mask::start_of(name));
    let Some(AppFacts { name: app, .. }) = first.filter(|_| cut == name && !name.contains('/')) else {
        return [for_client, for_log];
    };
    let key = if name.is_empty() { "NAME".into() } else { name.escape_debug().to_string() };
    let instead =
        |key: &str| format!("publish to rtmp://HOST/{app}/{key}, or write \"stream_from_app {app};\"");
    [format!("{for_client}; {}", instead(&key)), format!("{for_log}; {}", instead("NAME"))]
}
