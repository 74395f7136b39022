//! The sequence parameter set, as far as the picture's size and rate (ISO 23008-2 7.3.2.2, E.2.1).

use super::syntax::{
    MAX_DECODED_PICTURES, NAL_SPS, nal_type, parse_max_sub_layers, parse_rate, skip_profile,
    skip_sub_layer_ordering,
};
use crate::media::Truncated;
use crate::media::bits::Bits;
use crate::media::nal::{MAX_SIDE, Picture, side, skip_signal_description, unescape};

/// A set longer than this is not looked at; the longest legal ones stay below.
const MAX_BYTES: usize = 4096;
/// The most that the fields may hold (7.4.3.2.1).
const MAX_ID: u32 = 15;
const MAX_BIT_DEPTH_MINUS8: u32 = 8;
const MAX_ORDER_COUNT_BITS_MINUS4: u32 = 12;
const MAX_LONG_TERM: u32 = 32;
/// The most sets of reference pictures, and the distance to one, less one (7.4.8).
const MAX_SETS: u32 = 64;
const MAX_DISTANCE_MINUS1: u32 = (1 << 15) - 1;
/// The largest logarithms of block sizes, and depths of their hierarchies, with blocks of 8 to 64 samples.
const MAX_BLOCK: u32 = 4;
const MAX_PCM_BLOCK: u32 = 2;

/// Reads a NAL unit of type 33, its header included. [`Truncated`] covers every fault: bits that are
/// missing, a code too long, a size that cannot be.
pub fn parse(nal: &[u8]) -> Result<Picture, Truncated> {
    let raw = payload(nal)?;
    let mut bits = Bits::new(&raw);
    let (max_sub_layers, _) = parse_start(&mut bits)?;
    let (_, width, height) = parse_size(&mut bits)?;
    // The size is what matters: timing that cannot be read counts as absent.
    let frame_rate = parse_frame_rate(&mut bits, max_sub_layers).unwrap_or(None);
    Ok(Picture { width, height, frame_rate })
}

/// `chroma_format_idc`, `bit_depth_luma_minus8` and `bit_depth_chroma_minus8`.
pub fn sample_format(nal: &[u8]) -> Result<[u8; 3], Truncated> {
    let raw = payload(nal)?;
    let mut bits = Bits::new(&raw);
    parse_start(&mut bits)?;
    let (format, ..) = parse_size(&mut bits)?;
    let (luma, chroma) = (bits.ue(MAX_BIT_DEPTH_MINUS8)?, bits.ue(MAX_BIT_DEPTH_MINUS8)?);
    Ok([format, luma, chroma].map(|field| field.to_be_bytes()[3]))
}

fn payload(nal: &[u8]) -> Result<Vec<u8>, Truncated> {
    if nal_type(nal) != Some(NAL_SPS) {
        return Err(Truncated);
    }
    Ok(unescape(nal.get(2..MAX_BYTES.min(nal.len())).ok_or(Truncated)?))
}

/// `sps_seq_parameter_set_id`.
pub fn number(nal: &[u8]) -> Result<u32, Truncated> {
    let raw = payload(nal)?;
    parse_start(&mut Bits::new(&raw)).map(|(_, number)| number)
}

/// 7.3.2.2.1 up to the set's number; how many sub-layers there can be, and the number.
fn parse_start(bits: &mut Bits<'_>) -> Result<(u32, u32), Truncated> {
    bits.u(4)?; // sps_video_parameter_set_id
    let max_sub_layers = parse_max_sub_layers(bits)?;
    bits.flag()?; // sps_temporal_id_nesting_flag
    skip_profile(bits, max_sub_layers)?;
    Ok((max_sub_layers, bits.ue(MAX_ID)?))
}

/// `chroma_format_idc`, and the size of the picture without what the conformance window leaves out, in units of chroma
/// samples (table 6-1).
fn parse_size(bits: &mut Bits<'_>) -> Result<(u32, u32, u32), Truncated> {
    let format = bits.ue(3)?;
    // separate_colour_plane_flag: only 4:4:4 has it, whose units are of one sample in any case.
    if format == 3 {
        bits.flag()?;
    }
    let (width, height) = (bits.ue(MAX_SIDE)?, bits.ue(MAX_SIDE)?);
    let unit_x = if matches!(format, 1 | 2) { 2 } else { 1 };
    let unit_y = if format == 1 { 2 } else { 1 };
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        crop_x = (bits.ue(MAX_SIDE)? + bits.ue(MAX_SIDE)?) * unit_x;
        crop_y = (bits.ue(MAX_SIDE)? + bits.ue(MAX_SIDE)?) * unit_y;
    }
    Ok((format, side(width, crop_x)?, side(height, crop_y)?))
}

