//! Viewers of HLS: a backend is asked about each of them once, and hears of its end.

use std::time::{Duration, Instant};

use nix::libc::linger;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

use super::*;
use crate::common::backend::{Answer, Backend, Request};
use crate::common::http::{Connection, Reply};
use crate::common::media::both;
use crate::common::wait;

/// Target durations of a second, and two variants.
const HLS: &str = "hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s; hls_sessions on;
    hls_variant _low BANDWIDTH=1000000; hls_variant _high BANDWIDTH=2000000;";

/// After this long without a request for a playlist, a viewer has left.
const QUIET: Duration = Duration::from_secs(3);

fn configuration(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER; }} }} }}"
    )
}

/// Directives by which a backend decides about viewers at `/ask`, and is told of their ends.
fn everything(backend: &Backend) -> String {
    format!("on_play {}; on_play_done {};", backend.url("/ask"), backend.url("/told"))
}

/// A server with the streams `cam_low` and `cam_high`, whose encoders stay, and so the master playlist `cam`.
fn server(directives: &str) -> (Server, [Client; 2]) {
    server_of(&configuration(directives))
}

fn server_of(configuration: &str) -> (Server, [Client; 2]) {
    let server = Server::start(configuration);
    let publishers = ["cam_low", "cam_high"].map(|name| {
        let mut publisher = Client::try_publish(server.rtmp(), "live", name).unwrap();
        publisher.send_all(&both(0, 5000));
        publisher
    });
    wait("the playlists are there", || {
        server.folder.join("hls/cam_low.m3u8").exists() && server.folder.join("hls/cam_high.m3u8").exists()
    });
    (server, publishers)
}

/// Sends a request of a viewer.
fn ask(connection: &mut Connection, target: &str, user_agent: &str) {
    let head = format!("GET {target} HTTP/1.1\r\nHost: live.example:8080\r\nUser-Agent: {user_agent}\r\n");
    connection.send(format!("{head}Referer: http://live.example/watch\r\n\r\n"));
}

/// The answer to a request of a viewer on a connection of its own.
fn fetch(server: &Server, target: &str) -> Reply {
    let mut connection = Connection::open(server.http());
    ask(&mut connection, target, "hls.js");
    connection.reply("GET")
}

fn count(requests: &[Request], call: &str) -> usize {
    requests.iter().filter(|request| request.field("call") == call).count()
}

/// What a player of HLS fetches in a round: the master playlist, and that of one variant after the other.
fn watch(server: &Server, query: &str) {
    for name in ["cam", "cam_low", "cam_high"] {
        let reply = fetch(server, &format!("/hls/{name}.m3u8{query}"));
        assert_eq!(reply.status, 200, "{name}");
    }
}

