//! The sequence parameter set, as far as the picture's size (ISO 23008-2 7.3.2.2).

use super::super::Truncated;
use super::super::avc::unescape;
use super::super::bits::Bits;
use super::{SPS, nal_type};

/// A set longer than this is not looked at; what is read of it stands in its first hundred bytes.
const MAX_BYTES: usize = 4096;
/// The largest width or height believed, in pixels; level 6.2 allows 16888.
const MAX_SIDE: u32 = 16_888;

/// What a sequence parameter set says of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// Width in pixels, within the conformance window.
    pub width: u32,
    /// Height in pixels, within the conformance window.
    pub height: u32,
}

impl Sps {
    /// Reads a NAL unit of type 33, its header included. [`Truncated`] covers every fault: bits that are
    /// missing, a code too long, a size that cannot be.
    pub fn parse(nal: &[u8]) -> Result<Self, Truncated> {
        if nal_type(nal) != Some(SPS) {
            return Err(Truncated);
        }
        let raw = unescape(nal.get(2..MAX_BYTES.min(nal.len())).ok_or(Truncated)?);
        let mut bits = Bits::new(&raw);
        bits.u(4)?; // sps_video_parameter_set_id
        let sub_layers = bits.u(3)?;
        bits.flag()?; // sps_temporal_id_nesting_flag
        skip_profile_tier_level(&mut bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let chroma = bits.ue()?;
        let is_separate = chroma == 3 && bits.flag()?;
        let (width, height) = (bits.ue()?, bits.ue()?);
        // Cropping counts in units of chroma samples (table 6-1).
        let (unit_x, unit_y) = match chroma {
            1 if !is_separate => (2, 2),
            2 => (2, 1),
            0..=3 => (1, 1),
            _ => return Err(Truncated),
        };
        let (mut cropped_x, mut cropped_y) = (0, 0);
        if bits.flag()? {
            cropped_x = cropped(&mut bits, unit_x)?;
            cropped_y = cropped(&mut bits, unit_y)?;
        }
        let side = |whole: u32, cropped: u64| {
            let left = u64::from(whole).checked_sub(cropped).and_then(|side| u32::try_from(side).ok());
            left.filter(|side| (1..=MAX_SIDE).contains(side)).ok_or(Truncated)
        };
        Ok(Self { width: side(width, cropped_x)?, height: side(height, cropped_y)? })
    }
}

/// Pixels that two offsets of the conformance window take away.
fn cropped(bits: &mut Bits<'_>, unit: u64) -> Result<u64, Truncated> {
    Ok((u64::from(bits.ue()?) + u64::from(bits.ue()?)) * unit)
}

/// 7.3.3, with the general profile and level.
fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Result<(), Truncated> {
    skip(bits, PROFILE + LEVEL)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        skip(bits, 2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        skip(bits, if profile { PROFILE } else { 0 } + if level { LEVEL } else { 0 })?;
    }
    Ok(())
}

/// Bits of a profile: space, tier, number, compatibility, constraints.
const PROFILE: u32 = 88;
/// Bits of a level.
const LEVEL: u32 = 8;

fn skip(bits: &mut Bits<'_>, count: u32) -> Result<(), Truncated> {
    for _ in 0..count {
        bits.flag()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_cut_before_its_size_is_truncated() {
        let config = super::super::DecoderConfig::parse(super::super::tests::RECORD).unwrap();
        let set = &config.sets[1];
        assert_eq!(Sps::parse(set), Ok(Sps { width: 320, height: 180 }));
        for cut in 0..20 {
            assert_eq!(Sps::parse(&set[..cut]), Err(Truncated), "cut at {cut}");
        }
        assert_eq!(Sps::parse(&config.sets[0]), Err(Truncated), "another type");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_size_or_truncated(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Sps::parse(&[&[0x42, 1][..], &bytes].concat());
        }
    }
}
