//! AAC in ADTS where raw frames belong, with and without a configuration, and the program configurations that it has in
//! place of one.

use super::*;
use crate::media::aac::AudioConfig;

/// A message of that many ADTS frames of three bytes each, as this AudioSpecificConfig has them.
fn message(head: &[u8], config: &[u8], frames: usize) -> Vec<u8> {
    [head, &framed(config).repeat(frames)].concat()
}

fn framed(config: &[u8]) -> Vec<u8> {
    let raw = [0x21, 7, 7];
    let head = AudioConfig::parse(config).unwrap().adts().unwrap().head(&raw).unwrap();
    [head.parts().concat(), raw.to_vec()].concat()
}

/// AAC LC of 44.1 and 48 kHz, two channels.
const LOWER: &[u8] = &[0x12, 0x10];
const HIGHER: &[u8] = &[0x11, 0x90];
const TAG: &[u8] = &[0xaf, 1];

fn audio(rig: &Rig) -> Vec<u8> {
    let packets = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets);
    packets.filter(|pes| pes.pid == AUDIO).flat_map(|pes| pes.payload).collect()
}

/// A picture each 40 ms for two seconds from then on, each behind a message of audio.
fn two_seconds(rig: &mut Rig, from: u64, payload: &[u8]) {
    for index in 0..50 {
        rig.send(Kind::Audio, from + index * 40, payload);
        match index % 25 {
            0 => rig.key(from + index * 40),
            _ => rig.inter(from + index * 40),
        }
    }
}

#[test]
fn adts_needs_no_configuration_and_is_carried_as_it_is() {
    for (head, frames) in [(TAG, 1), (b"\x91mp4a", 1), (TAG, 3)] {
        let mut rig = Rig::new();
        rig.avc_header(SPS);
        let payload = message(head, LOWER, frames);
        (0..3).for_each(|round| two_seconds(&mut rig, round * 2000, &payload));
        assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
        rig.end();
        assert_eq!(rig.shape(), [(2000, false); 3]);
        assert_eq!(rig.demux()[0].3, [(0x1b, VIDEO), (0x0f, AUDIO)]);
        assert_eq!(audio(&rig), framed(LOWER).repeat(150 * frames));
    }
    // Alone, with the times of as many samples.
    let mut rig = Rig::with(|settings| settings.max_audio_delay = 0);
    for index in 0..300 {
        rig.send(Kind::Audio, index * 3 * 1024 * 1000 / 44_100, &message(TAG, LOWER, 3));
    }
    rig.end();
    let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
    assert_eq!(packets.len(), 300);
    for (index, pes) in (0u64..).zip(&packets) {
        assert!(pes.pts.abs_diff(63_000 + index * 3 * 1024 * 90_000 / 44_100) <= 1, "{index}");
    }
}

#[test]
fn another_header_of_adts_is_another_track() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    two_seconds(&mut rig, 0, &message(TAG, LOWER, 1));
    two_seconds(&mut rig, 2000, &message(TAG, HIGHER, 1));
    two_seconds(&mut rig, 4000, &message(TAG, HIGHER, 1));
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, true), (2000, false)]);
    let all = audio(&rig);
    assert!(all.starts_with(&framed(LOWER).repeat(50)) && all.ends_with(&framed(HIGHER).repeat(100)));
}

