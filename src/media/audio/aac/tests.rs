//! Configurations by the tables of ISO 14496-3, and as encoders write them.

use super::config::{AOT_ESCAPE, AOT_PS, AOT_SBR, RATES};
use super::*;
use crate::media::parts::{MAX_AUDIO_FRAMES, PartsError};

fn config(object_type: u32, sample_rate: u32, channel_configuration: u32) -> AudioConfig {
    AudioConfig {
        object_type,
        sample_rate,
        channel_configuration,
        program: None,
        frame_samples: 1024,
        extension: None,
    }
}

fn extended(core: AudioConfig, sample_rate: u32, parametric_stereo: bool) -> AudioConfig {
    AudioConfig { extension: Some(Extension { sample_rate, parametric_stereo }), ..core }
}

#[test]
fn configurations_of_common_encoders() {
    assert_eq!(AudioConfig::parse(&[0x12, 0x10]), Ok(config(2, 44_100, 2)));
    assert_eq!(AudioConfig::parse(&[0x11, 0x90]), Ok(config(2, 48_000, 2)));
    // ffmpeg's encoder appends the sync extension and says that there is no SBR.
    assert_eq!(AudioConfig::parse(&[0x12, 0x08, 0x56, 0xe5, 0x00]), Ok(config(2, 44_100, 1)));
    // 0x2b7, object type 5, present, 44100 Hz; then the same with 0x548 and parametric stereo.
    let he = extended(config(2, 22_050, 2), 44_100, false);
    assert_eq!(AudioConfig::parse(&[0x13, 0x90, 0x56, 0xe5, 0xa0]), Ok(he));
    let v2 = extended(config(2, 22_050, 1), 44_100, true);
    assert_eq!(AudioConfig::parse(&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80]), Ok(v2));
    assert_eq!((v2.channels(), v2.output_rate()), (Some(2), 44_100));
}

#[test]
fn explicit_sbr_and_ps_name_the_core_behind_them() {
    // 00101 0111 0010 0100 00010 000: SBR over LC, 22050 to 44100 Hz, two channels.
    let he = extended(config(2, 22_050, 2), 44_100, false);
    assert_eq!(AudioConfig::parse(&[0x2b, 0x92, 0x08, 0x00]), Ok(he));
    // 11101 0111 0001 0100 00010 000: parametric stereo over one channel.
    let v2 = extended(config(2, 22_050, 1), 44_100, true);
    assert_eq!(AudioConfig::parse(&[0xeb, 0x8a, 0x08, 0x00]), Ok(v2));
}

#[test]
fn escapes_are_read_and_do_not_fit_adts() {
    // 00010 1111 then 24 bits of 44056 Hz, two channels.
    let rate = AudioConfig::parse(&[0x17, 0x80, 0x56, 0x0c, 0x10]).unwrap();
    assert_eq!((rate.sample_rate, rate.channel_configuration, rate.adts()), (44_056, 2, None));
    // 11111 001010: object type 42, xHE-AAC.
    let usac = AudioConfig::parse(&[0xf9, 0x46, 0x40]).unwrap();
    assert_eq!((usac.object_type, usac.sample_rate, usac.adts()), (42, 48_000, None));
}

/// Fields of so many bits, packed.
fn pack(fields: &[(u32, u32)]) -> Vec<u8> {
    let bits = fields.iter().flat_map(|&(count, value)| (0..count).rev().map(move |bit| value >> bit & 1));
    let bits: Vec<_> = bits.collect();
    let byte =
        |bits: &[u32]| bits.iter().zip((0..8).rev()).fold(0, |byte, (bit, place)| byte | bit << place) as u8;
    bits.chunks(8).map(byte).collect()
}

/// An object type as table 1.14 writes it.
fn object_type(number: u32) -> Vec<(u32, u32)> {
    if number < 31 { vec![(5, number)] } else { vec![(5, 31), (6, number - 32)] }
}

/// Object type, rate and channels, then these fields.
fn configuration(number: u32, rate: &[(u32, u32)], channels: u32, rest: &[(u32, u32)]) -> Vec<u8> {
    pack(&[&object_type(number)[..], rate, &[(4, channels)], rest].concat())
}

/// GASpecificConfig with frames of the usual length and nothing special.
const GENERAL: [(u32, u32); 3] = [(1, 0); 3];

