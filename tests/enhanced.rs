//! Enhanced RTMP made by hand from its specification: every codec, packet type and form of several tracks goes to
//! players, those that come late too, and into recordings, byte for byte. Whatever is wrong costs itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use crate::common::raw::Raw;
use crate::common::{Server, flv};
use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::chunk::write_message;
use millstream::rtmp::message::MessageType;

/// A message of media: its type, its time and its payload.
pub type Media = (MessageType, u32, Vec<u8>);

pub fn video(time: u32, parts: &[&[u8]]) -> Media {
    (MessageType::Video, time, parts.concat())
}

pub fn audio(time: u32, parts: &[&[u8]]) -> Media {
    (MessageType::Audio, time, parts.concat())
}

/// Two groups of pictures of one video and one audio codec, each with all packet types.
pub fn stream_of(video_cc: &[u8; 4], audio_cc: &[u8; 4]) -> Vec<Media> {
    let composition: &[u8] = if [b"avc1", b"hvc1", b"vvc1"].contains(&video_cc) { &[0, 0, 40] } else { &[] };
    let colors = amf0::encode_all(&["colorInfo".into(), Value::Object(Object::default())]);
    let mut stream = vec![
        video(0, &[&[0x90], video_cc, b"video configuration"]),
        video(0, &[&[0xd4], video_cc, &colors]),
        audio(0, &[&[0x90], audio_cc, b"audio configuration"]),
        audio(0, &[&[0x94], audio_cc, &[1, 2, 0, 0, 0, 3]]),
    ];
    for start in [0, 200] {
        stream.extend([
            video(start, &[&[0x91], video_cc, composition, b"key frame"]),
            audio(start + 5, &[&[0x91], audio_cc, b"sound"]),
            video(start + 40, &[&[0xa3], video_cc, b"inter frame"]),
            video(start + 80, &[&[0xb3], video_cc, b"disposable"]),
            audio(start + 85, &[]),
            // Nanoseconds, and an extension nobody knows, of 256 bytes.
            video(
                start + 120,
                &[
                    &[0xa7, 2, 0x0f, 0x42, 0x3f, 0x17, 0xff, 0, 0xff],
                    &[9; 256],
                    &[0x13],
                    video_cc,
                    b"late by nanoseconds",
                ],
            ),
            audio(start + 125, &[&[0x97, 0, 1, 0x11], audio_cc, b"more sound"]),
        ]);
    }
    stream.push(audio(400, &[&[0x92], audio_cc]));
    stream.push(video(400, &[&[0x92], video_cc]));
    stream
}

fn is_header((_, _, payload): &Media) -> bool {
    matches!(payload.first(), Some(0x90 | 0x94 | 0xd4))
        || payload.first() == Some(&0x96) && payload[1] & 0x0f == 0
}

pub fn publish(server: &Server, name: &str) -> Raw {
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish(name);
    assert_eq!(publisher.status().0, "NetStream.Publish.Start");
    publisher
}

pub fn play(server: &Server, name: &str) -> Raw {
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play(name);
    assert_eq!(player.status().0, "NetStream.Play.Start");
    player
}

pub fn send(publisher: &mut Raw, stream: &[Media]) {
    for (kind, time, payload) in stream {
        publisher.send(*kind, 1, *time, payload);
    }
}

/// Ends what is published; the files of the stream are finished when this returns.
fn finish(publisher: &mut Raw) {
    publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
    assert_eq!(publisher.status().0, "NetStream.Unpublish.Success");
}

/// The tags of a finished recording behind its own metadata.
fn recorded(server: &Server, name: &str) -> Vec<flv::Tag> {
    let (mut tags, rest) = flv::parse(&fs::read(server.folder.join(format!("rec/{name}.flv"))).unwrap());
    assert_eq!(rest, 0);
    tags.split_off(1)
}

/// The next messages of audio and video.
pub fn receive(player: &mut Raw, count: usize) -> Vec<Media> {
    let media = std::iter::from_fn(|| player.message()).filter_map(|message| {
        let kind = MessageType::of(message.type_id)?;
        let is_media = matches!(kind, MessageType::Audio | MessageType::Video);
        is_media.then(|| (kind, message.timestamp, message.payload().to_vec()))
    });
    media.take(count).collect()
}

/// The messages that a player gets of a stream: each track's headers when it begins.
pub fn expected(headers: &[Media], frames: &[Media], kinds: &[MessageType]) -> Vec<Media> {
    let mut begun = Vec::new();
    let mut all = Vec::new();
    for frame in frames {
        if !begun.contains(&frame.0) && kinds.contains(&frame.0) {
            begun.push(frame.0);
            let own = headers.iter().filter(|header| header.0 == frame.0);
            all.extend(own.map(|(kind, _, payload)| (*kind, frame.1, payload.clone())));
        }
        all.push(frame.clone());
    }
    all
}

