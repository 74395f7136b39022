//! Redirects: who continues with which stream, and what its client hears of it.

use crate::engine::tests::gates::Setup;
use crate::engine::tests::operations::{config, stream_of, streams, world};
use crate::engine::tests::*;

fn endpoint(client: &Client) -> Endpoint {
    Endpoint { session: client.id, msid: 1 }
}

fn redirect(world: &mut World, client: &Client, to: &str) {
    world.engine.cx.redirect(endpoint(client), to);
    world.end_turn();
}

#[test]
fn a_redirected_player_plays_the_other_stream() {
    let mut world = world("");
    let (mut a, mut b) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    for (publisher, payload) in [(&mut a, KEY), (&mut b, INTER)] {
        publisher.frame(&mut world, Kind::Video, 0, HEADER);
        publisher.frame(&mut world, Kind::Video, 0, payload);
    }
    let mut player = Client::play(&mut world, "a");
    redirect(&mut world, &player, "b?token=2");
    assert_eq!(stream_of(&world, &player).as_deref(), Some("b"));
    a.frame(&mut world, Kind::Video, 40, DISPOSABLE);
    b.frame(&mut world, Kind::Video, 40, KEY);
    let payloads: Vec<_> = player.media(&mut world).into_iter().map(|(_, payload)| payload).collect();
    assert!(payloads.contains(&KEY.to_vec()) && !payloads.contains(&DISPOSABLE.to_vec()));
    assert!(
        world.engine.cx.streams.iter().find(|stream| stream.name.as_str() == "a").unwrap().players.is_empty()
    );
}

#[test]
fn a_redirected_player_keeps_what_its_client_has_asked_for() {
    let mut world = world("");
    let (mut a, mut b) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    let mut player = Client::connect(&mut world, "live");
    // 400 ms of media.
    player.command(
        &mut world,
        &["play".into(), 2.0.into(), Value::Null, "a".into(), (-2.0).into(), 400.0.into()],
    );
    for publisher in [&mut a, &mut b] {
        publisher.frame(&mut world, Kind::Video, 1000, HEADER);
        publisher.frame(&mut world, Kind::Audio, 1000, AUDIO_HEADER);
    }
    for time in 0..3 {
        a.frame(&mut world, Kind::Video, 1000 + time * 100, KEY);
    }
    assert_eq!(player.media(&mut world).len(), 4);
    player.command(&mut world, &["receiveAudio".into(), 0.0.into(), Value::Null, false.into()]);
    player.command(&mut world, &["pause".into(), 0.0.into(), Value::Null, true.into(), 0.0.into()]);
    redirect(&mut world, &player, "b");
    b.frame(&mut world, Kind::Video, 9000, KEY);
    assert!(player.media(&mut world).is_empty(), "it is paused");
    player.command(&mut world, &["pause".into(), 0.0.into(), Value::Null, false.into(), 0.0.into()]);
    for time in 0..5 {
        b.frame(&mut world, Kind::Video, 9100 + time * 100, KEY);
        b.frame(&mut world, Kind::Audio, 9100 + time * 100, AUDIO);
    }
    let media = player.media(&mut world);
    let payloads: Vec<_> = media.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(payloads, [HEADER, KEY, KEY], "no sound, and the rest of its 400 ms");
}

#[test]
fn a_redirected_publisher_goes_on_under_the_other_name_with_its_headers() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.receive(&mut world);
    for (kind, payload) in
        [(Kind::Video, HEADER), (Kind::Audio, AUDIO_HEADER), (Kind::Video, KEY), (Kind::Audio, AUDIO)]
    {
        publisher.frame(&mut world, kind, 5000, payload);
    }
    let mut player = Client::play(&mut world, "b");
    redirect(&mut world, &publisher, "b");
    assert_eq!(streams(&world), ["b"], "the old stream has no grace");
    assert_eq!(publisher.codes(&mut world), ["NetStream.Publish.Start"]);
    publisher.frame(&mut world, Kind::Video, 5040, KEY);
    publisher.frame(&mut world, Kind::Audio, 5041, AUDIO);
    let media = player.media(&mut world);
    let payloads: Vec<_> = media.iter().map(|(_, payload)| payload.as_slice()).collect();
    assert_eq!(payloads, [HEADER, KEY, AUDIO_HEADER, AUDIO]);
    assert!(media.iter().all(|(time, _)| (5000..=5041).contains(time)), "{media:?}");
    // The client stops it by the name that it knows.
    publisher.command_on(&mut world, 0, &["FCUnpublish".into(), 3.0.into(), Value::Null, "a".into()]);
    assert!(streams(&world).is_empty());
}

