//! Relays between applications of one server, and from one address of this machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use crate::common::media::video_only;
use crate::common::player::{Client, relay};
use crate::common::{Server, free_port};

#[test]
fn an_application_pushes_to_another_one_of_its_server() {
    let port = free_port();
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{port};
             application live {{ live on; push rtmp://127.0.0.1:{port}/out; }}
             application out {{ live on; idle_streams on; }} }} }}"
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    server.wait_log("publish out/cam");
    let mut players = [Client::try_play(server.rtmp(), "out", "cam").unwrap()];
    let packets = video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets).remove(0), packets);
}

#[test]
fn an_application_pulls_from_another_one_of_its_server() {
    let port = free_port();
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{port};
             application live {{ live on; idle_streams on; }}
             application out {{ live on; pull rtmp://127.0.0.1:{port}/live; }} }} }}"
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = [Client::try_play(server.rtmp(), "out", "cam").unwrap()];
    server.wait_log("play live/cam");
    let packets = video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets).remove(0), packets);
}

#[test]
fn applications_that_push_to_each_other_are_a_circle() {
    let port = free_port();
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{port};
             application a {{ live on; push rtmp://127.0.0.1:{port}/b; }}
             application b {{ live on; push rtmp://127.0.0.1:{port}/a; }} }} }}"
    ));
    let _publisher = Client::try_publish(server.rtmp(), "a", "cam").unwrap();
    server.wait_log("publish b/cam");
    server.wait_log("the stream has come through this server already");
    assert_eq!(server.count_lines("publish a/cam"), 1);
}

#[test]
fn a_name_that_the_origin_does_not_have_is_not_published_at_the_edge() {
    let origin = Server::start("rtmp { server { listen 127.0.0.1:0; application live { live on; } } }");
    let edge = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0;
             application live {{ live on; edge rtmp://{}/live; on_publish http://127.0.0.1:{}/; }} }} }}",
        origin.rtmp(),
        free_port()
    ));
    let mut player = Client::play(edge.rtmp(), "none");
    origin.wait_log("play live/none");
    assert!(player.is_quiet(Duration::from_secs(1)));
    // A backend that nobody runs would refuse the publish.
    edge.expect_lines("publish", 0);
    edge.expect_lines("runs", 0);
}

#[test]
fn a_push_leaves_from_the_address_that_its_line_names() {
    let target = Server::start("rtmp { server { listen 127.0.0.1:0; application there { live on; } } }");
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on;
             push rtmp://{0}/there/one bind=127.0.0.2; push rtmp://{0}/there/two; }} }} }}",
        target.rtmp()
    ));
    let _publisher = Client::publish(server.rtmp(), "cam");
    target.wait_log("publish there/one");
    target.wait_log("publish there/two");
    target.expect_lines("connect there from 127.0.0.2", 1);
    target.expect_lines("connect there from 127.0.0.1", 1);
}
