//! What a client says while it is sent a live answer.

use crate::engine::Engine;
use crate::engine::ids::SessionId;
use crate::engine::session::Session;

/// The most bytes that a client may send while it plays over HTTP, where nothing is expected of it.
const MAX_RECEIVED: usize = 4096;

impl Engine {
    /// Takes the bytes of an HTTP player.
    pub(in crate::engine) fn http_player_input(&mut self, id: SessionId, input: &[u8]) {
        let Some(player) = self.cx.sessions.get_mut(id).and_then(Session::http_player_mut) else { return };
        player.received += input.len();
        if player.received > MAX_RECEIVED {
            self.cx.fail(id, "sends more than 4 KB while it is sent a live stream");
        }
    }
}
