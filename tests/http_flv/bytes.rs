//! What players get is what was published, byte for byte: every codec and form of Enhanced RTMP and of before, captures of
//! encoders, and what FFmpeg publishes and plays. In the browser form, only what a browser cannot read is another.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::client::{FlvPlayer, OVER_ALL};
use super::flv_configuration;
use crate::common::captures::Capture;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::flv;
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, not_tested};
use crate::enhanced::{Media, publish, send, stream_of};
use crate::relay::bytes::cases;
use millstream::media::amf::Value;
use millstream::rtmp::message::MessageType;

fn server(form: &str) -> Server {
    Server::start(&flv_configuration("", &format!("flv_compat {form};")))
}

/// The payloads of a track, in their order.
fn payloads(packets: &[Packet], kind: u8) -> Vec<&[u8]> {
    packets.iter().filter(|packet| packet.kind == kind).map(|packet| &*packet.payload).collect()
}

fn media_of(stream: &[Media]) -> Vec<Packet> {
    let packet = |(kind, timestamp, payload): &Media| Packet {
        kind: if *kind == MessageType::Audio { 8 } else { 9 },
        timestamp: *timestamp,
        payload: payload.clone(),
    };
    stream.iter().map(packet).collect()
}

/// Ends what is published, and with it the answers to its players.
fn finish(publisher: &mut Raw) {
    publisher.command("deleteStream", 0.0, 0, &[Value::Null, 1.0.into()]);
    assert_eq!(publisher.status().0, "NetStream.Unpublish.Success");
}

/// All messages of media to the end of the answer.
fn received(player: &mut FlvPlayer) -> Vec<Packet> {
    flv::packets(&player.rest())
}

#[test]
fn every_codec_and_every_form_is_as_it_was_published() {
    // More in a second would not be logged.
    for cases in cases().chunks(4) {
        let server = server("raw");
        for (name, headers, frames) in cases {
            let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, name));
            let mut publisher = publish(&server, name);
            send(&mut publisher, headers);
            send(&mut publisher, frames);
            finish(&mut publisher);
            let sent = media_of(&[&headers[..], frames].concat());
            for (player, over) in players.iter_mut().zip(OVER_ALL) {
                assert_eq!(player.flags(), 5, "{name} {over:?}");
                let received = received(player);
                for kind in [8, 9] {
                    let (got, sent) = (payloads(&received, kind), payloads(&sent, kind));
                    for (number, (got, sent)) in got.iter().zip(&sent).enumerate() {
                        assert!(got == sent, "{name} {over:?} {kind} {number}: {got:02x?}, not {sent:02x?}");
                    }
                    assert_eq!(got.len(), sent.len(), "{name} {over:?} {kind}");
                }
                let times = |packets: &[Packet]| {
                    let frames = packets.iter().filter(|packet| !is_configuration(packet));
                    frames.map(|packet| (packet.kind, packet.timestamp)).collect::<Vec<_>>()
                };
                assert_eq!(times(&received), times(&sent), "{name} {over:?}");
            }
        }
    }
}

/// Whether a message of these tests says how to decode others.
fn is_configuration(packet: &Packet) -> bool {
    match *packet.payload.as_slice() {
        [first @ (0x95 | 0x96 | 0xd4 | 0x90 | 0x94), ..] if first & 0x0f < 5 => true,
        [0x95 | 0x96, second, ..] => second & 0x0f == 0,
        [0x17, 0, ..] | [0xaf, 0, ..] => true,
        _ => false,
    }
}

/// What a browser's player gets of a message, by the rules of docs/http-flv.md; none if it is left out.
fn for_browser(packet: &Packet) -> Option<Vec<u8>> {
    let payload = &packet.payload;
    let first = *payload.first()?;
    let is_video = packet.kind == 9;
    if is_video && first & 0x80 == 0 || !is_video && first >> 4 != 9 {
        return Some(payload.clone());
    }
    let (mut head, mut at) = (first & 0x0f, 1);
    // ModEx: a length of 1 or 3 bytes, the data, and the next type in the lower half of a byte.
    while head == 7 {
        let mut length = usize::from(payload[at]) + 1;
        at += 1;
        if length == 256 {
            length = (usize::from(payload[at]) << 8 | usize::from(payload[at + 1])) + 1;
            at += 2;
        }
        at += length;
        head = payload[at] & 0x0f;
        at += 1;
    }
    let (codec, body) = payload[at..].split_at(4);
    let frame_type = first & 0x70;
    match (is_video, head, codec) {
        (true, 0 | 1 | 3, b"avc1") => {
            let composition: &[u8] = if head == 1 { &[] } else { &[0, 0, 0] };
            Some([&[frame_type | 7, u8::from(head != 0)], composition, body].concat())
        }
        (true, 2, b"avc1") => Some(vec![frame_type | 7, 2, 0, 0, 0]),
        // Without composition times there is one type of frames.
        (true, 3, b"av01") => Some([&[first & 0xf0 | 1], codec, body].concat()),
        // mpegts.js reads STREAMINFO right behind "fLaC".
        (false, 0, b"fLaC") => Some([&[first & 0xf0], codec, &body[..4], &body[8..]].concat()),
        (true, 0..=3, b"hvc1") | (true, 0..=2, b"av01") | (false, 0..=2, b"Opus" | b"fLaC") => {
            Some([&[first & 0xf0 | head], codec, body].concat())
        }
        (false, 0 | 1, b"mp4a") => Some([&[0xaf, head], body].concat()),
        _ => None,
    }
}

