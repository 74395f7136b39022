//! Backends that give no answer, or none that can be understood: clients are refused, in time and with a reason, and
//! nobody else notices.

use std::time::{Duration, Instant};

use super::*;
use crate::common::backend::{Answer, Backend};
use crate::common::{SOON, wait};

/// The time that backends have here.
const LIMIT: Duration = Duration::from_secs(1);

/// A server whose publishes a backend decides in that time, with its URL as the log is to show it.
fn server_of(backend: &Backend, of_live: &str) -> (Server, String) {
    let url = backend.url("/publish");
    let server = server("netcall_timeout 1s;", &format!("on_publish {url}{SECRET}; {of_live}"));
    (server, format!("on_publish {url}"))
}

/// A publish is refused because of an answer, which is no answer, for this reason, while others go on.
fn is_refused_by(answer: Answer, why: &str) {
    let what = format!("{answer:?}").chars().take(80).collect::<String>();
    let backend = Backend::start(move |_| answer.clone());
    let (server, callback) = server_of(&backend, "");
    let mut others = Others::new(&server);
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish(&format!("cam{SECRET}"));
    backend.wait_path("/publish");
    others.go_on();
    assert_eq!(refusal(&mut raw), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()), "{what}");
    others.go_on();
    assert_logged(&server, "publish live/\"cam\"", &format!("{callback}: {why}"));
    assert_eq!(backend.requests().len(), 1, "{what}: asked once");
    wait("its connection is closed", || backend.open() == 0);
}

#[test]
fn a_backend_that_hangs_is_given_up_when_its_time_is_over() {
    let begun = Instant::now();
    is_refused_by(Answer::Never, "no answer in time");
    assert!((LIMIT..SOON).contains(&begun.elapsed()));
}

#[test]
fn a_backend_that_hangs_refuses_plays_and_connects_too() {
    let backend = Backend::start(|_| Answer::Never);
    let url = backend.url("");
    let server = server("netcall_timeout 1s;", &format!("on_play {url}/play{SECRET};"));
    let mut others = Others::new(&server);
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.play(&format!("cam{SECRET}"));
    assert_eq!(refusal(&mut raw), (PLAY_FAILED.to_owned(), NOT_ASKED.to_owned()));
    assert_logged(&server, "play live/\"cam\"", &format!("on_play {url}/play: no answer in time"));
    others.go_on();

    let server = super::server(&format!("netcall_timeout 1s; on_connect {url}/connect{SECRET};"), "");
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect(&format!("live{SECRET}"));
    let (command, values) = raw.command_answer();
    let information = values.last().unwrap().as_object().unwrap();
    assert_eq!((&*command, information.str("description")), ("_error", Some(NOT_ASKED)));
    raw.expect_end();
    assert_logged(&server, "connect live", &format!("on_connect {url}/connect: no answer in time"));
}

#[test]
fn a_backend_that_trickles_is_given_up_when_its_time_is_over() {
    let begun = Instant::now();
    is_refused_by(Answer::Trickle(Duration::from_millis(50), 200, String::new()), "no answer in time");
    assert!((LIMIT..SOON).contains(&begun.elapsed()));
}

#[test]
fn a_backend_that_trickles_in_time_is_understood() {
    let backend = Backend::start(|_| Answer::Trickle(Duration::from_millis(1), 200, "body".into()));
    let server = server("", &format!("on_publish {};", backend.url("/publish")));
    drop(Client::publish(server.rtmp(), "cam"));
}

#[test]
fn a_backend_that_closes_without_an_answer_refuses() {
    is_refused_by(Answer::Closes, "the connection was closed without an answer");
}

#[test]
fn a_backend_that_closes_in_the_middle_of_its_answer_refuses() {
    const WHY: &str = "closed in the middle of the answer";
    for cut in ["H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"] {
        is_refused_by(Answer::CutOff(cut.into()), WHY);
    }
    is_refused_by(Answer::ClosesInTheMiddle(200, "a body".into()), WHY);
    for cut in ["", "4", "4\r\nbo", "4\r\nbody\r\n", "4\r\nbody\r\n0\r\n"] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        is_refused_by(Answer::CutOff(format!("{head}{cut}").into()), WHY);
    }
}

