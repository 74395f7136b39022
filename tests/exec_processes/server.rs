//! The server with commands that behave badly, and the ends of both.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::processes::{children, command_line, descendants, find_below, is_alive, wait_gone};
use crate::common::http::Connection;
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, until, wait};

/// A server that runs this script as long as it runs itself.
fn running(script: &str) -> Server {
    let folder = Folder::new();
    let path = folder
        .write("script", format!("#!/bin/sh\n{}\n", script.replace("FOLDER", folder.to_str().unwrap())));
    make_executable(&path);
    Server::start_in(
        folder,
        "pid off;
         rtmp { respawn_timeout 1s; exec_static FOLDER/script; server { listen 127.0.0.1:0; application live { live on; } } }
         http { server { listen 127.0.0.1:0; location / { root FOLDER; } } }",
    )
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Waits for a process below a server.
fn below(server: &Server, text: &str) -> u32 {
    until(&format!("{text} runs"), SOON, || find_below(server.pid(), text))
}

fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.cast_signed()), signal).unwrap();
}

#[test]
fn all_of_a_managed_command_ends_with_the_server_however_it_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
        let mut server = running("sleep 1001 & sleep 1002 & setsid sleep 1003 & wait");
        let all: Vec<_> = ["sleep 1001", "sleep 1002", "sleep 1003"].map(|text| below(&server, text)).into();
        let launcher = children(server.pid())[0];
        server.signal(signal);
        server.wait_exit(SOON);
        all.into_iter().chain([launcher]).for_each(wait_gone);
    }
}

#[test]
fn a_stop_waits_three_seconds_for_a_command_that_does_not_end_and_not_at_all_if_it_is_told_twice() {
    let mut server = running("trap '' TERM; while :; do sleep 1004; done");
    let command = below(&server, "sleep 1004");
    let begun = Instant::now();
    server.stop();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(3), "{took:?}");
    wait_gone(command);
    let mut server = running("trap '' TERM; while :; do sleep 1005; done");
    let command = below(&server, "sleep 1005");
    let begun = Instant::now();
    server.signal(Signal::SIGTERM);
    server.wait_log("stopping");
    server.signal(Signal::SIGTERM);
    assert!(server.wait_exit(SOON).success());
    assert!(begun.elapsed() < took);
    wait_gone(command);
}

#[test]
fn the_command_of_a_launcher_that_is_killed_is_killed_and_started_again() {
    let mut server = running("sleep 1006 & wait");
    let command = below(&server, "sleep 1006");
    signal(children(server.pid())[0], Signal::SIGKILL);
    wait_gone(command);
    let again = until("it is started again", SOON, || {
        find_below(server.pid(), "sleep 1006").filter(|found| *found != command)
    });
    assert!(is_alive(again));
    // Its orphans are reaped as well.
    wait("only the new launcher is there", || children(server.pid()).len() == 1);
    server.stop();
    wait_gone(again);
}

#[test]
fn a_launcher_may_be_killed_at_any_time() {
    let mut server = Server::live("exec sleep 1011;");
    for number in 0..20 {
        let client = Client::publish(server.rtmp(), &format!("cam{number}"));
        let launcher = until("a launcher", SOON, || children(server.pid()).pop());
        std::thread::sleep(Duration::from_millis(number));
        let _ = kill(Pid::from_raw(launcher.cast_signed()), Signal::SIGKILL);
        drop(client);
        wait("nothing is left", || children(server.pid()).is_empty());
    }
    server.stop();
}

#[test]
fn the_output_of_a_command_is_in_the_log_without_secrets_and_a_flood_of_it_is_cut() {
    let begun = Instant::now();
    let mut server = running(
        "echo to rtmp://a.example/live2/secret-key?token=secret-word; printf 'frame=1\\rframe=2\\n' >&2
         printf 'evil\\033[31m\\342\\200\\256turned\\n'; sleep 2; exec yes flood",
    );
    server.wait_log("to rtmp://a.example/live2/***?token=***");
    server.wait_log(": frame=2");
    server.wait_log("evil\u{fffd}turned");
    server.wait_log(" KiB left out)");
    assert_eq!(server.lines("secret"), [""; 0]);
    // It floods for seconds more, and the server serves.
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(Connection::open(server.http()).get("/none").status, 404);
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
    // Twenty a second.
    let (lines, seconds) = (server.lines(": flood").len(), begun.elapsed().as_secs() as usize);
    assert!(lines <= 20 * (seconds + 2), "{lines} in {seconds} s");
    server.stop();
}

#[test]
fn a_command_that_closes_its_output_runs_on() {
    let mut server = running("exec >&- 2>&-; exec sleep 1007");
    let command = below(&server, "sleep 1007");
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_alive(command));
    let before = server.ticks();
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.ticks() - before < 10, "nothing is read again and again");
    server.stop();
    wait_gone(command);
}

