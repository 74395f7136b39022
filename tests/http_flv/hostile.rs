//! Players that break the rules or do nothing: each costs itself, while a stream on the same server goes on and loses
//! nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{FlvPlayer, Over, client_frame};
use super::flv_server;
use crate::common::http::get;
use crate::common::media::{self, noise};
use crate::common::player::Client;
use crate::common::{SOON, Server, hang_up, until, wait};

/// A publisher of big pictures, and two players that notice if anything is missing or late.
struct Canary {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canary {
    fn start(server: &Server) -> Self {
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&media::both(0, 80));
        let mut players = [Over::Chunks, Over::WebSocket].map(|over| FlvPlayer::play(server, over, "cam"));
        players.iter_mut().for_each(|player| assert_eq!(player.flags(), 5));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for number in 9.. {
                let packet = media::video_frame(number * 10, number % 25 == 0, 20_000);
                let begun = Instant::now();
                publisher.send(&packet);
                for player in &mut players {
                    let mut received = player.media(1).remove(0);
                    while number == 9 && received != packet {
                        received = player.media(1).remove(0);
                    }
                    assert_eq!(received, packet, "the canary's frame {number}");
                }
                assert!(begun.elapsed() < Duration::from_secs(3), "the canary waited {:?}", begun.elapsed());
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Nobody has harmed it.
    fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().expect("the canary lives");
    }
}

#[test]
fn what_is_no_frame_of_a_client_closes_its_websocket_with_a_code() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    let big = noise(1, 4097);
    let unmasked = [&[0x82, 5][..], b"hello"].concat();
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("unmasked", unmasked, 1002),
        ("more than 4 KB", client_frame(0x82, &big), 1009),
        ("a length of 64 bits", [&[0x82, 0xff][..], &[0; 2], &[1; 6], &[0; 4]].concat(), 1009),
        ("a fragment", client_frame(0x02, b"begin"), 1003),
        ("what continues nothing", client_frame(0x80, b"end"), 1003),
        ("a reserved bit", client_frame(0xc2, b"deflated"), 1002),
        ("a reserved opcode", client_frame(0x83, b"three"), 1002),
        ("a long ping", client_frame(0x89, &noise(1, 126)), 1002),
        ("a fragment of a ping", client_frame(0x09, b"begin"), 1002),
    ];
    for (what, bytes, code) in cases {
        let mut player = FlvPlayer::play(&server, Over::WebSocket, "cam");
        player.send(&bytes);
        let got = player.expect_close_frame();
        assert_eq!(got, code, "{what}");
        player.expect_closed();
    }
    canary.finish();
}

#[test]
fn a_websocket_is_answered_while_it_plays() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    let mut player = FlvPlayer::play(&server, Over::WebSocket, "cam");
    player.flags();
    // Split at every byte.
    for byte in client_frame(0x89, b"are you there") {
        player.send(&[byte]);
    }
    assert_eq!(player.control(), (10, b"are you there".to_vec()));
    player.send(&client_frame(0x81, b"text is passed over"));
    player.send(&client_frame(0x82, &noise(7, 4096)));
    player.send(&client_frame(0x8a, b"a pong that nobody has asked for"));
    player.send(&client_frame(0x89, b""));
    assert_eq!(player.control(), (10, Vec::new()));
    player.send(&client_frame(0x88, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()));
    assert_eq!(player.expect_close_frame(), 1000);
    player.expect_closed();
    canary.finish();
}

#[test]
fn pings_that_nobody_reads_the_answers_of_do_not_grow_the_server() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    let player = FlvPlayer::open_narrow(server.http(), Over::WebSocket, "/live/cam.flv");
    player.stream().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let before = server.resident();
    let flood = client_frame(0x89, &[7; 125]).repeat(500);
    let begun = Instant::now();
    let mut sent = 0;
    let mut stream = player.stream().try_clone().unwrap();
    while begun.elapsed() < Duration::from_secs(3) && sent < 200 << 20 {
        match stream.write(&flood) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 40_000, "{grown} kB more after {sent} bytes of pings");
    player.stream().set_read_timeout(Some(SOON)).unwrap();
    drop(player);
    canary.finish();
}

#[test]
fn what_a_player_says_over_http_is_passed_over_up_to_4_kb() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    let mut player = FlvPlayer::play(&server, Over::Chunks, "cam");
    player.flags();
    player.send(b"GET /live/cam.flv HTTP/1.1\r\nHost: test\r\n\r\n");
    player.send(&noise(3, 3000));
    assert!(player.media(20).len() == 20, "it is not for that that it ends");
    player.send(&noise(3, 2000));
    player.expect_closed();
    server.wait_log("sends more than 4 KB while it is sent a live stream");
    canary.finish();
}

#[test]
fn a_player_that_stops_reading_is_closed_and_one_that_reads_slowly_loses_frames() {
    let server = Server::start(&super::flv_configuration("", "").replace("rtmp {", "rtmp { timeout 3s;"));
    let canary = Canary::start(&server);
    let stopped = [Over::Chunks, Over::WebSocket]
        .map(|over| FlvPlayer::open_narrow(server.http(), over, "/live/cam.flv"));
    let slow = FlvPlayer::open_narrow(server.http(), Over::Chunks, "/live/cam.flv");
    let mut stream = slow.stream().try_clone().unwrap();
    let begun = Instant::now();
    let mut read = 0;
    until("those that stop are closed", Duration::from_secs(30), || {
        read += stream.read(&mut [0; 1024]).unwrap();
        (server.count_lines("takes nothing of what it is sent") >= 2).then_some(())
    });
    assert!(begun.elapsed() >= Duration::from_secs(2), "before its time");
    until("frames are left out for the slow one", Duration::from_secs(30), || {
        read += stream.read(&mut [0; 1024]).unwrap();
        let metrics = get(server.http(), "/metrics").text();
        (!metrics.contains("millstream_frames_dropped_total 0\n")).then_some(())
    });
    drop((stopped, slow));
    canary.finish();
}

#[test]
fn half_a_request_and_a_handshake_that_is_none_play_nothing() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    for request in [
        "GET /live/cam.flv HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /live/cam.flv HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
        "GET /live/cam.flv HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /live/cam.flv HTTP/1.1\r\n\r\n",
        "POST /live/cam.flv HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.http()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[..10], b"HTTP/1.1 4", "{request}: {}", answer.escape_ascii());
        hang_up(&stream);
    }
    canary.finish();
}

#[test]
fn players_that_come_and_go_leave_nothing_behind() {
    let server = flv_server("");
    let canary = Canary::start(&server);
    for round in 0..300 {
        let over = if round % 2 == 0 { Over::Chunks } else { Over::WebSocket };
        let mut player = FlvPlayer::open(server.http(), over, "/live/cam.flv");
        if round % 3 == 0 {
            player.flags();
        }
        drop(player);
    }
    let waits = |name: &str| {
        let text = get(server.http(), "/metrics").text();
        let value =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        value.parse::<u64>().unwrap()
    };
    wait("only the canary plays", || waits("millstream_players ") == 2);
    assert_eq!(waits("millstream_flv_players{protocol=\"http-flv\"} "), 1);
    assert_eq!(waits("millstream_flv_players{protocol=\"websocket-flv\"} "), 1);
    assert!(server.descriptors() < 60, "{}", server.descriptors());
    canary.finish();
}
