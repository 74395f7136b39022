//! Who may play over HTTP and WebSocket: the same rules, keys, links, users, callbacks and limits as over RTMP decide.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::client::{FlvPlayer, Over};
use super::{expect_all, flv_server};
use crate::common::Server;
use crate::common::backend::{Answer, Backend};
use crate::common::http::{Connection, get};
use crate::common::media::both;
use crate::common::player::Client;

const OVER_BOTH: [Over; 2] = [Over::Chunks, Over::WebSocket];

/// The status of a play, and the text of a refusal.
fn play(server: &Server, over: Over, path: &str) -> (u16, String) {
    let mut player = FlvPlayer::open(server.http(), over, path);
    let text = if player.status < 300 { String::new() } else { player.text() };
    (player.status, text)
}

/// Checks who may play.
fn expect(server: &Server, cases: &[(&str, bool)]) {
    for &(path, may) in cases {
        for over in OVER_BOTH {
            let (status, text) = play(server, over, path);
            let expected = match (may, over) {
                (false, _) => 403,
                (true, Over::WebSocket) => 101,
                (true, _) => 200,
            };
            assert_eq!(status, expected, "{path} over {over:?}: {text}");
        }
    }
}

#[test]
fn rules_decide_by_address() {
    for (rules, may) in [
        ("", true),
        ("deny play all;", false),
        ("allow play 10.0.0.0/8; deny play all;", false),
        ("allow play 127.0.0.0/8; deny play all;", true),
        ("deny publish all;", true),
    ] {
        let server = flv_server(rules);
        expect(&server, &[("/live/cam.flv", may)]);
    }
}

#[test]
fn a_key_or_a_link_with_a_signature_is_asked_for() {
    let server = flv_server("play_key CHANGE-ME-123456; play_secret 0123456789abcdef0123456789abcdef;");
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let sign = |text: &str| -> String {
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef0123456789abcdef").unwrap();
        hmac.update(text.as_bytes());
        hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let link = |at: u64| format!("/live/cam.flv?expires={at}&sig={}", sign(&format!("play\nlive/cam\n{at}")));
    expect(
        &server,
        &[
            ("/live/cam.flv", false),
            ("/live/cam.flv?key=wrong", false),
            ("/live/cam.flv?key=CHANGE-ME-123456", true),
            (&link(expires), true),
            (&link(1_000_000_000), false),
            (&link(expires).replace("cam.flv", "cam2.flv"), false),
        ],
    );
    assert!(!server.log().contains("CHANGE-ME-123456"), "{}", server.log());
}

#[test]
fn users_are_asked_for() {
    let server = Server::start_in(
        {
            let folder = crate::common::Folder::new();
            // "secret", as openssl passwd -5 writes it.
            folder.write("users", "joe:{PLAIN}secret\n");
            folder
        },
        &format!("pid off; {}", super::flv_configuration("play_user_file FOLDER/users;", "")),
    );
    expect(
        &server,
        &[
            ("/live/cam.flv", false),
            ("/live/cam.flv?user=joe&pass=wrong", false),
            ("/live/cam.flv?user=joe&pass=secret", true),
        ],
    );
    assert!(!server.log().contains("secret"), "{}", server.log());
}

#[test]
fn an_encoder_that_has_to_name_a_user_hinders_no_player() {
    let server = Server::start_in(
        {
            let folder = crate::common::Folder::new();
            folder.write("users", "joe:{PLAIN}secret\n");
            folder
        },
        &format!("pid off; {}", super::flv_configuration("publish_user_file FOLDER/users adobe;", "")),
    );
    expect(&server, &[("/live/cam.flv", true)]);
}

#[test]
fn a_backend_grants_refuses_and_leads_elsewhere() {
    let backend = Backend::start(|request| match request.field("token") {
        "good" => Answer::Status(200),
        "other" if request.field("call") == "play" => Answer::Location(302, "preview".into()),
        "other" => Answer::Status(200),
        _ => Answer::Status(403),
    });
    let url = backend.url("/");
    let callbacks = format!("on_play {url}play; on_play_done {url}play_done; on_done {url}done;");
    let connections = format!("rtmp {{ on_connect {url}connect; on_disconnect {url}disconnect;");
    let server = Server::start(&super::flv_configuration(&callbacks, "").replace("rtmp {", &connections));
    let refused = play(&server, Over::Chunks, "/live/cam.flv?token=bad");
    assert_eq!(refused.0, 403);
    assert!(refused.1.contains("the backend answers 403"), "{}", refused.1);
    assert_eq!(backend.calls(), ["connect"], "{:?}", backend.requests());
    for (over, protocol) in [(Over::Chunks, "http"), (Over::WebSocket, "websocket")] {
        let fields = "User-Agent: tests\r\nReferer: http://site/watch\r\n";
        let path = "/live/cam.flv?token=good";
        let before = backend.requests().len();
        let player = FlvPlayer::open_with(server.http(), over, path, fields);
        player.expect_granted();
        drop(player);
        let requests = backend.wait_for(|requests| requests.len() >= before + 5);
        let requests = &requests[before..];
        let calls: Vec<_> = requests.iter().map(|request| request.field("call")).collect();
        assert_eq!(calls, ["connect", "play", "play_done", "done", "disconnect"], "{protocol}");
        for request in requests {
            assert_eq!(request.field("app"), "live");
            assert_eq!(request.field("flashver"), "tests");
            assert_eq!(request.field("pageurl"), "http://site/watch");
            assert_eq!(request.field("tcurl"), format!("http://{}/live", server.http()));
            assert_eq!(request.field("addr"), "127.0.0.1");
            assert_eq!(request.field("token"), "good", "{protocol} {}", request.field("call"));
        }
        assert_eq!(requests[1].field("name"), "cam");
    }
    let mut publisher = Client::try_publish(server.rtmp(), "live?token=good", "preview").unwrap();
    for over in OVER_BOTH {
        let mut player = FlvPlayer::open(server.http(), over, "/live/cam.flv?token=other");
        player.expect_granted();
        if over == Over::Chunks {
            expect_all(&mut publisher, &mut player, &both(0, 1000));
        } else {
            assert_eq!(player.flags(), 5);
        }
    }
}

#[test]
fn a_backend_for_mediamtx_or_srs_hears_what_a_player_speaks() {
    let backend = Backend::always(200);
    let server = flv_server(&format!("notify_format mediamtx; on_play {};", backend.url("/auth")));
    for (over, protocol) in [(Over::Chunks, "http-flv"), (Over::WebSocket, "websocket-flv")] {
        let before = backend.requests().len();
        drop(FlvPlayer::open(server.http(), over, "/live/cam.flv?user=joe&pass=p"));
        let requests = backend.wait_for(|requests| requests.len() > before);
        let body: Value = serde_json::from_slice(&requests[before].body).unwrap();
        assert_eq!((&body["protocol"], &body["action"]), (&protocol.into(), &"read".into()));
        assert_eq!((&body["path"], &body["query"]), (&"live/cam".into(), &"user=joe&pass=p".into()));
    }
    let server = flv_server(&format!("notify_format srs; on_play {};", backend.url("/srs")));
    let before = backend.requests().len();
    drop(FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.flv?a=b"));
    let requests = backend.wait_for(|requests| requests.len() > before);
    let body: Value = serde_json::from_slice(&requests[before].body).unwrap();
    assert_eq!((&body["action"], &body["tcUrl"]), (&"on_play".into(), &"rtmp://127.0.0.1/live".into()));
    assert_eq!((&body["stream"], &body["param"]), (&"cam".into(), &"?a=b".into()));
}

#[test]
fn a_full_application_takes_no_player_more() {
    let server = flv_server("max_connections 3;");
    let _publisher = Client::publish(server.rtmp(), "cam");
    let first = FlvPlayer::play(&server, Over::Chunks, "cam");
    let _second = FlvPlayer::play(&server, Over::WebSocket, "cam");
    for over in OVER_BOTH {
        let mut player = FlvPlayer::open(server.http(), over, "/live/cam.flv");
        assert!(matches!(player.status, 403 | 503), "{}", player.status);
        assert!(player.text().contains("full") || player.status == 503);
    }
    assert!(Client::connect(server.rtmp(), "live").is_err());
    drop(first);
    server.wait_log("stops playing live/cam");
    FlvPlayer::play(&server, Over::Chunks, "cam");
}

#[test]
fn an_application_without_live_and_names_that_are_none_are_refused() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } application off { } } }
         http { server { listen 127.0.0.1:0; location / { flv_live on; } location /closed/ { } } }",
    );
    for (path, status) in [
        ("/off/cam.flv", 404),
        ("/none/cam.flv", 404),
        ("/closed/live/cam.flv", 404),
        ("/live/.hidden.flv", 404),
        ("/live/a%00b.flv", 400),
        ("/live/%2e%2e.flv", 404),
    ] {
        assert_eq!(play(&server, Over::Chunks, path).0, status, "{path}");
    }
    let mut publisher = Client::publish(server.rtmp(), "caf\u{e9} 1");
    let mut player = FlvPlayer::open(server.http(), Over::Chunks, "/live/caf%C3%A9%201.flv");
    player.expect_granted();
    expect_all(&mut publisher, &mut player, &both(0, 500));
}