#[test]
fn commands_that_end_leave_no_zombie_and_no_descriptor() {
    let mut server =
        Server::live("exec_publish_done sh -c 'true & setsid true'; exec_publish_done /no/such/program;");
    let mut client = Client::publish(server.rtmp(), "first");
    client.send_all(&crate::common::media::video_only(0, 40));
    drop(client);
    server.wait_log("/no/such/program is not there");
    wait("no process is left", || children(server.pid()).is_empty());
    let before = server.descriptors();
    for number in 0..30 {
        drop(Client::publish(server.rtmp(), &format!("cam{number}")));
    }
    wait("all have been run", || server.log().matches("/no/such/program is not there").count() >= 10);
    wait("no process is left", || children(server.pid()).is_empty());
    wait("no descriptor is left", || server.descriptors() <= before);
    server.stop();
}

#[test]
fn an_independent_command_survives_the_end_of_the_server() {
    for signal_of_end in [Signal::SIGTERM, Signal::SIGKILL] {
        let folder = Folder::new();
        let script =
            "while [ ! -e FOLDER/go ]; do sleep 0.02; done; head -c 200000 /dev/zero; echo done >FOLDER/done"
                .replace("FOLDER", folder.to_str().unwrap());
        make_executable(&folder.write("script", format!("#!/bin/sh\n{script}\n")));
        let mut server = Server::start_in(
            folder,
            "pid off;
             rtmp { server { listen 127.0.0.1:0; application live { live on; exec_publish FOLDER/script; } } }",
        );
        let _client = Client::publish(server.rtmp(), "cam");
        let command = below(&server, "script");
        server.signal(signal_of_end);
        server.wait_exit(SOON);
        assert!(is_alive(command));
        fs::write(server.folder.join("go"), "").unwrap();
        wait("it has written what nobody reads", || server.folder.join("done").exists());
        wait_gone(command);
    }
}

#[test]
fn a_command_that_waits_for_a_fifo_ends_with_the_server() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.join("fifo")).status().unwrap().success());
    let mut server = Server::start_in(
        folder,
        "pid off;
         rtmp { exec_static sleep 1008 >FOLDER/fifo; server { listen 127.0.0.1:0; application live { live on; } } }",
    );
    let launcher = until("a launcher", SOON, || children(server.pid()).first().copied());
    wait("it waits", || command_line(launcher).contains("launch"));
    server.signal(Signal::SIGKILL);
    server.wait_exit(SOON);
    wait_gone(launcher);
}

#[test]
fn what_the_server_itself_leaves_open_is_not_seen_by_a_command() {
    let mut server = running("ls -l /proc/self/fd | grep -c socket; exec sleep 1009");
    below(&server, "sleep 1009");
    server.wait_log("script: 0");
    assert!(descendants(server.pid()).len() >= 2);
    server.stop();
}

#[test]
fn a_server_without_descriptors_starts_no_command_and_serves() {
    let mut server = Server::with_descriptors(
        64,
        &format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {} }} }} }}",
            "exec_publish sleep 1010;".repeat(20)
        ),
    );
    let client = Client::publish(server.rtmp(), "cam");
    server.wait_lines("no descriptor is left for it", 1);
    let launched = children(server.pid());
    assert!((1..20).contains(&launched.len()), "{launched:?}");
    server.expect_lines("no descriptor is left for it", 20 - launched.len());
    // Before it is one, it is a copy of the launcher, which takes signals for itself.
    let commands = || -> Vec<u32> {
        let below = descendants(server.pid()).into_iter();
        below.filter(|found| command_line(*found).starts_with("sleep")).collect()
    };
    wait("all of them run", || commands().len() == launched.len());
    commands().into_iter().for_each(|command| signal(command, Signal::SIGTERM));
    wait("all have ended", || children(server.pid()).is_empty());
    drop(client);
    let _client = Client::publish(server.rtmp(), "another");
    wait("commands run again", || commands().len() == launched.len());
    commands().into_iter().for_each(|command| signal(command, Signal::SIGTERM));
    server.stop();
}

#[test]
fn a_server_that_has_changed_its_user_runs_commands_as_that_user() {
    if !nix::unistd::geteuid().is_root() {
        return crate::common::not_tested("only root changes its user");
    }
    let folder = Folder::new();
    let script = folder.write("script", "#!/bin/sh\nid -un\nwhile sleep 0.05; do echo on; done\n");
    make_executable(&script);
    let mut server = Server::start_in(
        folder,
        "pid off; user nobody;
         rtmp { server { listen 127.0.0.1:0; application live { live on; exec_publish FOLDER/script; } } }",
    );
    let _client = Client::publish(server.rtmp(), "cam");
    server.wait_log(": nobody");
    let command = below(&server, "script");
    let launcher = children(server.pid())[0];
    server.signal(Signal::SIGKILL);
    server.wait_exit(SOON);
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_alive(command), "its output is still read by its launcher");
    signal(command, Signal::SIGTERM);
    wait_gone(launcher);
}

