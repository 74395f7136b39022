//! Who is told of which streams: of what may be played at once from an address, or with a token of all.

use serde_json::{Value, json};

use super::{ACT, READ, ask, bearer, seen, value};
use crate::common::backend::Backend;
use crate::common::http::Connection;
use crate::common::player::Client;
use crate::common::{Folder, Server, wait};

/// Applications that ask players for something, each for another thing, and some that do not.
const APPLICATIONS: &[(&str, &str)] = &[
    ("asked", "on_play BACKEND;"),
    ("far", "allow play 192.0.2.7; deny play all;"),
    ("keyed", "play_key s3cret;"),
    ("linked", "play_secret s3cret;"),
    ("met", ""),
    ("near", "deny play 192.0.2.7; deny publish 192.0.2.0/24;"),
    ("open", "on_publish BACKEND;"),
    ("users", "play_user_file FOLDER/users;"),
];

/// The server behind a proxy, with an API at these further lines of its location.
fn server(backend: &Backend, api: &str, publish: bool) -> (Server, Vec<Client>) {
    let folder = Folder::new();
    std::fs::write(folder.join("users"), "ops:{PLAIN}s3cret\n").unwrap();
    let applications: String = APPLICATIONS
        .iter()
        .map(|(name, directives)| {
            let directives = directives.replace("BACKEND", &backend.url("/"));
            let application = format!("application {name} {{ live on; publish_grace 60s; {directives} }}\n");
            // A server of its own: what it asks about is each client that connects.
            let own = format!("}} server {{ listen 127.0.0.1:0; on_connect {}; ", backend.url("/"));
            let back = "} server { listen 127.0.0.1:0; ";
            if *name == "met" { own + &application + back } else { application }
        })
        .collect();
    let server = Server::start_in(
        folder,
        &format!(
            "pid off;
             rtmp {{ server {{ listen 127.0.0.1:0; {applications} }} }}
             http {{ server {{ listen 127.0.0.1:0; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
                 location / {{ page on; flv_live on; }}
                 {api} }} }}"
        ),
    );
    let names = APPLICATIONS.iter().filter(|_| publish).map(|(name, _)| name);
    // The servers stand in the order of the applications.
    let at = |name: &str| server.rtmp[usize::from(name >= "met") + usize::from(name > "met")];
    let publishers = names.map(|name| Client::try_publish(at(name), name, "cam").unwrap()).collect();
    (server, publishers)
}

/// An API with two tokens.
const WITH_TOKENS: &str = "location /api/ { millstream_api on; api_token ops act-0123456789abcdef act; \
                           api_token look read-0123456789abcdef; }";

#[test]
fn without_a_token_a_client_sees_what_it_may_play_at_once() {
    let backend = Backend::always(200);
    let (server, publishers) = server(&backend, WITH_TOKENS, true);
    assert_eq!(seen(server.http(), "192.0.2.7", ""), ["far", "open"]);
    assert_eq!(seen(server.http(), "192.0.2.8", ""), ["near", "open"]);
    let all: Vec<_> = APPLICATIONS.iter().map(|(name, _)| *name).collect();
    for token in [ACT, READ] {
        assert_eq!(seen(server.http(), "192.0.2.7", &bearer(token)), all);
    }
    // The numbers of a second are of the same streams.
    let live = |from, fields: &str| {
        let document = value(&ask(server.http(), from, "/live.json", fields));
        (document["streams"].as_array().unwrap().len(), document["totals"]["streams"].clone())
    };
    assert_eq!(live("192.0.2.7", ""), (2, json!(2)));
    assert_eq!(live("192.0.2.7", &bearer(READ)), (8, json!(8)));
    let detail = |of: &str, fields: &str| {
        let path = format!("/live.json?of={of}");
        value(&ask(server.http(), "192.0.2.7", &path, fields))["detail"].is_object()
    };
    assert!(detail("open/cam", "") && !detail("near/cam", "") && !detail("keyed/cam", ""));
    assert!(detail("near/cam", &bearer(READ)) && detail("keyed/cam", &bearer(READ)));
    // So are those that are waited for.
    drop(publishers);
    let waiting = |fields: &str| {
        let document = value(&ask(server.http(), "192.0.2.7", "/streams.json", fields));
        document["streams"].as_array().unwrap().len() + document["waiting"].as_array().unwrap().len()
    };
    wait("the end of all publishers is seen", || {
        server.log().matches("lost publisher").count() > 7 || waiting("") == 2
    });
    assert_eq!((waiting(""), waiting(&bearer(READ))), (2, 8));
}

