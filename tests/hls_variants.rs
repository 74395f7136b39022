//! Master playlists: what they list, and that it can be played.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::publish;
use crate::common::http::get;
use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, until};
use m3u8_rs::MasterPlaylist;

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 2s; hls_playlist_length 60s;
    hls_fragment_slicing aligned; hls_variant _low; hls_variant _high BANDWIDTH=9000000 VIDEO-RANGE=SDR;";

fn master(server: &Server) -> MasterPlaylist {
    let reply = get(server.http(), "/hls/cam.m3u8");
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-cache"));
    let (rest, list) = m3u8_rs::parse_master_playlist(&reply.body).unwrap();
    assert!(rest.is_empty() && list.unknown_tags.is_empty(), "{}", reply.text());
    list
}

#[test]
fn the_master_playlist_says_what_is_measured_and_what_is_given() {
    let server = Server::live(HLS);
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 8);
    let low = publish(&server, "cam_low", &packets);
    let list = master(&server);
    assert_eq!(list.variants.len(), 1, "the other one does not exist");
    let variant = &list.variants[0];
    assert_eq!(variant.uri, "cam_low.m3u8");
    assert_eq!(variant.frame_rate, Some(25.0));
    assert_eq!(variant.resolution.map(|size| (size.width, size.height)), Some((160, 120)));
    let codecs = variant.codecs.as_deref().unwrap();
    assert!(codecs.starts_with("avc1.") && codecs.len() == 21 && codecs.ends_with(",mp4a.40.2"), "{codecs}");
    // The rates are those of the fragments.
    let rates: Vec<_> = low
        .segments
        .iter()
        .map(|segment| {
            let bytes = get(server.http(), &format!("/hls/{}", segment.uri)).body.len();
            (bytes as f64 * 8.0, f64::from(segment.duration))
        })
        .collect();
    let average = rates.iter().map(|rate| rate.0).sum::<f64>() / rates.iter().map(|rate| rate.1).sum::<f64>();
    let stated = variant.average_bandwidth.unwrap() as f64;
    assert!((stated / average - 1.0).abs() < 0.12, "{stated} stated, {average} measured");
    let long = rates.iter().filter(|rate| rate.1 >= 1.0).map(|rate| rate.0 / rate.1);
    assert!(variant.bandwidth as f64 >= long.fold(0.0, f64::max), "{} stated", variant.bandwidth);
    // The other one comes.
    let high = publish(&server, "cam_high", &packets);
    let list = master(&server);
    let uris: Vec<_> = list.variants.iter().map(|variant| variant.uri.as_str()).collect();
    assert_eq!(uris, ["cam_low.m3u8", "cam_high.m3u8"]);
    assert_eq!(list.variants[1].bandwidth, 9_000_000);
    let text = get(server.http(), "/hls/cam.m3u8").text();
    assert!(text.contains("VIDEO-RANGE=SDR"), "{text}");
    let durations =
        |list: &m3u8_rs::MediaPlaylist| list.segments.iter().map(|s| s.duration).collect::<Vec<_>>();
    assert_eq!(durations(&low), durations(&high), "they are aligned");
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
}

#[test]
fn a_variant_whose_files_are_gone_is_listed_no_more() {
    let server = Server::live(&HLS.replace("60s", "1s").replace("2s", "1s"));
    let mut high = Client::publish(server.rtmp(), "cam_high");
    high.send_all(&media::both(0, 3000));
    publish(&server, "cam_low", &media::both(0, 3000));
    assert_eq!(master(&server).variants.len(), 2);
    until("one is gone", Duration::from_secs(20), || (master(&server).variants.len() == 1).then_some(()));
    assert_eq!(master(&server).variants[0].uri, "cam_high.m3u8");
    high.finish();
    until("both are", Duration::from_secs(20), || server.folder.list("hls").is_empty().then_some(()));
    assert_eq!(get(server.http(), "/hls/cam.m3u8").status, 404);
}

/// Asks to publish; the reason of a refusal.
fn refusal(server: &Server, app: &str, name: &str) -> String {
    let mut publisher = Raw::connected(server.rtmp(), app);
    publisher.publish(name);
    let (code, why) = publisher.status();
    assert_eq!(code, "NetStream.Publish.BadName", "{why}");
    why
}

#[test]
fn a_stream_whose_directory_would_be_a_master_playlist_is_refused() {
    let server = Server::live(&format!("{HLS} hls_nested on;"));
    assert!(refusal(&server, "live", "cam.m3u8").contains("another stream's HLS file"));
    assert!(server.folder.list("hls").is_empty(), "nothing was made");
    publish_in(&server, "live", "cam_low");
    let listed = get(server.http(), "/hls/cam.m3u8").text();
    assert!(listed.contains("cam_low/index.m3u8"), "{listed}");
    server.wait_log("publish live/cam.m3u8 refused: the name is that of another stream's HLS file");
}

#[test]
fn a_name_whose_files_another_application_writes_is_refused() {
    let hls = "live on; hls on; hls_endlist 0; hls_path FOLDER/hls;";
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; {hls} application live {{ }} application other {{ }}
            application plain {{ hls off; }} }} }}"
    ));
    let mut first = Client::publish(server.rtmp(), "cam");
    assert!(refusal(&server, "other", "cam").contains("another stream has the HLS files of this name"));
    Client::try_publish(server.rtmp(), "plain", "cam").unwrap();
    Client::try_publish(server.rtmp(), "other", "another").unwrap();
    first.finish();
    Client::try_publish(server.rtmp(), "other", "cam").unwrap();
    assert!(server.lines("[error]").is_empty());
}

/// A second of a stream.
fn publish_in(server: &Server, app: &str, name: &str) {
    let mut publisher = Client::try_publish(server.rtmp(), app, name).unwrap();
    publisher.send_all(&media::both(0, 5000));
    publisher.finish();
}
