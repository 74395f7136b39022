//! What travels is what was published, byte for byte: from a publisher over a push to the target's player, and from an
//! origin over an edge to its player, in every codec and form.

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

use crate::common::raw::Raw;
use crate::common::{Server, wait};
use crate::enhanced::{Media, audio, expected, play, publish, receive, send, stream_of, video};

/// A stream: its name, its headers, and its frames.
pub type Case = (String, Vec<Media>, Vec<Media>);

/// Each codec of Enhanced RTMP, with each packet type.
fn enhanced() -> impl Iterator<Item = Case> {
    let video_ccs = [b"avc1", b"hvc1", b"vvc1", b"av01", b"vp08", b"vp09"];
    let audio_ccs = [b"Opus", b"fLaC", b"ac-3", b"ec-3", b"mp4a", b".mp3"];
    video_ccs.into_iter().zip(audio_ccs).map(|(video_cc, audio_cc)| {
        let mut headers = stream_of(video_cc, audio_cc);
        let frames = headers.split_off(4);
        (String::from_utf8_lossy(video_cc).into_owned(), headers, frames)
    })
}

/// Codecs of before: the first byte of a picture and of a sound, which need no headers but for AVC and AAC.
fn legacy() -> impl Iterator<Item = Case> {
    let codecs =
        [("h263", 2, 0x2f), ("screen", 3, 0xb6), ("vp6", 4, 0x3e), ("vp6a", 5, 0x5e), ("screen2", 6, 0x8e)];
    let without_headers = codecs.into_iter().map(|(name, picture, sound)| {
        let mut frames = Vec::new();
        for time in 0..20_u8 {
            let frame_type: u8 = if time % 10 == 0 { 0x10 } else { 0x20 };
            frames.push(video(u32::from(time) * 40, &[&[frame_type | picture, time], &[time; 300]]));
            frames.push(audio(u32::from(time) * 40 + 5, &[&[sound, time], &[time; 50]]));
        }
        (name.to_owned(), Vec::new(), frames)
    });
    let headers = vec![
        video(0, &[&[0x17, 0, 0, 0, 0], b"\x01\x64\x00\x0a\xff\xe1 not decoded here"]),
        audio(0, &[&[0xaf, 0, 0x12, 0x10]]),
    ];
    let mut frames = Vec::new();
    for time in 0..20_u8 {
        let frame_type: u8 = if time % 10 == 0 { 0x17 } else { 0x27 };
        frames.push(video(u32::from(time) * 40, &[&[frame_type, 1, 0, 0, 80], &vec![time; 70_000]]));
        frames.push(audio(u32::from(time) * 40 + 5, &[&[0xaf, 1], &[time; 200]]));
    }
    without_headers.chain([("avc".to_owned(), headers, frames)])
}

/// Several tracks, of one codec and of many, and high dynamic range.
fn tracks() -> Case {
    let colors =
        Object::default().with("colorConfig", Value::Object(Object::default().with("bitDepth", 10.0)));
    let colors = amf0::encode_all(&["colorInfo".into(), Value::Object(colors)]);
    let headers = vec![
        video(0, &[&[0x90], b"hvc1", b"default"]),
        video(0, &[&[0xd4], b"hvc1", &colors]),
        video(0, &[&[0x96, 0x00], b"avc1", &[1], b"one track"]),
        video(0, &[&[0x96, 0x20], b"av01", &[2, 0, 0, 0], b"vp09", &[3, 0, 0, 1, 9]]),
        audio(0, &[&[0x95, 0x10], b"Opus", &[0, 0, 0, 2, 1, 2], &[1, 0, 0, 1, 3]]),
    ];
    let mut frames = Vec::new();
    for start in [0, 200] {
        frames.extend([
            video(start, &[&[0x93], b"hvc1", b"key"]),
            video(start, &[&[0x96, 0x01], b"avc1", &[1, 0, 0, 0], b"key of one"]),
            audio(start + 3, &[&[0x95, 0x11], b"Opus", &[0, 0, 0, 1, 7], &[1, 0, 0, 1, 8]]),
            video(start + 40, &[&[0xa6, 0x23], b"hvc1", &[0, 0, 0, 1, 5], b"av01", &[2, 0, 0, 1, 6]]),
        ]);
    }
    ("tracks".to_owned(), headers, frames)
}

