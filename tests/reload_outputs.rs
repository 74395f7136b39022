//! A reload and what it changes for streams, files and clients of the real server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::flv;
use crate::common::hls::playlist;
use crate::common::http::{Connection, get};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, until};

/// An application `live` with these directives, another block in `rtmp`, and these in the HTTP server.
fn configuration(port: u16, live: &str, rtmp: &str, http: &str) -> String {
    format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; {live} }} {rtmp} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER; }} {http} }} }}"
    )
}

fn start(port: u16, live: &str) -> Server {
    Server::start_in(Folder::new(), &configuration(port, live, "", ""))
}

fn recorded(server: &Server, path: &str) -> Vec<Packet> {
    flv::packets(&flv::read(&server.folder.join(path)))
}

#[test]
fn a_recording_goes_on_where_it_began_and_the_next_one_is_where_the_new_file_says() {
    let port = free_port();
    let server = start(port, "record all; record_path FOLDER/old;");
    let sent = media::both(0, 3000);
    let (before, after) = sent.split_at(sent.len() / 2);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(before);
    server.wait_log("live/cam is recorded to");
    server.reload(&configuration(port, "record all; record_path FOLDER/new; record_suffix .rec;", "", ""), 1);
    publisher.send_all(after);
    publisher.finish();
    assert_eq!(recorded(&server, "old/cam.flv"), sent, "without a gap");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&sent);
    publisher.finish();
    assert_eq!(recorded(&server, "new/cam.rec"), sent);
    assert_eq!(server.folder.list("old"), ["cam.flv"]);
}

#[test]
fn a_playlist_goes_on_as_it_began_and_the_next_stream_has_the_new_fragments() {
    let port = free_port();
    let hls = |rest: &str| format!("hls on; hls_path FOLDER/hls; hls_fast_start off; hls_endlist 0; {rest}");
    let server = start(port, &hls("hls_fragment 1s;"));
    let sent = media::both(0, 12_000);
    let (before, after) = sent.split_at(sent.len() / 2);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(before);
    let address = server.http();
    until("the first fragments", Duration::from_secs(20), || {
        let reply = get(address, "/hls/cam.m3u8");
        (reply.status == 200 && playlist(&reply.body).segments.len() > 2).then_some(())
    });
    server.reload(&configuration(port, &hls("hls_fragment 4s;"), "", ""), 1);
    publisher.send_all(after);
    publisher.finish();
    let list = playlist(&get(address, "/hls/cam.m3u8").body);
    assert_eq!((list.target_duration, list.segments.iter().any(|segment| segment.discontinuity)), (1, false));
    assert!(list.segments.len() > 10, "{}", list.segments.len());
    let mut publisher = Client::publish(server.rtmp(), "other");
    publisher.send_all(&sent);
    publisher.finish();
    assert_eq!(playlist(&get(address, "/hls/other.m3u8").body).target_duration, 4);
}

#[test]
fn outputs_that_are_switched_on_and_off_act_at_the_next_publish() {
    let port = free_port();
    let server = start(port, "");
    let sent = media::both(0, 3000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&sent);
    let outputs =
        "record all; record_path FOLDER/rec; hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_endlist 0;";
    server.reload(&configuration(port, outputs, "", ""), 1);
    publisher.finish();
    assert!(
        server.folder.list("rec").is_empty() && !server.folder.list("hls").contains(&"cam.m3u8".to_owned())
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&sent);
    server.reload(&configuration(port, "", "", ""), 2);
    publisher.finish();
    assert_eq!(recorded(&server, "rec/cam.flv"), sent);
    assert!(playlist(&get(server.http(), "/hls/cam.m3u8").body).end_list);
}

#[test]
fn a_location_is_another_from_the_next_request_on() {
    let port = free_port();
    let server = start(port, "");
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.get("/new").status, 404);
    server.reload(&configuration(port, "", "", "location /new { return 200 here; }"), 1);
    assert_eq!(connection.get("/new").text(), "here", "on the same connection");
    server.reload(&configuration(port, "", "", ""), 2);
    assert_eq!(connection.get("/new").status, 404);
}

#[test]
fn applications_come_and_go_and_who_is_in_one_that_is_gone_is_told() {
    let port = free_port();
    let server = start(port, "");
    assert!(Client::connect(server.rtmp(), "more").is_err());
    server.reload(&configuration(port, "", "application more { live on; }", ""), 1);
    let sent = media::video_only(0, 1000);
    let mut publisher = Client::try_publish(server.rtmp(), "more", "cam").unwrap();
    let mut player = Client::try_play(server.rtmp(), "more", "cam").unwrap();
    publisher.send_all(&sent);
    assert_eq!(player.receive(sent.len()), sent);
    let others = Client::publish(server.rtmp(), "stays");
    server.reload(&format!("reload_grace 1s; {}", configuration(port, "", "", "")), 2);
    let refused = Client::connect(server.rtmp(), "more").err().unwrap();
    assert!(refused.contains("gone") || refused.contains("no application"), "{refused}");
    server.wait_lines("the application \"more\" is gone since the reload", 2);
    assert!(player.receive_rest().is_empty());
    drop(others);
    server.wait_log("stops publishing live/stays");
}

#[test]
fn the_cache_that_players_begin_with_is_there_as_the_new_file_says() {
    let port = free_port();
    let server = start(port, "gop_cache off;");
    let sent = media::video_only(0, 3000);
    let (before, after) = sent.split_at(40);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut early = Client::play(server.rtmp(), "cam");
    publisher.send_all(before);
    assert_eq!(early.receive(before.len()), before);
    server.reload(&configuration(port, "gop_cache on;", "", ""), 1);
    publisher.send_all(after);
    assert_eq!(early.receive(after.len()), after);
    // The last key frame came after the reload, and begins what the player gets.
    let first = Client::play(server.rtmp(), "cam").receive(2);
    assert!(first[1].is_key(), "{first:?}");
    server.reload(&configuration(port, "gop_cache off;", "", ""), 2);
    assert!(Client::play(server.rtmp(), "cam").is_quiet(Duration::from_millis(200)));
}