#[test]
fn every_object_type_rate_and_channel_configuration_is_read() {
    for number in (0..=95).filter(|number| ![AOT_SBR, AOT_PS, AOT_ESCAPE].contains(number)) {
        for (index, rate) in (0..).zip(RATES) {
            let parsed = AudioConfig::parse(&configuration(number, &[(4, index)], 2, &GENERAL)).unwrap();
            assert_eq!((parsed.object_type, parsed.sample_rate, parsed.channels()), (number, rate, Some(2)));
            assert_eq!(parsed.adts().is_some(), (1..=4).contains(&number), "{number}");
        }
        for reserved in [13, 14] {
            let bytes = configuration(number, &[(4, reserved)], 2, &GENERAL);
            assert_eq!(AudioConfig::parse(&bytes), Err(AacError::SampleRate));
        }
    }
    // Table 1.19; the rest is reserved.
    let counts = [1, 2, 3, 4, 5, 6, 8].into_iter().map(Some).chain([None; 3]);
    let counts = counts.chain([7, 8, 24, 8].map(Some)).chain([None]);
    for (channels, count) in (1..16).zip(counts) {
        let parsed = AudioConfig::parse(&configuration(2, &[(4, 3)], channels, &GENERAL)).unwrap();
        assert_eq!((parsed.channels(), parsed.adts().is_some()), (count, channels <= 7), "{channels}");
    }
}

#[test]
fn a_rate_of_24_bits_is_read_and_one_of_the_table_fits_adts() {
    for (rate, fits) in [(1, false), (44_056, false), (44_100, true), (192_000, false), (0xff_ffff, false)] {
        let parsed = AudioConfig::parse(&configuration(2, &[(4, 15), (24, rate)], 2, &GENERAL)).unwrap();
        assert_eq!((parsed.sample_rate, parsed.adts().is_some()), (rate, fits));
    }
    // Of both rates of HE-AAC, signalled either way.
    let core = [(4, 15), (24, 22_050)];
    let explicit = [&[(4, 15), (24, 44_100), (5, 2)][..], &GENERAL].concat();
    let sync = [&GENERAL[..], &[(11, 0x2b7), (5, 5), (1, 1), (4, 15), (24, 44_100)]].concat();
    let he = extended(config(2, 22_050, 2), 44_100, false);
    assert_eq!(AudioConfig::parse(&configuration(5, &core, 2, &explicit)), Ok(he));
    assert_eq!(AudioConfig::parse(&configuration(2, &core, 2, &sync)), Ok(he));
}

#[test]
fn frames_are_of_1024_samples_or_960_and_with_low_delay_of_512_or_480() {
    for (number, long, short) in
        [(1, 1024, 960), (2, 1024, 960), (17, 1024, 960), (23, 512, 480), (39, 512, 480)]
    {
        for (flag, samples) in [(0, long), (1, short)] {
            let bytes = configuration(number, &[(4, 3)], 1, &[(1, flag), (2, 0), (16, 0)]);
            let parsed = AudioConfig::parse(&bytes).unwrap();
            assert_eq!(parsed.frame_samples, samples, "{number}");
            assert_eq!(parsed.adts().is_some(), number <= 4 && samples == 1024);
        }
    }
    // Explicit SBR over a core of short frames.
    let rest = [(4, 3), (5, 2), (1, 1), (2, 0)];
    assert_eq!(AudioConfig::parse(&configuration(5, &[(4, 6)], 2, &rest)).unwrap().frame_samples, 960);
}

#[test]
fn he_aac_is_seen_however_it_is_signalled() {
    for (number, is_stereo) in [(AOT_SBR, false), (AOT_PS, true)] {
        let explicit = [&[(4, 4), (5, 2)][..], &GENERAL].concat();
        let expected = extended(config(2, 22_050, 1), 44_100, is_stereo);
        assert_eq!(AudioConfig::parse(&configuration(number, &[(4, 7)], 1, &explicit)), Ok(expected));
        assert_eq!(expected.channels(), Some(if is_stereo { 2 } else { 1 }));
        let sync =
            [&GENERAL[..], &[(11, 0x2b7), (5, 5), (1, 1), (4, 4)], &[(11, 0x548), (1, u32::from(is_stereo))]];
        assert_eq!(AudioConfig::parse(&configuration(2, &[(4, 7)], 1, &sync.concat())), Ok(expected));
    }
    // Behind a coreCoderDelay, too; and what says "none" or is something else is none.
    let delayed = [(1, 0), (1, 1), (14, 100), (1, 0), (11, 0x2b7), (5, 5), (1, 1), (4, 4)];
    let expected = extended(config(2, 22_050, 2), 44_100, false);
    assert_eq!(AudioConfig::parse(&configuration(2, &[(4, 7)], 2, &delayed)), Ok(expected));
    for sync in [[(11, 0x2b7), (5, 5), (1, 0)], [(11, 0x2b7), (5, 6), (1, 1)], [(11, 0x2b6), (5, 5), (1, 1)]]
    {
        let rest = [&GENERAL[..], &sync, &[(8, 0)]].concat();
        assert_eq!(AudioConfig::parse(&configuration(2, &[(4, 7)], 2, &rest)), Ok(config(2, 22_050, 2)));
    }
}

