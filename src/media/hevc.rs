//! H.265 as FLV and RTMP carry it: the decoder configuration record, and the rewriting of its
//! length-prefixed NAL units as the byte stream that MPEG-TS wants (ISO 14496-15 8.3, ISO 23008-2).

mod annex_b;
mod sps;

use std::error::Error;
use std::fmt;

use super::avc::{AvcError, Nals};
use super::{Reader, Truncated};

pub use sps::Sps;

/// NAL unit types of pictures that decoding can start at: BLA, IDR and CRA (ISO 23008-2 table 7-1).
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
/// NAL unit types below this are slices.
const FIRST_NON_VCL: u8 = 32;
/// NAL unit types of the video, sequence and picture parameter sets.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
/// NAL unit type of a sequence parameter set.
const SPS: u8 = 33;
/// NAL unit type of an access unit delimiter.
const AUD: u8 = 35;

/// What is wrong with the publisher's H.265.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HevcError {
    /// The record ended before its fields did.
    Truncated,
    /// A `configurationVersion` that does not exist.
    Version(u8),
    /// A parameter set of no bytes.
    ParameterSet,
    /// A NAL unit is longer than what is left of its frame.
    NalLength,
}

impl fmt::Display for HevcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated hevc configuration"),
            Self::Version(version) => write!(f, "hevc configuration version {version}"),
            Self::ParameterSet => f.write_str("hevc parameter set that is none"),
            Self::NalLength => f.write_str("nal unit longer than its frame"),
        }
    }
}

impl Error for HevcError {}

impl From<Truncated> for HevcError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl From<AvcError> for HevcError {
    fn from(_: AvcError) -> Self {
        Self::NalLength
    }
}

/// A HEVCDecoderConfigurationRecord (ISO 14496-15 8.3.3.1): the body of an HEVC sequence header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// `general_profile_space`, 0 to 3; 0 for all that exist.
    pub profile_space: u8,
    /// Whether `general_tier_flag` says the high tier.
    pub is_high_tier: bool,
    /// `general_profile_idc`: 1 Main, 2 Main 10, 4 the range extensions.
    pub profile: u8,
    /// `general_profile_compatibility_flags`.
    pub compatibility: u32,
    /// `general_constraint_indicator_flags`.
    pub constraints: [u8; 6],
    /// `general_level_idc`: thirty times the level.
    pub level: u8,
    /// Bytes in front of each NAL unit that hold its length, 1 to 4.
    pub nal_length_size: usize,
    /// The video, sequence and picture parameter sets, each with its NAL header, in the record's order.
    pub sets: Vec<Vec<u8>>,
}

impl DecoderConfig {
    /// Reads a record. Arrays of other NAL units (SEI) are left out. Version 0 is that of drafts, which
    /// some encoders still write.
    pub fn parse(record: &[u8]) -> Result<Self, HevcError> {
        let mut reader = Reader::new(record);
        let version = reader.u8()?;
        if version > 1 {
            return Err(HevcError::Version(version));
        }
        let general = reader.u8()?;
        let compatibility = reader.u32()?;
        let constraints = reader.array()?;
        let level = reader.u8()?;
        // Segmentation, parallelism, chroma format, bit depths, average frame rate.
        reader.take(8)?;
        let lengths = reader.u8()?;
        let mut sets = Vec::new();
        for _ in 0..reader.u8()? {
            let kind = reader.u8()? & 0x3f;
            for _ in 0..reader.u16()? {
                let length = reader.u16()?;
                let nal = reader.take(usize::from(length))?;
                match nal_type(nal) {
                    _ if !PARAMETER_SETS.contains(&kind) => {}
                    Some(found) if found == kind => sets.push(nal.to_vec()),
                    _ => return Err(HevcError::ParameterSet),
                }
            }
        }
        Ok(Self {
            profile_space: general >> 6,
            is_high_tier: general & 0x20 != 0,
            profile: general & 0x1f,
            compatibility,
            constraints,
            level,
            nal_length_size: usize::from(lengths & 3) + 1,
            sets,
        })
    }

