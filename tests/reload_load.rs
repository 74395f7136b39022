//! Reloads under load: publishers, players, HLS viewers and HTTP clients notice none of them. Three files take turns;
//! one is broken, the others differ in most of what a reload can change.
//!
//! RELOADS in the environment is the number of reloads, see scripts/reload.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::common::http::Connection;
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, hls};

/// The number of reloads, and the time between two: the log has twenty lines a second.
const RELOADS: usize = 100;
const BETWEEN: Duration = Duration::from_millis(60);
/// The time between two frames of a publisher.
const FRAME: u32 = 20;
/// Kilobytes that the memory of the server may grow by under the same load: a thousandth of them for each of a thousand
/// reloads would be found.
const GROWTH: u64 = 1024;

const LIVE: &str = "application live { live on; hls on; hls_path FOLDER/hls; hls_playlist_length 6s;";

/// The files, for the ports of RTMP, HTTP and two that come and go.
fn files(ports: [u16; 4]) -> [String; 3] {
    let [rtmp, http, more_rtmp, more_http] = ports;
    let first = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:{rtmp};
            {LIVE} hls_fragment 1s; gop_cache on; }}
            application gone {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:{http}; location / {{ root FOLDER; }} location /old {{ return 204; }} }} }}"
    );
    let second = format!(
        "pid off; rtmp {{ publish_grace 1s; chunk_size 8192;
            server {{ listen 127.0.0.1:{more_rtmp}; application other {{ live on; }} }}
            server {{ listen 127.0.0.1:{rtmp}; application first {{ live on; shared_objects on; }}
            {LIVE} hls_fragment 2s; record all; record_path FOLDER/rec; record_keep 1d; gop_cache on;
                gop_max_time 20s; max_connections 100; }} }} }}
         http {{ access_log FOLDER/access.log;
            server {{ listen 127.0.0.1:{more_http}; location / {{ return 204; }} }}
            server {{ listen 127.0.0.1:{http}; location ~ \\.txt$ {{ root FOLDER; }} location / {{ root FOLDER; }} }} }}"
    );
    let broken = first.replace("hls_fragment 1s", "hls_fragment soon");
    [first, second, broken]
}

/// What threads do until the end: it must go on whatever is reloaded.
struct Load<'a> {
    rtmp: SocketAddr,
    http: SocketAddr,
    is_over: &'a AtomicBool,
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// A publisher and a player of one stream: the player gets every packet.
    fn watch(&self, name: &str) {
        let mut player = Client::play(self.rtmp, name);
        let mut publisher = Client::publish(self.rtmp, name);
        let mut under_way = VecDeque::new();
        let mut send = |packet: Packet, player: &mut Client| {
            publisher.send(&packet);
            under_way.push_back(packet);
            // Half a second may be on the way.
            while under_way.len() > 50 {
                assert_eq!(player.receive(1), under_way.drain(..1).collect::<Vec<_>>(), "{name}");
            }
        };
        send(media::video_header(0), &mut player);
        for number in 0.. {
            if !self.goes_on() {
                break;
            }
            let time = number * FRAME;
            send(media::video_frame(time, number % 50 == 0, 2000), &mut player);
            if number == 0 {
                send(media::audio_header(0), &mut player);
            }
            send(media::audio_frame(time, 200), &mut player);
            thread::sleep(Duration::from_millis(FRAME.into()));
        }
        assert_eq!(player.receive(under_way.len()), Vec::from(under_way), "{name}");
    }

    /// Players that join: each begins with a key frame.
    fn join(&self, name: &str) {
        while self.goes_on() {
            let mut player = Client::play(self.rtmp, name);
            let first = player.receive(5);
            assert!(first.iter().any(Packet::is_key), "{name}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A viewer of HLS on one connection: nothing is missing from the list, and nothing interrupts it.
    fn view(&self, name: &str) {
        let (mut connection, mut newest) = (Connection::open(self.http), 0);
        while self.goes_on() {
            let reply = connection.get(&format!("/hls/{name}.m3u8"));
            if reply.status == 200 {
                let list = hls::playlist(&reply.body);
                let last = list.media_sequence + list.segments.len() as u64;
                assert!(list.media_sequence <= newest.max(1) && last >= newest, "{name}");
                assert!(
                    !list.end_list && !list.segments.iter().any(|segment| segment.discontinuity),
                    "{name}"
                );
                let fragment = &list.segments[list.segments.len() - 1].uri;
                assert_eq!(connection.get(&format!("/hls/{fragment}")).status, 200, "{name}");
                newest = last;
            } else {
                assert_eq!((reply.status, newest), (404, 0), "{name}");
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert!(newest > 2, "{name}");
    }

    /// A client that fetches a file again and again on one connection.
    fn fetch(&self) {
        let mut connection = Connection::open(self.http);
        while self.goes_on() {
            assert_eq!(connection.get("/small.txt").text(), "small");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Ends the load when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn reload(server: &Server, text: &str, count: usize) {
    server.folder.write("millstream.conf", text.replace("FOLDER", &server.folder.to_string_lossy()));
    server.signal(Signal::SIGHUP);
    let said = if text.contains("soon") { "is not reloaded; nothing changes" } else { "reloaded " };
    server.wait_lines(said, count);
    thread::sleep(BETWEEN);
}

/// Reloads so many times, each file in turn.
fn reload_all(server: &Server, files: &[String; 3], from: usize, count: usize) {
    for number in from..from + count {
        let broken = (number + 1) / 3;
        let said = if number % 3 == 2 { broken } else { number + 1 - broken };
        reload(server, &files[number % 3], said);
    }
}

#[test]
fn nobody_notices_reloads_under_load() {
    let reloads = std::env::var("RELOADS").map_or(RELOADS, |count| count.parse().unwrap());
    let files = files([(); 4].map(|()| free_port()));
    let folder = Folder::new();
    folder.write("small.txt", "small");
    let mut server = Server::start_in(folder, &files[0]);
    // What is allocated with the first configurations is there once.
    reload_all(&server, &files, 0, 6);
    let descriptors = server.descriptors();
    let (rtmp, http) = (server.rtmp(), server.http());
    let [streams_are_over, is_over] = [(); 2].map(|()| AtomicBool::new(false));
    let streams = &Load { rtmp, http, is_over: &streams_are_over };
    let load = &Load { rtmp, http, is_over: &is_over };
    thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            scope.spawn(move || streams.watch(name));
        }
        // Also if an assertion fails. The streams end after the others: whoever joins last waits for pictures.
        let _streams_end = End(&streams_are_over);
        server.wait_lines("publish live/", 3);
        thread::scope(|scope| {
            scope.spawn(move || load.join("a"));
            scope.spawn(move || load.view("b"));
            scope.spawn(move || load.fetch());
            let _end = End(&is_over);
            let third = reloads / 9 * 3;
            reload_all(&server, &files, 6, third);
            let memory = server.resident();
            reload_all(&server, &files, 6 + third, 2 * third);
            let grown = server.resident().saturating_sub(memory);
            assert!(grown < GROWTH, "{grown} kB more after {} reloads", 2 * third);
        });
    });
    server.wait_lines("stops publishing", 3);
    crate::common::until("all descriptors are closed", Duration::from_secs(20), || {
        (server.descriptors() <= descriptors).then_some(())
    });
    server.stop();
}
