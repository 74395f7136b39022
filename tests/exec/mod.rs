//! Commands of a running server: ffmpeg, shells and scripts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod words;

use std::fs;
use std::path::Path;
use std::process::Child;

use nix::sys::signal::Signal;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::player::Client;
use crate::common::{Server, files_below, media, wait};

/// The process of a command, by the line of the log that says that it runs.
fn process(line: &str) -> u32 {
    line.rsplit_once("(process ").unwrap().1.trim_end_matches(')').parse().unwrap()
}

fn is_running(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// ffmpeg, which publishes as fast as the media is.
fn encoder(server: &Server, path: &str, seconds: u32) -> Child {
    let mut command = ffmpeg::command();
    command.arg("-re").args(ffmpeg::source(Tracks::Both, seconds));
    ffmpeg::spawn(command.arg(format!("rtmp://{}/{path}", server.rtmp())))
}

#[test]
fn ffmpeg_sends_a_stream_to_another_application_as_long_as_it_is_published() {
    let port = crate::common::free_port();
    let mut server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{port};
            application live {{
                live on;
                exec_push ffmpeg -loglevel error -i rtmp://127.0.0.1:{port}/$app/$name -c copy
                    -f flv rtmp://127.0.0.1:{port}/copy/${{name}}_copy;
            }}
            application copy {{ live on; }}
        }} }}"
    ));
    let mut encoder = encoder(&server, "live/cam", 60);
    let process = process(&server.wait_log("exec_push of live/cam: ffmpeg runs (process "));
    server.wait_log("publish copy/cam_copy");
    let mut player = Client::try_play(server.rtmp(), "copy", "cam_copy").unwrap();
    assert!(player.receive(20).iter().any(media::Packet::is_key));
    encoder.kill().unwrap();
    encoder.wait().unwrap();
    server.wait_log("exec_push of live/cam: ffmpeg has ended");
    wait("ffmpeg has gone", || !is_running(process));
    server.stop();
}

#[test]
fn a_blank_in_a_name_leads_ffmpeg_to_no_other_stream() {
    let port = crate::common::free_port();
    let mut server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{port};
            application live {{
                live on;
                exec_push ffmpeg -loglevel error -i rtmp://127.0.0.1:{port}/$app/$name?$args -c copy
                    -flvflags no_duration_filesize -f flv rtmp://127.0.0.1:{port}/copy/$name;
            }}
            application copy {{ live on; }}
        }} }}"
    ));
    let mut encoder = encoder(&server, "live/cam%20playpath=other", 60);
    server.wait_log("publish copy/cam%20playpath=other");
    let mut player = Client::try_play(server.rtmp(), "copy", "cam playpath=other").unwrap();
    assert!(player.receive(20).iter().any(media::Packet::is_key));
    encoder.kill().unwrap();
    encoder.wait().unwrap();
    server.stop();
}

#[test]
fn commands_with_the_same_program_are_told_from_each_other_by_their_lines() {
    let mut server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on;
             exec_push sleep 1001;
             exec_push sleep 1002;
             exec_push cat /dev/zero >/dev/null;
             exec_publish sleep 0; } } }",
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    server.wait_log("exec_push of live/cam: cat runs (process ");
    server.wait_log("exec_publish of live/cam: sleep runs (process ");
    let mut lines = Vec::new();
    server.wait_lines("exec_push of live/cam: sleep (line ", 2);
    for line in server.lines("exec_push of live/cam: sleep (line ") {
        let (_, behind) = line.split_once("(line ").unwrap();
        lines.push(behind.split_once(") runs (process ").unwrap().0.parse::<u32>().unwrap());
    }
    lines.sort_unstable();
    assert_eq!(lines[1], lines[0] + 1, "{lines:?}");
    server.stop();
}

