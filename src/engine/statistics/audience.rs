//! Players without pushes, which are players of their streams, too; and players by protocol.

use crate::engine::ctx::Ctx;
use crate::engine::relay::state::{Relay, RelayKind, RelayState};
use crate::engine::session::client::ClientProtocol;
use crate::engine::stream::Stream;

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

impl Ctx {
    /// The players of a stream. The other servers to which it is published are none.
    pub fn players_of(&self, stream: &Stream) -> usize {
        stream.players.len().saturating_sub(stream.pushes)
    }

    /// The pushes that run.
    pub fn running_pushes(&self) -> usize {
        let is_meant = |relay: &&Relay| relay.kind == RelayKind::Push && relay.state == RelayState::Running;
        self.relays().filter(is_meant).count()
    }
}
