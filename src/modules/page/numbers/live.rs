//! `live.json`: the numbers of the last second, for a script that asks for them each second. It is small, and composed in
//! steps.

use std::fmt::Write;
use std::vec;

use serde::Serialize;

use crate::engine::{Compose, Composed, Ctx, RecordingState, Stream, StreamId};
use crate::http::json::to_string;

use super::detail::Detail;
use super::json;
use super::list::WRITTEN_AT_ONCE;
use super::milliseconds;
use super::process::Process;
use super::relays::RelayIndex;
use super::selection::{Rows, Selected, Selection};
use super::site::View;
use super::stream::LiveStream;
use super::waiting::WaitingList;
use crate::modules::page::document;

/// An answer that is being made.
#[derive(Debug)]
pub struct Live {
    view: View,
    process: Process,
    selection: Selection,
    /// The streams that are left, once they have been selected.
    streams: Option<vec::IntoIter<StreamId>>,
    relays: RelayIndex,
    waiting: WaitingList,
    /// The second that the rows are of.
    second: u64,
    text: String,
    written: usize,
    wanted: Wanted,
}

/// The stream of which everything is told.
#[derive(Debug)]
pub enum Wanted {
    /// None is asked for.
    Nothing,
    /// The one that is asked for is not there, or not shown.
    Unknown,
    Stream(Box<Detail>),
}

/// The numbers of the process, and of the streams that are shown.
#[derive(Debug, Serialize)]
struct Totals {
    /// With a token, those of all connections of the server. Without one, the media of the streams that are shown: the rest
    /// would tell of the hidden ones.
    bits_in: u64,
    bits_out: u64,
    viewers: usize,
    #[serde(flatten)]
    process: Process,
    uptime_ms: u64,
    streams: usize,
}

impl Live {
    pub fn new(view: View, process: Process, (rows, wanted): (Rows, Wanted)) -> Self {
        Self {
            waiting: WaitingList::new(&view),
            view,
            process,
            selection: Selection::new(rows),
            streams: None,
            relays: RelayIndex::default(),
            second: 0,
            text: String::new(),
            written: 0,
            wanted,
        }
    }

    fn begin(&mut self, cx: &Ctx, selected: Selected) {
        let now = cx.now.instant;
        let (bytes_in, bytes_out) = if self.view.sight.all {
            (cx.totals.bytes_in.per_second(now), cx.totals.bytes_out.per_second(now))
        } else {
            (selected.bytes_in, selected.bytes_out)
        };
        let totals = Totals {
            bits_in: 8 * bytes_in,
            bits_out: 8 * bytes_out,
            viewers: selected.viewers,
            process: self.process,
            uptime_ms: milliseconds(now.saturating_duration_since(cx.started.instant)),
            streams: selected.total,
        };
        self.relays = RelayIndex::new(cx);
        self.second = json::last_second(cx);
        self.text = json::begin(cx, &self.view);
        // Writing to a String cannot fail.
        let _ = write!(self.text, r#","totals":{},"streams":["#, to_string(&totals));
        self.streams = Some(selected.streams.into_iter());
    }

    fn write_row(&mut self, cx: &mut Ctx, id: StreamId) {
        cx.close_seconds(id);
        let Some(stream) = cx.streams.get(id).filter(|stream| stream.is_live()) else { return };
        let Some(live) = LiveStream::new(cx, &self.view, &self.relays, stream) else { return };
        let (facts, grace) = (&live.facts, live.ends_in_ms.unwrap_or_default());
        let last = stream.history.second(self.second);
        let (bits, pictures, keys) = (8 * u64::from(last.bytes), last.pictures, last.keys);
        let picture = stream.key_frames.last().map_or(0, |picture| picture.number);
        let viewers = cx.viewers_of(stream);
        let dropped = stream.history.dropped(stream.traffic.dropped);
        let (recorded, number) = (recorded(stream), live.id);
        self.text.push_str(if self.written > 0 { "," } else { "" });
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            r#"[{number},"{facts}",{bits},{pictures},{keys},{viewers},{grace},{picture},{dropped},{recorded}]"#
        );
        self.written += 1;
    }
}

impl Compose for Live {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let Some(streams) = &mut self.streams else {
            if let Some(selected) = self.selection.step(cx, &self.view) {
                self.begin(cx, selected);
            }
            return Composed::Partly;
        };
        let part: Vec<_> = streams.take(WRITTEN_AT_ONCE).collect();
        if !part.is_empty() {
            part.into_iter().for_each(|id| self.write_row(cx, id));
            return Composed::Partly;
        }
        if !self.waiting.step(cx, &self.view) {
            return Composed::Partly;
        }
        let detail = match &mut self.wanted {
            Wanted::Nothing => String::new(),
            Wanted::Unknown => r#","detail":null"#.to_owned(),
            Wanted::Stream(detail) => match detail.step(cx, &self.view) {
                Some(text) => format!(r#","detail":{text}"#),
                None => return Composed::Partly,
            },
        };
        self.text.push(']');
        self.waiting
            .write(&mut self.text, |waiting| to_string(&(&waiting.app, &waiting.name, waiting.ends_in_ms)));
        self.text.push_str(&detail);
        self.text.push_str(json::END);
        Composed::Reply(document::json(std::mem::take(&mut self.text)))
    }
}

/// Bytes of the files that are being written.
fn recorded(stream: &Stream) -> u64 {
    let now = stream.recordings.iter().filter(|status| status.state == RecordingState::Recording);
    now.map(|status| status.size).sum()
}
