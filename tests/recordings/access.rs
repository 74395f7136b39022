//! Who may have the recordings of a stream: exactly who may play it, and who has a token of the API.

use std::fs;

use serde_json::Value;

use super::{document, plain_flv, rows};
use crate::common::backend::{Answer, Backend, Request};
use crate::common::http::{Connection, Reply};
use crate::common::{Folder, Server};

const TOKEN: &str = "Authorization: Bearer read-0123456789abcdef\r\n";

/// A server behind a proxy, with an application for each of these directives, which has a recording of "cam".
fn server(backend: &Backend) -> Server {
    let folder = Folder::new();
    fs::write(folder.join("users"), "ops:{PLAIN}s3cret\n").unwrap();
    let applications = [
        ("open", ""),
        ("near", "allow play 192.0.2.7; deny play all;"),
        ("keyed", "play_key cam-key-0123456789 cam; play_key other-key-0123456789 other;"),
        ("users", "play_user_file FOLDER/users;"),
        ("asked", "on_play BACKEND;"),
        ("both", "on_play BACKEND; deny play 192.0.2.8; hls on; hls_path FOLDER/hls; hls_sessions off;"),
    ];
    let mut all = String::new();
    for (name, directives) in applications {
        folder.write(&format!("rec/{name}/cam.flv"), plain_flv());
        all += &format!(
            "application {name} {{ live on; record all; record_path FOLDER/rec/{name}; {directives} }}\n"
        );
    }
    folder.write("rec/met/cam.flv", plain_flv());
    let met = "application met { live on; record all; record_path FOLDER/rec/met; }";
    let url = backend.url("/");
    Server::start_in(
        folder,
        &format!(
            "pid off;
             rtmp {{ server {{ listen 127.0.0.1:0; {} }} server {{ listen 127.0.0.1:0; on_connect {url}; {met} }} }}
             http {{ server {{ listen 127.0.0.1:0; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
                 location / {{ record_browse on; }}
                 location /api/ {{ millstream_api on; api_token look read-0123456789abcdef; }} }} }}",
            all.replace("BACKEND", &url),
        ),
    )
}

fn ask(server: &Server, from: &str, path: &str, fields: &str) -> Reply {
    let fields = format!("X-Forwarded-For: {from}\r\n{fields}");
    Connection::open(server.http()).request("GET", path, &fields)
}

/// How many recordings are listed.
fn count(reply: &Reply) -> usize {
    let listed = document(reply);
    assert_eq!(listed["total"], rows(&listed).len(), "{listed}");
    rows(&listed).len()
}

/// A backend that lets in whoever has the argument "pass".
fn backend() -> Backend {
    Backend::start(|request| Answer::Status(if text(request).contains("pass=yes&") { 200 } else { 403 }))
}

/// The fields of a callback.
fn text(request: &Request) -> String {
    request.fields.iter().map(|(name, value)| format!("{name}={value}&")).collect()
}

#[test]
fn without_anything_to_show_a_client_sees_what_it_may_play_at_once() {
    let backend = backend();
    let server = server(&backend);
    for (app, from, seen) in [
        ("open", "192.0.2.7", true),
        ("near", "192.0.2.7", true),
        ("near", "192.0.2.8", false),
        ("keyed", "192.0.2.7", false),
        ("users", "192.0.2.7", false),
        ("asked", "192.0.2.7", false),
        ("both", "192.0.2.7", false),
        ("met", "192.0.2.7", false),
    ] {
        assert_eq!(
            count(&ask(&server, from, &format!("/recordings.json?app={app}"), "")),
            usize::from(seen),
            "{app}"
        );
        for path in ["cam.flv", "cam.flv/index.m3u8", "cam.flv/0-6000.ts"] {
            let reply = ask(&server, from, &format!("/recordings/{app}/{path}"), "");
            assert_eq!(reply.status, if seen { 200 } else { 403 }, "{app} {path}");
        }
        // Whether a file is there is not told either.
        let none = ask(&server, from, &format!("/recordings/{app}/none.flv"), "");
        assert_eq!(none.status, if seen { 404 } else { 403 }, "{app}");
    }
}

