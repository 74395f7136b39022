//! HLS that never touches a disk.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::{Watch, check_times, fragments, playlist, publish};
use crate::common::http::{Connection, get};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, until, wait};
use nix::sys::signal::Signal;

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_memory on;";

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
fn files_in_memory_are_removed_some_time_after_the_end() {
    let server = Server::live(&format!("{HLS} hls_playlist_length 1s;"));
    let list = publish(&server, "cam", &media::both(0, 20_000));
    let uri = format!("/hls/{}", list.segments[0].uri);
    assert_eq!(get(server.http(), &uri).status, 200);
    until("it is gone", Duration::from_secs(20), || {
        (get(server.http(), "/hls/cam.m3u8").status == 404).then_some(())
    });
    assert_eq!(get(server.http(), &uri).status, 404);
    assert_eq!(server.in_memory(), 0, "all of it is the system's again");
}

/// A server whose files in memory take up so much, with some settings.
fn bounded(size: &str, settings: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ hls_memory_size {size}; server {{ listen 127.0.0.1:0; application live {{ live on; gop_cache off;
             hls on; hls_endlist 0; hls_path FOLDER/hls; hls_memory on; {settings} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER; }} }} }}"
    ))
}

/// Pictures of so many bytes, of which every so-manieth is a key frame, a step in milliseconds apart.
fn pictures(count: u32, (size, group, step): (u32, u32, u32)) -> Vec<Packet> {
    let template = media::video_frame(0, true, size).payload;
    let picture = |number: u32| {
        let is_key = number.is_multiple_of(group);
        let mut payload = template.clone();
        (payload[0], payload[9]) = if is_key { (0x17, 0x65) } else { (0x27, 0x41) };
        Packet::video(number * step, payload)
    };
    std::iter::once(media::video_header(0)).chain((0..count).map(picture)).collect()
}

#[test]
fn readers_that_stop_keep_no_more_than_the_memory_may_have() {
    const LIMIT: u64 = 32 << 10;
    let server = bounded("32m", "hls_fragment 1s; hls_playlist_length 3s;");
    let before = server.resident();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let (mut readers, mut newest) = (Vec::new(), String::new());
    for packet in pictures(200, (300_000, 10, 100)) {
        publisher.send(&packet);
        if packet.timestamp < 2000 || !packet.timestamp.is_multiple_of(1000) {
            continue;
        }
        newest = until("another fragment", SOON, || {
            let reply = get(server.http(), "/hls/cam.m3u8");
            let last =
                (reply.status == 200).then(|| playlist(&reply.body).segments.last().unwrap().uri.clone());
            last.filter(|last| *last != newest)
        });
        let mut reader = Connection::open_narrow(server.http());
        reader.begin(&format!("/hls/{newest}"));
        readers.push(reader);
        assert!(server.in_memory() <= LIMIT, "{} kB", server.in_memory());
    }
    let resident = server.peak().saturating_sub(before);
    assert!(
        resident + server.in_memory() < LIMIT + (20 << 10),
        "{resident} kB and {} kB",
        server.in_memory()
    );
    // A client that is not late gets all of it.
    assert_eq!(readers.last_mut().unwrap().reply("GET").status, 200);
    assert!(!server.log().contains("lists less than it should"), "{}", server.log());
}

#[test]
fn forty_fragments_that_are_being_written_have_no_more_than_the_memory_may_have() {
    const LIMIT: u64 = 16 << 10;
    let server = bounded("16m", "hls_fragment 60s;");
    let before = server.resident();
    let packets = pictures(36, (100_000, 100, 40));
    let mut publishers: Vec<_> =
        (0..40).map(|number| Client::publish(server.rtmp(), &format!("cam{number}"))).collect();
    for packet in &packets {
        publishers.iter_mut().for_each(|publisher| publisher.send(packet));
        assert!(server.in_memory() <= LIMIT, "{} kB", server.in_memory());
    }
    publishers.iter_mut().for_each(Client::finish);
    // At first frames wait until it is known that no sound comes; they count, too.
    let resident = server.peak().saturating_sub(before);
    assert!(resident < 2 * LIMIT, "{resident} kB");
    assert!(
        server.lines("hls cannot write, and tries again every 2 s: hls_memory_size is used up").len() <= 40
    );
}

#[test]
fn a_stream_that_finds_no_room_pauses_and_continues_when_there_is() {
    let server = bounded("1m", "hls_fragment 1s; hls_playlist_length 3s;");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&pictures(10, (1_500_000, 1, 1000)));
    server.wait_lines("hls cannot write, and tries again every 2 s: hls_memory_size is used up", 1);
    publisher.send_all(&media::both(20_000, 10_000));
    publisher.finish();
    server.expect_lines("hls cannot write, and tries again", 1);
    server.expect_lines("live/cam: hls writes again", 1);
    let list = playlist(&get(server.http(), "/hls/cam.m3u8").body);
    assert!(list.segments.len() >= 3 && server.in_memory() <= 1024);
}

#[test]
fn a_stream_finds_room_beside_one_that_takes_all_it_can_get() {
    let server = bounded("4m", "hls_fragment 1s; hls_playlist_length 60s;");
    let mut greedy = Client::publish(server.rtmp(), "greedy");
    let packets = pictures(250, (50_000, 10, 100));
    // The header, a second, and the next key frame.
    greedy.send_all(&packets[..12]);
    let next_number = || {
        let reply = get(server.http(), "/hls/greedy.m3u8");
        let list = (reply.status == 200).then(|| playlist(&reply.body))?;
        Some(list.media_sequence + list.segments.len() as u64)
    };
    let first = until("a fragment", SOON, next_number);
    greedy.send_all(&packets[12..]);
    // A stream that has ended would give way to one that is live.
    wait("all of it is there", || next_number() == Some(first + 23));
    server.expect_lines("greedy: hls lists less than it should", 1);
    let list = publish(&server, "modest", &media::both(0, 12_000));
    assert!(list.segments.len() >= 10, "{} are listed", list.segments.len());
    assert_eq!(fragments(server.http(), "/hls", &list).len(), list.segments.len());
}

#[test]
fn a_full_memory_makes_lists_shorter() {
    let server = Server::start(
        "rtmp { hls_memory_size 1m; server { listen 127.0.0.1:0; application live { live on; hls on; hls_endlist 0;
             hls_path FOLDER/hls; hls_memory on; hls_fragment 1s; hls_playlist_length 60s; } } }
         http { server { listen 127.0.0.1:0; location / { root FOLDER; } } }",
    );
    let frames = (0..700).map(|number| media::video_frame(number * 40, number % 25 == 0, 5000));
    let packets: Vec<_> = [media::video_header(0)].into_iter().chain(frames).collect();
    let list = publish(&server, "cam", &packets);
    // A second has about 130 kB.
    assert!((4..=8).contains(&list.segments.len()), "{} are listed", list.segments.len());
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
        server.wait_exit(SOON);
        // A second has four numbers; what was published here came faster than that.
        std::thread::sleep(Duration::from_millis(2100));
    }
    assert!(folder.list("").is_empty());
}
