//! Answers that give another name: it holds everywhere from then on.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::common::backend::{Answer, Backend, Request};
use crate::common::http::get;
use crate::common::media::{both, video_only};
use crate::common::{files_below, wait};

/// Answers each decision with another name, and all reports with yes.
fn renaming(name: &'static str) -> Backend {
    Backend::start(move |request| match request.path() {
        "/ask" => Answer::Location(302, name.to_owned()),
        _ => Answer::Status(200),
    })
}

/// All reports of the end of a publish, with the path of a recording.
fn ends(requests: &[Request]) -> Vec<(&str, &str)> {
    let ends = ["publish_done", "done", "record_done"];
    let calls = requests.iter().map(|request| (request.field("call"), request.field("name")));
    calls.filter(|(call, _)| ends.contains(call)).collect()
}

#[test]
fn a_publish_has_its_new_name_for_players_files_and_reports() {
    let backend = renaming("new");
    let url = backend.url("/told");
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on;
             on_publish {}; on_publish_done {url}; on_done {url}; on_record_done {url};
             record all; record_path FOLDER/rec;
             hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_nested on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }} }} }}",
        backend.url("/ask")
    ));
    let mut player = Client::play(server.rtmp(), "new");
    let mut publisher = Client::publish(server.rtmp(), &format!("s3cret-name{SECRET}"));
    let packets = both(0, 3000);
    publisher.send_all(&packets);
    assert_eq!(player.receive(1), packets[..1]);
    wait("its playlist is there", || get(server.http(), "/hls/new/index.m3u8").status == 200);
    let page = get(server.http(), "/streams.json").text();
    assert!(page.contains("\"new\"") && !page.contains("s3cret"), "{page}");
    drop(publisher);
    let requests = backend.wait_for(|requests| ends(requests).len() == 3);
    let mut told = ends(&requests);
    told.sort_unstable();
    assert_eq!(told, [("done", "new"), ("publish_done", "new"), ("record_done", "new")]);
    let recorded = requests.iter().find(|request| request.field("call") == "record_done").unwrap();
    assert_eq!(recorded.field("path"), server.folder.join("rec/new.flv").to_str().unwrap());
    assert_eq!(recorded.field("key"), "s3cret", "the client's own arguments stay");
    let files = files_below(&server.folder);
    assert!(fs::exists(server.folder.join("rec/new.flv")).unwrap());
    let is_secret = |(path, _): &(String, Vec<u8>)| path.contains("s3cret");
    assert!(!files.iter().any(is_secret), "no file has the first name");
}

#[test]
fn a_play_has_the_stream_of_its_new_name() {
    let backend = renaming("cam");
    let (ask, told) = (backend.url("/ask"), backend.url("/told"));
    let server = server("", &format!("on_play {ask}; on_play_done {told};"));
    let mut others = Others::new(&server);
    let mut player = Client::play(server.rtmp(), "ticket-7");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let packets = video_only(0, 400);
    publisher.send_all(&packets);
    assert_eq!(player.receive(packets.len()), packets);
    drop(player);
    assert_eq!(backend.wait_path("/told").field("name"), "cam");
    others.go_on();
}

#[test]
fn a_connect_has_the_application_of_its_new_name() {
    let backend = renaming("live");
    let (ask, told) = (backend.url("/ask"), backend.url("/told"));
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; on_connect {ask}; on_disconnect {told};
             application door {{ live on; deny publish all; }}
             application live {{ live on; record all; record_path FOLDER/rec; }} }} }}"
    ));
    let mut publisher = Client::try_publish(server.rtmp(), &format!("door{SECRET}"), "cam").unwrap();
    publisher.send_all(&both(0, 400));
    server.wait_log("publish live/cam");
    drop(publisher);
    let disconnect = backend.wait_path("/told");
    assert_eq!((disconnect.field("app"), disconnect.field("key")), ("live", "s3cret"));
    wait("its recording is there", || fs::exists(server.folder.join("rec/cam.flv")).unwrap());
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_connect_to_an_application_that_is_not_there_is_refused() {
    let backend = renaming("nowhere");
    let server = server(&format!("on_connect {};", backend.url("/ask")), "");
    let mut raw = Raw::handshaken(server.rtmp());
    raw.connect("live");
    let (command, values) = raw.command_answer();
    let why = "the server's backend names an application that does not exist";
    let information = values.last().unwrap().as_object().unwrap();
    assert_eq!((&*command, information.str("description")), ("_error", Some(why)));
    raw.expect_end();
    assert_logged(&server, "connect live", &format!("{why}: \"nowhere\""));
}

#[test]
fn the_second_of_two_publishers_with_one_new_name_is_refused_and_its_backend_told() {
    let backend = renaming("new");
    let (ask, told) = (backend.url("/ask"), backend.url("/told"));
    let mut server = server("", &format!("on_publish {ask}; on_publish_done {told};"));
    let mut first = Client::publish(server.rtmp(), "a?of=a");
    let (code, why) = refused(&server, "b?of=b");
    assert_eq!(code, BAD_NAME);
    assert!(why.starts_with("already publishing"), "{why}");
    let end = backend.wait_path("/told");
    assert_eq!((end.field("name"), end.field("of")), ("new", "b"));
    let mut player = Client::play(server.rtmp(), "new");
    first.send_all(&both(0, 400));
    assert_eq!(player.receive(1), both(0, 400)[..1]);
    drop((first, player));
    server.wait_log("stops publishing live/new");
    server.stop();
    let of: Vec<_> = backend.requests().iter().map(|request| request.field("of").to_owned()).collect();
    assert_eq!(of, ["a", "b", "b", "a"]);
}

#[test]
fn two_publishers_that_get_one_name_at_the_same_moment_do_not_both_get_in() {
    let (go, count) = (Go::default(), Arc::new(AtomicUsize::new(0)));
    let (for_backend, counted) = (go.clone(), Arc::clone(&count));
    let backend = Backend::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        for_backend.wait();
        Answer::Location(302, "new".to_owned())
    });
    let server = server("", &format!("on_publish {};", backend.url("/ask")));
    let mut both = ["a", "b"].map(|name| {
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.publish(name);
        raw
    });
    wait("both wait", || count.load(Ordering::SeqCst) == 2);
    go.now();
    let mut codes = both.each_mut().map(|raw| raw.status().0);
    codes.sort_unstable();
    assert_eq!(codes, [BAD_NAME, PUBLISH_START]);
    server.expect_lines(" publish live/new refused: already publishing", 1);
}

#[test]
fn a_location_that_is_no_name_is_never_followed() {
    let elsewhere = Backend::always(200);
    for location in [elsewhere.url("/publish"), "//host/x".into(), "..%2fx".into()] {
        let backend = Backend::start(move |_| Answer::Location(302, location.clone()));
        let url = backend.url("/ask");
        let server = server("", &format!("on_publish {url};"));
        assert_eq!(refused(&server, "cam").0, UNAUTHORIZED);
        assert_logged(
            &server,
            "publish live/\"cam\"",
            &format!("on_publish {url}: the backend answers 302 with a Location that is no name of a stream"),
        );
    }
    assert_eq!(elsewhere.accepted(), 0);
}
