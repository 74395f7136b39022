//! Oddities of encoders and cameras in the field that no specification has, end to end.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, flv, http, wait};
use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::message::MessageType;

/// A publisher whose request has been granted.
fn publisher(server: &Server) -> Raw {
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    raw
}

#[test]
fn metadata_behind_numbers_reaches_players_the_recording_and_the_page() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; record all; record_path FOLDER/rec; } } }
         http { server { listen 127.0.0.1:0; location / { page on; } } }",
    );
    let mut player = Client::play(server.rtmp(), "cam");
    let mut raw = publisher(&server);
    let object =
        Object::default().with("width", 1234.0).with("height", 700.0).with("framerate", f64::INFINITY);
    let values = ["@setDataFrame".into(), "onMetaData".into(), Value::EcmaArray(object)];
    // Two numbers, as Uniview's cameras send them.
    let numbers = amf0::encode_all(&[0.0.into(), 0.0.into()]);
    raw.send(MessageType::DataAmf0, 1, 0, &[numbers, amf0::encode_all(&values)].concat());
    media::audio_only(0, 1000).iter().for_each(|packet| raw.send_packet(packet));
    assert_eq!(player.metadata_width(), Some(1234));
    let page = || http::get(server.http(), "/streams.json").text();
    wait("the page", || page().contains(r#""width":1234,"height":700,"frame_rate":0"#));
    raw.command("closeStream", 0.0, 1, &[Value::Null]);
    assert_eq!(raw.status().0, "NetStream.Unpublish.Success");
    let recorded = flv::metadata(&flv::read(&server.folder.join("rec/cam.flv"))[0]);
    assert_eq!((recorded.number("width"), recorded.get("framerate")), (Some(1234.0), None));
}

#[test]
fn a_step_back_in_an_extended_timestamp_is_one() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut raw = publisher(&server);
    let (header, key) = (media::video_header(5000), media::video_frame(5000, true, 50));
    [&header, &key].into_iter().for_each(|packet| raw.send_packet(packet));
    // Type 1 headers on the same chunk stream: 20 ms back, and 60 on.
    let mut time = 5000u32;
    for step in [20u32.wrapping_neg(), 60] {
        time = time.wrapping_add(step);
        let frame = media::video_frame(time, false, 50);
        let length = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![0x43, 0xff, 0xff, 0xff];
        if step < 0xff_ffff {
            bytes[1..].copy_from_slice(&step.to_be_bytes()[1..]);
        }
        bytes.extend([&length[1..], &[9]].concat());
        if step >= 0xff_ffff {
            bytes.extend(step.to_be_bytes());
        }
        raw.send_bytes(&[&bytes, &frame.payload[..]].concat());
    }
    let times = player.receive(4).iter().map(|Packet { timestamp, .. }| *timestamp).collect::<Vec<_>>();
    // The stream's time does not go back: it stands still meanwhile.
    assert_eq!(times, [5000, 5000, 5000, 5040]);
}

#[test]
fn the_log_says_that_a_chunk_stream_began_without_a_length() {
    let server = Server::live("");
    let mut raw = publisher(&server);
    raw.send_bytes(&[0xa1, 0, 0, 0, 0x17]);
    raw.expect_end();
    server
        .wait_log("chunk stream 33 begins with a header of type 2, which leaves out how long the message is");
}
