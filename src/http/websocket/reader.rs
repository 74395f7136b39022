//! The frames that a client sends (section 5.2): masked, and here only whole and small ones.
//!
//! It keeps a header and a control frame's payload, 139 bytes in all, and nothing of data.

use std::error::Error;
use std::fmt;

use super::frame::{CloseCode, FIN, LENGTH_16, LENGTH_64, MAX_CONTROL, Opcode};

/// The largest frame of a client, bytes of payload.
pub const MAX_CLIENT_FRAME: usize = 4 * 1024;

/// The bits of extensions, none of which is ever agreed on here.
const RESERVED: u8 = 0x70;
/// The bit of a frame that is masked.
const MASKED: u8 = 0x80;
/// Bytes of a mask.
const MASK: usize = 4;

/// A client's frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Text or bytes, which have been passed over.
    Data,
    /// A ping; a pong with these bytes answers it.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The last frame of the client, with its code, if it says one. Nothing is read behind it.
    Close(Option<u16>),
}

/// An error in a client's frames: the code to close with, and the text for the client and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketError {
    /// The code to close with.
    pub code: CloseCode,
    /// The fault.
    pub reason: &'static str,
}

impl WebSocketError {
    const fn protocol(reason: &'static str) -> Self {
        Self { code: CloseCode::ProtocolError, reason }
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code.number())
    }
}

impl Error for WebSocketError {}

/// What comes next.
#[derive(Debug)]
enum State {
    /// More of a header.
    Header,
    /// More of a payload.
    Payload(Payload),
    /// Nothing: the client has closed.
    Closed,
    /// Nothing, after an error.
    Failed(WebSocketError),
}

/// A frame whose header has come.
#[derive(Debug, Clone, Copy)]
struct Payload {
    opcode: Opcode,
    /// Bytes that have not come yet; at most [`MAX_CLIENT_FRAME`].
    left: usize,
    mask: [u8; MASK],
}

/// One client's frames.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// The header so far, or the payload of a control frame so far, unmasked; at most [`MAX_CONTROL`] bytes.
    held: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader that has not received anything.
    pub fn new() -> Self {
        Self { state: State::Header, held: Vec::new() }
    }

    /// Takes bytes from `input` until a frame is complete, or all of them when none is.
    ///
    /// Call it again with what is left in `input` until it returns no frame. After an error close with its code; further
    /// calls say the same again. Behind a close frame everything is passed over.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<ClientFrame>, WebSocketError> {
        let result = self.advance(input);
        if let Err(error) = result {
            (self.state, self.held) = (State::Failed(error), Vec::new());
        }
        result
    }

    /// Bytes that are held of a frame.
    pub fn held(&self) -> usize {
        self.held.capacity()
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<ClientFrame>, WebSocketError> {
        loop {
            match self.state {
                State::Failed(error) => return Err(error),
                State::Closed => {
                    *input = &[];
                    return Ok(None);
                }
                State::Header => {
                    let Some((byte, rest)) = input.split_first() else { return Ok(None) };
                    *input = rest;
                    self.held.push(*byte);
                    if let Some(payload) = header(&self.held)? {
                        self.state = State::Payload(payload);
                        self.held.clear();
                    }
                }
                State::Payload(payload) => {
                    let (part, rest) = input.split_at_checked(payload.left).unwrap_or((input, &[]));
                    *input = rest;
                    let payload = self.take(payload, part);
                    if payload.left > 0 {
                        self.state = State::Payload(payload);
                        return Ok(None);
                    }
                    return self.complete(payload.opcode).map(Some);
                }
            }
        }
    }

    /// Keeps a part of a control frame's payload; what of the frame has not come then.
    fn take(&mut self, payload: Payload, part: &[u8]) -> Payload {
        if payload.opcode.is_control() {
            let mask = payload.mask.iter().cycle().skip(self.held.len() % MASK);
            self.held.extend(part.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
        }
        Payload { left: payload.left.saturating_sub(part.len()), ..payload }
    }

    /// The frame whose payload has come.
    fn complete(&mut self, opcode: Opcode) -> Result<ClientFrame, WebSocketError> {
        self.state = State::Header;
        let payload = std::mem::take(&mut self.held);
        match opcode {
            Opcode::Ping => Ok(ClientFrame::Ping(payload)),
            Opcode::Pong => Ok(ClientFrame::Pong),
            Opcode::Close => {
                self.state = State::Closed;
                close_code(&payload).map(ClientFrame::Close)
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation => Ok(ClientFrame::Data),
        }
    }
}

/// Reads the header of a frame, of which no more has come than its header; none if it is not complete. Every fault is
/// found at the first byte that shows it.
fn header(bytes: &[u8]) -> Result<Option<Payload>, WebSocketError> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let opcode = opcode(first)?;
    let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
    let length = length(opcode, second)?;
    let Some((long, mask)) = rest.split_at_checked(length.bytes) else { return Ok(None) };
    let left = if length.bytes == 0 { length.short } else { long_length(long)? };
    let Some(&mask) = mask.first_chunk::<MASK>() else { return Ok(None) };
    Ok(Some(Payload { opcode, left, mask }))
}

/// The opcode of a frame's first byte.
fn opcode(first: u8) -> Result<Opcode, WebSocketError> {
    if first & RESERVED != 0 {
        return Err(WebSocketError::protocol("a frame has bits of an extension"));
    }
    let opcode = Opcode::of(first & 0x0f)
        .ok_or(WebSocketError::protocol("a frame has an opcode that does not exist"))?;
    if first & FIN != 0 && opcode != Opcode::Continuation {
        return Ok(opcode);
    }
    if opcode.is_control() {
        return Err(WebSocketError::protocol("a control frame is fragmented"));
    }
    Err(WebSocketError { code: CloseCode::Unsupported, reason: "messages in fragments are not taken here" })
}

/// The length in a frame's second byte.
struct Length {
    /// The length, if it is in that byte.
    short: usize,
    /// Bytes of the length behind that byte.
    bytes: usize,
}

fn length(opcode: Opcode, second: u8) -> Result<Length, WebSocketError> {
    if second & MASKED == 0 {
        return Err(WebSocketError::protocol("a frame of a client is not masked"));
    }
    let short = second & !MASKED;
    if opcode.is_control() && usize::from(short) > MAX_CONTROL {
        return Err(WebSocketError::protocol("a control frame is longer than 125 bytes"));
    }
    let bytes = match short {
        LENGTH_16 => 2,
        LENGTH_64 => 8,
        _ => 0,
    };
    Ok(Length { short: short.into(), bytes })
}

/// A length that has bytes of its own: the shortest form is the only one (section 5.2).
fn long_length(bytes: &[u8]) -> Result<usize, WebSocketError> {
    let length = bytes.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
    let least = if bytes.len() == 2 { u64::from(LENGTH_16) } else { 0x1_0000 };
    if length < least || length > u64::MAX / 2 {
        return Err(WebSocketError::protocol("the length of a frame is written wrongly"));
    }
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_CLIENT_FRAME);
    length.ok_or(WebSocketError { code: CloseCode::TooBig, reason: "a frame is longer than 4 KB" })
}

/// The code in the payload of a close frame (sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, WebSocketError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return Err(WebSocketError::protocol("a close frame has half a code"));
    };
    let code = u16::from_be_bytes(code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(WebSocketError::protocol("a close frame has a code that must not be sent"));
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(WebSocketError::protocol("the reason of a close frame is not UTF-8")),
    }
}
