//! What a reload does to streams and connections that are there: some directives act at once, others at the next publish,
//! and the sessions of an application that is gone end with a reason.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use m3u8_rs::MediaPlaylist;

use crate::common::hls::playlist;
use crate::common::http::{Connection, get};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, flv};

/// An RTMP server with these applications, and an HTTP server with this location.
fn configuration(main: &str, applications: &str, location: &str) -> String {
    format!(
        "{main} rtmp {{ server {{ listen 127.0.0.1:0; {applications} }} }}
         http {{ server {{ listen 127.0.0.1:0; root FOLDER; {location} }} }}"
    )
}

fn live(directives: &str) -> String {
    configuration("", &format!("application live {{ live on; {directives} }}"), "")
}

fn start(configuration: &str) -> Server {
    Server::start_in(Folder::new(), configuration)
}

/// The durations of the fragments in a playlist, in whole seconds.
fn fragments(server: &Server) -> Vec<u64> {
    let list: MediaPlaylist = playlist(&get(server.http(), "/hls/cam.m3u8").body);
    list.segments.iter().map(|segment| segment.duration.round() as u64).collect()
}

fn recorded(server: &Server, folder: &str) -> Vec<Packet> {
    let files = server.folder.list(folder);
    let tags = files.iter().flat_map(|name| flv::packets(&flv::read(&server.folder.join(folder).join(name))));
    tags.collect()
}

#[test]
fn an_output_keeps_the_settings_that_it_began_with_until_the_next_publish() {
    let text = |fragment: u32, folder: &str| {
        live(&format!(
            "hls on; hls_path FOLDER/hls; hls_fragment {fragment}s; hls_playlist_length 1m; hls_max_fragment 3s;
             record all; record_unique on; record_path FOLDER/{folder};"
        ))
    };
    let server = start(&text(1, "one"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 3000));
    server.reload(&text(3, "two"), 1);
    publisher.send_all(&media::both(3000, 3000));
    publisher.finish();
    assert_eq!(fragments(&server), [1; 6]);
    assert!(server.folder.list("two").is_empty());
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 3000));
    publisher.finish();
    assert_eq!(fragments(&server), [1, 1, 1, 1, 1, 1, 3]);
    assert!(recorded(&server, "one").len() > recorded(&server, "two").len());
    assert!(!recorded(&server, "two").is_empty());
}

#[test]
fn an_output_that_is_switched_on_or_off_follows_at_the_next_publish() {
    let on = live("hls on; hls_path FOLDER/hls; hls_fragment 1s; record all; record_path FOLDER/rec;");
    let server = start(&live(""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 2000));
    server.reload(&on, 1);
    publisher.send_all(&media::both(2000, 2000));
    publisher.finish();
    assert!(server.folder.list("hls").is_empty() && server.folder.list("rec").is_empty());
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 2000));
    server.reload(&live(""), 2);
    publisher.send_all(&media::both(2000, 2000));
    publisher.finish();
    assert_eq!(fragments(&server).len(), 4);
    let times = recorded(&server, "rec").into_iter().map(|packet| packet.timestamp).max();
    assert!(times.is_some_and(|time| time > 3900), "{times:?}");
}

#[test]
fn players_go_on_and_one_that_joins_after_reloads_begins_with_the_cached_group() {
    let server = start(&live(""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    let packets = media::both(0, 3000);
    let mut received = Vec::new();
    for (number, part) in packets.chunks(packets.len() / 3 + 1).enumerate() {
        publisher.send_all(part);
        received.extend(player.receive(part.len()));
        server.reload(&live(&format!("publish_grace {number}s;")), number + 1);
    }
    let frames =
        |packets: Vec<Packet>| packets.into_iter().filter(|packet| !packet.is_header()).collect::<Vec<_>>();
    assert!(frames(received) == frames(packets), "all frames, in their order");
    let mut late = Client::play(server.rtmp(), "cam");
    let first = late.receive(3);
    assert!(first.iter().any(Packet::is_key), "a key frame at once");
}

#[test]
fn clients_of_an_application_that_is_gone_are_told_why_and_new_ones_are_refused() {
    let server = start(&configuration("", "application live { live on; }", ""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 1000));
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play("cam");
    server.wait_log("play live/cam");
    server.reload(&configuration("reload_grace 1s;", "application other { live on; }", ""), 1);
    assert!(Client::connect(server.rtmp(), "live").is_err());
    drop(Client::try_publish(server.rtmp(), "other", "new").unwrap());
    let why = "the application \"live\" is gone since the reload";
    server.wait_lines(&format!("closed: {why}"), 2);
    let stop = std::iter::repeat_with(|| player.status()).find(|(code, _)| code == "NetStream.Play.Stop");
    assert_eq!(stop.map(|(_, text)| text).as_deref(), Some(why));
}

#[test]
fn a_connection_that_is_kept_has_the_new_locations_for_its_next_request() {
    let server =
        start(&configuration("", "", "location /a { return 200 old; } location /b { return 200 b; }"));
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.get("/a").text(), "old");
    server.reload(&configuration("", "", "location /a { return 200 new; }"), 1);
    assert_eq!(connection.get("/a").text(), "new");
    assert_eq!(connection.get("/b").status, 404);
}

#[test]
fn a_cache_is_switched_off_and_on_at_once() {
    let server = start(&live(""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::video_only(0, 500));
    server.reload(&live("gop_cache off;"), 1);
    let mut player = Client::play(server.rtmp(), "cam");
    assert!(player.is_quiet(Duration::from_millis(200)), "it waits for the next key frame");
    server.reload(&live(""), 2);
    publisher.send_all(&media::video_only(1000, 500));
    assert!(player.receive(2).iter().any(Packet::is_key));
    let mut late = Client::play(server.rtmp(), "cam");
    assert!(late.receive(2).iter().any(Packet::is_key));
}
