//! The aggregate message (specification 7.1.6): several messages in one, each in the form of an FLV tag.

use crate::media::{Reader, Truncated};

use super::super::chunk::Message;

/// What is left of an aggregate message.
#[derive(Debug)]
pub(super) struct Aggregate {
    message: Message,
    /// Bytes of the payload that have been read.
    read: usize,
    /// The first part's timestamp, which stands for the message's own.
    first: Option<u32>,
}

impl Aggregate {
    pub fn new(message: Message) -> Self {
        Self { message, read: 0, first: None }
    }

    /// The next part, with its own type and time. At one that does not fit, the rest is given up.
    pub fn next(&mut self) -> Option<Message> {
        let rest = self.message.payload().get(self.read..)?;
        let (type_id, timestamp, payload) = read_part(rest).ok()?;
        let first = *self.first.get_or_insert(timestamp);
        self.read += HEADER + payload.len() + BACK_POINTER;
        let time = self.message.timestamp.wrapping_add(timestamp.wrapping_sub(first));
        Some(Message::new(type_id, self.message.msid, time, payload))
    }
}

/// Type, length, timestamp with its upper byte last, stream id.
const HEADER: usize = 11;
/// The length of the part before, which follows each part. The last may lack it.
const BACK_POINTER: usize = 4;

fn read_part(bytes: &[u8]) -> Result<(u8, u32, &[u8]), Truncated> {
    let mut reader = Reader::new(bytes);
    let type_id = reader.u8()?;
    let length = reader.u24()?;
    let (low, high) = (reader.u24()?, reader.u8()?);
    reader.u24()?;
    Ok((type_id, u32::from(high) << 24 | low, reader.take(length as usize)?))
}
