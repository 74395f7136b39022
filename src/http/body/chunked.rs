//! Chunked bodies (RFC 9112, section 7.1). Extensions and trailers are passed over.
//!
//! A line ends with CR LF and nothing else: two readers that disagree about an end disagree about all behind it.

use super::Body;
use super::error::{BodyError, MAX_TRAILER};

/// Longest line with the size of a chunk, bytes. Extensions are hardly ever seen.
const MAX_LINE: usize = 256;

/// What comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    #[default]
    Begin,
    /// Another digit, or what ends the size.
    Size,
    /// What is behind the blanks behind a size: old servers pad it.
    Padding,
    /// An extension, up to CR.
    Extension,
    /// The LF behind a size.
    SizeEnd,
    /// So many bytes of the body, at least one.
    Data(usize),
    /// The CR behind the bytes.
    DataReturn,
    /// The LF behind the bytes.
    DataEnd,
    /// A field of the trailer, or the empty line that ends it.
    Trailer,
    /// A field, up to CR.
    Field,
    /// The LF behind a field.
    FieldEnd,
    /// The LF of the empty line.
    LastEnd,
}

/// One body's chunks.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// The size so far; never more than the body has room for.
    size: usize,
    /// Whether blanks behind a size are an error: what is sent to a server may have gone through a proxy that reads
    /// them otherwise.
    is_strict: bool,
    /// Bytes of the line with the size, or of the trailer; at most [`MAX_LINE`] or [`MAX_TRAILER`].
    length: usize,
}

impl Chunks {
    /// The chunks of a request.
    pub fn strict() -> Self {
        Self { is_strict: true, ..Self::default() }
    }

    /// Takes bytes from `input` up to the end of the last chunk, and adds those of the body to `body`. True at the end.
    pub fn next(&mut self, input: &mut &[u8], body: &mut Body) -> Result<bool, BodyError> {
        loop {
            if let State::Data(left) = self.state {
                let (data, rest) = input.split_at_checked(left).unwrap_or((input, &[]));
                body.append(data)?;
                *input = rest;
                let left = left - data.len();
                self.state = if left > 0 { State::Data(left) } else { State::DataReturn };
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(false) };
            *input = rest;
            if self.step(byte, body)? {
                return Ok(true);
            }
        }
    }

    /// One byte that is not of the body.
    fn step(&mut self, byte: u8, body: &Body) -> Result<bool, BodyError> {
        self.count()?;
        self.state = match (self.state, byte) {
            (State::Begin | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.add_digit(byte, body)?;
                State::Size
            }
            (State::Size | State::Padding, b' ' | b'\t') if !self.is_strict => State::Padding,
            (State::Size | State::Padding, b';') => State::Extension,
            (State::Size | State::Padding | State::Extension, b'\r') => State::SizeEnd,
            (State::SizeEnd, b'\n') => {
                self.length = 0;
                if self.size == 0 { State::Trailer } else { State::Data(self.size) }
            }
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => {
                *self = Self { is_strict: self.is_strict, ..Self::default() };
                State::Begin
            }
            (State::Trailer, b'\r') => State::LastEnd,
            (State::Field, b'\r') => State::FieldEnd,
            (State::FieldEnd, b'\n') => State::Trailer,
            (State::LastEnd, b'\n') => return Ok(true),
            (State::Extension, b'\t' | b' '..=b'~' | 128..) => State::Extension,
            (State::Trailer | State::Field, b'\t' | b' '..=b'~' | 128..) => State::Field,
            _ => return Err(BodyError::Chunk),
        };
        Ok(false)
    }

    fn count(&mut self) -> Result<(), BodyError> {
        self.length += 1;
        match self.state {
            State::Trailer | State::Field | State::FieldEnd | State::LastEnd if self.length > MAX_TRAILER => {
                Err(BodyError::TrailerTooLarge)
            }
            State::Begin | State::Size | State::Padding | State::Extension | State::SizeEnd
                if self.length > MAX_LINE =>
            {
                Err(BodyError::Chunk)
            }
            _ => Ok(()),
        }
    }

    fn add_digit(&mut self, byte: u8, body: &Body) -> Result<(), BodyError> {
        let digit = char::from(byte).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
        let size = digit.and_then(|digit| self.size.checked_mul(16)?.checked_add(digit));
        self.size = size.filter(|&size| size <= body.room()).ok_or(BodyError::TooLarge(body.limit()))?;
        Ok(())
    }
}
