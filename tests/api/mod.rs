//! The JSON API: who may read, who may act, and what comes of it; and its description.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod actions;
mod openapi;

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::http::{Connection, Reply};
use crate::common::{Folder, Server, millstream, run, stderr};

/// A token that acts, and one that only reads.
const ACT: &str = "act-0123456789abcdef";
const READ: &str = "read-0123456789abcdef";

/// Locations that only tell, that act, and that need tokens.
const LOCATIONS: &str = "
    location /told/ { millstream_api on; }
    location /open { millstream_api act; }
    location /keys/ { millstream_api on; api_token ops act-0123456789abcdef act; api_token look read-0123456789abcdef; }
    location /off/ { millstream_api off; }
    error_page 400 401 403 404 405 415 422 /page;
    location = /page { return 200 page; }";

fn server() -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; hls on; hls_path FOLDER/hls; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; {LOCATIONS} location /hls/ {{ root FOLDER; }} }} }}"
    ))
}

/// One request with a body, or none, and with a token unless that is empty.
fn ask(address: SocketAddr, method: &str, path: &str, token: &str, body: Option<&Value>) -> Reply {
    let mut fields = String::new();
    if !token.is_empty() {
        fields = format!("Authorization: Bearer {token}\r\n");
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if method == "POST" {
        fields += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    let mut connection = Connection::open(address);
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}"));
    connection.reply(method)
}

/// The JSON of an answer.
fn value(reply: &Reply) -> Value {
    assert_eq!(reply.header("content-type"), "application/json", "{reply:?}");
    serde_json::from_str(&reply.text()).unwrap()
}

/// Status and text of an error.
fn error(reply: &Reply) -> (u16, String) {
    (reply.status, value(reply)["error"].as_str().unwrap().to_owned())
}

#[test]
fn who_may_read_and_who_may_act_is_decided_for_each_request() {
    let server = server();
    let reload = |path: &str, token: &str| ask(server.http(), "POST", path, token, None).status;
    let status = |path: &str, token: &str| ask(server.http(), "GET", path, token, None).status;
    // The server has no pid file, and its configuration is one, so a reload is done.
    for (location, token, read, act) in [
        ("/told", "", 200, 403),
        ("/told", ACT, 200, 403),
        ("/open", "", 200, 200),
        ("/keys", "", 401, 401),
        ("/keys", READ, 200, 403),
        ("/keys", ACT, 200, 200),
        ("/keys", "wrong-0123456789abcdef", 401, 401),
        ("/off", "", 404, 404),
    ] {
        assert_eq!(status(&format!("{location}/status"), token), read, "{location} {token}");
        if read != 404 {
            assert_eq!(reload(&format!("{location}/reload"), token), act, "{location} {token}");
        }
    }
    let refused = ask(server.http(), "GET", "/keys/status", "", None);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"millstream\"");
    assert_eq!(error(&refused).1, "this needs the header \"Authorization: Bearer TOKEN\"");
    server.wait_log("api: ops reloads the configuration");
    server.wait_log("api: 127.0.0.1 reloads the configuration");
    server.wait_log("127.0.0.1: wrong token for get /keys/status; 1 wrong one from this address");
    assert!(!server.log().contains("0123456789abcdef"));
}

#[test]
fn an_address_that_guesses_at_tokens_is_slowed() {
    let server = Server::start(
        "http { server { listen 127.0.0.1:0; set_real_ip_from 127.0.0.1; location /api/ { millstream_api on;
            api_token eye read-0123456789abcdef; api_token ops act-0123456789abcdef act; } } }",
    );
    let mut connection = Connection::open(server.http());
    let mut ask = |token: &str, address: &str| {
        let fields = format!("Authorization: Bearer {token}\r\nX-Real-IP: {address}\r\n");
        connection.request("GET", "/api/", &fields)
    };
    assert_eq!(ask("read-0123456789abcdef", "192.0.2.7").status, 200);
    for _ in 0..10 {
        assert_eq!(ask("wrong", "192.0.2.7").status, 401);
    }
    let slowed = ask(ACT, "192.0.2.7");
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, "5"));
    assert!(error(&slowed).1.starts_with("too many wrong tokens from your address"));
    assert_eq!(ask(ACT, "192.0.2.8").status, 200, "others are not slowed");
}

