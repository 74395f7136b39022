//! The tracks of a transport stream: which codecs it carries, and on which PIDs.

use crate::media::flv::Codec;

/// PID of the video track.
pub const PID_VIDEO: u16 = 0x100;
/// PID of the audio track.
pub const PID_AUDIO: u16 = 0x101;

/// True if pictures or sound of a codec are carried here.
pub fn carries(codec: Codec) -> bool {
    match codec {
        Codec::Avc | Codec::Hevc | Codec::Aac | Codec::Mp3 | Codec::Ac3 | Codec::Eac3 => true,
        Codec::Vvc | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Opus | Codec::Flac => false,
        Codec::Other(_) | Codec::Unknown(_) | Codec::None => false,
    }
}

/// A video codec that is carried here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Video {
    /// H.264, as a byte stream.
    Avc,
    /// H.265, as a byte stream.
    Hevc,
}

/// An audio codec that is carried here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audio {
    /// AAC in ADTS.
    Aac,
    /// MPEG-1 audio.
    Mpeg1,
    /// MPEG-2 audio: the lower sampling frequencies.
    Mpeg2,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
}

/// The tracks that exist; the tables name these and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracks {
    /// The video track, on PID 0x100.
    pub video: Option<Video>,
    /// The audio track, on PID 0x101.
    pub audio: Option<Audio>,
}
