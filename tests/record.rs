//! Recordings: every packet is in the file, the file is good at any moment, and none is overwritten.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::flv::{self, packets, read};
use crate::common::media::{self, Packet};
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::{Server, ffmpeg, wait};
use millstream::media::amf::{Value, amf0};
use millstream::rtmp::message::MessageType;
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

const ALL: &str = "record all; record_path FOLDER/rec;";

/// Publishes packets to `live/NAME`, to the end of the stream.
fn publish(server: &Server, name: &str, packets: &[Packet]) {
    let mut publisher = Client::publish(server.rtmp(), name);
    publisher.send_all(packets);
    publisher.finish();
}

#[test]
fn every_packet_is_in_the_file_with_duration_size_and_a_seek_index() {
    let server = Server::live(ALL);
    let sent = media::both(0, 5000);
    publish(&server, "cam", &sent);
    let path = server.folder.join("rec/cam.flv");
    let (tags, file) = (read(&path), fs::read(&path).unwrap());
    assert_eq!(packets(&tags), sent);
    assert_eq!(file[4], 5, "the header says audio and video");
    let metadata = flv::metadata(&tags[0]);
    let last = sent.last().unwrap().timestamp;
    assert_eq!(metadata.number("duration"), Some(f64::from(last) / 1000.0));
    assert_eq!(metadata.number("filesize"), Some(file.len() as f64));
    let keys: Vec<_> = tags.iter().filter(|tag| tag.is_key()).collect();
    let expected: Vec<_> = keys.iter().map(|tag| tag.position as f64).collect();
    assert_eq!(flv::numbers(&metadata, "keyframes", "filepositions"), expected);
    let expected: Vec<_> = keys.iter().map(|tag| f64::from(tag.timestamp) / 1000.0).collect();
    assert_eq!(flv::numbers(&metadata, "keyframes", "times"), expected);
    assert_eq!(keys.len(), 5);
    assert_eq!((metadata.number("videocodecid"), metadata.number("audiocodecid")), (Some(7.0), Some(10.0)));
    assert_eq!((metadata.number("width"), metadata.number("height")), (Some(160.0), Some(120.0)));
}

#[test]
fn frames_before_a_reset_of_the_connection_are_in_the_file() {
    let server = Server::live(ALL);
    let sent = media::both(0, 2000);
    for round in 0..20 {
        let mut raw = Raw::connected(server.rtmp(), "live");
        // A publish ends a step: what follows waits for its turn when the reset comes.
        let publish = ["publish".into(), 0.0.into(), Value::Null, format!("cam{round}").as_str().into()];
        let mut bytes = raw.encode(MessageType::CommandAmf0, 1, 0, &amf0::encode_all(&publish));
        for packet in &sent {
            let kind = if packet.kind == 8 { MessageType::Audio } else { MessageType::Video };
            bytes.extend(raw.encode(kind, 1, packet.timestamp, &packet.payload));
        }
        raw.send_bytes(&bytes);
        setsockopt(raw.stream(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    }
    server.wait_lines(" is finished: ", 20);
    for round in 0..20 {
        assert_eq!(packets(&read(&server.folder.join(format!("rec/cam{round}.flv")))), sent, "{round}");
    }
}

#[test]
fn times_in_the_file_begin_at_zero_whenever_the_stream_does() {
    let server = Server::live(ALL);
    // It also passes the end of 32 bits on the way.
    let mut sent = media::both(0, 3000);
    sent.iter_mut().for_each(|packet| packet.timestamp = packet.timestamp.wrapping_add(u32::MAX - 1000));
    publish(&server, "cam", &sent);
    assert_eq!(packets(&read(&server.folder.join("rec/cam.flv"))), media::both(0, 3000));
}

#[test]
fn a_recording_of_a_real_stream_decodes_and_has_its_length() {
    let server = Server::live(ALL);
    let sent = ffmpeg::encode(&server.folder, ffmpeg::Tracks::Both, 3);
    publish(&server, "cam", &sent);
    let path = server.folder.join("rec/cam.flv");
    ffmpeg::decode(path.to_str().unwrap());
    let duration = flv::metadata(&read(&path)[0]).number("duration").unwrap();
    assert!((2.9..3.1).contains(&duration), "{duration} s");
}

#[test]
fn the_publishers_metadata_is_kept() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(1234);
    publisher.send_all(&media::both(0, 100));
    publisher.finish();
    let tags = read(&server.folder.join("rec/cam.flv"));
    assert_eq!(flv::metadata(&tags[0]).number("width"), Some(1234.0));
    assert_eq!(tags.iter().filter(|tag| tag.kind == 18).count(), 1);
}

#[test]
fn the_recorded_kinds_of_frames_can_be_chosen() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; live on; record_path FOLDER/rec;
            application audio { record audio; record_suffix .audio.flv; }
            application video { record video; record_suffix .video.flv; }
            application keys { record keyframes; record_suffix .keys.flv; }
            application keys_and_sound { record keyframes audio; record_suffix .both.flv; }
        } }",
    );
    let sent = media::both(0, 2000);
    for app in ["audio", "video", "keys", "keys_and_sound"] {
        let mut publisher = Client::try_publish(server.rtmp(), app, "cam").unwrap();
        publisher.send_all(&sent);
        publisher.finish();
    }
    let recorded = |suffix: &str| packets(&read(&server.folder.join(format!("rec/cam{suffix}.flv"))));
    let chosen = |chosen: fn(&Packet) -> bool| -> Vec<Packet> {
        sent.iter().filter(|packet| chosen(packet)).cloned().collect()
    };
    assert_eq!(recorded(".audio"), chosen(|packet| packet.kind == 8));
    assert_eq!(recorded(".video"), chosen(|packet| packet.kind == 9));
    let is_key = |packet: &Packet| packet.kind == 9 && (packet.is_key() || packet.is_header());
    assert_eq!(recorded(".keys"), chosen(is_key));
    let with_sound = |packet: &Packet| packet.kind == 8 || packet.is_key() || packet.is_header();
    assert_eq!(recorded(".both"), chosen(with_sound));
}