#[test]
fn an_answer_that_is_none_refuses_at_once() {
    for (answer, why) in [
        ("0\n", "no HTTP"),
        ("OK", "no HTTP"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        ("<html>200 OK</html>", "no HTTP"),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", "no HTTP"),
        ("\x15\x03\x01\0\x02\x02\x16", "no HTTP but TLS"),
        ("HTTP/2.0 200 OK\r\n\r\n", "neither HTTP/1.0 nor HTTP/1.1"),
        ("HTTP/1.1 OK\r\n\r\n", "a bad status line"),
        ("HTTP/1.1 20 OK\r\n\r\n", "a bad status line"),
        ("HTTP/1.1 600 OK\r\n\r\n", "a bad status line"),
        ("HTTP/1.1 200 OK\r\nno field\r\n\r\n", "a bad header field"),
        ("HTTP/1.1 101 Upgrade\r\nUpgrade: x\r\n\r\n", "it switches to another protocol (101)"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a bad Content-Length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", "a bad Content-Length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n", "a bad Content-Length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "the body has more than 65536 bytes"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "a bad chunk"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbody\r\n0\r\n\r\n", "a bad chunk"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "a Transfer-Encoding that is not chunked"),
    ] {
        is_refused_by(Answer::Raw(answer.into()), why);
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000));
    is_refused_by(Answer::Raw(long.into()), "the head has more than 16384 bytes");
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    is_refused_by(Answer::Raw(interim.into()), "more than 8 interim responses");
}

#[test]
fn a_body_that_is_shorter_than_it_says_is_no_answer() {
    is_refused_by(Answer::Raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0".into()), "no answer in time");
}

#[test]
fn a_gigabyte_is_cut_off_and_costs_no_memory() {
    const ENDLESS: &[u8] = &[b'x'; 1 << 24];
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat().repeat(1 << 12);
    for answer in [
        Answer::Gigabyte,
        Answer::Raw([b"HTTP/1.1 200 OK\r\n\r\n", ENDLESS].concat()),
        Answer::Raw([chunked.as_bytes(), &chunks].concat()),
        Answer::Raw(format!("{chunked}3fffffff\r\n{}", "x".repeat(1 << 24)).into()),
    ] {
        let backend = Backend::start(move |_| answer.clone());
        let url = backend.url("/publish");
        let server = server("", &format!("on_publish {url};"));
        let mut others = Others::new(&server);
        let before = server.peak();
        assert_eq!(refused(&server, "cam"), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
        let why = format!("on_publish {url}: the body has more than 65536 bytes");
        assert_logged(&server, "publish live/\"cam\"", &why);
        wait("the rest is not read", || backend.open() == 0);
        others.go_on();
        assert!(server.peak() < before + 2048, "{} kB, {before} kB before", server.peak());
    }
}

#[test]
fn a_status_that_is_no_yes_refuses_and_the_client_is_told_which() {
    for status in [400, 401, 403, 404, 500, 503, 302] {
        let backend = Backend::always(status);
        let (server, callback) = server_of(&backend, "");
        let mut others = Others::new(&server);
        let (code, why) = refused(&server, &format!("cam{SECRET}"));
        let more = if status == 302 { " without a Location" } else { "" };
        let expected = format!("the backend answers {status}{more}");
        assert_eq!((&*code, why), (UNAUTHORIZED, format!("refused by the server's backend: {expected}")));
        assert_logged(&server, "publish live/\"cam\"", &format!("{callback}: {expected}"));
        others.go_on();
    }
}

#[test]
fn notify_on_error_allow_lets_in_whom_nobody_has_refused() {
    for (answer, why) in [
        (Answer::Never, "no answer in time"),
        (Answer::Closes, "the connection was closed without an answer"),
        (Answer::Raw(b"OK".to_vec()), "no HTTP"),
    ] {
        let backend = Backend::start(move |_| answer.clone());
        let (server, _) = server_of(&backend, "notify_on_error allow;");
        let mut others = Others::new(&server);
        drop(Client::publish(server.rtmp(), &format!("cam{SECRET}")));
        let line = server.wait_log(" on_publish of live/\"cam\": ");
        let end = format!("{}: {why}; it is allowed (notify_on_error)", backend.url("/publish"));
        assert!(line.contains("[warn]") && line.ends_with(&end), "{line}");
        assert_eq!(server.count_lines("it is allowed"), 1);
        assert!(!server.log().contains("s3cret"), "{}", server.log());
        others.go_on();
    }
    let backend = Backend::always(403);
    let (server, _) = server_of(&backend, "notify_on_error allow;");
    assert_eq!(refused(&server, "cam").0, UNAUTHORIZED, "403 is an answer");
}

#[test]
fn who_is_refused_anyway_is_not_asked_about() {
    let backend = Backend::always(200);
    let (server, _) = server_of(&backend, "publish_key not-to-be-guessed cam;");
    let _first = Client::publish(server.rtmp(), "cam?key=not-to-be-guessed");
    assert_eq!(refused(&server, "cam?key=guess").0, UNAUTHORIZED);
    assert_eq!(refused(&server, "cam?key=not-to-be-guessed").0, BAD_NAME);
    assert_eq!(backend.requests().len(), 1);
}
