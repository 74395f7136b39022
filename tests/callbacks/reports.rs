//! Reports and updates: what a backend hears of clients that are in, and that it can end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use millstream::media::amf::Value;
use nix::sys::signal::Signal;

use super::*;
use crate::common::backend::{Answer, Backend, Request};
use crate::common::media::both;
use crate::common::{SOON, wait};

/// The texts of a client that was in: the next status, behind which the connection ends.
fn ended(raw: &mut Raw) -> (String, String) {
    let status = raw.status();
    raw.expect_end();
    status
}

fn publishing(server: &Server, name: &str) -> Raw {
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish(name);
    assert_eq!(raw.status().0, PUBLISH_START);
    raw
}

#[test]
fn updates_come_one_after_the_other_and_wait_for_their_answer() {
    let (go, count) = (Go::default(), Arc::new(AtomicUsize::new(0)));
    let (for_backend, counted) = (go.clone(), Arc::clone(&count));
    let backend = Backend::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        for_backend.wait();
        Answer::Status(200)
    });
    let url = backend.url("/");
    let server = server("netcall_timeout 60s;", &format!("on_update {url}; notify_update_timeout 50ms;"));
    let mut others = Others::new(&server);
    let _publisher = publishing(&server, &format!("cam{SECRET}"));
    backend.wait_for(|requests| requests.len() == 1);
    // Time for a few more.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    others.go_on();
    go.now();
    let requests = backend.wait_for(|requests| requests.len() >= 4);
    for request in &requests {
        let fields = ["call", "name", "key"].map(|name| request.field(name));
        assert_eq!(fields, ["update_publish", "cam", "s3cret"]);
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn the_answer_to_an_update_of_a_publish_that_has_ended_is_not_one_about_the_next() {
    let (go, count) = (Go::default(), AtomicUsize::new(0));
    let for_backend = go.clone();
    let backend = Backend::start(move |request| {
        if request.field("call") == "update_publish" && count.fetch_add(1, Ordering::SeqCst) == 0 {
            for_backend.wait();
            return Answer::Status(403);
        }
        Answer::Status(200)
    });
    let server = server("", &format!("on_update {}; notify_update_timeout 300ms;", backend.url("/")));
    // It keeps the stream while nobody publishes.
    let _player = Client::play(server.rtmp(), "cam");
    let mut publisher = publishing(&server, "cam");
    let updates = |requests: &[Request]| {
        requests.iter().filter(|request| request.field("call") == "update_publish").count()
    };
    backend.wait_for(|requests| updates(requests) == 1);
    publisher.command("closeStream", 0.0, 1, &[Value::Null]);
    publisher.publish("cam");
    server.wait_lines(" publish live/cam", 2);
    go.now();
    backend.wait_for(|requests| updates(requests) >= 3);
    server.expect_lines(" closed: ", 0);
}

#[test]
fn a_403_to_an_update_ends_the_publisher_and_tells_it_why() {
    let is_over = Arc::new(AtomicBool::new(false));
    let for_backend = Arc::clone(&is_over);
    let backend = Backend::start(move |request| match request.field("call") {
        "update_publish" if for_backend.load(Ordering::SeqCst) => Answer::Status(403),
        _ => Answer::Status(200),
    });
    let url = backend.url("/");
    let ends = format!("on_publish_done {url}; on_done {url};");
    let mut server = server("", &format!("on_update {url}{SECRET}; notify_update_timeout 100ms; {ends}"));
    let mut others = Others::new(&server);
    let mut raw = publishing(&server, &format!("cam{SECRET}"));
    backend.wait_for(|requests| requests.len() >= 2);
    is_over.store(true, Ordering::SeqCst);
    let (code, why) = ended(&mut raw);
    assert_eq!(why, "ended by the server's backend: the backend answers 403", "{code}");
    let line = server.wait_log(" on_update of live/cam: ");
    assert!(line.ends_with(&format!("{url}: the backend answers 403")), "{line}");
    assert_eq!(server.count_lines("on_update of live/cam"), 1);
    others.go_on();
    drop(others);
    server.stop();
    for call in ["publish_done", "done"] {
        assert_eq!(backend.calls().iter().filter(|found| *found == call).count(), 1, "{call}");
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_403_to_an_update_ends_the_player_and_leaves_the_publisher() {
    let backend = Backend::start(|request| match request.field("call") {
        "update_play" => Answer::Status(403),
        _ => Answer::Status(200),
    });
    let url = backend.url("/");
    let server = server("", &format!("on_update {url}; notify_update_timeout 100ms; on_play_done {url};"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    assert_eq!(player.receive_rest(), []);
    server.wait_log(" closed: live/cam: ended by the server's backend: the backend answers 403");
    server.expect_lines("on_update of live/cam", 1);
    backend.wait_for(|requests| requests.iter().any(|request| request.field("call") == "play_done"));
    publisher.send_all(&both(0, 400));
    server.expect_lines("stops publishing", 0);
}

#[test]
fn an_update_without_an_answer_ends_the_session_unless_that_is_allowed() {
    for (allow, hangs) in [("", false), ("", true), ("notify_on_error allow;", true)] {
        let backend = Backend::start(move |request| match request.field("call") {
            "update_publish" if hangs => Answer::Never,
            "update_publish" => Answer::Closes,
            _ => Answer::Status(200),
        });
        let text = format!("on_update {}; notify_update_timeout 100ms; {allow}", backend.url("/"));
        let server = server("netcall_timeout 300ms;", &text);
        let mut others = Others::new(&server);
        let mut raw = publishing(&server, "cam");
        if allow.is_empty() {
            let why = if hangs { "no answer in time" } else { "the connection was closed without an answer" };
            let (code, text) = ended(&mut raw);
            assert_eq!(text, "ended: the server cannot ask its backend", "{code}");
            server.wait_log(&format!("on_update of live/cam: {}: {why}", backend.url("/")));
        } else {
            backend.wait_for(|requests| requests.len() >= 3);
            server.wait_log("no answer in time; it may continue (notify_on_error)");
            server.expect_lines("stops publishing", 0);
        }
        others.go_on();
    }
}

#[test]
fn a_redirect_to_an_update_goes_on_unless_it_is_strict() {
    let backend = Backend::start(|_| Answer::Location(302, "elsewhere".into()));
    let url = backend.url("/");
    for strict in [false, true] {
        let more = if strict { "notify_update_strict on;" } else { "" };
        let server = server("", &format!("on_update {url}; notify_update_timeout 50ms; {more}"));
        let mut raw = publishing(&server, "cam");
        if strict {
            assert!(ended(&mut raw).1.starts_with("ended by the server's backend: "));
        } else {
            let before = backend.requests().len();
            backend.wait_for(|requests| requests.len() >= before + 3);
            server.expect_lines("stops publishing", 0);
        }
    }
}

/// A server whose clients are all told of, and the calls about those who are in when it is stopped by a signal.
fn calls_at_the_end(signal: Signal) -> Vec<String> {
    let backend = Backend::always(200);
    let url = backend.url("/");
    let of_live = format!(
        "on_publish_done {url}; on_play_done {url}; on_done {url}; on_record_done {url}; record all; record_path FOLDER;"
    );
    let mut server = server(&format!("on_disconnect {url};"), &of_live);
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 400));
    assert_eq!(player.receive(1), both(0, 400)[..1]);
    server.signal(signal);
    if signal == Signal::SIGQUIT {
        server.wait_log("draining");
        drop(publisher);
    }
    player.receive_rest();
    drop(player);
    assert!(server.wait_exit(SOON).success(), "{}", server.log());
    let mut calls = backend.calls();
    calls.sort_unstable();
    calls
}

#[test]
fn the_end_of_the_server_is_the_end_of_its_clients_and_each_is_told() {
    let expected = ["disconnect", "disconnect", "done", "done", "play_done", "publish_done", "record_done"];
    assert_eq!(calls_at_the_end(Signal::SIGTERM), expected);
    assert_eq!(calls_at_the_end(Signal::SIGQUIT), expected);
}

#[test]
fn the_end_of_a_hundred_publishers_at_once_is_told_for_each() {
    let backend = Backend::always(200);
    let url = backend.url("/");
    let mut server = server(&format!("on_disconnect {url};"), &format!("on_publish_done {url};"));
    let all: Vec<_> = (0..100).map(|number| publishing(&server, &format!("cam{number}"))).collect();
    server.signal(Signal::SIGTERM);
    all.into_iter().for_each(|mut raw| raw.expect_end());
    assert!(server.wait_exit(SOON).success(), "{}", server.log());
    let calls = backend.calls();
    for call in ["publish_done", "disconnect"] {
        assert_eq!(calls.iter().filter(|found| *found == call).count(), 100, "{call}");
    }
}

#[test]
fn a_publish_that_is_allowed_while_the_server_stops_is_told_as_done() {
    let go = Go::default();
    let for_backend = go.clone();
    let backend = Backend::start(move |request| {
        if request.field("call") == "publish" {
            for_backend.wait();
        }
        Answer::Status(200)
    });
    let url = backend.url("/");
    let mut server = server("", &format!("on_publish {url}; on_publish_done {url};"));
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    backend.wait_for(|requests| requests.len() == 1);
    server.signal(Signal::SIGTERM);
    server.wait_log("stopping");
    raw.expect_end();
    go.now();
    assert!(server.wait_exit(SOON).success(), "{}", server.log());
    assert_eq!(backend.calls(), ["publish", "publish_done"]);
}

#[test]
fn an_update_timeout_of_zero_is_no_update() {
    let backend = Backend::always(200);
    let url = backend.url("/");
    let server = server("", &format!("on_update {url}; on_publish_done {url}; notify_update_timeout 0;"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 400));
    publisher.finish();
    backend.wait_for(|requests| !requests.is_empty());
    assert_eq!(backend.calls(), ["publish_done"]);
}

#[test]
fn a_backend_that_hangs_delays_the_end_of_the_server_by_a_few_seconds_at_most() {
    let backend = Backend::start(|_| Answer::Never);
    let url = backend.url("/");
    let mut server = server(
        &format!("netcall_timeout 60s; on_disconnect {url};"),
        &format!("on_publish {url}; on_publish_done {url};"),
    );
    let mut waiting = Raw::connected(server.rtmp(), "live");
    waiting.publish("cam");
    backend.wait_for(|requests| requests.len() == 1);
    server.signal(Signal::SIGTERM);
    assert!(server.wait_exit(SOON).success(), "{}", server.log());
}

#[test]
fn a_report_that_fails_is_one_line_and_the_client_does_not_notice() {
    let backend = Backend::start(|request| match request.field("call") {
        "publish_done" => Answer::Closes,
        "done" => Answer::Status(500),
        _ => Answer::Status(200),
    });
    let url = backend.url("/told");
    let server = server("", &format!("on_publish_done {url}{SECRET}; on_done {url}{SECRET};"));
    let mut publisher = Client::publish(server.rtmp(), &format!("cam{SECRET}"));
    publisher.finish();
    for (hook, why) in [
        ("on_publish_done", "the connection was closed without an answer"),
        ("on_done", "the backend answers 500"),
    ] {
        let line = server.wait_log(&format!(" {hook} of live/cam: {url}: {why}"));
        assert!(line.contains("[warn] #"), "{line}");
        server.expect_lines(&format!(" {hook} of "), 1);
    }
    wait("the client is still there", || server.count_lines(" closed: ") == 0);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}
