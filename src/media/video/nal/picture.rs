//! The picture as the parameter sets of both codecs describe it, in the same form.

use crate::media::Truncated;
use crate::media::bits::Bits;

/// The largest width or height believed, in pixels: what level 6.2 of both codecs allows.
pub(in crate::media) const MAX_SIDE: u32 = 16_888;

/// A picture as the parameter sets describe it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// Width in pixels, after cropping.
    pub width: u32,
    /// Height in pixels, after cropping.
    pub height: u32,
    /// Frames a second, if the sets have timing information.
    pub frame_rate: Option<f64>,
}

/// A picture's side in pixels, if it is one that can be.
pub(in crate::media) fn side(coded: u32, crop: u32) -> Result<u32, Truncated> {
    let side = coded.checked_sub(crop);
    side.filter(|side| (1..=MAX_SIDE).contains(side)).ok_or(Truncated)
}

/// Skips how the VUI of both codecs begins (ISO 14496-10 E.1.1, ISO 23008-2 E.2.1): the shape of pixels, overscan,
/// colours, where the chroma samples are.
pub(in crate::media) fn skip_signal_description(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    const EXTENDED_SAR: u32 = 255;
    const MAX_CHROMA_LOCATION: u32 = 5;
    if bits.flag()? && bits.u(8)? == EXTENDED_SAR {
        bits.u(32)?;
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.u(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.u(24)?; // colour description
        }
    }
    if bits.flag()? {
        bits.ue(MAX_CHROMA_LOCATION)?; // chroma_sample_loc_type_top_field
        bits.ue(MAX_CHROMA_LOCATION)?; // chroma_sample_loc_type_bottom_field
    }
    Ok(())
}
