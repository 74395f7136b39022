//! Messages out: always a full (type 0) header and then type 3 chunks, so that any message may be
//! left out and a player may begin with any.

use crate::media::frame::{Frame, HEADROOM, Kind};
use crate::rtmp::message::{MessageType, csid};

use super::EXTENDED;

/// The message stream id of everything sent to players; `createStream` hands out no other.
const MEDIA_STREAM: u32 = 1;

/// Appends one message as chunks of at most `chunk_size` bytes.
pub fn write_message(
    out: &mut Vec<u8>,
    chunk_size: u32,
    csid: u8,
    (type_id, msid, timestamp): (MessageType, u32, u32),
    payload: &[u8],
) {
    let mut header = [0; HEADROOM];
    let length = write_header(&mut header, csid, (type_id, msid, timestamp), payload.len());
    out.extend_from_slice(&header[HEADROOM - length..]);
    write_payload(out, chunk_size, csid, timestamp, payload);
}

/// Writes a frame's RTMP header into its headroom; to be done once, before the frame is shared.
pub fn stamp(frame: &mut Frame) {
    let (csid, type_id) = route(frame.kind);
    let timestamp = wire_time(frame.timestamp);
    let length = frame.payload().len();
    write_header(frame.headroom_mut(), csid, (type_id, MEDIA_STREAM, timestamp), length);
}

/// The stamped frame as every player of the server gets it. A frame of one chunk is sent from where
/// it lies; a longer one is cut up at the first call, once for all players.
pub fn image(frame: &Frame, chunk_size: u32) -> &[u8] {
    let payload = frame.payload();
    let timestamp = wire_time(frame.timestamp);
    let header = header_length(timestamp);
    if payload.len() <= chunk_size as usize {
        return frame.with_header(header);
    }
    frame.image(|| {
        let chunks = payload.len().div_ceil(chunk_size.max(1) as usize);
        let mut out = Vec::with_capacity(header + payload.len() + chunks * 5);
        let head = frame.with_header(header);
        out.extend_from_slice(&head[..header]);
        write_payload(&mut out, chunk_size, route(frame.kind).0, timestamp, payload);
        out.into_boxed_slice()
    })
}

fn route(kind: Kind) -> (u8, MessageType) {
    match kind {
        Kind::Audio => (csid::AUDIO, MessageType::Audio),
        Kind::Video => (csid::VIDEO, MessageType::Video),
        Kind::Data => (csid::DATA, MessageType::DataAmf0),
    }
}

/// RTMP's timestamps are 32 bits and roll over.
fn wire_time(timestamp: u64) -> u32 {
    (timestamp & u64::from(u32::MAX)) as u32
}

fn header_length(timestamp: u32) -> usize {
    if timestamp >= EXTENDED { 16 } else { 12 }
}

/// Writes a type 0 header against the end of `room`, which has [`HEADROOM`] bytes; returns its length.
fn write_header(
    room: &mut [u8],
    csid: u8,
    (type_id, msid, timestamp): (MessageType, u32, u32),
    payload: usize,
) -> usize {
    debug_assert!((2..64).contains(&csid), "chunk stream ids of one byte");
    debug_assert!(payload <= 0xff_ffff, "a message's length has 24 bits");
    let length = header_length(timestamp);
    let field = timestamp.min(EXTENDED).to_be_bytes();
    let size = u32::try_from(payload).unwrap_or(u32::MAX).to_be_bytes();
    let mut header = [0; HEADROOM];
    header[0] = csid & 0x3f;
    header[1..4].copy_from_slice(&field[1..]);
    header[4..7].copy_from_slice(&size[1..]);
    header[7] = type_id as u8;
    header[8..12].copy_from_slice(&msid.to_le_bytes());
    header[12..].copy_from_slice(&timestamp.to_be_bytes());
    room[HEADROOM - length..].copy_from_slice(&header[..length]);
    length
}

/// Appends the payload with a type 3 header between chunks; extended timestamps are repeated (5.3.1.3).
fn write_payload(out: &mut Vec<u8>, chunk_size: u32, csid: u8, timestamp: u32, payload: &[u8]) {
    for (index, chunk) in payload.chunks(chunk_size.max(1) as usize).enumerate() {
        if index > 0 {
            out.push(0xc0 | csid);
            if timestamp >= EXTENDED {
                out.extend(timestamp.to_be_bytes());
            }
        }
        out.extend_from_slice(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_one_chunk_is_sent_from_where_it_lies() {
        let mut frame = Frame::from_payload(Kind::Audio, 1000, &[0xaf, 1, 2, 3]);
        stamp(&mut frame);
        let image = image(&frame, 4096);
        assert_eq!(image, [6, 0, 3, 0xe8, 0, 0, 4, 8, 1, 0, 0, 0, 0xaf, 1, 2, 3]);
        assert_eq!(image[12..].as_ptr(), frame.payload().as_ptr());
    }

    #[test]
    fn a_longer_frame_is_cut_up_with_its_extended_timestamp_repeated() {
        let mut frame = Frame::from_payload(Kind::Video, (7 << 32) + 0x0102_0304, &[0x17; 10]);
        stamp(&mut frame);
        let mut expected = vec![7, 0xff, 0xff, 0xff, 0, 0, 10, 9, 1, 0, 0, 0, 1, 2, 3, 4];
        expected.extend([0x17; 8]);
        expected.extend([0xc7, 1, 2, 3, 4, 0x17, 0x17]);
        assert_eq!(image(&frame, 8), expected);
    }
}
