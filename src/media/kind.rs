//! The kinds, packet types, roles and tracks of media messages, as their tag headers have them.

/// The kind of a frame. Its number is the FLV tag type and the RTMP message type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio (type 8).
    Audio,
    /// Video (type 9).
    Video,
    /// An AMF0 data message (type 18), `onMetaData` and the like.
    Data,
    /// A data message with AMF3 values (type 15): a format byte of 0, then AMF0 values that may switch.
    DataAmf3,
}

impl Kind {
    /// The FLV tag type and RTMP message type id.
    pub fn type_id(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::DataAmf3 => 15,
            Self::Data => 18,
        }
    }

    /// True if it is a data message.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Data | Self::DataAmf3)
    }
}

/// The place of a frame among those that depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A decoder configuration or a description; a player needs it before anything else of the track.
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

/// The type of a message of audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packet {
    /// A decoder configuration (a sequence header, a SequenceStart).
    Configuration,
    /// A description beside it: HDR metadata of video, the channel layout of audio.
    Description,
    /// Coded frames.
    Frames,
    /// The end of a sequence, a command, anything else.
    Other,
}

/// A set of track numbers (Enhanced RTMP v2, Multitrack). Tracks from 64 on count as the 64th: nobody
/// sends as many, and they share a place rather than be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracks(u64);

impl Tracks {
    /// No track.
    pub const NONE: Self = Self(0);
    /// The default track, 0: the only one outside Multitrack.
    pub const DEFAULT: Self = Self(1);

    /// Adds a track.
    pub fn add(&mut self, track: u8) {
        self.0 |= 1 << track.min(63);
    }

    /// Adds all of some tracks.
    pub fn add_all(&mut self, tracks: Self) {
        self.0 |= tracks.0;
    }

    /// True if the track is among them.
    pub fn contains(self, track: u8) -> bool {
        self.0 & 1 << track.min(63) != 0
    }

    /// True if all of these are among the others.
    pub fn is_within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// True if any of these is among the others.
    pub fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// True if there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
