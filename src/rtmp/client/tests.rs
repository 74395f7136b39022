//! Sessions of a client against the server's own, and against servers by hand.

use proptest::prelude::*;

use super::*;
use crate::media::amf::{Object, Value, amf0};
use crate::media::flv;
use crate::rtmp::ServerSession;
use crate::rtmp::aggregate::MAX_PARTS;
use crate::rtmp::chunk::{ChunkReader, Extended, ExtendedHabit, write_message};
use crate::rtmp::command::Level;
use crate::rtmp::server;

const SETTINGS: Settings = Settings {
    chunking: Chunking { size: 4096, extended: Extended::Repeated },
    ack_window: 5_000_000,
    extended_habit: ExtendedHabit::Unknown,
    limits: Limits { message: 1 << 20, streams: 32, held: 1 << 21 },
};

fn ask(purpose: Purpose) -> Ask {
    Ask {
        app: "live?token=t0ken".to_owned(),
        tc_url: "rtmp://origin.example/live?token=t0ken".to_owned(),
        page_url: String::new(),
        swf_url: String::new(),
        flash_ver: "FMLE/3.0 (compatible; Millstream)".to_owned(),
        auth: String::new(),
        path: "00000000000000aa".to_owned(),
        stream: "cam?key=se-cret".to_owned(),
        purpose,
    }
}

const PLAY: Purpose = Purpose::Play { start: -1000, duration: -1000, buffer: 5000 };

/// A client and the server's own session, which grants all.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// What both have made of it.
    events: Vec<String>,
}

impl Pair {
    fn new(purpose: Purpose) -> Self {
        let mut pair = Self {
            client: ClientSession::new(ask(purpose), &SETTINGS, 7),
            server: ServerSession::new(1),
            to_server: Vec::new(),
            to_client: Vec::new(),
            events: Vec::new(),
        };
        pair.client.begin(&mut pair.to_server);
        pair
    }

    fn run(&mut self) {
        while !(self.to_server.is_empty() && self.to_client.is_empty()) {
            self.serve();
            let input = mem::take(&mut self.to_client);
            let mut rest = &input[..];
            while let Some(event) = self.client.next(&mut rest, &mut self.to_server).unwrap() {
                self.events.push(format!("client {event:?}"));
            }
        }
    }

    fn serve(&mut self) {
        let input = mem::take(&mut self.to_server);
        let mut rest = &input[..];
        while let Some(event) = self.server.next(&mut rest, &mut self.to_client).unwrap() {
            let out = &mut self.to_client;
            self.events.push(match event {
                server::Event::Connect(connect) => {
                    self.server.accept_connect(&connect, &SETTINGS, out);
                    format!("connect {} {} {}", connect.app, connect.args, connect.is_publisher)
                }
                server::Event::Publish(publish) => {
                    self.server.begin_publishing(SETTINGS.limits);
                    let code = (Level::Status, "NetStream.Publish.Start");
                    self.server.write_status(out, publish.msid, code, "");
                    format!("publish {} {}", publish.name, publish.args)
                }
                server::Event::Play(play) => {
                    self.server.write_status(out, play.msid, (Level::Status, "NetStream.Play.Start"), "");
                    format!("play {} {} {:?} {:?}", play.name, play.args, play.start, play.duration)
                }
                server::Event::HandshakeDone => continue,
                other => format!("{other:?}"),
            });
        }
    }
}

#[test]
fn it_publishes_to_the_server_s_own_session() {
    let mut pair = Pair::new(Purpose::Publish);
    pair.run();
    let expected = [
        "client HandshakeDone",
        "connect live token=t0ken true",
        "publish cam key=se-cret",
        "client Began(1)",
    ];
    assert_eq!(pair.events, expected);
    assert_eq!(pair.client.message_stream(), Some(1));
    pair.client.unpublish(&mut pair.to_server);
    pair.run();
    assert_eq!(pair.events[4..], ["Stop(Published(\"cam\"))", "Stop(Stream(1))"]);
}

