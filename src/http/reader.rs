//! A server's side of a connection: cuts the bytes into requests.
//!
//! It takes bytes only up to the end of a head or of a body, so that what a peer sends ahead stays with the caller,
//! who decides when to continue. Between requests it holds no buffer.

use super::body::framing::{BodyReader, RequestBody};
use super::headers::HttpError;
use super::request::{MAX_HEAD, Request};

/// The state of the line that is being received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Line {
    /// It has bytes.
    #[default]
    Begun,
    /// It has none yet.
    Empty,
    /// It has a CR only.
    Return,
    /// It was empty, and the last of the head.
    Last,
    /// It has a control character.
    Bad,
}

impl Line {
    /// The state after one more byte.
    pub(super) fn after(self, byte: u8) -> Self {
        match (byte, self) {
            (b'\n', Self::Empty | Self::Return) => Self::Last,
            (b'\n', Self::Begun) => Self::Empty,
            (b'\r', Self::Empty) => Self::Return,
            (0..=8 | 11..=12 | 14..=31 | 127, _) | (_, Self::Last | Self::Bad) => Self::Bad,
            _ => Self::Begun,
        }
    }
}

/// One connection's requests.
#[derive(Debug, Default)]
pub struct RequestReader {
    /// The head so far; at most [`MAX_HEAD`] bytes.
    head: Vec<u8>,
    line: Line,
    /// The request whose body is being read, and its body so far.
    with_body: Option<Box<(Request, BodyReader)>>,
    /// Nothing more is parsed after an error.
    failed: Option<HttpError>,
}

