//! HLS as players see it: playlists by the rules of RFC 8216, fragments by demultiplexers and decoders
//! that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::{check_times, fragments, playlist, publish};
use crate::common::http::{Connection, get};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::ts::{self, Counters};
use crate::common::{Folder, Server, until, wait};

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;";

#[test]
fn every_frame_is_in_a_fragment_and_the_whole_decodes() {
    let server = Server::live(HLS);
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 8);
    let list = publish(&server, "cam", &packets);
    assert!((7..=8).contains(&list.segments.len()), "{} fragments", list.segments.len());
    assert!(list.segments.iter().all(|segment| !segment.discontinuity));
    let total: f32 = list.segments.iter().map(|segment| segment.duration).sum();
    assert!((7.9..8.2).contains(&total), "{total} s");
    let fragments = fragments(server.http(), "/hls", &list);
    check_times(&fragments);
    let units = fragments.iter().flat_map(|fragment| &fragment.units);
    let pictures = units.clone().filter(|unit| unit.is_video()).count();
    assert_eq!(pictures, packets.iter().filter(|packet| packet.kind == 9 && packet.payload[1] == 1).count());
    // Sound is byte for byte what was sent, each frame behind its ADTS header.
    let sound: Vec<u8> =
        units.filter(|unit| !unit.is_video()).flat_map(|unit| unit.payload.clone()).collect();
    assert_eq!(without_adts(&sound), frames_of(&packets));
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

/// The AAC frames in an ADTS stream.
fn without_adts(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [0xff, second, _, a, b, c, _, ..] = *stream {
        assert_eq!(second, 0xf1, "MPEG-4, no checksum");
        let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
        frames.push(stream[7..length].to_vec());
        stream = &stream[length..];
    }
    assert!(stream.is_empty(), "{} bytes are left over", stream.len());
    frames
}

fn frames_of(packets: &[Packet]) -> Vec<Vec<u8>> {
    let sound = packets.iter().filter(|packet| packet.kind == 8 && packet.payload[1] == 1);
    sound.map(|packet| packet.payload[2..].to_vec()).collect()
}

#[test]
fn a_live_playlist_slides_and_what_it_lists_can_be_had() {
    let server =
        Server::live("hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 3s;");
    let url = format!("rtmp://{}/live/cam", server.rtmp());
    let mut encoder =
        ffmpeg::spawn(ffmpeg::command().arg("-re").args(ffmpeg::source(Tracks::Both, 8)).arg(url));
    let mut connection = Connection::open(server.http());
    let (mut sequence, mut target, mut seen) = (0, 0, Vec::new());
    let last = until("the stream has ended", Duration::from_secs(30), || {
        let reply = connection.get("/hls/cam.m3u8");
        if reply.status == 404 && seen.is_empty() {
            return None;
        }
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-cache"));
        let list = playlist(&reply.body);
        assert!(list.media_sequence >= sequence && list.target_duration >= target, "{}", reply.text());
        (sequence, target) = (list.media_sequence, list.target_duration);
        for segment in &list.segments {
            if !seen.contains(&segment.uri) {
                assert_eq!(connection.get(&format!("/hls/{}", segment.uri)).status, 200, "{}", segment.uri);
                seen.push(segment.uri.clone());
            }
        }
        list.end_list.then_some(list)
    });
    assert!(encoder.wait().unwrap().success());
    assert!(seen.len() >= 7 && last.media_sequence >= 3, "{seen:?}, the last of {}", last.media_sequence);
    assert!((3..=5).contains(&last.segments.len()), "{} are listed", last.segments.len());
    // Those that slid out are still there for a while.
    assert_eq!(connection.get(&format!("/hls/{}", seen[seen.len() - last.segments.len() - 1])).status, 200);
    check_times(&fragments(server.http(), "/hls", &last));
}

