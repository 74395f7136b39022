//! H.265: the decoder configuration record, the video and the sequence parameter set.

use super::avc::write_signal_description;
use super::*;
use crate::media::hevc::DecoderConfig;

const MAX_SIDE: u32 = 16_888;
const PPS: &[u8] = &[0x44, 1, 0xc1, 0x72, 0xb4, 0x62, 0x40];

/// The facts in a set; nothing where its size cannot be read.
type Meant = Option<(u32, u32, Option<f64>)>;

/// 7.3.2.2 seq_parameter_set_rbsp up to the timing information, of 640x480 at 25 frames a second.
fn write_sps(s: &mut Syntax, sub_layers: u32) -> Meant {
    s.u("sps_video_parameter_set_id", 4, 0);
    let sub_layers = s.u_to("sps_max_sub_layers_minus1", 3, 6, sub_layers - 1) + 1;
    s.flag("sps_temporal_id_nesting_flag", true);
    write_profile(s, sub_layers);
    s.ue("sps_seq_parameter_set_id", 15, 0);
    let format = s.ue("chroma_format_idc", 3, 1);
    if format == 3 {
        s.flag("separate_colour_plane_flag", false);
    }
    let size = ["width", "height"].map(|name| s.ue(name, MAX_SIDE, if name == "width" { 640 } else { 480 }));
    let mut crop = [0; 4];
    if s.flag("conformance_window_flag", false) {
        crop = ["left", "right", "top", "bottom"].map(|name| u64::from(s.ue(name, MAX_SIDE, 2)));
    }
    let unit_x = if matches!(format, 1 | 2) { 2 } else { 1 };
    let unit_y = if format == 1 { 2 } else { 1 };
    let width = u64::from(size[0]).checked_sub((crop[0] + crop[1]) * unit_x)? as u32;
    let height = u64::from(size[1]).checked_sub((crop[2] + crop[3]) * unit_y)? as u32;
    if s.is_faulty || width == 0 || height == 0 {
        return None;
    }
    let rate = write_coding(s, sub_layers).filter(|_| !s.is_faulty);
    Some((width, height, rate))
}

/// 7.3.3 profile_tier_level.
fn write_profile(s: &mut Syntax, sub_layers: u32) {
    s.fixed_bytes(&[1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93]);
    let mut bits = 0;
    for _ in 1..sub_layers {
        bits += if s.flag("sub_layer_profile_present_flag", true) { 88 } else { 0 };
        bits += if s.flag("sub_layer_level_present_flag", true) { 8 } else { 0 };
    }
    if sub_layers > 1 {
        (sub_layers - 1..8).for_each(|_| s.fixed(2, 0));
    }
    (0..bits).for_each(|_| s.fixed(1, 1));
}

fn write_ordering(s: &mut Syntax, sub_layers: u32) {
    let count = if s.flag("sub_layer_ordering_info_present_flag", true) { sub_layers } else { 1 };
    for _ in 0..count {
        s.ue("max_dec_pic_buffering_minus1", 15, 4);
        s.ue("max_num_reorder_pics", 15, 2);
        s.ue("max_latency_increase_plus1", MAX_CODE, 0);
    }
}

/// The fields between the size and the timing; the frame rate.
fn write_coding(s: &mut Syntax, sub_layers: u32) -> Option<f64> {
    s.ue("bit_depth_luma_minus8", 8, 0);
    s.ue("bit_depth_chroma_minus8", 8, 0);
    let order_count_bits = s.ue("log2_max_pic_order_cnt_lsb_minus4", 12, 4).min(12) + 4;
    write_ordering(s, sub_layers);
    for name in [
        "log2_min_luma_coding_block_size_minus3",
        "log2_diff_max_min_luma_coding_block_size",
        "log2_min_luma_transform_block_size_minus2",
        "log2_diff_max_min_luma_transform_block_size",
        "max_transform_hierarchy_depth_inter",
        "max_transform_hierarchy_depth_intra",
    ] {
        s.ue(name, 4, 1);
    }
    if s.flag("scaling_list_enabled_flag", true) && s.flag("sps_scaling_list_data_present_flag", false) {
        write_scaling_lists(s);
    }
    s.u("amp_and_sample_adaptive_offset_enabled_flags", 2, 0);
    if s.flag("pcm_enabled_flag", true) {
        s.u("pcm_sample_bit_depths_minus1", 8, 0x77);
        s.ue("log2_min_pcm_luma_coding_block_size_minus3", 2, 0);
        s.ue("log2_diff_max_min_pcm_luma_coding_block_size", 2, 0);
        s.flag("pcm_loop_filter_disabled_flag", false);
    }
    write_reference_sets(s);
    if s.flag("long_term_ref_pics_present_flag", true) {
        for _ in 0..s.ue("num_long_term_ref_pics_sps", 32, 2).min(MAX_ELEMENTS) {
            s.u("lt_ref_pic_poc_lsb_sps", order_count_bits, 1);
            s.flag("used_by_curr_pic_lt_sps_flag", true);
        }
    }
    s.u("temporal_mvp_and_intra_smoothing_enabled_flags", 2, 0);
    if s.flag("vui_parameters_present_flag", true) { write_vui(s) } else { None }
}