#[test]
fn it_plays_from_the_server_s_own_session() {
    let mut pair = Pair::new(PLAY);
    pair.run();
    let expected = [
        "client HandshakeDone",
        "connect live token=t0ken false",
        "play cam key=se-cret Some(-1000) None",
        "BufferLength(5000)",
        "client Began(1)",
    ];
    assert_eq!(pair.events, expected);
    pair.client.unpublish(&mut pair.to_server);
    pair.run();
    assert_eq!(pair.events[5..], ["Stop(Stream(1))"]);
}

/// A client that has asked what it came for, and hears a server by hand.
struct Asking {
    client: ClientSession,
    out: Vec<u8>,
}

impl Asking {
    /// Up to the answer of connect.
    fn connecting(purpose: Purpose) -> Self {
        let mut asking = Self { client: ClientSession::new(ask(purpose), &SETTINGS, 7), out: Vec::new() };
        let events = asking.hear_bytes(&[[3].as_slice(), &[0; 2 * 1536]].concat());
        assert_eq!(events, ["HandshakeDone"]);
        asking
    }

    /// On message stream 2.
    fn new(purpose: Purpose) -> Self {
        let mut asking = Self::connecting(purpose);
        assert_eq!(asking.answer("_result", 1.0, "NetConnection.Connect.Success"), [""; 0]);
        let id = ["_result".into(), 4.0.into(), Value::Null, 2.0.into()];
        assert_eq!(asking.command(0, &id), [""; 0]);
        asking
    }

    fn playing() -> Self {
        let mut asking = Self::new(PLAY);
        assert_eq!(asking.status(2, "status", "NetStream.Play.Start", ""), ["Began(2)"]);
        asking
    }

    fn hear_bytes(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.client.next(&mut bytes, &mut self.out).unwrap() {
            events.push(match event {
                Event::Frame(frame) => {
                    let payload = frame.payload().escape_ascii().to_string();
                    format!("{:?} {} {payload}", frame.kind, frame.timestamp.wrapping_sub(1 << 32))
                }
                other => format!("{other:?}"),
            });
        }
        events
    }

    fn hear(&mut self, header: (MessageType, u32, u32), payload: &[u8]) -> Vec<String> {
        let mut bytes = Vec::new();
        write_message(&mut bytes, 128, 3, header, payload);
        self.hear_bytes(&bytes)
    }

    fn command(&mut self, msid: u32, values: &[Value]) -> Vec<String> {
        self.hear((MessageType::CommandAmf0, msid, 0), &amf0::encode_all(values))
    }

    fn answer(&mut self, name: &str, transaction: f64, code: &str) -> Vec<String> {
        let info = Object::default().with("code", code).with("description", "d");
        self.command(0, &[name.into(), transaction.into(), Value::Null, Value::Object(info)])
    }

