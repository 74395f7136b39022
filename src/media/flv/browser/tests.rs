//! Messages as OBS, FFmpeg and cameras send them, and any bytes.

use proptest::prelude::*;

use super::*;
use crate::media::flv::inspect;
use crate::media::video::avc::tests::{BASELINE, HIGH, PPS};
use crate::media::video::hevc::tests as x265;
use crate::media::{avc, hevc};

const SLICE: &[u8] = &[0x65, 0x88, 0x84];
/// libaom's, for 640x360.
const AV1_SEQUENCE: &[u8] =
    &[0x0a, 0x0d, 0x20, 0, 0, 0x0c, 0xc4, 0xff, 0x67, 0x36, 0xbe, 0x48, 0x08, 0x68, 0x01];
const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
/// STREAMINFO as FFmpeg sends it: blocks of 1024 samples, 44.1 kHz, one channel.
const STREAM_INFO: &[u8; 34] =
    b"\x04\0\x04\0\0\0\0\0\x08\x15\x0a\xc4\x40\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn video(parts: &[&[u8]]) -> Frame {
    Frame::from_payload(Kind::Video, 0, &parts.concat())
}

fn audio(parts: &[&[u8]]) -> Frame {
    Frame::from_payload(Kind::Audio, 0, &parts.concat())
}

fn changed(parts: &[&[u8]]) -> BrowserForm {
    BrowserForm::Changed(parts.concat())
}

fn avc_record(lengths: usize) -> Vec<u8> {
    let config = avc::DecoderConfig::empty().with_sets(&[HIGH, PPS]).unwrap();
    avc::DecoderConfig { nal_length_size: lengths, ..config }.record().unwrap()
}

fn hevc_record(lengths: usize) -> Vec<u8> {
    let sets = [x265::VPS, x265::MAIN, x265::PPS].map(x265::hex);
    let sets = sets.each_ref().map(Vec::as_slice);
    let config = hevc::DecoderConfig::empty().with_sets(&sets).unwrap();
    hevc::DecoderConfig { nal_length_size: lengths, ..config }.record().unwrap()
}

#[test]
fn what_browsers_know_stays_as_it_is() {
    let picture = [&[0, 0, 0, 3][..], SLICE].concat();
    let av1 = [&[0x81, 0, 0x0c, 0][..], AV1_SEQUENCE].concat();
    for frame in [
        video(&[&[0x17, 0, 0, 0, 0], &avc_record(4)]),
        video(&[&[0x17, 1, 0, 0, 80], &picture]),
        video(&[&[0x27, 1, 0xff, 0xff, 0xb0], &picture]),
        video(&[&[0x1c, 0, 0, 0, 0], &hevc_record(4)]),
        video(&[&[0x1c, 1, 0, 0, 0], &picture]),
        video(&[b"\x90hvc1", &hevc_record(4)]),
        video(&[b"\x91hvc1\x00\x00\x50", &picture]),
        video(&[b"\x91hvc1\x00\x00\x00", &picture]),
        video(&[b"\xa3hvc1", &picture]),
        video(&[b"\x90av01", &av1]),
        video(&[b"\x91av01\x12\x00", AV1_SEQUENCE]),
        audio(&[&[0xaf, 0, 0x12, 0x10]]),
        audio(&[&[0xae, 1, 0x21, 0x10]]),
        audio(&[&[0x2f, 0xff, 0xfb, 0x90, 0x64]]),
        audio(&[&[0x3e, 1, 2]]),
        audio(&[b"\x90Opus", OPUS_HEAD]),
        audio(&[b"\x91Opus\xf8\x72"]),
        audio(&[b"\x91fLaC\xff\xf8\xa9\x08"]),
        Frame::from_payload(Kind::Data, 0, b"\x02\x00\x06onText\x05"),
    ] {
        assert_eq!(for_browser(&frame), BrowserForm::AsIs, "{:02x?}", frame.payload());
    }
}

