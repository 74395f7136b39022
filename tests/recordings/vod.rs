//! A recording as HLS: every packet of the file is in one segment, with the file's times, and FFmpeg plays it whole and from
//! the middle.

use std::fs;
use std::net::SocketAddr;

use super::{list, server_in, server_of, url};
use crate::common::ffmpeg::{self, Strictness, Tracks};
use crate::common::http::get;
use crate::common::media::{self, Packet};
use crate::common::ts::{self, Counters, Unit};
use crate::common::{Folder, flv};

/// By which times in segments are later than those of the file, in ticks.
const DELAY: u64 = 63_000;

fn flv_of(packets: &[Packet]) -> Vec<u8> {
    let folder = Folder::new();
    flv::write(&folder.join("a.flv"), packets);
    fs::read(folder.join("a.flv")).unwrap()
}

/// The segments of a playlist, each with its duration in milliseconds.
fn segments(server: SocketAddr, playlist: &str) -> Vec<(u64, Vec<Unit>)> {
    let reply = get(server, playlist);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/vnd.apple.mpegurl"),
        "{reply:?}"
    );
    let text = reply.text();
    for tag in
        ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-ENDLIST", "#EXT-X-VERSION:6"]
    {
        assert!(text.contains(tag), "{text}");
    }
    let (folder, _) = playlist.rsplit_once('/').unwrap();
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.windows(2).filter(|pair| pair[0].starts_with("#EXTINF:"));
    pairs
        .map(|pair| {
            let seconds = pair[0].trim_start_matches("#EXTINF:").trim_end_matches(',');
            let reply = get(server, &format!("{folder}/{}", pair[1]));
            assert_eq!((reply.status, reply.header("content-type")), (200, "video/mp2t"), "{}", pair[1]);
            assert!(reply.header("cache-control").contains("immutable") && !reply.header("etag").is_empty());
            let units = ts::parse(&reply.body, &mut Counters::default()).units;
            ((seconds.parse::<f64>().unwrap() * 1000.0).round() as u64, units)
        })
        .collect()
}

/// Compares what the segments have with the packets of the file.
fn check(sent: &[Packet], segments: &[(u64, Vec<Unit>)]) {
    let is_media = |packet: &&Packet| !packet.is_header() && (packet.kind == 8 || packet.payload[1] == 1);
    let media: Vec<_> = sent.iter().filter(is_media).collect();
    let pictures = media.iter().filter(|packet| packet.kind == 9);
    let units = || segments.iter().flat_map(|(_, units)| units);
    let shown: Vec<_> = units().filter(|unit| unit.is_video()).collect();
    assert_eq!(pictures.clone().count(), shown.len());
    for (packet, unit) in pictures.zip(shown) {
        assert_eq!(unit.dts, u64::from(packet.timestamp) * 90 + DELAY);
        let [high, middle, low] = [packet.payload[2], packet.payload[3], packet.payload[4]];
        let offset = u64::from(u32::from_be_bytes([0, high, middle, low]));
        assert_eq!(unit.pts, unit.dts + offset * 90);
        assert!(
            unit.payload.ends_with(last_nal(&packet.payload[5..])),
            "the picture at {}",
            packet.timestamp
        );
    }
    // ADTS puts seven bytes in front of each frame.
    let sound = media.iter().filter(|packet| packet.kind == 8);
    let frames: Vec<_> =
        units().filter(|unit| !unit.is_video()).flat_map(|unit| frames(&unit.payload)).collect();
    let sent_frames: Vec<_> = sound.clone().map(|packet| packet.payload[2..].to_vec()).collect();
    assert_eq!(frames.len(), sent_frames.len());
    assert!(frames == sent_frames, "the sound is that of the file");
    let first = units().find(|unit| !unit.is_video()).map(|unit| unit.pts);
    assert_eq!(first, sound.map(|packet| u64::from(packet.timestamp) * 90 + DELAY).next());
    for (_, units) in segments.iter().filter(|(_, units)| units.iter().any(Unit::is_video)) {
        assert!(units.iter().find(|unit| unit.is_video()).unwrap().can_begin());
    }
}

/// The last of NAL units behind their lengths.
fn last_nal(mut nals: &[u8]) -> &[u8] {
    loop {
        let (length, rest) = nals.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if length == rest.len() {
            return rest;
        }
        nals = &rest[length..];
    }
}

fn frames(mut adts: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !adts.is_empty() {
        let length = usize::from(adts[3] & 3) << 11 | usize::from(adts[4]) << 3 | usize::from(adts[5] >> 5);
        frames.push(adts[7..length].to_vec());
        adts = &adts[length..];
    }
    frames
}

#[test]
fn every_packet_is_in_one_segment_with_the_time_that_it_has_in_the_file() {
    let folder = Folder::new();
    let real = ffmpeg::encode(&folder, Tracks::Both, 20);
    let late: Vec<_> =
        real.iter().cloned().map(|packet| Packet { timestamp: packet.timestamp + 5000, ..packet }).collect();
    for (name, packets, count) in [
        ("real", real.clone(), 4),
        ("late", late, 4),
        ("video", ffmpeg::encode(&folder, Tracks::Video, 8), 2),
        ("sound", ffmpeg::encode(&folder, Tracks::Audio, 14), 3),
    ] {
        let server = server_of(&[("cam.flv", flv_of(&packets))]);
        let listed = list(server.http(), "app=live");
        let segments = segments(server.http(), &url(&listed, "hls"));
        assert_eq!(segments.len(), count, "{name}");
        check(&packets, &segments);
        let shorter = segments.iter().rev().skip(1).filter(|(duration, _)| *duration < 6000);
        assert_eq!(shorter.count(), 0, "{name}");
        let whole: u64 = segments.iter().map(|(duration, _)| duration).sum();
        let (first, last) = (packets[0].timestamp, packets.last().unwrap().timestamp);
        assert!(whole.abs_diff(u64::from(last - first)) < 200, "{name}: {whole} ms");
    }
}

