//! HLS of AAC as encoders really send it: what FFmpeg copies from MPEG-TS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use crate::common::hls::{check_times, fragments, playlist, publish};
use crate::common::http::get;
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::ts::Fragment;
use crate::common::{Server, ffmpeg, flv};

const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;";

/// The raw AAC frames of fragments, without their ADTS headers.
fn raw_frames(fragments: &[Fragment]) -> Vec<Vec<u8>> {
    let sound = fragments.iter().flat_map(|fragment| &fragment.units).filter(|unit| !unit.is_video());
    let (sound, mut frames) = (sound.flat_map(|unit| unit.payload.clone()).collect::<Vec<_>>(), Vec::new());
    let mut rest = &sound[..];
    while let [0xff, 0xf1, _, high, middle, low, _, ..] = *rest {
        let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
        frames.push(rest[7..length].to_vec());
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "whole frames with headers of 7 bytes");
    frames
}

/// The AAC frames among packets that are no older than the first key frame.
fn frames_from_the_picture_on(packets: &[Packet]) -> Vec<Vec<u8>> {
    let first = packets.iter().find(|packet| packet.is_key()).unwrap().timestamp;
    let sound = packets.iter().filter(|packet| packet.kind == 8 && packet.payload[1] == 1);
    sound.filter(|packet| packet.timestamp >= first).map(|packet| packet.payload[2..].to_vec()).collect()
}

fn decode(server: &Server, name: &str) {
    ffmpeg::decode(&format!("http://{}/hls/{name}.m3u8", server.http()));
}

#[test]
fn aac_without_a_header_is_logged_once_after_a_while() {
    let server = Server::live(HLS);
    for (name, seconds) in [("short", 1), ("long", 5)] {
        let frames = (0..seconds * 40).map(|index| media::audio_frame(index * 25, 20));
        let mut publisher = Client::publish(server.rtmp(), name);
        publisher.send_all(&frames.collect::<Vec<_>>());
        publisher.finish();
    }
    server.wait_lines(" stops publishing ", 2);
    server.expect_lines("the audio is AAC without a header; nobody can play it", 1);
}

#[test]
fn a_transport_stream_copied_by_ffmpeg_has_its_sound_from_the_first_fragment_on() {
    let server = Server::live(HLS);
    let (stream, copy) = (server.folder.join("source.ts"), server.folder.join("copy.flv"));
    let mut source = ffmpeg::source(ffmpeg::Tracks::Both, 6);
    *source.last_mut().unwrap() = "mpegts".to_owned();
    ffmpeg::run(ffmpeg::command().args(source).arg(&stream));
    ffmpeg::run(ffmpeg::command().arg("-i").arg(&stream).args(["-c", "copy", "-f", "flv"]).arg(&copy));
    let packets = flv::packets(&flv::read(&copy));
    let empty = packets.iter().position(|packet| packet.payload == [0xaf, 0]).expect("an empty header");
    let real = packets.iter().position(|packet| packet.payload.starts_with(&[0xaf, 0, 0x12])).unwrap();
    assert!(empty < real, "{packets:?}");
    let list = publish(&server, "cam", &packets);
    assert!(list.segments.iter().all(|segment| !segment.discontinuity));
    let fragments = fragments(server.http(), "/hls", &list);
    assert_eq!(raw_frames(&fragments), frames_from_the_picture_on(&packets));
    assert!(fragments[0].units.iter().any(|unit| !unit.is_video()));
    decode(&server, "cam");
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

#[test]
fn sound_that_is_sent_ahead_of_the_first_picture_is_all_there_and_decodes() {
    let server = Server::live(HLS);
    let mut packets = ffmpeg::encode(&server.folder, ffmpeg::Tracks::Both, 6);
    for (name, ahead) in [("little", 70), ("much", 1800)] {
        packets.sort_by_key(|packet| match packet.kind {
            _ if packet.is_header() => (0, 0),
            8 if packet.timestamp < ahead => (1, packet.timestamp),
            _ => (2, packet.timestamp),
        });
        let list = publish(&server, name, &packets);
        assert!(list.segments.iter().all(|segment| !segment.discontinuity));
        let fragments = fragments(server.http(), "/hls", &list);
        assert_eq!(raw_frames(&fragments), frames_from_the_picture_on(&packets));
        check_times(&fragments);
        decode(&server, name);
    }
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

/// A clip of 4 seconds with this layout of channels: its path.
fn surround(server: &Server, layout: &str) -> String {
    let file = server.folder.join("surround.flv");
    let sound = format!("sine=frequency=440:sample_rate=48000,aformat=channel_layouts={layout}");
    let mut command = ffmpeg::command();
    command.args([
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=160x120:rate=25",
        "-f",
        "lavfi",
        "-i",
        &sound,
        "-t",
        "4",
    ]);
    command.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "25",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ]);
    // Noise that decoders make up would differ.
    ffmpeg::run(command.args(["-b:a", "256k", "-aac_pns", "0"]).arg(&file));
    file.to_str().unwrap().to_owned()
}