#[test]
fn enhanced_headers_of_old_codecs_become_old_ones() {
    let picture = [&[0, 0, 0, 3][..], SLICE].concat();
    let record = avc_record(4);
    for (frame, expected) in [
        (video(&[b"\x90avc1", &record]), changed(&[&[0x17, 0, 0, 0, 0], &record])),
        (video(&[b"\x91avc1\x00\x00\x50", &picture]), changed(&[&[0x17, 1, 0, 0, 80], &picture])),
        (video(&[b"\xa1avc1\xff\xff\xff", &picture]), changed(&[&[0x27, 1, 0xff, 0xff, 0xff], &picture])),
        (video(&[b"\xb3avc1", &picture]), changed(&[&[0x37, 1, 0, 0, 0], &picture])),
        (audio(&[b"\x90mp4a\x12\x10"]), changed(&[&[0xaf, 0, 0x12, 0x10]])),
        (audio(&[b"\x91mp4a\x21"]), changed(&[&[0xaf, 1, 0x21]])),
        (audio(&[b"\x91.mp3\xff\xfb\x90\x64"]), changed(&[&[0x2f, 0xff, 0xfb, 0x90, 0x64]])),
        // MP3 at 8 kHz has a number of its own in FLV.
        (audio(&[&[0xe2, 0xff, 0xe3, 0x18, 0xc4]]), changed(&[&[0x2f, 0xff, 0xe3, 0x18, 0xc4]])),
    ] {
        assert_eq!(for_browser(&frame), expected, "{:02x?}", frame.payload());
    }
}

#[test]
fn extensions_and_further_tracks_are_taken_away() {
    let picture = [&[0, 0, 0, 3][..], SLICE].concat();
    let timed = [&[0, 0, 40][..], &picture].concat();
    let size = [0, 0, u8::try_from(timed.len()).unwrap()];
    let plain = changed(&[b"\x91hvc1", &timed]);
    for frame in [
        // ModEx with nanoseconds; of one track that is the default one; of two, of one codec and of two.
        video(&[&[0x97, 2, 0, 0, 7, 0x01], b"hvc1", &timed]),
        video(&[&[0x96, 0x01], b"hvc1", &[0], &timed]),
        video(&[&[0x97, 2, 0, 0, 7, 0x06, 0x01], b"hvc1", &[0], &timed]),
        video(&[&[0x96, 0x11], b"hvc1", &[1, 0, 0, 1, 9], &[0], &size, &timed]),
        video(&[&[0x96, 0x21], b"hvc1", &[0], &size, &timed, b"vp09", &[1, 0, 0, 1, 9]]),
    ] {
        assert_eq!(for_browser(&frame), plain, "{:02x?}", frame.payload());
    }
    let untimed = changed(&[b"\xb3hvc1", &picture]);
    assert_eq!(for_browser(&video(&[&[0xb7, 2, 0, 0, 7, 0x03], b"hvc1", &picture])), untimed);
    // Without composition times AV1 has one form only.
    assert_eq!(for_browser(&video(&[b"\xa3av01\x32\x01"])), changed(&[b"\xa1av01\x32\x01"]));
    assert_eq!(for_browser(&audio(&[&[0x95, 0x01], b"Opus", &[0, 0xf8]])), changed(&[b"\x91Opus\xf8"]));
    assert_eq!(for_browser(&audio(&[&[0x97, 0, 9, 0x11], b"mp4a", &[0x21]])), changed(&[&[0xaf, 1, 0x21]]));
}

#[test]
fn what_browsers_do_not_know_is_left_out() {
    for frame in [
        // Colours of HDR, layouts of channels, an AV1 configuration of MPEG-TS.
        video(&[b"\xd4hvc1\x02\x00\x09colorInfo\x05"]),
        audio(&[b"\x94mp4a\x01\x02\0\0\0\x03"]),
        video(&[b"\x95av01\x80\x04\x81\0\x0c\0"]),
        // Other tracks, codecs, and what carries no media.
        video(&[&[0x96, 0x01], b"hvc1", &[1, 0, 0, 0, 0, 0, 0, 1, 5]]),
        audio(&[&[0x95, 0x10], b"mp4a", &[1, 0, 0, 2, 0x12, 0x10]]),
        video(&[b"\x91vp09\x82"]),
        video(&[b"\x91vvc1\0\0\0\0\0\0\x01\x05"]),
        video(&[&[0x12, 0, 0]]),
        audio(&[b"\x91ac-3\x0b\x77"]),
        audio(&[&[0x7f, 0xd5]]),
        audio(&[&[0x0f, 1, 2]]),
        audio(&[&[0xb2, 1, 2]]),
        video(&[&[0x57, 0]]),
        video(&[&[0x17, 2, 0, 0, 0]]),
        video(&[b"\x92hvc1"]),
        video(&[b"\x91hvc1\0\0\0"]),
        audio(&[&[0xaf, 1]]),
        audio(&[]),
        Frame::from_payload(Kind::DataAmf3, 0, b"\x00\x02\x00\x06onText\x05"),
    ] {
        assert_eq!(for_browser(&frame), BrowserForm::LeftOut, "{:02x?}", frame.payload());
    }
}

