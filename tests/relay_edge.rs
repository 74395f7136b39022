//! `edge`: an application that is a cache of another server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::backend::{Answer, Backend};
use crate::common::media::video_only;
use crate::common::player::{Client, relay};
use crate::common::{Server, free_port, wait};

fn origin(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; idle_streams on; {directives} }} }} }}"
    ))
}

#[test]
fn players_of_an_edge_share_one_pull_and_publishes_are_forwarded() {
    let origin = origin("");
    let edge = self::origin(&format!(
        "edge rtmp://127.0.0.1:{}/live rtmp://{}/live; pull_reconnect 100ms; push_reconnect 100ms; pull_linger 300ms;",
        free_port(),
        origin.rtmp()
    ));
    let mut publisher = Client::publish(origin.rtmp(), "cam");
    let mut players = [Client::play(edge.rtmp(), "cam"), Client::play(edge.rtmp(), "cam")];
    origin.wait_log("play live/cam");
    let packets = video_only(0, 1000);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets.clone(), packets.clone()]);
    origin.expect_lines("play live/cam", 1);
    drop(players);
    origin.wait_log("stops playing live/cam");
    assert_eq!(origin.count_lines("publish live/cam"), 1, "what comes from the origin does not go back");

    let mut players = [Client::play(origin.rtmp(), "cam2")];
    let mut publisher = Client::publish(edge.rtmp(), "cam2");
    origin.wait_log("publish live/cam2");
    assert_eq!(relay(&mut publisher, &mut players, &packets).remove(0), packets);
}

#[test]
fn the_edge_decides_about_its_clients_and_keeps_their_arguments() {
    let origin = origin("");
    let backend =
        Backend::start(|request| Answer::Status(if request.field("key") == "k1" { 200 } else { 403 }));
    let url = backend.url("/");
    let edge = self::origin(&format!("edge rtmp://{}/live; on_publish {url}; on_play {url};", origin.rtmp()));
    assert!(Client::try_publish(edge.rtmp(), "live", "cam").is_err());
    assert!(Client::try_play(edge.rtmp(), "live", "cam?key=wrong").is_err());
    let _publisher = Client::publish(edge.rtmp(), "cam?key=k1");
    origin.wait_log("publish live/cam");
    assert!(!origin.log().contains("key"), "{}", origin.log());
}

#[test]
fn the_origin_may_decide_about_the_clients_of_an_edge() {
    let backend =
        Backend::start(|request| Answer::Status(if request.field("key") == "k1" { 200 } else { 403 }));
    let url = backend.url("/");
    let origin = origin(&format!("on_publish {url}; on_play {url};"));
    let edge = self::origin(&format!("edge rtmp://{}/live; edge_auth origin;", origin.rtmp()));
    let mut refused = Client::publish(edge.rtmp(), "cam?key=wrong");
    edge.wait_log("the origin refuses it");
    wait("the publisher is dismissed", || {
        refused.packet_within(std::time::Duration::from_millis(10)).is_none()
    });
    let _publisher = Client::publish(edge.rtmp(), "cam?key=k1");
    origin.wait_log("publish live/cam");
    assert!(Client::try_play(edge.rtmp(), "live", "cam3?key=wrong").is_err());
    edge.wait_log("refused: the origin refuses it: NetStream.Play");
    let mut source = Client::publish(origin.rtmp(), "cam2?key=k1");
    let mut players = [Client::play(edge.rtmp(), "cam2?key=k1")];
    // The trial, and the pull.
    origin.wait_lines("play live/cam2", 2);
    let packets = video_only(0, 500);
    assert_eq!(relay(&mut source, &mut players, &packets).remove(0), packets);
    // The pull runs, and who joins it is asked about, too.
    let asked = backend.requests().len();
    for args in ["", "?key=wrong", "?key=k1&x=y"] {
        let joins = Client::try_play(edge.rtmp(), "live", &format!("cam2{args}"));
        assert_eq!(joins.is_ok(), args.contains("k1"), "{args}");
    }
    assert_eq!(backend.requests().len(), asked + 3);
    assert!(Client::try_play(edge.rtmp(), "live", "cam2?key=wrong").is_err());
    assert_eq!(backend.requests().len(), asked + 3, "the answer is kept");
}
