//! Publishers beyond a limit: refused or ended with the reason, before any output gets what exceeds it.

use crate::engine::tests::*;

/// The configuration of x264 for 160x120.
const SMALL: &[u8] = &[
    0x17, 0, 0, 0, 0, 0x01, 0xf4, 0x00, 0x0b, 0xff, 0xe1, 0x00, 0x19, 0x67, 0xf4, 0x00, 0x0b, 0x91, 0x96,
    0x82, 0x84, 0x7e, 0x27, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1,
    0x42, 0xaa, 0x01, 0x00, 0x05, 0x68, 0xce, 0x0f, 0x19, 0x20, 0xff, 0xf8, 0xf8, 0x00,
];
/// VP9, 640x360: a key frame of Enhanced RTMP.
const VP9_KEY: &[u8] =
    &[0x91, b'v', b'p', b'0', b'9', 0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70, 0, 0];

fn world(directives: &str) -> World {
    World::configured(
        table(),
        &format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; wait_key off;
                application live {{ live on; publish_grace 60s; {directives} }} }} }}"
        ),
    )
}

/// Publishes these frames, one a millisecond, while a client plays. Returns the number of frames that the player
/// has received, and the publisher's last error.
fn publish(world: &mut World, frames: &[(Kind, &[u8])]) -> (usize, Option<(String, String)>) {
    let mut player = Client::play(world, "a");
    let mut publisher = Client::publish(world, "a");
    publisher.receive(world);
    for (time, (kind, payload)) in (0..).zip(frames) {
        publisher.frame(world, *kind, time, payload);
    }
    (player.media(world).len(), last_error(world, &mut publisher))
}

/// The code and description of the last error that a client has received.
fn last_error(world: &mut World, client: &mut Client) -> Option<(String, String)> {
    let messages = client.receive(world);
    let values = messages.iter().filter(|m| m.type_id == 20).map(|m| amf0::decode(m.payload()).unwrap());
    let mut errors = values.filter_map(|values| {
        let object = values.last()?.as_object()?.clone();
        let text = |name| object.str(name).map(str::to_owned);
        (object.str("level") == Some("error")).then_some((text("code")?, text("description")?))
    });
    errors.next_back()
}

fn rejected(why: &str) -> Option<(String, String)> {
    Some(("NetStream.Publish.Rejected".to_owned(), why.to_owned()))
}

#[test]
fn a_picture_is_as_large_as_its_header_says_and_nothing_of_one_too_large_goes_out() {
    let key = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 1][..];
    // A header without a body has no picture size.
    let empty = &[0x17, 0, 0, 0, 0][..];
    let frames = [(Kind::Video, empty), (Kind::Video, SMALL), (Kind::Video, key), (Kind::Video, key)];
    for (limit, passed, error) in [
        ("160x120", 3, None),
        ("120x160", 3, None),
        ("off", 3, None),
        ("159x120", 0, rejected("160x120 is more than publish_max_resolution 159x120")),
        ("1920x119", 0, rejected("160x120 is more than publish_max_resolution 1920x119")),
    ] {
        let mut world = world(&format!("publish_max_resolution {limit};"));
        assert_eq!(publish(&mut world, &frames), (passed, error), "{limit}");
    }
}

#[test]
fn a_header_that_changes_later_counts_too_and_so_do_key_frames_that_tell_the_size() {
    let mut limited = world("publish_max_resolution 150x150;");
    let frames =
        [(Kind::Video, HEADER), (Kind::Audio, AUDIO_HEADER), (Kind::Audio, AUDIO), (Kind::Video, SMALL)];
    let (_, error) = publish(&mut limited, &frames[1..]);
    assert_eq!(error, rejected("160x120 is more than publish_max_resolution 150x150"));
    let (passed, error) = publish(&mut world("publish_max_resolution 640x360;"), &[(Kind::Video, VP9_KEY)]);
    assert_eq!((passed, error), (1, None));
    let (passed, error) = publish(&mut world("publish_max_resolution 639x360;"), &[(Kind::Video, VP9_KEY)]);
    assert_eq!((passed, error), (0, rejected("640x360 is more than publish_max_resolution 639x360")));
    // Sorenson's H.263.
    let (passed, error) =
        publish(&mut world("publish_max_resolution 639x360;"), &[(Kind::Video, &[0x12, 0, 0])]);
    assert_eq!(passed, 0);
    assert!(error.unwrap().1.contains("does not tell its size"));
}

