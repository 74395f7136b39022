//! What commands write, as the log has it: in which order, and how much of it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::player::Client;
use crate::common::{Folder, Server, millstream, wait};

/// A server that runs this shell command for each publisher.
fn running(directive: &str, script: &str) -> Server {
    Server::live(&format!("respawn off; {directive} sh -c '{script}';"))
}

/// The place of a text in the log.
fn place(log: &str, text: &str) -> usize {
    log.find(text).unwrap_or_else(|| panic!("{text} is not in {log}"))
}

#[test]
fn the_last_lines_of_a_command_that_fails_are_in_the_log() {
    let mut server = running(
        "exec_push",
        "seq -f banner-%g 50; echo first reason; echo second reason; echo third reason; exit 1",
    );
    let _client = Client::publish(server.rtmp(), "cam");
    server.wait_log("sh has ended after");
    let log = server.log();
    let texts = [
        "sh runs (process",
        ": banner-1\n",
        ": banner-16\n",
        "sh: (34 lines left out)",
        ": first reason",
        ": second reason",
        ": third reason",
        "sh has ended after",
    ];
    let places = texts.map(|text| place(&log, text));
    assert!(places.is_sorted(), "{log}");
    server.stop();
}

#[test]
fn a_log_of_warnings_has_the_last_line_of_a_command_that_fails() {
    let folder = Folder::new();
    let text = "pid off; error_log stderr warn; rtmp { access_log off; server { listen 127.0.0.1:0;
        exec_static sh -c 'echo banner; echo the reason; exit 1'; application live { live on; } } }";
    let file = folder.write("c.conf", text);
    let mut server = millstream().arg("-c").arg(file).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let lines: Vec<_> = lines.map(Result::unwrap).take(2).collect();
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(lines[0].ends_with("[warn] exec_static: sh: the reason"), "{lines:?}");
    assert!(lines[1].contains("[warn] exec_static: sh has ended after"), "{lines:?}");
}

#[test]
fn a_command_is_said_to_run_before_its_first_line() {
    let mut server = running("exec_push", "echo hello; exec sleep 1013");
    for number in 0..20 {
        let client = Client::publish(server.rtmp(), &format!("cam{number}"));
        server.wait_log(&format!("live/cam{number}: sh: hello"));
        drop(client);
        let log = server.log();
        let runs = place(&log, &format!("live/cam{number}: sh runs"));
        assert!(runs < place(&log, &format!("live/cam{number}: sh: hello")), "{log}");
    }
    server.stop();
}

#[test]
fn a_command_that_writes_much_does_not_wait_for_the_log() {
    let mut server =
        running("exec_push", "head -c 40000000 /dev/zero | tr \"\\0\" x | fold; echo; echo the end");
    let begun = Instant::now();
    let _client = Client::publish(server.rtmp(), "cam");
    server.wait_log(": the end");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    server.wait_log(" KiB left out)");
    server.stop();
}

#[test]
fn many_short_runs_write_no_more_than_one() {
    let mut server = running("exec_publish", "seq -f line-%g 15");
    let begun = Instant::now();
    for _ in 0..30 {
        drop(Client::publish(server.rtmp(), "cam"));
    }
    wait("all have run", || server.count_lines("sh has ended") == 30);
    let (lines, seconds) = (server.count_lines("sh: line-"), begun.elapsed().as_secs() as usize);
    assert!(lines <= 20 * (seconds + 2), "{lines} in {seconds} s");
    server.stop();
}
