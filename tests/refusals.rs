//! Who is refused is told so: with a code that encoders know, a text, on the right message stream, before the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Stdio;
use std::time::Instant;

use millstream::media::amf::{Value, amf0};
use millstream::rtmp::message::MessageType;

use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{SOON, Server, ffmpeg};

const APPLICATIONS: &str = "rtmp { server { listen 127.0.0.1:0;
    application live { live on; }
    application unused { }
    application keyed { live on; publish_key not-to-be-guessed; play_key not-to-be-guessed; }
    application ruled { live on; deny all; } } }";

const TAKEN: &str = "already publishing: another encoder has this name; stop it, or use another name";
const LIVE_IS_OFF: &str = "live is off here: the application has no \"live on;\"";

/// What a refusal says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    code: String,
    level: String,
    why: String,
    msid: u32,
}

/// The next status or answer of a client that reads to the end of its connection.
const UNAUTHORIZED: &str = "NetStream.Publish.Unauthorized";
const DENIED: &str = "NetStream.Publish.Denied";

fn told(raw: &mut Raw) -> Told {
    let message = raw.message_of(MessageType::CommandAmf0);
    let values = amf0::decode(message.payload()).unwrap();
    let information = values.last().unwrap().as_object().unwrap();
    let text = |name| information.str(name).unwrap_or_default().to_owned();
    Told { code: text("code"), level: text("level"), why: text("description"), msid: message.msid }
}

fn error(code: &str, why: &str, msid: u32) -> Told {
    Told { code: code.to_owned(), level: "error".to_owned(), why: why.to_owned(), msid }
}

/// A client with two message streams of its own.
fn with_streams(server: &Server, app: &str) -> Raw {
    let mut raw = Raw::connected(server.rtmp(), app);
    for transaction in [2.0, 3.0] {
        raw.command("createStream", transaction, 0, &[Value::Null]);
        assert_eq!(raw.command_answer().0, "_result");
    }
    raw
}

/// Sends media without a look at what has been answered.
fn send_on(raw: &mut Raw, bytes: usize) {
    let packet = raw.encode(MessageType::Video, 1, 0, &media::noise(1, 60_000));
    for _ in 0..bytes / packet.len() {
        raw.send_bytes(&packet);
    }
}

#[test]
fn a_refusal_has_code_and_text_and_comes_on_the_message_stream_of_the_request_before_the_end() {
    let server = Server::start(APPLICATIONS);
    let _busy = Client::publish(server.rtmp(), "busy");
    let missing = |action| format!("a key is missing: {action} rtmp://HOST/keyed/NAME?key=KEY");
    let (unauthorized, failed) = (UNAUTHORIZED, "NetStream.Play.Failed");
    for (command, app, name, code, why) in [
        ("publish", "live", "busy", "NetStream.Publish.BadName", TAKEN.to_owned()),
        ("publish", "unused", "cam", "NetStream.Publish.BadName", LIVE_IS_OFF.to_owned()),
        ("publish", "keyed", "cam", unauthorized, missing("publish to")),
        ("publish", "keyed", "cam?key=guess", unauthorized, "wrong key".to_owned()),
        ("publish", "ruled", "cam", unauthorized, "clients at 127.0.0.1 may not publish here".to_owned()),
        ("play", "keyed", "cam", failed, missing("play")),
        ("play", "ruled", "cam", failed, "clients at 127.0.0.1 may not play here".to_owned()),
    ] {
        for msid in [1, 2] {
            let mut raw = with_streams(&server, app);
            raw.command(command, 4.0, msid, &[Value::Null, name.into()]);
            assert_eq!(told(&mut raw), error(code, &why, msid), "{command} {app}/{name}");
            if code == UNAUTHORIZED {
                assert_eq!(told(&mut raw), error(DENIED, &why, msid), "once more, for OBS");
            }
            assert_eq!(raw.message().map(|message| message.type_id), None, "and then the end");
        }
    }
}

#[test]
fn a_refused_connect_is_told_in_its_answer_and_once_more_for_clients_that_do_not_look_there() {
    let server = Server::start(APPLICATIONS);
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect("liv");
    let answer = told(&mut raw);
    assert!(
        answer.why.starts_with("no application \"liv\" here; publish to rtmp://HOST/live/"),
        "{answer:?}"
    );
    assert_eq!(answer, error("NetConnection.Connect.Rejected", &answer.why, 0));
    assert_eq!(told(&mut raw), error("NetConnection.Connect.InvalidApp", &answer.why, 0));
    assert_eq!(raw.message().map(|message| message.type_id), None, "and then the end");
}

#[test]
fn a_client_that_sends_on_while_it_is_refused_is_told_and_not_reset() {
    let server = Server::start(APPLICATIONS);
    let mut raw = with_streams(&server, "keyed");
    raw.chunk_size = 65_536;
    raw.send(MessageType::SetChunkSize, 0, 0, &65_536_u32.to_be_bytes());
    raw.publish("cam");
    // More than socket buffers hold: what the server does not read would be answered by a reset.
    send_on(&mut raw, 8 << 20);
    assert_eq!([told(&mut raw).code, told(&mut raw).code], [UNAUTHORIZED, DENIED]);
    raw.expect_end_without_reset();

    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect("liv");
    send_on(&mut raw, 4 << 20);
    assert_eq!(told(&mut raw).code, "NetConnection.Connect.Rejected");
    assert_eq!(told(&mut raw).code, "NetConnection.Connect.InvalidApp");
    raw.expect_end_without_reset();
}

#[test]
fn many_who_are_refused_at_once_are_all_told() {
    let server = Server::start(APPLICATIONS);
    let mut all: Vec<_> = (0..20).map(|_| with_streams(&server, "keyed")).collect();
    all.iter_mut().for_each(|raw| raw.publish("cam"));
    for raw in &mut all {
        assert_eq!([told(raw).code, told(raw).code], [UNAUTHORIZED, DENIED]);
        raw.expect_end_without_reset();
    }
}

#[test]
fn a_refusal_leaves_another_role_of_the_connection_as_it_is() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let _busy = Client::publish(server.rtmp(), "busy");
    let mut raw = with_streams(&server, "live");
    raw.publish("cam");
    assert_eq!(told(&mut raw).code, "NetStream.Publish.Start");
    raw.command("publish", 4.0, 2, &[Value::Null, "busy".into()]);
    assert_eq!(told(&mut raw), error("NetStream.Publish.BadName", TAKEN, 2));
    let packets = media::video_only(0, 400);
    packets.iter().for_each(|packet| raw.send_packet(packet));
    assert_eq!(player.receive(packets.len()), packets);
}

#[test]
fn ffmpeg_shows_why_it_is_refused_and_ends() {
    let server = Server::start(APPLICATIONS);
    let source = ffmpeg::source(ffmpeg::Tracks::Video, 60);
    let begun = Instant::now();
    for (path, why) in [
        ("liv/cam", "Server error: no application \"liv\" here"),
        ("unused/cam", "Server error: live is off here"),
        ("keyed/cam?key=guess", "Server error: wrong key"),
        ("ruled/cam", "Server error: clients at 127.0.0.1 may not publish here"),
    ] {
        let mut command = ffmpeg::command();
        command.args(&source).arg(format!("rtmp://{}/{path}", server.rtmp()));
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{path}: {said}");
    }
    assert!(begun.elapsed() < SOON, "it does not try for long");
    server.expect_lines(" refused: ", 4);
}
