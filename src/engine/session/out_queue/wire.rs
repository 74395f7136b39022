//! What a queue speaks: RTMP, or FLV over HTTP or WebSocket. Each makes one image of a frame, which all players share.

use crate::engine::session::client::ClientProtocol;
use crate::http::websocket::{self, CloseCode, Header, Opcode};
use crate::media::Frame;
use crate::media::flv::{self, PREVIOUS_TAG_SIZE, TAG_HEADER};
use crate::media::frame::{HEADROOM, Transport};
use crate::rtmp::chunk::{self, Chunking};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wire {
    /// As RTMP messages, cut into chunks like this.
    Rtmp(Chunking),
    /// As tags of FLV.
    Flv(FlvFraming),
}

/// How FLV is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum FlvFraming {
    /// Each tag is a chunk of HTTP/1.1 (RFC 9112, section 7.1).
    Chunked,
    /// As it is; the end of the connection is its end.
    UntilClose,
    /// Each tag is a binary frame of WebSocket (RFC 6455, section 5).
    WebSocket,
}

/// The last chunk, which ends a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What ends a line of HTTP, and a chunk.
const CRLF: [u8; 2] = *b"\r\n";

/// The longest beginning of a message that a player has of its own, bytes: the line with the size of a chunk, or the
/// header of a WebSocket frame, and that of a tag.
pub(super) const MAX_START: usize = 24;
const _: () = assert!(HEADROOM <= MAX_START && websocket::MAX_HEADER + TAG_HEADER <= MAX_START);

/// The beginning of a message that is one player's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    room: [u8; MAX_START],
    length: usize,
}

impl Start {
    /// The parts of a beginning, [`MAX_START`] bytes at most.
    pub fn new(parts: [&[u8]; 2]) -> Self {
        let mut start = Self { room: [0; MAX_START], length: 0 };
        for part in parts {
            if let Some(place) = start.room.get_mut(start.length..start.length + part.len()) {
                place.copy_from_slice(part);
                start.length += part.len();
            }
        }
        debug_assert_eq!(start.length, parts.concat().len(), "a start that is too long");
        start
    }

    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.length).unwrap_or_default()
    }
}

impl Wire {
    /// The bytes of a frame, as every player that speaks this gets them.
    #[inline]
    pub fn image(self, frame: &Frame) -> &[u8] {
        match self {
            Self::Rtmp(chunking) => chunk::image(frame, chunking),
            Self::Flv(framing) => framing.image(frame),
        }
    }
}

impl From<Chunking> for Wire {
    fn from(chunking: Chunking) -> Self {
        Self::Rtmp(chunking)
    }
}

impl From<u32> for Wire {
    fn from(chunk_size: u32) -> Self {
        Self::Rtmp(chunk_size.into())
    }
}

impl FlvFraming {
    fn image(self, frame: &Frame) -> &[u8] {
        match self {
            Self::Chunked => http_image(frame),
            // The same without what makes it a chunk.
            Self::UntilClose => {
                let image = http_image(frame);
                let line = ChunkLine::new(tag_length(frame)).as_bytes().len();
                image.get(line..image.len() - CRLF.len()).unwrap_or_default()
            }
            Self::WebSocket => frame.image(Transport::WebSocket, || {
                let header = Header::new(Opcode::Binary, tag_length(frame));
                tag_between(header.as_bytes(), frame, &[])
            }),
        }
    }

    /// The beginning of a frame's tag at another time, in milliseconds, and the bytes of the image for which it stands.
    pub(super) fn start_at(self, frame: &Frame, timestamp: u32) -> (Start, usize) {
        let tag = flv::tag_header(frame.kind, timestamp, frame.payload().len());
        let start = match self {
            Self::Chunked => Start::new([ChunkLine::new(tag_length(frame)).as_bytes(), &tag]),
            Self::UntilClose => Start::new([&[], &tag]),
            Self::WebSocket => Start::new([Header::new(Opcode::Binary, tag_length(frame)).as_bytes(), &tag]),
        };
        (start, start.length)
    }

    /// Bytes of FLV that are no tag.
    pub fn bytes(self, flv: &[u8]) -> Vec<u8> {
        match self {
            Self::Chunked => [ChunkLine::new(flv.len()).as_bytes(), flv, &CRLF].concat(),
            Self::UntilClose => flv.to_vec(),
            Self::WebSocket => [Header::new(Opcode::Binary, flv.len()).as_bytes(), flv].concat(),
        }
    }

