//! What the events of an RTMP session mean to the engine.

use std::rc::Rc;

use super::Engine;
use super::config::AppId;
use super::session::{Ask, Life, Request, Role, STEP_DEADLINE, SessionId};
use crate::media::Frame;
use crate::rtmp::command::{Connect, Level};
use crate::rtmp::{Event, RtmpError};

/// How often a session may ask to publish or play, beside once a second: each makes and ends files.
const FREE_ASKS: u64 = 32;

impl Engine {
    /// Feeds bytes to an RTMP session and acts on what comes out.
    pub(super) fn rtmp_input(&mut self, id: SessionId, mut input: &[u8]) {
        let mut out = Vec::new();
        loop {
            let Some(session) = self.cx.sessions.get_mut(id) else { return };
            if session.life != Life::Open {
                return;
            }
            if session.is_held() {
                session.pending = input.to_vec();
                return;
            }
            let Some(state) = session.rtmp_mut() else { return };
            let event = state.protocol.next(&mut input, &mut out);
            self.cx.send_bytes(id, &out);
            out.clear();
            match event {
                Ok(Some(event)) => self.rtmp_event(id, event),
                Ok(None) => return,
                // Port scanners are no news; a client that got through the handshake is.
                Err(RtmpError::Handshake(error)) => return self.cx.close(id, &error.to_string()),
                Err(error) => return self.cx.fail(id, &error.to_string()),
            }
        }
    }

    fn rtmp_event(&mut self, id: SessionId, event: Event) {
        match event {
            Event::HandshakeDone => {
                let now = self.cx.now.instant;
                if let Some(state) = self.cx.sessions.get_mut(id).and_then(|session| session.rtmp_mut()) {
                    state.owes_since = now;
                }
            }
            Event::Connect(connect) => self.connect(id, connect),
            Event::Publish(publish) => {
                self.leave_stream(id);
                let (name, args) = (publish.name.clone(), publish.args.clone());
                self.ask_for_stream(id, name, args, Ask::Publish(publish));
            }
            Event::Play(play) => {
                self.leave_stream(id);
                let (name, args) = (play.name.clone(), play.args.clone());
                self.ask_for_stream(id, name, args, Ask::Play(play));
            }
            Event::Stop => self.stop_role(id),
            Event::Frame(frame) => self.handle_frame(id, frame),
            Event::SharedObject(message) => self.handle_shared_object(id, &message),
        }
    }

    fn connect(&mut self, id: SessionId, connect: Connect) {
        let Some(session) = self.cx.sessions.get(id) else { return };
        let server = session.server;
        let found = self.cx.apps.iter().position(|app| app.server == server && app.name == connect.app);
        let Some(app) = found else {
            let why = format!("no application \"{}\"", connect.app.escape_debug());
            self.reply(id, |protocol, out| protocol.reject_connect(&connect, &why, out));
            return self.cx.finish(id, &format!("connect refused: {why}"));
        };
        let args = connect.args.clone();
        let ask = Ask::Connect(connect);
        self.ask(Request { session: id, app: AppId(app), name: String::new(), args, ask });
    }

    fn ask_for_stream(&mut self, id: SessionId, name: String, args: String, ask: Ask) {
        let now = self.cx.now.instant;
        let Some(session) = self.cx.sessions.get_mut(id) else { return };
        let seconds = (now - session.opened).as_secs();
        let Some(state) = session.rtmp_mut() else { return };
        state.asks += 1;
        if state.asks > FREE_ASKS + seconds {
            return self.cx.fail(id, "asks to publish or play too often");
        }
        if let Some(app) = state.app {
            self.ask(Request { session: id, app, name, args, ask });
        }
    }

    /// The client ends what it published or played, but not the connection.
    fn stop_role(&mut self, id: SessionId) {
        let Some(role) = self.cx.sessions.get(id).map(|session| session.role) else { return };
        self.leave_stream(id);
        let (msid, code, text) = match role {
            Role::None => return,
            Role::Publisher { msid, .. } => (msid, "NetStream.Unpublish.Success", "Stop publishing"),
            Role::Player(player) => (player.msid, "NetStream.Play.Stop", "Stop live"),
        };
        self.reply(id, |protocol, out| protocol.write_status(out, msid, (Level::Status, code), text));
        // It owes its next step from now on.
        self.cx.look_by(id, self.cx.now.instant + STEP_DEADLINE);
    }

    /// A frame of a publisher: the modules first, in their order, then the sinks. From a session that
    /// does not publish it means nothing.
    fn handle_frame(&mut self, id: SessionId, frame: Frame) {
        let Some(Role::Publisher { stream: stream_id, .. }) = self.cx.sessions.get(id).map(|s| s.role) else {
            return;
        };
        let frame = Rc::new(frame);
        if let Some(stream) = self.cx.streams.get_mut(stream_id) {
            stream.bytes_in += frame.payload().len() as u64;
            stream.frames_in += 1;
        }
        for module in &mut self.modules {
            module.on_frame(&mut self.cx, stream_id, &frame);
        }
        if let Some(stream) = self.cx.streams.get_mut(stream_id) {
            stream.feed_sinks(&frame);
        }
    }
}
