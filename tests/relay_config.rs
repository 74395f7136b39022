//! `push` and `pull` as a configuration has them: keys, variables, several targets, reloads, and what `-t` says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::http::get;
use crate::common::media::{Packet, video_only};
use crate::common::player::{Client, relay};
use crate::common::{Folder, SOON, Server, millstream, run, stderr, until, wait};

/// The other server: to play from and to publish to.
fn other() -> Server {
    Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; idle_streams on; }
         application there { live on; idle_streams on; } } }",
    )
}

fn live(directives: &str) -> String {
    format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}")
}

/// The output of `-t`, without its last two lines.
fn said(text: &str) -> Vec<String> {
    let folder = Folder::new();
    let file = folder.write("c.conf", text);
    let output = run(millstream().args(["-t", "-c"]).arg(&file));
    let lines = stderr(&output).replace(&file.display().to_string(), "c.conf");
    let usual = ["syntax is ok", "test successful", "test failed: 1 error"];
    let lines = lines.lines().filter(|line| !usual.iter().any(|end| line.ends_with(end)));
    lines.map(|line| line.trim_start_matches("millstream: ").to_owned()).collect()
}

/// What a player of another application gets of what a publisher sends.
fn arrives(server: &Server, app: &str, name: &str, publisher: &mut Client) {
    let mut player = Client::try_play(server.rtmp(), app, name).unwrap();
    let deadline = std::time::Instant::now() + SOON;
    let mut time = 0;
    while std::time::Instant::now() < deadline {
        let packets: Vec<Packet> = video_only(time, 200);
        time += 200;
        publisher.send_all(&packets);
        if player.packet_within(Duration::from_millis(100)).is_some() {
            return;
        }
    }
    panic!("{app}/{name} gets nothing");
}

#[test]
fn a_stream_is_pushed_under_the_names_that_a_line_gives() {
    let there = other();
    let url = there.rtmp();
    let server = Server::start(&live(&format!(
        "push rtmp://{url}; push {url}/there/$name-$arg_lang?$args; push rtmp://{url}/there/only name=other;
         push rtmp://{url}/x app=there playPath=$app.$name;"
    )));
    let mut publisher = Client::publish(server.rtmp(), "cam?lang=de&key=s3cret");
    for (app, name) in [("live", "cam"), ("there", "cam-de"), ("there", "live.cam")] {
        there.wait_log(&format!("publish {app}/{name}"));
        arrives(&there, app, name, &mut publisher);
    }
    assert_eq!(there.count_lines("publish there/only"), 0);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    assert!(!server.log().contains("cam-de"), "a name that is not that of here may be a key");
}

#[test]
fn a_client_without_the_argument_that_a_url_needs_is_not_pushed() {
    let there = other();
    let server = Server::start(&live(&format!("push rtmp://{}/there/$arg_key;", there.rtmp())));
    let _without = Client::publish(server.rtmp(), "cam");
    server.wait_log(&format!(
        "live/cam is not pushed: rtmp://{} needs the argument \"key\", which the client has not sent",
        there.rtmp()
    ));
    let _with = Client::publish(server.rtmp(), "cam2?key=k1");
    there.wait_log("publish there/k1");
}

#[test]
fn a_stream_is_pulled_when_somebody_plays_it_and_the_next_server_is_tried() {
    let there = other();
    let mut origin = Client::publish(there.rtmp(), "cam");
    let gone = crate::common::free_port();
    let server = Server::start(&live(&format!(
        "pull rtmp://127.0.0.1:{gone}/live; pull rtmp://{}/live; pull_reconnect 200ms; pull_linger 300ms;",
        there.rtmp()
    )));
    let mut players = [Client::play(server.rtmp(), "cam")];
    there.wait_log("play live/cam");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut origin, &mut players, &packets).remove(0), packets);
    drop(players);
    server.wait_log("live/cam <- 127.0.0.1");
    wait("nobody plays it from there", || there.count_lines("stops playing live/cam") == 1);
}

#[test]
fn a_static_pull_runs_without_players() {
    let there = other();
    let _origin = Client::publish(there.rtmp(), "1");
    let url = there.rtmp();
    let _server = Server::start(&live(&format!("pull rtmp://{url}/live/1 name=cam static;")));
    there.wait_log("play live/1");
}

#[test]
fn what_is_pulled_is_pushed_but_not_to_where_it_comes_from() {
    let there = other();
    let url = there.rtmp();
    let mut origin = Client::publish(url, "1");
    let _server = Server::start(&live(&format!(
        "pull rtmp://{url}/live/1 name=cam static; push rtmp://{url}/live/1?x=y; push rtmp://{url}/there/2;"
    )));
    origin.send_all(&video_only(0, 400));
    there.wait_log("publish there/2");
    arrives(&there, "there", "2", &mut origin);
    assert_eq!(there.count_lines("publish live/1"), 1);
}

