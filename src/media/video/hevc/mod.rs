//! H.265 as RTMP carries it (Enhanced RTMP's `hvc1`, and FLV codec 12): the decoder configuration record
//! (ISO 14496-15 8.3), and which NAL unit is what to an access unit of MPEG-TS (ISO 23008-2 7.4.2).

mod record;
mod sps;
mod syntax;
mod vps;

use std::error::Error;
use std::fmt;

use super::nal::{Picture, Rewriter, Unit, begins_with_start_code, has_recovery_point, sets_in, trim};
use crate::media::{Reader, Truncated};
use syntax::{NAL_AUD, NAL_PPS, NAL_PREFIX_SEI, NAL_SPS, NAL_VPS, nal_type};

/// An access unit delimiter that allows every slice type (7.4.3.5).
const DELIMITER: [u8; 3] = [NAL_AUD << 1, 1, 0x50];
/// The most parameter sets of a type: as many as picture parameter sets can have numbers (7.4.3.3.1).
const MAX_SETS: usize = 64;
/// SEI messages that describe all pictures (D.2.28, D.2.35, D.2.38): the mastering display, light levels, the
/// transfer characteristics of HLG. What else is found in records, such as the encoder's name and options or
/// the first picture's timing, is not for every key frame.
const LASTING_SEI: [u8; 3] = [137, 144, 147];

/// An error in the publisher's H.265.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HevcError {
    /// The record ended before its fields did.
    Truncated,
    /// A `configurationVersion` other than 1, and 0, which was the draft's.
    Version(u8),
    /// A parameter set of no bytes, or of another NAL unit type, or more of them than can be.
    ParameterSet,
}

impl fmt::Display for HevcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated hevc configuration"),
            Self::Version(version) => write!(f, "hevc configuration version {version}"),
            Self::ParameterSet => f.write_str("hevc parameter set that is none"),
        }
    }
}

impl Error for HevcError {}

impl From<Truncated> for HevcError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// The tier of a level (ISO 23008-2 A.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The tier of most decoders.
    Main,
    /// Higher bit rates at the same level.
    High,
}

/// An HEVCDecoderConfigurationRecord (ISO 14496-15 8.3.3.1): the body of an HEVC sequence header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecoderConfig {
    /// `general_profile_space`, 0 to 3; 0 but for profiles to come.
    pub profile_space: u8,
    /// `general_tier_flag`.
    pub tier: Tier,
    /// `general_profile_idc`: 1 Main, 2 Main 10, 3 Main Still Picture, 4 the range extensions.
    pub profile: u8,
    /// `general_profile_compatibility_flags`, that of profile 0 first.
    pub compatibility: u32,
    /// `general_constraint_indicator_flags`.
    pub constraints: [u8; 6],
    /// `general_level_idc`, thirty times the level.
    pub level: u8,
    /// `chroma_format_idc`: 0 monochrome, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample.
    pub bit_depth: u8,
    /// `avgFrameRate`, frames in 256 seconds; 0 where it is not told.
    pub average_frame_rate: u16,
    /// Bytes in front of each NAL unit that hold its length, 1 to 4. (3 is not allowed, and works.)
    pub nal_length_size: usize,
    /// Video parameter sets, each with its NAL header.
    pub vps: Vec<Vec<u8>>,
    /// Sequence parameter sets, each with its NAL header.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets, each with its NAL header.
    pub pps: Vec<Vec<u8>>,
    /// Messages that describe all pictures, such as those of HDR, each with its NAL header.
    pub sei: Vec<Vec<u8>>,
}

impl DecoderConfig {
    /// Reads a record. Sets behind start codes are one, too.
    pub fn parse(record: &[u8]) -> Result<Self, HevcError> {
        if begins_with_start_code(record) {
            return Self::of_start_codes(record).ok_or(HevcError::ParameterSet);
        }
        let mut reader = Reader::new(record);
        let version = reader.u8()?;
        if version > 1 {
            return Err(HevcError::Version(version));
        }
        let profile = reader.u8()?;
        let compatibility = reader.u32()?;
        let constraints = reader.array()?;
        let level = reader.u8()?;
        let [_, _, _, chroma_format, luma, _] = reader.array()?; // segmentation, parallelism, chroma's depth
        let average_frame_rate = reader.u16()?;
        let [lengths, arrays] = reader.array()?;
        let mut config = Self {
            profile_space: profile >> 6,
            tier: if profile & 0x20 == 0 { Tier::Main } else { Tier::High },
            profile: profile & 0x1f,
            compatibility,
            constraints,
            level,
            chroma_format: chroma_format & 3,
            bit_depth: 8 + (luma & 7),
            average_frame_rate,
            nal_length_size: usize::from(lengths & 3) + 1,
            vps: Vec::new(),
            sps: Vec::new(),
            pps: Vec::new(),
            sei: Vec::new(),
        };
        for _ in 0..arrays {
            config.parse_array(&mut reader)?;
        }
        Ok(config)
    }

