//! What a client says while it is sent a live answer.

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::session::out_queue::OutQueue;
use crate::engine::session::{Life, Session};
use crate::engine::{CLIENT_LEFT, Engine};
use crate::http::websocket::{ClientFrame, CloseCode, Opcode, control_frame};

/// The most bytes that a client may send while it plays over plain HTTP, where nothing is expected of it.
const MAX_RECEIVED: usize = 4096;

/// The same over WebSocket, beside [`MAX_RATE`]: pages may say something, and answer pings.
const MAX_FRAMES: usize = 64 * 1024;

/// Bytes a second that a client may send over WebSocket.
const MAX_RATE: usize = 1024;

impl Engine {
    /// Takes the bytes of an HTTP player.
    pub(in crate::engine) fn http_player_input(&mut self, id: SessionId, mut input: &[u8]) {
        if !self.cx.admit_frames(id, input.len()) {
            let why = "sends more than is taken here";
            return self.cx.close_websocket(id, CloseCode::Policy, why);
        }
        loop {
            let open = self.cx.sessions.get_mut(id).filter(|session| session.life == Life::Open);
            let Some(player) = open.and_then(Session::http_player_mut) else { return };
            let Some(reader) = &mut player.websocket else {
                player.received += input.len();
                if player.received > MAX_RECEIVED {
                    self.cx.fail(id, "sends more than 4 KB while it is sent a live stream");
                }
                return;
            };
            match reader.next(&mut input) {
                Ok(None) => return,
                Ok(Some(ClientFrame::Data | ClientFrame::Pong)) => player.pinged = None,
                Ok(Some(ClientFrame::Ping(payload))) => {
                    player.pinged = None;
                    let pong = control_frame(Opcode::Pong, &payload);
                    self.cx.queue(id, &pong, OutQueue::join_bytes);
                }
                Ok(Some(ClientFrame::Close(_))) => {
                    return self.cx.close_websocket(id, CloseCode::Normal, CLIENT_LEFT);
                }
                Err(error) => {
                    self.cx.totals.protocol_errors += 1;
                    return self.cx.close_websocket(id, error.code, error.reason);
                }
            }
        }
    }
}

impl Ctx {
    /// Counts the bytes that a WebSocket has sent; false if there are too many.
    fn admit_frames(&mut self, id: SessionId, bytes: usize) -> bool {
        let now = self.now.instant;
        let Some(session) = self.sessions.get_mut(id) else { return true };
        let seconds = now.saturating_duration_since(session.opened).as_secs() as usize;
        let Some(player) = session.http_player_mut().filter(|player| player.websocket.is_some()) else {
            return true;
        };
        player.received = player.received.saturating_add(bytes);
        player.received <= MAX_FRAMES.saturating_add(seconds.saturating_mul(MAX_RATE))
    }

    /// Closes a WebSocket from this side, once what waits has been sent.
    fn close_websocket(&mut self, id: SessionId, code: CloseCode, why: &str) {
        self.end_live_answer_with(id, (code, why));
        self.finish(id, why);
    }
}
