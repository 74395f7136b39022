//! What the header of a tag says.

use std::ops::Range;

use crate::media::codec::Codec;
use crate::media::kind::{Packet, Role, Tracks};

/// What a tag header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The codec.
    pub codec: Codec,
    /// What is in the tag.
    pub packet: Packet,
    /// What depends on the tag.
    pub role: Role,
    /// Presentation minus decoding time, milliseconds.
    pub composition_time: i32,
    /// What the presentation time has beyond its milliseconds: 0 to 999 999 ns (Enhanced RTMP ModEx).
    pub nanoseconds: u32,
    /// The tracks that have a part of it; of a configuration, those that it configures.
    pub tracks: Tracks,
    /// Where the elementary data lies in the tag. Invariant: within it.
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

    /// Whether it is to configure its codec and does not.
    pub(super) fn lacks_configuration(&self) -> bool {
        self.packet == Packet::Configuration && self.codec.needs_configuration() && self.body.is_empty()
    }
}

/// What a video frame type says (E.4.3.1 FrameType).
pub(super) fn video_role(frame_type: u8) -> Role {
    match frame_type {
        1 | 4 => Role::Key,
        2 => Role::Inter,
        3 => Role::Disposable,
        _ => Role::Empty,
    }
}