#[test]
fn a_refused_redirect_changes_nothing_and_the_client_is_told_nothing() {
    for (settings, to) in
        [("", "b"), ("", "../etc"), ("", ""), ("", "?token=1"), ("", "a%zz"), ("idle_streams off;", "c")]
    {
        let mut world = world(settings);
        let mut publisher = Client::publish(&mut world, "a");
        Client::publish(&mut world, "b");
        let mut player = Client::play(&mut world, "a");
        publisher.receive(&mut world);
        let client = if to == "c" { &mut player } else { &mut publisher };
        redirect(&mut world, client, to);
        assert_eq!(stream_of(&world, client).as_deref(), Some("a"), "{to}");
        assert!(client.codes(&mut world).is_empty(), "{to}");
    }
}

#[test]
fn a_redirect_to_the_same_name_begins_the_stream_anew_and_a_replaced_publisher_is_told() {
    let mut world = world("publish_conflict replace;");
    let (mut a, mut b) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    a.receive(&mut world);
    b.receive(&mut world);
    redirect(&mut world, &a, "a");
    assert_eq!(a.codes(&mut world), ["NetStream.Publish.Start"]);
    redirect(&mut world, &a, "b");
    assert_eq!(a.codes(&mut world), ["NetStream.Publish.Start"]);
    assert_eq!(b.codes(&mut world), ["NetStream.Publish.BadName"]);
    assert_eq!(streams(&world), ["b"]);
    assert!(!world.is_open(b.id));
}

#[test]
fn names_of_redirects_are_read_like_those_of_clients() {
    let mut world = world("");
    let publisher = Client::publish(&mut world, "a");
    for (to, name) in [("b%20c?x=y", "b c"), ("mp4:d", "d"), ("room/cam", "room~cam")] {
        redirect(&mut world, &publisher, to);
        assert_eq!(stream_of(&world, &publisher).as_deref(), Some(name));
    }
}

#[test]
fn an_operator_needs_no_key_but_rules_by_address_hold() {
    let mut world = world("publish_key secret-of-all; deny play 192.0.2.0/24;");
    let mut publisher = Client::connect(&mut world, "live");
    publisher.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a?key=secret-of-all".into()]);
    redirect(&mut world, &publisher, "b");
    assert_eq!(stream_of(&world, &publisher).as_deref(), Some("b"));
}

#[test]
fn a_redirect_waits_for_its_callback_and_the_old_role_stays_until_then() {
    let mut setup = Setup::configured(&config(""));
    let mut publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Grant);
    publisher.receive(&mut setup.world);
    redirect(&mut setup.world, &publisher, "b");
    assert_eq!(streams(&setup.world), ["a"]);
    // A second one finds the first under way.
    redirect(&mut setup.world, &publisher, "c");
    setup.answer(setup.ticket(), Reply::Refuse(Refusal::of_client("not you")));
    assert_eq!(streams(&setup.world), ["a"]);
    assert!(publisher.codes(&mut setup.world).is_empty());
    redirect(&mut setup.world, &publisher, "b");
    setup.answer(setup.ticket(), Reply::Grant);
    assert_eq!(streams(&setup.world), ["b"]);
    redirect(&mut setup.world, &publisher, "c");
    setup.answer(setup.ticket(), Reply::Rename("d".into()));
    assert_eq!(streams(&setup.world), ["d"]);
}

#[test]
fn who_leaves_before_a_redirect_is_granted_is_not_brought_back() {
    let mut setup = Setup::configured(&config("idle_streams off;"));
    let publisher = setup.publish("a");
    setup.answer(setup.ticket(), Reply::Grant);
    let player = Client::play(&mut setup.world, "a");
    redirect(&mut setup.world, &player, "paid");
    let ticket = setup.ticket();
    setup.world.engine.cx.kick(publisher.id, "no more");
    setup.world.end_turn();
    assert_eq!(stream_of(&setup.world, &player), None);
    setup.answer(ticket, Reply::Grant);
    assert_eq!(stream_of(&setup.world, &player), None);
}
