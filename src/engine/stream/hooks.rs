//! The hooks of streams, publishers and players, in pairs: a module gets one end for each begin.
//!
//! Each call is contained by itself, so a panic in one module keeps no other from its hook. The begin is noted before
//! its hooks are called, and the note is taken before those of the end. So an end that is repeated after a panic calls
//! no module again, and one that was never begun calls none.

use crate::engine::Engine;
use crate::engine::ids::{Endpoint, StreamId};

impl Engine {
    /// Calls `on_stream_start`, for the stream's first publisher.
    pub(in crate::engine) fn call_stream_start(&mut self, id: StreamId, publisher: Endpoint) {
        let Some(stream) = self.cx.streams.get_mut(id) else { return };
        debug_assert!(!stream.pending_ends.stream, "{} begins twice", stream.label);
        stream.pending_ends.stream = true;
        self.each_module_for(publisher.session, |module, cx| module.on_stream_start(cx, id));
    }

    pub(in crate::engine) fn call_stream_end(&mut self, id: StreamId) {
        let Some(stream) = self.cx.streams.get_mut(id) else { return };
        if std::mem::take(&mut stream.pending_ends.stream) {
            self.each_module(|module, cx| module.on_stream_end(cx, id));
        }
    }

    pub(in crate::engine) fn call_publish_start(&mut self, id: StreamId, publisher: Endpoint) {
        let Some(stream) = self.cx.streams.get_mut(id) else { return };
        debug_assert_eq!(stream.pending_ends.publisher, None, "{} has a publisher", stream.label);
        stream.pending_ends.publisher = Some(publisher);
        self.each_module_for(publisher.session, |module, cx| module.on_publish_start(cx, id, publisher));
    }

    pub(in crate::engine) fn call_publish_end(&mut self, id: StreamId) {
        let publisher = self.cx.streams.get_mut(id).and_then(|stream| stream.pending_ends.publisher.take());
        if let Some(publisher) = publisher {
            self.each_module(|module, cx| module.on_publish_end(cx, id, publisher));
        }
    }

    /// Puts a player among those of a stream, and calls `on_play_start`.
    pub(in crate::engine) fn call_play_start(&mut self, id: StreamId, player: Endpoint) {
        let Some(stream) = self.cx.streams.get_mut(id) else { return };
        debug_assert!(!stream.players.contains(&player), "{} has this player", stream.label);
        stream.players.push(player);
        if let Some(session) = self.cx.sessions.get(player.session) {
            stream.pushes += usize::from(session.is_relay());
            self.cx.flv_players.add(session.client_protocol());
        }
        self.each_module_for(player.session, |module, cx| module.on_play_start(cx, id, player));
    }

    /// Takes a player from those of a stream, and calls `on_play_end`.
    pub(in crate::engine) fn call_play_end(&mut self, id: StreamId, player: Endpoint) {
        let Some(stream) = self.cx.streams.get_mut(id) else { return };
        let Some(place) = stream.players.iter().position(|&other| other == player) else { return };
        stream.players.remove(place);
        if let Some(session) = self.cx.sessions.get(player.session) {
            stream.pushes = stream.pushes.saturating_sub(usize::from(session.is_relay()));
            self.cx.flv_players.remove(session.client_protocol());
        }
        self.each_module(|module, cx| module.on_play_end(cx, id, player));
    }
}
