//! HLS of AAC as encoders really send it: what FFmpeg copies from MPEG-TS.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use crate::common::hls::{check_times, fragments, publish};
use crate::common::media::Packet;
use crate::common::ts::Fragment;
use crate::common::{Server, ffmpeg, flv};

const HLS: &str = "hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;";

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
fn what_ffmpeg_copies_from_a_transport_stream_has_its_sound_from_the_first_fragment_on() {
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