#[test]
fn parameter_sets_among_the_frames_count_as_well() {
    // Behind its length of two bytes in the configuration, the set has 25.
    let set = [&[0, 0, 0, 25][..], &SMALL[13..38]].concat();
    let key = |sets: usize| [&[0x17, 1, 0, 0, 0][..], &set.repeat(sets), &[0, 0, 0, 2, 0x65, 1]].concat();
    for (limit, sets, error) in [
        ("160x120", 1, None),
        ("160x120", 32, None),
        ("160x120", 33, rejected("publish_max_resolution is 160x120, and this H.264 does not tell its size")),
        ("150x150", 1, rejected("160x120 is more than publish_max_resolution 150x150")),
    ] {
        let mut world = world(&format!("publish_max_resolution {limit};"));
        assert_eq!(
            publish(&mut world, &[(Kind::Video, HEADER), (Kind::Video, &key(sets))]).1,
            error,
            "{limit}"
        );
    }
}

#[test]
fn a_codec_that_is_not_listed_is_refused_in_any_track() {
    let two_tracks: &[u8] =
        &[0x96, 0x21, b'v', b'p', b'0', b'9', 0, 0, 0, 1, 7, b'a', b'v', b'0', b'1', 1, 0, 0, 1, 7];
    for (limit, kind, frame, error) in [
        ("all", Kind::Video, VP9_KEY, None),
        ("vp9", Kind::Video, VP9_KEY, None),
        ("vp9 av1", Kind::Video, two_tracks, None),
        ("vp9", Kind::Video, two_tracks, rejected("AV1 is not taken here, only vp9")),
        ("h264 aac", Kind::Video, VP9_KEY, rejected("VP9 is not taken here, only h264 aac")),
        ("h264 aac", Kind::Audio, AUDIO, None),
        ("h264", Kind::Audio, AUDIO, rejected("AAC is not taken here, only h264")),
    ] {
        let mut world = world(&format!("publish_codecs {limit};"));
        assert_eq!(publish(&mut world, &[(kind, frame)]).1, error, "{limit}");
    }
}

#[test]
fn a_publisher_that_sends_too_much_is_ended_and_its_name_is_refused_for_the_window() {
    let mut world = world("publish_max_bitrate 1m;");
    // MP3, which needs no header.
    let large = [&[0x2f][..], &[0; 100_000]].concat();
    let frames: Vec<(Kind, &[u8])> = (0..20).map(|_| (Kind::Audio, large.as_slice())).collect();
    let (passed, error) = publish(&mut world, &frames);
    assert_eq!((passed, error), (12, rejected("more than 1m bits a second (publish_max_bitrate)")));
    assert_eq!(world.engine.cx.refusals.publishers, 1);
    world.pass(3);
    let why = "it has sent more than 1m bits a second (publish_max_bitrate), come again in 7 s".to_owned();
    let mut again = Client::publish(&mut world, "a");
    let refused = ("NetStream.Publish.BadName".to_owned(), why);
    assert_eq!(last_error(&mut world, &mut again), Some(refused));
    world.pass(8);
    assert_eq!(publish(&mut world, &frames[..12]), (12, None), "a new window");
}

#[test]
fn a_publisher_that_returns_has_the_rest_of_the_window() {
    let mut world = world("publish_max_bitrate 1m;");
    let large = [&[0x2f][..], &[0; 100_000]].concat();
    let frames: Vec<(Kind, &[u8])> = (0..20).map(|_| (Kind::Audio, large.as_slice())).collect();
    let mut first = Client::publish(&mut world, "b");
    for time in 0..8 {
        first.frame(&mut world, Kind::Audio, time, &large);
    }
    first.command_on(&mut world, 0, &["deleteStream".into(), 0.0.into(), Value::Null, 1.0.into()]);
    let mut second = Client::publish(&mut world, "b");
    second.receive(&mut world);
    for time in 0..4 {
        second.frame(&mut world, Kind::Audio, time * 9000, &large);
    }
    assert_eq!(last_error(&mut world, &mut second), None, "no offence yet");
    second.frame(&mut world, Kind::Audio, 30_000, &large);
    assert_eq!(
        last_error(&mut world, &mut second),
        rejected("more than 1m bits a second (publish_max_bitrate)")
    );
    assert_eq!(publish(&mut world, &frames[..12]), (12, None), "another name");
}

