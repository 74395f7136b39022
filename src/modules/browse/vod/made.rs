//! What a reader has made of a recording, as the answer to a request.

use crate::engine::{Composed, HttpReply};
use crate::media::file::FileError;

/// What a reader has made.
#[derive(Debug)]
pub enum Made {
    Playlist(String),
    Segment { bytes: Vec<u8>, etag: String },
    Refused(Refusal),
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub why: &'static str,
}

/// What MPEG-TS does not carry.
pub const UNCARRIED: Refusal = Refusal {
    status: 415,
    why: "HLS of MPEG-TS carries H.264 and H.265 with AAC, MP3 and AC-3, and this recording has another codec; its file can be downloaded",
};

impl Made {
    pub fn into_reply(self) -> Composed {
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
