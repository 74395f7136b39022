//! Many clients are ended or moved at once, and nobody else waits for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ask;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, is_done_within, media};

const CLIENTS: usize = 2000;

/// The longest time that a frame of another stream takes while something is done.
fn longest_wait(server: &Server, act: impl FnOnce()) -> Duration {
    let mut player = Client::play(server.rtmp(), "runs");
    let mut publisher = Client::publish(server.rtmp(), "runs");
    publisher.send(&media::video_header(0));
    let is_over = AtomicBool::new(false);
    let mut longest = Duration::ZERO;
    std::thread::scope(|scope| {
        let is_over = &is_over;
        let measuring = scope.spawn(move || {
            let mut longest = Duration::ZERO;
            for number in 0.. {
                let frame = media::video_frame(number * 5, number == 0, 600);
                let begun = Instant::now();
                publisher.send(&frame);
                while player.receive(1) != [frame.clone()] {}
                longest = longest.max(begun.elapsed());
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            longest
        });
        std::thread::sleep(Duration::from_millis(50));
        act();
        is_over.store(true, Ordering::Relaxed);
        longest = measuring.join().unwrap();
    });
    longest
}

/// Clients that wait for a stream.
fn players(server: &Server) -> Vec<Raw> {
    let play = |_| {
        let mut player = Raw::connected(server.rtmp(), "live");
        player.play("waits");
        player
    };
    (0..CLIENTS).map(play).collect()
}

#[test]
fn two_thousand_clients_are_moved_and_dropped_while_another_stream_runs_on() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
         http { server { listen 127.0.0.1:0; location /control { rtmp_control all; } } }",
    );
    // The server is not made for speed here, and other tests run beside this one; what is done in one piece takes longer.
    let limit = Duration::from_millis(100);
    let mut times = 0;
    is_done_within(limit, || {
        let _players = players(&server);
        times += 1;
        server.wait_lines(" play live/waits", CLIENTS * times);
        let moved = longest_wait(&server, || {
            let target = "/control/redirect/subscriber?name=waits&newname=other";
            assert_eq!(ask(server.http(), target), format!("200 {CLIENTS}"));
            server.wait_lines(" play live/other", CLIENTS * times);
        });
        let dropped = longest_wait(&server, || {
            let target = "/control/drop/subscriber?name=other";
            assert_eq!(ask(server.http(), target), format!("200 {CLIENTS}"));
            server.wait_lines("closed: ended by an operator", CLIENTS * times);
        });
        moved.max(dropped)
    });
    assert_eq!(ask(server.http(), "/control/drop/subscriber?name=other"), "200 0");
}