/// Whether a message only says that nothing follows, which no player needs.
fn ends_sequence(packet: &Packet) -> bool {
    match *packet.payload.as_slice() {
        [first, second, ..] if packet.kind == 9 && first & 0x8f == 7 => second == 2,
        [first, ..] => first & 0x0f == 2 && (first & 0x80 != 0) && (packet.kind == 9 || first >> 4 == 9),
        [] => false,
    }
}

/// A stream of these codecs, whose configurations a decoder can read.
fn readable(video_cc: [u8; 4], audio_cc: [u8; 4]) -> Vec<Media> {
    let mut stream = stream_of(&video_cc, &audio_cc);
    let video: Vec<u8> = match &video_cc {
        b"avc1" => media::video_header(0).payload[5..].to_vec(),
        b"hvc1" => {
            let capture = Capture::all(&["hevc-slices"]).remove(0);
            capture.packets.iter().find(|packet| packet.payload[0] == 0x90).unwrap().payload[5..].to_vec()
        }
        b"av01" => b"\x81\0\x0c\0\x0a\x0b\x02\0\0\x05\x1d\xa7\xfb\x80\x5f\0\x08".to_vec(),
        _ => vec![1, 0, 0, 0, 0, 20, 0x82, 2, 2, 2, 0, 0],
    };
    let audio: Vec<u8> = match &audio_cc {
        b"mp4a" => vec![0x12, 0x10],
        b"Opus" => [&b"OpusHead\x01\x02"[..], &[0x38, 1, 0x80, 0xbb, 0, 0, 0, 0, 0]].concat(),
        b"fLaC" => [&b"fLaC\x80\0\0\x22\x10\0\x10\0"[..], &[0; 6], &[0x0b, 0xb8, 2, 0xf0], &[0; 20]].concat(),
        _ => vec![0; 3],
    };
    stream[0].2 = [&[0x90], &video_cc[..], &video].concat();
    stream[2].2 = [&[0x90], &audio_cc[..], &audio].concat();
    stream
}

#[test]
fn a_browser_gets_what_it_can_read_and_the_same_media() {
    let server = server("browser");
    for (video_cc, audio_cc, flags) in [
        (b"avc1", b"mp4a", 5),
        (b"hvc1", b"Opus", 5),
        (b"av01", b"fLaC", 5),
        (b"avc1", b"ac-3", 1),
        (b"vp09", b"mp4a", 4),
    ] {
        let name = format!("{}-{}", video_cc.escape_ascii(), audio_cc.escape_ascii());
        let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, &name));
        let mut publisher = publish(&server, &name);
        let stream = readable(*video_cc, *audio_cc);
        send(&mut publisher, &stream);
        finish(&mut publisher);
        let sent = media_of(&stream).into_iter().filter(|packet| !packet.payload.is_empty());
        let sent = sent.filter_map(|packet| Some(Packet { payload: for_browser(&packet)?, ..packet }));
        let sent: Vec<_> = sent.filter(|packet| !ends_sequence(packet)).collect();
        for player in &mut players {
            let received = received(player).into_iter();
            let received: Vec<_> =
                received.filter(|packet| !packet.payload.is_empty() && !ends_sequence(packet)).collect();
            assert_eq!(player.flags(), flags, "{name}");
            for kind in [8, 9] {
                let (got, sent) = (payloads(&received, kind), payloads(&sent, kind));
                for (number, (got, sent)) in got.iter().zip(&sent).enumerate() {
                    assert!(got == sent, "{name} {kind} {number}: {got:02x?}, not {sent:02x?}");
                }
                assert_eq!(got.len(), sent.len(), "{name} {kind}: {got:02x?}");
            }
        }
    }
}

#[test]
fn captures_of_encoders_are_as_they_were_published() {
    let names = [
        "avc-slices",
        "avc-open-groups",
        "avc-negative",
        "aac-surround",
        "hevc-open-groups",
        "hevc-new-sets",
    ];
    for captures in Capture::all(&names).chunks(3) {
        let server = server("raw");
        for capture in captures {
            let mut rtmp = Client::play(server.rtmp(), &capture.name);
            let mut players = OVER_ALL.map(|over| FlvPlayer::play(&server, over, &capture.name));
            let mut publisher = Client::publish(server.rtmp(), &capture.name);
            publisher.send_all(&capture.packets);
            publisher.finish();
            let mut over_rtmp = Vec::new();
            while over_rtmp.len() < capture.packets.len() / 2 || !rtmp.is_quiet(Duration::from_millis(300)) {
                over_rtmp.extend(rtmp.packet());
            }
            for player in &mut players {
                let received = received(player);
                for kind in [8, 9] {
                    let (got, sent) = (payloads(&received, kind), payloads(&over_rtmp, kind));
                    assert!(
                        got == sent,
                        "{} {kind}: {} and {} messages",
                        capture.name,
                        got.len(),
                        sent.len()
                    );
                }
            }
        }
    }
}

