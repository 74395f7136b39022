//! Files beside live streams.

use std::time::Duration;

use super::client::{ALL, Heard, Player, age, packets, wait_for_length, words};
use super::{clip, frames, server_with};
use crate::common::media;
use crate::common::player::Client;

#[test]
fn a_live_stream_of_the_name_is_played_before_the_file() {
    let clip = clip(2);
    let server = server_with("live on;", &[("cam.flv", &clip), ("file.flv", &clip)]);
    let mut publisher = Client::try_publish(server.rtmp(), "vod", "cam").unwrap();
    let live = media::video_only(0, 1000);
    publisher.send_all(&live);
    server.wait_log("publish vod/cam");
    for name in ["cam", "flv:cam"] {
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play(name, &[]);
        assert_eq!(player.packets(live.len()), live, "{name}");
    }
    publisher.finish();
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    for name in ["cam", "file"] {
        player.play(name, &[]);
        assert_eq!(packets(&player.hear_until("Play.Stop")), clip, "{name}");
    }
}

#[test]
fn a_client_that_wants_live_only_waits_for_the_live_stream() {
    let server = server_with("live on;", &[("cam.flv", &clip(2))]);
    for start in [-1000.0, -1.0] {
        let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
        player.play("cam", &[start.into()]);
        player.hear_until("Play.Start");
        assert!(packets(&player.hear_for(Duration::from_millis(300))).is_empty());
    }
}

#[test]
fn without_a_file_a_client_waits_for_the_live_stream_and_is_not_told_that_there_is_none() {
    let server = server_with("live on;", &[]);
    let mut player = Player::connect(server.rtmp(), "vod", None);
    player.play("cam", &[]);
    let heard = words(&player.hear_until("Play.Start"));
    assert!(!heard.contains(&"Play.StreamNotFound".to_owned()), "{heard:?}");
    let mut publisher = Client::try_publish(server.rtmp(), "vod", "cam").unwrap();
    let live = media::video_only(0, 1000);
    publisher.send_all(&live);
    assert_eq!(player.packets(live.len()), live);
}

#[test]
fn a_recording_that_grows_is_played_up_to_its_end_and_goes_on() {
    let server = server_with("live on; record all; record_path FOLDER/vod; record_suffix -rec.flv;", &[]);
    let mut publisher = Client::try_publish(server.rtmp(), "vod", "cam").unwrap();
    let sent = media::both(0, 3000);
    let (first, rest) = sent.split_at(sent.len() / 2);
    publisher.send_all(first);
    wait_for_length(&server.folder.join("vod/cam-rec.flv"), 10_000);
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play("cam-rec", &[]);
    let mut heard = Vec::new();
    while !heard.contains(&Heard::Dry) {
        heard.push(player.next());
    }
    publisher.send_all(rest);
    publisher.finish();
    // A file that has been written a moment ago is waited for.
    age(&server.folder.join("vod/cam-rec.flv"));
    heard.extend(player.hear_until("Play.Stop"));
    assert_eq!(frames(&packets(&heard)), frames(&sent));
}