#[test]
fn a_viewer_is_asked_about_once_however_long_it_polls_and_its_end_is_told() {
    let backend = Backend::always(200);
    let (server, _publishers) =
        server(&format!("{} on_done {};", everything(&backend), backend.url("/done")));
    let begun = Instant::now();
    while begun.elapsed() < QUIET + Duration::from_secs(1) {
        watch(&server, "?token=s3cret&name=other");
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(backend.calls(), ["play"]);
    let last = Instant::now();
    watch(&server, "?token=s3cret&name=other");
    let requests = backend.wait_for(|requests| requests.len() == 3);
    assert!(last.elapsed() >= QUIET, "{:?}", last.elapsed());
    let names: Vec<_> = requests[0].fields.iter().map(|(name, _)| name.as_str()).collect();
    let fields = "app flashver swfurl tcurl pageurl addr clientid call name start duration reset token";
    assert_eq!(names, fields.split(' ').collect::<Vec<_>>());
    for (request, call) in requests.iter().zip(["play", "play_done", "done"]) {
        for (field, value) in [
            ("call", call),
            ("app", "live"),
            ("name", "cam"),
            ("addr", "127.0.0.1"),
            ("flashver", "hls.js"),
            ("tcurl", "http://live.example:8080/hls/cam.m3u8"),
            ("pageurl", "http://live.example/watch"),
            ("clientid", requests[0].field("clientid")),
            ("token", "s3cret"),
        ] {
            assert_eq!(request.field(field), value, "{field} of {call}");
        }
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    // Who comes back is a new viewer.
    watch(&server, "?token=s3cret");
    let requests = backend.wait_for(|requests| requests.len() == 4);
    assert_ne!(requests[3].field("clientid"), requests[0].field("clientid"));
}

#[test]
fn a_viewer_that_is_refused_is_not_asked_about_again_and_others_are() {
    let backend =
        Backend::start(|request| Answer::Status(if request.field("key") == "right" { 200 } else { 403 }));
    let (server, _publishers) = server(&everything(&backend));
    let begun = Instant::now();
    for _ in 0..3 {
        for name in ["cam", "cam_low"] {
            let reply = fetch(&server, &format!("/hls/{name}.m3u8?key=wrong"));
            assert_eq!((reply.status, reply.header("cache-control")), (403, "no-store"), "{name}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "the refusal is over meanwhile");
    // What does not open the one playlist may open the other.
    assert_eq!(backend.calls(), ["play"; 2]);
    watch(&server, "?key=right");
    assert_eq!(backend.calls(), ["play"; 3]);
    let line = server.wait_log("the backend answers 403");
    assert!(line.contains("on_play http://"), "{line}");
    assert!(!server.log().contains("wrong"), "{}", server.log());
}

#[test]
fn a_backend_that_does_not_answer_lets_no_viewer_in() {
    let backend = Backend::start(|_| Answer::Closes);
    let (server, _publishers) = server(&everything(&backend));
    let reply = fetch(&server, "/hls/cam.m3u8");
    assert!(matches!(reply.status, 403 | 503), "{}", reply.status);
    server.wait_log("clients are refused until it answers");
}

#[test]
fn a_redirect_to_the_same_stream_is_a_yes_and_one_to_another_a_no() {
    let backend = Backend::start(|request| match (request.path(), request.field("token")) {
        ("/ask", "paid") => Answer::Location(302, "cam".to_owned()),
        ("/ask", _) => Answer::Location(302, "preview".to_owned()),
        _ => Answer::Status(200),
    });
    let (server, _publishers) = server(&everything(&backend));
    assert_eq!(fetch(&server, "/hls/cam.m3u8?token=unpaid").status, 403);
    server.wait_log("the backend names another stream, and viewers of HLS cannot be led to one");
    watch(&server, "?token=paid");
    let requests = backend.wait_for(|requests| count(requests, "play_done") == 1);
    assert!(requests.iter().all(|request| request.field("name") == "cam"), "{requests:#?}");
}

/// A backend that answers so at `/ask` when the test lets it.
fn slow(status: u16) -> (Backend, Go) {
    let go = Go::default();
    let for_backend = go.clone();
    let backend = Backend::start(move |request| match request.path() {
        "/ask" => {
            for_backend.wait();
            Answer::Status(status)
        }
        _ => Answer::Status(200),
    });
    (backend, go)
}

#[test]
fn a_viewer_that_waits_is_answered_after_a_reload() {
    let (backend, go) = slow(200);
    let (server, _publishers) = server(&everything(&backend));
    let mut connection = Connection::open(server.http());
    ask(&mut connection, "/hls/cam_low.m3u8", "hls.js");
    backend.wait_path("/ask");
    server.reload(&configuration(&format!("{} notify_on_error keep;", everything(&backend))), 1);
    go.now();
    let reply = connection.reply("GET");
    assert_eq!(reply.status, 200);
    assert!(reply.text().starts_with("#EXTM3U\n"), "{}", reply.text());
    let requests = backend.wait_for(|requests| count(requests, "play_done") == 1);
    assert_eq!(count(&requests, "play"), 1);
}

#[test]
fn twenty_viewers_at_once_are_asked_about_once_each() {
    let (backend, go) = slow(200);
    let (server, _publishers) = server(&everything(&backend));
    let mut waiting = Vec::new();
    for number in 0..20 {
        for name in ["cam", "cam_low"] {
            let mut connection = Connection::open(server.http());
            ask(&mut connection, &format!("/hls/{name}.m3u8?viewer={number}"), "hls.js");
            waiting.push(connection);
        }
    }
    backend.wait_for(|requests| requests.len() >= 20);
    go.now();
    for connection in &mut waiting {
        assert_eq!(connection.reply("GET").status, 200);
    }
    let requests = backend.wait_for(|requests| count(requests, "play_done") == 20);
    for call in ["play", "play_done"] {
        let found = requests.iter().filter(|request| request.field("call") == call);
        let mut viewers: Vec<_> = found.map(|request| request.field("viewer").to_owned()).collect();
        viewers.sort_by_key(|viewer| viewer.parse::<u32>().unwrap());
        assert_eq!(viewers, (0..20).map(|number| number.to_string()).collect::<Vec<_>>(), "{call}");
    }
}

/// What a backend hears when a viewer resets its connection while the backend thinks, and then answers so.
fn calls_of_one_that_leaves(status: u16) -> Vec<String> {
    let (backend, go) = slow(status);
    let (mut server, publishers) = server(&everything(&backend));
    let mut connection = Connection::open(server.http());
    ask(&mut connection, &format!("/hls/cam.m3u8{SECRET}"), "hls.js");
    backend.wait_path("/ask");
    let (before, left_at) = (server.descriptors(), Instant::now());
    setsockopt(connection.stream(), Linger, &linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(connection);
    // The server opens descriptors for other things, too, so they may tell nothing.
    wait("the connection is over", || {
        server.descriptors() < before || left_at.elapsed() > Duration::from_secs(1)
    });
    go.now();
    wait("the answer has come", || backend.open() == 0 || backend.calls().len() > 1);
    drop(publishers);
    server.stop();
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    backend.calls()
}

#[test]
fn a_viewer_that_leaves_before_a_yes_is_told_as_done_once() {
    assert_eq!(calls_of_one_that_leaves(200), ["play", "play_done"]);
}

#[test]
fn a_viewer_that_leaves_before_a_no_is_not_told_as_done() {
    assert_eq!(calls_of_one_that_leaves(403), ["play"]);
}

#[test]
fn a_viewer_that_has_closed_its_side_while_it_waits_is_told_as_done_once() {
    let (backend, go) = slow(200);
    let (server, _publishers) = server(&everything(&backend));
    let mut connection = Connection::open(server.http());
    ask(&mut connection, "/hls/cam.m3u8", "hls.js");
    backend.wait_path("/ask");
    drop(connection);
    go.now();
    backend.wait_for(|requests| count(requests, "play_done") == 1);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(backend.calls(), ["play", "play_done"]);
    drop(server);
}

#[test]
fn the_ends_of_viewers_are_told_when_the_server_stops() {
    let backend = Backend::always(200);
    let (mut server, publishers) = server(&everything(&backend));
    watch(&server, "?viewer=1");
    watch(&server, "?viewer=2");
    drop(publishers);
    server.stop();
    let requests = backend.requests();
    assert_eq!(["play", "play_done"].map(|call| count(&requests, call)), [2; 2]);
}

#[test]
fn a_key_of_the_configuration_decides_first_and_does_not_reach_the_backend() {
    let backend = Backend::always(200);
    let (server, _publishers) = server(&format!("play_key s3cret; {}", everything(&backend)));
    assert_eq!(fetch(&server, "/hls/cam.m3u8?key=wrong&more=1").status, 403);
    assert_eq!(fetch(&server, "/hls/cam.m3u8?key=s3cret&more=1").status, 200);
    let requests = backend.requests();
    assert_eq!(count(&requests, "play"), 1);
    assert_eq!((requests[0].field("key"), requests[0].field("more")), ("", "1"));
}

#[test]
fn nobody_is_asked_about_viewers_without_hls_sessions() {
    let backend = Backend::always(403);
    let off = configuration(&everything(&backend)).replace("hls_sessions on;", "");
    let (server, _publishers) = server_of(&off);
    watch(&server, "?key=1");
    assert_eq!(backend.calls(), [""; 0]);
}

#[test]
fn the_backend_of_mediamtx_decides_about_readers_of_hls() {
    let backend = Backend::start(|request| {
        let is_right = request.json()["password"] == "right";
        Answer::Status(if is_right { 204 } else { 401 })
    });
    let (server, _publishers) = server(&format!("notify_format mediamtx; on_play {};", backend.url("/auth")));
    assert_eq!(fetch(&server, "/hls/cam_low.m3u8?user=joe&pass=wrong").status, 403);
    assert_eq!(fetch(&server, "/hls/cam_low.m3u8?user=joe&pass=right").status, 200);
    for request in backend.requests() {
        let body = request.json();
        for (field, value) in [
            ("action", "read"),
            ("protocol", "hls"),
            ("path", "live/cam"),
            ("user", "joe"),
            ("ip", "127.0.0.1"),
            ("userAgent", "hls.js"),
        ] {
            assert_eq!(body[field], value, "{field}");
        }
    }
}
