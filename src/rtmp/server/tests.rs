//! Sessions fed with what real clients sent, and with what none should.

use super::*;
use crate::rtmp::chunk::ChunkError;

const FFMPEG: &[u8] = include_bytes!("../../../tests/captures/ffmpeg-publish.bin");
const GSTREAMER: &[u8] = include_bytes!("../../../tests/captures/gstreamer-publish.bin");
const RTMPDUMP: &[u8] = include_bytes!("../../../tests/captures/rtmpdump-play.bin");

/// Timestamps begin one turn of their 32 bits up.
const TURN: u64 = 1 << 32;

const SETTINGS: Settings = Settings {
    chunk_size: 4096,
    ack_window: 5_000_000,
    limits: Limits { message: 1 << 20, streams: 32, held: 1 << 21 },
};

/// Feeds pieces to a session that grants all it is asked; returns what came out, in a word or two each.
fn run(pieces: &[&[u8]]) -> Result<(Vec<String>, Vec<u8>), RtmpError> {
    let mut session = ServerSession::new(1);
    let (mut events, mut out) = (Vec::new(), Vec::new());
    for mut piece in pieces.iter().copied() {
        while let Some(event) = session.next(&mut piece, &mut out)? {
            events.push(match event {
                Event::HandshakeDone => "handshake".to_owned(),
                Event::Connect(connect) => {
                    session.accept_connect(&connect, &SETTINGS, &mut out);
                    format!("connect {}", connect.app)
                }
                Event::Publish(publish) => format!("publish {}", publish.name),
                Event::Play(play) => format!("play {}", play.name),
                Event::Stop => "stop".to_owned(),
                Event::SharedObject(message) => format!("shared object {}", message.name.escape_ascii()),
                Event::Frame(frame) => {
                    let (time, length) = (frame.timestamp - TURN, frame.payload().len());
                    format!("{:?} {:?} {time} {length}", frame.kind, frame.role)
                }
            });
        }
    }
    Ok((events, out))
}

/// What the session sent after its handshake.
fn replies(out: &[u8]) -> Vec<Message> {
    let mut reader = ChunkReader::new(SETTINGS.limits);
    let mut rest = &out[3073..];
    let mut messages = Vec::new();
    while let Some(message) = reader.next(&mut rest).unwrap() {
        if message.type_id == MessageType::SetChunkSize as u8 {
            reader.set_chunk_size(SETTINGS.chunk_size).unwrap();
        }
        messages.push(message);
    }
    messages
}

/// A handshake and these messages after it.
fn conversation(messages: &[(MessageType, &[u8])]) -> Vec<u8> {
    let mut bytes = [[3].as_slice(), &[0; 2 * 1536]].concat();
    for (kind, payload) in messages {
        write_message(&mut bytes, 128, 3, (*kind, 0, 0), payload);
    }
    bytes
}

fn command(name: &str) -> Vec<u8> {
    let object = Object::default().with("app", "live");
    amf0::encode_all(&[name.into(), 7.0.into(), Value::Object(object), "a".into()])
}

#[test]
fn ffmpeg_publishes() {
    let (events, _) = run(&[FFMPEG]).unwrap();
    assert_eq!(events[..3], ["handshake", "connect live", "publish ff"]);
    assert!(events[3].starts_with("Data Key 0 "), "{events:?}");
    assert_eq!(events[4], "Video Header 0 44");
    assert_eq!(events[5], "Audio Header 0 7");
}

#[test]
fn gstreamer_publishes() {
    let (events, _) = run(&[GSTREAMER]).unwrap();
    assert_eq!(events[..3], ["handshake", "connect live", "publish gst"]);
    assert!(events[3..].iter().any(|event| event.starts_with("Data Key")), "{events:?}");
}

#[test]
fn rtmpdump_plays() {
    let (events, out) = run(&[RTMPDUMP]).unwrap();
    assert_eq!(events, ["handshake", "connect live", "play d", "stop"]);
    let types: Vec<_> = replies(&out).iter().map(|message| message.type_id).collect();
    assert_eq!(types[..4], [5, 6, 1, 20], "window, bandwidth, chunk size and result, in nginx-rtmp's order");
}

#[test]
fn ffmpeg_signs_its_first_packet_and_gets_a_signed_answer() {
    let (_, out) = run(&[FFMPEG]).unwrap();
    assert_eq!(out[5..9], [4, 5, 0, 1], "the version of a server that signs");
    assert_ne!(out[1537..3073], FFMPEG[1..1537], "no mere echo");
}

#[test]
fn every_split_of_every_capture_gives_the_same_events_and_answers() {
    for capture in [FFMPEG, GSTREAMER, RTMPDUMP] {
        let expected = run(&[capture]).unwrap();
        for cut in 0..capture.len() {
            let (first, second) = capture.split_at(cut);
            assert_eq!(run(&[first, second]).unwrap(), expected, "cut at {cut}");
        }
    }
}

