//! How long a frame takes from the publisher's socket to the player's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::{Duration, Instant};

use common::Server;
use common::media;
use common::player::Client;

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
