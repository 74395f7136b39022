//! Audio of every codec: its times, what makes it another track, and what is no frame of it.

mod adts;

use super::*;

/// An MP3 frame of 64 kbit/s at 44.1 or 22.05 kHz.
fn mp3(rate: u32) -> Vec<u8> {
    let (head, length) = if rate == 44_100 { (0xfb, 208) } else { (0xf3, 208) };
    let third = if rate == 44_100 { 0x50 } else { 0x80 };
    let mut frame = vec![0xff, head, third, 0xc0];
    frame.resize(length, 0x55);
    frame
}

/// AC-3 of 96 kbit/s at 44.1 kHz.
fn ac3() -> Vec<u8> {
    let mut frame = vec![0x0b, 0x77, 0, 0, 0x4c, 0x40, 0x2f, 0x84];
    frame.resize(416, 0x55);
    frame
}

/// E-AC-3 of two blocks at 44.1 kHz.
fn eac3() -> Vec<u8> {
    let mut frame = vec![0x0b, 0x77, 0, 49, 0x54, 0x80, 0, 0];
    frame.resize(100, 0x55);
    frame
}

/// The result of publishing MP3, AC-3 or E-AC-3, and AAC.
fn tagged(head: &[u8], frame: &[u8]) -> Vec<u8> {
    [head, frame].concat()
}

#[test]
fn times_of_every_codec_are_counted_in_samples() {
    let aac = |header: &'static [u8]| (header, tagged(&[0xaf, 1], &[0x21, 7, 7]));
    let none: &[u8] = &[];
    for ((header, payload), samples, rate, stream) in [
        // Low complexity; high efficiency, signalled either way: 2048 samples of twice the core's rate.
        (aac(&[0xaf, 0, 0x12, 0x10]), 1024, 44_100, 0x0f),
        (aac(&[0xaf, 0, 0x13, 0x90, 0x56, 0xe5, 0xa0]), 2048, 44_100, 0x0f),
        (aac(&[0xaf, 0, 0xeb, 0x8a, 0x08, 0x00]), 2048, 44_100, 0x0f),
        ((none, tagged(&[0x2f], &mp3(44_100))), 1152, 44_100, 0x03),
        ((none, tagged(&[0x2f], &mp3(22_050))), 576, 22_050, 0x04),
        ((none, tagged(&[0x2f], &mp3(22_050).repeat(3))), 3 * 576, 22_050, 0x04),
        ((b"\x90ac-3", tagged(b"\x91ac-3", &ac3())), 1536, 44_100, 0x81),
        ((b"\x90ec-3", tagged(b"\x91ec-3", &eac3())), 512, 44_100, 0x87),
    ] {
        // A packet for each frame.
        let mut rig = Rig::with(|settings| settings.max_audio_delay = 0);
        if !header.is_empty() {
            rig.send(Kind::Audio, 0, header);
        }
        for index in 0..1000 {
            rig.send(Kind::Audio, index * samples * 1000 / rate, &payload);
        }
        rig.end();
        assert_eq!(rig.demux()[0].3, [(stream, AUDIO)]);
        let packets: Vec<Pes> = rig.fragments().into_iter().flat_map(|(_, _, packets)| packets).collect();
        assert_eq!(packets.len(), 1000);
        for (index, pes) in (0u64..).zip(&packets) {
            // The core's samples of high efficiency AAC are half as many at half the rate.
            let time = index * samples * 90_000 / rate + 63_000;
            assert!(pes.pts.abs_diff(time) <= 1, "{stream:#x}: {} at {time}", pes.pts);
        }
    }
}

#[test]
fn a_record_of_960_samples_is_counted_so_and_left_out_as_adts_cannot_tell() {
    let config = crate::media::aac::AudioConfig::parse(&[0x11, 0x94]).unwrap();
    assert_eq!((config.frame_samples, config.adts()), (960, None));
    let mut rig = Rig::new();
    rig.avc_header(SPS);
    rig.send(Kind::Audio, 0, &[0xaf, 0, 0x11, 0x94]);
    rig.second(0);
    rig.end();
    assert_eq!(rig.demux()[0].3, [(0x1b, VIDEO)]);
}

#[test]
fn audio_of_another_rate_is_another_track() {
    let mut rig = Rig::new();
    for index in 0..100 {
        let rate = if index < 50 { 44_100 } else { 22_050 };
        rig.send(Kind::Audio, index * 26, &tagged(&[0x2f], &mp3(rate)));
    }
    rig.end();
    assert_eq!(rig.shape(), [(1301, false), (1301, true)]);
    let streams: Vec<_> = rig.demux().into_iter().map(|(.., streams)| streams).collect();
    assert_eq!(streams, [[(0x03, AUDIO)], [(0x04, AUDIO)]]);
}

#[test]
fn bytes_behind_the_last_whole_frame_are_not_written() {
    let mut rig = Rig::new();
    for index in 0..100 {
        rig.send(Kind::Audio, index * 26, &tagged(&[0x2f], &[&mp3(44_100)[..], b"TAG and more"].concat()));
    }
    rig.end();
    let bytes: usize = rig.demux()[0].2.iter().map(|pes| pes.payload.len()).sum();
    assert_eq!(bytes % 208, 0);
}