/// 7.3.4 scaling_list_data.
fn write_scaling_lists(s: &mut Syntax) {
    for size in 0..4 {
        for matrix in 0..if size == 3 { 2 } else { 6 } {
            if !s.flag("scaling_list_pred_mode_flag", matrix == 1) {
                s.ue("scaling_list_pred_matrix_id_delta", if size == 3 { 1 } else { 5 }, 0);
                continue;
            }
            if size > 1 {
                s.se("scaling_list_dc_coef_minus8", -7..=247, 8);
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                s.se("scaling_list_delta_coef", -128..=127, 1);
            }
        }
    }
}

/// 7.3.7 st_ref_pic_set.
fn write_reference_sets(s: &mut Syntax) {
    let mut pictures = 0;
    for index in 0..s.ue("num_short_term_ref_pic_sets", 64, 3).min(MAX_ELEMENTS) {
        if index > 0 && s.flag("inter_ref_pic_set_prediction_flag", index == 1) {
            s.flag("delta_rps_sign", false);
            s.ue("abs_delta_rps_minus1", 0x7fff, 0);
            let is_used =
                |s: &mut Syntax| s.flag("used_by_curr_pic_flag", false) || s.flag("use_delta_flag", true);
            pictures = (0..=pictures).filter(|_| is_used(s)).count() as u32;
        } else {
            let negative = s.ue("num_negative_pics", 16, 2);
            let positive = s.ue("num_positive_pics", 16, 1);
            pictures = negative.saturating_add(positive).min(MAX_ELEMENTS);
            for _ in 0..pictures {
                s.ue("delta_poc_minus1", 0x7fff, 0);
                s.flag("used_by_curr_pic_flag", true);
            }
        }
        s.is_faulty |= pictures > 16;
    }
}

/// E.2.1 up to the timing information.
fn write_vui(s: &mut Syntax) -> Option<f64> {
    write_signal_description(s);
    s.flag("neutral_chroma_indication_flag", false);
    let are_fields = s.flag("field_seq_flag", false);
    s.flag("frame_field_info_present_flag", false);
    if s.flag("default_display_window_flag", true) {
        for name in ["left", "right", "top", "bottom"] {
            s.ue(name, MAX_SIDE, 0);
        }
    }
    let rate = if s.flag("vui_timing_info_present_flag", true) { write_timing(s) } else { None };
    rate.map(|rate| if are_fields { rate / 2.0 } else { rate })
}

fn write_timing(s: &mut Syntax) -> Option<f64> {
    let (units, scale) = (s.u("num_units_in_tick", 32, 1), s.u("time_scale", 32, 25));
    (units > 0 && scale > 0).then(|| f64::from(scale) / f64::from(units))
}

/// 7.3.2.1 video_parameter_set_rbsp up to the timing information; the frame rate.
fn write_vps(s: &mut Syntax) -> Option<f64> {
    s.u("vps_video_parameter_set_id", 4, 0);
    s.u("vps_base_layer_flags", 2, 3);
    s.u("vps_max_layers_minus1", 6, 0);
    let sub_layers = s.u_to("vps_max_sub_layers_minus1", 3, 6, 1) + 1;
    s.flag("vps_temporal_id_nesting_flag", true);
    s.fixed(16, 0xffff);
    write_profile(s, sub_layers);
    write_ordering(s, sub_layers);
    let layers = s.u("vps_max_layer_id", 6, 1) + 1;
    for _ in 0..s.ue("vps_num_layer_sets_minus1", 1023, 1).min(1024) {
        (0..layers).for_each(|_| s.fixed(1, 1));
    }
    let rate = if s.flag("vps_timing_info_present_flag", true) { write_timing(s) } else { None };
    rate.filter(|_| !s.is_faulty)
}

