//! The aggregate message (specification 7.1.6): several messages in one, each in the form of an FLV tag.

use crate::media::{Reader, Truncated};

use crate::rtmp::chunk::Message;

/// The most parts of an aggregate. Servers gather a second or less of some tens of messages; 8 MiB have room for half
/// a million empty ones.
pub const MAX_PARTS: usize = 256;

/// The rest of an aggregate message.
#[derive(Debug)]
pub struct Aggregate {
    message: Message,
    /// Bytes of the payload that have been read.
    read: usize,
    /// The first part's timestamp, which stands for the message's own.
    first: Option<u32>,
}

impl Aggregate {
    /// The parts of a message; `None` if it has more than [`MAX_PARTS`].
    pub fn new(message: Message) -> Option<Self> {
        let mut rest = message.payload();
        for _ in 0..MAX_PARTS {
            rest = read_part(rest).ok().and_then(|part| rest.get(part.length()..)).unwrap_or_default();
        }
        read_part(rest).is_err().then_some(Self { message, read: 0, first: None })
    }

    /// Bytes that are held of it.
    pub fn held(&self) -> usize {
        self.message.payload().len()
    }

    /// The next part, with its own type and time. A part that does not fit ends the message.
    pub fn next(&mut self) -> Option<Message> {
        let rest = self.message.payload().get(self.read..)?;
        let part = read_part(rest).ok()?;
        let first = *self.first.get_or_insert(part.timestamp);
        self.read += part.length();
        let time = self.message.timestamp.wrapping_add(part.timestamp.wrapping_sub(first));
        Some(Message::new(part.type_id, self.message.msid, time, part.payload))
    }
}

/// Type, length, timestamp with its upper byte last, stream id.
const HEADER: usize = 11;
/// The length of the part before, which follows each part. The last may lack it.
const BACK_POINTER: usize = 4;

struct Part<'a> {
    type_id: u8,
    timestamp: u32,
    payload: &'a [u8],
}

impl Part<'_> {
    /// Bytes up to the next part.
    fn length(&self) -> usize {
        HEADER + self.payload.len() + BACK_POINTER
    }
}

fn read_part(bytes: &[u8]) -> Result<Part<'_>, Truncated> {
    let mut reader = Reader::new(bytes);
    let type_id = reader.u8()?;
    let length = reader.u24()?;
    let (low, high) = (reader.u24()?, reader.u8()?);
    reader.u24()?;
    let payload = reader.take(length as usize)?;
    Ok(Part { type_id, timestamp: u32::from(high) << 24 | low, payload })
}
