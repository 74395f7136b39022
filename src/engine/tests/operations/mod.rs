//! Operations in virtual time: clients that are ended.

mod api;
mod recording;
mod redirect;
mod waiting;

use crate::engine::tests::gates::Setup;
use crate::engine::tests::*;

/// A server whose streams are kept for a minute after their publishers are lost.
fn world(directives: &str) -> World {
    World::configured(table(), &config(directives))
}

fn config(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; wait_key off;
            application live {{ live on; publish_grace 60s; {directives} }} }} }}"
    )
}

/// The name of the stream of a client's role.
fn stream_of(world: &World, client: &Client) -> Option<String> {
    let role = world.engine.cx.sessions.get(client.id)?.roles.on(1)?;
    Some(world.engine.cx.streams.get(role.stream())?.name.as_str().to_owned())
}

fn streams(world: &World) -> Vec<String> {
    let live = world.engine.cx.streams.iter().filter(|stream| stream.is_live());
    live.map(|stream| stream.name.to_string()).collect()
}

#[test]
fn a_kicked_publisher_is_told_why_and_its_stream_ends_without_a_grace() {
    let mut world = world("idle_streams off;");
    let (mut publisher, mut other) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    publisher.receive(&mut world);
    other.receive(&mut world);
    let mut player = Client::play(&mut world, "a");
    world.engine.cx.kick(publisher.id, "no more");
    assert_eq!(streams(&world), ["a", "b"], "not before a later step");
    world.end_turn();
    assert_eq!(streams(&world), ["b"]);
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Rejected"]);
    assert!(!world.is_open(publisher.id) && world.is_open(other.id));
    assert!(player.codes(&mut world).contains(&"NetStream.Play.StreamNotFound".to_owned()));
    // What is gone already is not kicked.
    world.engine.cx.kick(publisher.id, "again");
    world.end_turn();
}

#[test]
fn a_kicked_player_gets_no_more_frames_and_its_stream_goes_on() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    let (mut kicked, mut other) = (Client::playing(&mut world, "a"), Client::playing(&mut world, "a"));
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    world.engine.cx.kick(kicked.id, "no more");
    world.end_turn();
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    let messages = kicked.receive(&mut world);
    assert!(messages.iter().all(|message| message.payload() != KEY), "what it has not read is dropped");
    assert!(!world.is_open(kicked.id));
    assert_eq!(other.media(&mut world).len(), 3);
    assert_eq!(streams(&world), ["a"]);
}

#[test]
fn a_client_with_several_streams_leaves_one_in_a_step() {
    let mut world = world("");
    let mut client = Client::publish(&mut world, "a");
    client.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "b".into()]);
    client.command_on(&mut world, 3, &["play".into(), 3.0.into(), Value::Null, "c".into()]);
    client.receive(&mut world);
    world.engine.cx.kick(client.id, "no more");
    let mut seen = vec![streams(&world)];
    while world.is_open(client.id) {
        assert!(world.engine.step(world.now));
        seen.push(streams(&world));
    }
    seen.dedup();
    assert_eq!(seen, [vec!["a", "b"], vec!["b"], vec![]]);
    world.end_turn();
    assert!(!world.is_open(client.id));
    let codes = client.codes(&mut world);
    assert_eq!(codes, ["NetStream.Publish.Rejected", "NetStream.Play.Stop", "NetStream.Publish.Rejected"]);
}

#[test]
fn a_client_without_a_role_and_one_whose_request_waits_are_kicked_too() {
    let mut setup = Setup::configured(&config(""));
    let mut idle = Client::connect(&mut setup.world, "live");
    idle.receive(&mut setup.world);
    let mut waiting = setup.publish("a");
    let ticket = setup.ticket();
    for client in [&idle, &waiting] {
        setup.world.engine.cx.kick(client.id, "no more");
    }
    setup.world.end_turn();
    setup.answer(ticket, Reply::Grant);
    assert!(streams(&setup.world).is_empty());
    for client in [&mut idle, &mut waiting] {
        assert!(!setup.world.is_open(client.id));
        assert_eq!(client.codes(&mut setup.world), ["NetConnection.Connect.Closed"]);
    }
    assert_eq!(setup.world.engine.cx.suspended, 0);
}

#[test]
fn who_has_not_connected_to_an_application_is_closed_without_a_word() {
    let mut world = world("");
    let client = Client::open(&mut world);
    world.engine.cx.kick(client.id, "no more");
    world.end_turn();
    assert!(!world.is_open(client.id) && world.take(client.id, usize::MAX).is_empty());
}

#[test]
fn clients_are_kicked_while_the_server_drains() {
    let mut world = world("");
    let publisher = Client::publish(&mut world, "a");
    world.engine.drain(world.now);
    world.end_turn();
    assert!(world.is_open(publisher.id));
    world.engine.cx.kick(publisher.id, "no more");
    world.end_turn();
    assert!(!world.is_open(publisher.id) && streams(&world).is_empty());
}