    fn status(&mut self, msid: u32, level: &str, code: &str, description: &str) -> Vec<String> {
        let info = Object::default().with("level", level).with("code", code).with("description", description);
        self.command(msid, &["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)])
    }

    /// The names of the commands that it has sent since this was called last.
    fn sent(&mut self) -> Vec<String> {
        let out = mem::take(&mut self.out);
        let mut reader = ChunkReader::new(SETTINGS.limits);
        let (mut rest, mut names) = (&out[..], Vec::new());
        while let Some(message) = reader.next(&mut rest).unwrap() {
            if message.type_id == MessageType::SetChunkSize as u8 {
                reader.set_chunk_size(SETTINGS.chunking.size).unwrap();
            }
            names.push(match amf0::decode(message.payload()) {
                Ok(values) if message.type_id == 20 => values[0].as_str().unwrap().to_owned(),
                _ => format!("{:?}", MessageType::of(message.type_id).unwrap()),
            });
        }
        names
    }
}

fn refused(code: &str, description: &str) -> [String; 1] {
    [format!("Refused {{ code: {code:?}, description: {description:?} }}")]
}

#[test]
fn commands_come_in_the_order_that_encoders_and_players_have() {
    let mut publisher = Asking::connecting(Purpose::Publish);
    // Behind C2.
    publisher.out.drain(..1536);
    assert_eq!(publisher.sent(), ["connect"]);
    publisher.answer("_result", 1.0, "NetConnection.Connect.Success");
    assert_eq!(publisher.sent(), ["SetChunkSize", "releaseStream", "FCPublish", "createStream"]);
    publisher.command(0, &["_result".into(), 4.0.into(), Value::Null, 1.0.into()]);
    // The reader here knows no chunk size of before, and needs none for so little.
    assert_eq!(publisher.sent(), ["publish"]);
    let mut player = Asking::connecting(PLAY);
    player.out.clear();
    player.answer("_result", 1.0, "NetConnection.Connect.Success");
    assert_eq!(player.sent(), ["WindowAcknowledgementSize", "createStream"]);
    player.command(0, &["_result".into(), 4.0.into(), Value::Null, 1.0.into()]);
    assert_eq!(player.sent(), ["play", "UserControl"]);
}

#[test]
fn the_connect_says_what_ffmpeg_s_and_nginx_rtmp_s_say_and_what_is_possible() {
    for purpose in [Purpose::Publish, PLAY] {
        let mut asking = Asking::connecting(purpose.clone());
        let mut reader = ChunkReader::new(SETTINGS.limits);
        let message = reader.next(&mut &asking.out.split_off(1536)[..]).unwrap().unwrap();
        let values = amf0::decode(message.payload()).unwrap();
        assert_eq!(values[..2], ["connect".into(), 1.0.into()]);
        let object = values[2].as_object().unwrap();
        assert_eq!(object.str("app"), Some("live?token=t0ken"));
        assert_eq!(object.str("tcUrl"), Some("rtmp://origin.example/live?token=t0ken"));
        assert_eq!(object.str("type"), (purpose == Purpose::Publish).then_some("nonprivate"));
        assert_eq!(object.str("relayPath"), Some("00000000000000aa"));
        assert_eq!((object.number("capsEx"), object.number("videoFunction")), (Some(15.0), Some(6.0)));
        assert_eq!(object.get("fourCcList"), Some(&Value::StrictArray(vec!["*".into()])));
        assert_eq!(object.get("swfUrl"), None, "what is empty is not told");
    }
}

#[test]
fn errors_of_what_needs_no_answer_are_none_and_others_refuse() {
    let mut publisher = Asking::connecting(Purpose::Publish);
    publisher.answer("_result", 1.0, "NetConnection.Connect.Success");
    for transaction in [2.0, 3.0, 0.0, 99.0] {
        assert_eq!(publisher.answer("_error", transaction, "NetConnection.Call.Failed"), [""; 0]);
    }
    assert_eq!(publisher.answer("_error", 4.0, "NetStream.Failed"), refused("NetStream.Failed", "d"));
    assert_eq!(publisher.answer("_error", 4.0, "NetStream.Failed"), [""; 0], "it is said once");
    let mut publisher = Asking::new(Purpose::Publish);
    assert_eq!(publisher.answer("_error", 5.0, "NetStream.Failed"), refused("NetStream.Failed", "d"));
    let mut publisher = Asking::connecting(Purpose::Publish);
    let expected = refused("NetConnection.Connect.Rejected", "d");
    assert_eq!(publisher.answer("_error", 1.0, "NetConnection.Connect.Rejected"), expected);
    // An error without an object, as some servers written by hand have it.
    let mut publisher = Asking::connecting(Purpose::Publish);
    assert_eq!(publisher.command(0, &["_error".into(), 1.0.into(), "no".into()]), refused("_error", "no"));
}

#[test]
fn statuses_begin_refuse_and_end() {
    let ended = |code: &str| [format!("Ended {{ code: {code:?}, description: \"\" }}")];
    for (purpose, level, code, expected) in [
        (Purpose::Publish, "status", "NetStream.Publish.Start", &["Began(2)".to_owned()]),
        (Purpose::Publish, "error", "NetStream.Publish.BadName", &refused("NetStream.Publish.BadName", "")),
        (Purpose::Publish, "", "NetStream.Publish.BadName", &refused("NetStream.Publish.BadName", "")),
        (Purpose::Publish, "status", "NetStream.Publish.Denied", &refused("NetStream.Publish.Denied", "")),
        (Purpose::Publish, "error", "Anything", &refused("Anything", "")),
        (PLAY, "status", "NetStream.Play.Start", &["Began(2)".to_owned()]),
        (PLAY, "error", "NetStream.Play.StreamNotFound", &refused("NetStream.Play.StreamNotFound", "")),
        (PLAY, "status", "NetStream.Play.Failed", &refused("NetStream.Play.Failed", "")),
    ] {
        assert_eq!(Asking::new(purpose).status(2, level, code, ""), expected, "{level} {code}");
    }
    for code in [
        "NetStream.Play.Reset",
        "NetStream.Play.PublishNotify",
        "NetStream.Play.Stop",
        "NetStream.Data.Start",
    ] {
        let mut player = Asking::new(PLAY);
        assert_eq!(player.status(2, "status", code, ""), [""; 0], "{code} before it plays");
    }
    for code in ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete"] {
        let mut player = Asking::playing();
        assert_eq!(player.status(2, "status", code, ""), ended(code));
        assert_eq!(player.status(2, "status", code, ""), [""; 0], "it is said once");
    }
    let mut player = Asking::playing();
    assert_eq!(player.hear((MessageType::UserControl, 0, 0), &[0, 1, 0, 0, 0, 1]), [""; 0]);
    assert_eq!(player.hear((MessageType::UserControl, 0, 0), &[0, 1, 0, 0, 0, 2]), ended("StreamEOF"));
    let mut player = Asking::playing();
    assert_eq!(player.command(0, &["close".into(), 0.0.into(), Value::Null]), ended("close"));
}

#[test]
fn a_notice_of_fc_publish_grants_nothing_but_may_refuse() {
    let mut publisher = Asking::new(Purpose::Publish);
    assert_eq!(publisher.answer("onFCPublish", 0.0, "NetStream.Publish.Start"), [""; 0]);
    // As ffmpeg has it.
    assert_eq!(publisher.command(0, &["onFCPublish".into(), 0.0.into(), Value::Null]), [""; 0]);
    let expected = refused("NetStream.Publish.BadName", "d");
    assert_eq!(publisher.answer("onFCPublish", 0.0, "NetStream.Publish.BadName"), expected);
}

#[test]
fn a_request_to_reconnect_is_an_event_of_the_connection_s_own_message_stream() {
    let mut publisher = Asking::new(Purpose::Publish);
    publisher.status(2, "status", "NetStream.Publish.Start", "");
    let request = "NetConnection.Connect.ReconnectRequest";
    assert_eq!(publisher.status(0, "status", request, ""), ["Reconnect(\"\")"]);
    assert_eq!(publisher.status(2, "status", request, ""), [""; 0]);
    let info = Object::default().with("code", request).with("tcUrl", "//b.example/live");
    let values = ["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)];
    assert_eq!(publisher.command(0, &values), ["Reconnect(\"//b.example/live\")"]);
    assert_eq!(publisher.client.message_stream(), Some(2), "it goes on meanwhile");
}

#[test]
fn adobe_s_authentication_is_asked_for_by_the_description() {
    let mut publisher = Asking::connecting(Purpose::Publish);
    let text = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
    let info = Object::default().with("code", "NetConnection.Connect.Rejected").with("description", text);
    let events = publisher.command(0, &["_error".into(), 1.0.into(), Value::Null, Value::Object(info)]);
    assert_eq!(events, [format!("Authenticate({text:?})")]);
}

#[test]
fn media_alone_answers_a_play_too_and_data_for_the_player_is_none_of_the_stream() {
    let mut player = Asking::new(PLAY);
    let data = |name: &str| amf0::encode_all(&[name.into(), true.into()]);
    assert_eq!(player.hear((MessageType::DataAmf0, 2, 0), &data("|RtmpSampleAccess")), [""; 0]);
    let status = Object::default().with("code", "NetStream.Data.Start");
    let status = amf0::encode_all(&["onStatus".into(), Value::Object(status)]);
    assert_eq!(player.hear((MessageType::DataAmf0, 2, 0), &status), [""; 0]);
    assert_eq!(player.hear((MessageType::Audio, 3, 0), b"other"), [""; 0], "another message stream");
    assert_eq!(player.hear((MessageType::Video, 2, 70), b"first"), ["Began(2)", "Video 70 first"]);
    assert_eq!(player.status(2, "status", "NetStream.Play.Start", ""), [""; 0]);
    assert_eq!(player.hear((MessageType::Audio, 2, 80), b"sound"), ["Audio 80 sound"]);
    let metadata = amf0::encode_all(&["onMetaData".into()]);
    let expected = format!("Data 0 {}", metadata.escape_ascii());
    assert_eq!(player.hear((MessageType::DataAmf0, 2, 0), &metadata), std::slice::from_ref(&expected));
    let wrapped = [amf0::encode_all(&["@setDataFrame".into()]), metadata].concat();
    assert_eq!(player.hear((MessageType::DataAmf0, 2, 0), &wrapped), [expected]);
    let complete = Object::default().with("code", "NetStream.Play.Complete");
    let complete = amf0::encode_all(&["onPlayStatus".into(), Value::Object(complete)]);
    let events = player.hear((MessageType::DataAmf0, 2, 0), &complete);
    assert_eq!(events, ["Ended { code: \"NetStream.Play.Complete\", description: \"\" }"]);
    assert_eq!(player.hear((MessageType::Audio, 2, 90), b"more"), [""; 0], "behind the end");
}

#[test]
fn a_publisher_takes_no_media() {
    let mut publisher = Asking::new(Purpose::Publish);
    publisher.status(2, "status", "NetStream.Publish.Start", "");
    for kind in [MessageType::Audio, MessageType::Video, MessageType::DataAmf0, MessageType::Aggregate] {
        assert_eq!(publisher.hear((kind, 2, 0), &[0x17; 40]), [""; 0]);
    }
    // A long one is read past, and not kept.
    let begin = [&[3, 0, 0, 0, 0x0f, 0xff, 0xff, 9, 2, 0, 0, 0][..], &[0; 128]].concat();
    assert_eq!(publisher.hear_bytes(&begin), [""; 0]);
    assert!(publisher.client.held() < 4096, "{}", publisher.client.held());
}

#[test]
fn aggregates_are_their_parts() {
    let mut player = Asking::playing();
    let mut aggregate = Vec::new();
    flv::write_tag(&mut aggregate, Kind::Video, 5, b"v");
    flv::write_tag(&mut aggregate, Kind::Audio, 9, b"a");
    assert_eq!(player.hear((MessageType::Aggregate, 2, 100), &aggregate), ["Video 100 v", "Audio 104 a"]);
    let many = [8; 15].map(|byte| if byte == 8 { 0 } else { byte }).repeat(MAX_PARTS + 1);
    assert_eq!(player.hear((MessageType::Aggregate, 2, 0), &many).len(), 1, "named once");
    assert_eq!(player.hear((MessageType::Aggregate, 2, 0), &many).len(), 0);
}

#[test]
fn bandwidth_tests_and_pings_are_answered() {
    let mut publisher = Asking::new(Purpose::Publish);
    publisher.out.clear();
    publisher.command(0, &["onBWDone".into(), 0.0.into(), Value::Null]);
    publisher.command(0, &["_onbwcheck".into(), 7.0.into(), Value::Null]);
    publisher.hear((MessageType::UserControl, 0, 0), &[0, 6, 1, 2, 3, 4]);
    publisher.hear((MessageType::SetPeerBandwidth, 0, 0), &[0, 1, 0, 0, 2]);
    publisher.hear((MessageType::SetPeerBandwidth, 0, 0), &[0, 1, 0, 0, 2]);
    assert_eq!(publisher.sent(), ["_checkbw", "_result", "UserControl", "WindowAcknowledgementSize"]);
}

#[test]
fn an_acknowledgement_is_owed_for_half_the_server_s_window() {
    let mut player = Asking::playing();
    player.hear((MessageType::WindowAcknowledgementSize, 0, 0), &100_000_u32.to_be_bytes());
    player.client.acknowledge(&mut player.out);
    let mut came = 0;
    while !player.client.owes_acknowledgement() {
        player.hear((MessageType::Audio, 2, 0), &[0; 1000]);
        came += 1000;
    }
    assert!((48_000..52_000).contains(&came), "{came}");
}

#[test]
fn a_message_stream_that_cannot_be_is_an_error() {
    for number in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let mut asking = Asking::connecting(Purpose::Publish);
        asking.answer("_result", 1.0, "NetConnection.Connect.Success");
        let mut bytes = Vec::new();
        let id = amf0::encode_all(&["_result".into(), 4.0.into(), Value::Null, number.into()]);
        write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 0, 0), &id);
        assert!(asking.client.next(&mut &bytes[..], &mut Vec::new()).is_err(), "{number}");
    }
}

