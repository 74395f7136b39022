//! The handshake of WebSocket-FLV, as browsers and proxies send it, and wrongly.

use super::flv_server;
use crate::common::Server;
use crate::common::http::{Connection, Reply};
use crate::common::media::both;
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, free_port, not_tested};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

/// The head of the answer to a handshake with these fields.
fn shake_hands(address: std::net::SocketAddr, fields: &[&str]) -> Reply {
    let mut connection = Connection::open(address);
    connection.send(format!("GET /live/cam.flv HTTP/1.1\r\nHost: test\r\n{}\r\n", fields.concat()));
    connection.head()
}

fn start() -> (Server, Client) {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    (server, publisher)
}

#[test]
fn a_right_handshake_is_accepted_and_the_first_protocol_chosen() {
    let (server, _publisher) = start();
    for (fields, protocol) in [
        ("", ""),
        ("Sec-WebSocket-Protocol: flv\r\n", "flv"),
        ("Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c\r\n", "a"),
        ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", ""),
    ] {
        let reply = shake_hands(server.http(), &[KEY, UPGRADE, VERSION, fields]);
        assert_eq!((reply.status, reply.header("sec-websocket-protocol")), (101, protocol), "{fields}");
        assert_eq!(reply.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((reply.header("upgrade"), reply.header("connection")), ("websocket", "Upgrade"));
        for name in ["sec-websocket-extensions", "content-length", "transfer-encoding", "content-type"] {
            assert_eq!(reply.header(name), "", "{name}");
        }
    }
}

#[test]
fn a_wrong_handshake_is_refused_with_what_is_missing() {
    let (server, _publisher) = start();
    for (fields, status, why) in [
        (&[KEY, VERSION][..], 426, "a WebSocket needs the fields Upgrade and Connection"),
        (&[KEY, UPGRADE, "Sec-WebSocket-Version: 8\r\n"], 426, "the version of WebSocket is 13"),
        (&[UPGRADE, VERSION], 400, "a WebSocket needs one Sec-WebSocket-Key"),
        (&[UPGRADE, VERSION, "Sec-WebSocket-Key: short\r\n"], 400, "a WebSocket needs one Sec-WebSocket-Key"),
    ] {
        let mut connection = Connection::open(server.http());
        let reply = connection.request("GET", "/live/cam.flv", &fields.concat());
        assert!(reply.status == status && reply.text().starts_with(why), "{fields:?}: {reply:?}");
        assert_eq!(reply.header("sec-websocket-version"), "13");
        if status == 426 {
            assert_eq!(
                (reply.header("upgrade"), reply.header("connection")),
                ("websocket", "keep-alive, Upgrade")
            );
        }
        server.wait_log(&format!("{status}: {why}"));
        // The connection may be used again.
        assert_eq!(connection.request("HEAD", "/live/cam.flv", "").status, 200);
    }
}

#[test]
fn a_handshake_elsewhere_is_an_ordinary_request() {
    let (server, _publisher) = start();
    let mut connection = Connection::open(server.http());
    let reply = connection.request("GET", "/metrics", &[KEY, UPGRADE, VERSION].concat());
    assert_eq!(reply.status, 200);
    let reply = connection.request("GET", "/none/cam.flv", &[KEY, UPGRADE, VERSION].concat());
    assert_eq!(reply.status, 404);
}

#[test]
fn behind_nginx_the_fields_have_to_be_passed_on_and_the_server_says_so() {
    let (server, _publisher) = start();
    for (settings, status, why) in [
        ("", 426, "426: a WebSocket needs the fields Upgrade and Connection"),
        (
            "proxy_http_version 1.0; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;",
            426,
            "426: a WebSocket needs HTTP/1.1",
        ),
        (
            "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;",
            101,
            "",
        ),
    ] {
        let (folder, address) = (Folder::new(), std::net::SocketAddr::from(([127, 0, 0, 1], free_port())));
        let text = format!(
            "events {{ }} http {{ access_log off; proxy_temp_path temp; client_body_temp_path body; server {{ listen {address};
             location / {{ proxy_pass http://{}; proxy_http_version 1.1; }} }} }}",
            server.http()
        );
        let text = if settings.is_empty() { text } else { text.replace("proxy_http_version 1.1;", settings) };
        let Some(_nginx) = Nginx::start(&folder, &text, address) else {
            return not_tested("there is no nginx");
        };
        let reply = shake_hands(address, &[KEY, UPGRADE, VERSION]);
        assert_eq!(reply.status, status, "{settings}");
        server.wait_log(why);
    }
}