#[test]
fn a_picture_that_is_too_large_is_found_whatever_the_flags_of_its_frame() {
    let nals = [&[0, 0, 0, 25][..], &SMALL[13..38], &[0, 0, 0, 2, 0x65, 1]].concat();
    let heads: [&[u8]; 8] = [
        &[0x27, 1, 0, 0, 0],
        &[0x37, 1, 0, 0, 0],
        &[0x07, 1, 0, 0, 0],
        &[0x57, 1, 0, 0, 0],
        b"\xa3avc1",
        b"\xa1avc1\0\0\0",
        b"\x96\x03avc1\x01",
        b"\xa6\x01avc1\x01\0\0\0",
    ];
    for head in heads {
        let frame = [head, &nals].concat();
        let mut world = world("publish_max_resolution 150x150;");
        let (passed, error) = publish(&mut world, &[(Kind::Video, HEADER), (Kind::Video, &frame)]);
        assert_eq!(error, rejected("160x120 is more than publish_max_resolution 150x150"), "{head:x?}");
        assert!(passed <= 1, "{head:x?}");
    }
    let size = u8::try_from(nals.len()).unwrap();
    let many = [b"\x96\x13avc1\0\0\0\x06\0\0\0\x02\x65\x01\x01\0\0".as_slice(), &[size], &nals].concat();
    let error = publish(&mut world("publish_max_resolution 150x150;"), &[(Kind::Video, &many)]).1;
    assert_eq!(error, rejected("160x120 is more than publish_max_resolution 150x150"));
    let h263 = publish(&mut world("publish_max_resolution 150x150;"), &[(Kind::Video, &[0x22, 0, 0])]).1;
    assert!(h263.unwrap().1.contains("does not tell its size"));
    let vp9 = [&[0xa1], &VP9_KEY[1..]].concat();
    let error = publish(&mut world("publish_max_resolution 150x150;"), &[(Kind::Video, &vp9)]).1;
    assert_eq!(error, rejected("640x360 is more than publish_max_resolution 150x150"));
}

#[test]
fn a_command_that_carries_a_codec_is_refused_and_a_command_is_not() {
    let without = "a message without a codec is not taken here, only h264";
    for (frame, error) in [
        (&b"\xd3av01MARK"[..], rejected(without)),
        (&b"\x52\0MARK"[..], rejected("Sorenson-H263 is not taken here, only h264")),
        (&[0x52, 0], None),
        (&[0xd1, 0], None),
        (&[0x17, 2, 0, 0, 0], None),
    ] {
        let mut world = world("publish_codecs h264;");
        assert_eq!(publish(&mut world, &[(Kind::Video, frame)]).1, error, "{frame:x?}");
    }
}

#[test]
fn the_longest_time_of_a_publish_also_ends_a_silent_publisher_and_a_replacement() {
    let mut world = world("publish_max_duration 1m; publish_conflict replace;");
    let mut first = Client::publish(&mut world, "a");
    world.pass(30);
    let (mut second, mut other) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    assert!(!world.is_open(first.id));
    for client in [&mut second, &mut other] {
        client.receive(&mut world);
    }
    world.pass(59);
    assert!(world.is_open(second.id) && world.is_open(other.id));
    world.pass(2);
    assert_eq!(last_error(&mut world, &mut second), rejected("longer than 1m (publish_max_duration)"));
    assert_eq!(last_error(&mut world, &mut other), rejected("longer than 1m (publish_max_duration)"));
    first.receive(&mut world);
    assert_eq!(world.engine.cx.streams.iter().count(), 0, "no stream waits for them");
    // A lost publisher has a grace; the next one has a minute of its own.
    let lost = Client::publish(&mut world, "c");
    world.pass(50);
    world.engine.disconnected(lost.id, "reset", world.now);
    world.pass(40);
    let mut next = Client::publish(&mut world, "c");
    next.receive(&mut world);
    world.pass(59);
    assert!(world.is_open(next.id));
    world.pass(2);
    assert_eq!(last_error(&mut world, &mut next), rejected("longer than 1m (publish_max_duration)"));
}

#[test]
fn a_dismissed_publisher_that_also_plays_keeps_playing() {
    let mut world = world("publish_codecs h264;");
    let mut both = Client::publish(&mut world, "a");
    both.command_on(&mut world, 2, &["play".into(), 2.0.into(), Value::Null, "b".into()]);
    both.receive(&mut world);
    // The rest of the same piece of input is not processed either.
    let mut bytes = Vec::new();
    for time in 0..40 {
        write_message(&mut bytes, 128, 6, (MessageType::Audio, 1, time), AUDIO);
    }
    both.send_all(&mut world, &bytes);
    assert_eq!(last_error(&mut world, &mut both), rejected("AAC is not taken here, only h264"));
    assert_eq!(world.engine.cx.refusals.publishers, 1);
    let mut publisher = Client::publish(&mut world, "b");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    assert_eq!(both.media(&mut world).len(), 2);
}

/// Whatever a header contains, its publisher continues or gets the reason.
#[test]
fn every_header_is_judged() {
    let mut world = world("publish_max_resolution 4096x2160;");
    let mut publisher = Client::publish(&mut world, "a");
    let mut refused = 0;
    for (time, (kind, payload)) in (0..).step_by(40).zip(crate::media::tests::messages()) {
        publisher.frame(&mut world, kind, time, &payload);
        if !world.is_open(publisher.id) {
            let why = last_error(&mut world, &mut publisher).unwrap().1;
            assert!(why.contains("publish_max_resolution"), "{why}");
            refused += 1;
            publisher = Client::publish(&mut world, "a");
        }
        if time % 1000 == 0 {
            publisher.receive(&mut world);
            world.pass(1);
        }
    }
    assert!(refused > 100 && world.engine.cx.panics.count() == 0, "{refused}");
}