#[test]
fn commands_that_need_no_decision_are_answered_at_once() {
    for (name, expected) in [
        ("createStream", "_result"),
        ("releaseStream", "_result"),
        ("getStreamLength", "_result"),
        ("_checkbw", "_result"),
        ("FCPublish", "onFCPublish"),
        ("FCUnpublish", "onFCUnpublish"),
        ("FCSubscribe", "onFCSubscribe"),
        ("noSuchThing", "_error"),
    ] {
        let (connect, then) = (command("connect"), command(name));
        let input = conversation(&[(MessageType::CommandAmf0, &connect), (MessageType::CommandAmf0, &then)]);
        let (_, out) = run(&[&input]).unwrap();
        let last = replies(&out).pop().unwrap();
        let values = amf0::decode(last.payload()).unwrap();
        assert_eq!(values[0], Value::from(expected), "{name}");
        if expected.starts_with('_') {
            assert_eq!(values[1], Value::from(7.0), "the transaction of {name}");
        }
    }
}

#[test]
fn nothing_but_connect_is_taken_first_and_only_once() {
    let media: &[u8] = &[0xaf, 1];
    let publish = command("publish");
    for (kind, payload) in [(MessageType::CommandAmf0, &publish[..]), (MessageType::Audio, media)] {
        assert!(matches!(run(&[&conversation(&[(kind, payload)])]), Err(RtmpError::Protocol(_))), "{kind:?}");
    }
    let connect = command("connect");
    let twice = conversation(&[(MessageType::CommandAmf0, &connect), (MessageType::CommandAmf0, &connect)]);
    assert!(matches!(run(&[&twice]), Err(RtmpError::Protocol("connect twice"))));
}

#[test]
fn what_comes_before_connect_is_small() {
    let input = conversation(&[(MessageType::CommandAmf0, &[0; 48 * 1024 + 1])]);
    assert!(matches!(run(&[&input]), Err(RtmpError::Chunk(ChunkError::TooLong { .. }))));
}

#[test]
fn control_messages_too_short_to_say_anything_are_left_out() {
    for type_id in [1u8, 2, 3, 4, 5, 6] {
        for length in 0..4 {
            let kind = MessageType::of(type_id).unwrap();
            let connect = command("connect");
            let input = conversation(&[(kind, &vec![0; length]), (MessageType::CommandAmf0, &connect)]);
            assert_eq!(run(&[&input]).unwrap().0, ["handshake", "connect live"], "type {type_id}, {length}");
        }
    }
}

#[test]
fn amf3_commands_and_data_are_read_past_their_format_byte() {
    let connect = [&[0], &command("connect")[..]].concat();
    let publish = [&[0], &command("publish")[..]].concat();
    let data = [&[0], &amf0::encode_all(&["onCuePoint".into(), 1.0.into()])[..]].concat();
    let input = conversation(&[
        (MessageType::CommandAmf3, &connect),
        (MessageType::CommandAmf3, &publish),
        (MessageType::DataAmf3, &data),
    ]);
    let (events, _) = run(&[&input]).unwrap();
    assert_eq!(events[1..], ["connect live", "publish a", "Data Key 0 22"]);
}

#[test]
fn set_data_frame_is_taken_off() {
    let metadata = amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(Object::default())]);
    let wrapped = [amf0::encode_all(&["@setDataFrame".into()]), metadata.clone()].concat();
    let connect = command("connect");
    let input = conversation(&[(MessageType::CommandAmf0, &connect), (MessageType::DataAmf0, &wrapped)]);
    assert_eq!(run(&[&input]).unwrap().0[2], format!("Data Key 0 {}", metadata.len()));
}

#[test]
fn pings_are_answered_with_their_time() {
    let input = conversation(&[(MessageType::UserControl, &[0, 6, 1, 2, 3, 4])]);
    let (_, out) = run(&[&input]).unwrap();
    assert_eq!(replies(&out)[0].payload(), [0, 7, 1, 2, 3, 4]);
}

#[test]
fn received_bytes_are_acknowledged_in_the_clients_window() {
    let connect = command("connect");
    let video = vec![0x27; 6000];
    let mut messages = vec![
        (MessageType::WindowAcknowledgementSize, &[0, 0, 0x10, 0][..]),
        (MessageType::CommandAmf0, &connect),
    ];
    messages.extend([(MessageType::Video, &video[..]); 10]);
    let (_, out) = run(&[&conversation(&messages)]).unwrap();
    let replies = replies(&out);
    let acknowledged = replies.iter().filter(|message| message.type_id == 3);
    let counts: Vec<_> = acknowledged.map(|m| u32::from_be_bytes(m.payload().try_into().unwrap())).collect();
    assert_eq!(counts.len(), 10);
    assert!(counts.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn timestamps_are_unwrapped_to_the_nearest() {
    let mut session = ServerSession::new(1);
    let times = [10, 0xffff_fff0, 0, 0x7fff_ffff, 0xffff_fffe, 5];
    let unwrapped = times.map(|time| session.unwrap(time));
    let second = TURN * 2;
    assert_eq!(unwrapped, [TURN + 10, TURN - 16, TURN, TURN + 0x7fff_ffff, second - 2, second + 5]);
}