#[test]
fn what_a_server_says_is_shown_without_keys_in_one_line_and_bounded() {
    for (description, expected) in [
        ("Stream cam is in use", "Stream cam is in use"),
        ("camera", "camera"),
        ("cam?key=se-cret is bad", "*** is bad"),
        ("the key se-cret, and t0ken", "the key ***, and ***"),
        ("a\r\nb\u{7}", "a  b "),
        ("ä\u{202e}b\u{2028}c\u{feff}", r"ä\u{202e}b\u{2028}c\u{feff}"),
    ] {
        let mut publisher = Asking::new(Purpose::Publish);
        let events = publisher.status(2, "error", "NetStream.Publish.BadName", description);
        assert_eq!(events, refused("NetStream.Publish.BadName", expected));
    }
    let mut publisher = Asking::new(Purpose::Publish);
    let events = publisher.status(2, "error", &"c".repeat(20_000), &"ä".repeat(10_000)).concat();
    assert!(events.len() < 1000 && events.contains("..."), "{}", events.len());
}

#[test]
fn every_split_of_a_server_s_answers_gives_the_same_events() {
    let mut pair = Pair::new(PLAY);
    let mut answers = Vec::new();
    for _ in 0..3 {
        pair.serve();
        answers.extend_from_slice(&pair.to_client);
        let input = mem::take(&mut pair.to_client);
        let mut rest = &input[..];
        while pair.client.next(&mut rest, &mut pair.to_server).unwrap().is_some() {}
    }
    pair.serve();
    answers.extend_from_slice(&pair.to_client);
    let run = |pieces: [&[u8]; 2]| {
        let mut client = ClientSession::new(ask(PLAY), &SETTINGS, 7);
        let (mut events, mut out) = (Vec::new(), Vec::new());
        for mut piece in pieces {
            while let Some(event) = client.next(&mut piece, &mut out).unwrap() {
                events.push(format!("{event:?}"));
            }
        }
        (events, out)
    };
    let expected = run([&answers, &[]]);
    assert_eq!(expected.0, ["HandshakeDone", "Began(1)"]);
    for cut in 0..answers.len() {
        let (first, second) = answers.split_at(cut);
        assert_eq!(run([first, second]), expected, "cut at {cut}");
    }
}