#[test]
fn what_a_stop_has_run_is_run() {
    for number in 0..3 {
        let mut server = Server::live("exec_publish_done sh -c 'sleep 0.2; echo gone >FOLDER/gone';");
        let _client = Client::publish(server.rtmp(), &format!("cam{number}"));
        server.wait_log("publish live/");
        server.stop();
        wait("the command has run", || server.folder.join("gone").exists());
    }
}

#[test]
fn all_that_a_stop_has_run_is_started_also_if_it_is_told_twice() {
    let lines = "exec_publish_done mktemp FOLDER/gone.XXXXXX;".repeat(30);
    let mut server = Server::live(&lines);
    let _client = Client::publish(server.rtmp(), "cam");
    server.wait_log("publish live/");
    server.signal(Signal::SIGTERM);
    server.wait_log("stopping");
    server.signal(Signal::SIGTERM);
    server.wait_exit(SOON);
    let gone = || {
        let names = fs::read_dir(&*server.folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("gone.")).count()
    };
    wait("all have run", || gone() == 30);
}

#[test]
fn an_independent_command_that_has_ended_makes_room_whatever_it_has_left() {
    let mut server = Server::start(
        "rtmp { exec_max 1; server { listen 127.0.0.1:0;
         application live { live on; exec_publish sh -c 'sleep 1012 & exit 0'; exec_publish_done sh -c 'echo next'; } } }",
    );
    let client = Client::publish(server.rtmp(), "cam");
    server.wait_log("exec_publish of live/cam: sh has ended");
    drop(client);
    server.wait_log(": next");
    let left = below(&server, "sleep 1012");
    server.stop();
    assert!(is_alive(left));
    signal(left, Signal::SIGKILL);
}

#[test]
fn a_changed_signal_counts_for_commands_that_run() {
    let script = "sh -c \"trap 'exit 7' INT; trap '' TERM; echo ready; while :; do sleep 0.02; done\"";
    let configuration = |settings: &str| {
        format!(
            "rtmp {{ exec_static {script}; {settings} server {{ listen 127.0.0.1:0; application live {{ live on; }} }} }}"
        )
    };
    let mut server = Server::start(&configuration(""));
    server.wait_log(": ready");
    server.reload(&configuration("exec_kill_signal int;"), 1);
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(3), "it is not killed");
}

#[test]
fn no_command_stays_whose_client_leaves_at_once() {
    let mut server = Server::live("exec sleep 1014;");
    for _ in 0..30 {
        drop(Client::publish(server.rtmp(), "cam"));
        drop(Client::publish(server.rtmp(), "another"));
    }
    wait("no command is left", || children(server.pid()).is_empty());
    server.stop();
}

#[test]
fn what_has_left_the_session_does_not_survive_a_killed_launcher() {
    let mut server = running("setsid -f sh -c 'setsid -f sleep 1015; exec sleep 1016'; exec sleep 1017");
    let all = ["sleep 1015", "sleep 1016", "sleep 1017"].map(|text| below(&server, text));
    signal(children(server.pid())[0], Signal::SIGKILL);
    all.into_iter().for_each(wait_gone);
    server.stop();
}

#[test]
fn a_launcher_that_was_stopped_does_not_keep_its_command() {
    let mut server = running("exec sleep 1018");
    let command = below(&server, "sleep 1018");
    signal(children(server.pid())[0], Signal::SIGSTOP);
    server.stop();
    wait_gone(command);
}

#[test]
fn why_a_command_cannot_be_started_has_no_secret() {
    let mut server = Server::live("exec_publish sleep 1 >FOLDER/none/$args;");
    let _client = Client::publish(server.rtmp(), "cam?token=a-long-secret");
    server.wait_log("cannot be started: ");
    assert_eq!(server.lines("a-long-secret"), [""; 0]);
    server.stop();
}

#[test]
fn a_command_that_waits_for_a_fifo_makes_room_after_a_time() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.join("fifo")).status().unwrap().success());
    let mut server = Server::start_in(
        folder,
        "rtmp { server { listen 127.0.0.1:0; application live { live on; exec_publish sleep 1 >FOLDER/fifo; } } }",
    );
    let _client = Client::publish(server.rtmp(), "cam");
    let why =
        format!("cannot be started: it has waited 10 s for the other end of {}", server.folder.display());
    server.wait_log(&why);
    server.stop();
}
