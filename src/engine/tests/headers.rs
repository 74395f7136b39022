//! Headers with the edges of each of their fields, through all that a publisher's frames go through.

use crate::engine::tests::*;
use crate::media::tests::messages;

#[test]
fn no_field_of_a_header_ends_more_than_its_message() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path /hls; hls_memory on; } } }";
    let mut world = World::configured(table(), config);
    let mut publisher = Client::publish(&mut world, "a");
    let frames: [(Kind, &[u8]); 4] = [
        (Kind::Video, KEY),
        (Kind::Video, b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\xaf"),
        (Kind::Audio, AUDIO),
        (Kind::Audio, b"\x91Opus\0"),
    ];
    for (time, (kind, payload)) in (0..).step_by(40).zip(messages()) {
        publisher.frame(&mut world, kind, time, &payload);
        for (kind, payload) in frames {
            publisher.frame(&mut world, kind, time + 20, payload);
        }
        if time % 1000 == 0 {
            publisher.receive(&mut world);
            world.pass(1);
        }
        assert!(world.is_open(publisher.id));
    }
    let stream = world.engine.cx.streams.iter().next().unwrap();
    assert!(stream.facts.sample_rate > 0 && stream.facts.width > 0);
    assert!(!world.engine.cx.memory.is_empty(), "fragments have been written");
}

/// The `onMetaData` that a player gets with a publisher's, as the object in it.
fn metadata_of(meta: &str, published: Object) -> Object {
    let config =
        format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; meta {meta}; }} }} }}");
    let mut world = World::configured(table(), &config);
    let mut player = Client::play(&mut world, "a");
    let mut publisher = Client::publish(&mut world, "a");
    let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(published)]);
    publisher.frame(&mut world, Kind::Data, 0, &metadata);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    let messages = player.receive(&mut world);
    let data = messages.iter().rfind(|message| message.type_id == MessageType::DataAmf0 as u8).unwrap();
    amf0::decode(data.payload()).unwrap()[1].as_object().unwrap().clone()
}

#[test]
fn numbers_of_a_publisher_that_are_infinite_or_absurd_are_not_in_the_metadata_that_is_made() {
    for wrong in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -1.0] {
        let names = ["framerate", "width", "height", "videodatarate", "audiodatarate"];
        let published = names.iter().fold(Object::default(), |object, name| object.with(name, wrong));
        let map = Object::default().with("1", Value::Object(Object::default().with("framerate", f64::NAN)));
        let published = published.with("videoTrackIdInfoMap", Value::Object(map)).with("fps", 30.0);
        let got = metadata_of("on", published);
        assert_eq!((got.number("framerate"), got.number("fps")), (Some(30.0), Some(30.0)), "{wrong}");
        for name in ["width", "height", "videodatarate", "audiodatarate", "videoTrackIdInfoMap"] {
            assert_eq!(got.get(name), None, "{name} {wrong}");
        }
    }
    let got =
        metadata_of("on", Object::default().with("framerate", 1e9).with("width", 1e9).with("height", 1e9));
    assert_eq!(["framerate", "width", "height"].map(|name| got.number(name)), [None; 3]);
}

#[test]
fn copied_metadata_is_the_publishers() {
    let got = metadata_of("copy", Object::default().with("framerate", f64::INFINITY).with("own", "x"));
    assert_eq!((got.number("framerate"), got.str("own")), (Some(f64::INFINITY), Some("x")));
}

#[test]
fn adts_headers_decide_about_the_sound_whatever_the_header_says() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let mut send = |payload: &[u8]| {
        publisher.frame(&mut world, Kind::Audio, 0, payload);
        let stream = world.engine.cx.streams.iter().next().unwrap();
        let metadata = stream.headers.metadata().map(|frame| amf0::decode(frame.payload()).unwrap());
        let rate = metadata.and_then(|values| values[1].as_object()?.number("audiosamplerate"));
        let facts = &stream.facts;
        (facts.audio_codec.name(Kind::Audio), facts.audio_profile, facts.sample_rate, facts.channels, rate)
    };
    let raw: &[u8] = &[0xaf, 1, 0x21, 7];
    let stereo: &[u8] = &[0xaf, 1, 0xff, 0xf1, 0x50, 0x80, 1, 0x3f, 0xfc, 0x21, 7];
    let mono: &[u8] = b"\x91mp4a\xff\xf1\x4c\x40\x01\x3f\xfc\x21\x07";
    assert_eq!(send(raw), ("AAC", "", 0, 0, None), "the flags of a tag are the same whatever it is");
    assert_eq!(send(stereo), ("AAC", "LC", 44_100, 2, Some(44_100.0)));
    assert_eq!(send(mono), ("AAC", "LC", 48_000, 1, Some(48_000.0)));
    // A header that agrees adds a fact: this one, HE-AAC.
    assert_eq!(send(&[0xaf, 0, 0x11, 0x88, 0x56, 0xe5, 0x80]).1, "HE");
    assert_eq!(send(mono).1, "HE");
    // One that contradicts adds nothing.
    send(&[0xaf, 0, 0x11, 0x90]);
    assert_eq!(send(mono), ("AAC", "LC", 48_000, 1, Some(48_000.0)));
}

#[test]
fn a_player_gets_adts_that_has_no_header() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }";
    let mut world = World::configured(table(), config);
    let mut player = Client::play(&mut world, "a");
    let mut publisher = Client::publish(&mut world, "a");
    let adts: &[u8] = &[0xaf, 1, 0xff, 0xf1, 0x50, 0x80, 1, 0x3f, 0xfc, 0x21, 7];
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO);
    publisher.frame(&mut world, Kind::Audio, 23, adts);
    assert_eq!(player.media(&mut world), [(23, adts.to_vec())]);
    publisher.frame(&mut world, Kind::Video, 23, HEADER);
    publisher.frame(&mut world, Kind::Video, 23, KEY);
    publisher.frame(&mut world, Kind::Audio, 46, adts);
    let mut late = Client::playing(&mut world, "a");
    let payloads: Vec<_> = late.media(&mut world).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [HEADER, KEY, adts]);
}
