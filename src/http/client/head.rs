//! The head of a response: cut from the bytes, and parsed.

use httparse::Status;

use super::error::{MAX_HEAD, ResponseError};
use crate::http::body::append;
use crate::http::headers::{Headers, MAX_HEADERS};
use crate::http::reader::Line;

/// How every response begins.
const BEGIN: &[u8] = b"HTTP/";

/// A parsed head.
#[derive(Debug)]
pub struct Head {
    /// 100 to 599.
    pub status: u16,
    /// 0 or 1: the peer's HTTP/1.x.
    pub version_minor: u8,
    /// The header fields.
    pub headers: Headers,
}

impl Head {
    /// Parses a whole head, with its empty line.
    fn parse(head: &[u8]) -> Result<Self, ResponseError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut fields);
        let status = parsed.parse(head).map_err(refuse)?;
        let (Status::Complete(_), Some(status @ 100..=599), Some(version_minor)) =
            (status, parsed.code, parsed.version)
        else {
            return Err(ResponseError::StatusLine);
        };
        let text = |bytes| String::from_utf8_lossy(bytes).trim_matches([' ', '\t']).to_owned();
        let headers = Headers(
            parsed.headers.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value))).collect(),
        );
        Ok(Self { status, version_minor, headers })
    }

    /// True if the peer takes another request behind this response (RFC 9112, section 9.3).
    pub fn is_persistent(&self) -> bool {
        let by_version = self.version_minor > 0 || self.headers.has_token("connection", "keep-alive");
        by_version && !self.headers.has_token("connection", "close")
    }
}

/// The bytes of a head so far.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// At most [`MAX_HEAD`] bytes.
    bytes: Vec<u8>,
    line: Line,
    /// As many of the first bytes as have the status, whatever becomes of the head.
    start: Vec<u8>,
}

/// The length of "HTTP/1.1 200".
const STATUS_END: usize = 12;

impl HeadReader {
    /// Takes bytes from `input` until a head is complete, or all of them when none is.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Head>, ResponseError> {
        self.start.extend(input.iter().take(STATUS_END - self.start.len()));
        self.check_begin(input)?;
        let end = self.find_end(input)?;
        let (part, rest) = input.split_at_checked(end.unwrap_or(input.len())).unwrap_or((input, &[]));
        *input = rest;
        append(&mut self.bytes, part, MAX_HEAD);
        if end.is_none() {
            return Ok(None);
        }
        let whole = std::mem::take(self);
        Head::parse(&whole.bytes).map(Some)
    }

    /// The status, if the head has come as far.
    pub fn status(&self) -> Option<u16> {
        let digits = self.start.strip_prefix(b"HTTP/1.")?.get(1..)?.strip_prefix(b" ")?;
        std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 3)?.parse().ok()
    }

    /// True between two heads.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that are held of a head.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Another protocol is found by its first bytes, not by a deadline.
    fn check_begin(&self, input: &[u8]) -> Result<(), ResponseError> {
        let expected = BEGIN.get(self.bytes.len()..).unwrap_or_default();
        if input.iter().zip(expected).all(|(byte, expected)| byte == expected) {
            return Ok(());
        }
        Err(match input.first() {
            Some(3) if self.is_empty() => ResponseError::Rtmp,
            // The types of TLS records: an alert is what a server says to a request that is not encrypted.
            Some(0x14..=0x17) if self.is_empty() => ResponseError::Tls,
            _ => ResponseError::NotHttp,
        })
    }

    /// The bytes of `input` that belong to this head, if it ends in there.
    fn find_end(&mut self, input: &[u8]) -> Result<Option<usize>, ResponseError> {
        let room = MAX_HEAD.saturating_sub(self.bytes.len());
        for (position, &byte) in input.iter().enumerate() {
            if position == room {
                return Err(ResponseError::HeadTooLarge);
            }
            self.line = self.line.after(byte);
            match self.line {
                Line::Last => return Ok(Some(position + 1)),
                Line::Bad => return Err(ResponseError::Control),
                Line::Begun | Line::Empty | Line::Return => {}
            }
        }
        Ok(None)
    }
}

fn refuse(error: httparse::Error) -> ResponseError {
    match error {
        httparse::Error::TooManyHeaders => ResponseError::TooManyFields,
        httparse::Error::Version => ResponseError::Version,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => ResponseError::Field,
        httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => {
            ResponseError::StatusLine
        }
    }
}
