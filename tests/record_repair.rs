//! Recordings that are appended to while others are served: what a crash has left is repaired in short steps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;

use crate::common::flv::{packets, read};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::{Server, until};

const APPEND: &str = "record all; record_path FOLDER/rec; record_append on; publish_conflict replace;";
/// Tags of 16 bytes behind the head of a file that a crash has left: 16 MiB, which a debug build goes through in
/// a second or two.
const SOME: usize = 1 << 20;
/// So many that what a test does meanwhile is done before the end.
const MANY: usize = 3 << 20;
/// An audio message of one byte at 200 ms.
const TAG: &[u8] = b"\x08\0\0\x01\0\0\xc8\0\0\0\0\xff\0\0\0\x0c";

fn file(server: &Server, name: &str) -> PathBuf {
    server.folder.join("rec").join(name)
}

/// A recording of `live/cam` with so many tiny tags behind what its head tells, and half a tag. Returns its length.
fn leave_torn(server: &Server, tags: usize) -> u64 {
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::audio_only(0, 200));
    publisher.finish();
    let whole = fs::read(file(server, "cam.flv")).unwrap();
    fs::write(file(server, "cam.flv"), [&whole, &TAG.repeat(tags)[..], b"\x08torn"].concat()).unwrap();
    (whole.len() + TAG.len() * tags + 5) as u64
}

/// Publishes sound to `live/cam` and waits until its file is being repaired.
fn publish_sound(server: &Server) -> (Client, Vec<Packet>) {
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let sent = media::audio_only(0, 500);
    publisher.send_all(&sent);
    assert_eq!(player.receive(sent.len()), sent, "the server has all of it");
    server.wait_log("cam.flv was not finished; it is repaired before it is appended to");
    (publisher, sent)
}

/// The new file has what was sent, and the torn one is as it was.
fn expect_another_file(server: &Server, torn: u64, sent: &[Packet]) {
    assert_eq!(packets(&read(&file(server, "cam.1.flv"))), sent);
    assert_eq!(fs::metadata(file(server, "cam.flv")).unwrap().len(), torn);
}

#[test]
fn others_are_served_while_a_torn_file_of_tiny_tags_is_repaired_and_nothing_is_lost() {
    let server = Server::live(APPEND);
    let torn = leave_torn(&server, SOME);
    let mut other = Client::publish(server.rtmp(), "other");
    other.send(&media::audio_header(0));
    let mut player = Client::play(server.rtmp(), "other");
    let (mut publisher, sent) = publish_sound(&server);
    let mut served = 0;
    until("the file is repaired", crate::common::SOON * 4, || {
        let frame = media::audio_frame(served, 100);
        other.send(&frame);
        while player.receive(1) != [frame.clone()] {}
        served += 1;
        (!server.lines("a torn end of 5 bytes is cut off").is_empty()).then_some(())
    });
    assert!(served > 5, "{served} frames were passed on meanwhile");
    publisher.finish();
    let recorded = packets(&read(&file(&server, "cam.flv")));
    let payloads = |packets: &[Packet]| packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>();
    assert_eq!(payloads(&recorded[recorded.len() - sent.len()..]), payloads(&sent));
    assert!(fs::metadata(file(&server, "cam.flv")).unwrap().len() > torn);
}

#[test]
fn a_stream_that_ends_while_its_file_is_repaired_is_in_a_file_of_its_own() {
    let server = Server::live(APPEND);
    let torn = leave_torn(&server, MANY);
    let (mut publisher, sent) = publish_sound(&server);
    publisher.finish();
    expect_another_file(&server, torn, &sent);
    server.wait_log("cam.flv is not appended to: the stream ended before it was repaired");
}

#[test]
fn a_server_that_stops_while_a_file_is_repaired_loses_nothing() {
    let mut server = Server::live(APPEND);
    let torn = leave_torn(&server, MANY);
    let (_publisher, sent) = publish_sound(&server);
    server.stop();
    expect_another_file(&server, torn, &sent);
}

#[test]
fn another_publisher_while_a_file_is_repaired_goes_on_behind_the_first_ones_sound() {
    let server = Server::live(APPEND);
    let torn = leave_torn(&server, MANY);
    let (_publisher, mut sent) = publish_sound(&server);
    let mut second = Client::publish(server.rtmp(), "cam");
    let more = media::audio_only(500, 500);
    second.send_all(&more);
    second.finish();
    sent.extend(more);
    let recorded = packets(&read(&file(&server, "cam.1.flv")));
    let payloads = |packets: &[Packet]| packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>();
    assert_eq!(payloads(&recorded), payloads(&sent));
    assert_eq!(fs::metadata(file(&server, "cam.flv")).unwrap().len(), torn);
}

#[test]
fn frames_beyond_what_may_wait_for_a_repair_go_into_another_file() {
    let server = Server::live(APPEND);
    let torn = leave_torn(&server, MANY);
    let (mut publisher, mut sent) = publish_sound(&server);
    let long: Vec<_> = (0..80).map(|number| media::audio_frame(500 + number, 60_000)).collect();
    publisher.send_all(&long);
    server.wait_log("cam.flv is not appended to: it takes too long to repair it");
    publisher.finish();
    sent.extend(long);
    expect_another_file(&server, torn, &sent);
}

#[test]
fn a_file_that_is_deleted_while_it_is_repaired_costs_no_frame() {
    let server = Server::live(APPEND);
    leave_torn(&server, SOME);
    let (mut publisher, sent) = publish_sound(&server);
    fs::remove_file(file(&server, "cam.flv")).unwrap();
    server.wait_log("is recorded to ");
    until("another file begins", crate::common::SOON * 4, || {
        server.lines("live/cam is recorded to ").get(1).cloned()
    });
    publisher.finish();
    let found =
        ["cam.flv", "cam.1.flv"].map(|name| file(&server, name)).into_iter().find(|path| path.exists());
    assert_eq!(packets(&read(&found.unwrap())), sent);
}
