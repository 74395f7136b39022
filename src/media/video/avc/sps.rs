//! The sequence parameter set, as far as the picture's size and rate (ISO 14496-10 7.3.2.1.1, E.1.1).

use std::ops::RangeInclusive;

use crate::media::Truncated;
use crate::media::bits::Bits;
use crate::media::nal::{MAX_SIDE, Picture, side, skip_signal_description, unescape};

/// A set longer than this is not looked at; the longest legal ones, with all scaling lists and a
/// full VUI, stay below 2 KiB.
const MAX_BYTES: usize = 4096;
/// The most that the fields may hold (7.4.2.1.1).
const MAX_ID: u32 = 31;
const MAX_BIT_DEPTH_MINUS8: u32 = 6;
const MAX_LOG2_MINUS4: u32 = 12;
const MAX_ORDER_COUNT_CYCLE: u32 = 255;
const MAX_REFERENCE_FRAMES: u32 = 16;
/// The side of a picture in macroblocks, less one, that [`side`] believes.
const MAX_MACROBLOCKS_MINUS1: u32 = MAX_SIDE / 16;
const OFFSETS: RangeInclusive<i32> = -i32::MAX..=i32::MAX;

/// The format of samples (7.4.2.1.1).
struct Samples {
    /// `ChromaArrayType`: 0 for monochrome and separate planes, else `chroma_format_idc`. A cropping unit depends on it.
    array_type: u32,
    /// `chroma_format_idc`, `bit_depth_luma_minus8`, `bit_depth_chroma_minus8`.
    format: [u8; 3],
}

/// Reads a NAL unit of type 7, its header byte included. [`Truncated`] covers every fault:
/// bits that are missing, a code too long, a size that cannot be.
pub fn parse(nal: &[u8]) -> Result<Picture, Truncated> {
    let raw = payload(nal)?;
    let mut bits = Bits::new(&raw);
    let samples = parse_start(&mut bits)?;
    bits.ue(MAX_LOG2_MINUS4)?; // log2_max_frame_num_minus4
    skip_order_count(&mut bits)?;
    bits.ue(MAX_REFERENCE_FRAMES)?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    let array_type = samples.map_or(1, |samples| samples.array_type);
    let (width, height) = parse_size(&mut bits, array_type)?;
    // The size is what matters: timing that cannot be read counts as absent. (A field rate is halved.)
    let frame_rate = parse_frame_rate(&mut bits).unwrap_or(None);
    Ok(Picture { width, height, frame_rate })
}

/// `chroma_format_idc`, `bit_depth_luma_minus8` and `bit_depth_chroma_minus8`; none in a profile that has but one format.
pub fn sample_format(nal: &[u8]) -> Result<Option<[u8; 3]>, Truncated> {
    let samples = parse_start(&mut Bits::new(&payload(nal)?))?;
    Ok(samples.map(|samples| samples.format))
}

/// The fields of the set that a slice header depends on (7.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceFields {
    /// `separate_colour_plane_flag`.
    pub separate_planes: bool,
    /// Bits of `frame_num`.
    pub frame_num: u32,
    /// Bits of `pic_order_cnt_lsb`; none where there is none.
    pub order_lsb: Option<u32>,
    /// There is `delta_pic_order_cnt`.
    pub order_deltas: bool,
    /// `frame_mbs_only_flag`.
    pub frames_only: bool,
}

/// Reads the fields that slice headers depend on.
pub fn slice_fields(nal: &[u8]) -> Result<SliceFields, Truncated> {
    let raw = payload(nal)?;
    let mut bits = Bits::new(&raw);
    let samples = parse_start(&mut bits)?;
    let separate_planes = samples.is_some_and(|samples| samples.format[0] == 3 && samples.array_type == 0);
    let frame_num = bits.ue(MAX_LOG2_MINUS4)? + 4;
    let mut order = bits.clone();
    let (order_lsb, order_deltas) = match order.ue(2)? {
        0 => (Some(order.ue(MAX_LOG2_MINUS4)? + 4), false),
        1 => (None, !order.flag()?),
        _ => (None, false),
    };
    skip_order_count(&mut bits)?;
    bits.ue(MAX_REFERENCE_FRAMES)?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag
    bits.ue(MAX_MACROBLOCKS_MINUS1)?; // pic_width_in_mbs_minus1
    bits.ue(MAX_MACROBLOCKS_MINUS1)?; // pic_height_in_map_units_minus1
    let frames_only = bits.flag()?;
    Ok(SliceFields { separate_planes, frame_num, order_lsb, order_deltas, frames_only })
}