#[test]
fn a_backend_may_end_a_play_later() {
    let backend = Backend::start(|request| match request.field("call") {
        "update_play" => Answer::Status(403),
        _ => Answer::Status(200),
    });
    let url = backend.url("/");
    let updates =
        format!("on_play {url}; on_update {url}; notify_update_timeout 1s; notify_update_strict on;");
    let server = flv_server(&updates);
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    players.iter_mut().for_each(FlvPlayer::expect_closed);
    server.expect_lines("stops playing live/cam", 2);
    let update = backend.wait_for(|requests| requests.len() >= 4).pop().unwrap();
    assert_eq!((update.field("call"), update.field("name")), ("update_play", "cam"));
}

#[test]
fn nginx_s_control_drops_them_as_any_player() {
    let server = Server::start(
        &super::flv_configuration("", "")
            .replace("location /told/", "location /control { rtmp_control all; } location /told/"),
    );
    let mut players = OVER_BOTH.map(|over| FlvPlayer::play(&server, over, "cam"));
    // Nobody can be moved whose FLV header has told the tracks of a stream.
    let moved = get(server.http(), "/control/redirect/subscriber?name=cam&newname=b");
    assert_eq!((moved.status, moved.text().as_str()), (200, "0"));
    let clients: Value = serde_json::from_str(&get(server.http(), "/told/clients").text()).unwrap();
    let all = clients["clients"].as_array().unwrap().iter();
    for client in all.filter(|client| client["protocol"] != "rtmp") {
        let path = format!("/told/clients/{}/redirect", client["id"]);
        let mut connection = Connection::open(server.http());
        let body = r#"{"name":"b"}"#;
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        connection.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}"));
        let reply = connection.reply("POST");
        assert!(reply.status == 409 && reply.text().contains("plays over HTTP"), "{reply:?}");
    }
    let reply = get(server.http(), "/control/drop/subscriber?app=live&name=cam");
    assert_eq!((reply.status, reply.text().as_str()), (200, "2"));
    players.iter_mut().for_each(FlvPlayer::expect_closed);
}
