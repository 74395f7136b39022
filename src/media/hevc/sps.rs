//! The sequence parameter set, as far as the picture's size and rate (ISO 23008-2 7.3.2.2, E.2.1).

use super::{NAL_SPS, nal_type, parse_rate, skip_profile, skip_sub_layer_ordering};
use crate::media::Truncated;
use crate::media::bits::Bits;
use crate::media::nal::{Picture, side, skip_signal_description, unescape};

/// A set longer than this is not looked at; the longest legal ones stay below.
const MAX_BYTES: usize = 4096;
/// The most reference pictures of a set of them (7.4.8), and of long-term ones (7.4.3.2.1).
const MAX_DELTA_POCS: u32 = 16;
const MAX_LONG_TERM: u32 = 32;
/// The most sets of reference pictures (7.4.3.2.1).
const MAX_SETS: u32 = 64;

/// Reads a NAL unit of type 33, its header included. [`Truncated`] covers every fault: bits that are
/// missing, a code too long, a size that cannot be.
pub fn parse(nal: &[u8]) -> Result<Picture, Truncated> {
    if nal_type(nal) != Some(NAL_SPS) {
        return Err(Truncated);
    }
    let raw = unescape(nal.get(2..MAX_BYTES.min(nal.len())).ok_or(Truncated)?);
    let mut bits = Bits::new(&raw);
    bits.u(4)?; // sps_video_parameter_set_id
    let max_sub_layers = bits.u(3)? + 1;
    bits.flag()?; // sps_temporal_id_nesting_flag
    skip_profile(&mut bits, max_sub_layers)?;
    bits.ue()?; // sps_seq_parameter_set_id
    let (width, height) = parse_size(&mut bits)?;
    // The size is what matters: timing that cannot be read counts as absent.
    let frame_rate = parse_frame_rate(&mut bits, max_sub_layers).unwrap_or(None);
    Ok(Picture { width, height, frame_rate })
}

/// The picture without what the conformance window leaves out, in units of chroma samples (table 6-1).
fn parse_size(bits: &mut Bits<'_>) -> Result<(u32, u32), Truncated> {
    let format = bits.ue()?;
    if format > 3 {
        return Err(Truncated);
    }
    // separate_colour_plane_flag: only 4:4:4 has it, whose units are of one sample in any case.
    if format == 3 {
        bits.flag()?;
    }
    let (width, height) = (u64::from(bits.ue()?), u64::from(bits.ue()?));
    let unit_x = if matches!(format, 1 | 2) { 2 } else { 1 };
    let unit_y = if format == 1 { 2 } else { 1 };
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        crop_x = (u64::from(bits.ue()?) + u64::from(bits.ue()?)) * unit_x;
        crop_y = (u64::from(bits.ue()?) + u64::from(bits.ue()?)) * unit_y;
    }
    Ok((side(width, crop_x)?, side(height, crop_y)?))
}

/// All that comes between the size and the timing.
fn parse_frame_rate(bits: &mut Bits<'_>, max_sub_layers: u32) -> Result<Option<f64>, Truncated> {
    bits.ue()?; // bit_depth_luma_minus8
    bits.ue()?; // bit_depth_chroma_minus8
    let poc_bits = bits.ue()? + 4;
    if poc_bits > 16 {
        return Err(Truncated);
    }
    skip_sub_layer_ordering(bits, max_sub_layers)?;
    for _ in 0..6 {
        bits.ue()?; // sizes of coding and transform blocks, depths of their hierarchies
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.u(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.u(8)?; // pcm_sample_bit_depth of luma and chroma
        bits.ue()?; // log2_min_pcm_luma_coding_block_size_minus3
        bits.ue()?; // log2_diff_max_min_pcm_luma_coding_block_size
        bits.flag()?; // pcm_loop_filter_disabled_flag
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        let count = bits.ue()?;
        if count > MAX_LONG_TERM {
            return Err(Truncated);
        }
        for _ in 0..count {
            bits.u(poc_bits + 1)?; // lt_ref_pic_poc_lsb_sps, used_by_curr_pic_lt_sps_flag
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
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                bits.se()?; // scaling_list_delta_coef
            }
        }
    }
    Ok(())
}

/// 7.3.7 st_ref_pic_set, all of them: how many pictures one has depends on the one before.
fn skip_reference_sets(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    let sets = bits.ue()?;
    if sets > MAX_SETS {
        return Err(Truncated);
    }
    let mut pictures = 0;
    for index in 0..sets {
        let is_predicted = index > 0 && bits.flag()?;
        pictures = if is_predicted { skip_predicted_set(bits, pictures)? } else { skip_set(bits)? };
        if pictures > MAX_DELTA_POCS {
            return Err(Truncated);
        }
    }
    Ok(())
}

/// A set that is told by its difference from one with so many pictures; how many it has. (Of those it
/// uses, none is the picture itself, which 7.4.8 would not count.)
fn skip_predicted_set(bits: &mut Bits<'_>, pictures: u32) -> Result<u32, Truncated> {
    bits.flag()?; // delta_rps_sign
    bits.ue()?; // abs_delta_rps_minus1
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
    let count = bits.ue()?.saturating_add(bits.ue()?);
    if count > MAX_DELTA_POCS {
        return Err(Truncated);
    }
    for _ in 0..count {
        bits.ue()?; // delta_poc_minus1
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
            bits.ue()?; // the default display window's offsets
        }
    }
    let rate = if bits.flag()? { parse_rate(bits)? } else { None };
    Ok(rate.map(|rate| if are_fields { rate / 2.0 } else { rate }))
}
