//! `millstream ctl` and the control socket: what people see, and what their clients are told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::player::Client;
use crate::common::{Folder, Server, millstream, millstream_as_nobody, not_tested, run, stderr, wait};

/// A server with a pid file, beside which its control socket is.
const CONFIGURATION: &str = "pid FOLDER/millstream.pid;
    rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 30s;
        recorder daily { record all manual; record_path FOLDER/rec; } } } }
    http { server { listen 127.0.0.1:0; location / { return 204; } } }";

fn server() -> Server {
    let folder = Folder::new();
    fs::create_dir(folder.join("rec")).unwrap();
    Server::start_in(folder, CONFIGURATION)
}

/// Runs a command against a server.
fn ctl(server: &Server, words: &str) -> Output {
    ctl_of(&server.folder.join("millstream.conf"), words)
}

fn ctl_of(file: &Path, words: &str) -> Output {
    run(millstream().arg("ctl").arg("-c").arg(file).args(words.split_whitespace()))
}

/// What a command prints; it must succeed.
fn said(server: &Server, words: &str) -> String {
    let output = ctl(server, words);
    assert!(output.status.success(), "{words}: {}", stderr(&output));
    assert_eq!(stderr(&output), "", "{words}");
    String::from_utf8(output.stdout).unwrap()
}

/// Why a command fails.
fn refusal(server: &Server, words: &str) -> String {
    let output = ctl(server, words);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert_eq!(output.stdout, b"", "{words}");
    stderr(&output).trim_end().replace("millstream: ", "")
}

/// A publisher that nobody here wrote.
fn publisher(server: &Server, name: &str) -> Child {
    let url = format!("rtmp://{}/live/{name}", server.rtmp());
    let mut command = ffmpeg::command();
    ffmpeg::spawn(command.arg("-re").args(ffmpeg::source(Tracks::Both, 60)).arg(url))
}

/// What a program says at its end, which must come soon.
fn end_of(mut child: Child) -> String {
    wait("the end of ffmpeg", || child.try_wait().unwrap().is_some());
    stderr(&child.wait_with_output().unwrap())
}

fn json(server: &Server, words: &str) -> Value {
    serde_json::from_str(&said(server, &format!("--json {words}"))).unwrap()
}

/// The number of the client that publishes or plays a stream.
fn client(server: &Server, does: &str, stream: &str) -> String {
    let table = said(server, "clients");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut rows = table.lines().map(words);
    rows.find(|row| row[1] == does && row[2] == stream).unwrap_or_else(|| panic!("{does} {stream}: {table}"))
        [0]
    .clone()
}

#[test]
fn streams_and_clients_are_seen_in_tables_and_in_json() {
    let server = server();
    assert_eq!(said(&server, "list"), "no streams now\n");
    let mut encoder = publisher(&server, "cam");
    let _player = Client::play(server.rtmp(), "cam");
    wait("a picture", || said(&server, "list").contains("H.264 160x120"));
    let table = said(&server, "list");
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..2], ["live/cam", "live"], "{table}");
    let heading = table.lines().next().unwrap();
    let at = heading.find("PLAYERS").unwrap() + "PLAYERS".len();
    assert_eq!(table.lines().nth(1).unwrap()[..at].split_whitespace().last(), Some("1"), "{table}");
    let clients = said(&server, "clients");
    assert!(
        clients.contains("publishes  live/cam  rtmp      127.0.0.1:")
            && clients.contains("plays      live/cam"),
        "{clients}"
    );
    let all = json(&server, "list");
    assert_eq!(all["streams"][0]["name"], "cam");
    let status = said(&server, "status");
    assert!(status.contains("streams  1 live, 0 whose publishers are lost\n"), "{status}");
    encoder.kill().unwrap();
    encoder.wait().unwrap();
    wait("the loss", || said(&server, "list").contains("lost, "));
}