impl RequestReader {
    /// A reader that has not received anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from `input` until a request is complete, or all of them when none is.
    ///
    /// Call it again with what is left in `input` once the request is answered. After an error, answer
    /// with its status and close; further calls say the same again. If the request announces a body, give it back to
    /// [`Self::take_body`], or answer with [`Request::body_refusal`] and close.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Request>, HttpError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance(input);
        if let Err(error) = result {
            self.failed = Some(error);
            self.release();
        }
        result
    }

    /// Has the body of this request read, which it announces; then the request is returned again.
    pub fn take_body(&mut self, request: Request) -> Result<(), HttpError> {
        let reader = BodyReader::new(&request.body).inspect_err(|error| self.failed = Some(*error))?;
        self.with_body = Some(Box::new((request, reader)));
        Ok(())
    }

    /// True if part of a request has come: its deadline runs.
    pub fn in_request(&self) -> bool {
        !self.head.is_empty() || self.with_body.is_some()
    }

    /// Bytes that are held of a request.
    pub fn held(&self) -> usize {
        let with_body = self.with_body.as_ref().map_or(0, |body| 2 * body.0.length + body.1.held());
        self.head.capacity() + with_body
    }

    /// Frees what has come of a request. The session takes no more input after that.
    pub fn release(&mut self) {
        (self.head, self.with_body) = (Vec::new(), None);
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Request>, HttpError> {
        if let Some(with_body) = &mut self.with_body {
            if !with_body.1.next(input)? {
                return Ok(None);
            }
            let whole = self.with_body.take().map(|with_body| {
                let (mut request, reader) = *with_body;
                request.body = RequestBody::Whole(reader.into_bytes());
                request
            });
            return Ok(whole);
        }
        if self.head.is_empty() {
            // Old clients send an empty line after a request (RFC 9112, section 2.2).
            *input = without_leading_newlines(input);
            refuse_other_protocols(input)?;
        }
        let Some(length) = self.find_end(input)? else {
            self.head.extend_from_slice(input);
            *input = &[];
            return Ok(None);
        };
        let (last, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        self.line = Line::default();
        if self.head.is_empty() {
            return Request::parse(last).map(Some);
        }
        let mut head = std::mem::take(&mut self.head);
        head.extend_from_slice(last);
        Request::parse(&head).map(Some)
    }

    /// The bytes of `input` that belong to this head, if it ends in there.
    fn find_end(&mut self, input: &[u8]) -> Result<Option<usize>, HttpError> {
        let room = MAX_HEAD - self.head.len();
        for (position, &byte) in input.iter().enumerate() {
            if position == room {
                return Err(self.too_large(input));
            }
            self.line = self.line.after(byte);
            match self.line {
                Line::Last => return Ok(Some(position + 1)),
                Line::Bad => return Err(HttpError::new(400, "control character in the head")),
                Line::Begun | Line::Empty | Line::Return => {}
            }
        }
        Ok(None)
    }

    fn too_large(&self, input: &[u8]) -> HttpError {
        if self.head.contains(&b'\n') || input.iter().take(MAX_HEAD - self.head.len()).any(|&b| b == b'\n') {
            HttpError::new(431, "head too large")
        } else {
            HttpError::new(414, "request line too long")
        }
    }
}

/// RTMP and TLS are found by their first byte, not by a deadline.
fn refuse_other_protocols(input: &[u8]) -> Result<(), HttpError> {
    match input.first() {
        Some(3) => Err(HttpError::RTMP),
        Some(0x16) => Err(HttpError::TLS),
        _ => Ok(()),
    }
}

fn without_leading_newlines(input: &[u8]) -> &[u8] {
    let begin = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(input.len());
    input.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: &[&[u8]] = &[
        b"GET ",
        b"POST ",
        b"/",
        b"..",
        b"%2e",
        b"%5c",
        b"%00",
        b"a",
        b"?b",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"Host: a\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b":",
        b" ",
        b"Content-Length: 0\r\n",
        b"Content-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\xff",
        b"\0",
    ];

    const HEAD: &[u8] = b"GET /a HTTP/1.1\r\nHost: example\r\n\r\n";

    fn feed(session: &mut RequestReader, mut bytes: &[u8]) -> Vec<Result<Request, HttpError>> {
        let mut requests = Vec::new();
        loop {
            match session.next(&mut bytes) {
                Ok(Some(request)) => requests.push(Ok(request)),
                Ok(None) => return requests,
                Err(error) => {
                    requests.push(Err(error));
                    return requests;
                }
            }
        }
    }

    #[test]
    fn rtmp_and_tls_are_named() {
        for (input, error) in [
            (b"\x03\0\0\0\0".as_slice(), HttpError::RTMP),
            (b"\x16\x03\x01\x02\0\x01", HttpError::TLS),
            (b"\x01GET / HTTP/1.1\r\n", HttpError::new(400, "control character in the head")),
            (b"G\x03ET / HTTP/1.1\r\n", HttpError::new(400, "control character in the head")),
        ] {
            assert_eq!(RequestReader::new().next(&mut &input[..]).unwrap_err(), error);
        }
    }

    #[test]
    fn a_head_cut_anywhere_is_the_same_request() {
        let whole = feed(&mut RequestReader::new(), HEAD);
        assert_eq!(whole.len(), 1);
        for cut in 0..=HEAD.len() {
            let mut session = RequestReader::new();
            let mut requests = feed(&mut session, &HEAD[..cut]);
            assert_eq!(session.in_request(), (1..HEAD.len()).contains(&cut));
            requests.extend(feed(&mut session, &HEAD[cut..]));
            assert_eq!(requests, whole, "cut at {cut}");
        }
        let mut session = RequestReader::new();
        let bytewise: Vec<_> = HEAD.iter().flat_map(|byte| feed(&mut session, &[*byte])).collect();
        assert_eq!(bytewise, whole);
    }

    #[test]
    fn bytes_behind_a_request_stay_with_the_caller() {
        let bytes = [HEAD, b"HEAD /b HTTP/1.0\n\n", HEAD].concat();
        let mut input = bytes.as_slice();
        let mut session = RequestReader::new();
        assert_eq!(session.next(&mut input).unwrap().unwrap().path, "/a");
        assert_eq!(input.len(), bytes.len() - HEAD.len());
        assert!(!session.in_request());
        assert_eq!(session.next(&mut input).unwrap().unwrap().path, "/b");
        assert_eq!(session.next(&mut input).unwrap().unwrap().path, "/a");
        assert!(input.is_empty());
        assert_eq!(session.next(&mut input), Ok(None));
    }

    #[test]
    fn nothing_is_held_between_requests() {
        let mut session = RequestReader::new();
        feed(&mut session, &HEAD[..10]);
        feed(&mut session, &HEAD[10..]);
        feed(&mut session, b"\r\n\r\n");
        assert_eq!(session.head.capacity(), 0);
        assert_eq!(feed(&mut session, HEAD).len(), 1);
    }

    #[test]
    fn a_head_of_the_limit_passes_and_one_more_byte_does_not() {
        for (length, status) in [(MAX_HEAD, None), (MAX_HEAD + 1, Some(431))] {
            let padding = "y".repeat(length - HEAD.len() - "X: \r\n".len());
            let head = format!("GET /a HTTP/1.1\r\nHost: example\r\nX: {padding}\r\n\r\n");
            assert_eq!(head.len(), length);
            for step in [1, 100, length] {
                let mut session = RequestReader::new();
                let results: Vec<_> =
                    head.as_bytes().chunks(step).flat_map(|c| feed(&mut session, c)).collect();
                assert_eq!(results.first().and_then(|r| r.as_ref().err()).map(|e| e.status), status);
                assert!(session.head.len() <= MAX_HEAD);
            }
        }
    }

    #[test]
    fn an_endless_request_line_is_refused() {
        let mut session = RequestReader::new();
        let mut bytes: &[u8] = &[b'a'; MAX_HEAD + 1];
        assert_eq!(session.next(&mut bytes).unwrap_err().status, 414);
    }

    #[test]
    fn after_an_error_nothing_is_parsed() {
        let mut session = RequestReader::new();
        let smuggled = [b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\n", HEAD].concat();
        let mut input = smuggled.as_slice();
        assert_eq!(session.next(&mut input).unwrap_err().status, 400);
        assert_eq!(session.next(&mut input).unwrap_err().status, 400);
        assert_eq!(session.head.capacity(), 0);
    }

    #[test]
    fn other_protocols_are_refused_at_their_first_byte() {
        for first in [0x16, 0x03, 0x00, 0x05] {
            let mut session = RequestReader::new();
            let mut input: &[u8] = &[first];
            assert_eq!(session.next(&mut input).unwrap_err().status, 400);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_say_the_same(
            words in prop::collection::vec(prop::sample::select(WORDS), 0..40),
            step in 1_usize..50,
        ) {
            let bytes = words.concat();
            let whole = feed(&mut RequestReader::new(), &bytes);
            let mut session = RequestReader::new();
            let mut pieces: Vec<_> = bytes.chunks(step).flat_map(|piece| feed(&mut session, piece)).collect();
            // A caller stops at the first error; this one did not.
            pieces.truncate(whole.len());
            prop_assert_eq!(&pieces, &whole);
            for request in pieces.into_iter().flatten() {
                prop_assert!(request.path.starts_with('/') && !request.path.contains(['\0', '\\']));
                prop_assert!(!request.path.split('/').any(|segment| segment == ".."));
            }
        }
    }
}
