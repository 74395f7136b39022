//! The list of what is live, made in steps: there may be thousands of streams.

use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Instant;

use crate::engine::{COMPOSED_AT_ONCE, Compose, Ctx, HttpReply, Playlists, Stream, StreamId};

use super::documents::document;
use super::json::{self, App, Live};

/// Most streams in a list; the page says how many more there are.
pub const MAX_LISTED: usize = 500;

/// A list that is being made: the streams are gone through, and the first of them by application and name are
/// written.
#[derive(Debug)]
pub struct List {
    /// By application id.
    apps: Rc<[App]>,
    /// By application id.
    playlists: Rc<[Option<Playlists>]>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading {
        /// The slot of the stream that is next.
        slot: usize,
        /// Live streams so far.
        total: usize,
        /// Those to be listed: application, name. Invariant: no more than are listed.
        first: BinaryHeap<(String, String, StreamId)>,
    },
    Writing {
        streams: std::vec::IntoIter<(String, String, StreamId)>,
        written: usize,
        text: String,
    },
}

impl List {
    /// The list of all streams; `playlists` are those of the server that is asked.
    pub fn new(apps: Rc<[App]>, playlists: Rc<[Option<Playlists>]>) -> Self {
        let stage = Stage::Reading { slot: 0, total: 0, first: BinaryHeap::new() };
        Self { apps, playlists, stage }
    }

    fn live<'a>(&'a self, cx: &Ctx, stream: &'a Stream) -> Option<Live<'a>> {
        let name = stream.name.as_str();
        let now = cx.now.instant;
        let started = stream.started.unwrap_or(now);
        let ends_in = stream.waits_until().map(|until| until.saturating_duration_since(now));
        Some(Live {
            app: self.apps.get(stream.app.0)?,
            name,
            uptime_ms: now.saturating_duration_since(started).as_millis(),
            bytes_in: stream.bytes_in,
            players: stream.players.len(),
            codec: &stream.codec,
            key_interval: stream.key_frames.interval(),
            warnings: &stream.warnings,
            hls: self.playlists.get(stream.app.0)?.as_ref().map(|playlists| playlists.of(name)),
            ends_in_ms: ends_in.map(|time| time.as_millis()),
        })
    }
}

impl Compose for List {
    fn step(&mut self, cx: &Ctx) -> Option<HttpReply> {
        match &mut self.stage {
            Stage::Reading { slot, total, first } => {
                let end = cx.streams.slots().min(*slot + COMPOSED_AT_ONCE);
                for stream in (*slot..end).filter_map(|slot| cx.streams.at(slot)) {
                    let Some(app) = self.apps.get(stream.app.0).filter(|_| stream.is_live()) else {
                        continue;
                    };
                    *total += 1;
                    first.push((app.name.clone(), stream.name.as_str().to_owned(), stream.id));
                    if first.len() > MAX_LISTED {
                        first.pop();
                    }
                }
                *slot = end;
                if end == cx.streams.slots() {
                    let text = json::begin(self.apps.iter().filter(|app| app.is_live), *total);
                    let streams = std::mem::take(first).into_sorted_vec().into_iter();
                    self.stage = Stage::Writing { streams, written: 0, text };
                }
                None
            }
            Stage::Writing { streams, written, text } => {
                let (mut text, mut written) = (std::mem::take(text), *written);
                let part: Vec<_> = streams.take(COMPOSED_AT_ONCE).collect();
                let is_over = streams.as_slice().is_empty();
                for (_, _, id) in part {
                    if let Some(live) = cx.streams.get(id).and_then(|stream| self.live(cx, stream)) {
                        json::push_stream(&mut text, &live, written > 0);
                        written += 1;
                    }
                }
                if is_over {
                    let total = cx.awaited.iter(cx.now.instant).count();
                    json::push_waiting(&mut text, waiting(cx), total);
                    text.push_str(json::END);
                    return Some(document("application/json", text.as_bytes()));
                }
                if let Stage::Writing { text: place, written: count, .. } = &mut self.stage {
                    (*place, *count) = (text, written);
                }
                None
            }
        }
    }
}

/// The streams that have ended and are waited for, in the order of their names: application, name, and for how long, ms.
fn waiting(cx: &Ctx) -> impl Iterator<Item = (&str, &str, u128)> {
    let now = cx.now.instant;
    let left = move |until: Instant| until.saturating_duration_since(now).as_millis();
    cx.awaited.iter(now).take(MAX_LISTED).map(move |(app, name, until)| (app, name, left(until)))
}
