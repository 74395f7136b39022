//! The answer to a play comes alone: some clients attach what takes media only when they have read it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, media, read_once};
use millstream::rtmp::message::MessageType;

/// Reads once, whatever there is.
fn read(raw: &Raw) -> Vec<u8> {
    let mut buffer = vec![0; 256 * 1024];
    let count = read_once(raw.stream(), &mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_client_that_reads_once_for_the_answer_gets_the_headers_and_the_group_in_the_next_read() {
    let server = Server::live("");
    let packets = media::video_only(0, 1000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    let header = &packets[0].payload;
    // A busy machine reads the first late now and then; a server that sends all at once never gives it alone.
    let is_alone = || {
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.play("cam");
        // As node-media-server, FFmpeg and librtmp do, before they have the answer.
        raw.send(MessageType::UserControl, 0, 0, &[0, 3, 0, 0, 0, 1, 0, 0, 3, 0xe8]);
        let answer = read(&raw);
        assert!(contains(&answer, b"NetStream.Play.Start"));
        !contains(&answer, header) && contains(&read(&raw), header)
    };
    assert!((0..5).any(|_| is_alone()));
}

#[test]
fn all_that_follows_the_answer_to_a_play_comes_soon() {
    let server = Server::live("");
    let packets = media::video_only(0, 1000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    server.wait_log("publish live/cam");
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut player = Client::play(server.rtmp(), "cam");
        let began = Instant::now();
        assert!(player.receive(packets.len()) == packets);
        times.push(began.elapsed());
    }
    assert!(times.iter().any(|time| *time < Duration::from_millis(100)), "{times:?}");
}
