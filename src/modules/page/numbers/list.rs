//! `streams.json`: everything of all live streams, or of some, composed in steps.

use std::fmt::Write;
use std::vec;

use crate::engine::{Compose, Composed, Ctx, StreamId};
use crate::http::json::to_string;

use super::json::{self, Refused};
use super::relays::RelayIndex;
use super::selection::{Rows, Selected, Selection};
use super::site::View;
use super::stream::{HistoryFacts, LiveStream, WithHistory};
use super::waiting::WaitingList;
use crate::modules::page::document;

/// Streams that are written in one step, of `live.json`, too: for each, the names of its codecs are read from its headers.
pub const WRITTEN_AT_ONCE: usize = 32;

/// A list that is being made.
#[derive(Debug)]
pub struct StreamList {
    view: View,
    selection: Selection,
    /// The streams that are left, once they have been selected.
    streams: Option<vec::IntoIter<StreamId>>,
    relays: RelayIndex,
    waiting: WaitingList,
    text: String,
    written: usize,
}

impl StreamList {
    /// A list of these streams.
    pub fn new(view: View, rows: Rows) -> Self {
        Self {
            waiting: WaitingList::new(&view),
            view,
            selection: Selection::new(rows),
            streams: None,
            relays: RelayIndex::default(),
            text: String::new(),
            written: 0,
        }
    }

    fn begin(&self, cx: &Ctx, total: usize) -> String {
        let (beside, mut text) = (&self.view.beside, json::begin(cx, &self.view));
        let sight = &self.view.sight;
        // They count tries at what is hidden, too.
        let refused = if sight.targets { Refused::new(cx) } else { Refused::default() };
        let (sees_all, refused) = (sight.all, to_string(&refused));
        let (access, applications) = (&beside.access, &beside.applications);
        // Writing to a String cannot fail.
        let _ = write!(text, r#","sees_all":{sees_all},{access},"total":{total},"#);
        let _ = write!(text, r#""refused":{refused},{applications},"streams":["#);
        text
    }

    fn write(&mut self, cx: &mut Ctx, id: StreamId) {
        cx.close_seconds(id);
        let cx = &*cx;
        let Some(stream) = cx.streams.get(id).filter(|stream| stream.is_live()) else { return };
        let Some(live) = LiveStream::new(cx, &self.view, &self.relays, stream) else { return };
        let live = WithHistory { live, history: HistoryFacts::new(&stream.history) };
        json::push(&mut self.text, &live, self.written > 0);
        self.written += 1;
    }
}

impl Compose for StreamList {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let Some(streams) = &mut self.streams else {
            if let Some(Selected { total, streams, .. }) = self.selection.step(cx, &self.view) {
                self.text = self.begin(cx, total);
                self.relays = RelayIndex::new(cx);
                self.streams = Some(streams.into_iter());
            }
            return Composed::Partly;
        };
        let part: Vec<_> = streams.take(WRITTEN_AT_ONCE).collect();
        let is_over = streams.as_slice().is_empty();
        part.into_iter().for_each(|id| self.write(cx, id));
        if !is_over || !self.waiting.step(cx, &self.view) {
            return Composed::Partly;
        }
        self.text.push(']');
        self.waiting.write(&mut self.text, to_string);
        self.text.push_str(json::END);
        Composed::Reply(document::json(std::mem::take(&mut self.text)))
    }
}
