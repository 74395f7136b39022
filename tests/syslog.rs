//! Logs to syslog, with nginx's parameters: to a socket of this machine and over UDP, to rsyslogd and to a server that
//! goes away; `error_log off`; the journal of systemd.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::http::get;
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, free_port, millstream, run, stderr, until, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LIVE: &str = "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }";

/// A socket in place of /dev/log.
fn receiver(folder: &Folder) -> UnixDatagram {
    let socket = UnixDatagram::bind(folder.join("log")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 16 * 1024];
    let count = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..count].to_vec()).unwrap()
}

/// Receives up to a message that contains the text.
fn receive_to(socket: &UnixDatagram, text: &str) -> Vec<String> {
    let mut messages = vec![receive(socket)];
    while !messages.last().unwrap().contains(text) {
        messages.push(receive(socket));
    }
    messages
}

/// Starts a server whose standard error shows nothing of where it listens.
fn start(folder: Folder, directives: &str) -> Server {
    let mut command = millstream();
    let text = format!("pid off; {directives} {LIVE}").replace("FOLDER", folder.to_str().unwrap());
    command.current_dir(&*folder).arg("-c").arg(folder.write("c.conf", text));
    Server::spawn(folder, command, 0)
}

/// The address in the line that says where it listens.
fn listening(line: &str) -> SocketAddr {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// What `-t` says of directives, and whether it accepts them.
fn tested(folder: &Folder, directives: &str) -> (bool, String) {
    let text = format!("pid off; {directives} {LIVE}").replace("FOLDER", folder.to_str().unwrap());
    let output =
        run(millstream().current_dir(&**folder).arg("-t").arg("-c").arg(folder.write("c.conf", text)));
    (output.status.success(), stderr(&output))
}

#[test]
fn each_line_is_a_message_of_its_level_at_the_socket() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let log = "error_log syslog:server=unix:FOLDER/log,facility=daemon,tag=cams debug;";
    let mut server = start(folder, log);
    let messages = receive_to(&socket, "listening for RTMP on ");
    drop(Client::publish(listening(messages.last().unwrap()), "cam"));
    let messages = receive_to(&socket, " closed: ");
    // 3 * 8 + 6, and 7 for a line at the level debug.
    let is_formed = |message: &String| {
        let (header, text) = message.split_once(" cams: [").unwrap();
        header.len() == "<30>Nov 28 15:04:25".len()
            && (header.starts_with("<30>") == text.starts_with("info] "))
            && (header.starts_with("<31>") == text.starts_with("debug] "))
    };
    assert!(messages.iter().all(is_formed), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("[info] #1 publish live/cam")), "{messages:#?}");
    server.stop();
    receive_to(&socket, "[info] stopped");
    assert_eq!(server.log(), "", "nothing on standard error");
}

