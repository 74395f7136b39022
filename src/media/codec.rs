//! The codecs that FLV and RTMP know: their numbers, FourCCs and names, in one table.
//!
//! The strings of RFC 6381, which need more than the codec, are in [`rfc6381`](super::rfc6381).

use super::kind::Kind;

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

/// The numbers that FLV has for codecs which Enhanced RTMP knows, too (E.4.2.1 SoundFormat, E.4.3.1 CodecID).
pub(super) const NUMBER_AVC: u8 = 7;
pub(super) const NUMBER_AAC: u8 = 10;
pub(super) const NUMBER_MP3: u8 = 2;

/// The numbers and names of a codec.
#[derive(Clone, Copy)]
struct Row {
    codec: Codec,
    kind: Kind,
    /// Of Enhanced RTMP v2 ("Enhanced Video", "Enhanced Audio").
    four_cc: Option<[u8; 4]>,
    /// Of FLV.
    number: Option<u8>,
    /// Its names in configurations. Several numbers of FLV may be one codec to people.
    names: &'static [&'static str],
    /// Its name for people; FLV's own codecs as nginx-rtmp's statistics do.
    title: &'static str,
}

const fn enhanced(
    codec: Codec,
    kind: Kind,
    four_cc: [u8; 4],
    names: &'static [&'static str],
    title: &'static str,
) -> Row {
    Row { codec, kind, four_cc: Some(four_cc), number: None, names, title }
}

const fn numbered(number: u8, row: Row) -> Row {
    Row { number: Some(number), ..row }
}

/// A codec that only FLV knows.
const fn old(number: u8, kind: Kind, names: &'static [&'static str], title: &'static str) -> Row {
    Row { codec: Codec::Other(number), kind, four_cc: None, number: Some(number), names, title }
}

/// Those with a FourCC first: messages are looked up by it.
const TABLE: [Row; 26] = [
    numbered(NUMBER_AVC, enhanced(Codec::Avc, Kind::Video, *b"avc1", &["h264", "avc"], "H.264")),
    enhanced(Codec::Hevc, Kind::Video, *b"hvc1", &["h265", "hevc"], "H.265"),
    enhanced(Codec::Vvc, Kind::Video, *b"vvc1", &["h266", "vvc"], "H.266"),
    enhanced(Codec::Av1, Kind::Video, *b"av01", &["av1"], "AV1"),
    enhanced(Codec::Vp8, Kind::Video, *b"vp08", &["vp8"], "VP8"),
    enhanced(Codec::Vp9, Kind::Video, *b"vp09", &["vp9"], "VP9"),
    numbered(NUMBER_AAC, enhanced(Codec::Aac, Kind::Audio, *b"mp4a", &["aac"], "AAC")),
    numbered(NUMBER_MP3, enhanced(Codec::Mp3, Kind::Audio, *b".mp3", &["mp3"], "MP3")),
    enhanced(Codec::Opus, Kind::Audio, *b"Opus", &["opus"], "Opus"),
    enhanced(Codec::Flac, Kind::Audio, *b"fLaC", &["flac"], "FLAC"),
    enhanced(Codec::Ac3, Kind::Audio, *b"ac-3", &["ac3"], "AC-3"),
    enhanced(Codec::Eac3, Kind::Audio, *b"ec-3", &["eac3"], "E-AC-3"),
    old(2, Kind::Video, &["h263"], "Sorenson-H263"),
    old(3, Kind::Video, &["screen"], "ScreenVideo"),
    old(6, Kind::Video, &["screen"], "ScreenVideo2"),
    old(4, Kind::Video, &["vp6"], "On2-VP6"),
    old(5, Kind::Video, &["vp6"], "On2-VP6-Alpha"),
    old(11, Kind::Audio, &["speex"], "Speex"),
    old(4, Kind::Audio, &["nellymoser"], "Nellymoser"),
    old(5, Kind::Audio, &["nellymoser"], "Nellymoser"),
    old(6, Kind::Audio, &["nellymoser"], "Nellymoser"),
    old(7, Kind::Audio, &["g711"], "G711A"),
    old(8, Kind::Audio, &["g711"], "G711U"),
    old(1, Kind::Audio, &["adpcm"], "ADPCM"),
    old(0, Kind::Audio, &["pcm"], "PCM"),
    old(3, Kind::Audio, &["pcm"], "PCM"),
];

