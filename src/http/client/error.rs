//! What can be wrong with a response.

use std::error::Error;
use std::fmt;

use crate::http::body::error::{BodyError, MAX_TRAILER};
use crate::http::headers::MAX_HEADERS;

/// Longest head, bytes, with its empty line. Frameworks that set cookies send up to 8 KiB.
pub const MAX_HEAD: usize = 16 * 1024;
/// The most interim responses (1xx) before the response.
pub const MAX_INTERIM: usize = 8;

/// An error in a response, which is always the peer's: no answer can be had over this connection any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// The first bytes are of no protocol that is known here.
    NotHttp,
    /// The first byte is that of a TLS record: the port wants https.
    Tls,
    /// The first byte is the version of RTMP.
    Rtmp,
    /// HTTP, but not 1.0 or 1.1.
    Version,
    /// The first line has no status.
    StatusLine,
    /// A header field has no valid name or value.
    Field,
    /// A control character in the head.
    Control,
    /// The head is too long.
    HeadTooLarge,
    /// The head has too many fields.
    TooManyFields,
    /// One interim response (1xx) after the other.
    TooManyInterim,
    /// The peer switches to a protocol that nobody asked for (101).
    Switched,
    /// A Content-Length that is no number, or two that differ.
    Length,
    /// A Content-Length and a Transfer-Encoding, or a Transfer-Encoding in HTTP/1.0.
    Framing,
    /// A Transfer-Encoding that is not chunked alone.
    Coding,
    /// A broken chunk.
    Chunk,
    /// The fields behind the chunks are too long.
    TrailerTooLarge,
    /// The body has more bytes than this, which is the limit.
    BodyTooLarge(usize),
    /// The connection closed before any byte of the response.
    NoAnswer,
    /// The connection closed before the response was whole.
    Closed,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NotHttp => "no HTTP",
            Self::Tls => "no HTTP but TLS",
            Self::Rtmp => "no HTTP but RTMP",
            Self::Version => "neither HTTP/1.0 nor HTTP/1.1",
            Self::StatusLine => "a bad status line",
            Self::Field => "a bad header field",
            Self::Control => "a control character in the head",
            Self::HeadTooLarge => return write!(f, "the head has more than {MAX_HEAD} bytes"),
            Self::TooManyFields => return write!(f, "the head has more than {MAX_HEADERS} fields"),
            Self::TooManyInterim => return write!(f, "more than {MAX_INTERIM} interim responses"),
            Self::Switched => "it switches to another protocol (101)",
            Self::Length => "a bad Content-Length",
            Self::Framing => "a Transfer-Encoding with a Content-Length or in HTTP/1.0",
            Self::Coding => "a Transfer-Encoding that is not chunked",
            Self::Chunk => "a bad chunk",
            Self::TrailerTooLarge => {
                return write!(f, "the fields behind the body have more than {MAX_TRAILER} bytes");
            }
            Self::BodyTooLarge(limit) => return write!(f, "the body has more than {limit} bytes"),
            Self::NoAnswer => "closed without an answer",
            Self::Closed => "closed in the middle of the answer",
        };
        f.write_str(text)
    }
}

impl Error for ResponseError {}

impl From<BodyError> for ResponseError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Chunk => Self::Chunk,
            BodyError::TrailerTooLarge => Self::TrailerTooLarge,
            BodyError::TooLarge(limit) => Self::BodyTooLarge(limit),
        }
    }
}
