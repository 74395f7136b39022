//! What backends are sent, and how they may answer: forms, JSON, the formats of other servers, signatures.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use millstream::media::amf::{Value, amf0};
use millstream::rtmp::message::MessageType;
use sha2::Sha256;

use super::*;
use crate::common::backend::{Answer, Backend, Request};

/// The fields of a publish in their order.
const FIELDS: [&str; 10] =
    ["app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid", "call", "name", "type"];

/// Asks to publish a name in which these two bytes, which are no UTF-8, stand for `\u{80}`.
fn publish_bytes(raw: &mut Raw, name: &str, bytes: [u8; 2]) {
    let mut payload =
        amf0::encode_all(&["publish".into(), 0.0.into(), Value::Null, name.into(), "live".into()]);
    let at = payload.windows(2).position(|pair| pair == "\u{80}".as_bytes());
    if let Some(at) = at {
        payload[at..at + 2].copy_from_slice(&bytes);
    }
    raw.send(MessageType::CommandAmf0, 1, 0, &payload);
}

/// Every escape of a form is whole, and nothing stands in it that has to be escaped.
fn is_well_formed(form: &str) -> bool {
    let mut bytes = form.bytes();
    while let Some(byte) = bytes.next() {
        let is_good = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            b' ' | b'"' | b'<' | b'>' | b'#' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !is_good {
            return false;
        }
    }
    true
}

#[test]
fn strange_arguments_arrive_well_formed_and_pass_for_no_field_of_ours() {
    let strange = "a=b c&crlf=\r\nX-Evil: 1\r\n\r\n&nul=\0&u=\u{fc}&bad=\u{80}&pc=%zz%&pl=a+b&esc=%41%c3%bc&q=\"<>#{}&&semi=x;name=y\
                   &name=other&call=play&APP=evil&app%00=evil&%61pp=evil& app=evil&addr[]=1.2.3.4&empty=&alone";
    let backend = Backend::always(200);
    for method in ["post", "get"] {
        let server = server("", &format!("on_publish {}; notify_method {method};", backend.url("/?own=1")));
        let mut raw = Raw::connected(server.rtmp(), "live");
        publish_bytes(&mut raw, &format!("cam?{strange}"), [0xff, 0xfe]);
        assert_eq!(raw.status().0, PUBLISH_START);
        let request = backend.requests().pop().unwrap();
        let form = if method == "get" { request.query().to_owned() } else { request.text() };
        assert!(is_well_formed(&form), "{form}");
        let known = ["host", "user-agent", "content-type", "content-length"];
        assert!(request.headers.iter().all(|(name, _)| known.contains(&&**name)), "{:?}", request.headers);
        let mut names = request.names();
        names.retain(|name| *name != "own");
        assert_eq!(names[..10], FIELDS);
        let own = ["a", "crlf", "nul", "u", "bad", "pc", "pl", "esc", "q", "semi", "empty", "alone"];
        assert_eq!(names[10..], own, "{form}");
        for (name, value) in [
            ("a", "b c"),
            ("crlf", "\r\nX-Evil: 1\r\n\r\n"),
            ("nul", "\0"),
            ("u", "\u{fc}"),
            ("pc", "%zz%"),
            ("pl", "a b"),
            ("esc", "A\u{fc}"),
            ("q", "\"<>#{}"),
            ("semi", "x;name=y"),
            ("empty", ""),
        ] {
            assert_eq!(request.field(name), value, "{name} of {form}");
        }
        assert_eq!(
            (request.field("name"), request.field("app"), request.field("call")),
            ("cam", "live", "publish")
        );
        assert!(!server.log().contains("X-Evil"), "{}", server.log());
    }
}