#[test]
fn messages_go_over_udp_too_to_an_address_or_a_name() {
    for server_name in ["127.0.0.1", "localhost", "[::1]"] {
        let socket = UdpSocket::bind((server_name.trim_matches(['[', ']']), 0)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut server = start(Folder::new(), &format!("error_log syslog:server={server_name}:{port};"));
        let mut buffer = [0; 1024];
        let count = socket.recv(&mut buffer).unwrap();
        let message = std::str::from_utf8(&buffer[..count]).unwrap();
        // 23 * 8 + 6; the machine's name stands in front of the tag.
        assert!(
            message.starts_with("<190>") && message.contains(" millstream: [info] millstream "),
            "{message}"
        );
        assert_eq!(
            message.split(' ').filter(|word| !word.is_empty()).nth(4),
            Some("millstream:"),
            "{message}"
        );
        server.stop();
    }
}

#[test]
fn a_message_begins_as_that_of_nginx_does() {
    let folder = Folder::new();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = receiver(&folder);
    let logs = format!(
        "error_log syslog:server=unix:{}/log,facility=local3,tag=same,nohostname error;
         error_log syslog:server={},facility=local3,tag=same error;",
        folder.display(),
        udp.local_addr().unwrap()
    );
    // An error that both have: a file that is not there, and an address that is in use.
    let port = free_port();
    let text =
        format!("{logs} events {{ }} http {{ access_log off; server {{ listen 127.0.0.1:{port}; }} }}");
    let nginx = Nginx::start(&folder, &text, ([127, 0, 0, 1], port).into()).expect("nginx is missing");
    let mut request = TcpStream::connect(("127.0.0.1", port)).unwrap();
    request.write_all(b"GET /none HTTP/1.0\r\n\r\n").unwrap();
    let mut buffer = [0; 1024];
    let mut receive_both = || {
        let count = udp.recv(&mut buffer).unwrap();
        [String::from_utf8(buffer[..count].to_vec()).unwrap(), receive(&unix)]
    };
    let of_nginx = receive_both();
    let ours = format!("pid off; daemon on; {logs} rtmp {{ server {{ listen 127.0.0.1:{port}; }} }}");
    let output = run(millstream().arg("-c").arg(folder.write("c.conf", ours)));
    assert!(!output.status.success());
    let ours = receive_both();
    drop(nginx);
    for (ours, theirs) in ours.iter().zip(&of_nginx) {
        let (a, b) = (ours.split_once("same: ").unwrap().0, theirs.split_once("same: ").unwrap().0);
        // 19 * 8 + 3. The seconds may differ.
        let until_seconds = "<155>Nov 28 15:04:".len();
        assert!(a.starts_with("<155>"), "{ours}");
        assert_eq!(
            (a.len(), &a[..until_seconds - 3]),
            (b.len(), &b[..until_seconds - 3]),
            "{ours:?} {theirs:?}"
        );
        assert_eq!(a[until_seconds + 2..], b[until_seconds + 2..], "{ours:?} {theirs:?}");
    }
}

#[test]
fn a_server_of_syslog_that_is_restarted_is_connected_again() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let path = folder.join("log");
    let mut server = start(folder, "error_log syslog:server=unix:FOLDER/log; error_log stderr;");
    let address = listening(receive_to(&socket, "listening for RTMP on ").last().unwrap());
    drop(socket);
    fs::remove_file(&path).unwrap();
    let publish = |name: &str| drop(Client::publish(address, name));
    publish("lost");
    server.wait_log("publish live/lost");
    let socket = receiver(&server.folder);
    // It is tried once a second.
    let mut count = 0;
    socket.set_nonblocking(true).unwrap();
    wait("a message", || {
        count += 1;
        publish(&format!("cam{count}"));
        thread::sleep(Duration::from_millis(100));
        socket.recv(&mut []).is_ok()
    });
    socket.set_nonblocking(false).unwrap();
    server.stop();
    receive_to(&socket, "[info] stopped");
    // The other log has them all, and the server has never waited.
    assert!(server.count_lines("publish live/cam") >= count, "{}", server.log());
}

#[test]
fn lines_that_syslog_has_not_taken_are_counted_there() {
    let folder = Folder::new();
    let mut server = start(folder, "error_log syslog:server=unix:FOLDER/log;");
    server.wait_log("nobody receives it yet, and lines are lost until then: No such file");
    thread::sleep(Duration::from_millis(1100));
    let socket = receiver(&server.folder);
    server.stop();
    let first = receive(&socket);
    assert!(
        first.starts_with("<187>") && first.ends_with(" lines lost: No such file or directory"),
        "{first}"
    );
    receive_to(&socket, "[info] stopped");
}

#[test]
fn a_reload_warns_in_the_log_of_a_server_of_syslog_that_is_away_and_opening_logs_again_asks_for_none() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let begun = format!("pid off; error_log syslog:server=unix:FOLDER/log; error_log stderr; {LIVE}");
    let begun = begun.replace("FOLDER", folder.to_str().unwrap());
    let mut server = Server::start_in(folder, &begun);
    drop(socket);
    fs::remove_file(server.folder.join("log")).unwrap();
    server.signal(Signal::SIGUSR1);
    server.wait_log("opening the logs again");
    server.reload(&begun, 1);
    server.stop();
    let warnings = server.lines("nobody receives it yet");
    assert_eq!(warnings.len(), 1, "{}", server.log());
    assert!(
        warnings[0].contains("[warn] ") && warnings[0].contains("error log syslog:server=unix:"),
        "{warnings:?}"
    );
}

#[test]
fn a_server_of_syslog_that_receives_nothing_delays_nothing() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let mut server = start(folder, "error_log syslog:server=unix:FOLDER/log debug; error_log stderr;");
    let address = listening(&server.wait_log("listening for RTMP on "));
    for _ in 0..300 {
        drop(Client::publish(address, "cam"));
    }
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < SOON, "not even the end waits");
    drop(socket);
}

/// A running rsyslogd with a socket and a UDP port, which writes what it has understood.
struct Rsyslog(Child);