/// A program configuration of two pairs and one channel in front and behind, one LFE, with everything
/// else that it may have, up to its comment.
const PROGRAM: [(u32, u32); 19] = [
    (10, 0), // tag, object type, rate
    (4, 2),  // front
    (4, 0),  // side
    (4, 1),  // back
    (2, 1),  // LFE
    (3, 1),  // data
    (4, 1),  // coupling
    (5, 0x13),
    (5, 0x12),
    (4, 0xf), // mixdown: mono, stereo, matrix
    (1, 1),
    (4, 0), // a pair
    (1, 0),
    (4, 0), // one
    (1, 1),
    (4, 1), // a pair
    (4, 0), // LFE
    (4, 0), // data
    (5, 0), // coupling
];

#[test]
fn a_program_configuration_tells_the_channels_and_sbr_is_found_behind_it() {
    let head = [&[(5, 2), (4, 7), (4, 0)][..], &GENERAL, &PROGRAM].concat();
    let length: u32 = head.iter().map(|(count, _)| count).sum();
    let aligned = [&head[..], &[((8 - length % 8) % 8, 0), (8, 2), (16, 0xffff)]].concat();
    let parsed = AudioConfig::parse(&pack(&aligned)).unwrap();
    assert_eq!((parsed.channels(), parsed.extension), (Some(6), None));
    check_heads(&parsed.adts().unwrap());
    let with_sbr = [&aligned[..], &[(11, 0x2b7), (5, 5), (1, 1), (4, 4)]].concat();
    let parsed = AudioConfig::parse(&pack(&with_sbr)).unwrap();
    assert_eq!((parsed.channels(), parsed.output_rate()), (Some(6), 44_100));
    let bytes = pack(&aligned);
    for cut in 3..bytes.len() {
        assert_eq!(AudioConfig::parse(&bytes[..cut]).unwrap().channels(), None, "cut at {cut}");
    }
}

/// A frame begins with the program configuration, once.
fn check_heads(adts: &Adts) {
    let program = pack(&[&[(3, 5)][..], &PROGRAM, &[(3, 0), (8, 0)]].concat());
    assert!(pack(&[&[(3, 5)][..], &PROGRAM].concat()).len() == program.len() - 1, "bytes, then no comment");
    let head = adts.head(&[0x21, 1]).unwrap();
    assert_eq!((head.parts()[1], head.length()), (&program[..], 7 + program.len()));
    // The header promises one of the table with as many channels.
    let promise = Adts { channels: 6, ..*adts };
    assert_eq!((adts.channels, head.parts()[0]), (0, &promise.header(program.len() + 2).unwrap()[..]));
    let own = [&program[..], &[0x21]].concat();
    assert_eq!(adts.head(&own).unwrap().length(), 7);
    assert_eq!(adts.head(&[]).err(), Some(AacError::FrameLength(0)));
    assert!(adts.head(&vec![0x21; 8191 - 7 - program.len()]).is_ok());
    assert!(adts.head(&vec![0x21; 8192 - 7 - program.len()]).is_err());
    // And a message of such frames tells the same.
    let [header, rest] = head.parts();
    let frame = [header, rest, &[0x21, 1]].concat();
    let frames = Frames::parse(&frame).unwrap().unwrap();
    assert_eq!((frames.adts.config().channels(), frames.length), (Some(6), frame.len()));
    let [header, rest] = [adts.header(program.len() + 2).unwrap().to_vec(), rest.to_vec()];
    let frames = Frames::parse(&[header, rest, vec![0x21, 1]].concat()).unwrap().unwrap();
    assert_eq!((frames.adts, frames.adts.config().channels()), (*adts, Some(6)));
}

#[test]
fn short_and_reserved_configurations_are_errors() {
    for bytes in [&[][..], &[0x12], &[0x17, 0x80, 0x56, 0x22]] {
        assert_eq!(AudioConfig::parse(bytes), Err(AacError::Truncated), "{bytes:?}");
    }
    assert_eq!(AudioConfig::parse(&[0x16, 0x90]), Err(AacError::SampleRate));
    assert_eq!(AudioConfig::parse(&[0x17, 0x80, 0, 0, 0x10]), Err(AacError::SampleRate));
}

#[test]
fn a_truncated_extension_leaves_the_core() {
    let whole = [0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80];
    for length in 2..whole.len() {
        let cut = AudioConfig::parse(&whole[..length]).unwrap();
        assert_eq!((cut.object_type, cut.sample_rate, cut.adts().is_some()), (2, 22_050, true));
    }
}

