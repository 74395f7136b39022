//! Clients whose request waits for its backend: what they send meanwhile, and what becomes of those who leave.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

use super::*;
use crate::common::backend::{Answer, Backend};
use crate::common::media::{noise, video_only};
use crate::common::{SOON, flv, wait};

/// A backend that decides with this status when the test lets it, and the calls of all reports.
fn slow(status: u16) -> (Backend, Go) {
    let go = Go::default();
    let for_backend = go.clone();
    let backend = Backend::start(move |request| match request.path() {
        "/ask" => {
            for_backend.wait();
            Answer::Status(status)
        }
        _ => Answer::Status(200),
    });
    (backend, go)
}

/// Directives by which that backend decides about publishes and plays, and is told of their ends.
fn everything(backend: &Backend) -> String {
    let (ask, told) = (backend.url("/ask"), backend.url("/told"));
    let ends = format!("on_publish_done {told}; on_play_done {told}; on_done {told};");
    format!("on_publish {ask}; on_play {ask}; {ends}")
}

/// What a backend hears when a client leaves while it thinks, and then answers so.
fn calls_of_one_that_leaves(status: u16, ask: fn(&mut Raw)) -> Vec<String> {
    let (backend, go) = slow(status);
    let mut server = server("", &everything(&backend));
    let mut others = Others::new(&server);
    let mut raw = Raw::connected(server.rtmp(), "live");
    ask(&mut raw);
    backend.wait_path("/ask");
    drop(raw);
    let line = server.wait_log(" closed: the client has left while ");
    assert!(line.contains(" waited for an answer (notify)"), "{line}");
    others.go_on();
    go.now();
    wait("the answer has come", || backend.open() == 0 || backend.calls().len() > 1);
    others.go_on();
    // It stops when all is told.
    drop(others);
    server.stop();
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    backend.calls()
}

#[test]
fn who_leaves_before_a_yes_is_told_as_done_once() {
    let publish = |raw: &mut Raw| raw.publish(&format!("cam{SECRET}"));
    assert_eq!(calls_of_one_that_leaves(200, publish), ["publish", "publish_done", "done"]);
    let play = |raw: &mut Raw| raw.play(&format!("cam{SECRET}"));
    assert_eq!(calls_of_one_that_leaves(200, play), ["play", "play_done", "done"]);
}

#[test]
fn who_leaves_before_a_no_is_not_told_as_done() {
    assert_eq!(calls_of_one_that_leaves(403, |raw| raw.publish("cam")), ["publish"]);
    assert_eq!(calls_of_one_that_leaves(403, |raw| raw.play("cam")), ["play"]);
}

