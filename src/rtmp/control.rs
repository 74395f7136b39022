//! The control messages (specification 5.4 and 7.1.7).

use crate::media::{Reader, Truncated};

use super::chunk::write_message;
use super::message::{MessageType, csid};

/// A user control event (7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserControl {
    /// A message stream has begun.
    StreamBegin(u32),
    /// A message stream has ended.
    StreamEof(u32),
    /// A message stream has no more data for now.
    StreamDry(u32),
    /// The client's buffer: message stream and milliseconds.
    SetBufferLength(u32, u32),
    /// A message stream is a recorded one.
    StreamIsRecorded(u32),
    /// Are you there? With a timestamp.
    PingRequest(u32),
    /// I am; with the request's timestamp.
    PingResponse(u32),
    /// Any other event, by its number.
    Other(u16),
}

impl UserControl {
    /// Reads the payload of a user control message.
    pub fn read(payload: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(payload);
        Ok(match reader.u16()? {
            0 => Self::StreamBegin(reader.u32()?),
            1 => Self::StreamEof(reader.u32()?),
            2 => Self::StreamDry(reader.u32()?),
            3 => Self::SetBufferLength(reader.u32()?, reader.u32()?),
            4 => Self::StreamIsRecorded(reader.u32()?),
            6 => Self::PingRequest(reader.u32()?),
            7 => Self::PingResponse(reader.u32()?),
            other => Self::Other(other),
        })
    }

    /// Appends the whole message.
    pub fn write(self, out: &mut Vec<u8>) {
        let (event, parameters) = match self {
            Self::StreamBegin(msid) => (0u16, vec![msid]),
            Self::StreamEof(msid) => (1, vec![msid]),
            Self::StreamDry(msid) => (2, vec![msid]),
            Self::SetBufferLength(msid, milliseconds) => (3, vec![msid, milliseconds]),
            Self::StreamIsRecorded(msid) => (4, vec![msid]),
            Self::PingRequest(time) => (6, vec![time]),
            Self::PingResponse(time) => (7, vec![time]),
            Self::Other(event) => (event, vec![]),
        };
        let mut payload = event.to_be_bytes().to_vec();
        payload.extend(parameters.iter().flat_map(|parameter| parameter.to_be_bytes()));
        write_control(out, MessageType::UserControl, &payload);
    }
}

/// Appends a protocol control message: message stream 0, timestamp 0, one chunk.
pub fn write_control(out: &mut Vec<u8>, type_id: MessageType, payload: &[u8]) {
    write_message(out, super::chunk::DEFAULT_CHUNK_SIZE, csid::CONTROL, (type_id, 0, 0), payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_control_events_read_as_written_and_short_ones_are_truncated() {
        for event in [
            UserControl::StreamBegin(1),
            UserControl::StreamEof(1),
            UserControl::StreamDry(1),
            UserControl::SetBufferLength(1, 3000),
            UserControl::StreamIsRecorded(1),
            UserControl::PingRequest(7),
            UserControl::PingResponse(0xffff_ffff),
            UserControl::Other(31),
        ] {
            let mut bytes = Vec::new();
            event.write(&mut bytes);
            assert_eq!(UserControl::read(&bytes[12..]), Ok(event));
            assert_eq!(UserControl::read(&bytes[12..13]), Err(Truncated));
        }
    }
}