#[test]
fn a_configuration_that_a_browser_stops_at_is_left_out() {
    let avc = avc_record(4);
    let no_pps = [&avc[..6], &[0, 0], &[0]].concat();
    let mut no_profile = avc.clone();
    no_profile[1] = 0;
    let hevc = hevc_record(4);
    for frame in [
        video(&[&[0x17, 0, 0, 0, 0], &avc[..avc.len() - 12]]),
        video(&[&[0x17, 0, 0, 0, 0], &no_pps]),
        video(&[&[0x17, 0, 0, 0, 0], &no_profile]),
        video(&[&[0x17, 0, 0, 0, 0, 2], &avc[1..]]),
        video(&[b"\x90hvc1", &hevc[..22], &[0]]),
        video(&[b"\x90hvc1", &hevc[..40]]),
        // Of AV1 without its sequence header.
        video(&[b"\x90av01"]),
        video(&[b"\x90av01\x81\0\x0c\0"]),
        // A rate of its own, no channels, an object type beyond 30, ADTS.
        audio(&[&[0xaf, 0, 0x17, 0x80, 0x5d, 0xc0, 0x08]]),
        audio(&[&[0xaf, 0, 0x12, 0x00]]),
        audio(&[&[0xaf, 0, 0xf9, 0x48, 0x40]]),
        audio(&[&[0xaf, 0, 0xff, 0xf1, 0x50, 0x80]]),
        audio(&[b"\x90Opus", &OPUS_HEAD[..18]]),
        audio(&[b"\x90fLaC", &STREAM_INFO[..33]]),
        audio(&[b"\x90fLaCfLaC\x84\0\0\x22", STREAM_INFO]),
        audio(&[b"\x90.mp3"]),
    ] {
        assert_eq!(for_browser(&frame), BrowserForm::LeftOut, "{:02x?}", frame.payload());
    }
}

#[test]
fn flac_has_its_signature_and_its_block_without_a_header() {
    let expected = changed(&[b"\x90fLaCfLaC", STREAM_INFO]);
    for header in [
        &STREAM_INFO[..],
        &[b"fLaC", &STREAM_INFO[..]].concat(),
        &[b"fLaC\x80\0\0\x22", &STREAM_INFO[..]].concat(),
        // With a comment behind it.
        &[b"fLaC\0\0\0\x22", &STREAM_INFO[..], b"\x84\0\0\x01\x00"].concat(),
    ] {
        assert_eq!(for_browser(&audio(&[b"\x90fLaC", header])), expected, "{header:02x?}");
    }
}

#[test]
fn nal_units_get_lengths_of_four_bytes() {
    let four = [&[0, 0, 0, 2, 0x09, 0xf0][..], &[0, 0, 0, 3], SLICE].concat();
    let of = |framing, body: &[u8], head: &[u8]| {
        let mut frame = video(&[head, body]);
        frame.framing = framing;
        for_browser(&frame)
    };
    let two = [&[0, 2, 0x09, 0xf0][..], &[0, 3], SLICE].concat();
    let codes = [&[0, 0, 0, 1, 0x09, 0xf0][..], &[0, 0, 1], SLICE].concat();
    let head = &[0x17, 1, 0, 0, 80];
    assert_eq!(of(Framing::Lengths(2), &two, head), changed(&[head, &four]));
    assert_eq!(of(Framing::StartCodes, &codes, head), changed(&[head, &four]));
    assert_eq!(of(Framing::StartCodes, &codes, b"\xa1avc1\0\0\0"), changed(&[&[0x27, 1, 0, 0, 0], &four]));
    assert_eq!(of(Framing::StartCodes, &codes, b"\xa3hvc1"), changed(&[b"\xa3hvc1", &four]));
    assert_eq!(of(Framing::StartCodes, &codes, b"\xa1hvc1\0\0\0"), changed(&[b"\xa1hvc1\0\0\0", &four]));
    let within = [&[0, 0, 0, 2 + 3 + 3][..], &[0x09, 0xf0, 0, 0, 1], SLICE].concat();
    assert_eq!(of(Framing::Both(4), &within, head), changed(&[head, &four]));
    assert_eq!(of(Framing::Lengths(2), &[0, 9, 0x65], head), BrowserForm::LeftOut);

    // And so do their configurations.
    let head = &[0x17, 0, 0, 0, 0];
    assert_eq!(for_browser(&video(&[head, &avc_record(2)])), changed(&[head, &avc_record(4)]));
    let sets = [&[0, 0, 0, 1], HIGH, &[0, 0, 0, 1], PPS].concat();
    assert_eq!(for_browser(&video(&[head, &sets])), changed(&[head, &avc_record(4)]));
    assert_eq!(
        for_browser(&video(&[b"\x90hvc1", &hevc_record(1)])),
        changed(&[b"\x90hvc1", &hevc_record(4)])
    );
    assert_eq!(for_browser(&video(&[head, &[0, 0, 0, 1], BASELINE])), BrowserForm::LeftOut);
}

