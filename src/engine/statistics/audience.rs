//! Players without pushes, which are players of their streams, too.

use crate::engine::ctx::Ctx;
use crate::engine::relay::state::{Relay, RelayKind, RelayState};
use crate::engine::stream::Stream;

impl Ctx {
    /// The players of a stream. The other servers to which it is published are none.
    pub fn players_of(&self, stream: &Stream) -> usize {
        stream.players.len().saturating_sub(stream.pushes)
    }

    /// Its viewers of every kind: players, and viewers of HLS.
    pub fn viewers_of(&self, stream: &Stream) -> usize {
        self.players_of(stream) + self.viewing.viewers.of_stream(stream.app, stream.name.as_str())
    }

    /// The pushes that run.
    pub fn running_pushes(&self) -> usize {
        let is_meant = |relay: &&Relay| relay.kind == RelayKind::Push && relay.state == RelayState::Running;
        self.relays().filter(is_meant).count()
    }
}
