//! Players that take FLV, by protocol.

use crate::engine::session::client::ClientProtocol;

/// The players that take FLV, by its protocol; those that wait for a publisher included.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FlvPlayers {
    /// Over HTTP.
    pub http: usize,
    /// Over WebSocket.
    pub websocket: usize,
}

impl FlvPlayers {
    fn of(&mut self, protocol: ClientProtocol) -> Option<&mut usize> {
        match protocol {
            ClientProtocol::Rtmp => None,
            ClientProtocol::HttpFlv => Some(&mut self.http),
            ClientProtocol::WebSocketFlv => Some(&mut self.websocket),
        }
    }

    /// Counts a player that begins.
    pub(in crate::engine) fn add(&mut self, protocol: ClientProtocol) {
        self.of(protocol).into_iter().for_each(|count| *count += 1);
    }

    /// One of them has ended.
    pub(in crate::engine) fn remove(&mut self, protocol: ClientProtocol) {
        self.of(protocol).into_iter().for_each(|count| *count = count.saturating_sub(1));
    }
}
