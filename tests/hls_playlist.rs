//! Playlists under the directives that shape them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use crate::common::hls::{Watch, playlist, publish};
use crate::common::http::{Connection, get};
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Server, run, wait};
use m3u8_rs::MediaPlaylistType;

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls;";

#[test]
fn a_stream_can_be_played_one_key_frame_interval_after_its_beginning() {
    let server = Server::live(&format!("{HLS} hls_fragment 4s; hls_playlist_length 12s;"));
    let packets = media::both(0, 6000);
    let second_key = packets.iter().position(|packet| packet.is_key() && packet.timestamp > 0).unwrap();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets[..=second_key]);
    let (mut connection, mut watch) = (Connection::open(server.http()), Watch::default());
    wait("the playlist", || connection.get("/hls/cam.m3u8").status == 200);
    let first = watch.see(&connection.get("/hls/cam.m3u8").body);
    assert_eq!((first.segments.len(), first.target_duration), (1, 4));
    assert!((0.9..=1.1).contains(&first.segments[0].duration));
    publisher.send_all(&packets[second_key + 1..]);
    publisher.finish();
    assert!(watch.see(&connection.get("/hls/cam.m3u8").body).end_list);
    let slow = Server::live(&format!("{HLS} hls_fragment 4s; hls_playlist_length 12s; hls_fast_start off;"));
    let list = publish(&slow, "cam", &media::both(0, 9000));
    let durations: Vec<_> = list.segments.iter().map(|segment| segment.duration.round() as u32).collect();
    assert_eq!(durations, [4, 4, 1]);
}

#[test]
fn an_event_lists_everything_and_is_kept() {
    let server = Server::live(&format!("{HLS} hls_fragment 1s; hls_playlist_length 1s; hls_type event;"));
    let list = publish(&server, "cam", &media::both(0, 20_000));
    assert_eq!(list.playlist_type, Some(MediaPlaylistType::Event));
    assert_eq!((list.media_sequence, list.segments.len()), (0, 20));
    let again = publish(&server, "cam", &media::both(0, 5000));
    assert_eq!((again.media_sequence, again.segments.len(), again.segments[20].discontinuity), (0, 25, true));
    assert_eq!(server.folder.list("hls").len(), 26, "{:?}", server.folder.list("hls"));
}

#[test]
fn the_end_is_written_unless_endlist_is_off() {
    let server = Server::live(&HLS.replace("hls_endlist 0", "hls_endlist off"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 3000));
    publisher.finish();
    assert!(!playlist(&get(server.http(), "/hls/cam.m3u8").body).end_list);
}

#[test]
fn fragments_are_named_as_the_directive_says() {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    for (naming, granularity) in [("timestamp", 1), ("timestamp", 1000), ("system", 1), ("system", 500)] {
        let server = Server::live(&format!(
            "{HLS} hls_fragment 2s; hls_fragment_naming {naming}; hls_fragment_naming_granularity {granularity};
             hls_base_url //127.0.0.1/x/; hls_fast_start off;"
        ));
        let list = publish(&server, "cam", &media::both(10_000, 6000));
        let ids: Vec<u128> = list
            .segments
            .iter()
            .map(|segment| {
                let id = segment.uri.strip_prefix("//127.0.0.1/x/cam-").unwrap().strip_suffix(".ts").unwrap();
                id.parse().unwrap()
            })
            .collect();
        assert!(ids.iter().all(|id| id % granularity == 0) && ids.len() == 3, "{ids:?}");
        assert!(server.folder.join("hls").join(format!("cam-{}.ts", ids[0])).is_file());
        match naming {
            "timestamp" => assert_eq!(ids, [900_000, 1_080_000, 1_260_000]),
            _ => assert!(
                ids[0] + 500 >= wall && ids[0] < wall + 60_000 && (1500..2501).contains(&(ids[1] - ids[0])),
                "{ids:?}"
            ),
        }
    }
}

#[test]
fn dates_are_those_of_the_media() {
    let server = Server::live(&format!("{HLS} hls_fragment 1s; hls_playlist_length 60s;"));
    let before = jiff::Timestamp::now();
    let list = publish(&server, "cam", &media::both(0, 5000));
    let dates: Vec<_> = list.segments.iter().map(|segment| segment.program_date_time.unwrap()).collect();
    let first = dates[0].timestamp_millis();
    assert!((0..15_000).contains(&(first - before.as_millisecond())), "{first}");
    for (at, date) in (0..).zip(&dates) {
        assert_eq!(date.timestamp_millis(), first + at * 1000);
    }
}

#[test]
fn audio_is_gathered_by_bytes_too() {
    let packets = media::audio_only(0, 3000);
    let units = |size: &str| {
        let server = Server::live(&format!("{HLS} hls_max_audio_delay 1s; hls_audio_buffer_size {size};"));
        let list = publish(&server, "radio", &packets);
        crate::common::hls::fragments(server.http(), "/hls", &list)
            .iter()
            .map(|fragment| fragment.units.len())
            .sum()
    };
    let (many, few): (usize, usize) = (units("500"), units("1m"));
    assert!(many > 3 * few, "{many} and {few}");
}

#[test]
fn an_impossible_setting_is_refused_with_its_line() {
    for (directive, why) in [
        ("hls_fragment 0;", "\"hls_fragment\" must not be 0"),
        (
            "hls_fragment_naming random;",
            "\"hls_fragment_naming\" takes sequential, timestamp or system, not \"random\"",
        ),
        ("hls_fragment_naming_granularity x;", "takes a number"),
        ("hls_fragment_slicing even;", "takes plain or aligned"),
        ("hls_type vod;", "takes live or event"),
        (
            "hls_variant ../x;",
            "\"hls_variant\" takes suffix [ATTRIBUTE=value[,ATTRIBUTE=value...] ...]: \"../x\" ends no stream's name",
        ),
        ("hls_base_url \"a b\";", "\"hls_base_url\" takes a URL without spaces and quotes"),
        ("hls_fragments_per_key -1;", "takes a number"),
        ("hls_memory on; hls_type event;", "\"hls_memory\" cannot hold \"hls_type event\""),
        ("hls_memory_size 1m;", "hls_memory_size"),
        ("hls_keys maybe;", "takes on or off"),
        ("hls_endlist maybe;", "\"maybe\" is neither on nor off, nor a time such as 2m"),
        ("hls_endlist 1s 2s;", "\"hls_endlist\""),
        ("hls_fast_start 1;", "takes on or off"),
        ("hls_audio_buffer_size big;", "takes a size"),
    ] {
        let folder = crate::common::Folder::new();
        let text =
            format!("rtmp {{ server {{ application live {{\n hls on; hls_path /x;\n {directive} }} }} }}");
        let file = folder.write("a.conf", text);
        let output = run(crate::common::millstream().arg("-t").arg("-c").arg(&file));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(why) && said.contains("a.conf:3"),
            "{directive} {said}"
        );
    }
}
