//! Which streams are in an answer: the first ones by application and name of all that are live and shown. Found in steps,
//! as there may be thousands.

use std::collections::{BTreeSet, BinaryHeap};

use crate::engine::{AppId, COMPOSED_AT_ONCE, Ctx, Stream, StreamId};

use super::MAX_LISTED;
use super::site::{App, View};

/// The streams that are listed, if they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    All,
    /// Those with these numbers.
    Numbered(BTreeSet<u64>),
    /// The stream of this name and its variants.
    Family {
        app: AppId,
        base: String,
    },
    None,
}

/// The streams so far.
#[derive(Debug)]
pub struct Selection {
    rows: Rows,
    /// The slot of the stream that is next.
    slot: usize,
    selected: Selected,
    /// Those that are listed: application, name. Invariant: at most [`MAX_LISTED`].
    first: BinaryHeap<(String, String, StreamId)>,
}

/// The streams of an answer.
#[derive(Debug, Default)]
pub struct Selected {
    /// Live streams that are shown, listed or not.
    pub total: usize,
    /// Their viewers.
    pub viewers: usize,
    /// Bytes of their media a second, from publishers and to players.
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Those that are listed, in the order of application and name.
    pub streams: Vec<StreamId>,
}

impl Selection {
    pub fn new(rows: Rows) -> Self {
        Self { rows, slot: 0, selected: Selected::default(), first: BinaryHeap::new() }
    }

    /// Looks at some streams; returns those that have been selected after the last step.
    pub fn step(&mut self, cx: &Ctx, view: &View) -> Option<Selected> {
        let now = cx.now.instant;
        let end = cx.streams.slots().min(self.slot + COMPOSED_AT_ONCE);
        for stream in (self.slot..end).filter_map(|slot| cx.streams.at(slot)) {
            let shown = view.app_of(cx, (stream.app, stream.name.as_str()));
            let Some(app) = shown.filter(|_| stream.is_live()) else { continue };
            self.selected.total += 1;
            self.selected.viewers += cx.viewers_of(stream);
            self.selected.bytes_in += stream.traffic.all_in.per_second(now);
            self.selected.bytes_out += stream.traffic.out.per_second(now);
            if !self.rows.have(view, app, stream) {
                continue;
            }
            self.first.push((app.name.clone(), stream.name.as_str().to_owned(), stream.id));
            if self.first.len() > MAX_LISTED {
                self.first.pop();
            }
        }
        self.slot = end;
        if end < cx.streams.slots() {
            return None;
        }
        let first = std::mem::take(&mut self.first).into_sorted_vec();
        let streams = first.into_iter().map(|(_, _, id)| id).collect();
        Some(Selected { streams, ..std::mem::take(&mut self.selected) })
    }
}

impl Rows {
    fn have(&self, view: &View, app: &App, stream: &Stream) -> bool {
        match self {
            Self::All => true,
            Self::Numbered(numbers) => numbers.contains(&view.numbers.of(stream.id)),
            Self::Family { app: wanted, base } => {
                stream.app == *wanted && app.family(stream.name.as_str()) == base
            }
            Self::None => false,
        }
    }
}

/// The numbers of an argument like `17,18`, at most as many as are listed; what is no number is left out.
pub fn numbers(text: &str) -> BTreeSet<u64> {
    text.split(',').take(MAX_LISTED).filter_map(|number| number.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_has_so_many_numbers_as_may_be_listed() {
        assert_eq!(numbers("17, 18,,x,-1,17,99999999999999999999"), BTreeSet::from([17, 18]));
        let many: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        assert_eq!(numbers(&many.join(",")).len(), MAX_LISTED);
        assert!(numbers("").is_empty());
    }
}
