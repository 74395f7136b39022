//! HLS that never touches a disk.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::{Watch, check_times, fragments, publish};
use crate::common::http::get;
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, Server, until, wait};
use nix::sys::signal::Signal;

const HLS: &str = "hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_memory on;";

#[test]
fn a_stream_in_memory_is_played_like_any_other_and_leaves_nothing_on_the_disk() {
    let server = Server::live(&format!("{HLS} hls_playlist_length 60s;"));
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 6);
    let list = publish(&server, "cam", &packets);
    check_times(&fragments(server.http(), "/hls", &list));
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
    assert!(!server.folder.join("hls").exists());
}

#[test]
fn nested_streams_keys_and_variants_are_in_memory_too() {
    let server = Server::live(&format!(
        "{HLS} hls_playlist_length 60s; hls_nested on; hls_keys on; hls_variant _low;"
    ));
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 4);
    let mut publisher = Client::publish(server.rtmp(), "cam_low");
    publisher.send_all(&packets);
    publisher.finish();
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
    assert!(!server.folder.join("hls").exists());
}

#[test]
fn it_all_goes_some_time_after_the_end() {
    let server = Server::live(&format!("{HLS} hls_playlist_length 1s;"));
    let list = publish(&server, "cam", &media::both(0, 20_000));
    let uri = format!("/hls/{}", list.segments[0].uri);
    assert_eq!(get(server.http(), &uri).status, 200);
    until("it is gone", Duration::from_secs(20), || {
        (get(server.http(), "/hls/cam.m3u8").status == 404).then_some(())
    });
    assert_eq!(get(server.http(), &uri).status, 404);
}

#[test]
fn a_full_memory_makes_lists_shorter() {
    let server = Server::start(
        "rtmp { hls_memory_size 200k; server { listen 127.0.0.1:0; application live { live on; hls on;
             hls_path FOLDER/hls; hls_memory on; hls_fragment 1s; hls_playlist_length 60s; } } }
         http { server { listen 127.0.0.1:0; location / { root FOLDER; } } }",
    );
    let list = publish(&server, "cam", &media::both(0, 30_000));
    // A second has about 30 kB.
    assert!((3..=7).contains(&list.segments.len()), "{} are listed", list.segments.len());
    let bytes = fragments(server.http(), "/hls", &list).len();
    assert_eq!(bytes, list.segments.len());
    server.expect_lines("hls_memory_size is used up", 1);
}

#[test]
fn the_numbers_do_not_go_back_though_nothing_is_kept() {
    let folder = Folder::new();
    let configuration = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} hls_playlist_length 3s; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER; }} }} }}"
    )
    .replace("FOLDER", folder.to_str().unwrap());
    let mut watch = Watch::default();
    for _ in 0..2 {
        let mut server = Server::start(&configuration);
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&media::both(0, 5000));
        wait("the playlist", || {
            let reply = get(server.http(), "/hls/cam.m3u8");
            reply.status == 200 && watch.see(&reply.body).segments.len() >= 3
        });
        server.signal(Signal::SIGKILL);
        server.wait_exit(crate::common::SOON);
        // A second has four numbers; what was published here came faster than that.
        std::thread::sleep(Duration::from_millis(2100));
    }
    assert!(folder.list("").is_empty());
}
