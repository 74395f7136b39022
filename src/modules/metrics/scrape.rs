//! The composing of all metrics, in steps: there may be thousands of streams and players.

use std::collections::{BTreeMap, BinaryHeap};

use super::stream::{Row, STREAM_METRICS};
use super::text::{Kind, MIME, Text};
use super::{relay, server};
use crate::engine::{
    AppId, COMPOSED_AT_ONCE, Compose, Composed, Ctx, HttpReply, StreamCounts, StreamId, StreamRank,
    StreamState,
};

/// The most streams that have metrics of their own: each costs some two dozen series in a database that keeps them.
pub const MAX_STREAMS: usize = 500;

/// A stream by application and name. Of several with the same names, in several servers, the first one by rank counts.
type Named = (String, String, StreamRank, StreamId);

/// Metrics that are being composed.
#[derive(Debug)]
pub struct Scrape {
    stage: Stage,
    counts: StreamCounts,
    /// Players of files by application.
    file_players: BTreeMap<AppId, usize>,
    rows: Vec<Row>,
    text: Text,
}

#[derive(Debug)]
enum Stage {
    /// The first live streams by name are found; the next slot is this one.
    Finding { slot: usize, first: BinaryHeap<Named> },
    /// What there is of them is read. Of the first one, so many players have been looked at.
    Reading { streams: std::vec::IntoIter<Named>, players: usize },
    /// The metric at this position comes next.
    Writing(usize),
}

impl Default for Scrape {
    fn default() -> Self {
        let stage = Stage::Finding { slot: 0, first: BinaryHeap::new() };
        Self {
            stage,
            counts: StreamCounts::default(),
            file_players: BTreeMap::new(),
            rows: Vec::new(),
            text: Text::default(),
        }
    }
}

impl Compose for Scrape {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        match &mut self.stage {
            Stage::Finding { slot, first } => {
                let end = cx.streams.slots().min(*slot + COMPOSED_AT_ONCE);
                find(cx, *slot..end, first, (&mut self.counts, &mut self.file_players));
                *slot = end;
                if end == cx.streams.slots() {
                    let mut streams = std::mem::take(first).into_sorted_vec();
                    streams.dedup_by(|next, (app, name, ..)| (&next.0, &next.1) == (app, name));
                    self.stage = Stage::Reading { streams: streams.into_iter(), players: 0 };
                }
                Composed::Partly
            }
            Stage::Reading { streams, players } => {
                if read(cx, streams, players, &mut self.rows) {
                    server::write(&mut self.text, cx, &self.counts);
                    server::write_files(&mut self.text, cx, &self.file_players);
                    relay::write(&mut self.text, cx);
                    self.write_left_out();
                    self.stage = Stage::Writing(0);
                }
                Composed::Partly
            }
            Stage::Writing(next) => match STREAM_METRICS.get(*next) {
                Some(metric) => {
                    metric.write(&mut self.text, &self.rows);
                    *next += 1;
                    Composed::Partly
                }
                None => {
                    let text = std::mem::take(&mut self.text).into_string();
                    Composed::Reply(HttpReply::made(200, MIME, "no-store", text))
                }
            },
        }
    }
}

impl Scrape {
    fn write_left_out(&mut self) {
        let all = self.counts.live + self.counts.lost;
        self.text.single(
            "streams_left_out",
            Kind::Gauge,
            "Live streams that have no metrics of their own, as there are more than 500, or others of the same name.",
            all.saturating_sub(self.rows.len()),
        );
    }
}

/// Counts the streams in these slots, and adds live ones to the first by name.
fn find(
    cx: &Ctx,
    slots: std::ops::Range<usize>,
    first: &mut BinaryHeap<Named>,
    (counts, file_players): (&mut StreamCounts, &mut BTreeMap<AppId, usize>),
) {
    for stream in slots.filter_map(|slot| cx.streams.any_at(slot)) {
        match counts.add(stream) {
            StreamState::Live | StreamState::Lost => {}
            StreamState::Idle => continue,
            // There is no end of names of files.
            StreamState::File => {
                *file_players.entry(stream.app).or_default() += stream.players.len();
                continue;
            }
        }
        let app = cx.apps.get(stream.app).map_or("", |app| app.name.as_str());
        let rank = StreamRank::of(cx, stream);
        first.push((app.to_owned(), stream.name.as_str().to_owned(), rank, stream.id));
        if first.len() > MAX_STREAMS {
            first.pop();
        }
    }
}

/// Reads streams, and the queues of their players, for one step; true if there is nothing left.
fn read(cx: &Ctx, streams: &mut std::vec::IntoIter<Named>, players: &mut usize, rows: &mut Vec<Row>) -> bool {
    let mut left = COMPOSED_AT_ONCE;
    while let Some((.., id)) = streams.as_slice().first() {
        if left == 0 {
            return false;
        }
        let Some(stream) = cx.streams.get(*id).filter(|stream| stream.is_live()) else {
            // It has ended meanwhile.
            if *players > 0 {
                rows.pop();
            }
            (*players, _) = (0, streams.next());
            continue;
        };
        if *players == 0 {
            rows.push(Row::new(cx, stream, cx.now.instant));
        }
        let part = stream.players.get(*players..).unwrap_or_default();
        let part = part.get(..left).unwrap_or(part);
        for session in part.iter().filter_map(|player| cx.sessions.get(player.session)) {
            let Some(Row { queue: (messages, bytes), .. }) = rows.last_mut() else { continue };
            (*messages, *bytes) = ((*messages).max(session.out.len()), (*bytes).max(session.out.bytes()));
        }
        *players += part.len();
        left -= part.len();
        if *players < stream.players.len() {
            return false;
        }
        left = left.saturating_sub(1);
        (*players, _) = (0, streams.next());
    }
    true
}
