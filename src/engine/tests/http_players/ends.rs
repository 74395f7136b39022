//! What ends a live answer: its stream, its client, an operator, a reload, time.

use super::*;

/// A stream and a player that has read everything.
fn playing(directives: &str) -> (World, Client, HttpClient) {
    let mut world = world(directives);
    let publisher = publisher(&mut world);
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    player.head(&mut world);
    assert!(!player.tags(&mut world).is_empty());
    (world, publisher, player)
}

fn unpublish(world: &mut World, publisher: &mut Client) {
    publisher.command(world, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
}

#[test]
fn the_end_of_the_stream_is_the_last_chunk_and_the_connection_is_closed() {
    let (mut world, mut publisher, mut player) = playing("");
    unpublish(&mut world, &mut publisher);
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    assert!(!player.is_open(&world));
    world.pass(10);
    assert!(world.engine.cx.sessions.get(player.id).is_none());
}

#[test]
fn a_lost_publisher_who_returns_in_time_is_noticed_only_as_a_pause() {
    let (mut world, lost, mut player) = playing("publish_grace 10s;");
    world.engine.lost(lost.id, world.now);
    world.pass(8);
    assert!(player.read(&mut world).is_empty() && player.is_open(&world));
    let mut returned = publisher(&mut world);
    let before = player.tags(&mut world);
    assert!(!before.is_empty() && player.is_open(&world));
    assert!(media(&before).iter().all(|(_, time)| *time > 10), "the times go on: {:?}", media(&before));
    world.engine.lost(returned.id, world.now);
    world.pass(11);
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    returned.id = SessionId::default();
}

#[test]
fn nobody_waits_longer_than_15_s() {
    let mut world = world("");
    let mut player = HttpClient::get(&mut world, "/live/a.flv");
    player.head(&mut world);
    world.pass(14);
    assert!(player.is_open(&world));
    world.pass(2);
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    assert!(!player.is_open(&world));
}

#[test]
fn a_client_that_hangs_up_leaves_whatever_waits_for_it() {
    let (mut world, mut publisher, player) = playing("");
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    assert!(world.engine.has_output(player.id));
    world.engine.end_of_input(player.id, world.now);
    world.end_turn();
    assert!(world.engine.cx.sessions.get(player.id).is_none());
}

#[test]
fn a_client_that_takes_nothing_loses_frames_and_is_closed_after_the_timeout() {
    let (mut world, mut publisher, player) = playing("");
    for count in 1..=60 {
        publisher.frame(
            &mut world,
            Kind::Video,
            5000 + 40 * count,
            if count % 10 == 0 { KEY } else { INTER },
        );
        world.pass_time(Duration::from_millis(40));
    }
    assert!(world.queue(player.id).len() <= 32, "{}", world.queue(player.id).len());
    assert!(world.player(player.id).dropped() > 0);
    for count in 61..=120 {
        publisher.frame(&mut world, Kind::Video, 5000 + 1000 * count, KEY);
        world.pass(1);
    }
    assert!(world.engine.cx.sessions.get(player.id).is_none());
}

#[test]
fn a_client_that_says_more_than_a_little_is_closed() {
    let (mut world, _publisher, mut player) = playing("");
    player.send(&mut world, &[b'x'; 4096]);
    assert!(player.is_open(&world));
    player.send(&mut world, b"x");
    assert!(!player.is_open(&world));
}

#[test]
fn an_operator_ends_a_player_and_cannot_redirect_it() {
    let (mut world, _publisher, mut player) = playing("");
    world.engine.cx.redirect(Endpoint { session: player.id, msid: 1 }, "b");
    world.end_turn();
    assert!(player.is_open(&world) && player.read(&mut world).is_empty());
    world.engine.cx.kick(player.id, "ended by an operator");
    world.end_turn();
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    assert!(!player.is_open(&world));
}

#[test]
fn a_player_of_an_application_or_an_address_that_is_gone_ends_after_the_grace() {
    let without_app =
        "reload_grace 10s; rtmp { server { listen 127.0.0.1:0; application other { live on; } } }
        http { server { listen 127.0.0.1:0; location / { flv_live on; } } }";
    let without_address = "reload_grace 10s;
        rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
        http { server { listen 127.0.0.2:0; location / { flv_live on; } } }";
    for next in [without_app, without_address] {
        let (mut world, _publisher, mut player) = playing("");
        world.reload(next);
        world.pass(9);
        assert!(player.is_open(&world), "{next}");
        world.pass(1);
        assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()], "{next}");
        assert!(!player.is_open(&world));
    }
}

#[test]
fn the_stop_of_the_server_ends_answers_in_order() {
    let (mut world, _publisher, mut player) = playing("");
    let mut waiting = HttpClient::get(&mut world, "/live/b.flv");
    waiting.head(&mut world);
    world.engine.stop(world.now);
    world.end_turn();
    assert_eq!(player.chunks(&mut world), [Vec::<u8>::new()]);
    assert_eq!(waiting.chunks(&mut world), [Vec::<u8>::new()]);
}

#[test]
fn another_publisher_continues_the_stream_of_a_player() {
    let (mut world, _publisher, mut player) = playing("publish_conflict replace;");
    let _other = publisher(&mut world);
    let tags = player.tags(&mut world);
    assert!(player.is_open(&world));
    assert!(
        media(&tags).len() >= 4 && media(&tags).iter().all(|(_, time)| *time >= 10),
        "{:?}",
        media(&tags)
    );
}

#[test]
fn a_player_that_is_behind_at_the_end_still_gets_what_waits_for_it() {
    let (mut world, mut publisher, mut player) = playing("");
    publisher.frame(&mut world, Kind::Video, 5040, INTER);
    world.pass(10);
    unpublish(&mut world, &mut publisher);
    world.pass(1);
    let chunks = player.chunks(&mut world);
    assert_eq!((chunks.len(), chunks.last().unwrap().len()), (2, 0));
}
