//! Pulls: a stream there is published here.

use super::*;

#[test]
fn a_pull_publishes_here_what_is_published_there() {
    let mut pair = Pair::with_origin(PATIENT);
    let mut publisher = Client::publish(&mut pair.there, "origin");
    let id = pair.pull("cam", to(&[target("origin")]));
    let mut player = Client::play(&mut pair.here, "cam");
    publisher.frame(&mut pair.there, Kind::Video, 100, HEADER);
    publisher.frame(&mut pair.there, Kind::Video, 100, KEY);
    pair.run();
    pair.pass(100);
    assert_eq!(pair.news(), ["began"]);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    let media = player.media(&mut pair.here);
    assert_eq!(media.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), [HEADER, KEY]);
    assert!(pair.relay(id).bytes > 100);
}

#[test]
fn a_pull_ends_some_time_after_its_last_player() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    pair.pull("cam", to(&[target("origin")]));
    let player = Client::play(&mut pair.here, "cam");
    pair.pass(30_000);
    assert!(is_live(&pair.here, "cam"));
    pair.here.engine.lost(player.id, pair.here.now);
    pair.pass(9000);
    assert!(is_live(&pair.here, "cam"));
    pair.pass(3000);
    assert!(!is_live(&pair.here, "cam"));
    assert_eq!(pair.news(), ["began", "ended"]);
    assert_eq!((pair.connects, pair.here.engine.session_count()), (1, 0));
}

#[test]
fn a_static_pull_needs_no_players() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    pair.pass(30_000);
    assert!(is_live(&pair.here, "cam"));
}

#[test]
fn a_pull_is_tried_again_while_players_wait() {
    let mut pair = Pair::new();
    let (app, name) = (pair.app(), StreamName::new("cam").unwrap());
    pair.is_up = Some(false);
    pair.here.engine.cx.start_pull(app, &name, to(&[target("origin")])).unwrap();
    let mut player = Client::play(&mut pair.here, "cam");
    pair.pass(20_000);
    let tries = pair.connects;
    assert!(tries >= 4, "{tries}");
    let mut source = source(&mut pair);
    pair.is_up = Some(true);
    pair.pass(16_000);
    source.frame(&mut pair.there, Kind::Video, 140, KEY);
    pair.run();
    assert_eq!(player.media(&mut pair.here).len(), 2);
}

#[test]
fn where_players_do_not_wait_otherwise_they_wait_ten_seconds_for_a_pull() {
    let config = PATIENT.replace("live on;", "live on; idle_streams off;");
    let mut pair = Pair::configured(&config, PATIENT);
    let (app, name) = (pair.app(), StreamName::new("cam").unwrap());
    pair.is_up = Some(false);
    let mut refused = Client::play(&mut pair.here, "cam");
    assert_eq!(refused.codes(&mut pair.here), [""; 0]);
    assert!(!pair.here.is_open(refused.id));
    pair.here.engine.cx.start_pull(app, &name, to(&[target("origin")])).unwrap();
    let mut player = Client::connect(&mut pair.here, "live");
    player.command(&mut pair.here, &["play".into(), 2.0.into(), Value::Null, "cam".into()]);
    player.receive(&mut pair.here);
    pair.pass(9900);
    assert!(pair.here.is_open(player.id));
    let mut left = 12;
    while pair.here.is_open(player.id) && left > 0 {
        pair.pass(100);
        left -= 1;
    }
    assert!(!pair.here.is_open(player.id));
    let codes = player.codes(&mut pair.here);
    assert_eq!(codes.last().map(String::as_str), Some("NetStream.Play.StreamNotFound"));
    pair.pass(12_000);
    assert_eq!(pair.news().last().map(String::as_str), Some("ended"));
}

#[test]
fn a_short_interruption_of_a_pull_ends_no_stream() {
    let mut pair = Pair::with_origin(PATIENT);
    let mut source = source(&mut pair);
    let id = pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    let mut player = Client::play(&mut pair.here, "cam");
    player.media(&mut pair.here);
    pair.cut();
    assert!(is_live(&pair.here, "cam"), "it is in grace");
    pair.pass(1200);
    source.frame(&mut pair.there, Kind::Video, 1340, KEY);
    pair.run();
    assert_eq!(pair.relay(id).reconnects, 1);
    let messages = player.receive(&mut pair.here);
    assert!(messages.iter().all(|message| message.type_id != 4), "nobody is told of an end");
    assert!(messages.iter().any(|message| message.type_id == 9));
}

#[test]
fn what_ends_there_ends_here_and_is_tried_again() {
    let mut pair = Pair::with_origin(PATIENT);
    let mut source = source(&mut pair);
    let id = pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    source.command(&mut pair.there, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.run();
    assert!(!is_live(&pair.here, "cam"));
    let news = pair.news();
    assert!(news[1] == "failed: its stream has ended there", "{news:?}");
    assert!(matches!(pair.relay(id).state, RelayState::Waiting(_)));
    source.command(&mut pair.there, &["publish".into(), 4.0.into(), Value::Null, "origin".into()]);
    pair.pass(1200);
    assert!(!is_live(&pair.here, "cam"), "nothing has come of it");
    source.frame(&mut pair.there, Kind::Video, 0, HEADER);
    source.frame(&mut pair.there, Kind::Video, 0, KEY);
    pair.pass(100);
    assert!(is_live(&pair.here, "cam"));
}

#[test]
fn a_source_that_is_silent_and_does_not_answer_is_given_up() {
    let config = PATIENT.replace("ping 1h;", "ping 5s; ping_timeout 5s;");
    let mut pair = Pair::configured(&config, &PATIENT.replace("gop_cache off;", ""));
    let _source = source(&mut pair);
    pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    pair.links.clear();
    pair.is_up = Some(false);
    pair.pass(11_000);
    assert_eq!(pair.news()[1], "failed: does not answer a ping");
}
