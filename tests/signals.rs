//! Signals and the pid file: how the server is told to stop, and how it goes about it.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::http::Connection;
use crate::common::media;
use crate::common::player::{Client, relay};
use crate::common::{
    Folder, SOON, Server, is_done_within, millstream, millstream_as_nobody, not_tested, run, stderr, wait,
};
use nix::sys::signal::Signal;

const PID_FILE: &str = "pid FOLDER/millstream.pid;
    rtmp { server { listen 127.0.0.1:0; application live { live on; } } }";

fn with_pid_file() -> Server {
    let server = Server::start_in(Folder::new(), PID_FILE);
    let path = server.folder.join("millstream.pid");
    wait("the pid file is there", || fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
    server
}

/// Runs `millstream -s NAME` for a server; returns whether it went well.
fn send(server: &Server, name: &str) -> bool {
    let file = server.folder.join("millstream.conf");
    run(millstream().arg("-s").arg(name).arg("-c").arg(file)).status.success()
}

#[test]
fn term_and_int_stop_at_once_and_players_see_the_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        is_done_within(Duration::from_secs(1), || {
            let mut server = Server::live("");
            let mut players: Vec<_> = (0..3).map(|_| Client::play(server.rtmp(), "cam")).collect();
            let mut publisher = Client::publish(server.rtmp(), "cam");
            let packets = media::video_only(0, 1000);
            relay(&mut publisher, &mut players, &packets);
            let mut web = Connection::open(server.http());
            assert_eq!(web.get("/none").status, 404);
            let begun = Instant::now();
            server.signal(signal);
            for player in &mut players {
                assert_eq!(player.receive_rest(), []);
            }
            assert!(web.is_closed());
            drop((publisher, players, web));
            assert_eq!(server.wait_exit(SOON).code(), Some(0), "{signal}");
            begun.elapsed()
        });
    }
}

#[test]
fn frames_queued_for_players_are_sent_before_the_end() {
    let mut server = Server::live("");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut witness = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets: Vec<_> = (0..50).map(|n| media::video_frame(n * 40, n == 0, 4000)).collect();
    publisher.send_all(&media::video_only(0, 40));
    publisher.send_all(&packets);
    // They are the server's once the last frame has been seen by somebody.
    while witness.receive(1) != packets[49..] {}
    server.signal(Signal::SIGTERM);
    let received = player.receive_rest();
    assert!(received.ends_with(&packets), "{} of {} packets", received.len(), packets.len());
    drop(publisher);
    assert!(server.wait_exit(SOON).success());
}

#[test]
fn a_peer_that_does_not_let_go_delays_a_stop_by_two_seconds_at_most() {
    is_done_within(Duration::from_millis(2500), || {
        let mut server = Server::live("");
        let _publisher = Client::publish(server.rtmp(), "cam");
        let _player = Client::play(server.rtmp(), "cam");
        let begun = Instant::now();
        server.signal(Signal::SIGTERM);
        assert!(server.wait_exit(SOON).success());
        begun.elapsed()
    });
}

#[test]
fn a_second_signal_does_not_wait() {
    is_done_within(Duration::from_secs(1), || {
        let mut server = Server::live("");
        let _publisher = Client::publish(server.rtmp(), "cam");
        server.signal(Signal::SIGTERM);
        server.wait_log("stopping");
        let begun = Instant::now();
        server.signal(Signal::SIGTERM);
        assert!(server.wait_exit(SOON).success());
        begun.elapsed()
    });
}

#[test]
fn quit_waits_until_streams_end_by_themselves() {
    let mut server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = media::video_only(0, 3000);
    let (before, after) = packets.split_at(30);
    assert_eq!(relay(&mut publisher, &mut players, before), [before]);
    let mut idle = Connection::open(server.http());
    assert_eq!(idle.get("/none").status, 404);
    server.signal(Signal::SIGQUIT);
    server.wait_log("draining");
    for address in [server.rtmp(), server.http()] {
        wait("new connections are refused", || TcpStream::connect(address).is_err());
    }
    assert!(idle.is_closed());
    assert_eq!(relay(&mut publisher, &mut players, after), [after]);
    assert!(server.is_running());
    drop(publisher);
    server.wait_log("stops publishing");
    drop(players);
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
}

#[test]
fn quit_with_nothing_live_is_the_end() {
    let mut server = Server::live("");
    server.signal(Signal::SIGQUIT);
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
}

#[test]
fn a_successor_may_listen_before_its_predecessor_stops() {
    let port = crate::common::free_port();
    let configuration =
        format!("rtmp {{ server {{ listen 127.0.0.1:{port} reuseport; application live {{ live on; }} }} }}");
    let mut first = Server::start(&configuration);
    let second = Server::start(&configuration);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait_exit(SOON).code(), Some(0));
    drop(Client::publish(second.rtmp(), "cam"));
}