#[test]
fn headers_of_frames_win_over_the_header_of_the_stream_however_often_that_comes() {
    for header_first in [true, false] {
        let mut rig = Rig::new();
        rig.avc_header(SPS);
        if header_first {
            rig.send(Kind::Audio, 0, &[0xaf, 0, 0x11, 0x90]);
        }
        for second in 0..6 {
            two_seconds(&mut rig, second * 2000, &message(TAG, LOWER, 1));
            rig.send(Kind::Audio, second * 2000 + 1990, &[0xaf, 0, 0x11, 0x90]);
        }
        // Raw frames are what the header says.
        two_seconds(&mut rig, 12_000, &[0xaf, 1, 0x21, 7, 7]);
        two_seconds(&mut rig, 14_000, &[0xaf, 1, 0x21, 7, 7]);
        rig.end();
        let shape = rig.shape();
        let breaks = shape.iter().filter(|(_, broken)| *broken).count();
        assert_eq!((shape.len(), breaks), (8, 1), "{header_first}: {shape:?}");
        let silent = AudioConfig::parse(LOWER).unwrap().silence().unwrap().len() + 7;
        let (all, raw) = (audio(&rig), framed(HIGHER));
        assert!(
            all.starts_with(&framed(LOWER).repeat(300)) && all.ends_with(&raw.repeat(98)),
            "{header_first}"
        );
        assert!(all.len() - 400 * raw.len() <= 2 * silent);
    }
}

#[test]
fn a_header_that_agrees_with_adts_adds_to_it() {
    // High efficiency over 22.05 kHz: the frames say the core only.
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    let high: &[u8] = &[0x2b, 0x92, 0x08, 0x00];
    rig.send(Kind::Audio, 0, &[&[0xaf, 0], high].concat());
    two_seconds(&mut rig, 0, &message(TAG, high, 1));
    two_seconds(&mut rig, 2000, &message(TAG, &[0x13, 0x90], 1));
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false)]);
}

#[test]
fn an_adts_frame_in_place_of_a_configuration_agrees_with_those_behind_it() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    rig.send(Kind::Audio, 0, &message(&[0xaf, 0], LOWER, 1));
    two_seconds(&mut rig, 0, &message(TAG, LOWER, 1));
    rig.end();
    assert_eq!((rig.shape(), audio(&rig)), (vec![(2000, false)], framed(LOWER).repeat(50)));
}

#[test]
fn broken_adts_is_left_out() {
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    two_seconds(&mut rig, 0, &message(TAG, LOWER, 1));
    let whole = message(TAG, LOWER, 1);
    for cut in 4..whole.len() {
        rig.send(Kind::Audio, 1990, &whole[..cut]);
    }
    assert_eq!(rig.segmenter.as_ref().unwrap().dropped, whole.len() as u64 - 4);
    rig.end();
    assert_eq!(audio(&rig), framed(LOWER).repeat(50));
}

/// FFmpeg's for 5.1 with side channels at 48 kHz: its program configuration has a pair and a channel
/// in front, a pair at the sides, one of low frequencies, and a comment.
const SURROUND: &[u8] = &[
    0x11, 0x80, 0x04, 0xc8, 0x44, 0x00, 0x20, 0x00, 0xc4, 0x0d, 0x4c, 0x61, 0x76, 0x63, 0x35, 0x39, 0x2e,
    0x33, 0x37, 0x2e, 0x31, 0x30, 0x30, 0x56, 0xe5, 0x00,
];

#[test]
fn frames_without_a_channel_configuration_begin_with_the_program_configuration() {
    let config = AudioConfig::parse(SURROUND).unwrap();
    let program = config.program.expect("a program configuration");
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    rig.send(Kind::Audio, 0, &[&[0xaf, 0], SURROUND].concat());
    two_seconds(&mut rig, 0, &[0xaf, 1, 0x21, 7, 7]);
    // An encoder that writes it itself.
    two_seconds(&mut rig, 2000, &[&[0xaf, 1], program.bytes(), &[0x21, 7, 7]].concat());
    assert_eq!(rig.segmenter.as_ref().unwrap().dropped, 0);
    // Nothing silent is made of it.
    rig.discontinuity();
    rig.end();
    assert_eq!(rig.shape(), [(2000, false); 2]);
    let frame = framed(SURROUND);
    assert_eq!(frame[7..7 + program.bytes().len()], *program.bytes());
    assert_eq!(audio(&rig), frame.repeat(100));
}