#[test]
fn a_kicked_viewer_is_refused_for_the_time_and_then_comes_again() {
    for settings in ["", "play_key secret-of-all;"] {
        let mut world = viewing::world(settings);
        let path = "/hls/cam.m3u8?key=secret-of-all";
        assert_eq!(viewing::status(&mut world, path), "200");
        assert_eq!(viewing::viewers(&world, "cam"), 1);
        let id = world.engine.cx.viewing.viewers.facts(1)[0].id;
        world.engine.cx.kick_viewers(vec![id], "no more", Duration::from_secs(60));
        world.end_turn();
        assert_eq!(viewing::viewers(&world, "cam"), 0);
        assert_eq!(viewing::status(&mut world, path), "403", "{settings}");
        assert_eq!(viewing::status(&mut world, "/hls/dog.m3u8?key=secret-of-all"), "200", "another stream");
        world.pass(61);
        assert_eq!(viewing::status(&mut world, path), "200", "{settings}");
    }
}

#[test]
fn many_viewers_are_kicked_in_steps() {
    let mut world = viewing::world("play_key secret-of-all;");
    let get = |world: &mut World, viewer: usize| {
        let fields = format!("User-Agent: player {viewer}\r\n");
        viewing::get_with(world, "/hls/cam.m3u8?key=secret-of-all", &fields)
    };
    (0..200).for_each(|viewer| assert!(get(&mut world, viewer).starts_with("HTTP/1.1 200")));
    let ids = world.engine.cx.viewing.viewers.facts(1000).into_iter().map(|viewer| viewer.id).collect();
    world.engine.cx.kick_viewers(ids, "no more", Duration::from_secs(60));
    let mut seen = vec![viewing::viewers(&world, "cam")];
    while world.engine.step(world.now) {
        seen.push(viewing::viewers(&world, "cam"));
    }
    seen.dedup();
    assert_eq!(seen, [200, 136, 72, 8, 0]);
    (0..200).for_each(|viewer| assert!(get(&mut world, viewer).starts_with("HTTP/1.1 403")));
}

#[test]
fn a_kicked_viewer_that_comes_again_is_checked_once() {
    let mut world = viewing::world("");
    for _ in 0..3 {
        assert_eq!(viewing::status(&mut world, "/hls/cam.m3u8"), "200");
        let viewers = &world.engine.cx.viewing.viewers;
        assert_eq!((viewers.len(), viewers.checks()), (1, 1));
        let id = viewers.facts(1)[0].id;
        assert_eq!(viewers.facts_of(id.serial()).map(|viewer| viewer.id), Some(id));
        world.engine.cx.kick_viewers(vec![id], "no more", Duration::from_secs(1));
        world.end_turn();
        let viewers = &world.engine.cx.viewing.viewers;
        assert_eq!((viewers.checks(), viewers.facts_of(id.serial())), (0, None));
        world.pass(2);
    }
}

#[test]
fn viewers_are_looked_for_in_steps() {
    let mut world = viewing::world("");
    for viewer in 0..9 {
        let path = if viewer % 3 == 2 { "/hls/dog.m3u8" } else { "/hls/cam.m3u8" };
        viewing::get_with(&mut world, path, &format!("User-Agent: player {viewer}\r\n"));
    }
    let look =
        |name: &str, behind, count| world.engine.cx.viewing.viewers.look((AppId(0), name), behind, count);
    let (first, last) = look("cam", None, 4);
    assert_eq!((first.len(), last.is_some()), (3, true));
    let (second, last) = look("cam", last, 4);
    assert_eq!((second.len(), last.is_some()), (3, true));
    assert_eq!(look("cam", last, 4), (Vec::new(), None), "the last one watches another stream");
    assert_eq!(look("dog", None, 100).0.len(), 3);
    assert_eq!(look("none", None, 100), (Vec::new(), None));
    let all: std::collections::HashSet<_> = first.into_iter().chain(second).collect();
    assert_eq!(all.len(), 6, "nobody is met twice");
}

#[test]
fn who_takes_a_byte_now_and_then_is_gone_ten_seconds_after_its_kick() {
    let mut world = world("");
    let _publisher = Client::publish(&mut world, "a");
    let player = Client::playing(&mut world, "a");
    world.engine.cx.kick(player.id, "no more");
    world.end_turn();
    let mut seconds = 0;
    while world.engine.cx.sessions.get(player.id).is_some() {
        assert!(seconds < 15 && !world.queue(player.id).is_empty(), "{seconds} s");
        world.take(player.id, 1);
        world.pass(1);
        seconds += 1;
    }
    assert!(seconds >= 10, "{seconds} s");
}
