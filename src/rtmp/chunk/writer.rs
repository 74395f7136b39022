//! Messages out: always a full (type 0) header and then type 3 chunks, so that any message may be
//! left out and a player may begin with any.

use crate::media::frame::{HEADROOM, Transport};
use crate::media::{Frame, Kind};
use crate::rtmp::message::{MessageType, csid};

use super::EXTENDED;

/// The message stream id that shared frames carry: the first that `createStream` hands out, and nearly
/// always the only one.
pub const MEDIA_STREAM: u32 = 1;

/// The form of the chunks that messages are cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunking {
    /// Bytes of payload in a chunk.
    pub size: u32,
    /// Type 3 chunks repeat an extended timestamp.
    pub extended: Extended,
}

/// The repetition of an extended timestamp in the type 3 chunks of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extended {
    /// In each, as the specification has it (5.3.1.3).
    Repeated,
    /// Only behind the first header, as some old players want it.
    Once,
}

impl From<u32> for Chunking {
    fn from(size: u32) -> Self {
        Self { size, extended: Extended::Repeated }
    }
}

/// The chunk streams that audio and video are sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mux {
    /// One for each.
    #[default]
    Separate,
    /// One for both: `interleave on`.
    Interleaved,
}

/// Appends one message in chunks.
pub fn write_message(
    out: &mut Vec<u8>,
    chunking: impl Into<Chunking>,
    csid: u8,
    (type_id, msid, timestamp): (MessageType, u32, u32),
    payload: &[u8],
) {
    let mut header = [0; HEADROOM];
    let length = write_header(&mut header, csid, (type_id as u8, msid, timestamp), payload.len());
    out.extend_from_slice(&header[HEADROOM - length..]);
    write_payload(out, chunking.into(), csid, timestamp, payload);
}

/// Appends a message of media in chunks, with its payload in two parts, on the chunk stream of its kind.
pub fn write_parts(
    out: &mut Vec<u8>,
    chunking: Chunking,
    (kind, msid, timestamp): (Kind, u32, u64),
    [head, body]: [&[u8]; 2],
) {
    let (csid, timestamp) = (csid_of(kind, Mux::Separate), wire_time(timestamp));
    let mut header = [0; HEADROOM];
    let length = write_header(&mut header, csid, (kind.type_id(), msid, timestamp), head.len() + body.len());
    out.extend_from_slice(&header[HEADROOM - length..]);
    let size = chunking.size.max(1) as usize;
    debug_assert!(head.len() <= size, "a tag header is shorter than a chunk");
    let (first, rest) = body.split_at(body.len().min(size.saturating_sub(head.len())));
    out.extend_from_slice(head);
    out.extend_from_slice(first);
    for chunk in rest.chunks(size) {
        write_next_header(out, chunking, csid, timestamp);
        out.extend_from_slice(chunk);
    }
}

/// Writes a frame's RTMP header into its headroom; to be done once, before the frame is shared.
pub fn stamp(frame: &mut Frame, mux: Mux) {
    let csid = csid_of(frame.kind, mux);
    let (type_id, timestamp) = (frame.kind.type_id(), wire_time(frame.timestamp));
    let length = frame.payload().len();
    write_header(frame.headroom_mut(), csid, (type_id, MEDIA_STREAM, timestamp), length);
}

/// The stamped frame as every player of the server gets it. A frame of one chunk is sent from where
/// it lies; a longer one is cut up at the first call, once for all players.
pub fn image(frame: &Frame, chunking: Chunking) -> &[u8] {
    if frame.payload().len() <= chunking.size as usize {
        return frame.with_header(header_length(wire_time(frame.timestamp)));
    }
    frame.image(Transport::Rtmp, || cut(frame, chunking).into_boxed_slice())
}

/// The header of a stamped frame for a player that listens on another message stream than [`MEDIA_STREAM`];
/// the rest of the image is as for all. The header has so many of these bytes.
pub fn header_on(frame: &Frame, msid: u32) -> ([u8; HEADROOM], usize) {
    let length = header_length(wire_time(frame.timestamp));
    let mut header = [0; HEADROOM];
    header[..length].copy_from_slice(&frame.with_header(length)[..length]);
    header[8..12].copy_from_slice(&msid.to_le_bytes());
    (header, length)
}

/// The header of a stamped frame for a player that gets it on this message stream and at this time; the rest of the
/// image, without so many bytes, is as for all. `None` if its further chunks repeat the time. The header has so many of
/// these bytes.
pub fn header_at(
    frame: &Frame,
    (msid, timestamp): (u32, u64),
    chunking: Chunking,
) -> Option<([u8; HEADROOM], usize, usize)> {
    let (old, time) = (wire_time(frame.timestamp), wire_time(timestamp));
    let is_cut = frame.payload().len() > chunking.size as usize;
    if is_cut && chunking.extended == Extended::Repeated && old.max(time) >= EXTENDED {
        return None;
    }
    let skipped = header_length(old);
    let csid = frame.with_header(skipped).first()? & 0x3f;
    let mut room = [0; HEADROOM];
    let type_id = frame.kind.type_id();
    let length = write_header(&mut room, csid, (type_id, msid, time), frame.payload().len());
    room.rotate_left(HEADROOM - length);
    Some((room, length, skipped))
}

