//! Relays of the configuration, over reloads and orders of operators.

use super::*;

fn config(directives: &str) -> String {
    PATIENT.replace("live on;", &format!("live on; {directives}"))
}

fn world(directives: &str) -> World {
    World::configured(table(), &config(directives))
}

/// The ids, waits and lingering of all relays.
fn relays(world: &World) -> Vec<(RelayId, u64, u64)> {
    let times = |relay: &Relay| (relay.id, relay.spec.reconnect.as_secs(), relay.spec.linger.as_secs());
    world.engine.cx.relays().map(times).collect()
}

#[test]
fn a_reload_leaves_a_pull_with_the_arguments_of_a_player_as_it_is() {
    for line in ["pull rtmp://there/live/$name?$args;", "pull rtmp://there/$arg_t name=cam;"] {
        let mut world = world(line);
        let _player = Client::play(&mut world, "cam?t=1");
        let before = relays(&world);
        assert_eq!(before.len(), 1);
        world.reload(&config(line));
        assert_eq!(relays(&world), before, "{line}");
        world.reload(&config(&format!("{line} pull_linger 20s; pull_reconnect 3s;")));
        assert_eq!(relays(&world), [(before[0].0, 3, 20)], "{line}");
        world.reload(&config("pull rtmp://elsewhere/live/$name?$args;"));
        let after = relays(&world);
        assert!(after.len() == 1 && after[0].0 != before[0].0, "{line}");
        let target = world.engine.cx.relays().next().unwrap().target().unwrap().stream.clone();
        assert_eq!(target, "cam?t=1");
    }
}

#[test]
fn a_reload_changes_the_times_of_pushes_that_go_on() {
    let mut world = world("push rtmp://there/live;");
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 5000, HEADER);
    let before = relays(&world);
    assert_eq!(before.len(), 1);
    world.reload(&config("push rtmp://there/live; push_reconnect 4s; relay_buffer 9s; session_relay on;"));
    assert_eq!(relays(&world), [(before[0].0, 4, 10)]);
    assert!(world.engine.cx.relays().all(|relay| relay.spec.keeps_session));
}

#[test]
fn a_pull_that_an_operator_has_ended_comes_back_with_the_next_player_only() {
    let mut pair = Pair::configured(&config("pull rtmp://there/live/origin name=cam;"), PATIENT);
    let mut source = source(&mut pair);
    let _player = Client::play(&mut pair.here, "cam");
    pair.run();
    pair.pass(100);
    source.frame(&mut pair.there, Kind::Video, 140, KEY);
    pair.run();
    assert!(is_live(&pair.here, "cam"));
    let (id, ..) = relays(&pair.here)[0];
    pair.here.engine.cx.end_relay(id, "an operator wants it");
    pair.run();
    pair.pass(5000);
    assert_eq!(relays(&pair.here), []);
    assert!(!is_live(&pair.here, "cam"));
    let _next = Client::play(&mut pair.here, "cam");
    assert_eq!(relays(&pair.here).len(), 1);
}

#[test]
fn players_of_a_publisher_who_has_gone_have_the_stream_pulled() {
    let mut pair = Pair::configured(&config("pull rtmp://there/live/origin name=cam;"), PATIENT);
    let mut own = publisher(&mut pair);
    let _player = Client::play(&mut pair.here, "cam");
    assert_eq!(relays(&pair.here), []);
    own.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.run();
    assert_eq!(relays(&pair.here).len(), 1);
}

/// A server that refuses every publish.
const REFUSING: &str =
    "rtmp { server { listen 127.0.0.1:0; application live { live on; deny publish all; } } }";

#[test]
fn a_publisher_of_an_edge_is_dismissed_when_all_origins_refuse_him() {
    let edge = config("edge rtmp://there/live rtmp://there2/live; edge_auth origin;");
    let mut pair = Pair::configured(&edge, REFUSING);
    let refused = publisher(&mut pair);
    pair.run();
    pair.pass(100);
    assert_eq!(pair.connects, 2, "both are asked");
    assert!(!is_live(&pair.here, "cam") && pair.here.engine.cx.relays().count() == 0, "{:?}", pair.news());
    drop(refused);
}

#[test]
fn a_publisher_of_an_edge_whose_push_has_run_is_not_dismissed_for_a_refusal_later() {
    let edge = config("edge rtmp://there/live; edge_auth origin;");
    let mut pair = Pair::configured(&edge, PATIENT);
    let _publisher = publisher(&mut pair);
    pair.run();
    pair.pass(100);
    assert!(is_live(&pair.there, "cam"));
    // The origin still has the lost connection, and refuses another publisher of the name.
    let link = pair.links.pop().unwrap();
    pair.here.engine.lost(link.here.unwrap(), pair.here.now);
    pair.pass(2000);
    assert!(pair.events().iter().any(|event| matches!(event, RelayEvent::Failed { is_refusal: true, .. })));
    assert!(is_live(&pair.here, "cam"));
}
