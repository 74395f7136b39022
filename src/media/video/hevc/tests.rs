//! Records, parameter sets and frames as x265 makes them.

use super::*;
use crate::media::parts::PartsError;
use crate::media::video::nal::{AccessUnit, Framing, Nals, Start};

/// x265, Main, 640x360, 29.97 frames a second.
pub(in crate::media) const MAIN: &str =
    "42010101600000030090000003000003003fa00502016965959a4932bc05a02000007d20000ea601";
/// Main 10 with the colours of HDR, 1920x1080 in 1920x1088, 25 frames a second.
pub(in crate::media) const HDR: &str =
    "420101022000000300900000030000030078a003c08010e4d96566924caf016a12201208000003000800000300c840";
/// Main 4:2:2 10 with scaling lists, 1000x562 in 1000x568, 60 frames a second.
const RANGE: &str = "4201010408000003009d08000003000078b007d2008e7ced96566924e5780b4040000003004000000f02";
/// Main 4:4:4, 322x178 in 328x184, 23.976 frames a second.
const FULL_CHROMA: &str =
    "4201010408000003009e0800000300003c90014901739e7cb2b349265780b40400000fa40001770020";
/// Main with two temporal sub-layers, 416x240, 50 frames a second.
pub(in crate::media) const SUB_LAYERS: &str =
    "42010201600000030090000003000003003f0000a00d080f1659598acd24995e02d0100000030010000003032080";
/// Main, 720x576, 50 pictures a second that are called fields.
const FIELDS: &str = "42010101600000030040000003000003005da005a20090596566924caf0168680000030008000003019040";
pub(in crate::media) const VPS: &str = "40010c01ffff01600000030090000003000003003f959809";
pub(in crate::media) const PPS: &str = "4401c172b46240";
/// The content's light level; the encoder's name; the first picture's timing.
pub(in crate::media) const LIGHT: &str = "4e01900403e8019080";
const ENCODER: &str = "4e0105ffffffffffff80";
const TIMING: &str = "4e0181010f80";

pub(in crate::media) fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A record with 4-byte lengths, of arrays of one NAL unit each.
fn record(nals: &[&str]) -> Vec<u8> {
    let mut record = hex("0101600000009000000000003ff000fcfdf8f800000f");
    record.push(u8::try_from(nals.len()).unwrap());
    for nal in nals {
        let nal = hex(nal);
        record.extend([0x80 | nal[0] >> 1, 0, 1]);
        record.extend(u16::try_from(nal.len()).unwrap().to_be_bytes());
        record.extend(nal);
    }
    record
}

pub(in crate::media) fn config(nals: &[&str]) -> DecoderConfig {
    DecoderConfig::parse(&record(nals)).unwrap()
}

fn size_and_rate(sps: &[u8]) -> (u32, u32, Option<f64>) {
    let picture = sps::parse(sps).unwrap();
    (picture.width, picture.height, picture.frame_rate)
}

#[test]
fn sizes_and_rates_of_what_x265_writes() {
    assert_eq!(size_and_rate(&hex(MAIN)), (640, 360, Some(30_000.0 / 1001.0)));
    assert_eq!(size_and_rate(&hex(HDR)), (1920, 1080, Some(25.0)));
    assert_eq!(size_and_rate(&hex(RANGE)), (1000, 562, Some(60.0)));
    assert_eq!(size_and_rate(&hex(FULL_CHROMA)), (322, 178, Some(24_000.0 / 1001.0)));
    assert_eq!(size_and_rate(&hex(SUB_LAYERS)), (416, 240, Some(50.0)));
    assert_eq!(size_and_rate(&hex(FIELDS)), (720, 576, Some(25.0)));
}

#[test]
fn every_truncation_of_a_set_is_an_error_or_the_same_size() {
    for sps in [MAIN, HDR, RANGE, FULL_CHROMA, SUB_LAYERS, FIELDS].map(hex) {
        let whole = size_and_rate(&sps);
        for length in 0..sps.len() {
            if let Ok(cut) = sps::parse(&sps[..length]) {
                assert_eq!((cut.width, cut.height), (whole.0, whole.1));
                assert!(cut.frame_rate.is_none() || cut.frame_rate == whole.2);
            }
        }
    }
}

#[test]
fn a_record_yields_profile_sets_and_picture() {
    let config = config(&[VPS, MAIN, PPS]);
    assert_eq!((config.profile_space, config.tier, config.profile), (0, Tier::Main, 1));
    assert_eq!((config.compatibility, config.constraints), (0x6000_0000, [0x90, 0, 0, 0, 0, 0]));
    assert_eq!((config.level, config.chroma_format, config.bit_depth), (63, 1, 8));
    assert_eq!(config.nal_length_size, 4);
    assert_eq!((&config.vps, &config.sps, &config.pps), (&vec![hex(VPS)], &vec![hex(MAIN)], &vec![hex(PPS)]));
    assert_eq!(config.picture(), sps::parse(&hex(MAIN)).ok());
}

