//! A part of a file: start and duration, seeks, pauses, and one kind of media alone.

use std::time::Duration;

use super::client::{ALL, Heard, Player, packets, words};
use super::{clip, frames, headers, key_at, server};
use crate::common::media::Packet;

/// What comes of a clip from a key frame on: headers with its time, and then everything.
fn from_key(clip: &[Packet], time: u32) -> Vec<Packet> {
    [headers(time), clip[key_at(clip, time)..].to_vec()].concat()
}

#[test]
fn a_start_begins_at_the_key_frame_before_and_times_count_from_it() {
    let clip = clip(6);
    let server = server(&[("cam.flv", &clip)]);
    for (start, key) in [(3000, 3000), (3500, 3000), (5999, 5000), (70_000, 5000)] {
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play("cam", &[f64::from(start).into()]);
        let received = packets(&player.hear_until("Play.Stop"));
        let mut expected = from_key(&clip, key);
        expected.iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.saturating_sub(start));
        assert_eq!(received, expected, "start {start}");
    }
}

#[test]
fn a_negative_start_is_the_beginning() {
    let clip = clip(1);
    let server = server(&[("cam.flv", &clip)]);
    for start in [-2000.0, -1000.0, -2.0, -1.0, 0.0, f64::NAN] {
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play("cam", &[start.into(), (-1000.0).into()]);
        assert_eq!(packets(&player.hear_until("Play.Stop")), clip, "start {start}");
    }
}

#[test]
fn a_duration_counts_from_the_start_and_ends_as_a_file_ends() {
    let clip = clip(6);
    let server = server(&[("cam.flv", &clip)]);
    for (start, duration) in [(0, 2000), (3500, 1000)] {
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play("cam", &[f64::from(start).into(), f64::from(duration).into()]);
        let heard = player.hear_until("Play.Stop");
        let said = words(&heard);
        assert_eq!(said[said.len() - 3..], ["Eof", "[Play.Complete]", "Play.Stop"]);
        let key = start / 1000 * 1000;
        let end = start + duration;
        let expected: Vec<_> =
            clip[key_at(&clip, key)..].iter().filter(|packet| packet.timestamp < end).collect();
        let received = frames(&packets(&heard));
        assert_eq!(received.len(), expected.len(), "{start}, {duration}: {:?}", received.last());
        let is_same = received.iter().zip(expected).all(|(a, b)| a.payload == b.payload);
        assert!(is_same, "{start}, {duration}");
    }
}

#[test]
fn a_seek_is_answered_before_the_key_frame_before_comes_with_its_own_time() {
    let clip = clip(8);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(500));
    player.play("cam", &[]);
    player.packets(10);
    for (to, key) in [(6500, 6000), (2000, 2000), (2999, 2000), (0, 0), (60_000, 7000)] {
        player.seek(f64::from(to));
        let before = player.hear_until("Seek.Notify");
        assert_eq!(
            words(&before).iter().rev().nth(1),
            Some(&"Eof".to_owned()),
            "to {to}: {:?}",
            words(&before)
        );
        let expected = from_key(&clip, key);
        let mut heard = Vec::new();
        while packets(&heard).len() < 12 {
            heard.push(player.next());
        }
        assert!(words(&heard).contains(&"Begin".to_owned()), "to {to}: {:?}", words(&heard));
        let received = packets(&heard);
        assert_eq!(frames(&received)[..8], frames(&expected)[..8], "to {to}");
        assert_eq!(received[..2].iter().map(Packet::is_header).collect::<Vec<_>>(), [true; 2], "to {to}");
    }
    assert_eq!(packets(&player.hear_until("Play.Stop")).last(), clip.last());
}

#[test]
fn a_client_may_seek_when_it_has_been_sent_everything() {
    let clip = clip(4);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("cam", &[]);
    player.packets(clip.len());
    player.seek(1500.0);
    // The end of the first pass may be on its way.
    loop {
        if let Heard::Status(code) = player.next()
            && code.ends_with("Seek.Notify")
        {
            break;
        }
    }
    assert_eq!(frames(&packets(&player.hear_until("Play.Stop"))), clip[key_at(&clip, 1000)..]);
}

#[test]
fn a_paused_file_goes_on_with_what_has_not_been_sent() {
    let clip = clip(8);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(300));
    player.play("cam", &[]);
    let mut received = player.packets(50);
    for _ in 0..2 {
        player.pause(true, f64::from(received.last().unwrap().timestamp));
        received.extend(packets(&player.hear_until("Pause.Notify")));
        // What was on its way has come.
        received.extend(packets(&player.hear_for(Duration::from_millis(100))));
        assert!(packets(&player.hear_for(Duration::from_millis(900))).is_empty(), "nothing comes in a pause");
        player.pause(false, f64::from(received.last().unwrap().timestamp));
        let answer = words(&player.hear_until("Unpause.Notify"));
        assert_eq!(answer.last().unwrap(), "Unpause.Notify");
        received.extend(player.packets(20));
    }
    player.buffer(Some(ALL));
    received.extend(packets(&player.hear_until("Play.Stop")));
    assert_eq!(received, clip, "nothing is lost, and nothing comes twice");
}

#[test]
fn a_seek_in_a_pause_shows_one_picture_and_goes_on_there() {
    let clip = clip(8);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(300));
    player.play("cam", &[]);
    player.packets(10);
    player.pause(true, 0.0);
    player.hear_until("Pause.Notify");
    player.seek(5200.0);
    player.hear_until("Seek.Notify");
    let shown = packets(&player.hear_for(Duration::from_millis(500)));
    assert!(shown.iter().any(Packet::is_key) && shown.len() < 10, "{shown:?}");
    player.pause(false, 5200.0);
    player.hear_until("Unpause.Notify");
    let rest = [frames(&shown), frames(&packets(&player.hear_until("Play.Stop")))].concat();
    assert_eq!(rest, clip[key_at(&clip, 5000)..]);
}

#[test]
fn what_a_client_switches_off_does_not_come_and_pictures_come_again_with_a_key_frame() {
    let clip = clip(12);
    let server = server(&[("cam.flv", &clip)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.receive("Audio", false);
    player.play("cam", &[]);
    let received = player.packets(30);
    if received.iter().any(|packet| packet.kind == 8 && !packet.is_header()) {
        // Before the play there was nothing to switch off.
        player.receive("Audio", false);
        player.hear_for(Duration::from_millis(600));
    }
    let silent = frames(&player.packets(20));
    assert!(silent.iter().all(|packet| packet.kind == 9), "{silent:?}");
    player.receive("Video", false);
    player.hear_for(Duration::from_millis(600));
    assert!(packets(&player.hear_for(Duration::from_millis(600))).is_empty());
    player.receive("Video", true);
    let mut shown = Vec::new();
    while frames(&shown).is_empty() {
        shown.extend(player.next().packet().cloned());
    }
    assert!(frames(&shown)[0].is_key(), "{shown:?}");
}
