//! The end of a stream in its playlist: it is told when nobody has come back for a while.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use m3u8_rs::MediaPlaylist;
use nix::sys::signal::Signal;

use crate::common::hls::{Watch, playlist};
use crate::common::http::get;
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, is_done_within, until, wait};

/// Publishes some seconds, and stops as an encoder does whose user presses Stop.
fn publish(server: &Server, seconds: u32) {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, seconds * 1000));
    publisher.finish();
}

fn list(server: &Server) -> MediaPlaylist {
    playlist(&get(server.http(), "/hls/cam.m3u8").body)
}

fn ends(server: &Server) -> MediaPlaylist {
    until("the playlist ends", Duration::from_secs(30), || Some(list(server)).filter(|list| list.end_list))
}

#[test]
fn a_publisher_that_stops_and_starts_continues_the_playlist() {
    for directives in ["", "publish_grace 10s;", "hls_continuous off;", "hls_memory on;", "hls_type event;"] {
        let server = Server::live(&format!(
            "hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s; {directives}"
        ));
        let mut watch = Watch::default();
        for round in 1..=3 {
            publish(&server, 3);
            let list = watch.see(&get(server.http(), "/hls/cam.m3u8").body);
            assert_eq!((list.segments.len(), list.end_list), (3 * round, false), "{directives}: at the stop");
            let breaks = list.segments.iter().filter(|segment| segment.discontinuity).count();
            assert_eq!(breaks, round - 1, "{directives}");
        }
    }
}

#[test]
fn after_the_wait_the_playlist_ends_and_the_files_stay_for_a_while() {
    let server =
        Server::live("hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 1s; hls_endlist 1s;");
    publish(&server, 3);
    assert_eq!(ends(&server).segments.len(), 3);
    server.wait_log("live/cam: hls ends: nobody has come back");
    until("the files go", Duration::from_secs(30), || server.folder.list("hls").is_empty().then_some(()));
}

#[test]
fn a_lost_publisher_is_waited_for_once() {
    is_done_within(Duration::from_secs(2), || {
        let server =
            Server::live("hls on; hls_path FOLDER/hls; hls_fragment 1s; publish_grace 3s; hls_endlist 3s;");
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&media::both(0, 3000));
        wait("fragments", || get(server.http(), "/hls/cam.m3u8").status == 200);
        drop(publisher);
        server.wait_log("nobody goes on with live/cam");
        let over = Instant::now();
        ends(&server);
        over.elapsed()
    });
}

#[test]
fn after_a_kill_the_playlist_ends_even_where_files_are_kept() {
    let folder = Folder::new();
    let path = folder.to_str().unwrap();
    let configuration = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; hls on; hls_path {path}/hls;
             hls_fragment 1s; hls_cleanup off; hls_endlist 2s; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /hls {{ root {path}; }} }} }}"
    );
    let mut first = Server::start(&configuration);
    let mut publisher = Client::publish(first.rtmp(), "cam");
    publisher.send_all(&media::both(0, 5000));
    wait("fragments", || {
        get(first.http(), "/hls/cam.m3u8").status == 200 && list(&first).segments.len() >= 3
    });
    first.signal(Signal::SIGKILL);
    first.wait_exit(SOON);
    let second = Server::start(&configuration);
    ends(&second);
    wait("nothing is left to do", || !folder.list("hls").contains(&".millstream-hls".to_owned()));
    publish(&second, 3);
    assert!(list(&second).segments.iter().any(|segment| segment.discontinuity), "it goes on");
}

#[test]
fn the_log_says_where_a_stream_is() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; hls on;
             application live { hls_path FOLDER/hls; hls_nested on; }
             application hidden { hls_path FOLDER/hidden; } } }
         http { server { listen 127.0.0.1:0; location / { return 404; } }
                server { listen 127.0.0.1:0; location /tv { alias FOLDER/hls; } } }",
    );
    publish(&server, 1);
    server.wait_log("[info] live/cam: hls is at /tv/cam/index.m3u8");
    let _hidden = Client::try_publish(server.rtmp(), "hidden", "cam").unwrap();
    server.wait_log("[info] hidden/cam: hls is in /");
    server.wait_log("/hidden/cam.m3u8, which no location serves");
}

#[test]
fn the_page_is_told_which_streams_are_waited_for() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; hls on; hls_path FOLDER/hls; hls_fragment 1s;
             application live { } application tv { publish_grace 20s; } } }
         http { server { listen 127.0.0.1:0; location / { page on; } } }",
    );
    let said = || get(server.http(), "/streams.json").text();
    publish(&server, 3);
    let waiting = "\"waiting\":[{\"app\":\"live\",\"name\":\"cam\",\"ends_in_ms\":";
    wait("it is waited for", || said().contains("\"total\":0,") && said().contains(waiting));
    let publisher = Client::publish(server.rtmp(), "cam");
    wait("it is back", || said().contains("\"total\":1,") && said().contains("\"waiting\":[]"));
    drop(publisher);
    let lost = Client::try_publish(server.rtmp(), "tv", "cam").unwrap();
    wait("it is live", || said().contains("\"app\":\"tv\""));
    drop(lost);
    wait("it is lost", || said().contains("\"hls\":null,\"flv\":null,\"ends_in_ms\":"));
}
