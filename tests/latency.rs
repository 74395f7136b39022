//! The time of a frame from the publisher's socket to the player's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::common::media;
use crate::common::player::Client;
use crate::common::{Server, is_done_within};

#[test]
fn a_frame_reaches_its_player_within_a_millisecond() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let mut frames = (0..).map(|number: u32| media::video_frame(number * 33, number == 0, 6000));
    let mut measure = || {
        let frame = frames.next().unwrap();
        let begun = Instant::now();
        publisher.send(&frame);
        while player.receive(1) != [frame.clone()] {}
        begun.elapsed()
    };
    // Other tests run beside this one, so only the middle of many tells of the server.
    is_done_within(Duration::from_millis(1), || {
        let mut times: Vec<_> = (0..200).map(|_| measure()).collect();
        times.sort_unstable();
        times[times.len() / 2]
    });
}

#[test]
fn frames_that_nobody_plays_are_taken_together() {
    let server = Server::live("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let status = || std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let waits = || -> u32 {
        let text = status();
        let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
        line.rsplit('\t').next().unwrap().parse().unwrap()
    };
    let mut send = |numbers: Range<u32>| {
        let begun = Instant::now();
        for number in numbers {
            publisher.send(&media::video_frame(number * 5, number == 0, 600));
            std::thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    };
    send(0..300);
    let before = waits();
    let naps = send(300..600).as_millis() / 60;
    // Each is two waits at most; some more are left for what a busy machine does.
    let seen = u128::from(waits() - before);
    assert!(seen < 2 * naps + 50, "{seen} waits, {naps} naps of 60 ms");
}