#[test]
fn sound_alone_is_cut_by_time_and_decodes() {
    let server = Server::live(HLS);
    let packets = ffmpeg::encode(&server.folder, Tracks::Audio, 6);
    let list = publish(&server, "radio", &packets);
    assert!((5..=7).contains(&list.segments.len()), "{} fragments", list.segments.len());
    let fragments = fragments(server.http(), "/hls", &list);
    let units = fragments.iter().flat_map(|fragment| &fragment.units);
    assert!(units.clone().all(|unit| !unit.is_video()));
    let sound: Vec<u8> = units.flat_map(|unit| unit.payload.clone()).collect();
    assert_eq!(without_adts(&sound), frames_of(&packets));
    assert!(fragments.iter().all(|fragment| !fragment.clocks.is_empty()));
    ffmpeg::decode(&format!("http://{}/hls/radio.m3u8", server.http()));
}

#[test]
fn a_picture_alone_decodes() {
    let server = Server::live(HLS);
    let packets = ffmpeg::encode(&server.folder, Tracks::Video, 5);
    let list = publish(&server, "cam", &packets);
    let fragments = fragments(server.http(), "/hls", &list);
    check_times(&fragments);
    assert!(fragments.iter().flat_map(|fragment| &fragment.units).all(ts::Unit::is_video));
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
}

#[test]
fn times_that_begin_anywhere_and_wrap_are_no_discontinuity() {
    let server = Server::live(HLS);
    let mut packets = ffmpeg::encode(&server.folder, Tracks::Both, 5);
    // 33 bits of 90 kHz end at 95443717 ms, 32 bits of milliseconds at 4294967296.
    for (name, start) in [("ts", 95_443_717 - 2000), ("rtmp", u32::MAX - 2000)] {
        let first = packets[0].timestamp;
        packets.iter_mut().for_each(|packet| {
            packet.timestamp = packet.timestamp.wrapping_sub(first).wrapping_add(start);
        });
        let list = publish(&server, name, &packets);
        assert!(list.segments.iter().all(|segment| !segment.discontinuity));
        assert!((4..=5).contains(&list.segments.len()), "{name}: {} fragments", list.segments.len());
        ffmpeg::decode(&format!("http://{}/hls/{name}.m3u8", server.http()));
    }
}

#[test]
fn nested_streams_have_a_folder_each() {
    let server = Server::live(&format!("{HLS} hls_nested on;"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 4000));
    publisher.finish();
    let list = playlist(&get(server.http(), "/hls/cam/index.m3u8").body);
    assert!(list.end_list && list.segments.len() >= 3);
    check_times(&fragments(server.http(), "/hls/cam", &list));
    assert_eq!(server.folder.list("hls"), [".millstream-hls", "cam"]);
    let files = server.folder.list("hls/cam");
    assert_eq!(files.len(), list.segments.len() + 1, "{files:?}");
}

#[test]
fn a_stream_that_comes_back_goes_on_with_the_numbers_behind_a_discontinuity() {
    let server = Server::live(HLS);
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 4);
    let first = publish(&server, "cam", &packets);
    let second = publish(&server, "cam", &packets);
    assert_eq!(second.media_sequence, first.media_sequence);
    assert_eq!(second.segments.len(), 2 * first.segments.len());
    for (index, segment) in second.segments.iter().enumerate() {
        assert_eq!(segment.discontinuity, index == first.segments.len(), "fragment {index}");
    }
    let uris: std::collections::HashSet<_> = second.segments.iter().map(|segment| &segment.uri).collect();
    assert_eq!(uris.len(), second.segments.len(), "no name twice");
    // Counters and times begin anew behind a discontinuity.
    let mut latter = second.clone();
    latter.segments.drain(..first.segments.len());
    check_times(&fragments(server.http(), "/hls", &first));
    check_times(&fragments(server.http(), "/hls", &latter));
}

#[test]
fn the_numbers_go_on_after_a_restart_of_the_server() {
    let folder = Folder::new();
    let path = folder.to_path_buf();
    let configuration = |path: &std::path::Path| {
        let live = format!("application live {{ live on; {HLS} }}").replace("FOLDER", path.to_str().unwrap());
        let web = format!("location /hls {{ root {}; }}", path.display());
        format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; {live} }} }}
             http {{ server {{ listen 127.0.0.1:0; {web} }} }}"
        )
    };
    let packets = media::both(0, 4000);
    let mut server = Server::start(&configuration(&path));
    let first = publish(&server, "cam", &packets);
    server.stop();
    let server = Server::start(&configuration(&path));
    let second = publish(&server, "cam", &packets);
    assert!(second.media_sequence >= first.media_sequence);
    assert_eq!(second.segments.len(), 2 * first.segments.len());
    assert!(second.segments[first.segments.len()].discontinuity);
}

