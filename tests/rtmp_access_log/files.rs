//! The files: rotation, `-s reopen`, a reload, the end of the server, and what `-t` says.

use std::fs;

use nix::sys::signal::Signal;

use super::client::Step::{Connect, Publish, Send};
use super::client::act;
use super::lines;
use crate::common::{Folder, Server, millstream, run, stderr, wait};

/// A server with a log of names.
fn server() -> Server {
    Server::live("access_log FOLDER/a.log; ")
}

/// Publishes under a name.
fn publish(server: &Server, name: &'static str) {
    act(server.rtmp(), &[Connect("live"), Publish(name), Send]);
}

/// The names that stand in the lines of a log.
fn names(server: &Server, file: &str, count: usize) -> Vec<String> {
    let lines = lines(&server.folder, file, count);
    lines.iter().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect()
}

#[test]
fn a_log_that_is_moved_away_is_begun_anew_and_reopened_by_a_signal() {
    let mut server = server();
    publish(&server, "one");
    assert_eq!(names(&server, "a.log", 1), ["one"]);
    fs::rename(server.folder.join("a.log"), server.folder.join("a.log.1")).unwrap();
    publish(&server, "two");
    assert_eq!(names(&server, "a.log", 1), ["two"]);
    fs::rename(server.folder.join("a.log"), server.folder.join("a.log.2")).unwrap();
    server.signal(Signal::SIGUSR1);
    wait("the log is there again", || server.folder.join("a.log").exists());
    publish(&server, "three");
    server.stop();
    assert_eq!(names(&server, "a.log", 1), ["three"]);
    assert_eq!(names(&server, "a.log.1", 1), ["one"]);
    assert_eq!(names(&server, "a.log.2", 1), ["two"]);
}

#[test]
fn a_reload_changes_the_log_and_the_last_lines_are_written_at_the_end() {
    let server = server();
    publish(&server, "one");
    names(&server, "a.log", 1);
    let text = |log: &str| {
        format!(
            "pid off; rtmp {{ server {{ listen {}; application live {{ live on; {log} }} }} }}",
            server.rtmp()
        )
    };
    server.reload(&text("access_log FOLDER/b.log;"), 1);
    publish(&server, "two");
    assert_eq!(names(&server, "b.log", 1), ["two"]);
    server.reload(&text("access_log off;"), 2);
    publish(&server, "three");
    server.reload(&text("access_log FOLDER/b.log;"), 3);
    publish(&server, "four");
    let mut server = server;
    server.stop();
    assert_eq!(names(&server, "b.log", 2), ["two", "four"]);
    assert_eq!(names(&server, "a.log", 1), ["one"]);
}

#[test]
fn the_logs_of_rtmp_and_http_may_be_one_file() {
    let mut server = Server::start(
        "rtmp { access_log FOLDER/a.log; server { listen 127.0.0.1:0; application live { live on; } } }
         http { access_log FOLDER/a.log; server { listen 127.0.0.1:0; return 200; } }",
    );
    publish(&server, "one");
    assert_eq!(crate::common::http::get(server.http(), "/").status, 200);
    let reloaded =
        "pid off; rtmp { access_log FOLDER/b.log; server { listen RTMP; application live { live on; } } }
         http { access_log FOLDER/b.log; server { listen HTTP; return 200; } }";
    let reloaded = reloaded.replace("RTMP", &server.rtmp().to_string());
    server.reload(&reloaded.replace("HTTP", &server.http().to_string()), 1);
    publish(&server, "two");
    assert_eq!(crate::common::http::get(server.http(), "/").status, 200);
    server.stop();
    for name in ["a.log", "b.log"] {
        let found = lines(&server.folder, name, 2);
        assert!(
            found.len() == 2 && found.concat().contains("PUBLISH") && found.concat().contains("GET / "),
            "{found:?}"
        );
    }
}

#[test]
fn a_log_that_is_full_or_that_nobody_reads_stops_nothing() {
    let folder = Folder::new();
    let fifo = folder.join("fifo.log");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let text =
        "pid off; rtmp { log_format long '$name $tcurl $tcurl $tcurl $tcurl $tcurl $tcurl $tcurl $tcurl';
        server { listen 127.0.0.1:0;
        application live { live on; access_log FOLDER/fifo.log long; access_log /dev/full; } } }";
    let server = Server::start_in(folder, text);
    for _ in 0..200 {
        publish(&server, "cam");
    }
    server.wait_log("lines lost");
    publish(&server, "cam");
    assert!(server.lines("access log").len() <= 4, "{}", server.log());
}

#[test]
fn a_log_or_format_that_cannot_be_is_a_mistake_in_its_line() {
    let folder = Folder::new();
    for (line, expected) in [
        ("access_log /dev/null/all;", ":2: access log /dev/null/all: Not a directory"),
        ("access_log FOLDER/x main;", ":2: no log_format \"main\""),
        ("access_log FOLDER/x; http { log_format main x; }", "\"http\""),
        ("log_format combined x;", ":2: \"log_format\" takes name"),
        ("log_format a $request;", "variable \"$request\" is not known here"),
        ("log_format a x; log_format a y;", ":2: log_format \"a\" stands here twice"),
        ("log_size 0;", "log_size"),
        ("log_interval soon;", "log_interval"),
    ] {
        let line = line.replace("FOLDER", folder.to_str().unwrap());
        let text =
            format!("rtmp {{\n{line}\nserver {{ listen 127.0.0.1:0; application live {{ live on; }} }} }}");
        let output = run(millstream().args(["-t", "-c"]).arg(folder.write("c.conf", text)));
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn a_test_of_a_file_for_nginx_says_that_no_log_is_written_where_none_is_asked_for() {
    let folder = Folder::new();
    let said = |events: &str, log: &str| {
        let text = format!(
            "{events} rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {log} }} }} }}"
        );
        stderr(&run(millstream().args(["-t", "-c"]).arg(folder.write("c.conf", text))))
    };
    let finding = "differs from nginx: no access log of RTMP is written";
    assert!(said("events { }", "").contains(finding), "{}", said("events { }", ""));
    for (events, log) in
        [("", ""), ("events { }", "access_log off;"), ("events { }", "access_log /dev/null;")]
    {
        assert!(!said(events, log).contains(finding), "{events} {log}");
    }
}