    /// What tells the client that nothing more comes, and to a WebSocket, why.
    pub fn end(self, code: CloseCode, why: &str) -> Vec<u8> {
        match self {
            Self::Chunked => LAST_CHUNK.to_vec(),
            Self::UntilClose => Vec::new(),
            Self::WebSocket => websocket::close_frame(code, why),
        }
    }

    /// The protocol of a player to which FLV is sent like this.
    pub fn protocol(self) -> ClientProtocol {
        match self {
            Self::Chunked | Self::UntilClose => ClientProtocol::HttpFlv,
            Self::WebSocket => ClientProtocol::WebSocketFlv,
        }
    }
}

/// A frame's tag as a chunk.
fn http_image(frame: &Frame) -> &[u8] {
    frame.image(Transport::Http, || tag_between(ChunkLine::new(tag_length(frame)).as_bytes(), frame, &CRLF))
}

/// Bytes of a frame's tag, with its PreviousTagSize.
fn tag_length(frame: &Frame) -> usize {
    TAG_HEADER + frame.payload().len() + PREVIOUS_TAG_SIZE
}

/// The line before a chunk, with its size: made for each tag, and so without memory of its own.
struct ChunkLine {
    text: [u8; MAX_LINE],
    begin: usize,
}

/// The longest such line, bytes: sizes have 64 bits.
const MAX_LINE: usize = 18;

impl ChunkLine {
    /// The line before a chunk of so many bytes.
    fn new(length: usize) -> Self {
        let mut text = [0; MAX_LINE];
        text[MAX_LINE - CRLF.len()..].copy_from_slice(&CRLF);
        let (mut begin, mut left) = (MAX_LINE - CRLF.len(), length);
        for place in text.iter_mut().rev().skip(CRLF.len()) {
            *place = b"0123456789abcdef"[left % 16];
            (begin, left) = (begin - 1, left / 16);
            if left == 0 {
                break;
            }
        }
        Self { text, begin }
    }

    fn as_bytes(&self) -> &[u8] {
        self.text.get(self.begin..).unwrap_or_default()
    }
}

fn tag_between(before: &[u8], frame: &Frame, behind: &[u8]) -> Box<[u8]> {
    let mut image = Vec::with_capacity(before.len() + tag_length(frame) + behind.len());
    image.extend_from_slice(before);
    flv::write_tag(&mut image, frame.kind, frame.flv_timestamp, frame.payload());
    image.extend_from_slice(behind);
    image.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;

    fn frame(length: usize) -> Frame {
        let mut frame = Frame::from_payload(Kind::Video, 70_000, &vec![0x27; length]);
        frame.flv_timestamp = 0x0102_0304;
        frame
    }

    fn tag(frame: &Frame, time: u32) -> Vec<u8> {
        let mut tag = Vec::new();
        flv::write_tag(&mut tag, frame.kind, time, frame.payload());
        tag
    }

    #[test]
    fn a_tag_is_one_chunk_or_one_websocket_frame_or_stands_alone() {
        for length in [1, 100, 110, 111, 240, 241, 65_520, 65_521, 70_000] {
            let frame = frame(length);
            let tag = tag(&frame, frame.flv_timestamp);
            let size = tag.len();
            let chunk = [format!("{size:x}\r\n").as_bytes(), &tag, b"\r\n"].concat();
            assert_eq!(FlvFraming::Chunked.image(&frame), chunk);
            assert_eq!(FlvFraming::UntilClose.image(&frame), tag);
            let header = match size {
                0..126 => vec![0x82, size as u8],
                126..0x1_0000 => vec![0x82, 126, (size >> 8) as u8, size as u8],
                _ => [&[0x82, 127][..], &(size as u64).to_be_bytes()].concat(),
            };
            assert_eq!(FlvFraming::WebSocket.image(&frame), [header, tag].concat());
        }
    }

    #[test]
    fn the_line_of_a_chunk_is_its_size_in_hexadecimal_digits() {
        for length in [0, 1, 9, 10, 15, 16, 255, 256, 0xff_ffff, 0x100_000e, usize::MAX] {
            assert_eq!(ChunkLine::new(length).as_bytes(), format!("{length:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn a_tag_at_another_time_has_only_its_start_for_itself() {
        for framing in [FlvFraming::Chunked, FlvFraming::UntilClose, FlvFraming::WebSocket] {
            for length in [1, 300, 70_000] {
                let mut frame = frame(length);
                let (start, skipped) = framing.start_at(&frame, 7);
                let placed = [start.bytes(), &framing.image(&frame)[skipped..]].concat();
                frame = Frame::from_payload(frame.kind, 0, frame.payload());
                frame.flv_timestamp = 7;
                assert_eq!(placed, framing.image(&frame), "{framing:?} {length}");
            }
        }
    }
}