fn cut(frame: &Frame, chunking: Chunking) -> Vec<u8> {
    let (payload, timestamp) = (frame.payload(), wire_time(frame.timestamp));
    let header = header_length(timestamp);
    let chunks = payload.len().div_ceil(chunking.size.max(1) as usize);
    let mut out = Vec::with_capacity(header + payload.len() + chunks * 5);
    let head = frame.with_header(header);
    out.extend_from_slice(&head[..header]);
    let csid = head[0] & 0x3f;
    write_payload(&mut out, chunking, csid, timestamp, payload);
    out
}

fn csid_of(kind: Kind, mux: Mux) -> u8 {
    match (kind, mux) {
        (Kind::Data | Kind::DataAmf3, _) => csid::DATA,
        (Kind::Audio, Mux::Separate) => csid::AUDIO,
        (Kind::Video, _) | (Kind::Audio, Mux::Interleaved) => csid::VIDEO,
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
    (type_id, msid, timestamp): (u8, u32, u32),
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
    header[7] = type_id;
    header[8..12].copy_from_slice(&msid.to_le_bytes());
    header[12..].copy_from_slice(&timestamp.to_be_bytes());
    room[HEADROOM - length..].copy_from_slice(&header[..length]);
    length
}

/// Appends the payload with a type 3 header between chunks.
fn write_payload(out: &mut Vec<u8>, chunking: Chunking, csid: u8, timestamp: u32, payload: &[u8]) {
    for (index, chunk) in payload.chunks(chunking.size.max(1) as usize).enumerate() {
        if index > 0 {
            write_next_header(out, chunking, csid, timestamp);
        }
        out.extend_from_slice(chunk);
    }
}

/// Appends the type 3 header of a further chunk.
fn write_next_header(out: &mut Vec<u8>, chunking: Chunking, csid: u8, timestamp: u32) {
    out.push(0xc0 | csid);
    if timestamp >= EXTENDED && chunking.extended == Extended::Repeated {
        out.extend(timestamp.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_one_chunk_is_sent_from_where_it_lies() {
        let mut frame = Frame::from_payload(Kind::Audio, 1000, &[0xaf, 1, 2, 3]);
        stamp(&mut frame, Mux::Separate);
        let image = image(&frame, 4096.into());
        assert_eq!(image, [6, 0, 3, 0xe8, 0, 0, 4, 8, 1, 0, 0, 0, 0xaf, 1, 2, 3]);
        assert_eq!(image[12..].as_ptr(), frame.payload().as_ptr());
    }

    #[test]
    fn a_longer_frame_is_cut_up_with_its_extended_timestamp_repeated() {
        let mut frame = Frame::from_payload(Kind::Video, (7 << 32) + 0x0102_0304, &[0x17; 10]);
        stamp(&mut frame, Mux::Separate);
        let mut expected = vec![7, 0xff, 0xff, 0xff, 0, 0, 10, 9, 1, 0, 0, 0, 1, 2, 3, 4];
        expected.extend([0x17; 8]);
        expected.extend([0xc7, 1, 2, 3, 4, 0x17, 0x17]);
        assert_eq!(image(&frame, 8.into()), expected);
        let once = Chunking { size: 8, extended: Extended::Once };
        let expected = [&expected[..24], &[0xc7, 0x17, 0x17]].concat();
        assert_eq!(image(&frame.at(frame.timestamp), once), expected);
    }

    #[test]
    fn interleaved_tracks_share_a_chunk_stream_and_another_message_stream_has_its_own_header() {
        for payload in [[0xaf; 3].as_slice(), &[0xaf; 9]] {
            let mut frame = Frame::from_payload(Kind::Audio, 1, payload);
            stamp(&mut frame, Mux::Interleaved);
            let shared = image(&frame, 8.into()).to_vec();
            assert_eq!((shared[0], shared[8]), (csid::VIDEO, 1));
            assert!(payload.len() < 9 || shared[20] == 0xc0 | csid::VIDEO);
            let (header, length) = header_on(&frame, 3);
            assert_eq!([&shared[..8], &[3], &shared[9..12]].concat(), header[..length]);
        }
    }

    #[test]
    fn a_message_in_two_parts_is_cut_up_as_in_one() {
        for (head, body) in [(0, 0), (0, 8), (5, 0), (5, 3), (5, 4), (8, 0), (8, 1), (5, 40)] {
            for time in [7, 0x0102_0304] {
                let (head, body) = (vec![0x17; head], (0..body).collect::<Vec<u8>>());
                let mut parts = Vec::new();
                write_parts(&mut parts, 8.into(), (Kind::Video, 3, time), [&head, &body]);
                let mut whole = Vec::new();
                let header = (MessageType::Video, 3, time as u32);
                write_message(&mut whole, 8, csid::VIDEO, header, &[head, body].concat());
                assert_eq!(parts, whole);
            }
        }
    }
}
