//! NAL unit types, and the fields that several kinds of parameter sets have.

use crate::media::Truncated;
use crate::media::bits::Bits;

/// NAL unit types (ISO 23008-2 table 7-1).
pub const NAL_VPS: u8 = 32;
pub const NAL_SPS: u8 = 33;
pub const NAL_PPS: u8 = 34;
pub const NAL_AUD: u8 = 35;
pub const NAL_PREFIX_SEI: u8 = 39;
/// The most pictures that a decoder holds: MaxDpbSize (A.4.1).
pub const MAX_DECODED_PICTURES: u32 = 16;

/// The type of a NAL unit, from its header (7.3.1.2); `None` for one that is shorter.
pub fn nal_type(nal: &[u8]) -> Option<u8> {
    nal.first_chunk().map(|[header, _]| header >> 1 & 0x3f)
}

/// `max_sub_layers_minus1`, which is at most 6 (7.4.3.1), and one more.
pub fn parse_max_sub_layers(bits: &mut Bits<'_>) -> Result<u32, Truncated> {
    let minus1 = bits.u(3)?;
    if minus1 <= 6 { Ok(minus1 + 1) } else { Err(Truncated) }
}

/// Steps over `profile_tier_level` with a general profile (7.3.3).
pub fn skip_profile(bits: &mut Bits<'_>, max_sub_layers: u32) -> Result<(), Truncated> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    skip(bits, PROFILE + LEVEL)?;
    let below = max_sub_layers.saturating_sub(1);
    let mut left = 0;
    for _ in 0..below {
        left += if bits.flag()? { PROFILE } else { 0 };
        left += if bits.flag()? { LEVEL } else { 0 };
    }
    if below > 0 {
        bits.u(2 * (8 - below))?; // reserved
    }
    skip(bits, left)
}

fn skip(bits: &mut Bits<'_>, count: u32) -> Result<(), Truncated> {
    for _ in 0..count {
        bits.flag()?;
    }
    Ok(())
}

/// Steps over what each sub-layer needs of buffers, or the highest one (7.3.2.1, 7.3.2.2).
pub fn skip_sub_layer_ordering(bits: &mut Bits<'_>, max_sub_layers: u32) -> Result<(), Truncated> {
    let count = if bits.flag()? { max_sub_layers } else { 1 };
    for _ in 0..count {
        bits.ue(MAX_DECODED_PICTURES - 1)?; // max_dec_pic_buffering_minus1
        bits.ue(MAX_DECODED_PICTURES - 1)?; // max_num_reorder_pics
        bits.ue(u32::MAX)?; // max_latency_increase_plus1
    }
    Ok(())
}

/// A rate of 32 bits over 32 bits, if it is one.
pub fn parse_rate(bits: &mut Bits<'_>) -> Result<Option<f64>, Truncated> {
    let units_in_tick = bits.u(32)?;
    let time_scale = bits.u(32)?;
    let is_rate = units_in_tick > 0 && time_scale > 0;
    Ok(is_rate.then(|| f64::from(time_scale) / f64::from(units_in_tick)))
}
