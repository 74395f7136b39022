//! Backends that have a stream relayed: a Location with a URL of rtmp, `notify_relay_redirect`, `relay_allow`, and SRS's
//! `on_forward`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use md5::{Digest, Md5};

use crate::common::Server;
use crate::common::backend::{Answer, Backend};
use crate::common::media::video_only;
use crate::common::player::{Client, relay};

fn other() -> Server {
    Server::start("rtmp { server { listen 127.0.0.1:0; application there { live on; idle_streams on; } } }")
}

fn server(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}"
    ))
}

/// Leads to a server.
fn leading(url: String) -> Backend {
    Backend::start(move |_| Answer::Location(302, url.clone()))
}

#[test]
fn a_location_of_on_publish_pushes_the_stream() {
    let there = other();
    let backend = leading(format!("rtmp://{}/there/s3cret?t=s3cret", there.rtmp()));
    let server = server(&format!("on_publish {};", backend.url("/")));
    let mut players = [Client::try_play(there.rtmp(), "there", "s3cret").unwrap()];
    let mut publisher = Client::publish(server.rtmp(), "cam");
    there.wait_log("publish there/s3cret");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut publisher, &mut players, &packets).remove(0), packets);
    server.expect_lines("publish live/cam", 1);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    drop(publisher);
    there.wait_log("stops publishing there/s3cret");
}

#[test]
fn a_location_of_on_play_pulls_the_stream() {
    let there = other();
    let backend = leading(format!("rtmp://{}/there/1", there.rtmp()));
    let server = server(&format!("on_play {};", backend.url("/")));
    let mut origin = Client::try_publish(there.rtmp(), "there", "1").unwrap();
    let mut players = [Client::play(server.rtmp(), "cam")];
    there.wait_log("play there/1");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut origin, &mut players, &packets).remove(0), packets);
}

#[test]
fn a_relayed_stream_may_be_named_by_its_url() {
    let there = other();
    let url = format!("rtmp://{}/there/1", there.rtmp());
    let name: String = Md5::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let backend = leading(url);
    let server = server(&format!("notify_relay_redirect on; on_publish {};", backend.url("/")));
    let _publisher = Client::publish(server.rtmp(), "cam");
    there.wait_log("publish there/1");
    server.wait_log(&format!("publish live/{name}"));
}

#[test]
fn a_server_that_is_not_allowed_is_a_refusal() {
    let there = other();
    let backend = leading(format!("rtmp://{}/there/s3cret", there.rtmp()));
    let url = backend.url("/");
    let server = server(&format!("on_publish {url}; on_play {url}; relay_allow 10.0.0.0/8 *.media.example;"));
    assert!(Client::try_publish(server.rtmp(), "live", "cam").is_err());
    assert!(Client::try_play(server.rtmp(), "live", "cam").is_err());
    let line = server.wait_log("relay_allow");
    assert!(line.contains(&format!("the backend names rtmp://{}, to which", there.rtmp())), "{line}");
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    assert_eq!(there.count_lines("connect there"), 0);
}

#[test]
fn srs_names_servers_in_answers_of_on_publish_and_on_forward() {
    let there = other();
    let of = |name: &str| format!("rtmp://{}/there/{name}", there.rtmp());
    let (one, two) = (of("one"), of("two"));
    let backend = Backend::start(move |request| {
        let url = if request.path() == "/forward" { &two } else { &one };
        Answer::Body(200, format!(r#"{{"code":0,"data":{{"urls":["{url}"]}}}}"#))
    });
    let server = server(&format!(
        "notify_format srs; on_publish {}; on_forward {};",
        backend.url("/publish"),
        backend.url("/forward")
    ));
    let _publisher = Client::publish(server.rtmp(), "cam?key=k1");
    there.wait_log("publish there/one");
    there.wait_log("publish there/two");
    let forward = backend.wait_path("/forward").json();
    assert_eq!((&forward["action"], &forward["stream"]), (&"on_forward".into(), &"cam".into()));
    assert_eq!((&forward["param"], &forward["app"]), (&"?key=k1".into(), &"live".into()));
    assert_eq!(backend.calls().len(), 2, "the publish is asked about before its servers");
}

#[test]
fn a_no_of_on_forward_refuses_the_publisher() {
    let backend = Backend::start(|request| match request.path() {
        "/forward" => Answer::Body(200, r#"{"code":7}"#.to_owned()),
        _ => Answer::Body(200, "0".to_owned()),
    });
    let server = server(&format!(
        "notify_format srs; on_publish {url}; on_publish_done {url}; on_forward {url}forward;",
        url = backend.url("/")
    ));
    assert!(Client::try_publish(server.rtmp(), "live", "cam").is_err());
    let is_done = |json: serde_json::Value| json["action"] == "on_unpublish";
    backend.wait_for(|requests| requests.iter().any(|request| is_done(request.json())));
}

#[test]
fn what_is_pulled_keeps_its_name_whatever_on_publish_says() {
    let there = other();
    let backend = Backend::start(|_| Answer::Location(302, "renamed".to_owned()));
    let server = server(&format!(
        "idle_streams on; pull rtmp://{}/there; on_publish {};",
        there.rtmp(),
        backend.url("/")
    ));
    let mut origin = Client::try_publish(there.rtmp(), "there", "cam").unwrap();
    let mut players = [Client::play(server.rtmp(), "cam")];
    there.wait_log("play there/cam");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut origin, &mut players, &packets).remove(0), packets);
    server.wait_log("but what is pulled keeps its name");
}
