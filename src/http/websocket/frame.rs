//! The frames that a server sends (section 5.2): never masked, never fragmented.

/// The longest header of a server's frame, bytes: 2, and a length of 8.
pub const MAX_HEADER: usize = 10;

/// The most bytes of a control frame's payload (section 5.5).
pub const MAX_CONTROL: usize = 125;

/// The bit of a frame that is its message's last one.
pub(super) const FIN: u8 = 0x80;
/// The length that says that the real one follows in two bytes.
pub(super) const LENGTH_16: u8 = 126;
/// The length that says that the real one follows in eight bytes.
pub(super) const LENGTH_64: u8 = 127;

/// The type of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further part of a message.
    Continuation,
    /// A text in UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// The last frame of its side.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    const ALL: [Self; 6] =
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];

    /// The opcode of a number; none for those that are reserved.
    pub(super) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|opcode| opcode.number() == number)
    }

    /// Its number.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// True of those that may come between the fragments of a message.
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a server's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; MAX_HEADER],
    /// At most [`MAX_HEADER`].
    length: usize,
}

impl Header {
    /// The header of a whole message with a payload of so many bytes.
    pub fn new(opcode: Opcode, payload: usize) -> Self {
        let first = FIN | opcode.number();
        let mut bytes = [first, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let [l0, l1, l2, l3, l4, l5, l6, l7] = (payload as u64).to_be_bytes();
        let length = match payload {
            0..=MAX_CONTROL => {
                bytes[1] = l7;
                2
            }
            126..=0xffff => {
                bytes[1..4].copy_from_slice(&[LENGTH_16, l6, l7]);
                4
            }
            _ => {
                bytes[1..].copy_from_slice(&[LENGTH_64, l0, l1, l2, l3, l4, l5, l6, l7]);
                MAX_HEADER
            }
        };
        Self { bytes, length }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Why a side closes (section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// There is nothing more to come.
    Normal,
    /// The server stops, or the page is left.
    GoingAway,
    /// The peer broke the protocol.
    ProtocolError,
    /// The peer sent what is not taken here.
    Unsupported,
    /// The peer did what is not allowed here.
    Policy,
    /// The peer sent too much.
    TooBig,
    /// The server cannot continue.
    InternalError,
}

impl CloseCode {
    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::Unsupported => 1003,
            Self::Policy => 1008,
            Self::TooBig => 1009,
            Self::InternalError => 1011,
        }
    }
}

/// A control frame: what is beyond 125 bytes of payload, the most that there may be, is cut off.
pub fn control_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    debug_assert!(opcode.is_control() && payload.len() <= MAX_CONTROL);
    let payload = payload.get(..MAX_CONTROL).unwrap_or(payload);
    [Header::new(opcode, payload.len()).as_bytes(), payload].concat()
}

/// The frame that closes, with a reason of 123 bytes at most; a longer one is cut at a character.
pub fn close_frame(code: CloseCode, reason: &str) -> Vec<u8> {
    let fits = |end: &usize| reason.is_char_boundary(*end);
    let end = (0..=reason.len().min(MAX_CONTROL - 2)).rfind(fits).unwrap_or_default();
    let reason = reason.get(..end).unwrap_or_default();
    control_frame(Opcode::Close, &[&code.number().to_be_bytes(), reason.as_bytes()].concat())
}
