//! AAC: the AudioSpecificConfig (ISO 14496-3 1.6.2.1), with SBR in both ways and a program configuration.

use super::*;
use crate::media::aac::{AacError, AudioConfig, Frames, Program, is_adts};
use crate::media::bits::Bits;

const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// A configuration to write.
#[derive(Clone, Copy)]
struct Shape {
    object_type: u32,
    rate_index: u32,
    channels: u32,
}

/// Object type, frequency and channel configuration of the core; nothing where a frequency cannot be read.
type Meant = Option<(u32, u32, u32)>;

const SHAPES: [Shape; 6] = [
    Shape { object_type: 2, rate_index: 4, channels: 2 },
    // A program configuration; a frequency written out; SBR, parametric stereo; the low delay coder.
    Shape { object_type: 2, rate_index: 3, channels: 0 },
    Shape { object_type: 4, rate_index: 15, channels: 1 },
    Shape { object_type: 5, rate_index: 7, channels: 2 },
    Shape { object_type: 29, rate_index: 7, channels: 1 },
    Shape { object_type: 39, rate_index: 3, channels: 2 },
];

fn write_config(s: &mut Syntax, shape: Shape) -> Meant {
    let mut object_type = write_object_type(s, shape.object_type);
    let rate = write_rate(s, shape.rate_index);
    let channels = s.u("channelConfiguration", 4, shape.channels);
    let mut extension = Some(0);
    let is_explicit = matches!(object_type, 5 | 29);
    if is_explicit {
        extension = write_rate(s, 4);
        object_type = write_object_type(s, 2);
        if object_type == 22 {
            s.u("extensionChannelConfiguration", 4, 0);
        }
    }
    write_specific(s, object_type, channels);
    if !is_explicit {
        s.fixed(11, 0x2b7);
        write_object_type(s, 5);
        if s.flag("sbrPresentFlag", true) {
            write_rate(s, 3);
            s.fixed(11, 0x548);
            s.flag("psPresentFlag", true);
        }
    }
    extension.and(rate).map(|rate| (object_type, rate, channels))
}

/// Table 1.14.
fn write_object_type(s: &mut Syntax, object_type: u32) -> u32 {
    let (short, long) = if object_type < 31 { (object_type, 0) } else { (31, object_type - 32) };
    match s.u("audioObjectType", 5, short) {
        31 => 32 + s.u("audioObjectTypeExt", 6, long),
        other => other,
    }
}

/// The frequency, if it is one.
fn write_rate(s: &mut Syntax, index: u32) -> Option<u32> {
    match s.u("samplingFrequencyIndex", 4, index) {
        15 => Some(s.u("samplingFrequency", 24, 44_056)).filter(|rate| *rate > 0),
        index => RATES.get(index as usize).copied(),
    }
}

/// 4.4.1 GASpecificConfig, or as much of another coder's.
fn write_specific(s: &mut Syntax, object_type: u32, channels: u32) {
    s.flag("frameLengthFlag", false);
    if s.flag("dependsOnCoreCoder", false) {
        s.u("coreCoderDelay", 14, 0);
    }
    let has_extension = s.flag("extensionFlag", false);
    if channels == 0 {
        write_program(s);
    }
    if matches!(object_type, 6 | 20) {
        s.u("layerNr", 3, 0);
    }
    if has_extension {
        s.fixed(if object_type == 22 { 16 } else { 3 }, 0);
        s.flag("extensionFlag3", false);
    }
}

/// 4.4.1.1 program_config_element.
fn write_program(s: &mut Syntax) {
    s.u("element_instance_tag_object_type_rate", 10, 0);
    let elements = ["front", "side", "back"].map(|name| s.u(name, 4, 1)).iter().sum::<u32>();
    let (lfe, data, coupling) = (s.u("lfe", 2, 1), s.u("assoc_data", 3, 1), s.u("valid_cc", 4, 1));
    for (name, length) in [("mono_mixdown", 4), ("stereo_mixdown", 4), ("matrix_mixdown", 3)] {
        if s.flag(name, false) {
            s.fixed(length, 0);
        }
    }
    for _ in 0..elements {
        s.flag("element_is_cpe", true);
        s.fixed(4, 0);
    }
    (0..lfe + data).for_each(|_| s.fixed(4, 0));
    (0..coupling).for_each(|_| s.fixed(5, 0));
    s.fixed((8 - s.bits.count() % 8) as u32 % 8, 0);
    let comment = s.u("comment_field_bytes", 8, 3);
    (0..comment).for_each(|_| s.fixed(8, 0x41));
}

