//! Where a body ends (RFC 9112, section 6.3). What two readers could read in two ways is an error.

use super::error::ResponseError;
use super::head::Head;
use crate::http::body::chunked::Chunks;
use crate::http::headers::Headers;
use crate::http::response::has_body;

/// What ends a body.
#[derive(Debug)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes are left.
    Length(usize),
    /// The last chunk.
    Chunked(Chunks),
    /// The end of the connection.
    Close,
}

impl Framing {
    /// The framing that a head announces, of a body of at most `max_body` bytes.
    pub fn of(head: &Head, max_body: usize) -> Result<Self, ResponseError> {
        if !has_body(head.status) {
            return Ok(Self::None);
        }
        let length = content_length(&head.headers, max_body)?;
        let mut codings = head.headers.all("transfer-encoding");
        match codings.next() {
            None => Ok(length.map_or(Self::Close, Self::Length)),
            Some(_) if length.is_some() || head.version_minor == 0 => Err(ResponseError::Framing),
            Some(coding) if coding.eq_ignore_ascii_case("chunked") && codings.next().is_none() => {
                Ok(Self::Chunked(Chunks::default()))
            }
            Some(_) => Err(ResponseError::Coding),
        }
    }

    /// True if the end of the body is not that of the connection. Of a head that announces a body which cannot be
    /// (a 204 with a length), nobody knows whether it comes.
    pub fn leaves_connection(&self, headers: &Headers) -> bool {
        match self {
            Self::None => {
                headers.get("transfer-encoding").is_none()
                    && headers.all("content-length").all(|length| length == "0")
            }
            Self::Length(_) | Self::Chunked(_) => true,
            Self::Close => false,
        }
    }
}

/// The length, which may be there more than once if it is the same.
pub fn content_length(headers: &Headers, max_body: usize) -> Result<Option<usize>, ResponseError> {
    let mut found = None;
    for field in headers.all("content-length").flat_map(|value| value.split(',')) {
        let digits = field.trim_matches([' ', '\t']);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ResponseError::Length);
        }
        // Of digits alone, only a number that is too large cannot be read.
        let length = digits.parse().ok().filter(|&length| length <= max_body);
        let length = length.ok_or(ResponseError::BodyTooLarge(max_body))?;
        if found.replace(length).is_some_and(|other| other != length) {
            return Err(ResponseError::Length);
        }
    }
    Ok(found)
}