#[test]
fn a_frame_that_cannot_be_written_begins_no_fragment() {
    let mut rig = Rig::new();
    for index in 0..50 {
        rig.send(Kind::Audio, index * 26, &tagged(&[0x2f], &mp3(44_100)));
    }
    for index in 50..200 {
        rig.send(Kind::Audio, index * 26, &[0x2f, 0xff, 0xfb]);
    }
    rig.send(Kind::Audio, 200 * 26, &[0x91, b'.', b'm', b'p', b'3']);
    let dropped = rig.segmenter.as_ref().unwrap().dropped;
    rig.end();
    assert_eq!((rig.shape().len(), dropped), (1, 151));
    // Beside a picture that has stopped.
    let mut rig = Rig::with(|settings| settings.max_fragment = 3000);
    rig.headers();
    rig.second(0);
    for index in 0..500 {
        rig.send(Kind::Audio, 1000 + index * 21, &[0xaf, 1]);
    }
    rig.end();
    assert_eq!(rig.shape().len(), 1);
    assert!(rig.folder.list("").iter().all(|name| !name.starts_with('.')), "{:?}", rig.folder.list(""));
}

/// An HEVC record without sets, and frames behind it with a composition time.
const HEVC_HEADER: &[u8] = b"\x90hvc1\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x3f\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x01\
                             \xa0\0\x01\0\x03\x40\x01\x0c";

#[test]
fn hevc_of_either_name_is_carried_and_open_groups_begin_fragments() {
    let mut rig = Rig::new();
    rig.send(Kind::Video, 0, HEVC_HEADER);
    for index in 0..100 {
        let key = index % 25 == 0;
        // CRA pictures, then trailing ones; by FourCC, then by number.
        let slice: &[u8] = if key { &[0, 0, 0, 3, 0x2a, 1, 9] } else { &[0, 0, 0, 3, 0x02, 1, 9] };
        let first: &[u8] = match (key, index < 50) {
            (true, true) => b"\x91hvc1\0\0\x50",
            (false, true) => b"\xa1hvc1\0\0\x50",
            (true, false) => &[0x1c, 1, 0, 0, 80],
            (false, false) => &[0x2c, 1, 0, 0, 80],
        };
        rig.send(Kind::Video, index * 40, &tagged(first, slice));
    }
    rig.end();
    assert_eq!(rig.shape(), [(2000, false), (2000, false)]);
    for (_, _, packets, streams) in rig.demux() {
        assert_eq!(streams, [(0x24, VIDEO)]);
        assert_eq!(packets[0].payload, b"\0\0\0\x01\x46\x01\x50\0\0\0\x01\x40\x01\x0c\0\0\0\x01\x2a\x01\x09");
        assert_eq!(packets[1].payload, b"\0\0\0\x01\x46\x01\x50\0\0\0\x01\x02\x01\x09");
        assert!(packets.iter().all(|pes| pes.dts.is_some_and(|dts| pes.pts == dts + 80 * 90)));
        assert!(packets[0].random_access && !packets[1].random_access);
    }
}

#[test]
fn frames_of_a_codec_without_its_header_wait_for_it() {
    let mut rig = Rig::new();
    rig.headers();
    rig.second(0);
    // The publisher changes its codec, and says so only later.
    rig.send(Kind::Video, 1000, b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\x09");
    rig.send(Kind::Video, 1040, HEVC_HEADER);
    rig.inter(1080);
    rig.send(Kind::Video, 1120, b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\x09");
    let dropped = rig.segmenter.as_ref().unwrap().dropped;
    rig.end();
    let streams: Vec<_> = rig.demux().into_iter().map(|(.., streams)| streams[0]).collect();
    assert_eq!((streams, dropped), (vec![(0x1b, VIDEO), (0x24, VIDEO)], 1));
}

#[test]
fn a_message_of_too_many_parts_is_dropped_and_the_stream_continues() {
    use crate::media::parts::{MAX_AUDIO_FRAMES, MAX_NAL_UNITS};
    let picture = |units: usize| tagged(&[0x27, 1, 0, 0, 0], &[0, 0, 0, 1, 0x41].repeat(units));
    let audio = |frames: usize| tagged(&[0x2f], &mp3(22_050).repeat(frames));
    let written = |(pictures, sounds): (usize, usize)| {
        let mut rig = Rig::with(|settings| settings.max_audio_delay = 0);
        rig.avc_header(SPS);
        rig.send(Kind::Audio, 0, &audio(1));
        rig.key(0);
        rig.send(Kind::Video, 40, &picture(pictures));
        rig.send(Kind::Audio, 40, &audio(sounds));
        rig.key(2000);
        rig.end();
        rig.fragments().into_iter().map(|(_, _, packets)| packets.len()).sum::<usize>()
    };
    let most = written((MAX_NAL_UNITS, 1));
    assert_eq!(written((MAX_NAL_UNITS + 1, 1)), most - 1);
    assert_eq!(written((MAX_NAL_UNITS, MAX_AUDIO_FRAMES + 1)), most - 1);
}