#[test]
fn a_stream_of_sound_alone_has_an_index_and_says_that_it_is_sound() {
    let server = Server::live(ALL);
    let sent = media::audio_only(0, 5000);
    publish(&server, "radio", &sent);
    let path = server.folder.join("rec/radio.flv");
    let tags = read(&path);
    assert_eq!(packets(&tags), sent);
    assert_eq!(fs::read(&path).unwrap()[4], 4);
    let metadata = flv::metadata(&tags[0]);
    let positions = flv::numbers(&metadata, "keyframes", "filepositions");
    assert!((4..=6).contains(&positions.len()), "{positions:?}");
    for position in positions {
        assert!(tags.iter().any(|tag| tag.kind == 8 && tag.position as f64 == position), "{position}");
    }
}

#[test]
fn unique_names_hold_the_time() {
    let server = Server::live(&format!("{ALL} record_unique on;"));
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = seconds();
    publish(&server, "cam", &media::both(0, 100));
    let names = server.folder.list("rec");
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let time = name.strip_prefix("cam-").and_then(|rest| rest.strip_suffix(".flv")).unwrap();
    assert!((before..=seconds()).contains(&time.parse().unwrap()), "{name}");
}

#[test]
fn a_suffix_with_percent_signs_is_the_local_time() {
    let server = Server::live(&format!("{ALL} record_suffix -%Y%m%d-%H%M%S.flv;"));
    publish(&server, "cam", &media::both(0, 100));
    let names = server.folder.list("rec");
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let time = name.strip_prefix("cam-20").and_then(|rest| rest.strip_suffix(".flv")).unwrap();
    let digits = time.bytes().filter(u8::is_ascii_digit).count();
    assert_eq!((time.len(), digits, time.as_bytes()[6]), (13, 12, b'-'), "{name}");
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let server = Server::live(ALL);
    server.folder.write("rec/cam.flv", "precious");
    let (first, second) = (media::both(0, 200), media::both(0, 400));
    publish(&server, "cam", &first);
    publish(&server, "cam", &second);
    assert_eq!(fs::read(server.folder.join("rec/cam.flv")).unwrap(), b"precious");
    assert_eq!(server.folder.list("rec"), ["cam.1.flv", "cam.2.flv", "cam.flv"]);
    assert_eq!(packets(&read(&server.folder.join("rec/cam.1.flv"))), first);
    assert_eq!(packets(&read(&server.folder.join("rec/cam.2.flv"))), second);
}

#[test]
fn a_link_in_the_place_of_a_recording_is_not_followed() {
    let server = Server::live(ALL);
    let outside = server.folder.write("outside", "precious");
    fs::create_dir(server.folder.join("rec")).unwrap();
    std::os::unix::fs::symlink(&outside, server.folder.join("rec/cam.flv")).unwrap();
    std::os::unix::fs::symlink("nowhere", server.folder.join("rec/cam.1.flv")).unwrap();
    publish(&server, "cam", &media::both(0, 200));
    assert_eq!(fs::read(outside).unwrap(), b"precious");
    assert_eq!(server.folder.list("rec"), ["cam.1.flv", "cam.2.flv", "cam.flv"]);
}