#[test]
fn a_publisher_that_is_kicked_is_told_why_and_its_stream_ends_without_a_grace() {
    let server = server();
    let encoder = publisher(&server, "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    player.receive(10);
    assert_eq!(said(&server, "kick live/cam --why bad-picture"), "1 client kicked\n");
    let told = end_of(encoder);
    assert!(told.contains("bad-picture"), "{told}");
    server.wait_log(" of live/cam: bad-picture");
    wait("the end of the stream", || !said(&server, "list").contains("lost"));
    // Without a ban it may come again at once.
    drop(Client::publish(server.rtmp(), "cam"));
    assert_eq!(
        refusal(&server, "kick live/none"),
        "there is no stream live/none now; \"millstream ctl list\" shows what there is"
    );
    assert_eq!(
        refusal(&server, "kick 999"),
        "there is no client 999; \"millstream ctl clients\" shows what there is"
    );
}

#[test]
fn who_is_kicked_with_a_ban_stays_away_from_the_stream_until_the_ban_is_lifted_also_over_a_reload() {
    let server = server();
    let encoder = publisher(&server, "cam");
    wait("the stream", || said(&server, "list").contains("live/cam"));
    let id = client(&server, "publishes", "live/cam");
    assert_eq!(
        said(&server, &format!("kick {id} --ban 10m")),
        "1 client kicked\n127.0.0.1 is banned from live/cam for 10m00s; millstream ctl unban 1 lifts it\n"
    );
    end_of(encoder);
    let again = end_of(publisher(&server, "cam"));
    assert!(again.contains("banned for another"), "{again}");
    assert!(Client::try_play(server.rtmp(), "live", "cam").is_err());
    drop(Client::publish(server.rtmp(), "other"));
    said(&server, "reload");
    assert!(Client::try_publish(server.rtmp(), "live", "cam").is_err());
    let bans = said(&server, "bans");
    assert!(bans.contains(" 1  127.0.0.1  live/cam") && bans.contains("the control socket"), "{bans}");
    assert_eq!(said(&server, "unban 1"), "ban 1 on 127.0.0.1 is lifted\n");
    assert_eq!(said(&server, "bans"), "nobody is banned\n");
    drop(Client::publish(server.rtmp(), "cam"));
    assert_eq!(refusal(&server, "unban 1"), "there is no ban 1; \"millstream ctl bans\" shows what there is");
}

#[test]
fn a_player_that_is_kicked_gets_no_more_and_the_publisher_goes_on() {
    let server = server();
    let mut encoder = publisher(&server, "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut other = Client::play(server.rtmp(), "cam");
    player.receive(10);
    let id = client(&server, "plays", "live/cam");
    assert_eq!(said(&server, &format!("kick {id}")), "1 client kicked\n");
    player.receive_rest();
    other.receive(50);
    assert_eq!(said(&server, "kick live/cam --who players"), "1 client kicked\n");
    other.receive_rest();
    assert_eq!(
        refusal(&server, "kick live/cam --who players"),
        "nobody plays this stream now; \"millstream ctl list\" shows what there is"
    );
    assert!(encoder.try_wait().unwrap().is_none());
    encoder.kill().unwrap();
    encoder.wait().unwrap();
}

#[test]
fn an_address_that_is_banned_from_all_streams_may_not_come_and_a_network_is_one_of_many() {
    let server = server();
    assert_eq!(
        said(&server, "ban 127.0.0.7/8 1d --why spam"),
        "127.0.0.0/8 is banned from all streams for 1d0h; millstream ctl unban 1 lifts it\n"
    );
    assert!(Client::try_publish(server.rtmp(), "live", "a").is_err());
    assert!(said(&server, "bans").contains("all streams"));
    said(&server, "unban 1");
    drop(Client::publish(server.rtmp(), "a"));
    assert!(refusal(&server, "ban all 1d").contains("is everybody"));
    assert_eq!(
        refusal(&server, "ban 192.0.2.7 soon"),
        "a time is 1s to 366d, such as \"10m\" or 600 (seconds)"
    );
}

#[test]
fn a_recorder_is_started_and_stopped_while_the_stream_runs() {
    let server = server();
    let mut encoder = publisher(&server, "cam");
    wait("the stream", || said(&server, "list").contains("live/cam"));
    let started = said(&server, "record start live/cam daily");
    let path = started
        .trim_end()
        .strip_prefix("live/cam: recorder daily started: ")
        .unwrap_or_else(|| panic!("{started}"));
    assert!(Path::new(path).starts_with(server.folder.join("rec")), "{path}");
    assert_eq!(said(&server, "record start live/cam daily"), "live/cam: recorder daily runs already\n");
    wait("the recording", || fs::metadata(path).is_ok_and(|facts| facts.len() > 20_000));
    assert!(said(&server, "list").contains("daily"));
    assert_eq!(
        said(&server, "record stop live/cam daily"),
        format!("live/cam: recorder daily stopped: {path}\n")
    );
    encoder.kill().unwrap();
    encoder.wait().unwrap();
    ffmpeg::decode(path);
    assert_eq!(
        refusal(&server, "record start live/cam"),
        "no \"record\" of its application records this stream, and no recorder is named; it has daily"
    );
}

#[test]
fn a_publisher_goes_on_with_another_stream_if_it_is_redirected() {
    let server = server();
    let mut encoder = publisher(&server, "cam");
    wait("the stream", || said(&server, "list").contains("live/cam"));
    let id = client(&server, "publishes", "live/cam");
    said(&server, &format!("redirect {id} other?a=b"));
    wait("the other stream", || said(&server, "list").contains("live/other"));
    assert!(!said(&server, "list").contains("live/cam"));
    assert!(!server.log().contains("a=b"), "arguments may be secrets");
    encoder.kill().unwrap();
    encoder.wait().unwrap();
}

#[test]
fn a_reload_says_what_is_wrong_and_exits_with_1() {
    let server = server();
    let file = server.folder.join("millstream.conf");
    assert_eq!(said(&server, "reload"), format!("reloaded {}\n", file.display()));
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}\nnonsense on;\n")).unwrap();
    let line = good.lines().count() + 1;
    assert_eq!(
        refusal(&server, "reload"),
        format!(
            "{0}:{line}: unknown directive \"nonsense\" in the top level\n{0} is not reloaded; nothing changes",
            file.display()
        )
    );
    fs::write(&file, good.replace("application live", "application tv")).unwrap();
    let text = said(&server, "reload");
    assert!(text.contains("new applications: tv; gone applications: live"), "{text}");
}

#[test]
fn without_a_server_the_error_says_where_it_has_been_looked_for() {
    let folder = Folder::new();
    let file = folder.write("a.conf", "pid a.pid;\n");
    let output = run(millstream().current_dir(&*folder).args(["ctl", "-c", "a.conf", "list"]));
    let socket = folder.join("a.sock");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("looked at {} (not there)", socket.display())),
        "{}",
        stderr(&output)
    );
    drop(UnixListener::bind(&socket).unwrap());
    let output = run(millstream().arg("ctl").arg("--socket").arg(&socket).arg("list"));
    assert!(stderr(&output).contains("left by a server that has ended"), "{}", stderr(&output));
    for (text, why) in [
        ("control_socket off;", "\"control_socket off\": this server has none"),
        ("pid off;", "without a pid file this server has no control socket"),
    ] {
        fs::write(&file, text).unwrap();
        assert!(stderr(&ctl_of(&file, "list")).contains(why), "{text}");
    }
    assert!(stderr(&run(millstream().arg("ctl"))).contains("ctl needs a command"));
    assert!(run(millstream().args(["ctl", "-h"])).status.success());
}