#[test]
fn ffmpeg_plays_a_real_recording_whole_and_from_the_middle() {
    let server = server_in(Folder::new(), "record_unique on;");
    let target = format!("rtmp://{}/live/cam", server.rtmp());
    ffmpeg::run(ffmpeg::command().args(ffmpeg::source(Tracks::Both, 20)).arg(&target));
    server.wait_log("is finished");
    let listed = list(server.http(), "app=live");
    let playlist = format!("http://{}{}", server.http(), url(&listed, "hls"));
    ffmpeg::decode(&playlist);
    let file = server.folder.join("rec").join(listed["recordings"][0]["file"].as_str().unwrap());
    let file = file.to_str().unwrap();
    assert_eq!(ffmpeg::digest(&playlist, Strictness::Explode), ffmpeg::digest(file, Strictness::Explode));
    let from = |input: &str| {
        let mut command = ffmpeg::command();
        command.args(["-ss", "11", "-i", input]).args("-map 0:v -fps_mode passthrough -f md5 -".split(' '));
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        output.stdout
    };
    assert_eq!(from(&playlist), from(file));
    // What no browser would ask for.
    for path in ["0-1.ts", "3000-4000.ts", "999999-9999999.ts", "0-18446744073709551615.ts"] {
        let playlist = url(&listed, "hls");
        let reply = get(server.http(), &playlist.replace("index.m3u8", path));
        assert_eq!(reply.status, 200, "{path}");
    }
    assert_eq!(get(server.http(), &url(&listed, "hls").replace("index.m3u8", "7-6.ts")).status, 404);
}

#[test]
fn mp4_files_are_played_as_hls_like_flv() {
    let server = server_of(&[]);
    for (name, options) in [
        ("fast", "-movflags +faststart"),
        ("parts", "-movflags +frag_keyframe+empty_moov"),
        ("hevc", "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:keyint=25"),
        ("mp3", "-c:a libmp3lame"),
        ("sound", "-vn"),
    ] {
        let path = server.folder.join("rec").join(format!("{name}.mp4"));
        let mut source = ffmpeg::source(Tracks::Both, 14);
        source.truncate(source.len() - 2);
        ffmpeg::run(ffmpeg::command().args(source).args(options.split(' ')).arg(&path));
        let listed = list(server.http(), &format!("app=live&stream={name}"));
        assert_eq!(listed["recordings"][0]["media"], "mp4", "{name}");
        let file = get(server.http(), &url(&listed, "url"));
        assert_eq!(file.header("content-type"), "video/mp4");
        let (playlist, path) =
            (format!("http://{}{}", server.http(), url(&listed, "hls")), path.to_str().unwrap());
        assert_eq!(segments(server.http(), &url(&listed, "hls")).len(), 3, "{name}");
        let samples = |input: &str| ffmpeg::samples(input).len();
        let (as_hls, as_file) = (samples(&playlist), samples(path));
        // What an edit list cuts off at the beginning may be heard.
        assert!(as_hls.abs_diff(as_file) < 3 * 4 * 1152, "{name}: {as_hls} and {as_file}");
        if name != "sound" {
            assert_eq!(ffmpeg::digests(&playlist), ffmpeg::digests(path), "{name}");
        }
    }
}

#[test]
fn what_mpeg_ts_does_not_carry_and_what_is_broken_is_told() {
    let av1 = |timestamp: u32, kind: u8| {
        Packet::video(timestamp, [&[0x90 | kind][..], b"av01\x0a\x0b\0\0\0"].concat())
    };
    let server = server_of(&[
        ("av1.flv", flv_of(&[av1(0, 0), av1(0, 1), av1(40, 1)])),
        ("nothing.flv", flv_of(&[])),
        ("bomb.flv", [b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x09\xff\xff\xff".as_slice(), &[0; 400]].concat()),
    ]);
    for name in ["av1", "nothing", "bomb"] {
        for path in ["index.m3u8", "0-6000.ts"] {
            let reply = get(server.http(), &format!("/recordings/live/{name}.flv/{path}"));
            let is_told = reply.header("content-type").starts_with("text/plain") && reply.status == 415;
            assert!(
                is_told || name != "av1" && [200, 415].contains(&reply.status),
                "{name} {path}: {reply:?}"
            );
        }
    }
    assert!(get(server.http(), "/recordings/live/av1.flv/index.m3u8").text().contains("H.264"));
}

#[test]
fn a_segment_of_more_than_32_mib_is_refused() {
    let mut packets = vec![media::video_header(0), media::video_frame(0, true, 1000)];
    packets.extend((1..24).map(|number| media::video_frame(number * 40, false, 1_500_000)));
    let server = server_of(&[("cam.flv", flv_of(&packets))]);
    assert_eq!(get(server.http(), "/recordings/live/cam.flv/index.m3u8").status, 200);
    let reply = get(server.http(), "/recordings/live/cam.flv/0-6000.ts");
    assert_eq!((reply.status, reply.text().contains("32 MiB")), (413, true), "{}", reply.status);
}
