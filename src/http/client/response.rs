//! A client's side of a connection: cuts the bytes into responses.

use super::error::{MAX_INTERIM, ResponseError};
use super::framing::{Framing, content_length};
use super::head::{Head, HeadReader};
use crate::http::body::Body;
use crate::http::headers::Headers;
use crate::http::response::has_body;

/// A whole response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, without its chunks.
    pub body: Vec<u8>,
    /// The peer takes another request over this connection.
    pub is_persistent: bool,
}

/// What stands before the body of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 200 to 599.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
}

impl ResponseHead {
    /// The length of the body, if that is announced.
    pub fn length(&self) -> Option<u64> {
        let length = content_length(&self.headers, usize::MAX).ok().flatten()?;
        has_body(self.status).then_some(length as u64)
    }
}

/// The responses of one connection. It holds no buffer between them.
#[derive(Debug)]
pub struct ResponseReader {
    max_body: usize,
    /// Interim responses (1xx) before the present one.
    interim: usize,
    head: HeadReader,
    /// The status of the last response.
    status: Option<u16>,
    state: State,
}

/// What comes next.
#[derive(Debug)]
enum State {
    Head,
    Body(Begun),
    /// Nothing: the connection has ended, or what it sends is not understood.
    Ended(ResponseError),
}

/// A response whose head has come.
#[derive(Debug)]
struct Begun {
    status: u16,
    headers: Headers,
    is_persistent: bool,
    framing: Framing,
    body: Body,
}

impl ResponseReader {
    /// A reader for bodies of at most `max_body` bytes.
    pub fn new(max_body: usize) -> Self {
        Self { max_body, interim: 0, head: HeadReader::default(), status: None, state: State::Head }
    }