#[test]
fn clean_up_deletes_what_is_ours_and_nothing_else() {
    let server =
        Server::live("hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 1s;");
    for name in ["cam.txt", "cam-x.ts", "other-1.ts", "other.m3u8", "cam-1.ts.keep"] {
        server.folder.write(&format!("hls/{name}"), "precious");
    }
    let list = publish(&server, "cam", &media::both(0, 20_000));
    assert!(list.segments.len() <= 4 && list.media_sequence >= 15);
    let ours = || -> Vec<_> {
        let files = server.folder.list("hls").into_iter();
        files
            .filter(|file| fs::read(server.folder.join("hls").join(file)).is_ok_and(|f| f != b"precious"))
            .collect()
    };
    assert!(ours().len() < 12, "fragments go as the list slides: {:?}", ours());
    // Two seconds after the end, everything of the stream goes.
    wait("the stream's files are gone", || ours().is_empty());
    assert_eq!(
        server.folder.list("hls"),
        ["cam-1.ts.keep", "cam-x.ts", "cam.txt", "other-1.ts", "other.m3u8"]
    );
}

#[test]
fn without_clean_up_everything_stays() {
    let server = Server::live(
        "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 1s; hls_cleanup off;",
    );
    publish(&server, "cam", &media::both(0, 10_000));
    assert!(server.folder.list("hls").len() >= 10, "{:?}", server.folder.list("hls"));
}

#[test]
fn nobody_sees_an_unfinished_file() {
    let server = Server::live(HLS);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    for packet in media::both(0, 3500) {
        publisher.send(&packet);
        for file in server.folder.list("hls").iter().filter(|file| !file.starts_with('.')) {
            let bytes = fs::read(server.folder.join("hls").join(file)).unwrap();
            match file.ends_with(".ts") {
                true => drop(ts::parse(&bytes, &mut Counters::default())),
                false => drop(playlist(&bytes)),
            }
        }
    }
    for hidden in server.folder.list("hls").iter().filter(|file| file.starts_with('.')) {
        assert_eq!(get(server.http(), &format!("/hls/{hidden}")).status, 404, "{hidden}");
    }
}

#[test]
fn two_applications_never_write_one_file() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s;
            application a { } application b { } } }",
    );
    let mut first = Client::try_publish(server.rtmp(), "a", "cam").unwrap();
    first.send_all(&media::both(0, 2000));
    let second = Client::try_publish(server.rtmp(), "b", "cam");
    assert_eq!(second.err().as_deref(), Some("NetStream.Publish.BadName"));
    server.wait_log("publish b/cam refused: another stream has the HLS files of this name");
    first.send_all(&media::both(2000, 2000)[2..]);
    first.finish();
    let list = playlist(&fs::read(server.folder.join("hls/cam.m3u8")).unwrap());
    assert!(list.segments.len() >= 3 && list.segments.iter().all(|segment| !segment.discontinuity));
}

#[test]
fn an_hls_path_that_cannot_be_written_is_logged_and_the_stream_continues() {
    let folder = Folder::new();
    folder.write("hls", "a file");
    let server = Server::start_in(
        folder,
        &format!(
            "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} }} }} }}"
        ),
    );
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::video_only(0, 3000);
    assert_eq!(crate::common::player::relay(&mut publisher, &mut players, &packets), [packets]);
    server.wait_log("[error]");
    server.expect_lines("[error]", 1);
    assert_eq!(fs::read(server.folder.join("hls")).unwrap(), b"a file");
}

#[test]
fn a_stop_shows_all_there_is_and_does_not_end_the_playlist() {
    let mut server = Server::live(HLS);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = [Client::play(server.rtmp(), "cam")];
    crate::common::player::relay(&mut publisher, &mut players, &media::video_only(0, 3500));
    server.stop();
    let list = playlist(&fs::read(server.folder.join("hls/cam.m3u8")).unwrap());
    assert!(!list.end_list && list.segments.len() >= 3, "{} fragments", list.segments.len());
}
