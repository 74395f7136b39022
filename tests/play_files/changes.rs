//! Files that change while they are played.

use std::fs;
use std::time::Duration;

use super::client::{ALL, Player, packets, write_old};
use super::{clip, server};

#[test]
fn a_file_that_is_deleted_or_replaced_plays_to_its_end() {
    let clip = clip(6);
    let server = server(&[("gone.flv", &clip), ("new.flv", &clip)]);
    let folder = server.folder.join("vod");
    let mut players = ["gone", "new"].map(|name| {
        let mut player = Player::connect(server.rtmp(), "vod", Some(100));
        player.play(name, &[]);
        let received = player.packets(10);
        (player, received)
    });
    fs::remove_file(folder.join("gone.flv")).unwrap();
    write_old(&folder.join("other.flv"), &super::clip(1)[..9]);
    fs::rename(folder.join("other.flv"), folder.join("new.flv")).unwrap();
    for (player, received) in &mut players {
        player.buffer(Some(ALL));
        received.extend(packets(&player.hear_until("Play.Stop")));
        assert!(*received == clip, "{} packets", received.len());
    }
}

#[test]
fn a_file_that_is_cut_ends_where_it_ends_now() {
    let clip = clip(20);
    let server = server(&[("cam.flv", &clip)]);
    let path = server.folder.join("vod/cam.flv");
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.play("cam", &[]);
    let mut received = player.packets(10);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(fs::metadata(&path).unwrap().len() / 3).unwrap();
    super::client::age(&path);
    player.buffer(Some(ALL));
    received.extend(packets(&player.hear_until("Play.Stop")));
    assert!(clip.starts_with(&received) && received.len() < clip.len() / 2, "{} packets", received.len());
}

#[test]
fn a_file_that_is_written_over_with_something_else_ends_with_an_answer() {
    let clip = clip(20);
    let server = server(&[("cam.flv", &clip)]);
    let path = server.folder.join("vod/cam.flv");
    let mut player = Player::connect(server.rtmp(), "vod", Some(100));
    player.play("cam", &[]);
    player.packets(10);
    fs::write(&path, crate::common::media::noise(3, 900_000)).unwrap();
    super::client::age(&path);
    player.buffer(Some(ALL));
    player.hear_until("Play.Stop");
    assert!(player.hear_for(Duration::from_millis(100)).is_empty());
}