/// A signature as a backend makes it again.
fn signature(secret: &str, timestamp: &str, signed: &[u8]) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(timestamp.as_bytes());
    hmac.update(b".");
    hmac.update(signed);
    hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_backend_can_verify_who_calls_and_when() {
    const KEY: &str = "a-secret-of-both-sides";
    let backend = Backend::always(200);
    for settings in ["", "notify_method get;", "notify_format json;", "notify_format mediamtx;"] {
        let url = backend.url("/ask?own=1");
        let server = server("", &format!("on_publish {url}; notify_secret {KEY}; {settings}"));
        drop(Client::publish(server.rtmp(), "cam?key=1&x=%20y z"));
        let request = backend.requests().pop().unwrap();
        let signed = if request.method == "GET" { request.query().as_bytes() } else { &request.body[..] };
        let timestamp = request.header("x-millstream-timestamp");
        assert_eq!(request.header("x-millstream-signature"), signature(KEY, timestamp, signed), "{settings}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(timestamp.parse().unwrap()) < 60, "{timestamp}");
        assert!(!server.log().contains(KEY), "{}", server.log());
    }
    let server = server("", &format!("on_publish {};", backend.url("/")));
    drop(Client::publish(server.rtmp(), "cam"));
    assert_eq!(backend.requests().pop().unwrap().header("x-millstream-signature"), "");
}

#[test]
fn json_has_the_fields_and_the_arguments_of_the_client() {
    let backend = Backend::always(200);
    let server = server(
        "",
        &format!("on_publish {}; on_done {}; notify_format json;", backend.url("/"), backend.url("/")),
    );
    drop(Client::publish(server.rtmp(), "cam?key=a%20b&name=other&u=\u{fc}"));
    let requests = backend.wait_for(|requests| requests.len() == 2);
    assert_eq!((&*requests[0].method, requests[0].header("content-type")), ("POST", "application/json"));
    let object = requests[0].json();
    for (name, value) in
        [("app", "live"), ("call", "publish"), ("name", "cam"), ("type", "live"), ("addr", "127.0.0.1")]
    {
        assert_eq!(object[name], value, "{object}");
    }
    assert!(object["clientid"].is_u64(), "{object}");
    assert_eq!((&object["key"], &object["u"]), (&"a b".into(), &"\u{fc}".into()));
    assert_eq!(requests[1].json()["call"], "done");
}

/// What becomes of a publish under a format by these answers: granted, or the text of the refusal.
fn publishes(format: &str, answers: &[(u16, &str, Result<(), &str>)]) -> Vec<Request> {
    let mut requests = Vec::new();
    for &(status, body, expected) in answers {
        let text = body.to_owned();
        let backend = Backend::start(move |_| Answer::Body(status, text.clone()));
        let server = server("", &format!("on_publish {}; notify_format {format};", backend.url("/")));
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.publish(&format!("cam{SECRET}"));
        match expected {
            Ok(()) => assert_eq!(raw.status().0, PUBLISH_START, "{status} {body}"),
            Err(why) => {
                let why = format!("the backend answers {why}");
                let said = format!("refused by the server's backend: {why}");
                assert_eq!(refusal(&mut raw), (UNAUTHORIZED.to_owned(), said), "{status} {body}");
                assert_logged(
                    &server,
                    "publish live/\"cam\"",
                    &format!("on_publish {}: {why}", backend.url("/")),
                );
            }
        }
        requests.extend(backend.requests());
    }
    requests
}

#[test]
fn a_backend_for_srs_decides_by_code() {
    let requests = publishes(
        "srs",
        &[
            (200, "0", Ok(())),
            (200, r#"{"code":0}"#, Ok(())),
            (200, r#"{"code": 0, "data": null}"#, Ok(())),
            (200, r#"{"code":1}"#, Err("code 1")),
            (200, r#"{"code":403,"msg":"no"}"#, Err("code 403")),
            (200, "", Err("200 without a code")),
            (200, "OK", Err("200 without a code")),
            (200, r#"{"msg":"OK"}"#, Err("200 without a code")),
            (403, "0", Err("403")),
            (500, r#"{"code":0}"#, Err("500")),
        ],
    );
    let hook = requests[0].json();
    assert_eq!(requests[0].header("content-type"), "application/json");
    for (name, value) in [
        ("action", "on_publish"),
        ("ip", "127.0.0.1"),
        ("vhost", "__defaultVhost__"),
        ("app", "live"),
        ("tcUrl", "rtmp://test/"),
        ("stream", "cam"),
        ("param", SECRET),
    ] {
        assert_eq!(hook[name], value, "{hook}");
    }
}

#[test]
fn a_backend_for_mediamtx_decides_by_status() {
    let requests = publishes(
        "mediamtx",
        &[
            (200, "", Ok(())),
            (204, "", Ok(())),
            (401, "", Err("401")),
            (403, "x", Err("403")),
            (302, "", Err("302")),
        ],
    );
    let question = requests[0].json();
    let fields = [
        ("action", "publish"),
        ("path", "live/cam"),
        ("protocol", "rtmp"),
        ("ip", "127.0.0.1"),
        ("query", "key=s3cret"),
    ];
    for (name, value) in fields {
        assert_eq!(question[name], value, "{question}");
    }
    let backend = Backend::always(200);
    let server = server("", &format!("on_play {}; notify_format mediamtx;", backend.url("/")));
    drop(Client::play(server.rtmp(), "cam?user=me&pass=mine"));
    let question = backend.requests()[0].json();
    for (name, value) in [("action", "read"), ("user", "me"), ("password", "mine")] {
        assert_eq!(question[name], value, "{question}");
    }
}
