//! The log lines of clients that come and go, as docs/log.md has them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use crate::common::http::{Connection, get};
use crate::common::media;
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::{SOON, Server, free_port, until, wait};
use millstream::rtmp::message::MessageType;
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

/// Has the connection reset instead of closed.
fn reset(client: Raw) {
    setsockopt(client.stream(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(client);
}

/// Sends what some client of another protocol begins with, to the end of the connection.
fn knock(address: SocketAddr, bytes: &[u8]) {
    let mut client = Raw::open(address);
    client.send_bytes(bytes);
    client.expect_end();
}

/// The line without its date and what differs from run to run.
fn text(line: &str) -> &str {
    line.split_once("] #").and_then(|(_, rest)| rest.split_once(' ')).map_or(line, |(_, text)| text)
}

#[test]
fn the_end_of_a_publisher_and_of_its_player_is_summed_up() {
    let server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::video_only(0, 2000);
    let pictures = packets.len() - 1;
    relay(&mut publisher, &mut players, &packets);
    publisher.finish();
    let line = server.wait_log("stops publishing");
    assert!(text(&line).starts_with("stops publishing live/cam after "), "{line}");
    assert!(line.contains(&format!(" s: {pictures} pictures, ")) && line.ends_with("bit/s"), "{line}");
    drop(players);
    let line = server.wait_log("stops playing");
    assert!(text(&line).starts_with("stops playing live/cam after ") && line.ends_with(" s"), "{line}");
}

#[test]
fn a_client_that_leaves_is_no_error_whatever_way_it_goes() {
    let server = Server::live("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::video_only(0, 100));
    let play = |server: &Server| {
        let mut player = Raw::connected(server.rtmp(), "live");
        player.play("cam");
        player
    };
    drop(play(&server));
    reset(play(&server));
    server.expect_lines("closed: the client has left (", 2);
    reset(Raw::connected(server.rtmp(), "live"));
    drop(Raw::connected(server.rtmp(), "live"));
    server.expect_lines("closed: the client has left (", 4);
    assert!(!server.log().contains("os error"), "{}", server.log());
}

#[test]
fn a_publisher_that_is_lost_is_told_with_how_long_its_name_is_kept() {
    let server = Server::live("publish_grace 90s;");
    let publish = |server: &Server| {
        let mut publisher = Raw::connected(server.rtmp(), "live");
        publisher.publish("cam");
        publisher
    };
    reset(publish(&server));
    let line = server.wait_log("stops publishing");
    let end = ": nothing; the connection was lost, and the name is kept for 90 s";
    assert!(text(&line).starts_with("stops publishing live/cam after ") && line.ends_with(end), "{line}");
    server.wait_log("closed: the connection was lost (");
    let server = Server::live("");
    drop(publish(&server));
    assert!(server.wait_log("stops publishing").ends_with(": nothing; the connection was lost"));
}

#[test]
fn a_publisher_whose_place_another_takes_is_told_with_who_goes_on() {
    let server = Server::live("publish_conflict replace;");
    let _first = Client::publish(server.rtmp(), "cam");
    let _second = Client::publish(server.rtmp(), "cam");
    let line = server.wait_log("stops publishing");
    assert!(text(&line).starts_with("stops publishing live/cam after "), "{line}");
    assert!(line.ends_with(": nothing; #2 goes on with it"), "{line}");
    server.wait_log("#1 closed: replaced by another publisher");
}

#[test]
fn frames_that_are_left_out_are_logged_with_the_stream() {
    let server = Server::live("");
    let mut publisher = Raw::connected(server.rtmp(), "live");
    publisher.publish("cam");
    // A message with the payload 0x27, as a tag of FLV.
    let part = [9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x27, 0, 0, 0, 12];
    publisher.send(MessageType::Aggregate, 1, 0, &part.repeat(257));
    let line = server.wait_log("is dropped");
    assert!(text(&line).starts_with("live/cam: an aggregate of more than 256 messages"), "{line}");
}

#[test]
fn a_recording_is_told_when_it_begins_and_with_length_and_size_when_it_ends() {
    let server = Server::live("record all; record_path FOLDER/rec;");
    let path = server.folder.join("rec/cam.flv");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 12_500));
    publisher.finish();
    let path = path.display();
    server.wait_log(&format!("] live/cam is recorded to {path}"));
    let line = server.wait_log(&format!("] live/cam: the recording {path} is finished: 12 s, "));
    assert!(line.ends_with(" kB"), "{line}");
}

#[test]
fn a_missing_path_is_logged_once_a_minute_without_its_query() {
    let server = Server::live("");
    let mut connection = Connection::open(server.http());
    for _ in 0..10 {
        assert_eq!(connection.get("/hls/cam.m3u8?token=secret").status, 404);
    }
    let line = server.wait_log("is not there");
    assert_eq!(text(&line), "127.0.0.1: GET /hls/cam.m3u8 is not there (404)");
    assert!(!server.log().contains("secret"));
    server.wait_lines("is not there", 1);
    assert_eq!(server.lines("is not there").len(), 1);
}

#[test]
fn a_missing_path_with_log_not_found_off_is_not_logged_even_with_an_error_page() {
    let server = Server::start(
        "http { server { listen 127.0.0.1:0; root FOLDER; error_page 404 /404.html;
            location = /favicon.ico { log_not_found off; }
            location = /404.html { internal; } } }",
    );
    server.folder.write("404.html", "not here");
    let mut connection = Connection::open(server.http());
    for path in ["/favicon.ico", "/favicon.ico?v=2", "/other"] {
        assert_eq!(connection.get(path).status, 404, "{path}");
    }
    let line = server.wait_log("is not there");
    assert_eq!(text(&line), "127.0.0.1: GET /other is not there (404)");
}

