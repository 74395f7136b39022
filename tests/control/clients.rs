//! What real programs see: they are ended, or continue with another stream.

use std::process::Child;
use std::time::Duration;

use super::{Program, ask, publish};
use crate::common::backend::{Answer, Backend};
use crate::common::ffmpeg;
use crate::common::http::get;
use crate::common::player::Client;
use crate::common::{SOON, Server, until, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0;
        application live { live on; publish_grace 60s; hls on; hls_path FOLDER/hls; hls_fragment 1s; } } }
    http { server { listen 127.0.0.1:0;
        location /control { rtmp_control all; }
        location /hls { root FOLDER; } } }";

/// The exit of a program, and what it has said.
fn end_of(mut program: Program) -> (bool, String) {
    let status = until("it ends", SOON, || program.0.try_wait().unwrap());
    let mut said = String::new();
    let error: &mut Child = &mut program.0;
    std::io::Read::read_to_string(error.stderr.as_mut().unwrap(), &mut said).unwrap();
    (status.success(), said)
}

#[test]
fn a_dropped_publisher_ends_and_its_name_is_free_at_once() {
    let server = Server::start(CONFIGURATION);
    let publisher = publish(server.rtmp(), "live/cam");
    server.wait_log("publish live/cam");
    assert_eq!(ask(server.http(), "/control/drop/publisher?app=live&name=cam"), "200 1");
    let (succeeded, said) = end_of(publisher);
    assert!(!succeeded && said.contains("ended by an operator"), "{said}");
    server.wait_log("127.0.0.1: drop publisher app=live name=cam (clients: 1)");
    Client::publish(server.rtmp(), "cam");
}

#[test]
fn a_dropped_player_ends_and_a_redirected_one_plays_on() {
    let server = Server::start(CONFIGURATION);
    let _publishers = ["live/a", "live/b"].map(|path| publish(server.rtmp(), path));
    server.wait_log("publish live/b");
    server.wait_log("publish live/a");
    let play = |seconds: &str| {
        let mut command = ffmpeg::command();
        command.args(["-i", &format!("rtmp://{}/live/a", server.rtmp()), "-t", seconds, "-f", "null", "-"]);
        Program(ffmpeg::spawn(&mut command))
    };
    let dropped = play("60");
    let line = server.wait_log(" play live/a");
    let number = line.split('#').nth(1).unwrap().split(' ').next().unwrap();
    let redirected = play("4");
    server.wait_lines(" play live/a", 2);
    assert_eq!(ask(server.http(), &format!("/control/drop/client?clientid={number}")), "200 1");
    assert_eq!(ask(server.http(), "/control/redirect/subscriber?app=live&name=a&newname=b"), "200 1");
    server.wait_log(" play live/b");
    let ends = [end_of(dropped), end_of(redirected)];
    assert!(ends.iter().all(|(succeeded, _)| *succeeded), "{ends:?}");
    server.wait_log("closed: ended by an operator");
}

#[test]
fn a_redirected_publisher_is_seen_under_its_new_name_and_can_be_decoded() {
    let server = Server::start(CONFIGURATION);
    let _publisher = publish(server.rtmp(), "live/first");
    server.wait_log("publish live/first");
    assert_eq!(ask(server.http(), "/control/redirect/publisher?name=first&newname=my%20second"), "200 1");
    server.wait_log("publish live/my%20second");
    let url = format!("rtmp://{}/live/my%20second", server.rtmp());
    let output = ffmpeg::command().args(["-i", &url, "-t", "3", "-f", "null", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    let list = "/hls/my%20second.m3u8";
    wait("HLS has it", || get(server.http(), list).status == 200);
    // By the raw name and by the decoded one.
    assert_eq!(ask(server.http(), "/control/drop/publisher?name=first"), "200 0");
    assert_eq!(ask(server.http(), "/control/drop/publisher?name=my%20second"), "200 1");
}

#[test]
fn a_refused_redirect_leaves_everything_as_it_is() {
    let server = Server::start(CONFIGURATION);
    let (a, b) = (Client::publish(server.rtmp(), "a"), Client::publish(server.rtmp(), "b"));
    assert_eq!(ask(server.http(), "/control/redirect/publisher?name=a&newname=b"), "200 1");
    let line = server.wait_log("publish live/b refused");
    assert!(line.contains("it continues with live/a"), "{line}");
    assert_eq!(ask(server.http(), "/control/redirect/publisher?name=a&newname=../x"), "500");
    for mut client in [a, b] {
        assert!(client.is_quiet(Duration::from_millis(300)));
    }
}

#[test]
fn a_viewer_of_hls_is_ended_by_its_number_and_refused_for_a_minute() {
    let server = Server::start(&CONFIGURATION.replace("hls on;", "hls on; play_key secret-of-all;"));
    let _publisher = publish(server.rtmp(), "live/cam");
    let list = "/hls/cam.m3u8?key=secret-of-all";
    wait("HLS has it", || get(server.http(), list).status == 200);
    let line = server.wait_log(" view live/cam from 127.0.0.1 (viewer ");
    let number = line.rsplit("viewer ").next().unwrap().trim_end_matches(')');
    for (query, expected) in [
        ("drop/publisher?clientid=NUMBER", "200 0"),
        ("redirect/client?newname=b&clientid=NUMBER", "200 0"),
        ("drop/client?name=other&clientid=NUMBER", "200 0"),
        ("drop/client?name=cam&clientid=NUMBER", "200 1"),
        ("drop/client?name=cam&clientid=NUMBER", "200 0"),
    ] {
        let target = format!("/control/{}", query.replace("NUMBER", number));
        assert_eq!(ask(server.http(), &target), expected, "{query}");
    }
    assert_eq!(get(server.http(), list).status, 403);
    server.wait_log(&format!("live/cam: viewer {number} is ended: ended by an operator"));
}

#[test]
fn a_backend_is_asked_about_the_new_name_and_a_no_leaves_the_client_where_it_is() {
    let backend = Backend::start(|request| {
        let is_allowed = request.field("name") != "secret";
        Answer::Status(if request.field("call") == "publish" && !is_allowed { 403 } else { 200 })
    });
    let calls = format!("on_publish {url}; on_publish_done {url}", url = backend.url("/"));
    let server = Server::start(&CONFIGURATION.replace("hls on;", &format!("{calls}; hls on;")));
    let mut publisher = Client::publish(server.rtmp(), "a?key=k");
    for (name, answer) in [("secret", "200 1"), ("b?key=other", "200 1")] {
        let target = format!("/control/redirect/publisher?app=live&newname={name}");
        assert_eq!(ask(server.http(), &target), answer);
        backend.wait_for(|requests| requests.iter().any(|request| name.starts_with(request.field("name"))));
    }
    server.wait_log("publish live/secret refused");
    server.wait_log("publish live/b");
    publisher.send_metadata(1);
    drop(publisher);
    let requests = backend.wait_for(|requests| requests.len() >= 5);
    let told: Vec<_> = requests
        .iter()
        .map(|request| {
            format!("{} {} {}", request.field("call"), request.field("name"), request.field("key"))
        })
        .collect();
    let expected =
        ["publish a k", "publish secret ", "publish b other", "publish_done a k", "publish_done b other"];
    assert_eq!(told, expected);
}