#[test]
fn who_shows_what_opens_the_stream_gets_its_recordings_by_links() {
    let backend = backend();
    let server = server(&backend);
    for (app, right, wrong) in [
        ("keyed", "key=cam-key-0123456789", "key=other-key-0123456789"),
        ("users", "user=ops&pass=s3cret", "user=ops&pass=wrong"),
        ("asked", "pass=yes", "pass=no"),
        ("both", "pass=yes", ""),
    ] {
        let path = format!("/recordings.json?app={app}&stream=cam&");
        assert_eq!(ask(&server, "192.0.2.7", &(path.clone() + wrong), "").status, 403, "{app}");
        let listed = document(&ask(&server, "192.0.2.7", &(path + right), ""));
        assert_eq!(rows(&listed).len(), 1, "{app}");
        let direct = format!("/recordings/{app}/cam.flv");
        assert_eq!(ask(&server, "192.0.2.7", &format!("{direct}?{right}"), "").status, 200, "{app}");
        assert_eq!(ask(&server, "192.0.2.7", &format!("{direct}?{wrong}"), "").status, 403, "{app}");
        follow(&server, &listed);
        let playlist = ask(&server, "192.0.2.7", &format!("{direct}/index.m3u8?{right}"), "").text();
        let segment = playlist.lines().find(|line| line.contains(".ts")).unwrap();
        assert!(segment.contains("&t=") && !playlist.contains(right), "{playlist}");
        assert_eq!(ask(&server, "192.0.2.7", &format!("{direct}/{segment}"), "").status, 200, "{app}");
    }
    // Another stream's links open nothing, nor do those of before a rule for the address.
    let listed = document(&ask(&server, "192.0.2.7", "/recordings.json?app=both&stream=cam&pass=yes", ""));
    let link = super::url(&listed, "url");
    assert_eq!(ask(&server, "192.0.2.8", &link, "").status, 403, "the address may not play");
    assert_eq!(ask(&server, "192.0.2.7", &link.replace("both", "asked"), "").status, 403);
    assert_eq!(
        ask(&server, "192.0.2.7", "/recordings.json?app=met&stream=cam&pass=yes", "")
            .text()
            .matches("cam.flv")
            .count(),
        0
    );
}

#[test]
fn a_backend_is_asked_about_the_stream_and_not_about_each_segment() {
    let backend = backend();
    let server = server(&backend);
    let listed =
        document(&ask(&server, "192.0.2.7", "/recordings.json?app=asked&stream=cam&pass=yes&x=1", ""));
    follow(&server, &listed);
    let calls: Vec<_> = backend.requests().iter().map(text).collect();
    let plays: Vec<_> = calls.iter().filter(|call| call.contains("call=play&")).collect();
    assert_eq!(plays.len(), 1, "{calls:?}");
    let told = |text: &str| assert!(plays[0].contains(text), "{}", plays[0]);
    ["name=cam", "app=asked", "addr=192.0.2.7", "pass=yes", "x=1"].into_iter().for_each(told);
    assert!(!plays[0].contains("stream=cam"), "{}", plays[0]);
}

#[test]
fn a_token_of_the_api_shows_all_and_its_links_need_no_token() {
    let backend = backend();
    let server = server(&backend);
    for app in ["open", "near", "keyed", "users", "asked", "both", "met"] {
        let listed = document(&ask(&server, "192.0.2.8", &format!("/recordings.json?app={app}"), TOKEN));
        assert_eq!(rows(&listed).len(), 1, "{app}");
        follow(&server, &listed);
    }
    let wrong = "Authorization: Bearer wrong-0123456789abcdef\r\n";
    assert_eq!(ask(&server, "192.0.2.8", "/recordings.json?app=open", wrong).status, 401);
    assert!(backend.requests().iter().all(|request| !text(request).contains("call=play")));
}

/// Gets what a list links to.
fn follow(server: &Server, listed: &Value) {
    let playlist = ask(server, "192.0.2.7", &super::url(listed, "hls"), "");
    assert_eq!(playlist.status, 200, "{listed}");
    let text = playlist.text();
    let segment = text.lines().find(|line| line.contains(".ts")).unwrap();
    let (folder, _) = listed["recordings"][0]["hls"].as_str().unwrap().rsplit_once('/').unwrap();
    assert_eq!(ask(server, "192.0.2.7", &format!("{folder}/{segment}"), "").status, 200, "{segment}");
    assert_eq!(ask(server, "192.0.2.7", &super::url(listed, "url"), "").status, 200, "{listed}");
}