#[test]
fn what_a_command_writes_is_in_the_log_with_its_stream() {
    let mut server = Server::live(
        r#"exec_publish sh -c "echo \"$MILLSTREAM_NAME at $MILLSTREAM_ADDR\"; echo wrong >&2; exit 3";"#,
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    for text in ["of live/cam: sh: cam at 127.0.0.1", "sh: wrong", "sh has ended: exit status 3"] {
        assert!(server.wait_log(text).contains("exec_publish of live/cam: sh"));
    }
    server.stop();
}

#[test]
fn a_recording_becomes_an_mp4_file() {
    let mut server = Server::live(
        "record all; record_path FOLDER; record_suffix .flv;
         exec_record_done ffmpeg -loglevel error -i $path -c copy -y $dirname/$basename.mp4;",
    );
    let mut encoder = encoder(&server, "live/cam", 2);
    assert!(encoder.wait().unwrap().success());
    server.wait_log("exec_record_done of live/cam: ffmpeg has ended");
    ffmpeg::decode(server.folder.join("cam.mp4").to_str().unwrap());
    server.stop();
}

#[test]
fn a_command_is_started_again_and_a_program_that_is_not_there_is_named() {
    let mut server = Server::live("respawn_timeout 100ms; exec_push sh -c \"exit 1\"; exec_push nosuch;");
    let publisher = Client::publish(server.rtmp(), "cam");
    for text in [
        "sh has ended after",
        "exit status 1; it is started again in 100 ms",
        "it is started again in 200 ms",
        "it is started again in 400 ms",
        "exec_push of live/cam: nosuch cannot be started: there is no program nosuch in PATH (/",
    ] {
        server.wait_log(text);
    }
    drop(publisher);
    server.wait_log("closed: ");
    server.stop();
}

#[test]
fn independent_commands_survive_a_stop_and_managed_ones_do_not() {
    let script = "echo begin >FOLDER/$MILLSTREAM_NAME.\\$0; until [ -e FOLDER/gate ]; do sleep 0.05; done; \
                  echo end >>FOLDER/$MILLSTREAM_NAME.\\$0";
    let mut server = Server::live(&format!(
        "exec_push sh -c \"{script}\" push; exec_publish sh -c \"{script}\" publish;
         exec_static sleep 1000;"
    ));
    let _publisher = Client::publish(server.rtmp(), "cam");
    let read = |name: &str| fs::read_to_string(server.folder.join(name)).unwrap_or_default();
    wait("both have begun", || read("cam.push") == "begin\n" && read("cam.publish") == "begin\n");
    let managed = process(&server.wait_log("exec_push of live/cam: sh runs"));
    let of_server = process(&server.wait_log("exec_static: sleep runs"));
    let folder = server.folder.to_path_buf();
    server.stop();
    assert!(!is_running(managed) && !is_running(of_server), "they end before the server does");
    fs::write(folder.join("gate"), "").unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    wait("the independent one comes to its end", || read("cam.publish") == "begin\nend\n");
    assert_eq!(read("cam.push"), "begin\n");
}

#[test]
fn a_reload_ends_and_starts_commands_and_leaves_the_others_alone() {
    let configuration = |lines: &str, directives: &str| {
        format!(
            "rtmp {{ {lines} server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}"
        )
    };
    let mut server = Server::start(&configuration(
        "exec_static sleep 1001;",
        "exec_push sleep 1002; exec_push sleep 1003;",
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    server.wait_lines("exec_push of live/cam: sleep (line ", 2);
    let before = processes(&server);
    let next = configuration("exec_static sleep 1004;", "exec_push sleep 1003; exec_push sleep 1005;");
    server.reload(&format!("pid off;\n{next}"), 1);
    server.wait_lines(") runs (process ", 3);
    server.wait_lines("exec_static: sleep runs", 2);
    wait("those of the lines that are gone have ended", || processes(&server).len() == 3);
    let after = processes(&server);
    let kept: Vec<_> =
        before.iter().filter(|(_, process)| after.iter().any(|(_, other)| other == process)).collect();
    assert_eq!(kept.iter().map(|(seconds, _)| seconds.as_str()).collect::<Vec<_>>(), ["1003"]);
    assert_eq!(
        after.iter().map(|(seconds, _)| seconds.as_str()).collect::<Vec<_>>(),
        ["1003", "1004", "1005"]
    );
    publisher.send_all(&media::video_only(0, 500));
    server.signal(Signal::SIGTERM);
    assert!(server.wait_exit(crate::common::SOON).success());
    assert!(after.iter().all(|(_, process)| !is_running(*process)));
}

/// The commands of a server that sleep: for how long, and their processes.
fn processes(server: &Server) -> Vec<(String, u32)> {
    let started = server.lines(" runs (process ");
    let mut found: Vec<_> = started
        .iter()
        .filter_map(|line| {
            let process = process(line);
            let words = fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
            Some((words.trim_end_matches('\0').strip_prefix("sleep\0")?.to_owned(), process))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn redirections_write_where_the_line_says() {
    let mut server = Server::live(
        "exec_publish sh -c \"echo out; echo err >&2\" x >FOLDER/$name.out 2>FOLDER/err;
         exec_publish sh -c \"echo more\" >>FOLDER/err;
         exec_publish cat <FOLDER/in >FOLDER/copy;",
    );
    server.folder.write("in", "text\n");
    server.folder.write("err", "before\n");
    let _publisher = Client::publish(server.rtmp(), "cam?x=>FOLDER/evil");
    let read = |name: &str| fs::read_to_string(server.folder.join(name)).unwrap_or_default();
    wait("the files are written", || read("cam.out") == "out\n" && read("copy") == "text\n");
    wait("both have written", || !read("err").is_empty());
    let found = files_below(&server.folder);
    assert!(!found.iter().any(|(path, _)| path.contains("evil")), "{found:?}");
    server.stop();
}

#[test]
fn the_end_of_a_command_is_told_of_the_publisher_for_whom_it_ran() {
    let mut server = Server::live("publish_conflict replace; exec_push sleep 1000;");
    let _first = Client::publish(server.rtmp(), "cam");
    let begin = server.wait_log("exec_push of live/cam: sleep runs");
    let session = begin.split_whitespace().find(|word| word.starts_with('#')).unwrap().to_owned();
    let _second = Client::publish(server.rtmp(), "cam");
    let end = server.wait_log("exec_push of live/cam: sleep has ended");
    assert!(end.contains(&format!("{session} exec_push")), "{end}");
    server.stop();
}

#[test]
fn the_words_of_a_command_are_in_the_log_at_debug_without_its_secrets() {
    let mut server = Server::start(
        "error_log stderr debug; rtmp { server { listen 127.0.0.1:0; application live { live on;
             exec_publish echo $name rtmp://cam:password1@192.0.2.1/x; } } }",
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    let line = server.wait_log("exec_publish of live/cam: echo is started: ");
    assert!(line.contains("[debug]") && line.contains("echo cam rtmp://"), "{line}");
    assert!(!line.contains("password1"), "{line}");
    server.stop();
}