fn payload(nal: &[u8]) -> Result<Vec<u8>, Truncated> {
    let nal = nal.get(..MAX_BYTES.min(nal.len())).ok_or(Truncated)?;
    if nal.first().is_none_or(|header| header & 0x1f != 7) {
        return Err(Truncated);
    }
    Ok(unescape(nal.get(1..).ok_or(Truncated)?))
}

/// 7.3.2.1.1 up to the scaling lists. No format for a profile that has but one, 4:2:0 with 8 bits.
fn parse_start(bits: &mut Bits<'_>) -> Result<Option<Samples>, Truncated> {
    let profile = bits.u(8)?;
    bits.u(16)?; // constraint flags and level
    bits.ue(MAX_ID)?; // seq_parameter_set_id
    if has_format(profile) { parse_format(bits).map(Some) } else { Ok(None) }
}

/// The profiles whose set starts with the chroma format.
fn has_format(profile: u32) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

fn parse_format(bits: &mut Bits<'_>) -> Result<Samples, Truncated> {
    let format = bits.ue(3)?;
    let separate = format == 3 && bits.flag()?;
    let luma = bits.ue(MAX_BIT_DEPTH_MINUS8)?;
    let chroma = bits.ue(MAX_BIT_DEPTH_MINUS8)?;
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    let array_type = if separate { 0 } else { format };
    Ok(Samples { array_type, format: [format, luma, chroma].map(|field| field.to_be_bytes()[3]) })
}