#[test]
fn a_client_at_the_port_of_another_protocol_is_logged() {
    let (rtmp, http) = (free_port(), free_port());
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{rtmp}; application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:{http}; location / {{ root FOLDER; }} }} }}"
    ));
    let tls = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    let cases: [(_, &[u8], _); 4] = [
        (
            server.http(),
            &[3; 1537],
            format!("this is RTMP, and the port is for HTTP: publish to port {rtmp}"),
        ),
        (
            server.rtmp(),
            b"GET / HTTP/1.1\r\n\r\n",
            format!("this is HTTP, and the port is for RTMP: HTTP is at port {http}"),
        ),
        (
            server.http(),
            tls,
            "this is TLS, and the port is for HTTP: TLS (https, rtmps) is not spoken here".into(),
        ),
        (
            server.rtmp(),
            tls,
            "this is TLS, and the port is for RTMP: TLS (https, rtmps) is not spoken here".into(),
        ),
    ];
    for (address, bytes, expected) in cases {
        // One a second is told.
        let told = || {
            knock(address, bytes);
            server.lines(&expected).into_iter().next()
        };
        let line = until(&expected, SOON, told);
        assert!(text(&line).starts_with(&format!("127.0.0.1: {expected}")), "{line}");
    }
}

#[test]
fn key_frames_that_are_too_far_apart_are_told_once_and_on_the_page_until_they_are_closer() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; location / { page on; } location /hls { root FOLDER; } } }",
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let picture =
        |second: u32, interval: u32| media::video_frame(second * 1000, second.is_multiple_of(interval), 50);
    let pictures =
        |seconds: std::ops::Range<u32>, interval| seconds.map(move |second| picture(second, interval));
    pictures(0..19, 9).for_each(|packet| publisher.send(&packet));
    let text =
        "key frames every 9 s: HLS viewers are about 27 s late; set the encoder's key frame interval to 2 s";
    let line = server.wait_log("key frames every");
    assert!(line.contains("[warn] #1 live/cam: ") && line.ends_with(text), "{line}");
    let page = || get(server.http(), "/streams.json").text();
    assert!(page().contains(&format!("\"warnings\":[\"{text}\"]")), "{}", page());
    assert!(page().contains("\"key_interval\":9.0,\"in_hls\":true"), "{}", page());
    pictures(19..26, 2).for_each(|packet| publisher.send(&packet));
    wait("the page is content", || {
        page().contains("\"key_interval\":2.0,") && page().contains("\"warnings\":[]")
    });
    server.expect_lines("key frames every", 1);
}
