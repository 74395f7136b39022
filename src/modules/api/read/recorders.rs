//! The recorders of all live streams.

use serde::Serialize;

use super::parts::List;
use super::stream::RecordingFacts;
use crate::engine::{Compose, Composed, Ctx, Visit, Walk};

/// Composes the list of the recorders of all streams.
#[derive(Debug)]
pub struct Recorders {
    /// None before the first step.
    walk: Option<Walk>,
    list: List,
}

#[derive(Debug, Serialize)]
struct RecorderFacts<'a> {
    app: &'a str,
    stream: &'a str,
    #[serde(flatten)]
    recording: RecordingFacts<'a>,
}

impl Recorders {
    /// The list of the recorders of all streams.
    pub fn new() -> Self {
        Self { walk: None, list: List::begin("recorders") }
    }
}

impl Compose for Recorders {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        let (cx, list) = (&*cx, &mut self.list);
        let walk = self.walk.get_or_insert_with(|| Walk::new(cx).without_clients());
        let has_more = walk.step(cx, |visit| {
            let Visit::Stream(id) = visit else { return };
            let Some(stream) = cx.streams.get(id) else { return };
            let app = cx.apps.get(stream.app).map_or("", |app| &app.name);
            for status in &stream.recordings {
                let recording = RecordingFacts::new(status);
                list.push(&RecorderFacts { app, stream: stream.name.as_str(), recording });
            }
        });
        if has_more { Composed::Partly } else { std::mem::replace(list, List::begin("")).end() }
    }
}