    /// What the first sequence parameter set says of the picture, if it can be read.
    pub fn picture(&self) -> Option<Sps> {
        let set = self.sets.iter().find(|nal| nal_type(nal) == Some(SPS))?;
        Sps::parse(set).ok()
    }

    /// The codec as playlists name it (ISO 14496-15 annex E.3): "hvc1.1.6.L93.90".
    pub fn codec_string(&self) -> String {
        let space = ["", "A", "B", "C"][usize::from(self.profile_space & 3)];
        let compatibility = self.compatibility.reverse_bits();
        let tier = if self.is_high_tier { 'H' } else { 'L' };
        let mut text = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", self.profile, self.level);
        let used = self.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.constraints.iter().take(used).for_each(|byte| text.push_str(&format!(".{byte:X}")));
        text
    }

    /// The NAL units of a frame's body.
    fn nals<'a>(&self, body: &'a [u8]) -> Nals<'a> {
        Nals::new(body, self.nal_length_size)
    }
}

/// The type of a NAL unit, from its header of two bytes; `None` for one that is shorter.
fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first().filter(|_| nal.len() > 1).map(|header| header >> 1 & 0x3f)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record as x265 writes it through FFmpeg, without its SEI: 160 by 90, range extensions, level 2.
    pub const RECORD: &[u8] = b"\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x3c\xf0\x00\xfc\xfd\xf8\xf8\
        \x00\x00\x0f\x03\x20\x00\x01\x00\x18\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\
        \x00\x00\x03\x00\x3c\x95\x98\x09\x21\x00\x01\x00\x2b\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\
        \x03\x00\x00\x03\x00\x3c\xa0\x0a\x08\x0b\x9f\x79\x65\x66\x92\x4c\xaf\x01\x68\x08\x00\x00\x03\x00\x08\
        \x00\x00\x03\x00\xc8\x40\x22\x00\x01\x00\x07\x44\x01\xc1\x72\xb4\x62\x40";

    #[test]
    fn a_record_tells_profile_sets_and_picture() {
        let config = DecoderConfig::parse(RECORD).unwrap();
        assert_eq!(
            (config.profile, config.level, config.is_high_tier, config.nal_length_size),
            (1, 60, false, 4)
        );
        let types: Vec<_> = config.sets.iter().map(|set| nal_type(set).unwrap()).collect();
        assert_eq!(types, [32, 33, 34]);
        assert_eq!(config.picture(), Some(Sps { width: 320, height: 180 }));
        assert_eq!(config.codec_string(), "hvc1.1.6.L60.90");
    }

    #[test]
    fn a_record_cut_anywhere_is_truncated() {
        for cut in 0..RECORD.len() {
            assert_eq!(DecoderConfig::parse(&RECORD[..cut]), Err(HevcError::Truncated), "cut at {cut}");
        }
    }

    #[test]
    fn other_versions_and_sets_that_are_none_are_refused_and_sei_is_left_out() {
        assert_eq!(DecoderConfig::parse(&[2]), Err(HevcError::Version(2)));
        let with = |array: &[u8]| [&RECORD[..22], &[1], array].concat();
        assert_eq!(DecoderConfig::parse(&with(&[33, 0, 1, 0, 2, 0x44, 1])), Err(HevcError::ParameterSet));
        assert_eq!(DecoderConfig::parse(&with(&[33, 0, 1, 0, 0])), Err(HevcError::ParameterSet));
        assert_eq!(
            DecoderConfig::parse(&with(&[39, 0, 1, 0, 2, 0x4e, 1])).unwrap().sets,
            Vec::<Vec<u8>>::new()
        );
    }

    #[test]
    fn the_codec_string_has_space_tier_and_all_constraints_in_use() {
        let config = DecoderConfig {
            profile_space: 1,
            is_high_tier: true,
            profile: 2,
            compatibility: 0x2000_0000,
            constraints: [0xb0, 0, 0x10, 0, 0, 0],
            level: 153,
            nal_length_size: 4,
            sets: vec![],
        };
        assert_eq!(config.codec_string(), "hvc1.A2.4.H153.B0.0.10");
    }
}
