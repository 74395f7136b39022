//! Where the body of a request ends: none is overlooked.
//!
//! Whether a body is taken is decided elsewhere. One that is not is refused with the head that announces it, so what
//! follows that head is never read.

use super::chunked::Chunks;
use super::error::BodyError;
use super::{Body, MAX_REQUEST_BODY};
use crate::http::headers::{Headers, HttpError, Method};

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestBody {
    /// It has none.
    None,
    /// One of so many bytes is announced, at least one.
    Length(u64),
    /// One in chunks is announced.
    Chunked,
    /// The whole body.
    Whole(Vec<u8>),
}

impl RequestBody {
    /// Whether it is announced and has not been read.
    pub fn is_announced(&self) -> bool {
        matches!(self, Self::Length(_) | Self::Chunked)
    }

    /// Its bytes, as far as they are known.
    pub fn bytes(&self) -> &[u8] {
        if let Self::Whole(bytes) = self { bytes } else { &[] }
    }
}

/// The error for a body that nobody takes.
pub fn refusal(method: &Method) -> HttpError {
    match method {
        Method::Get | Method::Head | Method::Options => HttpError::new(400, "body not expected"),
        Method::Other(_) => HttpError::new(413, "bodies are not accepted"),
    }
}

/// The body that a head announces. Refuses every head whose body another parser could see elsewhere (RFC 9112,
/// section 6.3).
pub fn announced(headers: &Headers, version_minor: u8) -> Result<RequestBody, HttpError> {
    let mut lengths = headers.all("content-length");
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(HttpError::new(400, "more than one Content-Length"));
    }
    let mut codings = headers.all("transfer-encoding");
    if let Some(coding) = codings.next() {
        return Err(match (version_minor, length, codings.next()) {
            (0, _, _) => HttpError::new(400, "Transfer-Encoding in HTTP/1.0"),
            (_, Some(_), _) => HttpError::new(400, "Content-Length and Transfer-Encoding"),
            (_, _, Some(_)) => HttpError::new(400, "more than one Transfer-Encoding"),
            _ => return chunked_alone(coding),
        });
    }
    match length {
        None => Ok(RequestBody::None),
        Some(length) if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(HttpError::new(400, "bad Content-Length"))
        }
        Some(length) => match length.parse::<u64>() {
            Ok(0) => Ok(RequestBody::None),
            Ok(length) => Ok(RequestBody::Length(length)),
            Err(_) => Err(HttpError::new(400, "bad Content-Length")),
        },
    }
}

/// A single Transfer-Encoding (RFC 9112, section 6.1).
fn chunked_alone(coding: &str) -> Result<RequestBody, HttpError> {
    let mut names = coding.rsplit(',').map(str::trim);
    let last_is_chunked = names.next().is_some_and(|name| name.eq_ignore_ascii_case("chunked"));
    match (last_is_chunked, names.next()) {
        (true, None) => Ok(RequestBody::Chunked),
        (true, Some(_)) => Err(HttpError::new(501, "unknown transfer coding")),
        (false, _) => Err(HttpError::new(400, "body without an end")),
    }
}

/// A body that is being read.
#[derive(Debug)]
pub struct BodyReader {
    framing: Framing,
    body: Body,
}

#[derive(Debug)]
enum Framing {
    /// So many bytes are left.
    Length(usize),
    Chunked(Chunks),
}

impl BodyReader {
    /// A reader for an announced body, unless that is too large.
    pub fn new(announced: &RequestBody) -> Result<Self, HttpError> {
        let framing = match announced {
            RequestBody::Length(length) => {
                let length = usize::try_from(*length).ok().filter(|&length| length <= MAX_REQUEST_BODY);
                Framing::Length(length.ok_or(TOO_LARGE)?)
            }
            RequestBody::Chunked => Framing::Chunked(Chunks::strict()),
            RequestBody::None | RequestBody::Whole(_) => Framing::Length(0),
        };
        Ok(Self { framing, body: Body::new(MAX_REQUEST_BODY) })
    }

    /// Takes bytes of the body from `input`. True at its end.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<bool, HttpError> {
        let result = match &mut self.framing {
            Framing::Length(left) => {
                let (data, rest) = input.split_at_checked(*left).unwrap_or((input, &[]));
                *input = rest;
                *left -= data.len();
                let is_whole = *left == 0;
                self.body.append(data).map(|()| is_whole)
            }
            Framing::Chunked(chunks) => chunks.next(input, &mut self.body),
        };
        result.map_err(|error| match error {
            BodyError::Chunk => HttpError::new(400, "a bad chunk in the body"),
            BodyError::TrailerTooLarge => HttpError::new(431, "too many bytes behind the body"),
            BodyError::TooLarge(_) => TOO_LARGE,
        })
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body.into_bytes()
    }

    /// Bytes that are held of it.
    pub fn held(&self) -> usize {
        self.body.held()
    }
}

const TOO_LARGE: HttpError = HttpError::new(413, "the body is too large");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Request;

    fn status(head: &str) -> u16 {
        match Request::parse(head.as_bytes()) {
            Ok(request) if request.body.is_announced() => refusal(&request.method).status,
            Ok(_) => 200,
            Err(error) => error.status,
        }
    }

    fn get(fields: &str) -> u16 {
        status(&format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn framing_that_could_be_read_in_two_ways_is_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Content-Length: 0\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: +0\r\n",
            "Content-Length: 5,5\r\n",
            "Content-Length: 0, 0\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length : 0\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding:\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "Transfer-Encoding: chunked\u{a0}\r\n",
            "Transfer-Encoding: \u{3000}chunked\r\n",
            "Content-Length: 0\u{a0}\r\n",
            "Content-Length: \u{2028}0\r\n",
            "X: a\r\n Transfer-Encoding: chunked\r\n",
            "X: a\rContent-Length: 5\r\n",
            "X: a\0b\r\n",
            "\u{e9}: a\r\n",
            ": a\r\n",
            "X\r\n",
        ] {
            assert_eq!(get(fields), 400, "{fields:?}");
        }
        assert_eq!(status("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    }

    #[test]
    fn a_body_is_refused_with_the_head_that_announces_it() {
        let post = |field: &str| status(&format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
        assert_eq!(get("Content-Length: 5\r\n"), 400);
        assert_eq!(get("Transfer-Encoding: chunked\r\n"), 400);
        assert_eq!(get("Transfer-Encoding: gzip, chunked\r\n"), 501);
        assert_eq!(get("Content-Length: 0\r\n"), 200);
        assert_eq!(post("Content-Length: 0"), 200);
        assert_eq!(post("Content-Length: 10737418240"), 413);
        assert_eq!(post("Transfer-Encoding: Chunked"), 413);
    }
}
