//! What a client is told from the beginning of a file to its end.

use std::fs;
use std::time::Duration;

use millstream::media::amf::Value;

use super::client::{ALL, Heard, Player, age, packets, words, write_old};
use super::{clip, server};
use crate::common::ffmpeg;

const BEGIN: [&str; 5] = ["Recorded", "Begin", "Play.Start", "Access", "media"];
const END: [&str; 3] = ["Eof", "[Play.Complete]", "Play.Stop"];

/// The words without metadata, which a file may have or not.
fn said(heard: &[Heard]) -> Vec<String> {
    words(heard).into_iter().filter(|word| word != "Metadata").collect()
}

#[test]
fn a_file_comes_byte_for_byte_between_what_clients_wait_for() {
    let clip = clip(3);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    for _ in 0..2 {
        player.play("cam", &[]);
        let heard = player.hear_until("Play.Stop");
        assert_eq!(said(&heard), [&BEGIN[..], &END].concat());
        assert_eq!(packets(&heard), clip);
        let Some(Heard::PlayStatus(_, duration, bytes)) =
            heard.iter().find(|heard| matches!(heard, Heard::PlayStatus(..)))
        else {
            panic!("{:?}", words(&heard))
        };
        let sent: usize = clip.iter().map(|packet| packet.payload.len()).sum();
        assert!((2.9..=3.1).contains(duration), "{duration} s");
        assert!((sent as f64..sent as f64 + 2000.0).contains(bytes), "{bytes} bytes, {sent} of media");
    }
    assert!(player.hear_for(Duration::from_millis(200)).is_empty());
}

#[test]
fn a_client_that_asks_for_a_reset_is_told_of_it_before_the_start() {
    let server = server(&[("cam.flv", &clip(1))]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    // As Flash and others send it: true, or the numbers 1 and 3.
    for reset in [Value::Boolean(true), 1.0.into(), 3.0.into()] {
        player.play("cam", &[(-2000.0).into(), (-1000.0).into(), reset.clone()]);
        let heard = words(&player.hear_until("Play.Stop"));
        assert_eq!(heard[..4], ["Recorded", "Begin", "Play.Reset", "Play.Start"], "{reset:?}");
    }
}

#[test]
fn metadata_comes_before_the_media_and_has_the_duration_of_flv_and_mp4() {
    let server = server(&[]);
    let folder = server.folder.join("vod");
    for name in ["made.flv", "made.mp4"] {
        let path = folder.join(name);
        let mut source = ffmpeg::source(ffmpeg::Tracks::Both, 3);
        source.truncate(source.len() - 2);
        ffmpeg::run(ffmpeg::command().args(source).arg(&path));
        age(&path);
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play(name, &[]);
        let heard = player.hear_until("Play.Stop");
        assert_eq!(words(&heard)[3..6], ["Access", "Metadata", "media"], "{name}");
        let metadata = heard.iter().find_map(|heard| match heard {
            Heard::Metadata(object) => Some(object.clone()),
            _ => None,
        });
        let number = |name| metadata.as_ref().unwrap().number(name).unwrap_or_default();
        assert!((2.9..3.2).contains(&number("duration")), "{name}: {metadata:?}");
        assert_eq!((number("width"), number("height")), (160.0, 120.0), "{name}");
        assert_eq!((number("videocodecid"), number("audiocodecid")), (7.0, 10.0), "{name}");
        let received = packets(&heard);
        assert!(received.iter().filter(|packet| packet.is_header()).count() == 2, "{name}");
        assert_eq!(
            received
                .iter()
                .filter(|packet| packet.kind == 9 && !packet.is_header() && packet.payload[1] == 1)
                .count(),
            75
        );
    }
}

#[test]
fn close_stream_is_answered_and_nothing_more_is_sent() {
    let server = server(&[("cam.flv", &clip(20))]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(500));
    player.play("cam", &[]);
    player.packets(10);
    player.close();
    let heard = player.hear_until("Play.Stop");
    let said = words(&heard);
    assert_eq!(said[said.len() - 2..], ["Eof", "Play.Stop"], "{said:?}");
    assert!(player.hear_for(Duration::from_millis(700)).is_empty());
    // The connection can be used for another one.
    player.play("cam", &[]);
    assert_eq!(player.packets(3)[0], super::headers(0)[0]);
}

#[test]
fn a_name_without_a_file_is_not_found() {
    let server = server(&[("cam.flv", &clip(1))]);
    let mut player = Player::connect(server.rtmp(), "vod", None);
    player.play("none", &[]);
    assert_eq!(words(&player.hear_until("StreamNotFound")), ["Play.StreamNotFound"]);
}

#[test]
fn a_broken_file_ends_with_an_answer_and_the_server_goes_on() {
    let clip = clip(20);
    let server = server(&[("cam.flv", &clip)]);
    let folder = server.folder.join("vod");
    for (name, bytes) in [
        ("empty.flv", vec![]),
        ("head.flv", b"FLV\x01\x05\0\0\0\x09".to_vec()),
        ("noise.flv", crate::common::media::noise(7, 5000)),
        ("noise.mp4", crate::common::media::noise(8, 5000)),
        // A box that promises terabytes.
        ("large.mp4", [&b"\0\0\0\x01ftyp\x7f\xff\xff\xff\xff\xff\xff\xff"[..], &[0; 100]].concat()),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
        age(&folder.join(name));
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play(name, &[]);
        let mut said = Vec::new();
        while let Some(heard) = player.try_next() {
            said.push(heard);
            let last = words(&said).pop().unwrap();
            if ["Play.Stop", "Play.StreamNotFound", "Play.Failed", "Play.FileStructureInvalid"]
                .contains(&&*last)
            {
                break;
            }
        }
        assert!(!said.is_empty() && packets(&said).is_empty(), "{name}: {said:?}");
    }
    // A tag in the middle whose length is that of the rest, and one of a type that does not exist.
    let good = fs::read(folder.join("cam.flv")).unwrap();
    let mut bad = good.clone();
    bad[100_000..].fill(0xff);
    fs::write(folder.join("middle.flv"), bad).unwrap();
    age(&folder.join("middle.flv"));
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("middle", &[]);
    let heard = player.hear_until("Play.Stop");
    let received = packets(&heard);
    assert!(received.len() > 50 && clip.starts_with(&received), "{} packets", received.len());
    write_old(&folder.join("cam.flv"), &clip[..50]);
    player.play("cam", &[]);
    assert_eq!(packets(&player.hear_until("Play.Stop")), clip[..50]);
}
