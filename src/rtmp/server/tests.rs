//! Sessions fed with what real clients sent, and with what none should.

use super::*;
use crate::media::amf::{Object, Value, amf0};
use crate::media::flv;
use crate::rtmp::aggregate::MAX_PARTS;
use crate::rtmp::chunk::{ChunkError, ChunkReader, Extended, write_message};
use crate::rtmp::input::SMALLEST_WINDOW;
use crate::rtmp::message::csid;

const FFMPEG: &[u8] = include_bytes!("../../../tests/captures/ffmpeg-publish.bin");
const GSTREAMER: &[u8] = include_bytes!("../../../tests/captures/gstreamer-publish.bin");
const RTMPDUMP: &[u8] = include_bytes!("../../../tests/captures/rtmpdump-play.bin");
const GO_ORYX: &[u8] = include_bytes!("../../../tests/captures/go-oryx-connect.bin");
const ROOT_ENCODER: &[u8] = include_bytes!("../../../tests/captures/rootencoder-connect.bin");
const FFMPEG_7: &[u8] = include_bytes!("../../../tests/captures/ffmpeg7-connect.bin");

/// Timestamps begin one turn of their 32 bits up.
const TURN: u64 = 1 << 32;

const SETTINGS: Settings = Settings {
    chunking: Chunking { size: 4096, extended: Extended::Repeated },
    ack_window: 5_000_000,
    extended_habit: ExtendedHabit::Unknown,
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
                Event::Refused { what, why } => format!("{what} refused: {why}"),
                Event::Stop(stop) => format!("stop {stop:?}"),
                Event::Control { msid, control } => format!("{control:?} on {msid}"),
                Event::Nothing => "nothing".to_owned(),
                Event::LeftOut(what) => format!("left out {what}"),
                Event::SharedObject(message) => format!("shared object {}", message.name.escape_ascii()),
                Event::BufferLength(length) => format!("buffer {length}"),
                Event::Frame { frame, .. } => {
                    let (time, length) = (frame.timestamp - TURN, frame.payload().len());
                    format!("{:?} {:?} {time} {length}", frame.kind, frame.role)
                }
            });
        }
    }
    Ok((events, out))
}