#[test]
fn a_record_keeps_what_describes_all_pictures_and_no_other_message() {
    let config = config(&[VPS, HDR, PPS, LIGHT, ENCODER, TIMING]);
    assert_eq!(config.sei, [hex(LIGHT)]);
}

#[test]
fn a_record_cut_anywhere_is_truncated() {
    let record = record(&[VPS, HDR, PPS, LIGHT, ENCODER]);
    for length in 0..record.len() {
        assert_eq!(DecoderConfig::parse(&record[..length]), Err(HevcError::Truncated), "{length}");
    }
}

#[test]
fn sets_that_are_none_and_other_versions_are_refused() {
    let mut record = record(&[VPS, MAIN, PPS]);
    record[0] = 2;
    assert_eq!(DecoderConfig::parse(&record), Err(HevcError::Version(2)));
    record[0] = 0;
    assert!(DecoderConfig::parse(&record).is_ok());
    record[28] = 0x26;
    assert_eq!(DecoderConfig::parse(&record), Err(HevcError::ParameterSet));
    assert_eq!(config(&[]).picture(), None);
}

#[test]
fn sets_without_end_are_refused() {
    for kind in [VPS, MAIN, PPS, LIGHT] {
        let sets = |count: usize| DecoderConfig::parse(&record(&vec![kind; count]));
        assert!(sets(MAX_SETS).is_ok(), "{kind}");
        assert_eq!(sets(MAX_SETS + 1), Err(HevcError::ParameterSet), "{kind}");
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

    fn zeros(self, count: usize) -> Self {
        (0..count).fold(self, |writer, _| writer.u(1, 0))
    }

    fn nal(self, kind: u8) -> Vec<u8> {
        let bytes = self.0.chunks(8).map(|bits| {
            bits.iter().enumerate().fold(0, |byte, (place, &bit)| byte | u8::from(bit) << (7 - place))
        });
        // A 1 in front of each run of zeros would be escaped: these sets have no such runs that matter.
        [kind << 1, 1].into_iter().chain(escape(bytes)).collect()
    }
}

fn escape(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut escaped: Vec<u8> = Vec::new();
    for byte in bytes {
        if escaped.ends_with(&[0, 0]) && byte <= 3 {
            escaped.push(3);
        }
        escaped.push(byte);
    }
    escaped
}

/// A sequence parameter set of one sub-layer up to the coding block sizes: 64x48, 4:2:0.
fn set() -> Writer {
    let writer = Writer::default().u(8, 1).zeros(96).ue(0).ue(1).ue(64).ue(48).u(1, 0);
    let writer = writer.ue(0).ue(0).ue(4).u(1, 1).ue(1).ue(0).ue(0);
    writer.ue(0).ue(3).ue(0).ue(3).ue(0).ue(0)
}

/// The bits behind the sets of reference pictures, with 30 frames a second.
fn timed(writer: Writer) -> Vec<u8> {
    writer
        .u(1, 0)
        .u(2, 0)
        .u(1, 1)
        .u(4, 0)
        .u(3, 0)
        .u(1, 0)
        .u(1, 1)
        .u(32, 1001)
        .u(32, 30_030)
        .u(8, 0xff)
        .nal(33)
}

#[test]
fn scaling_lists_pcm_and_long_term_pictures_are_stepped_over() {
    let mut writer = set().u(1, 1).u(1, 1);
    for size in 0..4 {
        for matrix in 0..if size == 3 { 2 } else { 6 } {
            if matrix == 1 {
                writer = writer.u(1, 0).ue(1);
                continue;
            }
            writer = writer.u(1, 1);
            let coefficients = 64.min(1 << (4 + 2 * size)) + usize::from(size > 1);
            writer = (0..coefficients).fold(writer, |writer, index| writer.ue(index as u32 % 5));
        }
    }
    let writer = writer.u(2, 0b11).u(1, 1).u(8, 0x77).ue(0).ue(2).u(1, 1).ue(0);
    let writer = writer.u(1, 1).ue(2).u(8, 3).u(1, 1).u(8, 5).u(1, 0);
    let writer = writer
        .u(2, 0)
        .u(1, 1)
        .u(1, 1)
        .u(8, 255)
        .u(16, 4)
        .u(16, 3)
        .u(1, 1)
        .u(1, 0)
        .u(1, 0)
        .u(1, 1)
        .ue(1)
        .ue(1);
    let sps = writer.u(3, 0).u(1, 1).ue(0).ue(0).ue(2).ue(2).u(1, 1).u(32, 1).u(32, 24).u(8, 0xff).nal(33);
    assert_eq!(size_and_rate(&sps), (64, 48, Some(24.0)));
}

#[test]
fn sets_of_reference_pictures_are_counted_as_they_depend_on_each_other() {
    // 2 + 1 pictures; of those and the picture itself 3 are used or kept; then all 4 of those.
    let writer = set().u(1, 0).u(2, 0).u(1, 0).ue(4);
    let writer = writer.ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 0);
    let writer = writer.u(1, 1).u(1, 1).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00).u(1, 1);
    let writer = writer.u(1, 1).u(1, 0).ue(2).u(4, 0b1111);
    let writer = writer.u(1, 0).ue(0).ue(1).ue(7).u(1, 1);
    assert_eq!(size_and_rate(&timed(writer)), (64, 48, Some(30.0)));
    // One more than may be.
    let writer = set().u(1, 0).u(2, 0).u(1, 0).ue(1).ue(9).ue(8).zeros(64);
    assert_eq!(size_and_rate(&timed(writer)), (64, 48, None));
}