/// 7.3.2.1.1.1: a list ends early, for this purpose, when its next scale becomes zero.
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Result<(), Truncated> {
    let (mut last, mut next) = (8i32, 8i32);
    for _ in 0..size {
        if next != 0 {
            let delta = bits.se(-128..=127)?;
            next = (last + delta).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

fn skip_order_count(bits: &mut Bits<'_>) -> Result<(), Truncated> {
    match bits.ue(2)? {
        0 => {
            bits.ue(MAX_LOG2_MINUS4)?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.se(OFFSETS)?; // offset_for_non_ref_pic
            bits.se(OFFSETS)?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue(MAX_ORDER_COUNT_CYCLE)? {
                bits.se(OFFSETS)?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    Ok(())
}

fn parse_size(bits: &mut Bits<'_>, array_type: u32) -> Result<(u32, u32), Truncated> {
    let width_in_mbs = bits.ue(MAX_MACROBLOCKS_MINUS1)? + 1;
    let height_in_units = bits.ue(MAX_MACROBLOCKS_MINUS1)? + 1;
    let frame_mbs_only = bits.flag()?;
    if !frame_mbs_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let fields = if frame_mbs_only { 1 } else { 2 };
    let unit_x = if matches!(array_type, 1 | 2) { 2 } else { 1 };
    let unit_y = fields * if array_type == 1 { 2 } else { 1 };
    let (mut crop_x, mut crop_y) = (0, 0);
    if bits.flag()? {
        crop_x = (bits.ue(MAX_SIDE)? + bits.ue(MAX_SIDE)?) * unit_x;
        crop_y = (bits.ue(MAX_SIDE)? + bits.ue(MAX_SIDE)?) * unit_y;
    }
    Ok((side(width_in_mbs * 16, crop_x)?, side(height_in_units * 16 * fields, crop_y)?))
}

/// E.1.1 up to the timing information.
fn parse_frame_rate(bits: &mut Bits<'_>) -> Result<Option<f64>, Truncated> {
    if !bits.flag()? {
        return Ok(None);
    }
    skip_signal_description(bits)?;
    if !bits.flag()? {
        return Ok(None);
    }
    let units_in_tick = bits.u(32)?;
    let time_scale = bits.u(32)?;
    if units_in_tick == 0 || time_scale == 0 {
        return Ok(None);
    }
    Ok(Some(f64::from(time_scale) / (2.0 * f64::from(units_in_tick))))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// x264 --profile baseline, 320x240, 25 frames a second.
    pub const BASELINE: &[u8] =
        b"\x67\x42\xc0\x0d\xd9\x01\x41\xfb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x42\xa4\x80";
    /// x264 --profile high, 1280x720, 25 frames a second.
    pub const HIGH: &[u8] =
        b"\x67\x64\x00\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\
          \x20\xf1\x83\x19\x60";
    /// x264 --profile high, 1920x1080 in 1920x1088, 25 frames a second.
    pub const CROPPED: &[u8] =
        b"\x67\x64\x00\x28\xac\xd9\x40\x78\x02\x27\xe5\xc0\x44\x00\x00\x03\x00\x04\x00\x00\x03\
          \x00\xc8\x3c\x60\xc6\x58";
    /// x264 --profile high444, 1000x562 in 1008x576, 30 frames a second.
    const HIGH_444: &[u8] =
        b"\x67\xf4\x00\x1f\x91\x9b\x28\x1f\x82\x4f\x13\x1f\x80\x88\x00\x00\x03\x00\x08\x00\x00\x03\
          \x01\xe0\x78\xc1\x8c\xb0";
    /// x264 --interlaced, 1440x1080 in 1440x1088, 50 frames a second.
    const INTERLACED: &[u8] =
        b"\x67\x64\x00\x3e\xac\xd9\x40\x5a\x04\x4f\xde\x02\x20\x00\x00\x03\x00\x20\x00\x00\x0c\
          \x83\xe3\xc7\xb2\xc0";
    /// x264 --profile main, 640x360 in 640x368, 29.97 frames a second.
    const MAIN: &[u8] =
        b"\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x01\xf4\x80\x00\x75\x30\x07\x8b\x16\xcb";

    fn size_and_rate(nal: &[u8]) -> (u32, u32, Option<f64>) {
        let sps = parse(nal).unwrap();
        (sps.width, sps.height, sps.frame_rate)
    }

    #[test]
    fn sizes_and_rates_of_what_x264_writes() {
        assert_eq!(size_and_rate(BASELINE), (320, 240, Some(25.0)));
        assert_eq!(size_and_rate(HIGH), (1280, 720, Some(25.0)));
        assert_eq!(size_and_rate(CROPPED), (1920, 1080, Some(25.0)));
        assert_eq!(size_and_rate(HIGH_444), (1000, 562, Some(30.0)));
        assert_eq!(size_and_rate(INTERLACED), (1440, 1080, Some(50.0)));
        assert_eq!(size_and_rate(MAIN), (640, 360, Some(30_000.0 / 1001.0)));
    }

    #[test]
    fn every_truncation_is_an_error_or_the_same_size() {
        for sps in [BASELINE, HIGH, CROPPED, HIGH_444, INTERLACED, MAIN] {
            let whole = parse(sps).unwrap();
            for length in 0..sps.len() {
                if let Ok(cut) = parse(&sps[..length]) {
                    assert_eq!((cut.width, cut.height), (whole.width, whole.height));
                }
            }
        }
    }

    /// Writes a set bit by bit.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn u(mut self, count: u32, value: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> Self {
            let length = (value + 1).ilog2();
            self.u(length, 0).u(length + 1, value + 1)
        }

        fn nal(self) -> Vec<u8> {
            let bytes = self.0.chunks(8).map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (place, &bit)| byte | u8::from(bit) << (7 - place))
            });
            [0x67].into_iter().chain(bytes).collect()
        }
    }

    #[test]
    fn scaling_lists_of_a_high_profile_are_stepped_over() {
        let mut writer = Writer::default().u(8, 100).u(16, 40).ue(0).ue(1).ue(0).ue(0).u(1, 0).u(1, 1);
        for list in 0..8 {
            writer = match list {
                0 => (0..16).fold(writer.u(1, 1), |writer, _| writer.ue(1)),
                // delta_scale -8: the next scale is zero, the list ends at once
                1 => writer.u(1, 1).ue(16),
                6 => (0..64).fold(writer.u(1, 1), |writer, _| writer.ue(1)),
                _ => writer.u(1, 0),
            };
        }
        let writer = writer.ue(0).ue(0).ue(0).ue(4).u(1, 0);
        let nal = writer.ue(39).ue(29).u(1, 1).u(1, 1).u(1, 0).u(1, 0).u(1, 1).nal();
        assert_eq!(size_and_rate(&nal), (640, 480, None));
    }

    #[test]
    fn an_impossible_size_is_refused() {
        let start = || Writer::default().u(8, 66).u(16, 30).ue(0).ue(0).ue(2).ue(1).u(1, 0);
        let too_wide = start().ue(100_000).ue(29).u(1, 1).u(1, 1).u(1, 0).u(8, 0).nal();
        assert_eq!(parse(&too_wide), Err(Truncated));
        let all_cropped = start().ue(9).ue(9).u(1, 1).u(1, 1).u(1, 1).ue(80).ue(0).ue(0).ue(0).u(8, 0).nal();
        assert_eq!(parse(&all_cropped), Err(Truncated));
    }

    #[test]
    fn all_zeros_and_all_ones_are_read_without_harm() {
        assert_eq!(parse(&[[0x67].as_slice(), &[0; 5000]].concat()), Err(Truncated));
        // All codes zero: one macroblock, field coded, cropped by nothing.
        let _ = parse(&[[0x67].as_slice(), &[0xff; 5000]].concat());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut nal in proptest::collection::vec(proptest::num::u8::ANY, 1..80)) {
            nal[0] = 0x67;
            let _ = parse(&nal);
            if nal.len() > 1 {
                nal[1] = 100;
                let _ = parse(&nal);
            }
        }
    }
}