#[test]
fn every_codec_goes_to_players_and_into_recordings_byte_for_byte() {
    let server = Server::live("record all; record_path FOLDER/rec;");
    let video_ccs = [b"avc1", b"hvc1", b"vvc1", b"av01", b"vp08", b"vp09"];
    let audio_ccs = [b"Opus", b"fLaC", b"ac-3", b"ec-3", b"mp4a", b".mp3"];
    for (video_cc, audio_cc) in video_ccs.into_iter().zip(audio_ccs) {
        let name = String::from_utf8_lossy(video_cc).into_owned();
        let stream = stream_of(video_cc, audio_cc);
        let (headers, frames) = stream.split_at(4);
        assert!(headers.iter().all(is_header));
        let mut early = play(&server, &name);
        let mut publisher = publish(&server, &name);
        let middle = headers.len() + 9;
        send(&mut publisher, &stream[..middle]);
        let both = [MessageType::Audio, MessageType::Video];
        let all = expected(headers, frames, &both);
        let received = receive(&mut early, middle);
        assert_eq!(received, all[..middle], "{name}");

        let mut late = play(&server, &name);
        let cached: Vec<Media> = headers[..2]
            .iter()
            .chain(&headers[2..])
            .cloned()
            .map(|(kind, _, payload)| (kind, 200, payload))
            .collect();
        let group: Vec<_> = stream[middle - 2..middle].to_vec();
        assert_eq!(
            receive(&mut late, 6),
            [cached, group].concat(),
            "{name}: headers and the group that runs"
        );
        send(&mut publisher, &stream[middle..]);
        assert_eq!(receive(&mut late, stream.len() - middle), stream[middle..], "{name}");
        assert_eq!(receive(&mut early, stream.len() - middle), all[middle..], "{name}");
        finish(&mut publisher);
        let recorded = recorded(&server, &name).into_iter();
        let recorded: Vec<_> = recorded.map(|tag| (tag.kind, tag.timestamp, tag.payload)).collect();
        let sent: Vec<_> =
            stream.iter().map(|(kind, time, payload)| (*kind as u8, *time, payload.clone())).collect();
        assert_eq!(recorded, sent, "{name}");
    }
}

#[test]
fn several_tracks_come_in_all_three_forms_and_late_players_get_the_headers_of_each() {
    let server = Server::live("");
    let headers = [
        video(0, &[&[0x90], b"hvc1", b"default"]),
        video(0, &[&[0x96, 0x00], b"avc1", &[1], b"one track"]),
        video(0, &[&[0x96, 0x20], b"av01", &[2, 0, 0, 0], b"vp09", &[3, 0, 0, 1, 9]]),
        audio(0, &[&[0x95, 0x10], b"Opus", &[0, 0, 0, 2, 1, 2], &[1, 0, 0, 1, 3]]),
    ];
    let frames = [
        video(0, &[&[0x93], b"hvc1", b"key"]),
        video(0, &[&[0x96, 0x01], b"avc1", &[1, 0, 0, 0], b"key of one"]),
        audio(3, &[&[0x95, 0x11], b"Opus", &[0, 0, 0, 1, 7], &[1, 0, 0, 1, 8]]),
        video(40, &[&[0xa6, 0x23], b"hvc1", &[0, 0, 0, 1, 5], b"av01", &[2, 0, 0, 1, 6]]),
    ];
    let mut publisher = publish(&server, "cam");
    let mut early = play(&server, "cam");
    send(&mut publisher, &headers);
    send(&mut publisher, &frames);
    assert_eq!(receive(&mut early, 8).len(), 8);
    let mut late = play(&server, "cam");
    assert_eq!(receive(&mut late, 8), [&headers[..], &frames].concat());
}

