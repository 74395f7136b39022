//! A reload as the operator sees it: what it says, listeners, logs, and a broken file. What it does to streams is tested
//! with each feature.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::process::Command;

use crate::common::http::get;
use crate::common::player::Client;
use crate::common::{
    Folder, SOON, Server, free_port, millstream, millstream_as_nobody, not_tested, run, stderr, wait,
};
use nix::sys::signal::Signal;

/// An RTMP server and an HTTP server with these listeners.
fn both(rtmp: &str, http: &str) -> String {
    format!(
        "pid FOLDER/c.pid; rtmp {{ server {{ {rtmp} application live {{ live on; }} }} }}
         http {{ server {{ {http} location / {{ return 200 web; }} }} }}"
    )
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// The number of threads that write error logs.
fn log_threads(server: &Server) -> usize {
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).into_iter().flatten().flatten();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "log").count()
}

#[test]
fn a_broken_file_changes_nothing_and_the_log_says_where() {
    let server = Server::start_in(Folder::new(), &both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;"));
    server.configure("pid FOLDER/c.pid;\nrtmp { server {\nlisten 127.0.0.1:0; lisen 1; application live { live on;\nlive maybe; } } }");
    server.signal(Signal::SIGHUP);
    server.wait_log("millstream.conf is not reloaded; nothing changes");
    let file = server.folder.join("millstream.conf").display().to_string();
    for error in
        [":3: unknown directive \"lisen\" in server in rtmp", ":4: \"live\" takes on or off, not \"maybe\""]
    {
        assert_eq!(server.lines(&format!("[error] {file}{error}")).len(), 1, "{}", server.log());
    }
    assert_eq!(get(server.http(), "/").text(), "web");
    drop(Client::publish(server.rtmp(), "cam"));
}

#[test]
fn what_cannot_be_started_is_not_reloaded() {
    let server = Server::start_in(Folder::new(), &both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen 127.0.0.1:0; listen {};", taken.local_addr().unwrap());
    server.folder.write("file", "");
    let good = both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;");
    let many: String = (1..=1024).map(|port| format!("listen 127.0.0.1:{};", 20_000 + port)).collect();
    let broken = [
        (both("listen 127.0.0.1:0;", &taken), "it is in use"),
        (both(&many, ""), "more than 1023 addresses to listen on"),
        (format!("{good}\nerror_log FOLDER/file/a.log;"), "file/a.log: Not a directory"),
        (good.replace("http {", "http { access_log FOLDER/file/b.log;"), "file/b.log: Not a directory"),
        (good.replace("live on;", "live on; hls on;"), "\"hls on\" needs \"hls_path\""),
    ];
    for (number, (configuration, why)) in broken.iter().enumerate() {
        server.configure(configuration);
        server.signal(Signal::SIGHUP);
        server.wait_lines("is not reloaded; nothing changes", number + 1);
        assert_eq!(server.lines(why).len(), 1, "{why}: {}", server.log());
    }
    fs::remove_file(server.folder.join("millstream.conf")).unwrap();
    server.signal(Signal::SIGHUP);
    server.wait_lines("is not reloaded; nothing changes", broken.len() + 1);
    server.wait_log("millstream.conf: No such file or directory");
    server.configure("pid FOLDER/c.pid;");
    server.signal(Signal::SIGHUP);
    server.wait_lines("is not reloaded; nothing changes", broken.len() + 2);
    server.wait_log("millstream.conf: nothing would be served; to end the server, use -s stop or -s quit");
    assert_eq!(get(server.http(), "/").text(), "web");
    drop(Client::publish(server.rtmp(), "cam"));
    assert!(!server.folder.join("file/a.log").exists() && server.lines("no longer listening").is_empty());
    server.reload(&good, 1);
    assert_eq!((server.addresses("RTMP").len(), server.addresses("HTTP").len()), (1, 1), "both are kept");
}

#[test]
fn listeners_open_and_close_as_the_file_says() {
    let (first, second) = (free_port(), free_port());
    let listen = |port| format!("listen 127.0.0.1:{port};");
    let server = Server::start_in(Folder::new(), &both(&listen(first), "listen 127.0.0.1:0;"));
    let web = server.http();
    server.reload(&both(&listen(second), "listen 127.0.0.1:0;"), 1);
    let (old, new) = (server.rtmp(), SocketAddr::from(([127, 0, 0, 1], second)));
    assert_eq!(server.addresses("RTMP"), [old, new]);
    assert!(!listens(old) && listens(new) && listens(web));
    server.wait_log(&format!("no longer listening on {old}"));
    server.wait_log("; addresses opened: 1; addresses closed: 1");
    let third = both(&format!("{}{}", listen(first), listen(second)), "listen 127.0.0.1:0;");
    server
        .reload(&third.replace("application live", "application cameras { live on; } application films"), 2);
    server.wait_log("; addresses opened: 1; new applications: cameras, films; gone applications: live");
    assert!(listens(old) && listens(new) && get(web, "/").text() == "web");
}

#[test]
fn a_port_that_moves_between_protocols_keeps_the_connections_that_wait() {
    let (first, second) = (free_port(), free_port());
    let [rtmp, http] = [first, second].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let configuration = |rtmp: SocketAddr, http: SocketAddr| {
        both(&format!("listen {rtmp};"), &format!("listen {http};")).replace("pid FOLDER/c.pid;", "")
    };
    let server = Server::with_descriptors(64, &configuration(rtmp, http));
    // It has no descriptors left for connections. Those that come now wait; once a second one of them is refused.
    let _idle: Vec<_> = (0..64).map(|_| TcpStream::connect(http).unwrap()).collect();
    server.wait_log("no connections are accepted for now");
    let waiting: Vec<_> = (0..40).map(|_| TcpStream::connect(rtmp).unwrap()).collect();
    server.reload(&format!("pid off;\n{}", configuration(http, rtmp)), 1);
    // The idle ones have ended with their server.
    let replies = waiting.into_iter().map(|mut stream| {
        stream.set_read_timeout(Some(SOON)).unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply);
        reply
    });
    let served = replies.filter(|reply| reply.ends_with("\r\n\r\nweb")).count();
    assert!(served > 0, "{}", server.log());
    wait("the other port is one for RTMP", || {
        let _ = TcpStream::connect(http).unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n");
        !server.lines("this is HTTP, and the port is for RTMP").is_empty()
    });
    assert_eq!(server.lines("no longer listening").len(), 0);
}

#[test]
fn an_address_takes_the_place_of_narrower_and_wider_ones() {
    let port = free_port();
    let [all, own] = ["0.0.0.0", "127.0.0.1"].map(|host| format!("listen {host}:{port};"));
    let server = Server::start_in(Folder::new(), &both(&own, ""));
    for (count, listen) in [&all, &own, &all].into_iter().enumerate() {
        server.reload(&both(listen, "listen 127.0.0.1:0;"), count + 1);
        drop(Client::publish(SocketAddr::from(([127, 0, 0, 1], port)), "cam"));
    }
    // The same in vain: what was closed is opened again.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let both_wanted = format!("{own} listen {};", taken.local_addr().unwrap());
    server.configure(&both(&both_wanted, "listen 127.0.0.1:0;"));
    server.signal(Signal::SIGHUP);
    server.wait_log("is not reloaded; nothing changes");
    drop(Client::publish(SocketAddr::from(([127, 0, 0, 1], port)), "cam"));
}

#[test]
fn the_options_of_a_socket_and_the_process_stay_until_a_restart() {
    let port = free_port();
    let plain = both(&format!("listen 127.0.0.1:{port};"), "listen 127.0.0.1:0;");
    let server = Server::start_in(Folder::new(), &plain);
    let other = plain.replace("pid FOLDER/c.pid;", "pid FOLDER/d.pid;\ndaemon on;");
    let other = other.replace(&format!(":{port};"), &format!(":{port} reuseport;"));
    for count in 1..=2 {
        server.reload(&other, count);
        server.expect_lines(
            "millstream.conf:1: \"pid\" has changed, which has no effect before a restart",
            count,
        );
        server.expect_lines("millstream.conf:2: \"daemon\" has changed", count);
        server.expect_lines(
            &format!("the options of 127.0.0.1:{port} act when the server is restarted"),
            count,
        );
    }
    server.reload(&plain, 3);
    server.expect_lines("has changed", 4);
    assert!(server.folder.join("c.pid").exists() && !server.folder.join("d.pid").exists());
}

#[test]
fn a_changed_error_log_acts_at_once() {
    let logs = |logs: &str| format!("{logs} {}", both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;"));
    let mut server = Server::start_in(Folder::new(), &logs("error_log stderr; error_log FOLDER/a.log;"));
    let read = |server: &Server, name: &str| fs::read_to_string(server.folder.join(name)).unwrap_or_default();
    server.reload(&logs("error_log stderr; error_log FOLDER/b.log debug;"), 1);
    drop(Client::publish(server.rtmp(), "cam"));
    wait("the new log has the publisher", || read(&server, "b.log").contains("publish live/cam"));
    assert!(read(&server, "b.log").contains("[debug]"));
    let a = read(&server, "a.log");
    let b = server.folder.join("b.log").display().to_string();
    assert!(a.ends_with(&format!("the log goes to stderr, {b} from now on\n")), "{a}");
    for count in 2..=12 {
        let file = if count % 2 == 0 { "a" } else { "b" };
        server.reload(&logs(&format!("error_log stderr; error_log FOLDER/{file}.log;")), count);
    }
    wait("the threads of logs that are gone have ended", || log_threads(&server) == 2);
    // The same file at another level.
    server.reload(&logs("error_log stderr; error_log FOLDER/a.log error;"), 13);
    server.reload(&logs("error_log stderr; error_log FOLDER/a.log error;"), 14);
    server.stop();
    let a = read(&server, "a.log");
    assert!(a.matches("[info] reloading").count() == 7 && !a.contains("stopping"), "{a}");
}

#[test]
fn a_reload_that_fails_closes_the_logs_that_it_has_opened() {
    let good = both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;");
    let server = Server::start_in(Folder::new(), &good);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen 127.0.0.1:0; listen {};", taken.local_addr().unwrap());
    server.configure(&format!("error_log stderr; error_log FOLDER/new.log; {}", both(&listen, "")));
    for count in 1..=5 {
        server.signal(Signal::SIGHUP);
        server.wait_lines("is not reloaded; nothing changes", count);
    }
    let is_open = || {
        let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
        let mut open = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        open.any(|path| path.ends_with("new.log"))
    };
    wait("the log is closed, and its thread has ended", || log_threads(&server) == 1 && !is_open());
    assert!(server.folder.join("new.log").exists(), "it was open");
}

#[test]
fn the_log_of_the_command_line_stays() {
    let folder = Folder::new();
    folder.write(
        "c.conf",
        format!("error_log a.log; {}", both("listen 127.0.0.1:0;", "").replace("FOLDER/", "")),
    );
    let mut command = millstream();
    command.current_dir(&*folder).args(["-c", "c.conf", "-e", "stderr"]);
    let server = Server::spawn(folder, command, 1);
    server.signal(Signal::SIGHUP);
    server.wait_log("[info] reloaded ");
    assert!(!server.folder.join("a.log").exists());
}

#[test]
fn logs_are_opened_again_and_lose_no_line() {
    let configuration = "error_log stderr; error_log FOLDER/a.log debug; pid FOLDER/c.pid;
        rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
        http { access_log FOLDER/access.log; server { listen 127.0.0.1:0; location / { return 200 web; } } }";
    let server = Server::start_in(Folder::new(), configuration);
    let path = |name: &str| server.folder.join(name);
    for number in 0..100 {
        if number % 20 == 10 {
            fs::rename(path("a.log"), path(&format!("a.{number}"))).unwrap();
            fs::rename(path("access.log"), path(&format!("access.{number}"))).unwrap();
            assert!(
                run(millstream().args(["-s", "reopen", "-c"]).arg(path("millstream.conf"))).status.success()
            );
            wait("the logs are there again", || path("a.log").exists() && path("access.log").exists());
        }
        assert_eq!(get(server.http(), &format!("/{number}")).text(), "web");
    }
    let all = |name: &str| -> String {
        let files = server.folder.list("").into_iter().filter(|file| file.starts_with(name));
        files.map(|file| fs::read_to_string(path(&file)).unwrap()).collect()
    };
    let in_access = |number: usize| format!("\"GET /{number} HTTP/1.1\"");
    wait("all lines are there", || {
        let (access, error) = (all("access."), all("a."));
        let sessions = error.lines().filter(|line| line.contains(" accepted from ")).count();
        (0..100).all(|number| access.matches(&in_access(number)).count() == 1) && sessions == 100
    });
    assert!(!all("access.").contains('\0') && fs::read_to_string(path("a.10")).unwrap().contains("accepted"));
}

#[test]
fn a_log_that_cannot_be_opened_again_stays_open() {
    let folder = Folder::new();
    fs::create_dir(folder.join("logs")).unwrap();
    let configuration = format!(
        "error_log stderr; error_log FOLDER/logs/a.log; {}",
        both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;")
            .replace("http {", "http { access_log FOLDER/logs/b.log;")
    );
    let server = Server::start_in(folder, &configuration);
    let (logs, moved) = (server.folder.join("logs"), server.folder.join("moved"));
    wait("the access log is open", || logs.join("b.log").exists());
    fs::rename(&logs, &moved).unwrap();
    fs::write(&logs, "").unwrap();
    server.signal(Signal::SIGUSR1);
    for name in ["error log", "access log"] {
        server.wait_log(&format!("[error] {name} "));
    }
    assert_eq!(server.lines("cannot be opened again: Not a directory").len(), 2, "{}", server.log());
    drop(Client::publish(server.rtmp(), "cam"));
    assert_eq!(get(server.http(), "/a").text(), "web");
    wait("the open files are written", || {
        let read = |name: &str| fs::read_to_string(moved.join(name)).unwrap();
        read("a.log").contains("publish live/cam") && read("b.log").contains("GET /a ")
    });
}

#[test]
fn a_reload_finds_the_files_of_the_start() {
    let folder = Folder::new();
    folder.write("prefix/conf/c.conf", "include more/*.conf; pid c.pid;");
    folder.write(
        "prefix/conf/more/a.conf",
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }",
    );
    let mut command = millstream();
    command.current_dir(&*folder).args(["-p", "prefix", "-c", "conf/c.conf"]);
    let server = Server::spawn(folder, command, 1);
    server.folder.write(
        "prefix/conf/more/b.conf",
        "error_log stderr; error_log more.log; http { server { listen 127.0.0.1:0; } }",
    );
    for count in 1..=2 {
        server.signal(Signal::SIGHUP);
        server.wait_lines("[info] reloaded ", count);
    }
    assert_eq!(server.addresses("HTTP").len(), 1);
    assert!(server.folder.join("prefix/more.log").exists());
    assert_eq!(server.folder.list(""), ["prefix"]);
}

#[test]
fn logs_that_root_has_opened_stay_open_for_another_user() {
    if millstream_as_nobody().is_none() {
        return not_tested("only root runs programs as somebody else");
    }
    let folder = Folder::new();
    fs::DirBuilder::new().mode(0o700).create(folder.join("logs")).unwrap();
    let configuration = |more: &str| {
        format!(
            "user nobody; error_log stderr; error_log FOLDER/logs/a.log; {}",
            both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;").replace("http {", &format!("http {{ {more}"))
        )
    };
    let log = "access_log FOLDER/logs/b.log;";
    let server = Server::start_in(folder, &configuration(log));
    server.wait_log(
        "/logs/a.log cannot be opened again once it has been moved: user \"nobody\" may not write to",
    );
    server.reload(&configuration(&format!("log_not_found off; {log}")), 1);
    server.configure(&configuration("access_log FOLDER/logs/c.log;"));
    server.signal(Signal::SIGHUP);
    server.wait_log("is not reloaded; nothing changes");
    assert_eq!(server.lines("millstream.conf:2: access log ").len(), 1, "{}", server.log());
    server.signal(Signal::SIGUSR1);
    for name in ["error log", "access log"] {
        server.wait_log(&format!("[error] {name} {}/logs/", server.folder.display()));
    }
    assert_eq!(get(server.http(), "/a").text(), "web");
    let read = |name: &str| fs::read_to_string(server.folder.join("logs").join(name)).unwrap();
    wait("the logs are written", || {
        read("b.log").contains("GET /a ") && read("a.log").contains("not reloaded")
    });
}

#[test]
fn a_server_in_the_background_reloads_from_relative_paths() {
    let folder = Folder::new();
    let configuration = both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;").replace("FOLDER/", "");
    folder.write("c.conf", format!("daemon on; error_log e.log; {configuration}"));
    let server = |arguments: &[&str]| {
        let output = run(millstream().current_dir(&*folder).args(["-c", "c.conf"]).args(arguments));
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let read = || fs::read_to_string(folder.join("e.log")).unwrap_or_default();
    server(&[]);
    wait("the pid file is written", || {
        fs::read_to_string(folder.join("c.pid")).is_ok_and(|pid| !pid.is_empty())
    });
    server(&["-s", "reload"]);
    let reloaded = format!("[info] reloaded {}/c.conf", folder.display());
    wait("it is reloaded", || read().contains(&reloaded));
    server(&["-s", "stop"]);
    wait("it has stopped", || read().ends_with("stopped\n") && !folder.join("c.pid").exists());
}

#[test]
fn the_built_in_configuration_has_no_file_to_reload() {
    let folder = Folder::new();
    // A network of its own, in which nobody has its ports.
    if !Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success()) {
        return not_tested("there is no permission for a network of its own (unshare -rn)");
    }
    let mut command = Command::new("unshare");
    command.args(["-rn", env!("CARGO_BIN_EXE_millstream"), "-g", "pid c.pid;"]).current_dir(&*folder);
    let mut server = Server::spawn(folder, command, 2);
    server.signal(Signal::SIGHUP);
    server.wait_log("the built-in configuration is served, so there is no file to reload; nothing changes");
    server.stop();
}

#[test]
fn reload_goes_through_the_pid_file_unless_the_file_is_broken() {
    let good = both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;");
    let server = Server::start_in(Folder::new(), &good);
    let file = server.folder.join("millstream.conf");
    let reload = || run(millstream().args(["-s", "reload", "-c"]).arg(&file));
    wait("the pid file is written", || {
        fs::read_to_string(server.folder.join("c.pid")).is_ok_and(|pid| !pid.is_empty())
    });
    assert!(reload().status.success());
    server.expect_lines("[info] reloaded ", 1);
    for broken in [good.replace("live on", "live yes"), format!("{good} http {{ server {{ root $a; }} }}")] {
        server.configure(&broken);
        let output = reload();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.starts_with(&format!("millstream: {}:", file.display())), "{said}");
    }
    server.configure(&good);
    assert!(reload().status.success());
    server.expect_lines("[info] reloaded ", 2);
    assert!(server.lines("not reloaded").is_empty());
}

#[test]
fn reloads_one_after_another_end_with_the_last_file() {
    let server = Server::start_in(Folder::new(), &both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;"));
    for number in 0..20 {
        server.configure(
            &both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;").replace("web", &format!("web{number}")),
        );
        server.signal(Signal::SIGHUP);
    }
    wait("the last one is served", || get(server.http(), "/").text() == "web19");
}

#[test]
fn a_server_that_is_about_to_end_is_not_reloaded() {
    let mut server = Server::start_in(Folder::new(), &both("listen 127.0.0.1:0;", "listen 127.0.0.1:0;"));
    let publisher = Client::publish(server.rtmp(), "cam");
    server.signal(Signal::SIGQUIT);
    server.wait_log("draining");
    server.signal(Signal::SIGHUP);
    server.wait_log("SIGHUP: the server is about to end, so its configuration is not reloaded");
    drop(publisher);
    assert!(server.wait_exit(SOON).success());
    assert!(server.lines("reloaded").iter().all(|line| line.contains("is not reloaded")));
}

#[test]
fn a_start_that_fails_for_its_address_leaves_no_access_log() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let listen = format!("listen {};", taken.local_addr().unwrap());
    let text = both("listen 127.0.0.1:0;", &listen).replace("http {", "http { access_log access.log;");
    let file = folder.write("c.conf", text.replace("FOLDER/", ""));
    let output = run(millstream().current_dir(&*folder).arg("-c").arg(file));
    assert!(!output.status.success() && stderr(&output).contains("it is in use"));
    assert_eq!(folder.list(""), ["c.conf"]);
}
