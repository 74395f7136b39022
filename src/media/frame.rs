//! The frame: one media message, immutable once it is shared.
//!
//! A publisher's message becomes one `Rc<Frame>` and every output shares it: players, the FLV
//! recorder, the HLS muxer. A frame knows what ingest learnt of it and keeps [`HEADROOM`] bytes
//! free in front of its payload, so that RTMP can put its message header there and send a small
//! frame without a copy. It knows nothing of RTMP otherwise.

use std::cell::OnceCell;

use super::flv::{self, Codec};

/// Bytes kept free in front of a payload: an RTMP type 0 chunk header with a one-byte basic header
/// (1 + 11) and an extended timestamp (4).
pub const HEADROOM: usize = 16;

/// What a frame carries; the FLV tag types and RTMP message types 8, 9 and 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio (type 8).
    Audio,
    /// Video (type 9).
    Video,
    /// An AMF0 data message (type 18), `onMetaData` and the like.
    Data,
}

/// What depends on a frame, and what it depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A decoder configuration (AVC or AAC sequence header); a player needs it before anything else.
    Header,
    /// Decodable by itself: a key frame, any audio frame, any data message.
    Key,
    /// Needs frames before it.
    Inter,
    /// Needs frames before it, and nothing needs it.
    Disposable,
    /// Carries no media: a sequence end, a command frame, a tag too short to be one.
    Empty,
}

/// One media message.
#[derive(Debug)]
pub struct Frame {
    /// Audio, video or data.
    pub kind: Kind,
    /// Decoding time in milliseconds, unwrapped from RTMP's 32 bits.
    pub timestamp: u64,
    /// The codec the tag header names.
    pub codec: Codec,
    /// What depends on it.
    pub role: Role,
    /// Presentation time minus decoding time, in milliseconds (AVC only, otherwise 0).
    pub composition_time: i32,
    /// Offset of the elementary data in the payload, past the tag header. Invariant: at most its length.
    body: usize,
    /// [`HEADROOM`] bytes, then the payload. Invariant: never shorter than the headroom.
    buffer: Vec<u8>,
    /// The frame as its transport sends it, if that is not one piece of `buffer`. Made once: a stream has
    /// one server, and that one chunk size.
    image: OnceCell<Box<[u8]>>,
}

impl Frame {
    /// Makes a frame of `buffer`, which holds [`HEADROOM`] free bytes and then the payload (an FLV
    /// tag body). A buffer shorter than the headroom counts as an empty payload.
    pub fn new(kind: Kind, timestamp: u64, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < HEADROOM {
            buffer.resize(HEADROOM, 0);
        }
        let tag = flv::inspect(kind, buffer.get(HEADROOM..).unwrap_or_default());
        Self {
            kind,
            timestamp,
            codec: tag.codec,
            role: tag.role,
            composition_time: tag.composition_time,
            body: tag.body,
            buffer,
            image: OnceCell::new(),
        }
    }

    /// Makes a frame of a payload that has no headroom yet; copies it.
    pub fn from_payload(kind: Kind, timestamp: u64, payload: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEADROOM + payload.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(payload);
        Self::new(kind, timestamp, buffer)
    }

    /// A copy of this frame at another time, with the same headroom.
    pub fn at(&self, timestamp: u64) -> Self {
        Self { timestamp, buffer: self.buffer.clone(), image: OnceCell::new(), ..*self }
    }

    /// The headroom, for a transport to write its header into before the frame is shared.
    pub fn headroom_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..HEADROOM]
    }

    /// The transport's image of this frame; `build` makes it on first use.
    pub fn image(&self, build: impl FnOnce() -> Box<[u8]>) -> &[u8] {
        self.image.get_or_init(build)
    }

    /// The payload with the last `header` bytes of the headroom in front of it.
    pub fn with_header(&self, header: usize) -> &[u8] {
        &self.buffer[HEADROOM - header.min(HEADROOM)..]
    }

    /// The payload as it came: a whole FLV tag body, with its tag header.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[HEADROOM..]
    }

    /// The elementary data: AVC NAL units with their lengths, a raw AAC frame, a configuration record.
    pub fn body(&self) -> &[u8] {
        self.payload().get(self.body..).unwrap_or_default()
    }

    /// Presentation time in milliseconds; never before zero.
    pub fn presentation_time(&self) -> u64 {
        self.timestamp.saturating_add_signed(i64::from(self.composition_time))
    }

    /// True for `onMetaData`.
    pub fn is_metadata(&self) -> bool {
        self.kind == Kind::Data && self.payload().starts_with(b"\x02\x00\x0aonMetaData")
    }

    /// True for a video frame that a decoder can start at.
    pub fn is_video_key(&self) -> bool {
        self.kind == Kind::Video && self.role == Role::Key
    }
}
