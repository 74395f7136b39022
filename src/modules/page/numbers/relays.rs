//! The relays of each stream, found in one pass: an answer has hundreds of streams, and the server hundreds of relays.

use std::collections::HashMap;

use crate::engine::{AppId, Ctx, Relay, RelayId, RelayKind, Stream, StreamName};

/// The relays by the streams that they are of, as they were when an answer was begun.
#[derive(Debug, Default)]
pub struct RelayIndex(HashMap<(AppId, StreamName), Vec<RelayId>>);

impl RelayIndex {
    pub fn new(cx: &Ctx) -> Self {
        let mut index = Self::default();
        for relay in cx.relays() {
            index.0.entry((relay.app, relay.name.clone())).or_default().push(relay.id);
        }
        index
    }

    /// The pushes of a stream, then its pull.
    pub fn of<'a>(&self, cx: &'a Ctx, stream: &Stream) -> Vec<&'a Relay> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let ids = self.0.get(&(stream.app, stream.name.clone())).into_iter().flatten();
        let mut relays: Vec<_> = ids.filter_map(|id| cx.relay(*id)).collect();
        relays.retain(|relay| relay.kind == RelayKind::Pull || relay.is_push_of(stream.id));
        relays.sort_by_key(|relay| relay.kind == RelayKind::Pull);
        relays
    }
}

/// The relays of one stream.
pub fn of_stream<'a>(cx: &'a Ctx, stream: &Stream) -> Vec<&'a Relay> {
    cx.pushes_of(stream.id).chain(cx.pull_of(stream.app, &stream.name)).collect()
}
