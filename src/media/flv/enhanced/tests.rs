use super::*;
use crate::media::flv::inspect;
use proptest::prelude::*;

fn video(payload: &[u8]) -> Tag {
    inspect(Kind::Video, payload)
}

fn audio(payload: &[u8]) -> Tag {
    inspect(Kind::Audio, payload)
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

const VIDEO: [(&[u8; 4], Codec); 6] = [
    (b"avc1", Codec::Avc),
    (b"hvc1", Codec::Hevc),
    (b"vvc1", Codec::Vvc),
    (b"av01", Codec::Av1),
    (b"vp08", Codec::Vp8),
    (b"vp09", Codec::Vp9),
];
const AUDIO: [(&[u8; 4], Codec); 6] = [
    (b"Opus", Codec::Opus),
    (b"fLaC", Codec::Flac),
    (b"ac-3", Codec::Ac3),
    (b"ec-3", Codec::Eac3),
    (b"mp4a", Codec::Aac),
    (b".mp3", Codec::Mp3),
];

#[test]
fn every_video_codec_and_packet_type_is_understood() {
    for (four_cc, codec) in VIDEO {
        let composed = codec.has_composition_time();
        let start = video(&join(&[&[0x90], four_cc, b"config"]));
        assert_eq!((start.codec, start.packet, start.role), (codec, Packet::Configuration, Role::Header));
        assert_eq!(start.body, 5..11);
        let coded = video(&join(&[&[0x91], four_cc, &[0, 0, 80], b"frame"]));
        let (time, body) = if composed { (80, 8..13) } else { (0, 5..13) };
        assert_eq!((coded.role, coded.composition_time, coded.body), (Role::Key, time, body));
        let plain = video(&join(&[&[0xa3], four_cc, b"frame"]));
        assert_eq!((plain.role, plain.composition_time, plain.body), (Role::Inter, 0, 5..10));
        assert_eq!(video(&join(&[&[0xb3], four_cc, b"frame"])).role, Role::Disposable);
        assert_eq!(video(&join(&[&[0xc3], four_cc, b"frame"])).role, Role::Key);
        let end = video(&join(&[&[0x92], four_cc]));
        assert_eq!((end.codec, end.packet, end.role), (codec, Packet::Other, Role::Empty));
    }
    let stream = video(b"\x95av01config");
    assert_eq!((stream.packet, stream.role), (Packet::Configuration, Role::Header));
    assert_eq!(video(b"\x90av01").role, Role::Header, "FFmpeg and the specification's samples send it empty");
}

#[test]
fn every_audio_codec_and_packet_type_is_understood() {
    for (four_cc, codec) in AUDIO {
        let start = audio(&join(&[&[0x90], four_cc, b"config"]));
        assert_eq!((start.codec, start.packet, start.role), (codec, Packet::Configuration, Role::Header));
        let frame = audio(&join(&[&[0x91], four_cc, b"frame"]));
        assert_eq!((frame.packet, frame.role, frame.body), (Packet::Frames, Role::Key, 5..10));
        assert_eq!(audio(&join(&[&[0x92], four_cc])).role, Role::Empty);
        let channels = audio(&join(&[&[0x94], four_cc, &[1, 6, 0, 0, 0, 0x3f]]));
        assert_eq!((channels.codec, channels.packet), (codec, Packet::Description));
        assert_eq!(channels.role, Role::Header);
    }
}

#[test]
fn metadata_is_a_header_whatever_its_frame_type_and_a_command_is_nothing() {
    let colors = video(b"\xd4hvc1\x02\x00\x09colorInfo\x05");
    assert_eq!((colors.codec, colors.packet, colors.role), (Codec::Hevc, Packet::Description, Role::Header));
    let command = video(&[0xd1, 0]);
    assert_eq!((command.codec, command.role), (Codec::None, Role::Empty));
}

#[test]
fn the_three_forms_of_multitrack_name_their_tracks() {
    let one = video(&join(&[&[0x96, 0x01], b"hvc1", &[1, 0, 0, 40], b"frame"]));
    assert_eq!((one.codec, one.role, one.composition_time), (Codec::Hevc, Role::Key, 40));
    assert_eq!((one.tracks.contains(0), one.tracks.contains(1)), (false, true));
    assert_eq!(one.body, 10..15);

    let many = video(&join(&[&[0xa6, 0x13], b"avc1", &[2, 0, 0, 1, 9], &[0, 0, 0, 2, 7, 8], &[5, 0, 0, 0]]));
    assert_eq!((many.codec, many.role, many.body), (Codec::Avc, Role::Inter, 15..17));
    assert!([0, 2, 5].iter().all(|&track| many.tracks.contains(track)) && !many.tracks.contains(1));

    let codecs = audio(&join(&[&[0x95, 0x21], b"Opus", &[1, 0, 0, 1, 9], b"mp4a", &[0, 0, 0, 2, 7, 8]]));
    assert_eq!((codecs.codec, codecs.role, codecs.body), (Codec::Aac, Role::Key, 19..21));
    assert!(codecs.tracks.contains(0) && codecs.tracks.contains(1));

    let start = audio(&join(&[&[0x95, 0x00], b"Opus", &[1], b"OpusHead"]));
    assert_eq!((start.codec, start.role, start.body), (Codec::Opus, Role::Header, 7..15));
}

#[test]
fn a_multitrack_within_a_multitrack_a_reserved_form_and_a_size_too_large_are_nothing() {
    assert_eq!(video(b"\x96\x06hvc1\x01frame").role, Role::Empty);
    assert_eq!(audio(b"\x95\x05Opus\x01frame").role, Role::Empty);
    assert_eq!(video(b"\x96\x31hvc1\x01frame").role, Role::Empty);
    assert_eq!(video(b"\x96\x11avc1\x00\x00\x00\x09frame").role, Role::Empty);
    assert_eq!(video(b"\x9fhvc1").role, Role::Empty, "a reserved packet type");
}

#[test]
fn an_empty_track_costs_itself_only() {
    let tag = video(&join(&[
        &[0x96, 0x11],
        b"hvc1",
        &[0, 0, 0, 4, 0, 0, 9, 7],
        &[1, 0, 0, 0],
        &[2, 0, 0, 2, 0, 0],
    ]));
    assert_eq!((tag.codec, tag.role, tag.composition_time, tag.body), (Codec::Hevc, Role::Key, 9, 13..14));
    assert!([0, 1, 2].iter().all(|&track| tag.tracks.contains(track)));
}

#[test]
fn a_configuration_without_a_body_is_none_where_frames_need_it() {
    for (four_cc, codec) in VIDEO.into_iter().chain(AUDIO) {
        let start = join(&[&[0x90], four_cc]);
        let tag = if VIDEO.contains(&(four_cc, codec)) { video(&start) } else { audio(&start) };
        let role = if codec.needs_configuration() { Role::Empty } else { Role::Header };
        assert_eq!((tag.codec, tag.packet, tag.role), (codec, Packet::Configuration, role));
    }
    // Of several tracks, it is one for those that have some of it.
    let second = audio(&join(&[&[0x95, 0x10], b"mp4a", &[0, 0, 0, 0], &[1, 0, 0, 2, 0x12, 0x10]]));
    assert_eq!((second.role, second.body), (Role::Header, 14..16));
    assert_eq!((second.tracks.contains(0), second.tracks.contains(1)), (false, true));
    let none = audio(&join(&[&[0x95, 0x10], b"mp4a", &[0, 0, 0, 0], &[1, 0, 0, 0]]));
    assert_eq!((none.codec, none.role, none.tracks), (Codec::Aac, Role::Empty, Tracks::NONE));
}

#[test]
fn the_default_track_can_be_taken_out_of_a_message_of_several() {
    let many = join(&[&[0xa6, 0x11], b"hvc1", &[1, 0, 0, 1, 9], &[0, 0, 0, 4, 0, 0, 40, 7]]);
    let alone = crate::media::flv::default_track(Kind::Video, &many).unwrap();
    assert_eq!(alone, join(&[&[0xa1], b"hvc1", &[0, 0, 40, 7]]));
    assert_eq!(video(&alone).composition_time, 40);
    let codecs = join(&[&[0x95, 0x20], b"Opus", &[1, 0, 0, 1, 9], b"mp4a", &[0, 0, 0, 1, 8]]);
    let alone = crate::media::flv::default_track(Kind::Audio, &codecs).unwrap();
    assert_eq!(alone, join(&[&[0x90], b"mp4a", &[8]]));
    assert_eq!(crate::media::flv::default_track(Kind::Video, b"\x96\x00hvc1\x01x"), None);
    for (payload, multitrack) in
        [(&many[..], true), (b"\x96\x00hvc1\x00x", true), (b"\xa1hvc1", false), (b"\x17\x01", false)]
    {
        assert_eq!(crate::media::flv::is_multitrack(Kind::Video, payload), multitrack);
    }
}

#[test]
fn mod_ex_is_read_over_in_all_its_sizes_and_brings_nanoseconds() {
    let frame = b"hvc1frame";
    let nano = video(&join(&[&[0x97, 2, 0x0f, 0x42, 0x3f, 0x03], frame]));
    assert_eq!((nano.codec, nano.role, nano.nanoseconds), (Codec::Hevc, Role::Key, 999_999));
    let twice = video(&join(&[&[0xa7, 0, 9, 0x17, 2, 0, 0, 7, 0x03], frame]));
    assert_eq!((twice.role, twice.nanoseconds), (Role::Inter, 7));
    for size in [1usize, 255, 256, 257, 65_536] {
        let length = match u8::try_from(size - 1) {
            Ok(length) if length < 255 => vec![length],
            _ => join(&[&[255], &u16::try_from(size - 1).unwrap().to_be_bytes()]),
        };
        let long = video(&join(&[&[0x97], &length, &vec![0; size], &[0x13], frame]));
        assert_eq!((long.role, long.nanoseconds), (Role::Key, 0), "{size}");
        assert_eq!(long.body.len(), 5);
    }
    let sound = audio(&join(&[&[0x97, 2, 0, 0, 1, 0x01], b"Opusframe"]));
    assert_eq!((sound.codec, sound.nanoseconds), (Codec::Opus, 1));
}

#[test]
fn a_tag_cut_anywhere_is_nothing_or_a_shorter_frame() {
    let tags = [
        join(&[&[0x97, 2, 0, 0, 1, 0x06, 0x11], b"hvc1", &[0, 0, 0, 5, 0, 0, 1, 7, 8, 1, 0, 0, 3, 0, 0, 1]]),
        join(&[&[0x96, 0x21], b"avc1", &[0, 0, 0, 4, 0, 0, 1, 7], b"hvc1", &[1, 0, 0, 3, 0, 0, 1]]),
    ];
    for tag in tags {
        assert_eq!(video(&tag).role, Role::Key);
        for cut in 0..tag.len() {
            let tag = video(&tag[..cut]);
            assert!(tag.body.end <= cut, "cut at {cut}");
        }
    }
}

#[test]
fn a_four_cc_is_read_as_it_is_written_and_an_unknown_one_is_kept() {
    for (four_cc, codec) in VIDEO.into_iter().chain(AUDIO) {
        assert_eq!(Codec::of_four_cc(*four_cc), codec);
        assert_eq!(codec.four_cc(), Some(*four_cc));
    }
    let tag = video(b"\x91xyz9frame");
    assert_eq!((tag.codec, tag.role), (Codec::Unknown(*b"xyz9"), Role::Key));
    assert_eq!(Codec::Other(2).four_cc(), None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_tag_with_its_body_within(
        kind in prop::sample::select(vec![Kind::Audio, Kind::Video]),
        first in 0x80u8..=0xff,
        rest in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let payload = join(&[&[first], &rest]);
        let tag = inspect(kind, &payload);
        prop_assert!(tag.body.start <= tag.body.end && tag.body.end <= payload.len());
    }
}
