//! HLS over everything that interrupts a stream: a publisher that comes back, a server that is stopped, one
//! that is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::{Watch, fragments, publish};
use crate::common::http::get;
use crate::common::media;
use crate::common::player::{Client, relay};
use crate::common::{Folder, Server, until, wait};
use nix::sys::signal::Signal;

const HLS: &str = "hls on; hls_endlist 0; hls_fragment 1s; hls_playlist_length 60s;";

/// A server whose files are in a folder that outlives it.
fn server(folder: &Folder, directives: &str) -> Server {
    let path = folder.to_str().unwrap();
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
             live on; hls_path {path}/hls; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /hls {{ root {path}; }} }} }}"
    ))
}

/// The files of a folder that somebody else has put there are named so.
fn ours(folder: &Folder) -> Vec<String> {
    folder.list("hls").into_iter().filter(|name| !name.contains("precious")).collect()
}

#[test]
fn a_publisher_that_comes_back_in_time_is_one_discontinuity() {
    let server = Server::live(&format!("{HLS} hls_path FOLDER/hls; publish_grace 10s;"));
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 4);
    let mut watch = Watch::default();
    for round in 0..3 {
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&packets);
        // The fourth is open, until the next publisher's first key frame.
        wait("three fragments more", || {
            let reply = get(server.http(), "/hls/cam.m3u8");
            reply.status == 200 && watch.see(&reply.body).segments.len() == 4 * round + 3
        });
        // Its connection is lost.
        drop(publisher);
        server.wait_lines("the name is kept for 10 s", round + 1);
    }
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    publisher.finish();
    let list = watch.see(&get(server.http(), "/hls/cam.m3u8").body);
    let broken: Vec<_> =
        (0..).zip(&list.segments).filter(|(_, s)| s.discontinuity).map(|(at, _)| at).collect();
    assert!(list.end_list && broken.len() == 3, "{broken:?}");
    assert!(list.independent_segments);
    let dates: Vec<_> = list.segments.iter().map(|segment| segment.program_date_time.unwrap()).collect();
    assert_eq!(dates.len(), list.segments.len());
    for (from, to) in [0].iter().chain(&broken).zip(broken.iter().chain(&[list.segments.len()])) {
        let mut part = list.clone();
        part.segments = part.segments[*from..*to].to_vec();
        crate::common::hls::check_times(&fragments(server.http(), "/hls", &part));
    }
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
}

#[test]
fn after_a_kill_the_numbers_go_on_and_every_listed_fragment_is_there() {
    let folder = Folder::new();
    let (mut watch, mut sequence) = (Watch::default(), 0);
    let directives = "hls on; hls_endlist 0; hls_fragment 1s; hls_playlist_length 4s;";
    for round in 0..4 {
        let mut server = server(&folder, directives);
        let mut publisher = Client::publish(server.rtmp(), "cam");
        for packet in media::both(0, 6000 + round * 300) {
            publisher.send(&packet);
        }
        let mut seen = 0;
        until("fragments of this round", Duration::from_secs(15), || {
            let reply = get(server.http(), "/hls/cam.m3u8");
            if reply.status == 404 && sequence == 0 {
                return None; // there is no fragment yet
            }
            let list = watch.see(&reply.body);
            // Media is faster than the clock here, so a fragment may leave the list and be removed meanwhile.
            let is_there = |segment: &m3u8_rs::MediaSegment| {
                get(server.http(), &format!("/hls/{}", segment.uri)).status == 200
                    || !get(server.http(), "/hls/cam.m3u8").text().contains(&segment.uri)
            };
            assert!(list.segments.iter().all(is_there), "{:?}", list.segments);
            seen = list.media_sequence + list.segments.len() as u64;
            (seen >= sequence + 4).then_some(())
        });
        sequence = seen;
        server.signal(Signal::SIGKILL);
        server.wait_exit(crate::common::SOON);
    }
    assert!(watch.versions >= 3);
    // Whatever the moments were: once the stream has ended for good, nothing is left.
    let server = server(&folder, "hls on; hls_endlist 0; hls_fragment 1s; hls_playlist_length 1s;");
    publish(&server, "cam", &media::both(0, 3000));
    until("all files are gone", Duration::from_secs(30), || ours(&folder).is_empty().then_some(()));
}

#[test]
fn files_of_a_killed_server_are_deleted_and_no_others() {
    let folder = Folder::new();
    for name in ["cam-999.precious.ts", "precious.m3u8", "other-1.precious.ts"] {
        folder.write(&format!("hls/{name}"), "precious");
    }
    let directives =
        "hls on; hls_endlist 0; hls_fragment 1s; hls_playlist_length 1s; hls_fragment_naming timestamp;";
    let mut first = server(&folder, directives);
    let mut publisher = Client::publish(first.rtmp(), "cam");
    let mut players = [Client::play(first.rtmp(), "cam")];
    relay(&mut publisher, &mut players, &media::both(90_000, 9000));
    // The last fragment is being written, and the one before it is in place.
    let last = ["cam-8730000.ts", ".cam.ts.part"].map(str::to_owned);
    wait("all that was sent", || last.iter().all(|name| ours(&folder).contains(name)));
    assert!(ours(&folder).len() > 6, "some fragments wait for their deletion: {:?}", ours(&folder));
    first.signal(Signal::SIGKILL);
    first.wait_exit(crate::common::SOON);
    let second = server(&folder, directives);
    std::thread::sleep(Duration::from_millis(500));
    assert!(get(second.http(), "/hls/cam.m3u8").status == 200, "not before its time");
    until("they are gone", Duration::from_secs(30), || ours(&folder).is_empty().then_some(()));
    assert_eq!(folder.list("hls").len(), 3);
    assert_eq!(fs::read_dir(folder.join("hls")).unwrap().count(), 3);
}

#[test]
fn a_restart_in_the_wait_after_a_streams_end_keeps_the_wait() {
    let folder = Folder::new();
    let directives = "hls on; hls_endlist 0; hls_fragment 1s; hls_playlist_length 1s; hls_nested on;";
    let mut first = server(&folder, directives);
    let mut publisher = Client::publish(first.rtmp(), "cam");
    publisher.send_all(&media::both(0, 3000));
    publisher.finish();
    first.stop();
    assert_eq!(ours(&folder), [".millstream-hls", "cam"]);
    let _second = server(&folder, directives);
    until("it is gone", Duration::from_secs(30), || ours(&folder).is_empty().then_some(()));
}

#[test]
fn without_continuous_the_list_is_new_and_the_numbers_go_on() {
    let folder = Folder::new();
    let directives = &format!("{HLS} hls_continuous off;");
    let mut sequence = 0;
    for _ in 0..3 {
        let mut server = server(&folder, directives);
        let list = publish(&server, "cam", &media::both(0, 4000));
        assert!(list.media_sequence >= sequence && !list.segments[0].discontinuity);
        assert_eq!(list.segments.len(), 4);
        sequence = list.media_sequence + 4;
        server.stop();
    }
}
