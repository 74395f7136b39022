//! What a client says while it is sent a live answer.

use crate::engine::ctx::Ctx;
use crate::engine::ids::SessionId;
use crate::engine::session::{Life, Session};
use crate::engine::{CLIENT_LEFT, Engine};
use crate::http::websocket::{ClientFrame, CloseCode, Opcode, control_frame};

/// The most bytes that a client may send while it plays over plain HTTP, where nothing is expected of it.
const MAX_RECEIVED: usize = 4096;

impl Engine {
    /// Takes the bytes of an HTTP player.
    pub(in crate::engine) fn http_player_input(&mut self, id: SessionId, mut input: &[u8]) {
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
                    self.cx.queue(id, &pong, |out, pong| out.join_bytes(pong));
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
    /// Closes a WebSocket from this side, once what waits has been sent.
    fn close_websocket(&mut self, id: SessionId, code: CloseCode, why: &str) {
        self.end_live_answer_with(id, (code, why));
        self.finish(id, why);
    }
}
