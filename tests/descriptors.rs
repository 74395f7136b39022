//! The limit of open files: connections and downloads leave enough for recordings, fragments and playlists.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::http::Connection;
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Server, is_done_within, wait};

/// Open files that the server may have; half of them are kept for its own.
const LIMIT: u32 = 64;
/// Connections that come at once.
const FLOOD: usize = 500;

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0;
        application live { live on; hls on; hls_path FOLDER/hls; hls_fragment 1s; }
        application rec { live on; record all; record_path FOLDER/rec; }
    } }
    http { server { listen 127.0.0.1:0; location / { root FOLDER; autoindex on; } } }
";

/// A publisher whose fragments are counted by a client that has been there before all others.
struct Broadcast {
    publisher: Client,
    viewer: Connection,
    time: u32,
}

impl Broadcast {
    fn start(server: &Server) -> Self {
        let publisher = Client::publish(server.rtmp(), "cam");
        let mut broadcast = Self { publisher, viewer: Connection::open(server.http()), time: 0 };
        assert!(broadcast.cut() > 0);
        broadcast
    }

    /// Sends two seconds, and waits for a fragment. How many have been cut in all.
    fn cut(&mut self) -> u64 {
        let before = self.fragments().unwrap_or_default();
        let packets: Vec<Packet> = media::video_only(self.time, 2000);
        self.time += 2000;
        self.publisher.send_all(&packets);
        wait("a fragment more", || self.fragments().is_some_and(|fragments| fragments > before));
        self.fragments().unwrap()
    }

    /// Fragments that the playlist has listed so far.
    fn fragments(&mut self) -> Option<u64> {
        let reply = self.viewer.get("/hls/cam.m3u8");
        if reply.status == 404 {
            return None;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        let text = reply.text();
        let sequence = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).unwrap();
        Some(sequence.parse::<u64>().unwrap() + text.matches("#EXTINF").count() as u64)
    }
}

/// Publishes a second to `rec`, and waits until it is in a file.
fn record(mut raw: Raw, server: &Server, name: &str) {
    raw.publish(name);
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    media::video_only(0, 3000).iter().for_each(|packet| raw.send_packet(packet));
    let path = server.folder.join(format!("rec/{name}.flv"));
    wait("the recording has begun", || fs::metadata(&path).is_ok_and(|file| file.len() > 1000));
}

fn flood(server: &Server) -> Vec<TcpStream> {
    let peers = [server.rtmp(), server.http()];
    (0..FLOOD).map(|number| TcpStream::connect(peers[number % 2]).unwrap()).collect()
}

#[test]
fn beside_a_flood_of_connections_streams_are_published_cut_listed_and_recorded() {
    let server = Server::with_descriptors(LIMIT, CONFIGURATION);
    let mut broadcast = Broadcast::start(&server);
    let recorded = Raw::connected(server.rtmp(), "rec");
    let crowd = flood(&server);
    server.wait_log("no connections are accepted");
    broadcast.cut();
    record(recorded, &server, "late");
    broadcast.cut();

    // Connections that wait to be accepted cost nothing, and are logged now and then.
    let (begun, before, told) =
        (Instant::now(), server.ticks(), server.lines("no connections are accepted").len());
    std::thread::sleep(Duration::from_millis(1500));
    let (spent, lines) = (server.ticks() - before, server.lines("no connections are accepted").len() - told);
    assert!(spent < 50, "{spent} ticks in {:?}", begun.elapsed());
    assert!(lines <= 1, "{lines} lines in {:?}", begun.elapsed());
    drop(crowd);
}

#[test]
fn when_a_flood_ends_the_next_one_is_served_within_a_second() {
    let server = Server::with_descriptors(LIMIT, CONFIGURATION);
    let mut seen = 0;
    is_done_within(Duration::from_secs(1), || {
        let crowd = flood(&server);
        wait("accepting pauses again", || server.lines("no connections are accepted").len() > seen);
        drop(crowd);
        let begun = Instant::now();
        // One that is still refused comes again.
        while !Raw::may_shake_hands(server.rtmp()) {}
        let took = begun.elapsed();
        seen = server.lines("no connections are accepted").len();
        took
    });
}

#[test]
fn downloads_that_nobody_reads_leave_descriptors_for_fragments_and_recordings() {
    let server = Server::with_descriptors(LIMIT, CONFIGURATION);
    fs::File::create(server.folder.join("large")).unwrap().set_len(32 << 20).unwrap();
    let mut broadcast = Broadcast::start(&server);
    let recorded = Raw::connected(server.rtmp(), "rec");
    let mut crowd: Vec<_> = Vec::new();
    while server.lines("no connections are accepted").is_empty() && crowd.len() < FLOOD {
        crowd.push(Connection::open(server.http()));
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut statuses: Vec<_> = Vec::new();
    for peer in &mut crowd {
        peer.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = peer.head();
        if head.header("connection") == "close" {
            break; // this one has not been accepted, and those behind it wait
        }
        statuses.push((head.status, head.header("retry-after").to_owned()));
    }
    let count = |status: u16| statuses.iter().filter(|(found, _)| *found == status).count();
    assert!(count(200) > 10 && count(503) > 0 && count(200) + count(503) == statuses.len(), "{statuses:?}");
    assert!(statuses.iter().all(|(status, after)| (*status == 503) != after.is_empty()), "{statuses:?}");
    broadcast.cut();
    record(recorded, &server, "late");
    broadcast.cut();
}

#[test]
fn a_flood_of_one_listener_does_not_keep_places_from_the_others() {
    let server = Server::with_descriptors(LIMIT, CONFIGURATION);
    let flood: Vec<_> = (0..FLOOD).map(|_| TcpStream::connect(server.rtmp()).unwrap()).collect();
    server.wait_log("no connections are accepted");
    let mut asking = Connection::open(server.http());
    asking.send("GET /missing HTTP/1.1\r\nHost: a\r\n\r\n");
    // They are accepted in their order, so a place becomes free with each.
    let mut statuses = Vec::new();
    for connection in flood.iter().take(15) {
        connection.shutdown(std::net::Shutdown::Both).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        asking.stream().set_nonblocking(true).unwrap();
        if asking.stream().peek(&mut [0]).is_ok() {
            asking.stream().set_nonblocking(false).unwrap();
            statuses.push(asking.head().status);
            if statuses.last() == Some(&404) {
                return;
            }
            asking = Connection::open(server.http());
            asking.send("GET /missing HTTP/1.1\r\nHost: a\r\n\r\n");
        }
    }
    assert!(statuses.contains(&404), "{statuses:?}");
}