#[test]
fn aac_behind_headers_of_adts_is_sent_without_them() {
    // 44.1 kHz, stereo, 3 bytes of a raw frame; with and without a checksum.
    let plain = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x5f, 0xfc, 1, 2, 3];
    let checked = [0xff, 0xf0, 0x50, 0x80, 0x01, 0x9f, 0xfc, 8, 8, 1, 2, 3];
    for adts in [&plain[..], &checked] {
        assert_eq!(for_browser(&audio(&[&[0xaf, 1], adts])), changed(&[&[0xaf, 1, 1, 2, 3]]));
        assert_eq!(for_browser(&audio(&[b"\x91mp4a", adts])), changed(&[&[0xaf, 1, 1, 2, 3]]));
    }
    assert_eq!(for_browser(&audio(&[&[0xaf, 1], &plain, &plain])), BrowserForm::LeftOut);
}

/// Bytes that often are a message: a first byte, and FourCCs among others.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let four_cc = prop_oneof![
        Just(b"avc1"),
        Just(b"hvc1"),
        Just(b"av01"),
        Just(b"vp09"),
        Just(b"mp4a"),
        Just(b".mp3"),
        Just(b"Opus"),
        Just(b"fLaC"),
    ];
    let extension = prop_oneof![
        Just(vec![]),
        Just(vec![0x01]),
        Just(vec![0x11]),
        proptest::collection::vec(any::<u8>(), 1..5)
    ];
    let rest = proptest::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..60);
    let enhanced = (any::<u8>(), extension, four_cc, rest.clone())
        .prop_map(|(first, more, four_cc, rest)| [&[first][..], &more, four_cc, &rest].concat());
    prop_oneof![enhanced, rest]
}

/// A tag has 24 bits for its length.
#[test]
fn a_message_that_would_be_too_long_is_left_out() {
    let ending_with = |length: u16| {
        let slice = |length: u16| [&length.to_be_bytes()[..], &vec![0x41; length.into()]].concat();
        let slices = [slice(u16::MAX).repeat(255), slice(length)].concat();
        let mut frame = video(&[&[0x27, 1, 0, 0, 0], &slices]);
        frame.framing = Framing::Lengths(2);
        for_browser(&frame)
    };
    assert!(matches!(ending_with(64_761), BrowserForm::Changed(new) if new.len() == 0xff_ffff));
    assert_eq!(ending_with(64_762), BrowserForm::LeftOut);
}

proptest! {
    #[test]
    fn any_message_keeps_its_media_or_is_left_out(
        is_video in any::<bool>(),
        payload in payload(),
        framing in prop_oneof![
            Just(Framing::StartCodes),
            (1..5_usize).prop_map(Framing::Lengths),
            (1..5_usize).prop_map(Framing::Both),
        ],
    ) {
        let kind = if is_video { Kind::Video } else { Kind::Audio };
        let mut frame = Frame::from_payload(kind, 0, &payload);
        frame.framing = framing;
        if let BrowserForm::Changed(new) = for_browser(&frame) {
            let tag = inspect(kind, &new);
            let same = (frame.codec, frame.packet, frame.role, frame.composition_time);
            prop_assert_eq!((tag.codec, tag.packet, tag.role, tag.composition_time), same);
            let unframed = matches!(framing, Framing::Lengths(3 | 4))
                || !matches!(frame.codec, Codec::Avc | Codec::Hevc);
            if frame.packet == Packet::Frames && unframed && !aac::is_adts(frame.body()) {
                prop_assert_eq!(&new[tag.body], frame.body());
            }
            let again = Frame::from_payload(kind, 0, &new);
            if !matches!(frame.codec, Codec::Flac) && !aac::is_adts(again.body()) {
                prop_assert_eq!(for_browser(&again), BrowserForm::AsIs);
            }
        }
    }
}