#[test]
fn a_reload_ends_what_is_gone_and_begins_what_is_new() {
    let there = other();
    let url = there.rtmp();
    let server = Server::start(&live(&format!(
        "push rtmp://{url}/live/one name=cam; push rtmp://{url}/live/stays name=cam; pull rtmp://{url}/live name=s1 static;"
    )));
    let _source = Client::publish(there.rtmp(), "s1");
    let _other_source = Client::publish(there.rtmp(), "s2");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    there.wait_log("publish live/one");
    there.wait_log("publish live/stays");
    there.wait_log("play live/s1");
    server.reload(
        &live(&format!(
            "push rtmp://{url}/live/two name=cam; push rtmp://{url}/live/stays name=cam; pull rtmp://{url}/live name=s2 static;"
        )),
        1,
    );
    there.wait_log("publish live/two");
    there.wait_log("stops publishing live/one");
    there.wait_log("play live/s2");
    there.wait_log("stops playing live/s1");
    arrives(&there, "live", "two", &mut publisher);
    assert_eq!(
        (there.count_lines("publish live/stays"), there.count_lines("stops publishing live/stays")),
        (1, 0)
    );
}

#[test]
fn a_viewer_of_hls_has_a_stream_pulled_and_waits_for_it() {
    let there = other();
    let mut origin = Client::publish(there.rtmp(), "cam");
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; pull rtmp://{}/live;
             hls on; hls_path FOLDER/hls; hls_fragment 1s; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /hls {{ alias FOLDER/hls; }} }} }}",
        there.rtmp()
    ));
    let address = server.http();
    let viewer = std::thread::spawn(move || get(address, "/hls/cam.m3u8"));
    there.wait_log("play live/cam");
    let mut time = 0;
    until("the viewer has its playlist", SOON, || {
        origin.send_all(&video_only(time, 500));
        time += 500;
        std::thread::sleep(Duration::from_millis(50));
        viewer.is_finished().then_some(())
    });
    let reply = viewer.join().unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.text().starts_with("#EXTM3U"), "{}", reply.text());
}

#[test]
fn lines_that_cannot_be_are_errors_and_show_no_key() {
    for (line, error) in [
        ("push http://h/a/s3cret;", "\"http://h/a/***\" is no URL of rtmp or rtmps"),
        ("push rtmp://h/a/s3cret nme=x;", "\"nme\" is no key"),
        ("push rtmp://h/a live_1_s3cret;", "one of the words behind the URL is no key"),
        ("push rtmp://h/a static;", "a push is never static"),
        ("pull rtmp://h/a static;", "static needs name=NAME"),
        ("push rtmp://h/a fingerprint=00;", "fingerprint= takes the SHA-256"),
        ("push_reconnect 0;", "the shortest is 100ms"),
        ("edge rtmp://h/a/s3cret;", "its streams have the names of here"),
        ("relay_allow rtmp://h;", "is no host, *.domain, address or network"),
        ("origin_lookup rtmp://h;", "is no URL of http or https"),
    ] {
        let lines = said(&live(line));
        assert!(lines[0].contains(error) && lines.len() == 1, "{line}: {lines:?}");
        assert!(!lines[0].contains("s3cret"), "{lines:?}");
    }
}

#[test]
fn a_test_says_what_a_relay_most_likely_does_not_do() {
    let port = crate::common::free_port();
    let live = |directives: &str| {
        format!(
            "rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; {directives} }} }} }}"
        )
    };
    for (line, advice) in [
        (format!("push rtmp://127.0.0.1:{port}/live;"), "leads back into this application"),
        (format!("push rtmp://127.0.0.1:{port}/live/copy name=cam;"), "leads back into this application"),
        (format!("pull rtmp://localhost:{port}/live/$name;"), "leads back into this application"),
        ("push rtmp://live-api-s.facebook.com/rtmp/FB-1;".to_owned(), "Facebook takes RTMP over TLS only"),
        ("push rtmps://a.rtmps.youtube.com/live2;".to_owned(), "the push to YouTube has no stream key"),
        ("push rtmp://live.twitch.tv/s3cret;".to_owned(), "write rtmp://live.twitch.tv/app/KEY"),
        (
            "push rtmps://a.rtmps.youtube.com/live2/s3cret;".to_owned(),
            "the stream key in the URL of \"push\" can be read",
        ),
        (
            "pull rtmp://joe:s3cret@origin.example/live;".to_owned(),
            "the password in the URL of \"pull\" can be read",
        ),
        ("push rtmps://192.0.2.1/live;".to_owned(), "hardly any certificate is for an address"),
        ("ssl_verify off; push rtmps://h.example/live;".to_owned(), "is not verified"),
        ("edge_auth origin;".to_owned(), "the application has no \"edge\""),
    ] {
        let lines = said(&live(&line));
        assert!(lines.iter().any(|said| said.contains(advice)), "{line}: {lines:?}");
        assert!(!lines.join("\n").contains("s3cret"), "{lines:?}");
    }
    for line in [
        format!("push rtmp://127.0.0.1:{port}/other;"),
        "push rtmp://h.example/live;".to_owned(),
        format!("push rtmps://192.0.2.1/live fingerprint={};", "0a".repeat(32)),
    ] {
        assert_eq!(said(&live(&line)), Vec::<String>::new(), "{line}");
    }
}
