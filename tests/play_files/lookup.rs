//! The names of files: those that clients send are found, and nothing outside the folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::client::{ALL, Player, packets, write_old};
use super::{clip, server, server_with};
use crate::common::media::{self, Packet};

/// The first packet that is sent for a name, or the code of the refusal.
fn first(server: &crate::common::Server, app: &str, name: &str) -> Result<Packet, String> {
    let mut player = Player::connect(server.rtmp(), app, Some(ALL));
    player.play(name, &[]);
    let mut heard = Vec::new();
    while let Some(one) = player.try_next() {
        heard.push(one);
        if let Some(packet) = packets(&heard).into_iter().find(|packet| !packet.is_header()) {
            return Ok(packet);
        }
        if let Some(word) =
            heard.last().unwrap().word().filter(|word| word.contains("NotFound") || word.contains("Fail"))
        {
            return Err(word);
        }
    }
    Err("the end".into())
}

/// A file whose first packet tells which one it is.
fn marked(number: u32) -> Vec<Packet> {
    let mut packets = vec![media::video_header(0), media::video_frame(0, true, 100 + number)];
    packets.extend(media::video_only(0, 1000).split_off(2));
    packets
}

#[test]
fn names_are_found_as_clients_send_them() {
    let server = server(&[
        ("cam.flv", &marked(1)),
        ("both.flv", &marked(2)),
        ("room/cam.flv", &marked(3)),
        ("room/deep/a b.flv", &marked(4)),
        ("Köln.flv", &marked(5)),
        ("plain", &marked(6)),
        ("room/-x.flv", &marked(7)),
        ("50%.flv", &marked(8)),
    ]);
    for (name, number) in [
        ("cam", 1),
        ("cam.flv", 1),
        ("flv:cam", 1),
        ("flv:cam.flv", 1),
        ("/cam", 1),
        ("cam?token=1&x=y", 1),
        ("flv:cam.flv?token=1", 1),
        ("both", 2),
        ("room/cam", 3),
        ("room/cam.flv", 3),
        ("flv:room/cam", 3),
        ("room/flv:cam", 3),
        ("room/deep/a b", 4),
        ("room/deep/a%20b.flv", 4),
        ("Köln", 5),
        ("K%C3%B6ln", 5),
        ("plain", 6),
    ] {
        let found = first(&server, "vod", name).map(|packet| packet.payload.len());
        assert_eq!(found, Ok(marked(number)[1].payload.len()), "{name}");
    }
}

#[test]
fn nothing_outside_the_folder_and_nothing_hidden_is_found() {
    let server = server(&[
        ("cam.flv", &clip(1)),
        ("room/cam.flv", &clip(1)),
        (".hidden.flv", &clip(1)),
        (".dir/cam.flv", &clip(1)),
    ]);
    let folder = server.folder.join("vod");
    write_old(&server.folder.join("secret.flv"), &clip(1));
    write_old(&server.folder.join("secrets/cam.flv"), &clip(1));
    symlink(server.folder.join("secret.flv"), folder.join("link.flv")).unwrap();
    symlink("../secret.flv", folder.join("relative.flv")).unwrap();
    symlink(server.folder.join("secrets"), folder.join("linked")).unwrap();
    fs::create_dir(folder.join("folder.flv")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("fifo.flv")).status().unwrap().success());
    for name in [
        "../secret",
        "../secret.flv",
        "flv:../secret.flv",
        "room/../../secret.flv",
        "room/../cam",
        "..%2fsecret.flv",
        "%2e%2e/secret.flv",
        "%252e%252e/secret.flv",
        "./cam",
        "room//../../secret",
        "link",
        "link.flv",
        "relative",
        "linked/cam",
        ".hidden",
        ".dir/cam",
        "folder",
        "folder.flv",
        "fifo",
        "room",
        "room/",
        "/etc/passwd",
        "cam\0.flv",
        "room\\cam",
        "",
        "flv:",
    ] {
        assert!(first(&server, "vod", name).is_err(), "{name}");
    }
    assert!(first(&server, "vod", "cam").is_ok());
}

#[test]
fn folders_are_tried_in_order_those_of_outer_blocks_last() {
    let server = server(&[]);
    let folder = &server.folder;
    for (path, number) in
        [("one/a.flv", 1), ("two/a.flv", 2), ("two/b.flv", 3), ("outer/a.flv", 4), ("outer/c.flv", 5)]
    {
        write_old(&folder.join(path), &marked(number));
    }
    server.reload(
        "pid off; rtmp { play FOLDER/outer; server { listen 127.0.0.1:0;
             application vod { play FOLDER/one FOLDER/none FOLDER/two; } application other { } } }
         http { server { listen 127.0.0.1:0; location /stat { rtmp_stat all; } } }",
        1,
    );
    let address = *server.addresses("RTMP").last().unwrap();
    let length = |app: &str, name: &str| {
        let mut player = Player::connect(address, app, Some(ALL));
        player.play(name, &[]);
        player.packets(2)[1].payload.len()
    };
    for (app, name, number) in [("vod", "a", 1), ("vod", "b", 3), ("vod", "c", 5), ("other", "a", 4)] {
        assert_eq!(length(app, name), marked(number)[1].payload.len(), "{app}/{name}");
    }
}

#[test]
fn rules_and_keys_see_the_name_of_a_file_as_that_of_a_stream() {
    let clip = clip(1);
    let server = server_with("deny play all;", &[("cam.flv", &clip)]);
    assert!(first(&server, "vod", "cam").is_err());
    let server = server_with("play_key sesame-open;", &[("cam.flv", &clip), ("room/cam.flv", &clip)]);
    assert!(first(&server, "vod", "cam").is_err());
    for name in ["cam?key=sesame-open", "flv:cam.flv?key=sesame-open", "room/cam?key=sesame-open"] {
        assert!(first(&server, "vod", name).is_ok(), "{name}");
    }
}