/// A file with two seconds of H.264 with B-frames and AAC.
fn source(folder: &Path, program: &str) -> std::path::PathBuf {
    let file = folder.join("source.flv");
    let made = Command::new(program)
        .args(["-nostdin", "-hide_banner", "-v", "error", "-y"])
        .args(ffmpeg::source(Tracks::Both, 3))
        .arg(&file)
        .stdin(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    file
}

/// The packets of a URL or a file, as FFmpeg reads them: MD5, size and time of each.
fn packets_by(program: &str, input: &str) -> Vec<String> {
    let output = Command::new(program)
        .args(["-nostdin", "-hide_banner", "-v", "error", "-i", input, "-c", "copy", "-f", "framemd5", "-"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // FFmpeg 9 calls the end of every chunked answer an error.
    let is_end = said.lines().count() == 1 && said.contains("Error during demuxing: Input/output error");
    assert!(output.status.success() && (said.is_empty() || is_end), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The packets with times that begin at 0: track, decoding time, presentation time, and the rest.
fn from_zero(packets: &[String]) -> Vec<(i64, i64, i64, String)> {
    let number = |text: &str| text.trim().parse::<i64>().unwrap();
    let split = |packet: &String| {
        let fields: Vec<_> = packet.splitn(4, ',').collect();
        (number(fields[0]), number(fields[1]), number(fields[2]), fields[3].to_owned())
    };
    let mut packets: Vec<_> = packets.iter().map(split).collect();
    let start = packets[0].1;
    packets.iter_mut().for_each(|packet| (packet.1, packet.2) = (packet.1 - start, packet.2 - start));
    packets
}

/// Publishes a file while a program plays it over HTTP, and compares every packet.
fn plays_what_is_in_a_file(program: &str, file: &Path) {
    let server = server("raw");
    let url = format!("http://{}/live/cam.flv", server.http());
    let packets = flv::packets(&flv::read(file));
    let expected = packets_by(program, file.to_str().unwrap());
    let player = std::thread::spawn({
        let program = program.to_owned();
        move || packets_by(&program, &url)
    });
    server.wait_log("play live/cam over HTTP-FLV");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&packets);
    publisher.finish();
    let played = player.join().unwrap();
    // A player begins with the first picture. FFmpeg shows times from the first packet on.
    let first = expected.iter().position(|packet| packet.starts_with("0,")).unwrap();
    let (played, expected) = (from_zero(&played), from_zero(&expected[first..]));
    assert!(
        played == expected,
        "{} and {} packets: {played:.5?}, not {expected:.5?}",
        played.len(),
        expected.len()
    );
}

#[test]
fn ffmpeg_5_reads_every_packet_that_was_published() {
    let folder = crate::common::Folder::new();
    plays_what_is_in_a_file("ffmpeg", &source(&folder, "ffmpeg"));
}

const FFMPEG9: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/ffmpeg9/ffmpeg9");

#[test]
fn ffmpeg_9_reads_every_packet_of_every_codec_that_it_publishes() {
    let ffmpeg9 = [FFMPEG9, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/ffmpeg9")];
    let Some(ffmpeg9) = ffmpeg9.into_iter().find(|path| Path::new(path).is_file()) else {
        return not_tested("scripts/install-peers installs FFmpeg 9");
    };
    let folder = crate::common::Folder::new();
    for codecs in [
        "-c:v libx264 -preset ultrafast -g 25 -bf 2 -pix_fmt yuv420p -c:a aac",
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=25 -pix_fmt yuv420p -c:a libopus",
        "-c:v libsvtav1 -preset 12 -g 25 -svtav1-params rc=0 -pix_fmt yuv420p -c:a flac -sample_fmt s16",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -pix_fmt yuv420p -c:a ac3",
    ] {
        let file = folder.join("source.flv");
        let inputs = "-f lavfi -i testsrc=size=160x120:rate=25 -f lavfi -i sine=sample_rate=48000";
        let output = Command::new(ffmpeg9)
            .args(["-nostdin", "-hide_banner", "-v", "fatal", "-y"])
            .args(inputs.split(' '))
            .args(codecs.split(' '))
            .args(["-t", "2", "-f", "flv"])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if !output.status.success() {
            not_tested(&format!("{codecs}: {}", String::from_utf8_lossy(&output.stderr)));
            continue;
        }
        plays_what_is_in_a_file(ffmpeg9, &file);
    }
}