#[test]
fn term_ends_a_drain() {
    let mut server = Server::live("");
    let publisher = Client::publish(server.rtmp(), "cam");
    server.signal(Signal::SIGQUIT);
    server.wait_log("draining");
    server.signal(Signal::SIGTERM);
    drop(publisher);
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
}

#[test]
fn other_signals_change_nothing_for_players() {
    let mut server = Server::live("");
    let mut players = [Client::play(server.rtmp(), "cam")];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE, Signal::SIGXFSZ] {
        server.signal(signal);
    }
    server.wait_log("opening the logs again");
    let packets = media::video_only(0, 1000);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
    assert!(server.is_running());
}

#[test]
fn stop_goes_through_the_pid_file_which_goes_away() {
    let mut server = with_pid_file();
    let path = server.folder.join("millstream.pid");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", server.pid()));
    assert!(send(&server, "stop"));
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
    assert!(!path.exists());
    assert!(!send(&server, "stop"), "there is nobody any more");
}

#[test]
fn quit_goes_through_the_pid_file_too() {
    let mut server = with_pid_file();
    let publisher = Client::publish(server.rtmp(), "cam");
    assert!(send(&server, "quit"));
    server.wait_log("draining");
    assert!(server.is_running() && server.folder.join("millstream.pid").exists());
    drop(publisher);
    assert_eq!(server.wait_exit(SOON).code(), Some(0));
    assert!(!server.folder.join("millstream.pid").exists());
}

#[test]
fn a_second_server_with_the_same_pid_file_is_refused() {
    let mut server = with_pid_file();
    let output = run(millstream().arg("-c").arg(server.folder.join("millstream.conf")));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let expected = "another server is running";
    assert!(said.lines().any(|line| line.starts_with("millstream: ") && line.contains(expected)), "{said}");
    assert!(server.is_running());
    assert_eq!(
        fs::read_to_string(server.folder.join("millstream.pid")).unwrap(),
        format!("{}\n", server.pid())
    );
}

#[test]
fn a_pid_file_that_a_crash_left_is_taken_over() {
    let folder = Folder::new();
    // No process has this id: it is beyond what the kernel hands out.
    folder.write("millstream.pid", "2147483646\n");
    let mut server = Server::start_in(folder, PID_FILE);
    let path = server.folder.join("millstream.pid");
    let own = format!("{}\n", server.pid());
    wait("the pid file is its own", || fs::read_to_string(&path).is_ok_and(|text| text == own));
    server.stop();
    assert!(!path.exists());
}

/// Runs `millstream -s stop` and returns what it says, which is an error.
fn stop_in_vain(command: &mut Command) -> String {
    let output = run(command.args(["-s", "stop"]));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_stop_without_a_server_says_what_it_has_looked_for() {
    let folder = Folder::new();
    let configuration = folder.write("c.conf", format!("pid {}/a.pid;", folder.display()));
    let pid_file = folder.join("a.pid");
    let said = stop_in_vain(millstream().arg("-c").arg(&configuration));
    assert_eq!(said, format!("millstream: no server is running: {} is not there\n", pid_file.display()));
    fs::write(&pid_file, "1\n").unwrap();
    let said = stop_in_vain(millstream().arg("-c").arg(&configuration));
    let expected = format!("no server is running: {} was left by one that has ended\n", pid_file.display());
    assert_eq!(said, format!("millstream: {expected}"));
    fs::write(&configuration, "pid off;").unwrap();
    let said = stop_in_vain(millstream().arg("-c").arg(&configuration));
    assert!(
        said.starts_with("millstream: there is no pid file to find a server by: write for example"),
        "{said}"
    );
}

#[test]
fn a_stop_of_somebody_elses_server_says_whose_right_it_is() {
    let server = with_pid_file();
    let Some(mut command) = millstream_as_nobody() else {
        return not_tested("only root runs programs as somebody else");
    };
    let said = stop_in_vain(command.arg("-c").arg(server.folder.join("millstream.conf")));
    let expected =
        format!("millstream: the server with process id {} is not yours: send signals as root", server.pid());
    assert!(said.starts_with(&expected), "{said}");
    // Without a pid file in the configuration it is looked for in the user's own folder, if there is one.
    let said = stop_in_vain(&mut millstream_as_nobody().unwrap());
    assert!(said.starts_with("millstream: there is no pid file to find a server by"), "{said}");
    let own = millstream_as_nobody()
        .unwrap()
        .env("XDG_RUNTIME_DIR", &*server.folder)
        .args(["-s", "stop"])
        .output()
        .unwrap();
    let said = stderr(&own);
    assert!(said.contains("is not yours") && said.contains("is found with its -c"), "{said}");
}
