//! How far ahead of the clock a client gets its file.

use std::time::{Duration, Instant};

use super::client::{Player, packets};
use super::{clip, server, server_with};
use crate::common::Server;
use crate::common::media::Packet;

/// What is sent ahead of the client's buffer, and what is sent at once, in milliseconds.
const AHEAD: u32 = 1000;
const AT_ONCE: u32 = 500;
/// What may be sent beyond that, as it has been read with the rest.
const WITH_THE_REST: u32 = 500;
/// By how much a busy machine may be late.
const LATE: u32 = 700;

fn last(packets: &[Packet]) -> u32 {
    packets.iter().map(|packet| packet.timestamp).max().unwrap_or_default()
}

/// The media time that has come when so much time has passed.
fn come(server: &Server, buffer: Option<u32>, seconds: f64) -> (u32, u32) {
    let mut player = Player::connect(server.rtmp(), "vod", buffer);
    player.play("cam", &[]);
    player.packets(1);
    let began = Instant::now();
    let received = packets(&player.hear_for(Duration::from_secs_f64(seconds)));
    (last(&received), u32::try_from(began.elapsed().as_millis()).unwrap())
}

#[test]
fn a_client_gets_its_file_as_far_ahead_as_it_buffers() {
    let server = server(&[("cam.flv", &clip(20))]);
    for buffer in [0, 100, 3000] {
        let (time, passed) = come(&server, Some(buffer), 1.5);
        let most = passed + buffer + AHEAD + AT_ONCE + WITH_THE_REST + 50;
        let least = (1500 + buffer + AHEAD).saturating_sub(AT_ONCE + LATE);
        assert!((least..=most).contains(&time), "buffer {buffer}: {time} ms, not {least} to {most}");
    }
}

#[test]
fn a_client_that_does_not_tell_its_buffer_has_that_of_the_directive() {
    let server = server_with("", &[("cam.flv", &clip(20))]);
    let (time, passed) = come(&server, None, 1.0);
    let (least, most) =
        (1000 + 1000 + AHEAD - AT_ONCE - LATE, passed + 1000 + AHEAD + AT_ONCE + WITH_THE_REST + 50);
    assert!((least..=most).contains(&time), "{time} ms, not {least} to {most}");
}

#[test]
fn a_client_may_tell_another_buffer_while_it_plays() {
    let clip = clip(20);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.play("cam", &[]);
    player.packets(10);
    player.buffer(Some(36_000_000)); // as rtmpdump does
    let began = Instant::now();
    let received = packets(&player.hear_until("Play.Stop"));
    assert_eq!(received.last(), clip.last());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_client_that_does_not_read_holds_little_and_gets_everything_later() {
    let clip = clip(90);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(36_000_000));
    player.play("cam", &[]);
    player.packets(1);
    let before = server.resident();
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.resident() < before + 2000, "{} kB, before {before}", server.resident());
    assert_eq!(player.packets(clip.len() - 1), clip[1..]);
}
