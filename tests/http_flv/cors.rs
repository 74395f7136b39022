//! Pages of other sites: what browsers are told, and which pages may play.

use super::client::{FlvPlayer, Over};
use crate::common::Server;
use crate::common::http::{Connection, Reply};
use crate::common::media::both;
use crate::common::player::Client;

/// A server with further directives in its location, and the publisher of `live/cam`.
fn start(location: &str) -> (Server, Client) {
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; idle_streams off; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; {location} }} }} }}"
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    server.wait_log("publish live/cam");
    (server, publisher)
}

/// The head of the answer to a request with these fields.
fn ask(server: &Server, method: &str, path: &str, fields: &str) -> Reply {
    let mut connection = Connection::open(server.http());
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: media.example:8080\r\n{fields}\r\n"));
    connection.head()
}

fn all<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn every_page_may_read_the_stream_and_why_there_is_none() {
    let (server, _publisher) = start("");
    for (method, path, status) in [
        ("GET", "/live/cam.flv", 200),
        ("HEAD", "/live/cam.flv", 200),
        ("GET", "/live/none.flv", 404),
        ("HEAD", "/live/none.flv", 404),
        ("GET", "/?app=none&stream=cam", 404),
        ("POST", "/live/cam.flv", 405),
        ("OPTIONS", "/live/cam.flv", 204),
    ] {
        for fields in ["", "Origin: https://a.example\r\n", "Origin: null\r\n"] {
            let reply = ask(&server, method, path, fields);
            assert_eq!(reply.status, status, "{method} {path}");
            assert_eq!(all(&reply, "access-control-allow-origin"), ["*"], "{method} {path} {fields}");
            assert_eq!(reply.header("vary"), "");
        }
    }
}

#[test]
fn a_browser_may_send_what_its_page_asks_for() {
    let (server, _publisher) = start("");
    let asked = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\
        Access-Control-Request-Headers: authorization, x-own\r\n";
    let reply = ask(&server, "OPTIONS", "/live/cam.flv", asked);
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-headers"), "authorization, x-own");
    assert_eq!(reply.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert_eq!(
        (reply.header("access-control-max-age"), reply.header("allow")),
        ("86400", "GET, HEAD, OPTIONS")
    );
    let long = format!("Access-Control-Request-Headers: {}\r\n", "x".repeat(2000));
    assert_eq!(ask(&server, "OPTIONS", "/live/cam.flv", &long).header("access-control-allow-headers"), "");
}

#[test]
fn fields_of_the_configuration_take_the_place_of_the_servers_own() {
    let (server, _publisher) = start(
        "add_header Access-Control-Allow-Origin $http_origin; add_header Access-Control-Allow-Credentials true;
         add_header Cache-Control no-cache; add_header X-Mine 1;",
    );
    let reply = ask(&server, "GET", "/live/cam.flv", "Origin: https://a.example\r\n");
    assert_eq!(all(&reply, "access-control-allow-origin"), ["https://a.example"]);
    assert_eq!(all(&reply, "cache-control"), ["no-cache"]);
    assert_eq!((reply.header("access-control-allow-credentials"), reply.header("x-mine")), ("true", "1"));
    assert_eq!(
        (reply.header("x-accel-buffering"), reply.header("x-content-type-options")),
        ("no", "nosniff")
    );
    // A field without "always" is for successes; then there is the server's own.
    let reply = ask(&server, "GET", "/live/none.flv", "Origin: https://a.example\r\n");
    assert_eq!((reply.status, all(&reply, "access-control-allow-origin")), (404, vec!["*"]));
}

#[test]
fn the_preflight_answer_of_guides_for_nginx_stays_as_it_is() {
    let (server, _publisher) = start(
        "add_header 'Access-Control-Allow-Origin' '*';
         if ($request_method = OPTIONS) {
             add_header Access-Control-Allow-Origin https://a.example; add_header Access-Control-Max-Age 5; return 204;
         }",
    );
    let reply = ask(&server, "OPTIONS", "/live/cam.flv", "");
    assert_eq!((reply.status, reply.header("access-control-max-age")), (204, "5"));
    assert_eq!(all(&reply, "access-control-allow-origin"), ["https://a.example"]);
    assert_eq!(all(&ask(&server, "GET", "/live/cam.flv", ""), "access-control-allow-origin"), ["*"]);
}

#[test]
fn only_named_pages_and_those_of_the_server_may_play() {
    let (server, _publisher) = start("flv_origin https://a.example https://*.b.example;");
    for (origin, may) in [
        ("https://a.example", true),
        ("https://x.b.example", true),
        ("http://media.example:8080", true),
        ("http://a.example", false),
        ("https://b.example", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let field = format!("Origin: {origin}\r\n");
        for (method, path, status) in [
            ("GET", "/live/cam.flv", 200),
            ("HEAD", "/live/cam.flv", 200),
            ("OPTIONS", "/live/cam.flv", 204),
            ("GET", "/live/none.flv", 404),
        ] {
            let reply = ask(&server, method, path, &field);
            assert_eq!(reply.status, if may { status } else { 403 }, "{method} {path} {origin}");
            let allowed = all(&reply, "access-control-allow-origin");
            assert_eq!(allowed, if may { vec![origin] } else { vec![] }, "{method} {path} {origin}");
            assert_eq!(reply.header("vary"), "Origin");
        }
        let own = if origin.contains("media.example") {
            format!("Origin: http://{}\r\n", server.http())
        } else {
            field
        };
        let player = FlvPlayer::open_with(server.http(), Over::WebSocket, "/live/cam.flv", &own);
        assert_eq!(player.status, if may { 101 } else { 403 }, "{origin}");
    }
    server.wait_log("403: flv_origin does not name the page's origin, https://evil.example");
    // What is no browser tells none.
    let reply = ask(&server, "GET", "/live/cam.flv", "");
    assert_eq!((reply.status, reply.header("vary")), (200, "Origin"));
    assert!(all(&reply, "access-control-allow-origin").is_empty());
    FlvPlayer::open(server.http(), Over::WebSocket, "/live/cam.flv").expect_granted();
}

#[test]
fn a_reload_changes_the_pages_that_may_play() {
    let (server, _publisher) = start("flv_origin https://a.example;");
    let from_b = "Origin: https://b.example\r\n";
    assert_eq!(ask(&server, "GET", "/live/cam.flv", from_b).status, 403);
    let text = std::fs::read_to_string(server.folder.join("millstream.conf")).unwrap();
    server.reload(&text.replace("https://a.example", "https://b.example"), 1);
    assert_eq!(ask(&server, "GET", "/live/cam.flv", from_b).status, 200);
    assert_eq!(ask(&server, "GET", "/live/cam.flv", "Origin: https://a.example\r\n").status, 403);
}
