//! The codecs that FLV and RTMP name, by number or by FourCC.

use crate::media::kind::Kind;

/// A codec as a tag header names it (FLV E.4.2.1 SoundFormat, E.4.3.1 CodecID; Enhanced RTMP FourCC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// H.264 / AVC.
    Avc,
    /// H.265 / HEVC.
    Hevc,
    /// H.266 / VVC.
    Vvc,
    /// AV1.
    Av1,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AAC.
    Aac,
    /// MPEG-1 layer III audio.
    Mp3,
    /// Opus.
    Opus,
    /// FLAC.
    Flac,
    /// AC-3 (Dolby Digital).
    Ac3,
    /// E-AC-3 (Dolby Digital Plus).
    Eac3,
    /// Any other audio or video codec, by its FLV number.
    Other(u8),
    /// Any other audio or video codec, by its FourCC.
    Unknown([u8; 4]),
    /// No codec: data messages, commands and tags without a header.
    #[default]
    None,
}

/// The FourCCs of Enhanced RTMP v2 ("Enhanced Video", "Enhanced Audio").
const FOUR_CCS: [([u8; 4], Codec); 12] = [
    (*b"avc1", Codec::Avc),
    (*b"hvc1", Codec::Hevc),
    (*b"vvc1", Codec::Vvc),
    (*b"av01", Codec::Av1),
    (*b"vp08", Codec::Vp8),
    (*b"vp09", Codec::Vp9),
    (*b"mp4a", Codec::Aac),
    (*b".mp3", Codec::Mp3),
    (*b"Opus", Codec::Opus),
    (*b"fLaC", Codec::Flac),
    (*b"ac-3", Codec::Ac3),
    (*b"ec-3", Codec::Eac3),
];

/// What configurations call the codecs. Those of FLV before Enhanced RTMP have several numbers for what is one codec to
/// people.
const NAMES: [(&str, Kind, &[Codec]); 23] = [
    ("h264", Kind::Video, &[Codec::Avc]),
    ("avc", Kind::Video, &[Codec::Avc]),
    ("h265", Kind::Video, &[Codec::Hevc]),
    ("hevc", Kind::Video, &[Codec::Hevc]),
    ("h266", Kind::Video, &[Codec::Vvc]),
    ("vvc", Kind::Video, &[Codec::Vvc]),
    ("av1", Kind::Video, &[Codec::Av1]),
    ("vp8", Kind::Video, &[Codec::Vp8]),
    ("vp9", Kind::Video, &[Codec::Vp9]),
    ("h263", Kind::Video, &[Codec::Other(2)]),
    ("screen", Kind::Video, &[Codec::Other(3), Codec::Other(6)]),
    ("vp6", Kind::Video, &[Codec::Other(4), Codec::Other(5)]),
    ("aac", Kind::Audio, &[Codec::Aac]),
    ("mp3", Kind::Audio, &[Codec::Mp3]),
    ("opus", Kind::Audio, &[Codec::Opus]),
    ("flac", Kind::Audio, &[Codec::Flac]),
    ("ac3", Kind::Audio, &[Codec::Ac3]),
    ("eac3", Kind::Audio, &[Codec::Eac3]),
    ("speex", Kind::Audio, &[Codec::Other(11)]),
    ("nellymoser", Kind::Audio, &[Codec::Other(4), Codec::Other(5), Codec::Other(6)]),
    ("g711", Kind::Audio, &[Codec::Other(7), Codec::Other(8)]),
    ("adpcm", Kind::Audio, &[Codec::Other(1)]),
    ("pcm", Kind::Audio, &[Codec::Other(0), Codec::Other(3)]),
];

impl Codec {
    /// The codecs that configurations call by a name, and their kind.
    pub fn of_name(name: &str) -> Option<(Kind, &'static [Self])> {
        NAMES.iter().find(|(known, ..)| *known == name).map(|(_, kind, codecs)| (*kind, *codecs))
    }

    /// The names that configurations know.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, ..)| *name)
    }

    /// The codec of a FourCC.
    pub fn of_four_cc(four_cc: [u8; 4]) -> Self {
        let known = FOUR_CCS.iter().find(|(name, _)| *name == four_cc);
        known.map_or(Self::Unknown(four_cc), |(_, codec)| *codec)
    }

    /// The FourCC of a codec that has one.
    pub fn four_cc(self) -> Option<[u8; 4]> {
        match self {
            Self::Unknown(four_cc) => Some(four_cc),
            codec => FOUR_CCS.iter().find(|(_, known)| *known == codec).map(|(name, _)| *name),
        }
    }

    /// What people call it; FLV's own codecs as nginx-rtmp's statistics do. The kind tells which of two codecs
    /// a number of FLV means.
    pub fn name(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Avc, _) => "H.264",
            (Self::Hevc, _) => "H.265",
            (Self::Vvc, _) => "H.266",
            (Self::Av1, _) => "AV1",
            (Self::Vp8, _) => "VP8",
            (Self::Vp9, _) => "VP9",
            (Self::Aac, _) => "AAC",
            (Self::Mp3, _) => "MP3",
            (Self::Opus, _) => "Opus",
            (Self::Flac, _) => "FLAC",
            (Self::Ac3, _) => "AC-3",
            (Self::Eac3, _) => "E-AC-3",
            (Self::Other(number), Kind::Video) => match number {
                2 => "Sorenson-H263",
                3 => "ScreenVideo",
                4 => "On2-VP6",
                5 => "On2-VP6-Alpha",
                6 => "ScreenVideo2",
                _ => "unknown",
            },
            (Self::Other(number), _) => match number {
                0 | 3 => "PCM",
                1 => "ADPCM",
                4..=6 => "Nellymoser",
                7 => "G711A",
                8 => "G711U",
                11 => "Speex",
                _ => "unknown",
            },
            (Self::Unknown(_), _) => "unknown",
            (Self::None, _) => "",
        }
    }

    /// Whether nothing can be decoded without a configuration. (AV1 and VP9 carry theirs in key frames,
    /// Opus has a default, the others know none.)
    pub fn needs_configuration(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Vvc | Self::Aac | Self::Flac)
    }

    /// Whether its frames may be presented at another time than they are decoded.
    pub(in crate::media) fn has_composition_time(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Vvc)
    }
}
