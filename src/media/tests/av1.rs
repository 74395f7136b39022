//! The sequence header of AV1 and the key frames of VP8 and VP9, up to the picture's size.

use proptest::prelude::*;

use super::{MAX_CODE, Syntax, each_edge, some_edges};
use crate::media::{Kind, av1, vpx};

/// The optional parts of a header.
#[derive(Debug, Clone, Copy)]
struct Shape {
    reduced: bool,
    timing: bool,
    decoder_model: bool,
    display_delay: bool,
}

const SHAPES: [Shape; 4] = [
    Shape { reduced: false, timing: false, decoder_model: false, display_delay: false },
    Shape { reduced: false, timing: true, decoder_model: true, display_delay: true },
    Shape { reduced: false, timing: true, decoder_model: false, display_delay: true },
    Shape { reduced: true, timing: false, decoder_model: false, display_delay: false },
];

/// AV1 specification 5.5.1 `sequence_header_obu`, as far as the size: what it is.
fn write_sequence(s: &mut Syntax, shape: Shape) -> (u32, u32) {
    s.u("seq_profile", 3, 0);
    s.flag("still_picture", shape.reduced);
    if s.flag("reduced_still_picture_header", shape.reduced) {
        s.u("seq_level_idx", 5, 5);
    } else {
        write_operating_points(s, shape);
    }
    let bits = [s.u("frame_width_bits_minus_1", 4, 10) + 1, s.u("frame_height_bits_minus_1", 4, 9) + 1];
    let mut side = |name, bits: u32, value: u32| s.u(name, bits, value & (u32::MAX >> (32 - bits))) + 1;
    (side("max_frame_width_minus_1", bits[0], 1279), side("max_frame_height_minus_1", bits[1], 719))
}

fn write_operating_points(s: &mut Syntax, shape: Shape) {
    let (mut has_model, mut delay_bits) = (false, 0);
    if s.flag("timing_info_present_flag", shape.timing) {
        s.u("num_units_in_display_tick", 32, 1);
        s.u("time_scale", 32, 25);
        if s.flag("equal_picture_interval", true) {
            s.ue("num_ticks_per_picture_minus_1", MAX_CODE, 0);
        }
        has_model = s.flag("decoder_model_info_present_flag", shape.decoder_model);
        if has_model {
            delay_bits = s.u("buffer_delay_length_minus_1", 5, 9) + 1;
            s.u("num_units_in_decoding_tick", 32, 1);
            s.u("buffer_removal_time_length_minus_1", 5, 9);
            s.u("frame_presentation_time_length_minus_1", 5, 9);
        }
    }
    let has_delay = s.flag("initial_display_delay_present_flag", shape.display_delay);
    for _ in 0..=s.u("operating_points_cnt_minus_1", 5, 1) {
        s.u("operating_point_idc", 12, 0);
        if s.u("seq_level_idx", 5, 8) > 7 {
            s.flag("seq_tier", false);
        }
        if has_model && s.flag("decoder_model_present_for_this_op", true) {
            s.u("decoder_buffer_delay", delay_bits, 1);
            s.u("encoder_buffer_delay", delay_bits, 1);
            s.flag("low_delay_mode_flag", false);
        }
        if has_delay && s.flag("initial_display_delay_present_for_this_op", true) {
            s.u("initial_display_delay_minus_1", 4, 7);
        }
    }
}

/// The sequence header as an OBU with its size, behind a temporal delimiter.
fn obus(sequence: &[u8]) -> Vec<u8> {
    let length = sequence.len();
    let size = [(length & 0x7f) as u8 | 0x80, (length >> 7) as u8];
    [&[0x12, 0, 0x0a][..], &size, sequence, &[0x32, 1, 0]].concat()
}

/// VP9 specification 6.2 `uncompressed_header` of a key frame, as far as the size: what it is, if that is told.
fn write_vp9(s: &mut Syntax, profile: u32, color_space: u32) -> Option<(u32, u32)> {
    s.fixed(2, 2);
    let (low, high) = (s.u("profile_low_bit", 1, profile & 1), s.u("profile_high_bit", 1, profile >> 1));
    let profile = low + 2 * high;
    if profile == 3 {
        s.fixed(1, 0);
    }
    let is_told = !s.flag("show_existing_frame", false) & !s.flag("frame_type", false);
    s.flag("show_frame", true);
    s.flag("error_resilient_mode", false);
    s.fixed(24, 0x49_8342);
    if profile >= 2 {
        s.flag("ten_or_twelve_bit", false);
    }
    let is_rgb = s.u("color_space", 3, color_space) == 7;
    let more = if is_rgb { 0 } else { 1 }
        + if profile % 2 == 0 {
            0
        } else if is_rgb {
            1
        } else {
            3
        };
    (0..more).for_each(|_| s.fixed(1, 0));
    let size = (s.u("frame_width_minus_1", 16, 639) + 1, s.u("frame_height_minus_1", 16, 359) + 1);
    is_told.then_some(size)
}

#[test]
fn every_field_of_a_sequence_header_is_read_as_it_was_written() {
    for shape in SHAPES {
        each_edge(|s| {
            let meant = write_sequence(s, shape);
            assert_eq!(av1::size(&obus(&s.take().into_bytes())), Ok(Some(meant)), "{shape:?}");
        });
    }
}

#[test]
fn every_field_of_a_key_frame_is_read_as_it_was_written() {
    for (profile, color_space) in [(0, 1), (1, 1), (1, 7), (2, 1), (3, 2)] {
        each_edge(|s| {
            let meant = write_vp9(s, profile, color_space);
            assert_eq!(vpx::vp9_size(&s.take().into_bytes()).ok(), meant, "profile {profile}");
        });
    }
}

proptest! {
    #[test]
    fn any_edges_together_are_read_as_they_were_written(shape in 0..SHAPES.len(), changes in some_edges()) {
        let mut s = Syntax::new(changes);
        let meant = write_sequence(&mut s, SHAPES[shape]);
        assert_eq!(av1::size(&obus(&s.take().into_bytes())), Ok(Some(meant)));
    }

    #[test]
    fn no_bytes_do_any_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = (av1::size(&bytes), av1::size_of_record(&bytes), vpx::vp8_size(&bytes), vpx::vp9_size(&bytes));
    }
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    let mut add = |head: &[u8], body: &[u8]| out.push((Kind::Video, [head, body].concat()));
    for shape in SHAPES {
        each_edge(|s| {
            write_sequence(s, shape);
            let obus = obus(&s.take().into_bytes());
            add(b"\x90av01", &[&[0x81, 0, 0x0c, 0], &obus[..]].concat());
            add(b"\x91av01", &obus);
        });
    }
    each_edge(|s| {
        write_vp9(s, 0, 1);
        add(b"\x91vp09", &s.take().into_bytes());
    });
}