proptest! {
    /// Whatever a server sends after its handshake costs the session itself and no more memory than allowed.
    #[test]
    fn any_bytes_are_events_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..4000),
        plays in any::<bool>(),
    ) {
        let mut asking = Asking::new(if plays { PLAY } else { Purpose::Publish });
        let mut rest = &bytes[..];
        while let Ok(Some(_)) = asking.client.next(&mut rest, &mut asking.out) {}
        prop_assert!(asking.client.held() <= SETTINGS.limits.held + SETTINGS.limits.message as usize);
    }

    /// Commands with any values.
    #[test]
    fn any_commands_are_events_or_an_error(
        commands in proptest::collection::vec((0..12_usize, any::<f64>(), 0..6_usize, ".{0,20}"), 0..30),
        plays in any::<bool>(),
    ) {
        const NAMES: [&str; 12] = [
            "_result", "_error", "onStatus", "onFCPublish", "onFCUnpublish", "onBWDone", "_onbwcheck", "close",
            "onMetaData", "connect", "publish", "",
        ];
        let mut asking = Asking::connecting(if plays { PLAY } else { Purpose::Publish });
        for (name, number, transaction, text) in commands {
            let info = Object::default().with("code", text.as_str()).with("tcUrl", number);
            let values = [
                NAMES[name].into(), (transaction as f64).into(), Value::Null, number.into(), Value::Object(info),
            ];
            let mut bytes = Vec::new();
            let payload = amf0::encode_all(&values);
            write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 0, 0), &payload);
            let mut rest = &bytes[..];
            loop {
                match asking.client.next(&mut rest, &mut asking.out) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
        }
    }
}
