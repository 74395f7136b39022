//! The ends of relays: with their streams, with the server, with their applications.

use super::*;

#[test]
fn a_push_ends_with_its_stream_and_says_so() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    publisher.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.run();
    assert_eq!(pair.news(), ["began", "ended"]);
    assert!(!is_live(&pair.there, "other"));
    assert_eq!(pair.here.engine.cx.relays().count(), 0);
    pair.pass(3000);
    assert_eq!((pair.here.engine.session_count(), pair.there.engine.session_count()), (1, 0));
}

#[test]
fn a_push_that_waits_ends_with_its_stream_too() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    pair.is_up = Some(false);
    pair.push("cam", to(&[target("other")]));
    publisher.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    assert_eq!(pair.news(), ["failed: connection refused", "ended"]);
}

#[test]
fn a_push_stays_while_its_publisher_is_awaited() {
    let config = PATIENT.replace("live on;", "live on; publish_grace 5s;");
    let mut pair = Pair::configured(&config, PATIENT);
    let first = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    pair.here.engine.lost(first.id, pair.here.now);
    pair.pass(2000);
    let mut second = publisher(&mut pair);
    let mut player = Client::play(&mut pair.there, "other");
    second.frame(&mut pair.here, Kind::Video, 5040, KEY);
    pair.run();
    assert_eq!(player.media(&mut pair.there).len(), 3, "header and two key frames");
    assert_eq!((pair.news(), pair.connects), (vec!["began".to_owned()], 1));
}

#[test]
fn with_session_relay_a_push_stays_as_long_as_the_publisher_s_connection() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    pair.push("cam", RelaySpec { keeps_session: true, ..to(&[target("other")]) });
    let delete = ["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()];
    publisher.command(&mut pair.here, &delete);
    pair.pass(500);
    assert!(is_live(&pair.there, "other"));
    publisher.command(&mut pair.here, &["publish".into(), 4.0.into(), Value::Null, "cam".into()]);
    publisher.frame(&mut pair.here, Kind::Video, 9000, HEADER);
    let mut player = Client::play(&mut pair.there, "other");
    publisher.frame(&mut pair.here, Kind::Video, 9000, KEY);
    pair.run();
    assert_eq!((player.media(&mut pair.there).len(), pair.connects), (2, 1));
    publisher.command(&mut pair.here, &delete);
    pair.here.engine.lost(publisher.id, pair.here.now);
    pair.run();
    assert_eq!(pair.news(), ["began", "ended"]);
    assert!(!is_live(&pair.there, "other"));
}

#[test]
fn a_relay_that_is_ended_by_an_operator_leaves_its_stream_alone() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    pair.here.engine.cx.end_relay(id, "an operator wants it");
    pair.run();
    assert_eq!(pair.news(), ["began", "ended"]);
    assert!(!is_live(&pair.there, "other") && is_live(&pair.here, "cam"));
    publisher.frame(&mut pair.here, Kind::Video, 9000, KEY);
    pair.pass(60_000);
    assert_eq!((pair.connects, pair.here.engine.session_count()), (1, 1));
}

#[test]
fn a_server_that_stops_says_goodbye_and_tries_nothing_more() {
    let mut pair = Pair::with_origin(PATIENT);
    let _publisher = publisher(&mut pair);
    let _source = source(&mut pair);
    pair.push("cam", to(&[target("other")]));
    pair.pull("pulled", to(&[target("origin")]));
    pair.here.engine.stop(pair.here.now);
    pair.run();
    assert_eq!(pair.news(), ["began", "began", "ended", "ended"]);
    assert!(!is_live(&pair.there, "other"));
    pair.pass(3000);
    assert!(pair.here.engine.has_ended());
}

#[test]
fn a_server_that_drains_goes_on_with_pushes_and_ends_static_pulls() {
    let mut pair = Pair::with_origin(PATIENT);
    let mut publisher = publisher(&mut pair);
    let _source = source(&mut pair);
    let push = pair.push("cam", to(&[target("other")]));
    let pull = pair.pull("pulled", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    pair.here.engine.drain(pair.here.now);
    pair.run();
    assert!(pair.here.engine.cx.relay(push).is_some() && pair.here.engine.cx.relay(pull).is_none());
    assert!(is_live(&pair.there, "other"));
    publisher.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.pass(13_000);
    assert!(pair.here.engine.has_ended());
}

#[test]
fn relays_of_an_application_that_is_gone_end() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    pair.pull("pulled", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    let config = PATIENT.replace("application live", "application other");
    pair.here.reload(&format!("reload_grace 2s; {config}"));
    pair.pass(1000);
    assert_eq!(pair.here.engine.cx.relays().count(), 1);
    pair.pass(2000);
    assert_eq!(pair.here.engine.cx.relays().count(), 0);
    pair.pass(15_000);
    assert_eq!(pair.here.engine.session_count(), 0);
}

#[test]
fn a_static_pull_that_connects_keeps_no_server_from_draining() {
    let mut pair = Pair::new();
    pair.is_up = None;
    pair.pull("pulled", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    pair.here.engine.drain(pair.here.now);
    pair.pass(3000);
    assert!(pair.here.engine.has_ended());
}

#[test]
fn a_pull_that_is_played_goes_on_while_the_server_drains() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let pull =
        pair.pull("pulled", RelaySpec { linger: Duration::from_secs(3600), ..to(&[target("origin")]) });
    let player = Client::play(&mut pair.here, "pulled");
    pair.here.engine.drain(pair.here.now);
    pair.pass(20_000);
    assert!(pair.here.engine.cx.relay(pull).is_some());
    pair.here.engine.lost(player.id, pair.here.now);
    pair.pass(3000);
    assert!(pair.here.engine.has_ended());
}

#[test]
fn relays_that_wait_or_stand_by_end_with_their_application_too() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let _own = Client::publish(&mut pair.here, "own");
    let fixed = RelaySpec { is_static: true, ..to(&[target("origin")]) };
    let standby = pair.pull("own", fixed.clone());
    pair.is_up = Some(false);
    let waiting = pair.pull("waiting", fixed);
    assert_eq!(pair.relay(standby).state, RelayState::Standby);
    assert!(matches!(pair.relay(waiting).state, RelayState::Waiting(_)));
    let config = PATIENT.replace("application live", "application other");
    pair.here.reload(&format!("reload_grace 2s; {config}"));
    pair.pass(3000);
    assert_eq!(pair.here.engine.cx.relays().count(), 0);
}

