//! How long a frame takes from the publisher's socket to the player's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use crate::common::Server;
use crate::common::media;
use crate::common::player::Client;

#[test]
fn a_frame_reaches_its_player_within_a_millisecond() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let mut times: Vec<Duration> = (0..200)
        .map(|number: u32| {
            let frame = media::video_frame(number * 33, number == 0, 6000);
            let begun = Instant::now();
            publisher.send(&frame);
            while player.receive(1) != [frame.clone()] {}
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    // Other tests run beside this one, so only the middle tells of the server.
    let median = times[times.len() / 2];
    assert!(median < Duration::from_millis(1), "median {median:?}, longest {:?}", times[times.len() - 1]);
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
    let mut before = 0;
    for number in 0..600 {
        if number == 300 {
            before = waits();
        }
        publisher.send(&media::video_frame(number * 5, number == 0, 600));
        std::thread::sleep(Duration::from_millis(5));
    }
    // 300 frames in a second and a half, in naps of 60 ms, each of which is two waits at most.
    let seen = waits() - before;
    assert!(seen < 150, "{seen} waits");
}
