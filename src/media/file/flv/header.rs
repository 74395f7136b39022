//! The header of a tag (E.4.1) as files have it, right or wrong.

use crate::media::Kind;
use crate::media::file::MAX_MESSAGE;
use crate::media::flv::{PREVIOUS_TAG_SIZE, TAG_HEADER};

/// Bytes of a tag's header.
pub const HEADER: u64 = TAG_HEADER as u64;
/// Bytes of PreviousTagSize.
pub const LINK: u64 = PREVIOUS_TAG_SIZE as u64;

/// A whole tag with media or data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagPlace {
    /// Its first byte.
    pub at: u64,
    pub kind: Kind,
    /// Bytes of its body; 1 to [`MAX_MESSAGE`].
    pub length: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
}

impl TagPlace {
    pub fn body(&self) -> u64 {
        self.at + HEADER
    }

    /// The place behind its PreviousTagSize.
    pub fn end(&self) -> u64 {
        self.body() + u64::from(self.length) + LINK
    }
}

/// The fields of a tag header.
#[derive(Clone, Copy)]
pub struct Fields {
    pub kind: Option<Kind>,
    pub length: u32,
    timestamp: u32,
    is_stream_zero: bool,
}

impl Fields {
    pub fn read(bytes: [u8; TAG_HEADER]) -> Self {
        let [kind, l0, l1, l2, t1, t2, t3, t0, stream @ ..] = bytes;
        let kinds = [Kind::Audio, Kind::Video, Kind::Data, Kind::DataAmf3];
        Self {
            // A tag that is encrypted has another number.
            kind: kinds.into_iter().find(|known| known.type_id() == kind),
            length: u32::from_be_bytes([0, l0, l1, l2]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            is_stream_zero: stream == [0; 3],
        }
    }

    /// Whether it is one of audio, video or data, as nearly all files have it.
    pub fn is_plausible(&self) -> bool {
        self.kind.is_some() && self.is_stream_zero
    }

    /// What PreviousTagSize should say.
    pub fn link(&self) -> [u8; PREVIOUS_TAG_SIZE] {
        (self.length + TAG_HEADER as u32).to_be_bytes()
    }

    /// The end of the body of the tag at a place.
    pub fn body_end(&self, at: u64) -> u64 {
        at.saturating_add(HEADER + u64::from(self.length))
    }

    /// The tag at a place, if it has media or data; none if it is left out.
    pub fn place(&self, at: u64) -> Option<TagPlace> {
        let Self { kind, length, timestamp, .. } = *self;
        let is_played = (1..=MAX_MESSAGE).contains(&(length as usize));
        Some(TagPlace { at, kind: kind?, length, timestamp }).filter(|_| is_played)
    }
}

/// Whether a tag header may begin there, for who looks at each byte.
pub fn may_begin(bytes: &[u8]) -> bool {
    matches!(bytes, [8 | 9 | 15 | 18, .., 0, 0, 0])
}