#[test]
fn a_wrong_message_is_left_out_and_the_connection_stays() {
    let server = Server::live("");
    let mut player = play(&server, "cam");
    let mut publisher = publish(&server, "cam");
    let good = [video(0, &[&[0x90], b"hvc1", b"configuration"]), video(0, &[&[0x93], b"hvc1", b"key"])];
    send(&mut publisher, &good);
    assert_eq!(receive(&mut player, 2), good);
    let mut wrong: Vec<Media> =
        (8..16).map(|packet| video(40, &[&[0xa0 | packet], b"hvc1", b"reserved"])).collect();
    wrong.extend([3u8, 6, 8, 15].map(|packet| audio(40, &[&[0x90 | packet], b"Opus", b"reserved"])));
    wrong.push(video(40, &[&[0xa6, 0x06], b"hvc1", b"within itself"]));
    wrong.push(video(40, &[&[0xa6, 0x13], b"hvc1", &[0, 0xff, 0xff, 0xff], b"short"]));
    wrong.push(video(40, &[&[0xa6, 0x93], b"hvc1", b"no such form"]));
    wrong.push(video(40, &[&[0xd1, 0]]));
    wrong.extend((0..9).map(|length| video(40, &[&[0xa7, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0][..length]])));
    let last = video(80, &[&[0xa3], b"hvc1", b"and on"]);
    for message in &wrong {
        send(&mut publisher, std::slice::from_ref(message));
    }
    send(&mut publisher, std::slice::from_ref(&last));
    let received =
        receive(&mut player, wrong.iter().filter(|message| message.0 == MessageType::Video).count() + 1);
    assert_eq!(received.last(), Some(&last));
}

#[test]
fn data_messages_of_both_kinds_are_played_and_recorded_with_their_times() {
    let server = Server::live("record all; record_path FOLDER/rec;");
    let mut player = play(&server, "cam");
    let mut publisher = publish(&server, "cam");
    send(&mut publisher, &[audio(0, &[&[0x2f, 1]])]);
    let megabyte: Vec<u8> = (0..1 << 20).map(|n: u32| ((n * 31) >> 4) as u8).collect();
    let data = [
        (MessageType::DataAmf0, 20, amf0::encode_all(&["onTextData".into(), 1.0.into()])),
        (MessageType::DataAmf3, 30, b"\x00\x02\x00\x0aonCuePoint\x11\x0a\x0b\x01\x01".to_vec()),
        (MessageType::DataAmf0, 40, [b"\x02\x00\x04mine\x0c\x00\x10\x00\x00", &megabyte[..]].concat()),
    ];
    publisher.chunk_size = 65_536;
    let size = publisher.chunk_size.to_be_bytes();
    let mut plain = Vec::new();
    write_message(&mut plain, 128, 2, (MessageType::SetChunkSize, 0, 0), &size);
    publisher.send_bytes(&plain);
    for (kind, time, payload) in &data {
        publisher.send(*kind, 1, *time, payload);
    }
    for (kind, time, payload) in &data {
        let mut message = player.message_of(*kind);
        while message.payload().starts_with(b"\x02\x00\x0aonMetaData")
            || message.payload().starts_with(b"\x02\x00\x11|")
        {
            message = player.message_of(*kind);
        }
        assert_eq!(message.timestamp, *time);
        assert!(message.payload() == payload, "{kind:?} of {} bytes", message.payload().len());
    }
    finish(&mut publisher);
    let tags = recorded(&server, "cam");
    assert_eq!(tags.len(), 1 + data.len(), "one of sound before them");
    for ((kind, time, payload), tag) in data.iter().zip(&tags[1..]) {
        assert_eq!((*kind as u8, *time), (tag.kind, tag.timestamp));
        assert!(tag.payload == *payload);
    }
}

#[test]
fn each_publisher_of_a_stream_asks_to_be_recorded() {
    let server = Server::live("record all manual; record_path FOLDER/rec; publish_conflict replace;");
    let publish = |publish_type: &str, sound: u8| {
        let mut publisher = Raw::connected(server.rtmp(), "live");
        publisher.command("publish", 0.0, 1, &[Value::Null, "cam".into(), publish_type.into()]);
        assert_eq!(publisher.status().0, "NetStream.Publish.Start");
        send(&mut publisher, &[audio(0, &[&[0x2f, sound]])]);
        publisher
    };
    let _first = publish("live", 1);
    let _second = publish("record", 2);
    server.wait_log("is recorded to");
    finish(&mut publish("live", 3));
    let payloads: Vec<_> = recorded(&server, "cam").into_iter().map(|tag| tag.payload).collect();
    assert_eq!(payloads, [[0x2f, 2]]);
}

#[test]
fn a_publisher_says_whether_a_manual_recorder_starts() {
    let server = Server::live("record all manual; record_path FOLDER/rec;");
    for (publish_type, recorded) in [("live", false), ("record", true), ("append", true)] {
        let mut publisher = Raw::connected(server.rtmp(), "live");
        publisher.command("publish", 0.0, 1, &[Value::Null, publish_type.into(), publish_type.into()]);
        assert_eq!(publisher.status().0, "NetStream.Publish.Start");
        send(&mut publisher, &[audio(0, &[&[0x2f, 1]])]);
        finish(&mut publisher);
        assert_eq!(
            server.folder.join(format!("rec/{publish_type}.flv")).exists(),
            recorded,
            "{publish_type}"
        );
    }
}