impl Rsyslog {
    fn start(folder: &Path, port: u16) -> Self {
        let text = r#"global(workDirectory="FOLDER")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="FOLDER/log")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="PORT")
template(name="all" type="string" string="%syslogfacility-text%.%syslogseverity-text% %programname%|%msg%\n")
action(type="omfile" file="FOLDER/messages" template="all")
"#;
        let file = folder.join("rsyslog.conf");
        let text = text.replace("FOLDER", folder.to_str().unwrap()).replace("PORT", &port.to_string());
        fs::write(&file, text).unwrap();
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-i", "NONE", "-f"]).arg(file);
        let child = command.stdin(Stdio::null()).spawn().expect("rsyslogd is missing: scripts/install-peers");
        let rsyslog = Self(child);
        wait("rsyslogd listens", || UnixDatagram::unbound().unwrap().connect(folder.join("log")).is_ok());
        rsyslog
    }

    fn stop(mut self) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        until("rsyslogd ends", SOON, || self.0.try_wait().unwrap());
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn rsyslogd_understands_the_messages_and_may_be_restarted() {
    let folder = Folder::new();
    let port = free_port();
    let rsyslog = Rsyslog::start(&folder, port);
    let logs = format!(
        "error_log syslog:server=unix:FOLDER/log,facility=mail; error_log stderr;
         error_log syslog:server=127.0.0.1:{port},tag=by_udp debug;"
    );
    let mut server = start(folder, &logs);
    let address = listening(&server.wait_log("listening for RTMP on "));
    let messages = server.folder.join("messages");
    let has = |text: &str| {
        wait(text, || {
            fs::read_to_string(&messages).unwrap_or_default().lines().any(|line| line.starts_with(text))
        });
    };
    drop(Client::publish(address, "first"));
    for (priority, tag) in [("mail.info", "millstream"), ("local7.info", "by_udp")] {
        has(&format!("{priority} {tag}| [info] #1 publish live/first"));
    }
    has("local7.debug by_udp| [debug] ");
    // A line that found nobody would make the next ones wait for a second.
    has("mail.info millstream| [info] #1 closed: ");
    rsyslog.stop();
    let rsyslog = Rsyslog::start(&server.folder, port);
    drop(Client::publish(address, "second"));
    has("mail.info millstream| [info] #2 publish live/second");
    server.stop();
    has("mail.info millstream| [info] stopped");
    rsyslog.stop();
}

#[test]
fn a_reload_leads_the_log_to_another_server() {
    let folder = Folder::new();
    let first = receiver(&folder);
    let second = UnixDatagram::bind(folder.join("second")).unwrap();
    second.set_read_timeout(Some(SOON)).unwrap();
    let configuration = |name: &str, tag: &str| {
        format!("pid off; error_log stderr; error_log syslog:server=unix:FOLDER/{name},tag={tag}; {LIVE}")
    };
    let mut server = Server::start_in(folder, &configuration("log", "a"));
    receive_to(&first, "listening for RTMP on ");
    server.reload(&configuration("second", "a"), 1);
    let line = receive_to(&first, "the log goes to ").pop().unwrap();
    assert!(
        line.ends_with(&format!(
            "the log goes to stderr, syslog:server=unix:{}/second from now on",
            server.folder.display()
        )),
        "{line}"
    );
    receive_to(&second, " a: [info] reloaded ");
    server.reload(&configuration("second", "b"), 2);
    receive_to(&second, " b: [info] reloaded ");
    // Connected anew, nothing is lost.
    server.signal(Signal::SIGUSR1);
    receive_to(&second, "[info] opening the logs again");
    server.stop();
    receive_to(&second, " b: [info] stopped");
}

#[test]
fn the_test_says_what_is_wrong_with_a_server_of_syslog() {
    let folder = Folder::new();
    for (parameters, why) in [
        ("server=unix:FOLDER/log,facility=local8", "syslog has no facility \"local8\", but kern, user, mail"),
        ("facility=mail", "no server=, such as server=unix:/dev/log"),
        ("server=does-not-exist.invalid", "error log syslog:server=does-not-exist.invalid:514: "),
    ] {
        let (is_accepted, said) = tested(&folder, &format!("error_log syslog:{parameters};"));
        assert!(!is_accepted && said.contains("c.conf:1: ") && said.contains(why), "{said}");
    }
    let (is_accepted, said) = tested(&folder, "error_log syslog:server=unix:FOLDER/log;");
    let warns = said.contains("c.conf:1: warning: error log syslog:server=unix:")
        && said.contains("nobody receives it yet");
    assert!(is_accepted && warns, "{said}");
    let _socket = receiver(&folder);
    let (is_accepted, said) = tested(&folder, "error_log syslog:server=unix:FOLDER/log;");
    assert!(is_accepted && !said.contains("warning"), "{said}");
    fs::remove_file(folder.join("log")).unwrap();
    // A program that takes connections in place of datagrams.
    let stream = UnixListener::bind(folder.join("log")).unwrap();
    let (is_accepted, said) = tested(&folder, "error_log syslog:server=unix:FOLDER/log;");
    assert!(is_accepted && said.contains("nobody receives it yet"), "{said}");
    drop(stream);
}

#[test]
fn access_logs_of_http_and_rtmp_are_messages_too() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(SOON)).unwrap();
    folder.write("a.txt", "text");
    let mut server = Server::start_in(
        folder,
        &format!(
            "pid off;
             rtmp {{ access_log syslog:server=unix:FOLDER/log,tag=rtmp,severity=debug;
               server {{ listen 127.0.0.1:0; application live {{ live on; }} }} }}
             http {{ log_format short escape=json '{{\"path\":\"$request_uri\"}}';
               server {{ listen 127.0.0.1:0; root FOLDER; access_log syslog:server=unix:FOLDER/log,tag=web,facility=ftp;
               access_log syslog:server={},nohostname short; }} }}",
            udp.local_addr().unwrap()
        ),
    );
    assert_eq!(get(server.http(), "/a.txt").status, 200);
    // Sent at once, and not within a second, as to a file.
    let message = receive(&socket);
    // 11 * 8 + 6.
    assert!(message.starts_with("<94>") && message.contains(" web: 127.0.0.1 - - ["), "{message}");
    assert!(message.contains("\"GET /a.txt HTTP/1.1\" 200 4 "), "{message}");
    let mut buffer = [0; 1024];
    let count = udp.recv(&mut buffer).unwrap();
    assert!(buffer[..count].ends_with(b" millstream: {\"path\":\"/a.txt\"}"));
    drop(Client::publish(server.rtmp(), "cam"));
    let message = receive(&socket);
    // 23 * 8 + 7.
    assert!(message.starts_with("<191>") && message.contains(" rtmp: 127.0.0.1 ["), "{message}");
    assert!(message.contains("PUBLISH \"live\" \"cam\""), "{message}");
    // Nobody receives for a while.
    drop(socket);
    fs::remove_file(server.folder.join("log")).unwrap();
    assert_eq!(get(server.http(), "/lost").status, 404);
    server.wait_log("access log syslog:server=unix:");
    let socket = receiver(&server.folder);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(get(server.http(), "/found").status, 404);
    let message = receive(&socket);
    assert!(message.contains("GET /found "), "{message}");
    server.stop();
}