#[test]
fn a_ban_hides_what_it_is_for() {
    let backend = Backend::always(200);
    let (server, _publishers) = server(&backend, WITH_TOKENS, true);
    let ban = |address: &str, stream: Value| {
        let body = json!({"address": address, "time": 600, "stream": stream}).to_string();
        let mut connection = Connection::open(server.http());
        connection.send(format!(
            "POST /api/bans HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n{}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            bearer(ACT),
            body.len()
        ));
        let reply = connection.reply("POST");
        assert!(reply.status < 300, "{reply:?}");
    };
    ban("192.0.2.7", json!("far/cam"));
    ban("192.0.2.8", Value::Null);
    assert_eq!(seen(server.http(), "192.0.2.7", ""), ["open"]);
    assert_eq!(seen(server.http(), "192.0.2.8", ""), [""; 0]);
    assert_eq!(seen(server.http(), "192.0.2.9", ""), ["near", "open"]);
    assert_eq!(seen(server.http(), "192.0.2.8", &bearer(READ)).len(), APPLICATIONS.len());
}

#[test]
fn a_wrong_token_is_refused_and_an_address_that_guesses_is_slowed() {
    let (server, _) = server(&Backend::always(200), WITH_TOKENS, false);
    let error = |path: &str, from: &str, fields: &str| {
        let reply = ask(server.http(), from, path, fields);
        let text = value(&reply)["error"].as_str().unwrap_or_default().to_owned();
        (reply.status, text)
    };
    for path in ["/streams.json", "/live.json"] {
        assert_eq!(error(path, "192.0.2.6", &bearer("wrong")), (401, "wrong token".to_owned()));
        let two = bearer(READ) + &bearer(READ);
        for unclear in [two.as_str(), "Authorization: Bearer \r\n", "Authorization: bearer\r\n"] {
            let (status, text) = error(path, "192.0.2.6", unclear);
            assert!(status == 401 && text.contains("Authorization: Bearer TOKEN"), "{text}");
        }
    }
    let reply = ask(server.http(), "192.0.2.6", "/streams.json", &bearer("wrong"));
    assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"millstream\"");
    server.wait_log("192.0.2.6: wrong token for get /streams.json; 3 wrong ones from this address");
    let guess = || error("/live.json", "192.0.2.7", &bearer("wrong")).0;
    let statuses: Vec<_> = (0..15).map(|_| guess()).collect();
    assert!(statuses.starts_with(&[401; 10]) && statuses.ends_with(&[429]), "{statuses:?}");
    assert_eq!(error("/streams.json", "192.0.2.7", &bearer(READ)).0, 429, "right or not");
    let slowed = ask(server.http(), "192.0.2.7", "/api/streams", &bearer(READ));
    assert_eq!(slowed.status, 429, "page and API count together");
    assert_eq!(
        ask(server.http(), "192.0.2.7", "/streams.json", "").status,
        200,
        "who shows nothing is not slowed"
    );
    assert_eq!(ask(server.http(), "192.0.2.8", "/streams.json", &bearer(READ)).status, 200);
}

/// Who asks from this machine through a proxy that tells it.
const FROM: &str = "192.0.2.7";

#[test]
fn the_api_of_the_server_is_told_to_who_may_ask_it() {
    let api = |path: &str, tokens: bool| json!({"path": path, "tokens": tokens});
    let backend = Backend::always(200);
    for (locations, from, expected) in [
        ("", FROM, Value::Null),
        ("location /api { millstream_api off; api_token a 0123456789abcdef; }", FROM, Value::Null),
        ("location /api { millstream_api on; }", FROM, api("/api/", false)),
        (WITH_TOKENS, FROM, api("/api/", true)),
        ("location /b { millstream_api on; } location /a/ { millstream_api act; }", FROM, api("/b/", false)),
        ("location /api { allow local; deny all; millstream_api on; }", FROM, Value::Null),
        ("location /api { allow 192.0.2.7; deny all; millstream_api on; }", FROM, api("/api/", false)),
        ("location /api { allow 192.0.2.7; deny all; millstream_api on; }", "192.0.2.8", Value::Null),
        // A password stands in the header of the token.
        (
            "location /api { auth_basic a; auth_basic_user_file FOLDER/users; millstream_api on; }",
            FROM,
            api("/api/", false),
        ),
        (
            "location /api { auth_basic a; auth_basic_user_file FOLDER/users; millstream_api on;
                 api_token a 0123456789abcdef; }",
            FROM,
            Value::Null,
        ),
        // That of another server is not this one's.
        ("} server { listen 127.0.0.1:0; location /api { millstream_api on; }", FROM, Value::Null),
    ] {
        let (server, _) = server(&backend, locations, false);
        let document = value(&ask(server.http(), from, "/streams.json", ""));
        assert_eq!(document["api"], expected, "{locations} from {from}");
        if expected["tokens"] != true {
            let refused = ask(server.http(), from, "/streams.json", &bearer("0123456789abcdef"));
            assert_eq!(refused.status, 401, "{locations} from {from}");
            assert_eq!(value(&refused)["error"], "no tokens are taken here");
        }
    }
}
