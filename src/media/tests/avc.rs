//! H.264: the decoder configuration record and the sequence parameter set.

use super::*;
use crate::media::avc::DecoderConfig;

const MAX_SIDE: u64 = 16_888;
const ANY_OFFSET: RangeInclusive<i32> = -i32::MAX..=i32::MAX;
const PPS: &[u8] = b"\x68\xeb\xe3\xcb\x22\xc0";

/// The facts in a set; nothing where its size cannot be read.
type Meant = Option<(u32, u32, Option<f64>)>;

/// 7.3.2.1.1 seq_parameter_set_data, of 640x480 in 640x480 at 25 frames a second.
fn write_sps(s: &mut Syntax, profile: u32, order_count_type: u32) -> Meant {
    s.fixed(8, profile);
    s.u("constraint_set_flags", 8, 0);
    s.u("level_idc", 8, 30);
    s.ue("seq_parameter_set_id", 31, 0);
    let array_type = if profile == 66 { 1 } else { write_chroma(s) };
    s.ue("log2_max_frame_num_minus4", 12, 0);
    write_order_count(s, order_count_type);
    s.ue("max_num_ref_frames", 16, 4);
    s.flag("gaps_in_frame_num_value_allowed_flag", false);
    let width = s.ue("pic_width_in_mbs_minus1", 1055, 39);
    let height = s.ue("pic_height_in_map_units_minus1", 1055, 29);
    let is_frame = s.flag("frame_mbs_only_flag", true);
    if !is_frame {
        s.flag("mb_adaptive_frame_field_flag", false);
    }
    s.flag("direct_8x8_inference_flag", true);
    let mut crop = [0; 4];
    if s.flag("frame_cropping_flag", false) {
        let names = ["left", "right", "top", "bottom"];
        crop = names.map(|name| u64::from(s.ue(name, 16_888, 2)));
    }
    let fields = if is_frame { 1 } else { 2 };
    let unit_x = if matches!(array_type, 1 | 2) { 2 } else { 1 };
    let unit_y = fields * if array_type == 1 { 2 } else { 1 };
    let width = ((u64::from(width) + 1) * 16).checked_sub((crop[0] + crop[1]) * unit_x)?;
    let height = ((u64::from(height) + 1) * 16 * fields).checked_sub((crop[2] + crop[3]) * unit_y)?;
    let can_be = |side| (1..=MAX_SIDE).contains(&side);
    let meant = (!s.is_faulty && can_be(width) && can_be(height)).then_some((width as u32, height as u32))?;
    let rate = write_vui(s).filter(|_| !s.is_faulty);
    Some((meant.0, meant.1, rate))
}

/// `ChromaArrayType`.
fn write_chroma(s: &mut Syntax) -> u32 {
    let format = s.ue("chroma_format_idc", 3, 1);
    let is_separate = format == 3 && s.flag("separate_colour_plane_flag", false);
    s.ue("bit_depth_luma_minus8", 6, 0);
    s.ue("bit_depth_chroma_minus8", 6, 0);
    s.flag("qpprime_y_zero_transform_bypass_flag", false);
    if s.flag("seq_scaling_matrix_present_flag", false) {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if s.flag("seq_scaling_list_present_flag", list == 0) {
                let (mut last, mut next) = (8i64, 8i64);
                for _ in 0..if list < 6 { 16 } else { 64 } {
                    if next != 0 {
                        next = (last + i64::from(s.se("delta_scale", -128..=127, 1))).rem_euclid(256);
                    }
                    last = if next == 0 { last } else { next };
                }
            }
        }
    }
    if is_separate { 0 } else { format }
}

fn write_order_count(s: &mut Syntax, order_count_type: u32) {
    match s.ue("pic_order_cnt_type", 2, order_count_type) {
        0 => {
            s.ue("log2_max_pic_order_cnt_lsb_minus4", 12, 2);
        }
        1 => {
            s.flag("delta_pic_order_always_zero_flag", false);
            s.se("offset_for_non_ref_pic", ANY_OFFSET, 0);
            s.se("offset_for_top_to_bottom_field", ANY_OFFSET, 0);
            for _ in 0..s.ue("num_ref_frames_in_pic_order_cnt_cycle", 255, 2).min(MAX_ELEMENTS) {
                s.se("offset_for_ref_frame", ANY_OFFSET, 3);
            }
        }
        _ => {}
    }
}

