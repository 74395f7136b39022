//! Encrypted HLS, played by FFmpeg with the keys it is told of.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;

use crate::common::Server;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::hls::publish;
use crate::common::http::get;
use m3u8_rs::KeyMethod;

const HLS: &str =
    "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s; hls_keys on;";

#[test]
fn encrypted_fragments_decode_with_their_keys_and_not_without() {
    let server = Server::live(&format!("{HLS} hls_fragments_per_key 2;"));
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 6);
    let list = publish(&server, "cam", &packets);
    let keys: Vec<_> =
        list.segments.iter().map(|segment| segment.key.clone().expect("a key for each")).collect();
    assert!(keys.iter().all(|key| key.method == KeyMethod::AES128));
    let distinct = |items: Vec<String>| items.into_iter().collect::<HashSet<_>>().len();
    assert_eq!(distinct(keys.iter().map(|key| key.iv.clone().unwrap()).collect()), list.segments.len());
    assert_eq!(
        distinct(keys.iter().map(|key| key.uri.clone().unwrap()).collect()),
        list.segments.len().div_ceil(2)
    );
    for key in &keys {
        assert_eq!(get(server.http(), &format!("/hls/{}", key.uri.as_ref().unwrap())).body.len(), 16);
    }
    let fragment = get(server.http(), &format!("/hls/{}", list.segments[0].uri)).body;
    assert!(!fragment.len().is_multiple_of(188), "it is not in clear");
    ffmpeg::decode(&format!("http://{}/hls/cam.m3u8", server.http()));
}

#[test]
fn keys_have_a_folder_and_a_url_of_their_own() {
    let server = Server::live(&format!("{HLS} hls_nested on; hls_key_path FOLDER/keys; hls_key_url /keys/;"));
    let packets = ffmpeg::encode(&server.folder, Tracks::Video, 4);
    let mut publisher = crate::common::player::Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    publisher.finish();
    assert_eq!(server.folder.list("keys/cam"), ["0.key"], "one for all");
    assert!(!server.folder.list("hls/cam").iter().any(|name| name.ends_with(".key")));
    ffmpeg::decode(&format!("http://{}/hls/cam/index.m3u8", server.http()));
}
