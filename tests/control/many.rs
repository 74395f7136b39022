//! Thousands of clients are ended at once, and nobody else waits for that.

use std::time::{Duration, Instant};

use super::ask;
use crate::common::Server;
use crate::common::raw::Raw;

#[test]
fn a_thousand_players_are_dropped_while_another_stream_runs_on() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
         http { server { listen 127.0.0.1:0; location /control { rtmp_control all; } } }",
    );
    let mut players = Vec::new();
    for _ in 0..1000 {
        let mut player = Raw::connected(server.rtmp(), "live");
        player.play("waits");
        players.push(player);
    }
    server.wait_lines(" play live/waits", 1000);
    let begun = Instant::now();
    assert_eq!(ask(server.http(), "/control/drop/subscriber?app=live&name=waits"), "200 1000");
    server.wait_lines("closed: ended by an operator", 1000);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(ask(server.http(), "/control/drop/subscriber?app=live&name=waits"), "200 0");
}
