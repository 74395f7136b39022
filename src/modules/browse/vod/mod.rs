//! A recording as HLS (RFC 8216), made while it is asked for: a playlist from the key frames of the file, and segments of
//! MPEG-TS, each by itself. Readers do the work, a few at a time; nothing is stored but some lists of key frames.

mod key_lists;
mod made;
mod playlist;
mod scan;
mod segment;
mod whole_file;

use crate::engine::{Compose, Composed, Ctx, HttpReply, JobResult, Lookup};
use crate::http::response::RETRY_AFTER;

use super::found::Found;
use made::Made;
use scan::Scan;
use segment::Segment;

pub use key_lists::KeyLists;
pub use made::CACHE;
pub use segment::etag;

/// A playlist or a segment that is being made.
#[derive(Debug)]
pub struct Making(Stage);

#[derive(Debug)]
enum Stage {
    Scan(Box<Scan>),
    Segment(Box<Segment>),
    Made(Made),
    /// A reader is at work.
    Away,
}

/// The most bytes of replies that wait in memory for slow clients while segments are made.
const MAX_WAITING: usize = 128 << 20;

impl Making {
    /// The playlist of a recording, whose URIs have this query.
    pub fn playlist(found: Found, query: String, lists: KeyLists) -> Self {
        Self(Stage::Scan(Box::new(Scan::new(found, query, lists))))
    }

    /// The media of a recording between two key frames, by their times in milliseconds.
    pub fn segment(found: Found, times: (u64, u64)) -> Self {
        Self(Stage::Segment(Box::new(Segment::new(found, times))))
    }
}

impl Compose for Making {
    fn step(&mut self, cx: &mut Ctx) -> Composed {
        match std::mem::replace(&mut self.0, Stage::Away) {
            Stage::Scan(scan) => wait(|| scan.advance().map_or_else(Stage::Scan, Stage::Made)),
            Stage::Segment(..) if cx.waiting_replies() > MAX_WAITING => {
                Composed::Verbatim(HttpReply::error(503).with("Retry-After", RETRY_AFTER))
            }
            Stage::Segment(segment) => wait(|| segment.advance().map_or_else(Stage::Segment, Stage::Made)),
            Stage::Made(made) => made.into_reply(),
            // The engine gives the finding before it asks for another step.
            Stage::Away => Composed::Reply(HttpReply::error(500)),
        }
    }

    fn take(&mut self, finding: JobResult) {
        if let Ok(stage) = finding.take() {
            self.0 = stage;
        }
    }
}

/// What is made in many steps lets others go first.
fn wait(work: impl FnOnce() -> Stage + Send + 'static) -> Composed {
    Composed::Wait(Lookup::new(work).in_turn())
}
