//! Sessions from their first byte to their end.

use crate::engine::tests::*;

#[test]
fn a_connection_that_owes_a_step_is_closed_after_ten_seconds() {
    let mut world = World::standard();
    let (silent, mut slow) = (Client::open(&mut world), Client::open(&mut world));
    let mut connected = Client::connect(&mut world, "live");
    for _ in 0..9 {
        world.pass(1);
        slow.send(&mut world, &[3]);
    }
    assert!(world.is_open(silent.id) && world.is_open(slow.id) && world.is_open(connected.id));
    world.pass(1);
    assert!(!world.is_open(silent.id) && !world.is_open(slow.id) && !world.is_open(connected.id));
    assert!(connected.receive(&mut world).is_empty(), "the slot is free");
}

#[test]
fn the_end_of_a_connection_is_news_once_it_has_got_through_the_handshake() {
    let mut world = World::standard();
    let mut client = Client::open(&mut world);
    let all = [log::Level::Error, log::Level::Warn, log::Level::Info];
    let id = client.id;
    let levels = |world: &World| all.map(|level| world.engine.cx.sessions.get(id).unwrap().log_level(level));
    assert_eq!(levels(&world), [log::Level::Error, log::Level::Debug, log::Level::Debug]);
    client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
    assert_eq!(levels(&world), all);
}

#[test]
fn a_second_publisher_of_a_name_is_refused_with_the_reason() {
    let mut world = World::standard();
    let mut first = Client::publish(&mut world, "a");
    let mut player = Client::play(&mut world, "a");
    let mut second = Client::publish(&mut world, "a");
    assert_eq!(second.codes(&mut world), ["NetConnection.Connect.Success", "NetStream.Publish.BadName"]);
    assert!(!world.is_open(second.id));
    second.frame(&mut world, Kind::Video, 0, HEADER);
    first.frame(&mut world, Kind::Video, 0, HEADER);
    first.frame(&mut world, Kind::Video, 5, KEY);
    assert_eq!(player.media(&mut world).len(), 2);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    let mut third = Client::publish(&mut world, "a");
    assert_eq!(third.codes(&mut world), ["NetConnection.Connect.Success", "NetStream.Publish.Start"]);
}

#[test]
fn what_is_refused_is_answered_with_a_reason() {
    let mut world = World::standard();
    let mut client = Client::connect(&mut world, "nowhere");
    assert_eq!(
        client.codes(&mut world),
        ["NetConnection.Connect.Rejected", "NetConnection.Connect.InvalidApp"]
    );
    assert!(!world.is_open(client.id));
    for name in ["", "../../etc/passwd", "a\\b", &"n".repeat(129)] {
        let mut client = Client::publish(&mut world, name);
        assert_eq!(client.codes(&mut world)[1..], ["NetStream.Publish.BadName"], "{name:?}");
        assert!(!world.is_open(client.id));
    }
    let mut client = Client::connect(&mut world, "closed");
    client.command(&mut world, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
    assert_eq!(client.codes(&mut world)[1..], ["NetStream.Play.Failed"]);
}

#[test]
fn a_silent_player_is_pinged_and_closed_when_it_does_not_answer() {
    let mut world = World::standard();
    let (mut alive, mut dead) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    world.pass(61);
    let ping = |client: &mut Client, world: &mut World| {
        let messages = client.receive(world);
        let found = messages.iter().find(|message| message.type_id == 4);
        found.map(|message| UserControl::read(message.payload()).unwrap())
    };
    let Some(UserControl::PingRequest(time)) = ping(&mut alive, &mut world) else { panic!("no ping") };
    assert!(ping(&mut dead, &mut world).is_some());
    let mut answer = Vec::new();
    write_control(&mut answer, MessageType::UserControl, &[&[0, 7], &time.to_be_bytes()[..]].concat());
    alive.send(&mut world, &answer);
    world.pass(31);
    assert!(world.is_open(alive.id));
    assert!(!world.is_open(dead.id));
}

#[test]
fn a_late_answer_does_not_reach_the_next_owner_of_a_slot() {
    let mut world = World::standard();
    let first = Client::open(&mut world);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    let second = Client::open(&mut world);
    assert_eq!(first.id.index, second.id.index);
    world.engine.input(first.id, b"late", world.now);
    world.engine.disconnected(first.id, "late", world.now);
    world.engine.cx.answer(Ticket { session: first.id, serial: 1 }, Reply::Grant);
    world.end_turn();
    assert!(world.is_open(second.id));
}

#[test]
fn a_client_that_makes_replies_pile_up_is_closed() {
    let mut world = World::standard();
    let mut client = Client::connect(&mut world, "live");
    for _ in 0..40 {
        client.command(&mut world, &["createStream".into(), 2.0.into(), Value::Null]);
    }
    assert!(!world.is_open(client.id));
}

#[test]
fn a_client_that_makes_the_server_answer_before_connect_is_held_to_little() {
    let mut world = World::standard();
    let mut client = Client::open(&mut world);
    client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
    let mut pings = Vec::new();
    (0..2000u32).for_each(|time| UserControl::PingRequest(time).write(&mut pings));
    client.send(&mut world, &pings);
    assert!(!world.is_open(client.id));
}

#[test]
fn a_client_that_publishes_and_stops_in_a_loop_is_closed() {
    let mut world = World::standard();
    let mut client = Client::publish(&mut world, "a");
    for _ in 0..40 {
        client.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "a".into()]);
        client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a".into()]);
        client.receive(&mut world);
    }
    assert!(!world.is_open(client.id));
}

#[test]
fn a_session_that_has_hung_up_goes_two_seconds_later() {
    let mut world = World::standard();
    let mut client = Client::publish(&mut world, "not:allowed");
    client.receive(&mut world);
    assert_eq!(world.engine.session_count(), 1);
    let deadline = world.engine.next_deadline().unwrap();
    assert!(deadline <= world.now.instant + Duration::from_secs(2));
    world.pass(2);
    assert_eq!(world.engine.session_count(), 0);
}

#[test]
fn a_drain_finishes_idle_sessions_and_the_others_with_their_streams() {
    let mut world = World::standard();
    let publisher = Client::publish(&mut world, "a");
    let (player, waiting) = (Client::play(&mut world, "a"), Client::play(&mut world, "b"));
    world.engine.drain(world.now);
    world.end_turn();
    assert!(world.is_open(player.id) && !world.is_open(waiting.id));
    world.engine.disconnected(publisher.id, "gone", world.now);
    world.end_turn();
    world.end_turn();
    assert!(!world.is_open(player.id));
}

#[test]
fn without_sessions_there_is_no_deadline() {
    let mut world = World::standard();
    assert_eq!(world.engine.next_deadline(), None);
    let client = Client::open(&mut world);
    world.engine.disconnected(client.id, "gone", world.now);
    world.end_turn();
    world.pass(11);
    assert_eq!(world.engine.next_deadline(), None);
    assert_eq!(world.engine.session_count(), 0);
}

#[test]
fn random_bytes_after_the_handshake_end_one_session_and_no_other() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let mut seed = 1u64;
    for _ in 0..300 {
        let mut client = Client::open(&mut world);
        client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
        let mut bytes = Vec::new();
        for _ in 0..400 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((seed >> 33) as u8);
        }
        client.send(&mut world, &bytes);
        world.engine.disconnected(client.id, "gone", world.now);
        world.end_turn();
    }
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    assert!(world.is_open(publisher.id));
    assert_eq!(world.engine.session_count(), 1);
}
