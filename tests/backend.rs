//! The backends of the tests do what they say: what is tested with them rests on that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::backend::python::PythonBackend;
use crate::common::backend::{Answer, Backend, Request};
use crate::common::tls::certificates::Certificates;
use crate::common::wait;

/// What comes from a backend until it closes, or until so much has come, or nothing more within a moment.
fn answer_to(backend: &Backend, request: &str, most: usize) -> String {
    let mut stream = TcpStream::connect(backend.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
        if bytes.len() >= most {
            break;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The status that curl gets from a URL, with these arguments; 000 if it gets none.
fn curl(arguments: &[&str], url: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "10", "-d", "a=1&b=x%20y"]);
    let output = command.args(arguments).arg(url).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_backend_answers_as_its_script_says() {
    let wait = Duration::from_millis(1);
    let body = || "body".to_owned();
    let answer = move |request: &Request| match request.path() {
        "/status" => Answer::Status(403),
        "/body" => Answer::Body(200, body()),
        "/location" => Answer::Location(302, "name".into()),
        "/chunked" => Answer::Chunked(200, vec![body(), "more".into()]),
        "/until-close" => Answer::UntilClose(200, body()),
        "/stays-open" => Answer::StaysOpen(200, body()),
        "/never" => Answer::Never,
        "/closes" => Answer::Closes,
        "/middle" => Answer::ClosesInTheMiddle(200, body()),
        "/trickle" => Answer::Trickle(wait, 200, body()),
        "/gigabyte" => Answer::Gigabyte,
        "/raw" => Answer::Raw(b"no HTTP".to_vec()),
        "/cut-off" => Answer::CutOff(b"HTTP/1.1 2".to_vec()),
        _ => Answer::After(wait, Box::new(Answer::Status(204))),
    };
    let backend = Backend::start(answer);
    for (path, begin, end) in [
        ("status", "HTTP/1.1 403 Forbidden\r\n", "Content-Length: 0\r\nConnection: close\r\n\r\n"),
        ("body", "HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\nConnection: close\r\n\r\nbody"),
        ("location", "HTTP/1.1 302 Found\r\n", "Location: name\r\n\r\n"),
        ("chunked", "HTTP/1.1 200 OK\r\n", "\r\n\r\n4\r\nbody\r\n4\r\nmore\r\n0\r\n\r\n"),
        ("until-close", "HTTP/1.1 200 OK\r\n", "text/plain\r\n\r\nbody"),
        ("stays-open", "HTTP/1.1 200 OK\r\n", "text/plain\r\nContent-Length: 4\r\n\r\nbody"),
        ("never", "", ""),
        ("closes", "", ""),
        ("middle", "HTTP/1.1 200 OK\r\n", "\r\n\r\nbo"),
        ("trickle", "HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\nConnection: close\r\n\r\nbody"),
        ("gigabyte", "HTTP/1.1 200 OK\r\n", "xxx"),
        ("raw", "no HTTP", "no HTTP"),
        ("cut-off", "HTTP/1.1 2", "HTTP/1.1 2"),
        ("after", "HTTP/1.1 204 No Content\r\n", "\r\n\r\n"),
    ] {
        let answer = answer_to(&backend, &format!("GET /{path}?call=x HTTP/1.0\r\n\r\n"), 10_000);
        assert!(answer.starts_with(begin) && answer.ends_with(end), "{path}: {answer}");
    }
    assert_eq!(backend.calls(), ["x"; 14]);
    assert_eq!(backend.accepted(), 14);
    wait_closed(&backend);
}

/// Waits until no connection of a backend is open.
fn wait_closed(backend: &Backend) {
    wait("all connections are closed", || backend.open() == 0);
}

#[test]
fn a_backend_keeps_each_request_and_its_connection() {
    let backend = Backend::always(200);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nX-Name: a b\r\nContent-Length: 7\r\n\r\n";
    let request = format!("POST /path?q=1 HTTP/1.1\r\n{form}b=1&a=2");
    let answer = answer_to(&backend, &request.repeat(2), usize::MAX);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    answer_to(&backend, "GET /path HTTP/1.0\r\n\r\n", usize::MAX);
    let requests = backend.wait_for(|requests| requests.len() == 3);
    let connections: Vec<_> = requests.iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
    let first = backend.wait_path("/path");
    assert_eq!((&*first.method, &*first.target, first.query()), ("POST", "/path?q=1", "q=1"));
    assert_eq!((first.names(), first.field("a"), &*first.text()), (vec!["b", "a"], "2", "b=1&a=2"));
    assert_eq!(first.header("x-name"), "a b");
    // The next one gets its place.
    let address = backend.address();
    drop(backend);
    let backend = Backend::start_at(address, |request| Answer::Body(200, request.json()["a"].to_string()));
    assert_eq!(backend.url("/x"), format!("http://{address}/x"));
    let request = "POST / HTTP/1.0\r\nContent-Length: 8\r\n\r\n{\"a\":12}";
    assert!(answer_to(&backend, request, usize::MAX).ends_with("\r\n\r\n12"));
}

#[test]
fn pythons_server_answers_by_the_path() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let backend = PythonBackend::start(version);
        let both = [backend.url("/403"), backend.url("/302/new-name")];
        assert_eq!(curl(&[&both[0], "-o", "/dev/null"], &both[1]), "403302", "{version}");
        let requests = backend.wait_for(|requests| requests.len() == 2);
        assert_eq!(requests[1].target, "/302/new-name");
        assert_eq!(requests[0].field("b"), "x y");
        assert_eq!(requests[1].connection, usize::from(version == "HTTP/1.0"), "{version}");
    }
}

#[test]
fn pythons_server_has_the_certificate_that_it_is_given() {
    let certificates = Certificates::make();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let authority = text(&certificates.authority());
    let trust = ["--cacert", &authority];
    for (name, expected) in [("server", "200"), ("expired", "000"), ("other", "000")] {
        let backend = PythonBackend::with_tls(&certificates, name);
        assert_eq!(curl(&trust, &backend.url("/200")), expected, "{name}");
        assert_eq!(curl(&trust, &backend.url_by("localhost", "/200")), expected, "{name}");
        assert_eq!(curl(&["-k"], &backend.url("/200")), "200", "{name}");
        assert_eq!(curl(&[], &backend.url("/200")), "000", "{name}");
    }
    let backend = PythonBackend::for_known_clients(&certificates);
    let (certificate, key) = (text(&certificates.certificate("client")), text(&certificates.key("client")));
    assert_eq!(curl(&trust, &backend.url("/200")), "000");
    assert_eq!(
        curl(&["--cacert", &authority, "--cert", &certificate, "--key", &key], &backend.url("/200")),
        "200"
    );
    assert_eq!(backend.requests()[0].version, "HTTP/1.1");
}