#[test]
fn an_adts_header_tells_the_core_and_the_length() {
    let adts = extended(config(2, 22_050, 1), 44_100, true).adts().unwrap();
    // 0xfff1, profile 01, rate 0111, private 0, channels 001, four flags, 13 bits of 107, fullness.
    assert_eq!(adts.header(100), Ok([0xff, 0xf1, 0x5c, 0x40, 0x0d, 0x7f, 0xfc]));
    let longest = adts.header(8191 - 7).unwrap();
    assert_eq!((longest[3] & 3, longest[4], longest[5] >> 5), (3, 0xff, 7));
    assert_eq!(adts.header(8191 - 6), Err(AacError::FrameLength(8185)));
    assert_eq!(adts.header(0), Err(AacError::FrameLength(0)));
    assert_eq!(adts.header(usize::MAX), Err(AacError::FrameLength(usize::MAX)));
    assert_eq!(config(2, 48_000, 7).adts().unwrap().header(1).unwrap()[2..4], [0x4d, 0xc0]);
}

#[test]
fn a_configuration_that_adts_cannot_tell_has_no_header() {
    assert_eq!(config(2, 48_000, 0).adts(), None);
    assert_eq!(config(2, 48_000, 11).adts(), None);
    assert_eq!(config(0, 48_000, 2).adts(), None);
    assert_eq!(config(23, 48_000, 2).adts(), None);
    assert_eq!(AudioConfig { frame_samples: 960, ..config(2, 48_000, 2) }.adts(), None);
}

/// An ADTS frame with so many bytes behind its header.
fn framed(adts: &Adts, length: usize) -> Vec<u8> {
    [&adts.header(length).unwrap()[..], &vec![0x21; length]].concat()
}

#[test]
fn adts_in_place_of_raw_frames_tells_what_it_is_and_how_long() {
    let adts = config(2, 48_000, 2).adts().unwrap();
    let parse = |body: &[u8]| Frames::parse(body).map(|frames| frames.map(|f| (f.adts, f.samples, f.length)));
    let (one, other) = (framed(&adts, 3), framed(&adts, 5));
    assert_eq!(parse(&one), Ok(Some((adts, 1024, 10))));
    assert_eq!(adts.config(), config(2, 48_000, 2));
    assert_eq!(parse(&[&one[..], &other, &one].concat()), Ok(Some((adts, 3072, 32))));
    // Bytes behind the last whole frame, or of another kind, are not among them.
    assert_eq!(parse(&[&one[..], &other[..11]].concat()), Ok(Some((adts, 1024, 10))));
    let mono = framed(&config(2, 48_000, 1).adts().unwrap(), 3);
    assert_eq!(parse(&[&one[..], &mono].concat()), Ok(Some((adts, 1024, 10))));
    // A checksum, and blocks with theirs.
    let checked = [0xff, 0xf0, 0x4c, 0x80, 1, 0x7f, 0xfc, 9, 9, 0x21, 7];
    assert_eq!(parse(&checked), Ok(Some((adts, 1024, 11))));
    let blocks = [0xff, 0xf9, 0x4c, 0x80, 1, 0x5f, 0xff, 0x21, 7, 0x21];
    assert_eq!(parse(&blocks), Ok(Some((adts, 4096, 10))), "MPEG-2's, four blocks");
    for length in 0..2 {
        assert_eq!(parse(&one[..length]), Ok(None));
    }
    for length in 2..one.len() {
        assert_eq!(parse(&one[..length]), Err(PartsError::Malformed));
    }
    assert_eq!(parse(&[0x21, 1, 2]), Ok(None));
}

#[test]
fn an_adts_header_in_place_of_a_configuration_says_as_much() {
    let header = config(2, 48_000, 2).adts().unwrap().header(300).unwrap();
    assert_eq!(AudioConfig::parse(&header), Ok(config(2, 48_000, 2)));
    assert_eq!(AudioConfig::parse(&header[..6]).unwrap().object_type, 95, "one that does not exist");
}

#[test]
fn a_message_has_so_many_raw_data_blocks_and_no_more() {
    let mut blocks = framed(&config(2, 48_000, 2).adts().unwrap(), 9);
    assert_eq!(
        Frames::parse(&blocks.repeat(MAX_AUDIO_FRAMES)).unwrap().unwrap().length,
        16 * MAX_AUDIO_FRAMES
    );
    assert_eq!(Frames::parse(&blocks.repeat(MAX_AUDIO_FRAMES + 1)), Err(PartsError::TooManyAudioFrames));
    blocks[6] |= 3;
    assert!(Frames::parse(&blocks.repeat(MAX_AUDIO_FRAMES / 4)).is_ok());
    assert!(Frames::parse(&blocks.repeat(MAX_AUDIO_FRAMES / 4 + 1)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
        let _ = AudioConfig::parse(&bytes).map(|config| (config.adts(), config.channels()));
        let _ = Frames::parse(&bytes);
        let _ = Program::of_frame(&bytes);
    }
}
