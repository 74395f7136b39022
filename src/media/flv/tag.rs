//! The parsed header of a tag.

use std::ops::Range;

use crate::media::codec::Codec;
use crate::media::kind::{Packet, Role, Tracks};

/// A parsed tag header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The codec.
    pub codec: Codec,
    /// The type of its content.
    pub packet: Packet,
    /// Its place among the frames that depend on each other.
    pub role: Role,
    /// Presentation minus decoding time, milliseconds.
    pub composition_time: i32,
    /// The part of the presentation time below a millisecond: 0 to 999 999 ns (Enhanced RTMP ModEx).
    pub nanoseconds: u32,
    /// The tracks that have a part of it; of a configuration, those that it configures.
    pub tracks: Tracks,
    /// The range of the elementary data in the tag. Invariant: within it.
    pub body: Range<usize>,
}

impl Tag {
    pub(super) const EMPTY: Self = Self {
        codec: Codec::None,
        packet: Packet::Other,
        role: Role::Empty,
        composition_time: 0,
        nanoseconds: 0,
        tracks: Tracks::DEFAULT,
        body: 0..0,
    };

    /// True if it is a configuration without a body, of a codec that needs one.
    pub(super) fn lacks_configuration(&self) -> bool {
        self.packet == Packet::Configuration && self.codec.needs_configuration() && self.body.is_empty()
    }
}

/// The role of a video frame type (E.4.3.1 FrameType).
pub(super) fn video_role(frame_type: u8) -> Role {
    match frame_type {
        1 | 4 => Role::Key,
        2 => Role::Inter,
        3 => Role::Disposable,
        _ => Role::Empty,
    }
}