pub fn cases() -> Vec<Case> {
    enhanced().chain(legacy()).chain([tracks()]).collect()
}

const BOTH: [MessageType; 2] = [MessageType::Audio, MessageType::Video];

fn compare(publisher: &mut Raw, players: &mut [(&str, &mut Raw)], (name, headers, frames): &Case) {
    let all = expected(headers, frames, &BOTH);
    send(publisher, headers);
    send(publisher, frames);
    for (place, player) in players {
        let received = receive(player, all.len());
        for (number, (received, sent)) in received.iter().zip(&all).enumerate() {
            assert!(
                received == sent,
                "{name}: message {number} of the player {place}: {received:.80?}, not {sent:.80?}"
            );
        }
    }
}

#[test]
fn a_push_brings_every_codec_to_the_target_s_player_byte_for_byte() {
    let target = Server::live("");
    let server = Server::live(&format!("push rtmp://{}/live;", target.rtmp()));
    for case in cases() {
        let mut here = play(&server, &case.0);
        let mut there = play(&target, &case.0);
        let mut publisher = publish(&server, &case.0);
        target.wait_log(&format!("publish live/{}", case.0));
        wait_runs(&server, &format!("live/{} -> ", case.0));
        compare(&mut publisher, &mut [("here", &mut here), ("there", &mut there)], &case);
    }
}

#[test]
fn an_edge_brings_every_codec_of_its_origin_to_its_player_byte_for_byte() {
    // More in a second would not be logged.
    for cases in cases().chunks(4) {
        let origin = Server::live("");
        let edge = Server::live(&format!("pull rtmp://{}/live;", origin.rtmp()));
        for case in cases {
            let mut there = play(&origin, &case.0);
            let mut here = play(&edge, &case.0);
            // It runs when the first frame has come.
            wait_plays(&origin, &case.0, 2);
            let mut publisher = publish(&origin, &case.0);
            compare(&mut publisher, &mut [("at the origin", &mut there), ("at the edge", &mut here)], case);
        }
    }
}

#[test]
fn data_travels_byte_for_byte_over_an_origin_that_pulls_and_pushes() {
    let last = Server::live("");
    let first = Server::live("");
    let middle =
        Server::live(&format!("pull rtmp://{}/live; push rtmp://{}/live;", first.rtmp(), last.rtmp()));
    let mut waker = play(&middle, "cam");
    let mut player = play(&last, "cam");
    wait_plays(&first, "cam", 1);
    let mut publisher = publish(&first, "cam");
    send(&mut publisher, &[audio(0, &[&[0x2f, 1]])]);
    // What comes before the push runs is not kept, as there is no picture.
    wait_runs(&middle, "live/cam <- ");
    wait_runs(&middle, "live/cam -> ");
    send(&mut publisher, &[audio(0, &[&[0x2f, 1]])]);
    receive(&mut player, 1);
    let data = [
        (MessageType::DataAmf0, 20, amf0::encode_all(&["onTextData".into(), 1.0.into()])),
        (MessageType::DataAmf3, 30, b"\x00\x02\x00\x0aonCuePoint\x11\x0a\x0b\x01\x01".to_vec()),
        (MessageType::DataAmf0, 40, [b"\x02\x00\x04mine\x0c\x00\x01\x00\x00", &[7; 65_536][..]].concat()),
    ];
    send(&mut publisher, &data);
    for player in [&mut waker, &mut player] {
        for (kind, time, payload) in &data {
            let message = loop {
                let message = player.message_of(*kind);
                let is_own = [&b"\x02\x00\x0aonMetaData"[..], b"\x02\x00\x11|"];
                if !is_own.iter().any(|own| message.payload().starts_with(own)) {
                    break message;
                }
            };
            assert_eq!(message.timestamp, *time);
            assert!(message.payload() == payload, "{kind:?}: {:.60}", message.payload().escape_ascii());
        }
    }
}

/// Waits until so many play a stream, as the log tells.
fn wait_plays(server: &Server, name: &str, count: usize) {
    wait("its players", || server.lines(&format!("play live/{name}, not live yet")).len() == count);
}

/// Waits until a relay runs, as the log tells.
fn wait_runs(server: &Server, head: &str) {
    wait("the relay runs", || server.lines(head).iter().any(|line| line.ends_with("the relay runs")));
}