fn check(meant: Meant, config: &[u8], changed: &[(&str, i64)]) {
    let read = AudioConfig::parse(config);
    if let Ok(config) = &read {
        let _ = (config.channels(), config.output_rate(), config.silence());
        let lengths = [0, 1, 8134, 8135, 8184, 8185];
        let heads = config.adts().map(|adts| lengths.map(|length| adts.head(&vec![0x21; length]).is_ok()));
        assert!(heads.is_none_or(|heads| !heads[0] && heads[1] && !heads[5]), "{changed:?}");
        check_program(config, changed);
    }
    let core = read.map(|config| (config.object_type, config.sample_rate, config.channel_configuration));
    assert_eq!(core, meant.ok_or(AacError::SampleRate), "{changed:?}");
}

/// A program configuration is written as it was read, without its comment.
fn check_program(config: &AudioConfig, changed: &[(&str, i64)]) {
    let Some(program) = config.program else { return };
    assert!(program.bytes().len() <= 50 && Program::begins(program.bytes()), "{changed:?}");
    assert_eq!(Program::of_frame(program.bytes()), Some(program), "{changed:?}");
    let whole = Bits::new(program.bytes()).left();
    assert!(program.channels() < 100 && whole.is_multiple_of(8), "{changed:?}");
}

#[test]
fn every_field_is_read_as_it_was_written_or_refused() {
    for shape in SHAPES {
        each_edge(|s| {
            let meant = write_config(s, shape);
            let changed = s.changed.clone();
            check(meant, &s.take().into_bytes(), &changed);
        });
    }
}

proptest! {
    #[test]
    fn any_edges_together_are_read_as_they_were_written_or_refused(
        shape in 0..SHAPES.len(),
        changes in some_edges(),
    ) {
        let mut s = Syntax::new(changes);
        let meant = write_config(&mut s, SHAPES[shape]);
        let changed = s.changed.clone();
        check(meant, &s.into_bytes(), &changed);
    }
}

/// An ADTS frame (1.A.3.2): its length in bytes, samples, frequency and channel configuration, if it is one.
fn write_adts(s: &mut Syntax) -> Option<(u32, u32, u32, u32)> {
    s.fixed(12, 0xfff);
    s.u("ID", 1, 0);
    let layer = s.u("layer", 2, 0);
    let checked = !s.flag("protection_absent", true);
    s.u("profile_ObjectType", 2, 1);
    let rate = RATES.get(s.u("sampling_frequency_index", 4, 4) as usize).copied();
    s.flag("private_bit", false);
    let channels = s.u("channel_configuration", 3, 2);
    s.u("originality_home_copyright", 4, 0);
    let length = s.u("aac_frame_length", 13, 9);
    s.u("adts_buffer_fullness", 11, 0x7ff);
    let blocks = 1 + s.u("number_of_raw_data_blocks_in_frame", 2, 0);
    s.fixed_bytes(&[0x21, 7]);
    let header = if checked { 7 + 2 * blocks } else { 7 };
    let is_whole = layer == 0 && length > header && length <= 9;
    rate.filter(|_| is_whole).map(|rate| (length, 1024 * blocks, rate, channels))
}

#[test]
fn every_field_of_adts_is_read_as_it_was_written_or_refused() {
    each_edge(|s| {
        let meant = write_adts(s);
        let changed = s.changed.clone();
        let bytes = s.take().into_bytes();
        let read = Frames::parse(&bytes).ok().flatten();
        let told = read.map(|Frames { adts, samples, length }| {
            let config = adts.config();
            (length as u32, samples, config.sample_rate, config.channel_configuration)
        });
        assert_eq!(told, meant, "{changed:?}");
        assert_eq!(is_adts(&bytes), Frames::parse(&bytes) != Ok(None), "{changed:?}");
    });
}

pub fn messages(out: &mut Vec<(Kind, Vec<u8>)>) {
    each_edge(|s| {
        write_adts(s);
        out.push((Kind::Audio, [&[0xaf, 1][..], &s.take().into_bytes()].concat()));
    });
    for shape in SHAPES {
        each_edge(|s| {
            write_config(s, shape);
            out.push((Kind::Audio, [&[0xaf, 0][..], &s.take().into_bytes()].concat()));
        });
    }
}