#[test]
fn nobody_need_read_all_that_is_printed() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let child = millstream().args(["ctl", "-h"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_server() {
    let mut server = server();
    let socket = server.folder.join("millstream.sock");
    let facts = fs::symlink_metadata(&socket).unwrap();
    assert!(facts.file_type().is_socket());
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    match millstream_as_nobody() {
        None => not_tested("only root runs programs as somebody else"),
        Some(mut command) => {
            let output = run(command.arg("ctl").arg("--socket").arg(&socket).arg("list"));
            let said = stderr(&output);
            // The folder of the test may be closed to others, too.
            assert!(
                said.contains("not yours: run this as root or as the user who has started the server"),
                "{said}"
            );
        }
    }
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn a_user_without_a_runtime_folder_is_told_why_there_is_no_socket() {
    let why = "this user has neither XDG_RUNTIME_DIR nor a folder /run/user/UID";
    let Some(mut command) = millstream_as_nobody() else {
        return not_tested("only root runs programs as somebody else");
    };
    let said = stderr(&run(command.args(["ctl", "list"])));
    assert!(said.contains("looked at /run/millstream.sock") && said.contains(why), "{said}");
}

#[test]
fn a_named_socket_is_made_and_what_is_in_its_place_is_an_error() {
    let folder = Folder::new();
    let text = "pid off; control_socket FOLDER/own.sock; rtmp { server { listen 127.0.0.1:0; application live { } } }";
    let server = Server::start_in(folder, text);
    assert_eq!(said(&server, "list"), "no streams now\n");
    let second = run(millstream().current_dir(&*server.folder).args(["-c", "millstream.conf"]));
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("control_socket: cannot listen on unix:"), "{}", stderr(&second));
    // A changed path acts at a restart.
    server.reload(&text.replace("own.sock", "other.sock"), 1);
    server.wait_log("\"control_socket\" has changed, which has no effect before a restart");
    assert!(server.folder.join("own.sock").exists() && !server.folder.join("other.sock").exists());
    let output = run(millstream()
        .arg("-t")
        .arg("-c")
        .arg(server.folder.write("bad.conf", "control_socket /nowhere/a.sock;")));
    assert!(
        stderr(&output)
            .contains("control_socket: cannot listen on unix:/nowhere/a.sock: there is no such folder"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_server_without_a_place_for_its_socket_serves_all_the_same() {
    let folder = Folder::new();
    folder.write("millstream.sock", "no socket");
    let server = Server::start_in(folder, CONFIGURATION);
    assert_eq!(fs::read(server.folder.join("millstream.sock")).unwrap(), b"no socket");
    server.wait_log("no control socket at ");
    drop(Client::publish(server.rtmp(), "cam"));
}

#[test]
fn limits_of_connections_and_rules_of_the_configuration_do_not_keep_the_operator_out() {
    let folder = Folder::new();
    let server = Server::start_in(
        folder,
        "pid FOLDER/millstream.pid; max_connections 1;
         rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
         http { deny all; api_token a 0123456789abcdef; server { listen 127.0.0.1:0; } }",
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    for _ in 0..3 {
        assert!(said(&server, "list").contains("live/cam"));
    }
    server.signal(Signal::SIGQUIT);
    std::thread::sleep(Duration::from_millis(100));
}