/// E.1.1 up to the timing information.
fn write_vui(s: &mut Syntax) -> Option<f64> {
    if !s.flag("vui_parameters_present_flag", true) {
        return None;
    }
    write_signal_description(s);
    if !s.flag("timing_info_present_flag", true) {
        return None;
    }
    let (units, scale) = (s.u("num_units_in_tick", 32, 1), s.u("time_scale", 32, 50));
    (units > 0 && scale > 0).then(|| f64::from(scale) / (2.0 * f64::from(units)))
}

/// The beginning of the VUI of H.264 and H.265.
pub fn write_signal_description(s: &mut Syntax) {
    if s.flag("aspect_ratio_info_present_flag", true) && s.u("aspect_ratio_idc", 8, 255) == 255 {
        s.u("sar_width", 16, 1);
        s.u("sar_height", 16, 1);
    }
    if s.flag("overscan_info_present_flag", true) {
        s.flag("overscan_appropriate_flag", false);
    }
    if s.flag("video_signal_type_present_flag", true) {
        s.u("video_format", 3, 5);
        s.flag("video_full_range_flag", false);
        if s.flag("colour_description_present_flag", true) {
            s.u("colour_description", 24, 0x01_0101);
        }
    }
    if s.flag("chroma_loc_info_present_flag", true) {
        s.ue("chroma_sample_loc_type_top_field", 5, 0);
        s.ue("chroma_sample_loc_type_bottom_field", 5, 0);
    }
}

/// ISO 14496-15 5.3.3.1 AVCDecoderConfigurationRecord.
fn write_record(s: &mut Syntax, sps: &[u8]) {
    s.u("configurationVersion", 8, 1);
    s.u("AVCProfileIndication", 8, 100);
    s.u("profile_compatibility", 8, 0);
    s.u("AVCLevelIndication", 8, 30);
    s.u("lengthSizeMinusOne", 8, 0xff);
    s.u("numOfSequenceParameterSets", 8, 0xe1);
    s.u("sequenceParameterSetLength", 16, sps.len() as u32);
    s.fixed_bytes(sps);
    s.u("numOfPictureParameterSets", 8, 1);
    s.u("pictureParameterSetLength", 16, PPS.len() as u32);
    s.fixed_bytes(PPS);
}

fn record(sps: &[u8]) -> Vec<u8> {
    let mut syntax = Syntax::new(Vec::new());
    write_record(&mut syntax, sps);
    syntax.into_bytes()
}

const SHAPES: [(u32, u32); 5] = [(66, 0), (66, 1), (100, 0), (100, 2), (244, 1)];

/// True if a set is read as it was written.
fn check(meant: Meant, sps: &[u8], changed: &[(&str, i64)]) {
    let config = DecoderConfig::parse(&record(sps)).unwrap();
    let read = config.picture().map(|picture| (picture.width, picture.height, picture.frame_rate));
    assert_eq!(read, meant, "{changed:?}");
}

#[test]
fn every_field_of_a_parameter_set_is_read_as_it_was_written_or_refused() {
    for (profile, order_count_type) in SHAPES {
        each_edge(|s| {
            let meant = write_sps(s, profile, order_count_type);
            let changed = s.changed.clone();
            check(meant, &s.take().into_nal(&[0x67]), &changed);
        });
    }
}

#[test]
fn every_field_of_a_record_does_no_harm() {
    each_edge(|s| {
        write_record(s, b"\x67\x42\xc0\x0d\xd9\x01\x41\xfb\x01");
        if let Ok(config) = DecoderConfig::parse(&s.take().into_bytes()) {
            config.picture();
        }
    });
}

proptest! {
    #[test]
    fn any_edges_together_are_read_as_they_were_written_or_refused(
        shape in 0..SHAPES.len(),
        changes in some_edges(),
    ) {
        let mut s = Syntax::new(changes);
        let meant = write_sps(&mut s, SHAPES[shape].0, SHAPES[shape].1);
        let changed = s.changed.clone();
        check(meant, &s.into_nal(&[0x67]), &changed);
    }
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    let mut add = |record: Vec<u8>| out.push((Kind::Video, [&[0x17, 0, 0, 0, 0][..], &record].concat()));
    for (profile, order_count_type) in SHAPES {
        each_edge(|s| {
            write_sps(s, profile, order_count_type);
            add(record(&s.take().into_nal(&[0x67])));
        });
    }
    each_edge(|s| {
        write_record(s, b"\x67\x42\xc0\x0d\xd9\x01\x41\xfb\x01");
        add(s.take().into_bytes());
    });
}
