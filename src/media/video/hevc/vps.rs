//! The video parameter set, as far as its timing (ISO 23008-2 7.3.2.1).

use super::syntax::{
    NAL_VPS, nal_type, parse_max_sub_layers, parse_rate, skip_profile, skip_sub_layer_ordering,
};
use crate::media::Truncated;
use crate::media::bits::Bits;
use crate::media::nal::unescape;

/// A set longer than this is not looked at; what comes before the timing stays far below.
const MAX_BYTES: usize = 4096;
/// The most sets of layers, less one (7.4.3.1).
const MAX_LAYER_SETS_MINUS1: u32 = 1023;

/// Pictures a second, if the set tells.
pub fn frame_rate(nal: &[u8]) -> Result<Option<f64>, Truncated> {
    if nal_type(nal) != Some(NAL_VPS) {
        return Err(Truncated);
    }
    let raw = unescape(nal.get(2..MAX_BYTES.min(nal.len())).ok_or(Truncated)?);
    let mut bits = Bits::new(&raw);
    bits.u(4 + 2 + 6)?; // vps_video_parameter_set_id, of the base layer, vps_max_layers_minus1
    let max_sub_layers = parse_max_sub_layers(&mut bits)?;
    bits.u(1 + 16)?; // vps_temporal_id_nesting_flag, 0xffff
    skip_profile(&mut bits, max_sub_layers)?;
    skip_sub_layer_ordering(&mut bits, max_sub_layers)?;
    let layers = bits.u(6)? + 1;
    for _ in 0..bits.ue(MAX_LAYER_SETS_MINUS1)? {
        bits.u(layers.min(32))?; // layer_id_included_flag
        bits.u(layers.saturating_sub(32))?;
    }
    if bits.flag()? { parse_rate(&mut bits) } else { Ok(None) }
}