/// ISO 14496-15 8.3.3.1 HEVCDecoderConfigurationRecord of a unit of each kind.
fn write_record(s: &mut Syntax, units: &[&[u8]]) {
    s.u("configurationVersion", 8, 1);
    s.u("general_profile", 8, 1);
    s.u("general_profile_compatibility_flags", 32, 0x6000_0000);
    s.fixed_bytes(&[0x90, 0, 0, 0, 0, 0]);
    s.u("general_level_idc", 8, 93);
    s.fixed_bytes(&[0xf0, 0, 0xfc]);
    s.u("chromaFormat", 8, 0xfd);
    s.u("bitDepthLumaMinus8", 8, 0xf8);
    s.fixed(8, 0xf8);
    s.u("avgFrameRate", 16, 0);
    s.u("lengthSizeMinusOne", 8, 0x0f);
    s.u("numOfArrays", 8, units.len() as u32);
    for unit in units {
        s.u("NAL_unit_type", 8, 0x80 | u32::from(unit[0] >> 1));
        s.u("numNalus", 16, 1);
        s.u("nalUnitLength", 16, unit.len() as u32);
        s.fixed_bytes(unit);
    }
}

fn record(units: &[&[u8]]) -> Vec<u8> {
    let mut syntax = Syntax::new(Vec::new());
    write_record(&mut syntax, units);
    syntax.into_bytes()
}

const VPS_HEADER: [u8; 2] = [0x40, 1];
const SPS_HEADER: [u8; 2] = [0x42, 1];

/// True if a set is read as it was written.
fn check(meant: Meant, sps: &[u8], changed: &[(&str, i64)]) {
    let config = DecoderConfig::parse(&record(&[sps, PPS])).unwrap();
    let read = config.picture().map(|picture| (picture.width, picture.height, picture.frame_rate));
    assert_eq!(read, meant, "{changed:?}");
}

#[test]
fn every_field_of_a_parameter_set_is_read_as_it_was_written_or_refused() {
    for sub_layers in [1, 3] {
        each_edge(|s| {
            let meant = write_sps(s, sub_layers);
            let changed = s.changed.clone();
            check(meant, &s.take().into_nal(&SPS_HEADER), &changed);
        });
    }
}

#[test]
fn every_field_of_a_video_parameter_set_is_read_as_it_was_written_or_refused() {
    // A sequence parameter set without timing.
    let mut sps = Syntax::new(Vec::new());
    write_sps(&mut sps, 1);
    let timing = sps.fields - 3;
    let mut sps = Syntax::new(vec![(timing, 0)]);
    assert_eq!(write_sps(&mut sps, 1), Some((640, 480, None)));
    let sps = sps.into_nal(&SPS_HEADER);
    each_edge(|s| {
        let rate = write_vps(s);
        let changed = s.changed.clone();
        let vps = s.take().into_nal(&VPS_HEADER);
        let config = DecoderConfig::parse(&record(&[&vps, &sps, PPS])).unwrap();
        assert_eq!(config.picture().unwrap().frame_rate, rate, "{changed:?}");
    });
}

#[test]
fn every_field_of_a_record_does_no_harm() {
    each_edge(|s| {
        write_record(s, &[&VPS_HEADER, &SPS_HEADER, PPS]);
        if let Ok(config) = DecoderConfig::parse(&s.take().into_bytes()) {
            config.picture();
        }
    });
}

proptest! {
    #[test]
    fn any_edges_together_are_read_as_they_were_written_or_refused(
        sub_layers in 1..8u32,
        changes in some_edges(),
    ) {
        let mut s = Syntax::new(changes);
        let meant = write_sps(&mut s, sub_layers);
        let changed = s.changed.clone();
        check(meant, &s.into_nal(&SPS_HEADER), &changed);
    }
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    let mut add = |record: Vec<u8>| out.push((Kind::Video, [&b"\x90hvc1"[..], &record].concat()));
    each_edge(|s| {
        write_sps(s, 3);
        add(record(&[&s.take().into_nal(&SPS_HEADER), PPS]));
    });
    each_edge(|s| {
        write_vps(s);
        add(record(&[&s.take().into_nal(&VPS_HEADER), &SPS_HEADER, PPS]));
    });
    each_edge(|s| {
        write_record(s, &[&VPS_HEADER, &SPS_HEADER, PPS]);
        add(s.take().into_bytes());
    });
}