#[test]
fn channels_that_only_a_program_configuration_tells_are_carried_with_their_layout() {
    let server = Server::live(HLS);
    for layout in ["5.1(side)", "quad", "2.1", "6.1", "3.1", "stereo"] {
        let name = layout.replace(['(', ')'], "_");
        let file = surround(&server, layout);
        let packets = flv::packets(&flv::read(Path::new(&file)));
        let header = packets.iter().find(|packet| packet.kind == 8 && packet.payload[1] == 0).unwrap();
        assert_eq!(
            header.payload[3] >> 3 & 15 == 0,
            layout != "stereo",
            "no channel configuration: {layout}"
        );
        let list = publish(&server, &name, &packets);
        assert_eq!(list.segments.len(), 4, "{layout}");
        decode(&server, &name);
        for segment in &list.segments {
            let url = format!("http://{}/hls/{}", server.http(), segment.uri);
            assert_eq!(ffmpeg::channels(&url), ffmpeg::channels(&file), "{layout}");
        }
        // All samples of all channels but those of the first two frames, of which one is older than the picture.
        let whole = ffmpeg::samples(&format!("http://{}/hls/{name}.m3u8", server.http()));
        let first = 2 * 1024 * 2 * ffmpeg::channels(&file)[0].parse::<usize>().unwrap();
        assert!(whole.len() > 30 * first && ffmpeg::samples(&file).ends_with(&whole[first..]), "{layout}");
    }
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

#[test]
fn adts_without_a_configuration_decodes_in_hls_and_for_players_that_come_late() {
    let server = Server::live(HLS);
    let config = [0xff, 0xf1, 0x50, 0x80];
    let adts = |packet: &Packet| {
        let length = packet.payload.len() - 2 + 7;
        let [.., high, low] = length.to_be_bytes();
        let length = [config[3] | high >> 3, high << 5 | low >> 3, low << 5 | 0x1f, 0xfc];
        [&config[..3], &length, &packet.payload[2..]].concat()
    };
    for (name, head, grouped) in
        [("legacy", &[0xaf, 1][..], 1), ("enhanced", b"\x91mp4a", 1), ("grouped", &[0xaf, 1], 4)]
    {
        let source = ffmpeg::encode(&server.folder, ffmpeg::Tracks::Both, 4);
        let (sound, mut packets): (Vec<_>, Vec<_>) = source.into_iter().partition(|packet| packet.kind == 8);
        let frames: Vec<_> = sound.into_iter().filter(|packet| !packet.is_header()).collect();
        for group in frames.chunks(grouped) {
            let bodies: Vec<u8> = group.iter().flat_map(adts).collect();
            packets.push(Packet::audio(group[0].timestamp, [head, &bodies].concat()));
        }
        packets.sort_by_key(|packet| packet.timestamp);
        let mut publisher = Client::publish(server.rtmp(), name);
        publisher.send_all(&packets);
        let mut player = Client::play(server.rtmp(), name);
        let mut received = std::iter::from_fn(|| player.packet());
        let first = received.find(|packet| packet.kind == 8).expect("sound");
        assert!(first.payload.starts_with(&[head, &config[..2]].concat()), "{name}: {first:?}");
        publisher.finish();
        decode(&server, name);
        let url = format!("http://{}/hls/{name}.m3u8", server.http());
        assert_eq!(ffmpeg::probe(&url), ["h264", "aac"], "{name}");
        let list = playlist(&get(server.http(), &format!("/hls/{name}.m3u8")).body);
        let first = packets.iter().find(|packet| packet.is_key()).unwrap().timestamp;
        let sent = frames.chunks(grouped).filter(|group| group[0].timestamp >= first).flatten();
        let sent: Vec<_> = sent.map(|packet| packet.payload[2..].to_vec()).collect();
        assert_eq!(raw_frames(&fragments(server.http(), "/hls", &list)), sent, "{name}");
    }
    assert_eq!(server.lines("[warn]").len() + server.lines("[error]").len(), 0, "{}", server.log());
}

#[test]
fn frames_that_contradict_their_header_win_and_the_log_says_so_once() {
    let server = Server::live(HLS);
    let adts = [0xaf, 1, 0xff, 0xf1, 0x50, 0x80, 1, 0x3f, 0xfc, 0x21, 7];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    for number in 0..400 {
        if number % 100 == 0 {
            publisher.send(&Packet::audio(number * 23, vec![0xaf, 0, 0x11, 0x88]));
        }
        publisher.send(&Packet::audio(number * 23, adts.to_vec()));
    }
    publisher.finish();
    let list = playlist(&get(server.http(), "/hls/cam.m3u8").body);
    assert!(list.segments.iter().all(|segment| !segment.discontinuity));
    assert_eq!(raw_frames(&fragments(server.http(), "/hls", &list)), vec![vec![0x21, 7]; 400]);
    server.expect_lines("its frames, which are AAC LC, 44100 Hz, 2 channels", 1);
    server.expect_lines("[warn]", 1);
}
