//! Thumbnails: the last key frame of a live stream as MP4, which FFmpeg decodes to the very picture that was encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use crate::common::captures::{Capture, finish, publish};
use crate::common::ffmpeg;
use crate::common::http::{Connection, Reply, get};
use crate::common::media::Packet;
use crate::common::raw::Raw;
use crate::common::{Server, mp4};
use millstream::rtmp::message::MessageType;

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;";

/// A server with a page at "/", and an application with these directives.
fn server(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }} }} }}"
    ))
}

fn thumbnail(server: &Server, name: &str) -> Reply {
    get(server.http(), &format!("/thumbnails/live/{name}.mp4"))
}

/// Publishes packets; the server has taken all of them when this returns.
fn publish_all(server: &Server, name: &str, packets: &[Packet]) -> Raw {
    let mut player = Raw::connected(server.rtmp(), "live");
    player.play(name);
    while player.status().0 != "NetStream.Play.Start" {}
    let mut publisher = publish(server, name);
    publisher.send(MessageType::SetChunkSize, 0, 0, &60_000u32.to_be_bytes());
    publisher.chunk_size = 60_000;
    packets.iter().for_each(|packet| publisher.send_packet(packet));
    let last = &packets.last().unwrap().payload;
    while player.message().expect("the connection goes on").payload() != &last[..] {}
    publisher
}

/// MD5 of the picture in a thumbnail.
fn digest_of(server: &Server, name: &str) -> String {
    let reply = thumbnail(server, name);
    assert_eq!((reply.status, reply.header("content-type")), (200, "video/mp4"), "{name}");
    let path = server.folder.join(format!("{name}.thumbnail.mp4"));
    std::fs::write(&path, &reply.body).unwrap();
    let digests = ffmpeg::digests(path.to_str().unwrap());
    assert_eq!(digests.len(), 1, "{name}: {digests:?}");
    digests.into_iter().next().unwrap()
}

/// A clip of three seconds with a key frame each second.
fn clip(server: &Server, codec: &str) -> (PathBuf, Vec<Packet>) {
    let path = server.folder.join("clip.mp4");
    let encoder = match codec {
        "h264" => "-c:v libx264 -preset ultrafast -bf 2",
        "h265" => {
            "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:scenecut=0:keyint=25"
        }
        "av1" => "-c:v libaom-av1 -cpu-used 8",
        _ => "-c:v libvpx-vp9 -deadline realtime -cpu-used 8",
    };
    let arguments = format!(
        "-f lavfi -i testsrc=size=162x122:rate=25 -t 3 {encoder} -pix_fmt yuv420p -g 25 -use_editlist 0 -f mp4"
    );
    ffmpeg::run(ffmpeg::command().args(arguments.split_whitespace()).arg(&path));
    let packets = mp4::read(&path)[0].enhanced();
    (path, packets)
}

#[test]
fn a_thumbnail_is_the_last_key_frame_of_any_codec_that_browsers_show() {
    for gop_cache in ["on", "off"] {
        let server = server(&format!("gop_cache {gop_cache};"));
        for codec in ["h264", "h265", "av1", "vp9"] {
            let (path, packets) = clip(&server, codec);
            let _publisher = publish_all(&server, codec, &packets);
            let pictures = ffmpeg::digests(path.to_str().unwrap());
            assert_eq!(digest_of(&server, codec), pictures[50], "{codec}");
        }
    }
}

/// The pictures of these captures, the last but nine of which is the last key frame.
#[test]
fn the_thumbnail_of_an_unusual_stream_is_its_last_key_frame() {
    let names = [
        "avc-new-sets-alone",
        "avc-units-between",
        "avc-slices",
        "avc-all-inter",
        "avc-all-key",
        "avc-start-codes",
        "avc-start-codes-in-record",
        "avc-start-codes-no-record",
        "avc-in-one-unit",
        "avc-prefix",
        "avc-negative",
        "hevc-new-sets",
        "hevc-new-sets-alone",
        "hevc-units-between",
        "hevc-slices",
        "hevc-all-inter",
        "hevc-all-key",
        "hevc-start-codes",
        "hevc-in-one-unit",
        "hevc-negative",
        "avc-open-groups",
        "hevc-open-groups",
    ];
    let server = server(HLS);
    for capture in Capture::all(&names) {
        let name = &capture.name;
        let mut publisher = publish_all(&server, name, &capture.packets);
        let digest = digest_of(&server, name);
        finish(&mut publisher);
        let pictures = ffmpeg::digests(&format!("http://{}/hls/{name}.m3u8", server.http()));
        let place = pictures.iter().position(|picture| *picture == digest);
        assert_eq!((place, pictures.len()), (Some(30), 40), "{name}");
    }
}

#[test]
fn a_thumbnail_is_served_like_a_file_that_nobody_may_keep() {
    let server = server("");
    let (_, packets) = clip(&server, "h264");
    let _publisher = publish_all(&server, "küche", &packets);
    let target = "/thumbnails/live/k%C3%BCche.mp4?v=3";
    let mut client = Connection::open(server.http());
    let whole = client.get(target);
    assert_eq!(whole.status, 200);
    for (name, value) in [
        ("content-type", "video/mp4"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(whole.header(name), value);
    }
    let head = client.request("HEAD", target, "");
    assert_eq!((head.status, head.header("content-length")), (200, &*whole.body.len().to_string()));
    assert_eq!(client.request("POST", target, "").status, 405);
}

#[test]
fn there_is_no_thumbnail_of_what_nobody_may_see_or_browsers_cannot_show() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0;
             application live { live on; }
             application keys { live on; play_key secret; } } }
         http { server { listen 127.0.0.1:0; location /console/ { page on; } location /other { return 204; } } }",
    );
    let (_, packets) = clip(&server, "h264");
    let _publisher = publish_all(&server, "cam", &packets);
    let mut hidden = Raw::connected(server.rtmp(), "keys");
    hidden.publish("cam");
    assert_eq!(hidden.status().0, "NetStream.Publish.Start");
    packets.iter().for_each(|packet| hidden.send_packet(packet));
    let vp8 = b"\x91vp08\x10\x02\0\x9d\x01\x2a\x80\x02\x68\x01";
    let _vp8 = publish_all(&server, "vp8", &[Packet::video(0, vp8.to_vec())]);
    let _sound = publish_all(&server, "sound", &[Packet::audio(0, b"\x2f1234".to_vec())]);
    let status = |path: &str| get(server.http(), path).status;
    assert_eq!(status("/console/thumbnails/live/cam.mp4"), 200);
    let absent = get(server.http(), "/console/thumbnails/live/none.mp4");
    let kept_back = get(server.http(), "/console/thumbnails/keys/cam.mp4");
    assert_eq!((absent.status, &absent.body), (404, &kept_back.body));
    assert_eq!(kept_back.status, 404);
    for path in
        ["live/vp8.mp4", "live/sound.mp4", "other/cam.mp4", "live/.mp4", "live/-.mp4", "live/cam", "cam.mp4"]
    {
        assert_eq!(status(&format!("/console/thumbnails/{path}")), 404, "{path}");
    }
}
