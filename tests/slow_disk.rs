//! Disks that are slow or hang: players feel nothing, what was accepted is written, and the server ends in time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, Server, flv, hls, http, until, wait};

/// A server that records and writes HLS, whose disk takes so long for each of these calls. The loop uses none of them.
fn server(calls: &str, delay: Duration, directives: &str) -> Server {
    let folder = Folder::new();
    let configuration = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root {}; }} location /sys/ {{ root /; }} }} }}",
        folder.display()
    );
    let file = folder.write("millstream.conf", configuration);
    let mut command = Command::new("strace");
    // The server is the child of the test, and the tracer is another process.
    command.args([
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={calls}"),
        "-e",
    ]);
    command.arg(format!("inject={calls}:delay_enter={}", delay.as_micros()));
    command.arg(env!("CARGO_BIN_EXE_millstream")).arg("-c").arg(file);
    command.current_dir(&*folder).env_remove("RUST_LOG");
    Server::spawn(folder, command, 2)
}

const RECORD: &str = "record all; record_path rec;";
const HLS: &str = "hls on; hls_path hls; hls_fragment 1s;";

/// Publishes for so many milliseconds of media in real time, and returns the longest time that a frame took to a player.
fn longest_delay(server: &Server, length: u32) -> Duration {
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut longest = Duration::ZERO;
    let start = Instant::now();
    for packet in media::video_only(0, length) {
        let due = start + Duration::from_millis(packet.timestamp.into());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        publisher.send(&packet);
        // It comes with the first picture.
        if !packet.is_header() {
            while player.receive(1) != [packet.clone()] {}
        }
        longest = longest.max(sent.elapsed());
    }
    longest
}

#[test]
fn players_feel_nothing_of_a_disk_that_hangs() {
    let hang = Duration::from_secs(10);
    let server = server("pwrite64,rename,ftruncate,mkdir,unlink,statfs", hang, &format!("{RECORD} {HLS}"));
    let longest = longest_delay(&server, 4000);
    assert!(longest < hang / 10, "{longest:?}");
}

#[test]
fn players_feel_nothing_of_files_where_even_opening_them_may_wait() {
    let hang = Duration::from_secs(2);
    let server = server("openat2,fstatfs", hang, "");
    let address = server.http();
    let longest = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                let mut client = TcpStream::connect(address).unwrap();
                // The kernel makes these files when they are read, so it knows of no page of them.
                client.write_all(b"GET /sys/kernel/uevent_seqnum HTTP/1.0\r\n\r\n").unwrap();
                let _ = client.read_to_end(&mut Vec::new());
            }
        });
        longest_delay(&server, 7000)
    });
    assert!(longest < hang / 2, "{longest:?}");
}

#[test]
fn players_feel_nothing_of_an_access_log_that_a_reload_opens() {
    let hang = Duration::from_secs(3);
    let server = server("mkdir", hang, "");
    let before = std::fs::read_to_string(server.folder.join("millstream.conf")).unwrap();
    server.configure(&before.replace("http {", "http { access_log FOLDER/logs/access.log;"));
    server.signal(Signal::SIGHUP);
    let longest = longest_delay(&server, 5000);
    assert!(longest < hang / 3, "{longest:?}");
    server.wait_log("reloaded ");
    assert!(server.folder.join("logs/access.log").exists());
}

#[test]
fn what_was_accepted_is_written_before_the_server_ends() {
    let mut server = server("pwrite64,rename", Duration::from_millis(150), &format!("{RECORD} {HLS}"));
    let sent = media::both(0, 3000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    publisher.send_all(&sent);
    player.receive(sent.len());
    server.stop();
    assert_eq!(flv::packets(&flv::read(&server.folder.join("rec/cam.flv"))), sent);
    let list = hls::playlist(&std::fs::read(server.folder.join("hls/cam.m3u8")).unwrap());
    let total: f32 = list.segments.iter().map(|segment| segment.duration).sum();
    assert!(total > 2.5, "{total}");
}

#[test]
fn a_server_whose_disk_hangs_ends_after_five_seconds_and_says_what_is_not_written() {
    let mut server = server("pwrite64", Duration::from_secs(10), RECORD);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 2000));
    server.wait_log("publish live/cam");
    wait("the file is made", || server.folder.join("rec/cam.flv").exists());
    let begun = Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait_log("waiting for writes to files: record ");
    server.wait_log("stopped with writes to files that are not done: record ");
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(9), "{took:?}");
    // The tracer lets no thread go before its call is over.
    assert!(server.wait_exit(Duration::from_secs(30)).success());
}

#[test]
fn a_server_that_drains_waits_no_longer_for_a_disk_that_hangs_once_its_sessions_have_ended() {
    let mut server = server("pwrite64", Duration::from_secs(20), RECORD);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 2000));
    server.wait_log("publish live/cam");
    wait("the file is made", || server.folder.join("rec/cam.flv").exists());
    server.signal(Signal::SIGQUIT);
    server.wait_log("draining: 1 sessions");
    let begun = Instant::now();
    drop(publisher);
    server.wait_log("waiting for writes to files: record ");
    server.wait_log("stopped with writes to files that are not done: record ");
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(15), "{took:?}");
    // The tracer lets no thread go before its call is over.
    assert!(server.wait_exit(Duration::from_secs(60)).success());
}

#[test]
fn a_publisher_that_stops_finds_its_files_complete_when_it_is_answered() {
    let server =
        server("pwrite64,rename", Duration::from_millis(100), &format!("{RECORD} {HLS} hls_endlist 0;"));
    let sent = media::both(0, 2000);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&sent);
    publisher.finish();
    assert_eq!(flv::packets(&flv::read(&server.folder.join("rec/cam.flv"))), sent);
    assert!(hls::playlist(&http::get(server.http(), "/hls/cam.m3u8").body).end_list);
}

#[test]
fn an_output_that_the_disk_is_too_slow_for_drops_frames_and_counts_them() {
    // A call takes longer than the frames of a second: 16 MiB wait at most.
    let server = server("pwrite64", Duration::from_secs(3), RECORD);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    publisher.send(&media::video_header(0));
    let mut number = 0;
    until("frames are dropped", Duration::from_secs(60), || {
        publisher.send(&media::video_frame(number * 40, number % 25 == 0, 400_000));
        player.receive(1);
        number += 1;
        (!server.lines("frames are dropped from the recording: the disk is too slow").is_empty())
            .then_some(())
    });
    assert!(server.resident() < 200_000, "{} kB", server.resident());
}
