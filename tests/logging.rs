//! The log and the pid file: neither a flood, nor a log that nobody reads, nor a link stops or misleads the server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::{Folder, LEFT_OUT, SOON, Server, media, millstream, run, stderr, until, wait};
use nix::libc::O_NONBLOCK;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

const LIVE: &str = "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }";

/// A server whose standard error is read up to where it listens, and then no more.
struct Unread {
    child: Child,
    stderr: BufReader<ChildStderr>,
    rtmp: SocketAddr,
    _folder: Folder,
}

impl Unread {
    fn start(directives: &str) -> Self {
        let folder = Folder::new();
        let file = folder.write("c.conf", format!("pid off; {directives} {LIVE}"));
        let mut command = millstream();
        command.arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening for RTMP on") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it does not start");
        }
        let rtmp = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
        Self { child, stderr, rtmp, _folder: folder }
    }

    fn terminate(&mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        until("it stops", SOON, || self.child.try_wait().unwrap())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serves(address: SocketAddr) {
    let mut players = [Client::play(address, "cam")];
    let mut publisher = Client::publish(address, "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
}

/// Connects and hangs up.
fn knock(address: SocketAddr, times: usize) {
    for _ in 0..times {
        drop(TcpStream::connect(address).unwrap());
    }
}

#[test]
fn a_standard_error_that_nobody_reads_stops_nothing() {
    let mut server = Unread::start("error_log stderr debug;");
    // Two lines each, of which a pipe holds a few hundred.
    knock(server.rtmp, 4000);
    serves(server.rtmp);
    // Even to the end.
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn lines_that_a_late_reader_has_missed_are_counted() {
    let mut server = Unread::start("error_log stderr debug;");
    knock(server.rtmp, 4000);
    serves(server.rtmp);
    let (mut log, mut line) = (String::new(), String::new());
    while !line.contains("lines dropped: the log cannot keep up") {
        line.clear();
        assert!(server.stderr.read_line(&mut line).unwrap() > 0, "{log}");
        log.push_str(&line);
    }
    // From here on it is read, and nothing is missing any more.
    knock(server.rtmp, 1);
    assert_eq!(server.terminate().code(), Some(0));
    let mut rest = String::new();
    server.stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("stopped\n"), "{rest}");
    log.push_str(&rest);
    let accepted = log.matches(" accepted from ").count();
    let count = |line: &str| line.split_once(" lines dropped")?.0.rsplit(' ').next()?.parse::<usize>().ok();
    let dropped: usize = log.lines().filter_map(count).sum();
    assert!(accepted < 4003 && accepted + dropped >= 4003, "{accepted} {dropped}");
}

#[test]
fn connections_without_a_handshake_are_not_logged_at_info() {
    let mut server = Server::live("");
    knock(server.rtmp(), 100);
    let mut scanner = Raw::open(server.rtmp());
    scanner.send_bytes(b"GET / HTTP/1.1\r\n\r\n");
    scanner.expect_end();
    drop(Raw::handshaken(server.rtmp()));
    server.wait_log(" closed: ");
    server.stop();
    assert_eq!(server.lines(" closed: ").len(), 1, "{}", server.log());
}

#[test]
fn a_flood_of_lines_is_counted_from_the_twentieth_in_a_second() {
    let mut server = Server::live("");
    let begun = Instant::now();
    for _ in 0..300 {
        drop(Raw::handshaken(server.rtmp()));
    }
    server.expect_lines(" closed: ", 300);
    let seconds = begun.elapsed().as_secs() as usize + 1;
    let written = server.lines(" closed: ").len() - server.lines(LEFT_OUT).len();
    assert!(written <= 20 * (seconds + 1), "{written} in {seconds} s");
    server.stop();
}

/// Starts a server with these directives in front of [`LIVE`]; nothing is known of where it listens.
fn start(folder: Folder, directives: &str) -> Server {
    let text = format!("{directives} {LIVE}").replace("FOLDER", folder.to_str().unwrap());
    let file = folder.write("c.conf", text);
    let mut command = millstream();
    command.arg("-c").arg(file);
    Server::spawn(folder, command, 0)
}

/// Runs a server that must not start; returns what it says.
fn refused(folder: &Folder, directives: &str) -> String {
    let text = format!("{directives} {LIVE}").replace("FOLDER", folder.to_str().unwrap());
    let output = run(millstream().arg("-c").arg(folder.write("c.conf", text)));
    assert_eq!(output.status.code(), Some(1), "{directives}");
    stderr(&output)
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("listening for RTMP on"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The RTMP address of a server that logs to a file.
fn address_of(log: &Path) -> SocketAddr {
    until("it listens", SOON, || address_in(&fs::read_to_string(log).unwrap_or_default()))
}

#[test]
fn every_line_is_in_the_file_at_the_end_and_in_order() {
    let mut server = start(Folder::new(), "pid off; error_log FOLDER/all.log debug;");
    let path = server.folder.join("all.log");
    let address = address_of(&path);
    knock(address, 500);
    serves(address);
    server.stop();
    let log = fs::read_to_string(path).unwrap();
    let numbers = log.lines().filter(|line| line.contains(" accepted from ")).map(|line| {
        let number = line.split(' ').nth(3).unwrap().trim_start_matches('#');
        number.parse::<usize>().unwrap()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=502).collect::<Vec<_>>());
    assert!(log.ends_with(" [info] stopped\n"), "{log}");
    assert_eq!(server.log(), "");
}

#[test]
fn a_server_in_the_background_logs_to_its_file_from_before_the_fork_to_the_end() {
    let folder = Folder::new();
    let text = format!("daemon on; pid FOLDER/d.pid; error_log FOLDER/d.log; {LIVE}");
    let file = folder.write("c.conf", text.replace("FOLDER", folder.to_str().unwrap()));
    let output = run(millstream().arg("-c").arg(&file));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let (path, pid_file) = (folder.join("d.log"), folder.join("d.pid"));
    wait("it writes its id", || fs::read_to_string(&pid_file).is_ok_and(|text| text.ends_with('\n')));
    serves(address_of(&path));
    assert!(run(millstream().args(["-s", "stop", "-c"]).arg(&file)).status.success());
    let log = || fs::read_to_string(&path).unwrap();
    wait("it ends", || log().ends_with("stopped\n") && !pid_file.exists());
    for text in [" serves ", "listening for RTMP on", "publish live/cam", "stopping\n", "stopped\n"] {
        assert_eq!(log().matches(text).count(), 1, "{text} in {}", log());
    }
}

/// Reads what waits in a FIFO until a text comes.
fn read_fifo(path: &Path, text: &str) -> String {
    let mut fifo = File::options().read(true).custom_flags(O_NONBLOCK).open(path).unwrap();
    let (mut read, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    until(text, SOON, || {
        let count = fifo.read(&mut buffer).unwrap_or(0);
        read.extend_from_slice(&buffer[..count]);
        let found = String::from_utf8_lossy(&read).into_owned();
        found.contains(text).then_some(found)
    })
}

#[test]
fn a_fifo_without_a_reader_stops_neither_the_start_nor_the_server() {
    let folder = Folder::new();
    let fifo = folder.join("log.fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let mut server = start(folder, "pid off; error_log FOLDER/log.fifo debug;");
    server.wait_log("log.fifo: a FIFO that nobody reads yet");
    let address = address_in(&read_fifo(&fifo, "listening for RTMP on 127.0.0.1:")).unwrap();
    serves(address);
    // The reader has gone, and the FIFO gets full.
    knock(address, 4000);
    serves(address);
    read_fifo(&fifo, "lines dropped: the log cannot keep up");
    serves(address);
    read_fifo(&fifo, "publish live/cam");
    server.stop();
}

#[test]
fn an_access_log_may_be_a_fifo_that_is_read_later() {
    let folder = Folder::new();
    let fifo = folder.join("log.fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let mut server = Server::start_in(
        folder,
        "pid off; http { access_log FOLDER/log.fifo; server { listen 127.0.0.1:0; root FOLDER; } }",
    );
    server.wait_log("log.fifo: a FIFO that nobody reads yet");
    crate::common::http::get(server.http(), "/early");
    read_fifo(&fifo, "GET /early");
    server.stop();
}

#[test]
fn no_log_goes_through_a_link_to_a_file() {
    let folder = Folder::new();
    let victim = folder.write("victim", "mine\n");
    symlink(&victim, folder.join("link")).unwrap();
    symlink("none", folder.join("loose")).unwrap();
    for name in ["link", "loose"] {
        let why = format!("log {}/{name}: a link, which is followed only to /dev/stdout", folder.display());
        for directives in [
            "pid off; error_log FOLDER/NAME;",
            "pid off; http { access_log FOLDER/NAME; server { listen 127.0.0.1:0; } }",
        ] {
            let said = refused(&folder, &directives.replace("NAME", name));
            assert!(said.contains(&why), "{said}");
        }
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "mine\n");
    assert!(!folder.join("none").exists());
}

#[test]
fn logs_may_be_the_standard_streams_and_links_to_them() {
    for (target, to_error) in [("/dev/stderr", true), ("/dev/stdout", false), ("/dev/null", false)] {
        for is_link in [false, true] {
            let folder = Folder::new();
            symlink(target, folder.join("link")).unwrap();
            let path = if is_link { "FOLDER/link" } else { target };
            let directives = format!(
                "pid off; error_log {path}; http {{ access_log {path}; server {{ listen 127.0.0.1:0; root FOLDER; }} }}"
            );
            let mut server = start(folder, &directives);
            if to_error {
                server.wait_log("listening for RTMP on");
            }
            server.stop();
            assert_eq!(server.lines("] stopped").len(), usize::from(to_error), "{path}: {}", server.log());
        }
    }
}

#[test]
fn the_pid_file_is_a_regular_file_and_no_link() {
    let folder = Folder::new();
    let victim = folder.write("victim", "mine\n");
    symlink(&victim, folder.join("link")).unwrap();
    symlink("none", folder.join("loose")).unwrap();
    mkfifo(&folder.join("fifo"), Mode::S_IRWXU).unwrap();
    for (name, why) in
        [("link", "a link, which is not followed"), ("loose", "a link"), ("fifo", "not a regular file")]
    {
        let said = refused(&folder, &format!("pid FOLDER/{name};"));
        assert!(said.contains(&format!("pid file {}/{name}: {why}", folder.display())), "{said}");
        let stop = run(millstream().args(["-s", "stop", "-c"]).arg(folder.join("c.conf")));
        assert!(stderr(&stop).contains(why), "{name}");
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "mine\n");
    assert_eq!(folder.list(""), ["c.conf", "fifo", "link", "loose", "victim"]);
}

#[test]
fn the_pid_file_may_be_a_standard_stream() {
    let mut server = start(Folder::new(), "pid /dev/stderr;");
    server.wait_log(&format!("{}", server.pid()));
    server.stop();
    // The harness would miss it if that removed it.
    let mut server = start(Folder::new(), "pid /dev/null;");
    server.stop();
    assert!(Path::new("/dev/null").exists() && Path::new("/dev/stderr").exists());
}

/// The number of times that each thread of a process has waited for something.
fn waits(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    let line =
        |text: String| text.lines().find(|line| line.starts_with("voluntary_ctxt")).unwrap().to_owned();
    status.map(line).collect()
}

#[test]
fn with_nothing_to_log_nothing_wakes_up() {
    let server = Server::start(LIVE);
    serves(server.rtmp());
    assert_eq!(waits(server.pid()).len(), 2, "the loop and the log");
    let is_idle = || {
        let before = waits(server.pid());
        std::thread::sleep(Duration::from_millis(500));
        waits(server.pid()) == before
    };
    wait("nothing happens for half a second", is_idle);
}
