//! Several files, one after the other or in place of another.

use std::time::Duration;

use millstream::media::amf::Value;

use super::client::{ALL, Heard, Player, packets, words};
use super::{clip, frames, server};
use crate::common::media::{self, Packet};

/// Start, duration and reset.
fn appended() -> [Value; 3] {
    [0.0.into(), (-1000.0).into(), Value::Boolean(false)]
}

/// Another clip, with smaller pictures.
fn other(seconds: u32) -> Vec<Packet> {
    let mut packets = clip(seconds);
    for packet in packets.iter_mut().filter(|packet| packet.kind == 9 && !packet.is_header()) {
        packet.payload.truncate(150);
    }
    packets
}

#[test]
fn plays_without_a_reset_are_a_list_that_stops_once() {
    let (one, two) = (clip(3), other(1));
    let server = server(&[("one.flv", &one), ("two.flv", &two)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(0));
    player.play("one", &[0.0.into(), (-1000.0).into(), Value::Boolean(true)]);
    player.play("two", &appended());
    player.play("one", &appended());
    player.buffer(Some(ALL));
    let heard = player.hear_until("Play.Stop");
    assert_eq!(packets(&heard), [&one[..], &two, &one].concat());
    let said = words(&heard);
    let count = |word: &str| said.iter().filter(|said| *said == word).count();
    assert_eq!((count("Play.Start"), count("Play.Stop"), count("Play.Reset")), (3, 1, 1), "{said:?}");
}

#[test]
fn a_play_that_is_appended_when_all_has_been_sent_begins_at_once() {
    let (one, two) = (clip(1), other(1));
    let server = server(&[("one.flv", &one), ("two.flv", &two)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("one", &[]);
    player.hear_until("Play.Stop");
    player.play("two", &appended());
    assert_eq!(packets(&player.hear_until("Play.Stop")), two);
}

#[test]
fn a_list_goes_on_behind_a_file_that_does_not_exist() {
    let (one, two) = (clip(3), other(1));
    let server = server(&[("one.flv", &one), ("two.flv", &two)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(0));
    player.play("one", &[]);
    player.play("none", &appended());
    player.play("two", &appended());
    player.buffer(Some(ALL));
    let mut heard = Vec::new();
    while packets(&heard).len() < one.len() + two.len() {
        match player.try_next() {
            Some(one) => heard.push(one),
            None => break,
        }
    }
    let said = words(&heard);
    assert!(said.contains(&"Play.StreamNotFound".to_owned()), "{said:?}");
    assert_eq!(packets(&heard), [one, two].concat());
}

#[test]
fn a_play_with_a_reset_ends_the_list() {
    let (one, two) = (clip(20), other(1));
    let server = server(&[("one.flv", &one), ("two.flv", &two)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.play("one", &[]);
    player.play("one", &appended());
    player.packets(10);
    player.play("two", &[0.0.into(), (-1000.0).into(), Value::Boolean(true)]);
    let heard = player.hear_until("Play.Stop");
    assert_eq!(packets(&heard[words_until(&heard, "Play.Reset")..]), two);
    assert!(player.hear_for(Duration::from_millis(500)).is_empty());
}

/// How much was heard up to a status.
fn words_until(heard: &[Heard], word: &str) -> usize {
    heard.iter().position(|heard| heard.word().as_deref() == Some(word)).unwrap()
}

#[test]
fn a_switch_is_made_at_the_next_key_frame_and_the_times_go_on() {
    let (high, low) = (clip(12), other(12));
    let server = server(&[("high.flv", &high), ("low.flv", &low)]);
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.play("high", &[]);
    let mut received = player.packets(60);
    player.play2("low");
    let heard = player.hear_until("Play.Transition");
    received.extend(packets(&heard));
    player.buffer(Some(ALL));
    received.extend(packets(&player.hear_until("Play.Stop")));
    let pictures = frames(&media::track(&received, 9));
    let (expected, cheap) = (frames(&media::track(&high, 9)), frames(&media::track(&low, 9)));
    let switch = pictures.iter().zip(&expected).position(|(a, b)| a != b).expect("it switches");
    assert!(expected[switch].is_key(), "at {:?}", pictures[switch]);
    assert_eq!(pictures[switch..], cheap[switch..]);
    let sound = frames(&media::track(&received, 8));
    assert_eq!(sound, frames(&media::track(&high, 8)), "the sound is the same in both");
}
