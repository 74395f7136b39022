//! A recording as HLS (RFC 8216), made while it is asked for: a playlist from the key frames of the file, and segments of
//! MPEG-TS, each by itself. Readers do the work, a few at a time; nothing is stored but some lists of key frames.

mod keys;
mod playlist;
mod segment;

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::engine::files::open_file::OpenFile;
use crate::engine::{Compose, Composed, Ctx, HttpReply, JobResult, Lookup};
use crate::media::file::{FileError, Source};

use super::found::Found;
use keys::Scan;

pub use keys::KeyLists;
pub use segment::etag;

/// A playlist or a segment that is being made.
#[derive(Debug)]
pub struct Making(Stage);

#[derive(Debug)]
enum Stage {
    Scan(Box<Scan>),
    Segment(Found, (u64, u64)),
    Made(Made),
    /// A reader is at work.
    Away,
}

/// What a reader has made.
#[derive(Debug)]
enum Made {
    Playlist(String),
    Segment { bytes: Vec<u8>, etag: String },
    Refused(Refusal),
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal {
    status: u16,
    why: &'static str,
}

/// What MPEG-TS does not carry.
const UNCARRIED: Refusal = Refusal {
    status: 415,
    why: "HLS of MPEG-TS carries H.264 and H.265 with AAC, MP3 and AC-3, and this recording has another codec; its file can be downloaded",
};

impl Making {
    /// The playlist of a recording, whose URIs have this query.
    pub fn playlist(found: Found, query: String, lists: KeyLists) -> Self {
        Self(Stage::Scan(Box::new(Scan::new(found, query, lists))))
    }

    /// The media of a recording between two key frames, by their times in milliseconds.
    pub fn segment(found: Found, times: (u64, u64)) -> Self {
        Self(Stage::Segment(found, times))
    }
}

impl Compose for Making {
    fn step(&mut self, _cx: &mut Ctx) -> Composed {
        match std::mem::replace(&mut self.0, Stage::Away) {
            Stage::Scan(scan) => Composed::Wait(Lookup::new(|| match scan.advance() {
                Ok(made) => Stage::Made(made),
                Err(scan) => Stage::Scan(scan),
            })),
            Stage::Segment(found, times) => {
                Composed::Wait(Lookup::new(move || Stage::Made(segment::make(&found, times))))
            }
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

impl Made {
    fn into_reply(self) -> Composed {
        match self {
            Self::Playlist(text) => {
                let mime = "application/vnd.apple.mpegurl";
                Composed::Reply(HttpReply::made(200, mime, "private, no-cache", text))
            }
            Self::Segment { bytes, etag } => {
                let reply = HttpReply::made(200, "video/mp2t", CACHE, bytes);
                Composed::Reply(reply.with("ETag", etag).with("Accept-Ranges", "none"))
            }
            Self::Refused(Refusal { status, why }) => {
                let text = format!("{why}\n");
                Composed::Verbatim(HttpReply::made(status, "text/plain; charset=utf-8", "no-store", text))
            }
        }
    }
}

/// Cache-Control of a segment, whose URI has the version of the file: not for others, who may not see it.
pub const CACHE: &str = "private, max-age=31536000, immutable";

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io(error) => {
                log::error!("a recording cannot be read: {error}");
                Self { status: 500, why: "the recording cannot be read now" }
            }
            FileError::Broken(why) => Self { status: 415, why },
        }
    }
}

/// A file that a reader reads, as long as it was when it was found.
#[derive(Debug)]
struct WholeFile {
    file: Arc<OpenFile>,
    length: u64,
}

impl WholeFile {
    fn of(found: &Found) -> Self {
        Self { file: Arc::clone(&found.file.file), length: found.file.length }
    }
}

impl Source for WholeFile {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.file.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.length)
    }
}