    /// The picture by the first sequence parameter set, if that can be read. The frame rate may be
    /// there, in the video parameter set, or in the record.
    pub fn picture(&self) -> Option<Picture> {
        let picture = sps::parse(self.sps.first()?).ok()?;
        let average = Some(f64::from(self.average_frame_rate) / 256.0).filter(|rate| *rate > 0.0);
        let from_vps = || self.vps.first().and_then(|nal| vps::frame_rate(nal).ok().flatten());
        Some(Picture { frame_rate: picture.frame_rate.or_else(from_vps).or(average), ..picture })
    }

    /// The picture by each sequence parameter set, without the frame rate of the record; none for a set that cannot be
    /// read.
    pub fn pictures(&self) -> impl Iterator<Item = Option<Picture>> {
        self.sps.iter().map(|nal| sps::parse(nal).ok())
    }

    /// Writes pictures as access units of MPEG-TS.
    pub fn rewriter(&self) -> Rewriter<'_> {
        let parameters = [&*self.vps, &*self.sps, &*self.pps, &*self.sei];
        Rewriter { delimiter: &DELIMITER, parameters, pictures: 2, unit }
    }

    fn parse_array(&mut self, reader: &mut Reader<'_>) -> Result<(), HevcError> {
        let kind = reader.u8()? & 0x3f;
        for _ in 0..reader.u16()? {
            let length = reader.u16()?;
            let nal = reader.take(usize::from(length))?;
            let array = match kind {
                NAL_VPS => &mut self.vps,
                NAL_SPS => &mut self.sps,
                NAL_PPS => &mut self.pps,
                NAL_PREFIX_SEI if is_lasting_sei(nal) => &mut self.sei,
                _ => continue,
            };
            if nal_type(nal) != Some(kind) || array.len() >= MAX_SETS {
                return Err(HevcError::ParameterSet);
            }
            array.push(trim(nal).to_vec());
        }
        Ok(())
    }
}

/// True if an SEI unit's first message describes all pictures.
fn is_lasting_sei(nal: &[u8]) -> bool {
    nal_type(nal) == Some(NAL_PREFIX_SEI) && nal.get(2).is_some_and(|kind| LASTING_SEI.contains(kind))
}

/// The pictures by the sequence parameter sets in a frame's body: none for a set that cannot be read, and none at the
/// end of a body of too many parts.
pub fn pictures_in(body: &[u8], nal_length_size: usize) -> impl Iterator<Item = Option<Picture>> + use<'_> {
    let sets = sets_in(body, nal_length_size, unit);
    let sets = sets.filter(|nal| nal.is_none_or(|nal| nal_type(nal) == Some(NAL_SPS)));
    sets.map(|nal| sps::parse(nal?).ok())
}

/// The kind of a NAL unit. Slices are the types 0 to 9, of IRAP pictures 16 to 21 (table 7-1); the others up to 31
/// are reserved.
pub(super) fn unit(nal: &[u8]) -> Unit {
    match nal_type(nal) {
        Some(NAL_AUD) => Unit::Delimiter,
        Some(NAL_VPS) => Unit::Parameters(0),
        Some(NAL_SPS) => Unit::Parameters(1),
        Some(NAL_PPS) => Unit::Parameters(2),
        Some(NAL_PREFIX_SEI) if is_lasting_sei(nal) => Unit::Parameters(3),
        Some(NAL_PREFIX_SEI) if has_recovery_point(nal.get(2..).unwrap_or_default()) => Unit::RecoveryPoint,
        Some(16..=21) => Unit::RandomAccess,
        Some(0..=9) => Unit::Slice,
        _ => Unit::Other,
    }
}

/// True if a slice segment is the first of its picture: `first_slice_segment_in_pic_flag` (7.3.6.1).
pub(super) fn is_first_slice(nal: &[u8]) -> bool {
    unit(nal).is_slice() && nal.get(2).is_some_and(|byte| byte & 0x80 != 0)
}

/// A slice segment of an IDR picture for its repetition: as it is, since each IDR picture begins a sequence of its own
/// (8.1.3). None of another picture.
pub(super) fn repeat(nal: &[u8]) -> Option<Vec<u8>> {
    const IDR: std::ops::RangeInclusive<u8> = 19..=20;
    nal_type(nal).is_some_and(|kind| IDR.contains(&kind)).then(|| nal.to_vec())
}

#[cfg(test)]
pub(in crate::media) mod tests;