/// All that comes between the size and the timing.
fn parse_frame_rate(bits: &mut Bits<'_>, max_sub_layers: u32) -> Result<Option<f64>, Truncated> {
    bits.ue(MAX_BIT_DEPTH_MINUS8)?; // bit_depth_luma_minus8
    bits.ue(MAX_BIT_DEPTH_MINUS8)?; // bit_depth_chroma_minus8
    let order_count_bits = bits.ue(MAX_ORDER_COUNT_BITS_MINUS4)? + 4;
    skip_sub_layer_ordering(bits, max_sub_layers)?;
    for _ in 0..6 {
        bits.ue(MAX_BLOCK)?; // sizes of coding and transform blocks, depths of their hierarchies
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.u(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.u(8)?; // pcm_sample_bit_depth of luma and chroma
        bits.ue(MAX_PCM_BLOCK)?; // log2_min_pcm_luma_coding_block_size_minus3
        bits.ue(MAX_PCM_BLOCK)?; // log2_diff_max_min_pcm_luma_coding_block_size
        bits.flag()?; // pcm_loop_filter_disabled_flag
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.ue(MAX_LONG_TERM)? {
            bits.u(order_count_bits + 1)?; // lt_ref_pic_poc_lsb_sps, used_by_curr_pic_lt_sps_flag
        }
    }
    bits.u(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if bits.flag()? { parse_vui(bits) } else { Ok(None) }
}

/// 7.3.4 scaling_list_data.
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    for size in 0..4 {
        let matrices = if size == 3 { 2 } else { 6 };
        for _ in 0..matrices {
            if !bits.flag()? {
                bits.ue(if size == 3 { 1 } else { 5 })?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se(-7..=247)?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                bits.se(-128..=127)?; // scaling_list_delta_coef
            }
        }
    }
    Ok(())
}

/// 7.3.7 st_ref_pic_set, all of them: how many pictures one has depends on the one before.
fn skip_reference_sets(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    let mut pictures = 0;
    for index in 0..bits.ue(MAX_SETS)? {
        let is_predicted = index > 0 && bits.flag()?;
        pictures = if is_predicted { skip_predicted_set(bits, pictures)? } else { skip_set(bits)? };
        if pictures > MAX_DECODED_PICTURES {
            return Err(Truncated);
        }
    }
    Ok(())
}

/// A set that is told by its difference from one with so many pictures; how many it has. (Of those it
/// uses, none is the picture itself, which 7.4.8 would not count.)
fn skip_predicted_set(bits: &mut Bits<'_>, pictures: u32) -> Result<u32, Truncated> {
    bits.flag()?; // delta_rps_sign
    bits.ue(MAX_DISTANCE_MINUS1)?; // abs_delta_rps_minus1
    let mut count = 0;
    for _ in 0..=pictures {
        let is_used = bits.flag()?; // used_by_curr_pic_flag
        if is_used || bits.flag()? {
            count += 1; // use_delta_flag
        }
    }
    Ok(count)
}

fn skip_set(bits: &mut Bits<'_>) -> Result<u32, Truncated> {
    let count = bits.ue(MAX_DECODED_PICTURES)? + bits.ue(MAX_DECODED_PICTURES)?;
    if count > MAX_DECODED_PICTURES {
        return Err(Truncated);
    }
    for _ in 0..count {
        bits.ue(MAX_DISTANCE_MINUS1)?; // delta_poc_minus1
        bits.flag()?; // used_by_curr_pic_flag
    }
    Ok(count)
}

/// E.2.1 up to the timing information. The rate is of frames where the pictures are fields.
fn parse_vui(bits: &mut Bits<'_>) -> Result<Option<f64>, Truncated> {
    skip_signal_description(bits)?;
    bits.flag()?; // neutral_chroma_indication_flag
    let are_fields = bits.flag()?;
    bits.flag()?; // frame_field_info_present_flag
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue(MAX_SIDE)?; // the default display window's offsets
        }
    }
    let rate = if bits.flag()? { parse_rate(bits)? } else { None };
    Ok(rate.map(|rate| if are_fields { rate / 2.0 } else { rate }))
}