impl Codec {
    /// The codecs that configurations call by a name, and their kind; none for a name that is not known.
    pub fn of_name(name: &str) -> impl Iterator<Item = (Kind, Self)> {
        TABLE.iter().filter(move |row| row.names.contains(&name)).map(|row| (row.kind, row.codec))
    }

    /// The names that configurations know. One of several codecs comes several times.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().flat_map(|row| row.names.iter().copied())
    }

    /// The codec of a FourCC.
    pub fn of_four_cc(four_cc: [u8; 4]) -> Self {
        let known = TABLE.iter().find(|row| row.four_cc == Some(four_cc));
        known.map_or(Self::Unknown(four_cc), |row| row.codec)
    }

    /// The FourCC of a codec that has one.
    pub fn four_cc(self) -> Option<[u8; 4]> {
        match self {
            Self::Unknown(four_cc) => Some(four_cc),
            codec => TABLE.iter().find(|row| row.codec == codec)?.four_cc,
        }
    }

    /// The number of a codec that FLV has one for.
    pub fn number(self) -> Option<u8> {
        match self {
            Self::Other(number) => Some(number),
            codec => TABLE.iter().find(|row| row.codec == codec)?.number,
        }
    }

    /// `videocodecid` or `audiocodecid` of metadata: the number of FLV where there is one, which every player knows, or the
    /// FourCC as a number (Enhanced RTMP v2, "Enhancing onMetaData"). 0 without a codec.
    pub fn metadata_id(self) -> u32 {
        let four_cc = || self.four_cc().map(u32::from_be_bytes);
        self.number().map(u32::from).or_else(four_cc).unwrap_or_default()
    }

    /// Its name for people. The kind tells which of two codecs a number of FLV means.
    pub fn name(self, kind: Kind) -> &'static str {
        let is_it = |row: &&Row| row.codec == self && (row.four_cc.is_some() || row.kind == kind);
        match TABLE.iter().find(is_it) {
            Some(row) => row.title,
            None if self == Self::None => "",
            None => "unknown",
        }
    }

    /// True if nothing can be decoded without a configuration. (AV1 and VP9 carry theirs in key frames,
    /// Opus has a default, the others know none.)
    pub fn needs_configuration(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Vvc | Self::Aac | Self::Flac)
    }

    /// True if its frames may be presented at another time than they are decoded.
    pub(super) fn has_composition_time(self) -> bool {
        matches!(self, Self::Avc | Self::Hevc | Self::Vvc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_metadata_are_numbers_of_flv_or_four_ccs() {
        for (codec, id) in [
            (Codec::Avc, 7),
            (Codec::Aac, 10),
            (Codec::Mp3, 2),
            (Codec::Other(4), 4),
            (Codec::Av1, 1_635_135_537),
            (Codec::Hevc, 1_752_589_105),
            (Codec::Opus, 1_332_770_163),
            (Codec::Unknown(*b"abcd"), 0x6162_6364),
            (Codec::None, 0),
        ] {
            assert_eq!(codec.metadata_id(), id, "{codec:?}");
        }
    }

    #[test]
    fn a_codec_is_called_by_what_it_is_of_its_kind() {
        for (codec, kind, name) in [
            (Codec::Avc, Kind::Video, "H.264"),
            (Codec::Aac, Kind::Data, "AAC"),
            (Codec::Other(4), Kind::Video, "On2-VP6"),
            (Codec::Other(4), Kind::Audio, "Nellymoser"),
            (Codec::Other(9), Kind::Audio, "unknown"),
            (Codec::Unknown(*b"abcd"), Kind::Video, "unknown"),
            (Codec::None, Kind::Video, ""),
        ] {
            assert_eq!(codec.name(kind), name, "{codec:?}");
        }
        let screen = [Codec::Other(3), Codec::Other(6)].map(|codec| (Kind::Video, codec));
        assert_eq!(Codec::of_name("screen").collect::<Vec<_>>(), screen);
        assert_eq!(Codec::of_name("x").next(), None);
    }
}
