//! Publishers that close as soon as they have sent all: nothing of it may be lost. And those that wait for
//! acknowledgements.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::thread;
use std::time::{Duration, Instant};

use millstream::media::Kind;
use millstream::media::flv as format;
use millstream::rtmp::message::MessageType;
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};

use crate::common::flv::{packets, read};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, ffmpeg, is_done_within};

const RECORDED: &str = "record all; record_path FOLDER/rec;";

/// A publisher whose request has been granted: it has read all that it has been sent.
fn publisher(server: &Server, name: &str) -> Raw {
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish(name);
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    raw
}

/// Some seconds of large pictures, 5 MB.
fn clip() -> Vec<Packet> {
    let frames = (0..250).map(|number| media::video_frame(number * 40, number % 25 == 0, 20_000));
    std::iter::once(media::video_header(0)).chain(frames).collect()
}

fn recorded(server: &Server, name: &str) -> Vec<Packet> {
    server.wait_log(&format!("rec/{name}.flv is finished"));
    packets(&read(&server.folder.join(format!("rec/{name}.flv"))))
}

/// Publishes packets at full speed, never reads and closes at once. What a player receives meanwhile.
fn send_and_close(server: &Server, name: &str, sent: &[Packet]) -> Vec<Packet> {
    let mut player = Client::play(server.rtmp(), name);
    let count = sent.len();
    let received = thread::spawn(move || player.receive(count));
    let mut raw = publisher(server, name);
    let messages =
        sent.iter().map(|packet| raw.encode(MessageType::Video, 1, packet.timestamp, &packet.payload));
    let bytes: Vec<_> = messages.flatten().collect();
    raw.send_bytes(&bytes);
    drop(raw);
    received.join().unwrap()
}

#[test]
fn a_publisher_that_never_reads_and_closes_at_once_loses_nothing() {
    let server = Server::live(RECORDED);
    let sent = clip();
    for round in 0..6 {
        let name = format!("cam{round}");
        assert!(send_and_close(&server, &name, &sent) == sent, "what the player of {name} has");
        server.wait_lines(" closed: ", 2 * (round + 1));
        assert!(recorded(&server, &name) == sent, "what is recorded of {name}");
    }
}

#[test]
fn a_publisher_with_notices_of_many_recordings_loses_nothing_either() {
    let server = Server::live("record all; record_path FOLDER/rec; record_notify on; record_max_frames 20;");
    let sent = clip();
    for round in 0..6 {
        let name = format!("cam{round}");
        assert!(send_and_close(&server, &name, &sent) == sent, "what the player of {name} has");
    }
}

#[test]
fn a_file_that_ffmpeg_sends_at_full_speed_is_recorded_whole() {
    let server = Server::live(RECORDED);
    let sent = clip();
    let mut file = [&format::file_header(false, true)[..], &[0; 4]].concat();
    sent.iter()
        .for_each(|packet| format::write_tag(&mut file, Kind::Video, packet.timestamp, &packet.payload));
    let path = server.folder.write("clip.flv", file);
    for round in 0..6 {
        let url = format!("rtmp://{}/live/cam{round}", server.rtmp());
        ffmpeg::run(ffmpeg::command().arg("-i").arg(&path).args(["-c", "copy", "-f", "flv", &url]));
    }
    server.wait_lines(" closed: ", 6);
    for round in 0..6 {
        let recorded = recorded(&server, &format!("cam{round}"));
        let facts = |packet: &Packet| (packet.timestamp, packet.payload.len());
        // Behind a header, and before an end of sequence, of FFmpeg's own.
        let pictures = recorded.iter().filter(|packet| packet.payload[1] == 1).map(facts);
        assert!(pictures.eq(sent[1..].iter().map(facts)), "round {round}");
    }
}

#[test]
fn input_of_a_held_publisher_is_read_to_its_end_after_a_reset() {
    let server = Server::live(RECORDED);
    let mut raw = publisher(&server, "cam");
    let frames = (0..170).map(|number| media::video_frame(number * 200, true, 200));
    let sent: Vec<_> = std::iter::once(media::video_header(0)).chain(frames).collect();
    sent.iter().for_each(|packet| raw.send_packet(packet));
    server.wait_log("media time is 30 s ahead of the clock");
    setsockopt(raw.stream(), sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(raw);
    server.wait_log(" closed: ");
    assert!(recorded(&server, "cam") == sent);
}

#[test]
fn a_client_that_waits_for_acknowledgements_gets_them_at_once() {
    let server = Server::live("");
    for window in [4096u32, 100_000, 300_000] {
        let mut raw = publisher(&server, &format!("cam{window}"));
        raw.send(MessageType::WindowAcknowledgementSize, 0, 0, &window.to_be_bytes());
        let frame = media::video_frame(0, true, window);
        is_done_within(Duration::from_secs(2), || {
            let began = Instant::now();
            // Messages up to the window, and then a wait; a second each, if nothing were done about it.
            for _ in 0..5 {
                raw.send_packet(&frame);
                raw.message_of(MessageType::Acknowledgement);
            }
            began.elapsed()
        });
    }
}