#[test]
fn the_folder_is_made_with_those_above_it() {
    let server = Server::live("record all; record_path FOLDER/a/b/c;");
    publish(&server, "cam", &media::both(0, 200));
    assert_eq!(server.folder.list("a/b/c"), ["cam.flv"]);
}

#[test]
fn a_name_cannot_leave_the_folder() {
    let server = Server::live("record all; record_path FOLDER/a/rec;");
    for name in ["../escaped", "..", "%2e%2e/cam", "..%2fescaped", "a\\..\\b", "$(touch x)"] {
        let refusal = Client::try_publish(server.rtmp(), "live", name).err();
        assert_eq!(refusal.as_deref(), Some("NetStream.Publish.BadName"), "{name}");
    }
    for name in ["cam?../../escaped", "sub/cam", "/etc/cam", "a/../../b"] {
        publish(&server, name, &media::both(0, 100));
    }
    assert_eq!(server.folder.list("a"), ["rec"]);
    assert_eq!(server.folder.list("a/rec"), ["a~..~..~b.flv", "cam.flv", "etc~cam.flv", "sub~cam.flv"]);
    assert_eq!(server.folder.list(""), ["a", "millstream.conf"]);
}

#[test]
fn a_stop_finishes_the_file() {
    let mut server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::both(0, 3000);
    let mut player = [Client::play(server.rtmp(), "cam")];
    relay(&mut publisher, &mut player, &sent);
    server.stop();
    let tags = read(&server.folder.join("rec/cam.flv"));
    assert_eq!(packets(&tags), sent);
    let duration = f64::from(sent.last().unwrap().timestamp) / 1000.0;
    assert_eq!(flv::metadata(&tags[0]).number("duration"), Some(duration));
}

#[test]
fn recordings_are_readable_as_the_umask_says_and_not_executable() {
    let server = Server::live(ALL);
    publish(&server, "cam", &media::both(0, 100));
    let path = server.folder.join("rec/cam.flv");
    wait("the file is there", || path.is_file());
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o111, 0);
}

#[test]
fn a_file_begins_at_a_key_frame_with_the_sound_that_belongs_to_it() {
    let server = Server::live(ALL);
    let key = |time| media::video_frame(time, true, 900);
    let inter = |time| media::video_frame(time, false, 300);
    let sound = |time| media::audio_frame(time, 100);
    let sent = [
        [media::video_header(0), media::audio_header(0), inter(0), sound(10), inter(40), sound(300)],
        [key(400), sound(410), inter(440), inter(480), sound(490), key(520)],
    ];
    publish(&server, "cam", &sent.concat());
    let from = |packets: &[Packet]| -> Vec<Packet> {
        packets.iter().map(|p| Packet { timestamp: p.timestamp - 300, ..p.clone() }).collect()
    };
    let expected =
        [&[media::video_header(0), media::audio_header(0)][..], &from(&[sound(300)]), &from(&sent[1])];
    assert_eq!(packets(&read(&server.folder.join("rec/cam.flv"))), expected.concat());
}

#[test]
fn sound_that_is_ahead_of_the_first_picture_stays_as_far_ahead() {
    let server = Server::live(ALL);
    let headers = [media::video_header(0), media::audio_header(0)];
    let sent = [
        media::audio_frame(150, 100),
        media::video_frame(100, true, 900),
        media::video_frame(140, false, 300),
        media::video_frame(180, false, 300),
    ];
    publish(&server, "cam", &[&headers[..], &sent].concat());
    let times: Vec<_> =
        packets(&read(&server.folder.join("rec/cam.flv")))[2..].iter().map(|p| p.timestamp).collect();
    assert_eq!(times, [50, 0, 40, 80]);
}

#[test]
fn sound_does_not_wait_for_a_picture_that_never_comes() {
    let server = Server::live(ALL);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(1234);
    let sent = media::audio_only(0, 2000);
    publisher.send_all(&sent);
    publisher.finish();
    assert_eq!(packets(&read(&server.folder.join("rec/cam.flv"))), sent);
}

#[test]
fn another_codec_in_the_middle_has_its_header_in_the_file() {
    let server = Server::live(ALL);
    let mut sent = media::video_only(0, 1000);
    sent.push(Packet::video(1000, b"\x90hvc1configuration".to_vec()));
    sent.push(Packet::video(1000, b"\x93hvc1key".to_vec()));
    sent.push(Packet::video(1040, b"\xa3hvc1inter".to_vec()));
    publish(&server, "cam", &sent);
    let tags = read(&server.folder.join("rec/cam.flv"));
    assert_eq!(packets(&tags), sent);
    assert_eq!(flv::metadata(&tags[0]).number("videocodecid"), Some(f64::from(0x6876_6331)));
}
