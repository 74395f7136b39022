//! The names of codecs that playlists and web pages use (RFC 6381 3.3, ISO 14496-15 annex E).

use std::fmt::Write;

use super::aac::AudioConfig;
use super::avc;
use super::codec::Codec;
use super::hevc::{self, Tier};
use super::pictures::Configuration;

/// A codec and what its configuration tells of it.
#[derive(Debug, Clone, Copy)]
pub enum Coding<'a> {
    /// H.264.
    Avc(&'a avc::DecoderConfig),
    /// H.265.
    Hevc(&'a hevc::DecoderConfig),
    /// AAC.
    Aac(&'a AudioConfig),
    /// MPEG audio.
    Mp3,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
}

impl<'a> From<&'a Configuration> for Coding<'a> {
    fn from(configuration: &'a Configuration) -> Self {
        match configuration {
            Configuration::Avc(config) => Self::Avc(config),
            Configuration::Hevc(config) => Self::Hevc(config),
        }
    }
}

/// The name: `avc1.PPCCLL`, `hvc1.P.C.TL.B`, `mp4a.40.TYPE` (34 is MP3), `ac-3` or `ec-3`.
pub fn codec_string(coding: Coding<'_>) -> String {
    match coding {
        Coding::Avc(config) => {
            format!("avc1.{:02x}{:02x}{:02x}", config.profile, config.compatibility, config.level)
        }
        Coding::Hevc(config) => hevc_string(config),
        Coding::Aac(config) => {
            let object_type = match config.extension {
                Some(extension) if extension.parametric_stereo => 29,
                Some(_) => 5,
                None => config.object_type,
            };
            format!("mp4a.40.{object_type}")
        }
        Coding::Mp3 => "mp4a.40.34".to_owned(),
        Coding::Ac3 => "ac-3".to_owned(),
        Coding::Eac3 => "ec-3".to_owned(),
    }
}

/// The name by which a web page asks whether a browser plays a track (`MediaSource.isTypeSupported`), from its decoder
/// configuration, if it has one; empty if the codec has no such name, or its configuration cannot be read.
pub fn of_track(codec: Codec, configuration: Option<&[u8]>) -> String {
    let record = configuration.unwrap_or_default();
    match codec {
        Codec::Avc | Codec::Hevc => {
            let parsed = Configuration::parse(codec, record).ok().flatten();
            parsed.map(|parsed| codec_string((&parsed).into())).unwrap_or_default()
        }
        Codec::Av1 => av1_string(record).unwrap_or_else(|| "av01.0.08M.08".to_owned()),
        Codec::Vp9 => vp9_string(record).unwrap_or_else(|| "vp09.00.41.08".to_owned()),
        Codec::Vp8 => "vp08.00.41.08".to_owned(),
        // Frames of ADTS may come without a configuration.
        Codec::Aac => AudioConfig::parse(record)
            .map_or_else(|_| "mp4a.40.2".to_owned(), |config| codec_string(Coding::Aac(&config))),
        // Browsers know MP3 by the object type of MPEG-1 audio (ISO 14496-1, table 5).
        Codec::Mp3 => "mp4a.6B".to_owned(),
        Codec::Opus => "opus".to_owned(),
        Codec::Flac => "flac".to_owned(),
        Codec::Ac3 => codec_string(Coding::Ac3),
        Codec::Eac3 => codec_string(Coding::Eac3),
        Codec::Vvc | Codec::Other(_) | Codec::Unknown(_) | Codec::None => String::new(),
    }
}

/// The profile, level, tier and depth of an AV1CodecConfigurationRecord (AV1 in ISOBMFF, 2.3.3 and 5).
fn av1_string(record: &[u8]) -> Option<String> {
    let [0x81, profile_and_level, flags, ..] = *record else { return None };
    let (profile, level) = (profile_and_level >> 5, profile_and_level & 0x1f);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{depth:02}"))
}

/// The profile, level and depth of a VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding), with or without
/// the version and flags of its box.
fn vp9_string(record: &[u8]) -> Option<String> {
    let [profile, level, depth, ..] = *record.strip_prefix(&[1, 0, 0, 0]).unwrap_or(record) else {
        return None;
    };
    let depth = depth >> 4;
    // A level that is not known is written as 0, which browsers do not take.
    let level = if level == 0 { 41 } else { level };
    (profile < 4 && [8, 10, 12].contains(&depth)).then(|| format!("vp09.{profile:02}.{level:02}.{depth:02}"))
}

/// ISO 14496-15 E.3: the profile, its compatibility flags from the last to the first, tier and level, and the
/// constraint flags up to the last byte that is not zero.
fn hevc_string(config: &hevc::DecoderConfig) -> String {
    let space = ["", "A", "B", "C"].get(usize::from(config.profile_space)).copied().unwrap_or_default();
    let tier = match config.tier {
        Tier::Main => 'L',
        Tier::High => 'H',
    };
    let compatibility = config.compatibility.reverse_bits();
    let mut name = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", config.profile, config.level);
    let count = config.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in config.constraints.iter().take(count) {
        // Writing to a string cannot fail.
        let _ = write!(name, ".{byte:X}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hevc(head: &[u8]) -> String {
        let record = [head, &[0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0]].concat();
        codec_string(Coding::Hevc(&hevc::DecoderConfig::parse(&record).unwrap()))
    }

    #[test]
    fn names_of_hevc_have_flags_reversed_and_no_zeros_behind() {
        // The examples of ISO 14496-15 annex E and of Apple's authoring specification.
        assert_eq!(hevc(&[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93]), "hvc1.1.6.L93.90");
        assert_eq!(hevc(&[1, 2, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 153]), "hvc1.2.4.L153.B0");
        assert_eq!(hevc(&[1, 0x22, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 153]), "hvc1.2.4.H153.B0");
        assert_eq!(hevc(&[1, 0x41, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60]), "hvc1.A1.2.L60");
        // The range extensions as x265 writes them: Main 4:2:2 10.
        assert_eq!(hevc(&[1, 4, 8, 0, 0, 0, 0x9d, 8, 0, 0, 0, 0, 120]), "hvc1.4.10.L120.9D.8");
    }

    #[test]
    fn a_track_has_the_name_that_browsers_know() {
        for (codec, configuration, name) in [
            (Codec::Avc, &[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0][..], "avc1.64001f"),
            (Codec::Avc, &[], ""),
            // As SVT-AV1 and libaom write it, and High 10 of level 5.1 in the high tier.
            (Codec::Av1, &[0x81, 0, 0x0c, 0], "av01.0.00M.08"),
            (Codec::Av1, &[0x81, 0x05, 0x0c, 0], "av01.0.05M.08"),
            (Codec::Av1, &[0x81, 0x2d, 0xc0, 0], "av01.1.13H.10"),
            (Codec::Av1, &[0x81, 0x48, 0x60, 0], "av01.2.08M.12"),
            (Codec::Av1, &[], "av01.0.08M.08"),
            (Codec::Vp9, &[1, 0, 0, 0, 0, 31, 0x82, 2, 2, 2, 0, 0], "vp09.00.31.08"),
            (Codec::Vp9, &[2, 50, 0xa2, 9, 9, 9, 0, 0], "vp09.02.50.10"),
            (Codec::Vp9, &[1, 0, 0x82, 2, 2, 2, 0, 0], "vp09.01.41.08"),
            (Codec::Vp9, &[9, 9], "vp09.00.41.08"),
            (Codec::Aac, &[0x11, 0x90], "mp4a.40.2"),
            (Codec::Aac, &[], "mp4a.40.2"),
            (Codec::Mp3, &[], "mp4a.6B"),
            (Codec::Opus, b"OpusHead", "opus"),
            (Codec::Flac, b"fLaC", "flac"),
            (Codec::Ac3, &[], "ac-3"),
            (Codec::Eac3, &[], "ec-3"),
            (Codec::Other(2), &[], ""),
            (Codec::None, &[], ""),
        ] {
            assert_eq!(of_track(codec, Some(configuration)), name, "{codec:?}");
        }
        assert_eq!(of_track(Codec::Vp9, None), "vp09.00.41.08");
    }

    #[test]
    fn names_of_the_others() {
        let avc = avc::DecoderConfig::parse(&[1, 0x4d, 0x40, 0x1f, 0xff, 0xe0, 0]).unwrap();
        assert_eq!(codec_string(Coding::Avc(&avc)), "avc1.4d401f");
        let aac = |config: &[u8]| codec_string(Coding::Aac(&AudioConfig::parse(config).unwrap()));
        assert_eq!(aac(&[0x11, 0x90]), "mp4a.40.2");
        assert_eq!(aac(&[0x2b, 0x92, 0x08, 0x00]), "mp4a.40.5");
        assert_eq!(aac(&[0xeb, 0x8a, 0x08, 0x00]), "mp4a.40.29");
        let others = [Coding::Mp3, Coding::Ac3, Coding::Eac3].map(codec_string);
        assert_eq!(others, ["mp4a.40.34", "ac-3", "ec-3"]);
    }
}
