//! Limits of connections and of publishers, and the answers to those beyond them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use crate::common::ffmpeg;
use crate::common::flv;
use crate::common::http::{self, Connection};
use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, wait};

/// True if a connection is closed without an answer.
fn is_hung_up_on(address: SocketAddr) -> bool {
    !Raw::may_shake_hands(address)
}

#[test]
fn beyond_its_connections_a_server_hangs_up_and_takes_the_next_one_when_a_place_is_free() {
    let server = Server::start(
        "rtmp { max_connections 2; server { listen 127.0.0.1:0; application live { live on; } } }
         http { max_connections 1; server { listen 127.0.0.1:0; location / { return 200 there; } } }",
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let player = Client::play(server.rtmp(), "cam");
    assert!(is_hung_up_on(server.rtmp()));
    server.wait_log("127.0.0.1 is refused: max_connections 2 in rtmp");
    drop(player);
    wait("a place is free", || !is_hung_up_on(server.rtmp()));

    let mut first = Connection::open(server.http());
    assert_eq!(first.get("/").text(), "there");
    let refused = http::get(server.http(), "/");
    assert_eq!(
        (refused.status, refused.header("retry-after"), refused.header("connection")),
        (503, "2", "close")
    );
    server.wait_log("127.0.0.1 is refused: max_connections 1 in http");
    assert_eq!(first.get("/").text(), "there");
    drop(first);
    wait("a place is free", || http::get(server.http(), "/").status == 200);
    publisher.send_all(&media::both(0, 1000));
    publisher.finish();
}

#[test]
fn an_application_that_is_full_says_so() {
    let server = Server::live("max_connections 1;");
    let first = Client::publish(server.rtmp(), "cam");
    let refused = Client::connect(server.rtmp(), "live").err();
    assert_eq!(refused.as_deref(), Some("live is full (max_connections 1)"));
    server.wait_log("connect live refused: live is full (max_connections 1)");
    drop(first);
    wait("a place is free", || Client::connect(server.rtmp(), "live").is_ok());
}

#[test]
fn a_publisher_beyond_a_limit_gets_the_reason_and_its_stream_ends() {
    let server = Server::live(
        "publish_max_resolution 150x150; publish_grace 1h; record all; record_path FOLDER/rec; idle_streams off;",
    );
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    let mut player = Client::play(server.rtmp(), "cam");
    media::audio_only(0, 400).iter().for_each(|packet| raw.send_packet(packet));
    media::video_only(400, 400).iter().for_each(|packet| raw.send_packet(packet));
    let status = ("NetStream.Publish.Rejected", "160x120 is more than publish_max_resolution 150x150");
    assert_eq!(raw.status(), (status.0.to_owned(), status.1.to_owned()));
    raw.expect_end();
    let line = server.wait_log(status.1);
    assert!(line.contains(" closed: live/cam: 160x120 is more"), "{line}");
    let received = player.receive_rest();
    assert!(received.iter().all(|packet| packet.kind == 8), "no picture goes out: {received:?}");
    assert!(server.lines("is kept for").is_empty(), "{}", server.log());
    let recorded = flv::read(&server.folder.join("rec/cam.flv"));
    assert!(recorded.iter().all(|tag| tag.kind != 9));
}

#[test]
fn ffmpeg_is_told_why_it_may_not_publish() {
    let server = Server::live("publish_codecs h264 aac;");
    let url = format!("rtmp://{}/live/cam", server.rtmp());
    let source = "sine=frequency=440:duration=20";
    let mut command = ffmpeg::command();
    command.args(["-re", "-f", "lavfi", "-i", source, "-c:a", "libmp3lame", "-f", "flv", &url]);
    let output = ffmpeg::spawn(&mut command).wait_with_output().unwrap();
    assert!(!output.status.success());
    let why = "MP3 is not taken here, only h264 aac";
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(why), "{said}");
    server.wait_log(&format!(" closed: live/cam: {why}"));
}