#[test]
fn relays_go_on_over_a_reload_that_does_not_touch_their_application() {
    let mut pair = Pair::with_origin(PATIENT);
    let (_publisher, _source) = (publisher(&mut pair), source(&mut pair));
    let pull = pair.pull("pulled", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    pair.is_up = Some(false);
    let push = pair.push("cam", to(&[target("other")]));
    pair.here.reload(PATIENT);
    assert_eq!(pair.relay(pull).state, RelayState::Running);
    pair.is_up = Some(true);
    pair.pass(1200);
    assert_eq!(pair.relay(push).state, RelayState::Running);
}

#[test]
fn a_pull_that_is_ended_ends_its_stream_and_its_players_wait_on() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let id = pair.pull("cam", to(&[target("origin")]));
    let player = Client::play(&mut pair.here, "cam");
    pair.here.engine.cx.end_relay(id, "an operator wants it");
    pair.pass(60_000);
    assert!(!is_live(&pair.here, "cam") && pair.here.is_open(player.id));
    assert_eq!((pair.news(), pair.connects), (vec!["began".to_owned(), "ended".to_owned()], 1));
}

#[test]
fn a_push_that_outlives_its_stream_ends_when_its_publisher_begins_another() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", RelaySpec { keeps_session: true, ..to(&[target("other")]) });
    publisher.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.pass(500);
    assert!(is_live(&pair.there, "other") && pair.here.engine.cx.relay(id).is_some());
    publisher.command(&mut pair.here, &["publish".into(), 4.0.into(), Value::Null, "next".into()]);
    pair.run();
    assert!(!is_live(&pair.there, "other") && pair.here.engine.cx.relay(id).is_none());
}

#[test]
fn a_push_that_outlives_its_stream_does_not_end_with_the_publisher_before() {
    let config = PATIENT.replace("live on;", "live on; publish_conflict replace;");
    let mut pair = Pair::configured(&config, PATIENT);
    let _first = publisher(&mut pair);
    let id = pair.push("cam", RelaySpec { keeps_session: true, ..to(&[target("other")]) });
    let mut second = publisher(&mut pair);
    pair.pass(500);
    second.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.pass(2000);
    assert!(pair.here.engine.cx.relay(id).is_some(), "the second one may publish again");
    pair.here.engine.lost(second.id, pair.here.now);
    pair.run();
    assert!(pair.here.engine.cx.relay(id).is_none());
}

#[test]
fn a_push_whose_target_is_lost_after_a_takeover_goes_on_with_the_new_publisher() {
    let config = PATIENT.replace("live on;", "live on; publish_conflict replace;");
    let mut pair = Pair::configured(&config, PATIENT);
    let _first = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    let mut second = publisher(&mut pair);
    pair.run();
    pair.cut();
    pair.pass(1200);
    let mut player = Client::play(&mut pair.there, "other");
    second.frame(&mut pair.here, Kind::Video, 9000, KEY);
    pair.run();
    assert_eq!((pair.relay(id).state, pair.relay(id).reconnects), (RelayState::Running, 1));
    assert!(!player.media(&mut pair.there).is_empty());
}

#[test]
fn a_push_that_has_failed_is_no_player() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    let _player = Client::play(&mut pair.here, "cam");
    let players = |pair: &Pair| {
        let cx = &pair.here.engine.cx;
        let stream = cx.streams.find(pair.app(), &StreamName::new("cam").unwrap()).unwrap();
        (cx.players_of(stream), stream.players.len())
    };
    assert_eq!(players(&pair), (1, 2));
    // Before its session has had its last step.
    let link = pair.links.pop().unwrap();
    pair.here.engine.cx.end_try(link.here.unwrap(), "lost");
    assert_eq!(players(&pair), (1, 2));
    pair.here.engine.lost(link.here.unwrap(), pair.here.now);
    pair.is_up = Some(false);
    pair.run();
    assert_eq!(players(&pair), (1, 1));
}