#[test]
fn a_page_of_another_site_cannot_act() {
    let server = server();
    let mut connection = Connection::open(server.http());
    for (fields, status) in [
        ("Content-Type: application/json\r\nOrigin: http://evil.example\r\n", 403),
        ("Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("Content-Type: application/json\r\nOrigin: null\r\n", 403),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("", 415),
        // A name that leads to this machine, which may be that of another site.
        ("Content-Type: application/json\r\nOrigin: http://test\r\nSec-Fetch-Site: same-origin\r\n", 403),
    ] {
        let reply = connection.request("POST", "/open/reload", fields);
        assert_eq!(reply.status, status, "{fields}");
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
    connection.send(
        "POST /open/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n\r\n",
    );
    assert_eq!(connection.reply("POST").status, 200, "a page of its own");
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "TRACE"] {
        let reply = connection.request(method, "/open/reload", "");
        assert_eq!((reply.status, reply.header("allow")), (405, "POST"), "{method}");
    }
    server.expect_lines("[info] reloaded ", 1);
}

#[test]
fn errors_are_json_whatever_the_configuration_has_for_them() {
    let server = server();
    for (method, path, body, status) in [
        ("GET", "/open/nothing", None, 404),
        ("GET", "/open/streams/live/none", None, 404),
        ("GET", "/open/clients/999", None, 404),
        ("POST", "/open/clients/999/kick", None, 404),
        ("POST", "/open/streams/live/none/kick", None, 404),
        ("POST", "/open/streams/live/-x/kick", None, 404),
        ("POST", "/open/streams/live/none/record", Some(json!({"action": "start"})), 404),
        ("POST", "/open/bans", Some(json!({"address": "here", "time": "10m"})), 400),
        ("POST", "/open/bans", Some(json!({"address": "192.0.2.7", "time": "never"})), 400),
        ("POST", "/open/bans", Some(json!({"address": "192.0.2.7", "time": "10m", "stream": "x"})), 400),
        ("POST", "/open/bans", Some(json!({"address": "192.0.2.7", "time": "10m", "why": "a\nb"})), 400),
        ("POST", "/open/bans", Some(json!({"adress": "192.0.2.7", "time": "10m"})), 400),
        ("POST", "/open/bans", None, 400),
        ("POST", "/open/reload", Some(json!([])), 400),
        ("DELETE", "/open/bans/7", None, 404),
        ("PATCH", "/open/bans", None, 405),
    ] {
        let reply = ask(server.http(), method, path, "", body.as_ref());
        assert_eq!(error(&reply).0, status, "{method} {path} {body:?}: {}", reply.text());
    }
}

#[test]
fn a_body_of_the_limit_is_read_and_a_larger_one_is_refused_at_its_head() {
    let server = server();
    let post = |length: usize, chunked: bool| {
        let body = format!("{{{}}}", " ".repeat(length - 2));
        let mut connection = Connection::open(server.http());
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {length}")
        };
        connection.send(format!(
            "POST /open/reload HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n{framing}\r\n\r\n"
        ));
        let first = connection.head();
        if first.status != 100 {
            return first.status;
        }
        let body = if chunked { format!("{length:x}\r\n{body}\r\n0\r\n\r\n") } else { body };
        connection.send(body);
        connection.reply("POST").status
    };
    assert_eq!((post(65_536, false), post(65_536, true)), (200, 200));
    assert_eq!((post(65_537, false), post(65_537, true)), (413, 413));
    let mut connection = Connection::open(server.http());
    connection.send("POST /off/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(connection.reply("POST").status, 413, "nobody takes a body there");
    // A request behind a body, sent with it, is the next one.
    let mut connection = Connection::open(server.http());
    let smuggled = "GET /told/reload HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = smuggled.len();
    connection.send(format!(
        "POST /open/bans HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{smuggled}GET /told/ HTTP/1.1\r\nHost: a\r\n\r\n"
    ));
    assert_eq!((connection.reply("POST").status, connection.reply("GET").status), (400, 200));
}

#[test]
fn a_test_of_the_configuration_warns_of_an_api_that_is_open_and_of_tokens_that_can_be_guessed() {
    let folder = Folder::new();
    let warnings = |location: &str| {
        let text =
            format!("pid off; http {{ server {{ listen 127.0.0.1:0;\nlocation /api {{ {location} }} }} }}");
        let output = run(millstream().arg("-t").arg("-c").arg(folder.write("a.conf", text)));
        assert!(output.status.success(), "{}", stderr(&output));
        let lines = stderr(&output);
        lines
            .lines()
            .filter_map(|line| Some(line.split_once("a.conf:2: warning: ")?.1.to_owned()))
            .collect::<Vec<_>>()
    };
    let begins = |location: &str, expected: &[&str]| {
        let found = warnings(location);
        let is_expected = found.len() == expected.len()
            && found.iter().zip(expected).all(|(line, begin)| line.starts_with(begin));
        assert!(is_expected, "{location}: {found:?}");
    };
    begins("millstream_api act;", &["everybody may kick clients and reload here"]);
    begins("millstream_api on;", &["everybody may read here who publishes and plays"]);
    begins("millstream_api act; allow local; deny all;", &[]);
    begins("millstream_api off;", &[]);
    let readable = "the tokens in this file can be read by every user of this machine";
    begins("millstream_api on; api_token a short;", &["5 characters can be guessed", readable]);
    begins(
        "millstream_api on; api_token a CHANGE-ME-1-and-more;",
        &[readable, "this is the token of an example"],
    );
}