#[test]
fn an_access_log_that_nobody_receives_delays_no_response() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    folder.write("a.txt", "text");
    let mut server = Server::start_in(
        folder,
        "pid off; http { server { listen 127.0.0.1:0; root FOLDER; access_log syslog:server=unix:FOLDER/log; } }",
    );
    for _ in 0..1500 {
        assert_eq!(get(server.http(), "/a.txt").status, 200);
    }
    server.wait_log(": it receives too slowly; 1 lines lost");
    // With room again, those that wait arrive, and the log counts the others.
    for _ in 0..100 {
        receive(&socket);
    }
    server.wait_log(" more lines lost");
    server.stop();
}

#[test]
fn an_access_log_of_nginx_is_the_same_message() {
    let folder = Folder::new();
    let socket = receiver(&folder);
    let port = free_port();
    let configuration = |listen: u16, folder: &Path| {
        format!(
            "http {{ log_format short '$request_method $status \"$http_user_agent\"'; access_log off;
             server {{ listen 127.0.0.1:{listen}; root {folder};
             access_log syslog:server=unix:{folder}/log,nohostname,tag=web,facility=mail,severity=alert short; }} }}",
            folder = folder.display()
        )
    };
    let text = format!("events {{ }} {}", configuration(port, &folder));
    let _nginx = Nginx::start(&folder, &text, ([127, 0, 0, 1], port).into()).expect("nginx is missing");
    let request = |address: SocketAddr| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /none HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        receive(&socket)
    };
    let theirs = request(([127, 0, 0, 1], port).into());
    let ours = format!("pid off; {}", configuration(0, &folder));
    let server = Server::start_in(folder, &ours);
    let ours = request(server.http());
    // "Nov 30 12:27:14": of the time of the day, the digits may differ.
    let without_time = |message: &str| {
        let time = message[10..19].replace(|c: char| c.is_ascii_digit(), "0");
        [&message[..4], &time, &message[19..]].concat()
    };
    assert_eq!(without_time(&ours), without_time(&theirs));
    assert!(ours.starts_with("<17>") && ours.ends_with(" web: GET 404 \"a\\x22b\""), "{ours}");
}

