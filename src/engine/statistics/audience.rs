//! Who plays a stream: players without pushes, which are players of their streams, too, and viewers of HLS. They are noted
//! once a second in its history.

use crate::engine::ctx::Ctx;
use crate::engine::ids::StreamId;
use crate::engine::relay::state::{Relay, RelayKind, RelayState};
use crate::engine::statistics::history::Present;
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

    /// The number of the present second, since the server began.
    pub fn present_second(&self) -> u64 {
        self.now.instant.saturating_duration_since(self.started.instant).as_secs()
    }

    /// Closes the seconds of a stream that are over.
    #[inline]
    pub fn close_seconds(&mut self, id: StreamId) {
        let now = self.now.instant;
        if self.streams.get(id).is_some_and(|stream| stream.history.is_over(now)) {
            self.begin_second(id);
        }
    }

    #[cold]
    fn begin_second(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id) else { return };
        let (viewers, dropped) = (self.viewers_of(stream), stream.traffic.dropped);
        let present = Present { now: self.now.instant, started: self.started.instant, viewers, dropped };
        if let Some(stream) = self.streams.get_mut(id) {
            stream.history.advance(present);
        }
    }

    /// The pushes that run.
    pub fn running_pushes(&self) -> usize {
        let is_meant = |relay: &&Relay| relay.kind == RelayKind::Push && relay.state == RelayState::Running;
        self.relays().filter(is_meant).count()
    }
}
