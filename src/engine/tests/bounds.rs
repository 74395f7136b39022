//! Bounds of one client: the memory and the work that it can cause at once, and the queue of one that reads.

use crate::engine::tests::*;

const BURST: u32 = 8000;

fn world(directives: &str) -> World {
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; max_message 16m; application live {{ live on; {directives} }} }} }}"
    );
    World::configured(table(), &config)
}

/// A publisher of a group of so many inter frames of a size.
fn publisher(world: &mut World, frames: u32, size: usize) -> Client {
    let mut client = Client::publish(world, "a");
    client.frame(world, Kind::Video, 0, HEADER);
    client.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    client.frame(world, Kind::Video, 0, KEY);
    let inter = [INTER, &vec![0; size]].concat();
    (1..=frames).for_each(|number| client.frame(world, Kind::Video, number * 10, &inter));
    client
}

fn play_on(world: &mut World, name: &str, arguments: &[Value]) -> Client {
    let mut client = Client::connect(world, "live");
    client.receive(world);
    client.command(world, &[&["play".into(), 2.0.into(), Value::Null, name.into()], arguments].concat());
    client
}

fn queued(world: &mut World, client: &Client) -> usize {
    world.queue(client.id).bytes()
}

#[test]
fn one_session_holds_the_cached_group_once_or_twice_however_often_it_plays() {
    let mut world = world("");
    let mut publisher = publisher(&mut world, 380, 10_000);
    let mut greedy = Client::connect(&mut world, "live");
    for msid in 2..17 {
        greedy.command_on(&mut world, msid, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
    }
    publisher.frame(&mut world, Kind::Video, 4000, INTER);
    let bytes = queued(&mut world, &greedy);
    assert!(world.is_open(greedy.id) && bytes < MAX_QUEUED_BYTES + (4 << 20), "{bytes} bytes");
    let stream = world.engine.cx.streams.iter().next().unwrap();
    let frame = &stream.gop.frames()[1];
    assert!(Rc::strong_count(frame) > 1, "what waits is shared");
}

#[test]
fn a_player_that_leaves_or_changes_its_stream_gets_the_waiting_frames() {
    let closing: [&[Value]; 2] = [
        &["closeStream".into(), 0.0.into(), Value::Null],
        &["play".into(), 0.0.into(), Value::Null, "b".into()],
    ];
    for command in closing {
        let mut world = world("");
        let _publisher = publisher(&mut world, 700, 1000);
        let mut player = play_on(&mut world, "a", &[]);
        player.command(&mut world, command);
        assert!(world.is_open(player.id));
        assert_eq!(player.media(&mut world).len(), 703, "headers, key frame and the group");
        assert!(world.is_open(player.id));
    }
    let mut world = world("");
    let mut publisher = publisher(&mut world, 50, 20_000);
    let mut player = play_on(&mut world, "a", &[0.0.into(), 600.0.into()]);
    publisher.frame(&mut world, Kind::Video, 700, INTER);
    assert_eq!(player.media(&mut world).len(), 53, "also one whose time is up");
    assert!(world.is_open(player.id));
}

#[test]
fn a_cached_group_of_few_large_frames_closes_nobody() {
    let mut world = world("gop_max_size 64m;");
    let mut publisher = publisher(&mut world, 60, 420_000);
    let mut player = play_on(&mut world, "a", &[]);
    assert!(queued(&mut world, &player) > 24_000_000);
    publisher.frame(&mut world, Kind::Video, 610, INTER);
    assert!(world.is_open(player.id));
    assert_eq!(player.media(&mut world).len(), 64);
}

#[test]
fn tiny_messages_are_taken_some_a_turn_and_none_is_lost() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world, 0, 0);
    let mut player = Client::play(&mut world, "a");
    publisher.frame(&mut world, Kind::Audio, 100, AUDIO);
    player.receive(&mut world);
    // One header, and then chunks of two bytes.
    let mut bytes = vec![6, 0, 0, 1, 0, 0, 1, 8, 1, 0, 0, 0, 0x2f];
    bytes.extend([0xc6, 0x2f].repeat(BURST as usize - 1));
    world.engine.input(publisher.id, &bytes, world.now);
    let taken = world.queue(player.id).len();
    assert!(taken <= 32 && world.engine.is_held(publisher.id), "{taken} in one turn");
    let mut received = 0;
    while world.engine.is_held(publisher.id) {
        received += player.media(&mut world).len();
        world.end_turn();
    }
    received += player.media(&mut world).len();
    assert_eq!(received, BURST as usize);
}