#[test]
fn a_log_that_is_off_is_nowhere_and_the_test_says_so() {
    let folder = Folder::new();
    let (is_accepted, said) = tested(&folder, "error_log off;");
    let expected = "differs from nginx: error_log off: nothing is logged, not even errors; nginx writes a file of this name";
    assert!(is_accepted && said.contains(expected), "{said}");
    let (_, said) = tested(&folder, "error_log off; error_log stderr;");
    assert!(said.contains("error_log off: without effect, since there are other logs"), "{said}");
    let port = free_port();
    folder.write("c.conf", format!("pid off; error_log off; {}", LIVE.replace(":0", &format!(":{port}"))));
    let mut command = millstream();
    command.current_dir(&*folder).args(["-c", "c.conf"]);
    let mut server = Server::spawn(folder, command, 0);
    wait("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(Client::publish(SocketAddr::from(([127, 0, 0, 1], port)), "cam"));
    server.stop();
    assert_eq!(server.log(), "");
    assert!(!server.folder.join("off").exists());
}

#[test]
fn a_reload_ends_and_begins_a_log() {
    let begun = format!("pid off; error_log stderr; {LIVE}");
    let mut server = Server::start_in(Folder::new(), &begun);
    let address = server.rtmp();
    server.configure(&begun.replace("stderr", "off"));
    server.signal(Signal::SIGHUP);
    server.wait_log("nothing is logged from now on");
    drop(Client::publish(address, "unseen"));
    server.reload(&begun, 1);
    drop(Client::publish(address, "seen"));
    server.wait_log("publish live/seen");
    assert!(!server.log().contains("unseen"), "{}", server.log());
    server.stop();
}

#[test]
fn the_journal_gets_the_priority_of_an_error_that_ends_the_start() {
    let folder = Folder::new();
    for (text, count) in [("pid off; nonsense on;", 1), ("pid off; error_log stderr; user nobody-there;", 1)]
    {
        for is_journal in [true, false] {
            let (mut reader, writer) = pipe().unwrap();
            let facts = File::from(OwnedFd::from(writer.try_clone().unwrap())).metadata().unwrap();
            let inode = facts.ino() + u64::from(!is_journal);
            let mut command = millstream();
            command.arg("-c").arg(folder.write("c.conf", format!("{text} {LIVE}")));
            command.env("JOURNAL_STREAM", format!("{}:{inode}", facts.dev()));
            assert!(!command.stderr(writer).status().unwrap().success());
            drop(command);
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            let begins = if is_journal { "<3>millstream: " } else { "millstream: " };
            assert_eq!(said.lines().filter(|line| line.starts_with(begins)).count(), count, "{said}");
        }
    }
}

#[test]
fn the_journal_gets_priorities_in_place_of_times() {
    for (log, is_journal) in [("stderr", true), ("/dev/stderr", true), ("stderr", false)] {
        let (mut reader, writer) = pipe().unwrap();
        let facts = File::from(OwnedFd::from(writer.try_clone().unwrap())).metadata().unwrap();
        let folder = Folder::new();
        let file = folder.write("c.conf", format!("pid off; error_log {log} debug; {LIVE}"));
        let inode = if is_journal { facts.ino() } else { facts.ino() + 1 };
        let mut command = millstream();
        command.arg("-c").arg(file).env("JOURNAL_STREAM", format!("{}:{inode}", facts.dev()));
        let mut child = command.stderr(writer).spawn().unwrap();
        drop(command);
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains("listening for RTMP on ") {
            let count = reader.read(&mut buffer).unwrap();
            assert!(count > 0, "{text}");
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        let begins = |line: &str| line.starts_with("<6>[info] ") || line.starts_with("<7>[debug] ");
        assert!(text.lines().all(|line| begins(line) == is_journal), "{log}: {text}");
    }
}