    /// Takes bytes from `input` until a response is complete, or all of them when none is. Interim responses (1xx) are
    /// passed over.
    ///
    /// What is left in `input` is not of this response: nobody has asked for it, unless requests were sent ahead. After
    /// an error, close; further calls say the same again.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Response>, ResponseError> {
        let result = self.advance(input);
        if let Err(error) = result {
            self.note_status();
            self.finish(error);
        }
        result
    }

    /// The peer has closed: the response whose body ends with the connection, or else an error.
    pub fn end(&mut self) -> Result<Response, ResponseError> {
        let error = self.closed();
        self.note_status();
        match std::mem::replace(&mut self.state, State::Ended(error)) {
            State::Body(begun @ Begun { framing: Framing::Close, .. }) => {
                self.finish(ResponseError::NoAnswer);
                Ok(begun.into_response())
            }
            _ => {
                self.finish(error);
                Err(error)
            }
        }
    }

    /// Frees what has come of a response. It takes no more input after that.
    pub fn release(&mut self) {
        self.finish(self.closed());
    }

    /// True if any byte of the present response has come, be it of an interim one: the peer has seen the request.
    pub fn has_begun(&self) -> bool {
        match self.state {
            State::Head => self.interim > 0 || !self.head.is_empty(),
            State::Body(_) => true,
            State::Ended(error) => error != ResponseError::NoAnswer,
        }
    }

    /// The status of the present response or the last one, also if the rest of it is broken.
    pub fn status(&self) -> Option<u16> {
        self.status.or_else(|| self.head.status())
    }

    /// Keeps the status of a head that is not finished.
    fn note_status(&mut self) {
        self.status = self.status();
    }

    /// Takes bytes from `input` up to the end of a head, for who takes the body in parts: those come from [`Self::next`] and
    /// [`Self::take_body`]. Errors are those of [`Self::next`].
    pub fn next_head(&mut self, input: &mut &[u8]) -> Result<Option<ResponseHead>, ResponseError> {
        if let Err(error) = self.begin(input) {
            self.note_status();
            self.finish(error);
            return Err(error);
        }
        let State::Body(begun) = &self.state else { return Ok(None) };
        Ok(Some(ResponseHead { status: begun.status, headers: begun.headers.clone() }))
    }

    /// Bytes of the body that have come and have not been taken.
    pub fn body_length(&self) -> usize {
        if let State::Body(begun) = &self.state { begun.body.length() } else { 0 }
    }

    /// Takes what has come of the body, which then does not count for its limit. The response has the rest.
    pub fn take_body(&mut self) -> Vec<u8> {
        if let State::Body(begun) = &mut self.state { begun.body.take() } else { Vec::new() }
    }

    /// Bytes that are held of a response.
    pub fn held(&self) -> usize {
        let begun = match &self.state {
            State::Body(begun) => begun.held(),
            State::Head | State::Ended(_) => 0,
        };
        self.head.held() + begun
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Response>, ResponseError> {
        self.begin(input)?;
        let is_whole = match &mut self.state {
            State::Body(begun) => begun.next(input)?,
            State::Ended(error) => return Err(*error),
            State::Head => false,
        };
        if !is_whole {
            return Ok(None);
        }
        self.interim = 0;
        match std::mem::replace(&mut self.state, State::Head) {
            State::Body(begun) => Ok(Some(begun.into_response())),
            State::Head | State::Ended(_) => Ok(None),
        }
    }

    /// Goes on to the body if the head is complete.
    fn begin(&mut self, input: &mut &[u8]) -> Result<(), ResponseError> {
        if matches!(self.state, State::Head)
            && let Some(begun) = self.read_head(input)?
        {
            self.state = State::Body(begun);
        }
        Ok(())
    }

    /// The head of a response that is not interim.
    fn read_head(&mut self, input: &mut &[u8]) -> Result<Option<Begun>, ResponseError> {
        while let Some(head) = self.head.next(input)? {
            match head.status {
                101 => return Err(ResponseError::Switched),
                100..200 if self.interim == MAX_INTERIM => return Err(ResponseError::TooManyInterim),
                100..200 => self.interim += 1,
                status => {
                    self.status = Some(status);
                    return Begun::new(head, self.max_body).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// What a close means now.
    fn closed(&self) -> ResponseError {
        match self.state {
            State::Ended(error) => error,
            _ if self.has_begun() => ResponseError::Closed,
            _ => ResponseError::NoAnswer,
        }
    }

    fn finish(&mut self, error: ResponseError) {
        self.head = HeadReader::default();
        self.state = State::Ended(error);
    }
}

impl Begun {
    fn new(head: Head, max_body: usize) -> Result<Self, ResponseError> {
        let framing = Framing::of(&head, max_body)?;
        Ok(Self {
            status: head.status,
            is_persistent: head.is_persistent() && framing.leaves_connection(&head.headers),
            headers: head.headers,
            framing,
            body: Body::new(max_body),
        })
    }

    /// Takes bytes of the body from `input`. True at its end.
    fn next(&mut self, input: &mut &[u8]) -> Result<bool, ResponseError> {
        match &mut self.framing {
            Framing::None => Ok(true),
            Framing::Length(left) => {
                let (data, rest) = input.split_at_checked(*left).unwrap_or((input, &[]));
                self.body.append(data)?;
                *input = rest;
                *left -= data.len();
                Ok(*left == 0)
            }
            Framing::Chunked(chunks) => Ok(chunks.next(input, &mut self.body)?),
            Framing::Close => {
                self.body.append(input)?;
                *input = &[];
                Ok(false)
            }
        }
    }

    fn into_response(self) -> Response {
        let Self { status, headers, is_persistent, body, .. } = self;
        Response { status, headers, body: body.into_bytes(), is_persistent }
    }

    fn held(&self) -> usize {
        let fields = self.headers.0.iter();
        let texts: usize = fields.map(|(name, value)| name.capacity() + value.capacity()).sum();
        texts + self.headers.0.capacity() * size_of::<(String, String)>() + self.body.held()
    }
}