#[test]
fn who_leaves_while_its_connect_waits_is_told_as_gone_once() {
    let (backend, go) = slow(200);
    let (ask, told) = (backend.url("/ask"), backend.url("/told"));
    let mut server = server(&format!("on_connect {ask}; on_disconnect {told};"), "");
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect(&format!("live{SECRET}"));
    backend.wait_path("/ask");
    drop(raw);
    server.wait_log(" closed: the client has left while ");
    go.now();
    backend.wait_path("/told");
    server.stop();
    assert_eq!(backend.calls(), ["connect", "disconnect"]);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn who_leaves_before_a_backend_that_hangs_is_given_up_is_not_told_as_done() {
    for allow in ["", "notify_on_error allow;"] {
        let backend = Backend::start(|request| match request.path() {
            "/ask" => Answer::Never,
            _ => Answer::Status(200),
        });
        let mut server = server("netcall_timeout 500ms;", &format!("{} {allow}", everything(&backend)));
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.publish("cam");
        backend.wait_path("/ask");
        drop(raw);
        wait("the call is given up", || backend.open() == 0);
        server.stop();
        assert_eq!(backend.calls(), ["publish"], "{allow}");
        server.expect_lines("it is allowed", 0);
    }
}

#[test]
fn who_leaves_while_its_call_waits_for_a_connection_is_not_asked_about() {
    let (backend, go) = slow(200);
    let mut server = server("", &everything(&backend));
    let before = server.descriptors();
    let mut all: Vec<_> = (0..50).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    for (number, raw) in all.iter_mut().enumerate() {
        raw.publish(&format!("cam{number}"));
    }
    backend.wait_for(|requests| requests.len() == 32);
    drop(all);
    wait("all have left", || server.descriptors() <= before + 32);
    go.now();
    backend.wait_for(|requests| requests.len() >= 32 * 3);
    server.stop();
    let calls = backend.calls();
    for call in ["publish", "publish_done", "done"] {
        assert_eq!(calls.iter().filter(|found| *found == call).count(), 32, "{call}");
    }
}

#[test]
fn a_name_is_free_again_when_who_waits_for_it_has_left() {
    let (backend, go) = slow(200);
    let server = server("", &everything(&backend));
    for _ in 0..2 {
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.publish("cam");
    }
    server.wait_lines(" closed: the client has left", 2);
    go.now();
    drop(Client::publish(server.rtmp(), "cam"));
    backend.wait_for(|requests| {
        requests.iter().filter(|request| request.field("call") == "publish_done").count() == 3
    });
}

/// Metadata as ffmpeg sends it.
fn metadata() -> Vec<u8> {
    let object = Value::Object(Object::default().with("width", 160.0));
    amf0::encode_all(&["@setDataFrame".into(), "onMetaData".into(), object])
}

#[test]
fn what_a_publisher_sends_while_it_waits_arrives() {
    let (backend, go) = slow(200);
    let ask = backend.url("/ask");
    let server = server("", &format!("on_publish {ask}; record all; record_path FOLDER/rec;"));
    let mut player = Client::play(server.rtmp(), "cam");
    let packets = video_only(0, 2000);
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    raw.send(MessageType::DataAmf0, 1, 0, &metadata());
    packets.iter().for_each(|packet| raw.send_packet(packet));
    backend.wait_path("/ask");
    assert!(player.is_quiet(Duration::from_millis(50)));
    go.now();
    assert_eq!(raw.status().0, PUBLISH_START);
    assert_eq!(player.metadata_width(), Some(160));
    assert_eq!(player.receive(packets.len()), packets);
    drop(raw);
    server.wait_log("stops publishing live/cam");
    let path = server.folder.join("rec/cam.flv");
    wait("its recording is whole", || flv_packets(&path).is_some_and(|found| found == packets));
}

#[test]
fn what_stands_behind_a_connect_that_waits_is_done_after_it() {
    let (backend, go) = slow(200);
    let server = server(&format!("on_connect {};", backend.url("/ask")), "");
    let packets = video_only(0, 400);
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect("live");
    raw.command("createStream", 2.0, 0, &[Value::Null]);
    raw.publish("cam");
    packets.iter().for_each(|packet| raw.send_packet(packet));
    backend.wait_path("/ask");
    go.now();
    let answers = [raw.command_answer().0, raw.command_answer().0];
    assert_eq!(answers, ["_result", "_result"], "of connect and createStream");
    assert_eq!(raw.status().0, PUBLISH_START);
    let mut player = Client::play(server.rtmp(), "cam");
    assert_eq!(player.receive(2), packets[..2]);
}

#[test]
fn who_ends_its_publish_in_order_while_it_waits_is_told_as_done_once() {
    let (backend, go) = slow(200);
    let mut server = server("", &everything(&backend));
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    raw.command("closeStream", 0.0, 1, &[Value::Null]);
    raw.publish("next");
    backend.wait_path("/ask");
    go.now();
    assert_eq!(raw.status().0, PUBLISH_START);
    while raw.status().0 != PUBLISH_START {}
    drop(raw);
    server.wait_log("stops publishing live/next");
    server.stop();
    let of = |name: &str| {
        let requests = backend.requests().into_iter().filter(|request| request.field("name") == name);
        let mut calls: Vec<_> = requests.map(|request| request.field("call").to_owned()).collect();
        calls.sort_unstable();
        calls
    };
    let once = ["done", "publish", "publish_done"].map(str::to_owned);
    assert_eq!((of("cam"), of("next")), (once.to_vec(), once.to_vec()));
}

fn flv_packets(path: &std::path::Path) -> Option<Vec<Packet>> {
    let bytes = std::fs::read(path).ok()?;
    let (tags, rest) = flv::parse(&bytes);
    (rest == 0).then(|| flv::packets(&tags))
}

#[test]
fn of_what_a_publisher_sends_while_it_waits_the_server_keeps_one_read() {
    let (backend, go) = slow(200);
    let server = server("", &everything(&backend));
    let mut others = Others::new(&server);
    let before = server.peak();
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.chunk_size = 65_536;
    raw.send(MessageType::SetChunkSize, 0, 0, &65_536_u32.to_be_bytes());
    raw.publish("cam");
    backend.wait_path("/ask");
    let frame = raw.encode(MessageType::Video, 1, 0, &noise(1, 60_000));
    raw.stream().set_nonblocking(true).unwrap();
    let (mut sent, deadline) = (0, Instant::now() + SOON);
    // Until nothing more goes for a moment; what goes is in the buffers of the sockets.
    while sent < 64 << 20 && Instant::now() < deadline {
        match raw.stream().write(&frame) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < 64 << 20, "the server reads on");
    others.go_on();
    assert!(server.peak() < before + 2048, "{} kB, {before} kB before", server.peak());
    raw.stream().set_nonblocking(false).unwrap();
    go.now();
    assert_eq!(raw.status().0, PUBLISH_START);
    others.go_on();
}

#[test]
fn one_of_two_publishers_that_wait_for_a_name_gets_it_and_the_end_of_the_other_is_told() {
    let (backend, go) = slow(200);
    let server = server("", &everything(&backend));
    let mut first = Raw::connected(server.rtmp(), "live");
    first.publish("cam?of=1");
    backend.wait_for(|requests| requests.len() == 1);
    let mut second = Raw::connected(server.rtmp(), "live");
    second.publish("cam?of=2");
    backend.wait_for(|requests| requests.len() == 2);
    go.now();
    let codes = [first.status().0, second.status().0];
    let refused = if codes == [PUBLISH_START, BAD_NAME] { "2" } else { "1" };
    assert!(codes.contains(&PUBLISH_START.to_owned()) && codes.contains(&BAD_NAME.to_owned()), "{codes:?}");
    let done = backend.wait_path("/told");
    assert_eq!(done.field("of"), refused);
}

#[test]
fn a_reload_leaves_a_waiting_request_to_its_backend() {
    let (backend, go) = slow(200);
    let text = configuration("", &everything(&backend));
    let server = Server::start(&text);
    let mut others = Others::new(&server);
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    backend.wait_path("/ask");
    server.reload(&format!("pid off; {text} # the same"), 1);
    others.go_on();
    go.now();
    assert_eq!(raw.status().0, PUBLISH_START);
    // What is set anew holds for the next one.
    let nobody = format!("pid off; {}", configuration("", "on_publish off;"));
    server.reload(&nobody, 2);
    let before = backend.requests().len();
    drop(Client::publish(server.rtmp(), "other"));
    assert_eq!(backend.requests().len(), before);
    others.go_on();
}

#[test]
fn a_reload_without_the_application_refuses_who_waits_for_it() {
    let (backend, go) = slow(200);
    let mut server = Server::start(&configuration("", &everything(&backend)));
    let mut others = Others::new(&server);
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    backend.wait_path("/ask");
    let without = configuration("", "").replace("application live ", "application changed ");
    server.reload(&format!("pid off; {without}"), 1);
    go.now();
    assert_ne!(raw.status().0, "", "it is told something");
    drop(raw);
    others.go_on();
    drop(others);
    server.stop();
}
