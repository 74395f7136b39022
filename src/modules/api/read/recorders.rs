//! The recorders of all live streams.

use serde::Serialize;

use super::parts::List;
use super::stream::RecordingFacts;
use crate::engine::{COMPOSED_AT_ONCE, Compose, Composed, Ctx, Visit, Walk};

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
        for _ in 0..COMPOSED_AT_ONCE {
            let walk = self.walk.get_or_insert_with(|| Walk::new(cx).without_clients());
            match walk.next(cx) {
                Some(Visit::Stream(id)) => {
                    let Some(stream) = cx.streams.get(id) else { continue };
                    let app = cx.apps.get(stream.app).map_or("", |app| &app.name);
                    for status in &stream.recordings {
                        let recording = RecordingFacts::new(status);
                        self.list.push(&RecorderFacts { app, stream: stream.name.as_str(), recording });
                    }
                }
                Some(Visit::Partly) => return Composed::Partly,
                Some(_) => {}
                None => return std::mem::replace(&mut self.list, List::begin("")).end(),
            }
        }
        Composed::Partly
    }
}