/// The messages that the session sent after its handshake.
fn replies(out: &[u8]) -> Vec<Message> {
    let mut reader = ChunkReader::new(SETTINGS.limits);
    let mut rest = &out[3073..];
    let mut messages = Vec::new();
    while let Some(message) = reader.next(&mut rest).unwrap() {
        if message.type_id == MessageType::SetChunkSize as u8 {
            reader.set_chunk_size(SETTINGS.chunking.size).unwrap();
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
    let buffers = ["buffer 300", "play d", "buffer 36000000"];
    assert_eq!(events[..2], ["handshake", "connect live"]);
    assert_eq!((&events[2..5], &*events[5]), (&buffers.map(String::from)[..], "stop Stream(1)"));
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
fn messages_before_connect_are_small() {
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
    assert_eq!(events[1..], ["connect live", "publish a", "DataAmf3 Key 0 23"]);
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
fn a_buffer_length_is_an_event() {
    let connect = command("connect");
    let length = [0, 3, 0, 0, 0, 1, 0, 0, 11, 184];
    let input = conversation(&[(MessageType::CommandAmf0, &connect), (MessageType::UserControl, &length)]);
    assert_eq!(run(&[&input]).unwrap().0[2], "buffer 3000");
}

#[test]
fn pings_are_answered_with_their_time() {
    let input = conversation(&[(MessageType::UserControl, &[0, 6, 1, 2, 3, 4])]);
    let (_, out) = run(&[&input]).unwrap();
    assert_eq!(replies(&out)[0].payload(), [0, 7, 1, 2, 3, 4]);
}

#[test]
fn an_acknowledgement_is_owed_for_half_the_clients_window_or_of_what_it_was_told() {
    let payload = vec![0x27; 500];
    for (window, least) in [(None, 2_500_000), (Some(100_000), 50_000), (Some(5), SMALLEST_WINDOW / 2)] {
        let mut peer = Conversation::new();
        if let Some(window) = window {
            peer.send((MessageType::WindowAcknowledgementSize, 0, 0), &u32::to_be_bytes(window));
        }
        peer.session.acknowledge(&mut Vec::new());
        for _ in 0..2 {
            let before = peer.session.input.received;
            while !peer.session.owes_acknowledgement() {
                assert!(peer.send((MessageType::Video, 1, 0), &payload).1.is_empty(), "not by itself");
            }
            let (came, mut out) = (peer.session.input.received - before, Vec::new());
            assert!((u64::from(least)..u64::from(least) + 600).contains(&came), "{came} of {window:?}");
            peer.session.acknowledge(&mut out);
            let message = peer.reader.next(&mut &out[..]).unwrap().unwrap();
            let total = peer.session.input.received as u32;
            assert_eq!(numbers(&[message]), [(MessageType::Acknowledgement as u8, total)]);
        }
    }
}

#[test]
fn timestamps_are_unwrapped_to_the_nearest() {
    let mut session = ServerSession::new(1);
    let times = [10, 0xffff_fff0, 0, 0x7fff_ffff, 0xffff_fffe, 5];
    let unwrapped = times.map(|time| {
        let unwrapped = session.input.unwrap(time);
        session.input.clock = Some(unwrapped);
        unwrapped
    });
    let second = TURN * 2;
    assert_eq!(unwrapped, [TURN + 10, TURN - 16, TURN, TURN + 0x7fff_ffff, second - 2, second + 5]);
}

/// A connected session, fed and heard message by message.
struct Conversation {
    session: ServerSession,
    reader: ChunkReader,
}

impl Conversation {
    fn new() -> Self {
        let (mut session, mut out) = (ServerSession::new(1), Vec::new());
        let input = conversation(&[(MessageType::CommandAmf0, &command("connect"))]);
        let mut rest = &input[..];
        while let Some(event) = session.next(&mut rest, &mut out).unwrap() {
            if let Event::Connect(connect) = event {
                session.accept_connect(&connect, &SETTINGS, &mut out);
            }
        }
        session.begin_publishing(SETTINGS.limits);
        let mut reader = ChunkReader::new(SETTINGS.limits);
        reader.set_chunk_size(SETTINGS.chunking.size).unwrap();
        Self { session, reader }
    }

    /// Sends a message; returns the events it makes and the messages it is answered with.
    fn send(&mut self, header: (MessageType, u32, u32), payload: &[u8]) -> (Vec<Event>, Vec<Message>) {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        write_message(&mut bytes, 128, 3, header, payload);
        let mut rest = &bytes[..];
        let next = || self.session.next(&mut rest, &mut out).unwrap();
        let events: Vec<_> = std::iter::from_fn(next).collect();
        let mut rest = &out[..];
        (events, std::iter::from_fn(|| self.reader.next(&mut rest).unwrap()).collect())
    }

    fn command(&mut self, msid: u32, values: &[Value]) -> (Vec<Event>, Vec<Message>) {
        self.send((MessageType::CommandAmf0, msid, 0), &amf0::encode_all(values))
    }
}

fn numbers(messages: &[Message]) -> Vec<(u8, u32)> {
    let number = |m: &Message| u32::from_be_bytes(m.payload().try_into().unwrap());
    messages.iter().map(|message| (message.type_id, number(message))).collect()
}

#[test]
fn an_aggregate_is_its_parts_at_their_times() {
    let mut peer = Conversation::new();
    let mut aggregate = Vec::new();
    for (kind, time, payload) in [
        (Kind::Video, 0xffff_fff0, &[0x17, 1, 0, 0, 0][..]),
        (Kind::Audio, 4, &[0xaf, 1]),
        (Kind::Data, 20, &[2, 0, 1, b'x']),
    ] {
        flv::write_tag(&mut aggregate, kind, time, payload);
    }
    for (cut, count) in [(0, 3), (4, 3), (5, 2), (aggregate.len(), 0)] {
        let whole = aggregate.len() - cut;
        let (events, _) = peer.send((MessageType::Aggregate, 1, 1000), &aggregate[..whole]);
        let parts = events.iter().map(|event| match event {
            Event::Frame { msid: 1, frame } => (frame.kind, frame.timestamp - TURN),
            other => panic!("{other:?}"),
        });
        let expected = [(Kind::Video, 1000), (Kind::Audio, 1020), (Kind::Data, 1036)];
        assert_eq!(parts.collect::<Vec<_>>(), expected[..count], "without the last {cut} bytes");
    }
    let mut nested = Vec::new();
    flv::write_tag(&mut nested, Kind::Video, 0, &aggregate);
    nested[0] = MessageType::Aggregate as u8;
    assert!(peer.send((MessageType::Aggregate, 1, 0), &nested).0.is_empty());
    assert_eq!(peer.send((MessageType::Audio, 1, 0), &[0xaf, 1]).0.len(), 1, "the session goes on");
}

#[test]
fn an_aggregate_of_parts_without_end_is_left_out_and_named_once() {
    let mut peer = Conversation::new();
    // Empty parts of audio, of types that say nothing, and of none that is known.
    for type_id in [8, 3, 18, 0] {
        let mut part = [0; 15];
        part[0] = type_id;
        let (most, _) = peer.send((MessageType::Aggregate, 1, 0), &part.repeat(MAX_PARTS));
        // Those that ask nothing are passed over, some at a time.
        let is_media = matches!(type_id, 8 | 18);
        let silent = (MAX_PARTS + 1) / MAX_WITHOUT_EVENT;
        assert_eq!(most.len(), if is_media { MAX_PARTS } else { silent }, "{type_id}");
        assert!(is_media || most.iter().all(|event| matches!(event, Event::Nothing)));
        let (more, _) = peer.send((MessageType::Aggregate, 1, 0), &part.repeat(MAX_PARTS + 1));
        let is_named = type_id == 8;
        assert!(more.len() == usize::from(is_named) && more.iter().all(|e| matches!(e, Event::LeftOut(_))));
    }
    assert_eq!(peer.send((MessageType::Audio, 1, 0), &[0xaf, 1]).0.len(), 1, "the session goes on");
}

#[test]
fn a_bandwidth_is_answered_with_a_window_if_that_is_news() {
    let mut peer = Conversation::new();
    let bandwidth = |size: u32| [&size.to_be_bytes()[..], &[2]].concat();
    let same = bandwidth(SETTINGS.ack_window);
    assert!(peer.send((MessageType::SetPeerBandwidth, 0, 0), &same).1.is_empty());
    let (_, answers) = peer.send((MessageType::SetPeerBandwidth, 0, 0), &bandwidth(250_000));
    assert_eq!(numbers(&answers), [(MessageType::WindowAcknowledgementSize as u8, 250_000)]);
    assert!(peer.send((MessageType::SetPeerBandwidth, 0, 0), &bandwidth(250_000)).1.is_empty());
}

#[test]
fn acknowledgements_go_on_past_four_gigabytes() {
    let mut peer = Conversation::new();
    peer.session.input.received = u64::from(u32::MAX) - 10;
    peer.session.input.acknowledged = peer.session.input.received;
    let (payload, mut last) = (vec![0x27; 100_000], u32::MAX - 10);
    for _ in 0..3 {
        while !peer.session.owes_acknowledgement() {
            peer.send((MessageType::Video, 1, 0), &payload);
        }
        let mut out = Vec::new();
        peer.session.acknowledge(&mut out);
        let message = peer.reader.next(&mut &out[..]).unwrap().unwrap();
        let (_, number) = numbers(&[message])[0];
        assert!((2_500_000..2_700_000).contains(&number.wrapping_sub(last)), "{number} after {last}");
        last = number;
    }
}

#[test]
fn message_streams_are_handed_out_and_taken_back() {
    let mut peer = Conversation::new();
    let mut create = || {
        let (_, answers) = peer.command(0, &["createStream".into(), 2.0.into(), Value::Null]);
        amf0::decode(answers[0].payload()).unwrap()
    };
    let ids: Vec<_> = (0..16).map(|_| create()[3].as_number().unwrap()).collect();
    assert!(ids.iter().zip(1..).all(|(id, expected)| *id == f64::from(expected)), "{ids:?}");
    assert_eq!(create()[0], "_error".into());
    let (events, _) = peer.command(0, &["deleteStream".into(), 0.0.into(), Value::Null, 5.0.into()]);
    assert!(matches!(events[..], [Event::Stop(Stop::Stream(5))]));
    let (_, answers) = peer.command(0, &["createStream".into(), 2.0.into(), Value::Null]);
    assert_eq!(amf0::decode(answers[0].payload()).unwrap()[3], 5.0.into());
}

#[test]
fn the_commands_of_players_and_publishers_are_events() {
    let mut peer = Conversation::new();
    let mut event = |values: &[Value]| match peer.command(3, values).0.pop() {
        Some(Event::Control { msid: 3, control }) => format!("{control:?}"),
        Some(Event::Stop(stop)) => format!("{stop:?}"),
        other => panic!("{other:?}"),
    };
    let null = Value::Null;
    let receive = |kind: &str, wanted| format!("Receive {{ kind: {kind}, wanted: {wanted} }}");
    assert_eq!(event(&["pause".into(), 0.0.into(), null.clone(), true.into(), 500.0.into()]), "Pause");
    assert_eq!(event(&["pause".into(), 0.0.into(), null.clone(), false.into(), 500.0.into()]), "Unpause");
    assert_eq!(event(&["pauseRaw".into(), 0.0.into(), null.clone(), true.into()]), "Pause");
    assert_eq!(event(&["seek".into(), 0.0.into(), null.clone(), 500.0.into()]), "Seek { to: 500 }");
    let audio = event(&["receiveAudio".into(), 0.0.into(), null.clone(), false.into()]);
    assert_eq!(audio, receive("Audio", false));
    let video = event(&["receiveVideo".into(), 0.0.into(), null.clone(), true.into()]);
    assert_eq!(video, receive("Video", true));
    assert_eq!(event(&["closeStream".into(), 0.0.into(), null.clone()]), "Stream(3)");
    let unpublish = event(&["FCUnpublish".into(), 0.0.into(), null, "cam?key=1".into()]);
    assert_eq!(unpublish, "Published(\"cam\")");
}

/// The two objects of the answer to the connect in what a client sent.
fn answer_to_connect(input: &[u8]) -> [Object; 2] {
    let (events, out) = run(&[input]).unwrap();
    assert_eq!(events[..2], ["handshake", "connect live"]);
    let messages = replies(&out);
    let types: Vec<_> = messages.iter().map(|message| message.type_id).collect();
    assert_eq!(types[..4], [5, 6, 1, 20], "window, bandwidth, chunk size and result, in nginx-rtmp's order");
    let values = amf0::decode(messages[3].payload()).unwrap();
    assert_eq!(values[0], "_result".into());
    [&values[2], &values[3]].map(|value| value.as_object().unwrap().clone())
}

#[test]
fn a_client_that_says_nothing_of_enhanced_rtmp_is_answered_as_adobe_s_server_and_nginx_rtmp_do() {
    for capture in [GO_ORYX, ROOT_ENCODER, FFMPEG, GSTREAMER, RTMPDUMP] {
        let [server, info] = answer_to_connect(capture);
        let names = |object: &Object| object.0.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&server), ["fmsVer", "capabilities"]);
        assert_eq!(names(&info), ["level", "code", "description", "objectEncoding"]);
        assert_eq!(info.str("code"), Some("NetConnection.Connect.Success"));
    }
}

#[test]
fn a_client_that_speaks_enhanced_rtmp_is_told_what_the_server_can_do() {
    for object in answer_to_connect(FFMPEG_7) {
        assert_eq!(object.number("capsEx"), Some(15.0));
        assert_eq!(object.get("fourCcList"), Some(&Value::StrictArray(vec!["*".into()])));
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            assert_eq!(object.get(map).and_then(Value::as_object).unwrap().number("*"), Some(4.0));
        }
    }
}

#[test]
fn nothing_follows_the_answer_to_connect() {
    let (_, out) = run(&[&conversation(&[(MessageType::CommandAmf0, &command("connect"))])]).unwrap();
    assert_eq!(replies(&out).last().map(|message| message.type_id), Some(20));
}

#[test]
fn data_messages_keep_their_type_and_every_byte() {
    let mut peer = Conversation::new();
    let mut data = |kind, payload: &[u8]| match peer.send((kind, 1, 9), payload).0.pop() {
        Some(Event::Frame { frame, .. }) => (frame.kind, frame.payload().to_vec()),
        other => panic!("{other:?}"),
    };
    // The last is none that could be read.
    for payload in [&b"\x02\x00\x01x\x11\x06\x03y"[..], b"\x00\x40\x00\x00\x00\x00\x00\x00\x00", b"\x7f!"] {
        assert_eq!(data(MessageType::DataAmf0, payload), (Kind::Data, payload.to_vec()));
        assert_eq!(data(MessageType::DataAmf3, payload), (Kind::DataAmf3, payload.to_vec()));
    }
    let wrapped = b"\x00\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
    assert_eq!(
        data(MessageType::DataAmf3, wrapped),
        (Kind::DataAmf3, b"\x00\x02\x00\x0aonMetaData\x05".to_vec())
    );
    // Uniview's cameras.
    let behind_numbers = [&[0; 18], &b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05"[..]].concat();
    let metadata = b"\x02\x00\x0aonMetaData\x05".to_vec();
    assert_eq!(data(MessageType::DataAmf0, &behind_numbers), (Kind::Data, metadata.clone()));
    assert_eq!(data(MessageType::CommandAmf0, &behind_numbers), (Kind::Data, metadata));
    let command = b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
    assert_eq!(data(MessageType::CommandAmf0, command), (Kind::Data, command[16..].to_vec()));
}

#[test]
fn data_stamped_0_does_not_turn_the_clock() {
    let mut peer = Conversation::new();
    let mut time = |kind, timestamp| match peer.send((kind, 1, timestamp), &[0x27, 1, 0, 0, 0]).0.pop() {
        Some(Event::Frame { frame, .. }) => frame.timestamp - TURN,
        other => panic!("{other:?}"),
    };
    assert_eq!(time(MessageType::Video, 0x9000_0000), 0x9000_0000);
    time(MessageType::DataAmf0, 0);
    assert_eq!(time(MessageType::Video, 0x9000_0010), 0x9000_0010);
}

#[test]
fn a_client_that_can_is_asked_to_reconnect_on_the_connection_s_own_stream() {
    let mut peer = Conversation::new();
    let mut out = Vec::new();
    peer.session.write_reconnect_request(&mut out);
    let message = peer.reader.next(&mut &out[..]).unwrap().unwrap();
    assert_eq!((message.type_id, message.msid, out[0]), (20, 0, csid::COMMAND));
    let values = amf0::decode(message.payload()).unwrap();
    let info = values[3].as_object().unwrap();
    assert_eq!(info.str("code"), Some("NetConnection.Connect.ReconnectRequest"));
    assert_eq!((values[0].as_str(), values[1].as_number()), (Some("onStatus"), Some(0.0)));
}
