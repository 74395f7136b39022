//! The memory that many clients together can make the server hold.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::ops::Range;

use crate::common::backend::{Answer, Backend};
use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, millstream, run};
use millstream::media::amf::Value;
use millstream::rtmp::chunk::write_message;
use millstream::rtmp::message::MessageType;

const MIB: u64 = 1024;

fn server(main: &str, directives: &str) -> Server {
    Server::start(&format!(
        "{main} rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}"
    ))
}

/// A message of so many bytes without its last one.
fn all_but_the_end(kind: MessageType, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 6, (kind, 1, 0), &vec![0x27; length]);
    bytes.pop();
    bytes
}

#[test]
fn clients_that_do_not_publish_hold_64_kib_each_at_most() {
    let server = server("", "");
    let before = server.resident();
    let (long, short) = (vec![0x27; 8 << 20], all_but_the_end(MessageType::DataAmf0, 65_536));
    let clients: Vec<_> = (0..40)
        .map(|number| {
            let mut raw = Raw::connected(server.rtmp(), "live");
            if number % 2 == 0 {
                raw.send(MessageType::Video, 1, 0, &long);
                raw.command("createStream", 7.0, 0, &[Value::Null]);
                assert_eq!(raw.command_answer().0, "_result", "media is read past");
            } else {
                raw.send_bytes(&short);
            }
            raw
        })
        .collect();
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 5 * MIB, "{grown} kB for {} clients", clients.len());
}

#[test]
fn publishers_together_hold_no_more_than_the_budget() {
    let server = server("input_memory_size 16m;", "");
    let before = server.resident();
    let message = all_but_the_end(MessageType::Video, 8 << 20);
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let mut raw = Raw::connected(server.rtmp(), "live");
            raw.publish(&format!("s{number}"));
            assert_eq!(raw.status().0, "NetStream.Publish.Start");
            raw.send_bytes(&message);
            raw
        })
        .collect();
    server.wait_log("more than input_memory_size");
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 40 * MIB, "{grown} kB for {} publishers", clients.len());
    drop(Client::publish(server.rtmp(), "next"));
}

#[test]
fn players_that_stop_at_different_times_hold_no_more_than_the_budget_and_others_play_on() {
    let server = server("media_memory_size 16m;", "");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let (before, mut stopped) = (server.resident(), Vec::new());
    // Each holds the group of pictures that it began with, and what comes until its queue is full.
    for group in 0..40 {
        for number in 0..10 {
            let frame = media::video_frame(group * 400 + number * 40, number == 0, 200_000);
            publisher.send(&frame);
            while player.packet().unwrap() != frame {}
        }
        stopped.push(Client::play(server.rtmp(), "cam"));
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 40 * MIB, "{grown} kB for {} players that do not read", stopped.len());
    server.wait_log("media_memory_size");
    assert_eq!(server.lines(" closed: ").len(), 0, "{}", server.log());
}

#[test]
fn a_request_that_waits_for_a_backend_takes_less_than_2_kb() {
    // The requests that can be suspended, and those among them for which there are connections to the backend.
    const MOST: usize = 1024;
    const ASKED: usize = 32;
    let backend = Backend::start(|_| Answer::Never);
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; netcall_timeout 60s; on_publish {};
            application live {{ live on; }} }} }}",
        backend.url("/")
    ));
    let mut clients: Vec<_> = (0..=MOST).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    let mut publish = |numbers: Range<usize>| {
        numbers.for_each(|number| clients[number].publish(&format!("s{number}")));
    };
    publish(0..ASKED);
    backend.wait_for(|requests| requests.len() == ASKED);
    let before = server.resident();
    publish(ASKED..MOST + 1);
    // One request more than can wait has been made, so all others do.
    server.wait_log("too many requests wait for answers already");
    let (grown, count) = (server.resident().saturating_sub(before), MOST - ASKED);
    assert!(grown * 1024 < 2000 * count as u64, "{grown} kB for {count} requests that wait");
}

#[test]
fn a_budget_that_is_no_size_is_refused() {
    for (text, why) in [("10", "less than 1m"), ("much", "no size"), ("auto 1m", "one size")] {
        let text = format!("media_memory_size {text};");
        let output = run(millstream().args(["-t", "-g", &text]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}