#[test]
fn a_rate_that_the_sequence_does_not_tell_is_the_video_sets_or_the_records() {
    let untimed = set().u(1, 0).u(2, 0).u(1, 0).ue(0).u(1, 0).u(2, 0).u(1, 0).u(8, 0xff).nal(33);
    let vps = |timing: bool| {
        let writer = Writer::default().u(12, 0xfff).u(3, 0).u(1, 1).u(16, 0xffff).zeros(96);
        let writer = writer.u(1, 0).ue(1).ue(0).ue(0).u(6, 40).ue(1).u(32, u32::MAX).u(9, 0);
        writer.u(1, u32::from(timing)).u(32, 1).u(32, 50).u(8, 0xff).nal(32)
    };
    let mut config = config(&[]);
    config.sps.push(untimed);
    config.average_frame_rate = 25 * 256;
    let rate = |config: &DecoderConfig| config.picture().unwrap().frame_rate;
    assert_eq!(rate(&config), Some(25.0));
    config.vps.push(vps(true));
    assert_eq!(rate(&config), Some(50.0));
    config.vps[0].truncate(20);
    assert_eq!(rate(&config), Some(25.0));
    (config.vps[0], config.average_frame_rate) = (vps(false), 0);
    assert_eq!(rate(&config), None);
}

fn write(
    config: &DecoderConfig,
    nals: &[&[u8]],
    start: Start,
) -> (Result<AccessUnit, PartsError>, Vec<Vec<u8>>) {
    let lengths = nals.iter().map(|nal| [&u32::try_from(nal.len()).unwrap().to_be_bytes()[..], nal].concat());
    let (body, mut out) = (lengths.collect::<Vec<_>>().concat(), Vec::new());
    let unit =
        config.rewriter().write(std::iter::once(Nals::new(&body, Framing::Lengths(4))), start, &mut out);
    let text = out.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    (unit, text.split("00000001").filter(|nal| !nal.is_empty()).map(hex).collect())
}

#[test]
fn a_picture_to_start_at_gets_a_delimiter_and_all_sets_and_messages_once() {
    let config = config(&[VPS, MAIN, PPS, LIGHT, ENCODER]);
    let sets = [vec![0x46, 1, 0x50], hex(VPS), hex(MAIN), hex(PPS), hex(LIGHT)];
    // IDR, CRA and BLA alike, with what the encoder repeats, and its own delimiter.
    for kind in 16..=21u8 {
        let slice = vec![kind << 1, 1, 0xaf];
        let nals =
            [vec![0x46, 1, 0x10], hex(VPS), hex(MAIN), hex(PPS), hex(LIGHT), hex(TIMING), slice.clone()];
        let nals: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let (unit, out) = write(&config, &nals, Start::Within);
        assert_eq!(unit, Ok(AccessUnit::RandomAccess));
        assert_eq!(out, [&sets[..], &[hex(TIMING), slice]].concat(), "{kind}");
    }
    for kind in 0..=9u8 {
        let slice = vec![kind << 1, 1, 0xaf];
        let (unit, out) = write(&config, &[&slice], Start::Within);
        assert_eq!((unit, out), (Ok(AccessUnit::Picture), vec![sets[0].clone(), slice.clone()]));
        let (_, out) = write(&config, &[&slice], Start::Fragment);
        assert_eq!(out, [&sets[..], &[slice]].concat());
    }
    let (unit, out) = write(&config, &[&hex(LIGHT), &[40 << 1, 1, 1], &[0x26]], Start::Fragment);
    assert_eq!((unit, out.len()), (Ok(AccessUnit::Empty), 0));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
        let _ = sps::parse(&[&[0x42, 1], &bytes[..]].concat());
        let _ = vps::frame_rate(&[&[0x40, 1], &bytes[..]].concat());
        if let Ok(config) = DecoderConfig::parse(&[&record(&[])[..22], &bytes].concat()) {
            config.picture();
            let _ = config.rewriter().write(std::iter::once(Nals::new(&bytes, Framing::Lengths(4))), Start::Fragment, &mut Vec::new());
        }
    }

    #[test]
    fn no_change_to_a_set_makes_it_panic(place in 0usize..40, byte in proptest::num::u8::ANY) {
        for sps in [MAIN, HDR, RANGE, SUB_LAYERS] {
            let mut sps = hex(sps);
            if let Some(target) = sps.get_mut(place) {
                *target = byte;
            }
            let _ = sps::parse(&sps);
        }
    }
}