#[test]
fn messages_that_ask_nothing_are_taken_some_a_turn() {
    let mut world = world("");
    let publisher = publisher(&mut world, 0, 0);
    // Messages of an unknown type without a payload: a byte each after the first.
    let mut bytes = vec![6, 0, 0, 0, 0, 0, 0, 99, 1, 0, 0, 0];
    bytes.extend([0xc6; 128 * 1024]);
    world.engine.input(publisher.id, &bytes, world.now);
    let mut turns = 0;
    while world.engine.is_held(publisher.id) {
        world.end_turn();
        turns += 1;
    }
    assert!((10..100).contains(&turns) && world.is_open(publisher.id), "{turns}");
}

#[test]
fn the_parts_of_an_aggregate_are_taken_some_a_turn_too() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world, 0, 0);
    let mut player = Client::play(&mut world, "a");
    publisher.frame(&mut world, Kind::Audio, 10, AUDIO);
    player.receive(&mut world);
    let mut aggregate = Vec::new();
    (0..250).for_each(|number| crate::media::flv::write_tag(&mut aggregate, Kind::Audio, number, AUDIO));
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 6, (MessageType::Aggregate, 1, 20), &aggregate);
    publisher.send(&mut world, &bytes);
    let mut times = Vec::new();
    while world.engine.is_held(publisher.id) {
        times.extend(player.media(&mut world).iter().map(|(time, _)| *time));
        world.end_turn();
    }
    times.extend(player.media(&mut world).iter().map(|(time, _)| *time));
    assert_eq!(times, (20..270).collect::<Vec<_>>());
}

#[test]
fn players_that_reach_their_limit_are_noted_once() {
    let mut world = world("gop_cache off;");
    let mut publisher = publisher(&mut world, 0, 0);
    let mut player = play_on(&mut world, "a", &[0.0.into(), 1.0.into()]);
    publisher.frame(&mut world, Kind::Video, 100, KEY);
    let mut bytes = Vec::new();
    for time in 200..250 {
        write_message(&mut bytes, 128, 6, (MessageType::Video, 1, time), KEY);
    }
    world.engine.input(publisher.id, &bytes, world.now);
    assert_eq!(world.engine.cx.work.finished.len(), 1);

    // It plays something else before the turn is over.
    let _other = Client::publish(&mut world, "b");
    let mut player_of_b = Vec::new();
    let play = amf0::encode_all(&["play".into(), 2.0.into(), Value::Null, "b".into()]);
    write_message(&mut player_of_b, 128, 3, (MessageType::CommandAmf0, 1, 0), &play);
    let mut second = play_on(&mut world, "a", &[0.0.into(), 1.0.into()]);
    publisher.frame(&mut world, Kind::Video, 300, KEY);
    second.receive(&mut world);
    let mut late = Vec::new();
    write_message(&mut late, 128, 6, (MessageType::Video, 1, 400), KEY);
    world.engine.input(publisher.id, &late, world.now);
    world.engine.input(second.id, &player_of_b, world.now);
    world.end_turn();
    assert_eq!(second.codes(&mut world), ["NetStream.Play.Start"]);
    assert_eq!(world.engine.cx.sessions.get(second.id).unwrap().roles.len(), 1);
    player.receive(&mut world);
}
