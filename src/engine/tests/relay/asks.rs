//! Pulls of what the origin does not have, and who asks for them.

use super::*;

const NO_IDLE: &str = "live on; idle_streams off;";

/// Pulls for a player who waits, without a time between.
fn pull_for_player(pair: &mut Pair, name: &str, spec: RelaySpec) -> (RelayId, Client) {
    let (app, stream) = (pair.app(), StreamName::new(name).unwrap());
    let id = pair.here.engine.cx.start_pull(app, &stream, spec).unwrap();
    let player = player_of(pair, name);
    pair.run();
    (id, player)
}

fn player_of(pair: &mut Pair, name: &str) -> Client {
    let mut player = Client::connect(&mut pair.here, "live");
    player.command(&mut pair.here, &["play".into(), 2.0.into(), Value::Null, name.into()]);
    player
}

/// A pull that players have asked for.
fn edge(targets: &[RelayTarget]) -> RelaySpec {
    RelaySpec { source: RelaySource::Edge, ..to(targets) }
}

fn sources(pair: &Pair, id: RelayId) -> Vec<String> {
    pair.relay(id).spec.targets.iter().map(|target| target.stream.clone()).collect()
}

#[test]
fn a_stream_that_the_origin_does_not_have_is_not_published_here() {
    let mut pair = Pair::with_origin(PATIENT);
    let (id, mut player) = pull_for_player(&mut pair, "cam", edge(&[target("origin")]));
    pair.pass(1_800_000);
    assert_eq!((pair.news(), pair.connects), (Vec::new(), 1));
    assert_eq!(pair.relay(id).state, RelayState::Connecting);
    assert!(!is_live(&pair.here, "cam") && pair.here.engine.cx.totals.publishes == 0);
    let mut source = source(&mut pair);
    source.frame(&mut pair.there, Kind::Video, 140, KEY);
    pair.pass(100);
    assert_eq!((pair.news(), pair.connects), (vec!["began".to_owned()], 1));
    assert_eq!(player.media(&mut pair.here).len(), 3, "a header and two key frames");
    pair.here.engine.lost(player.id, pair.here.now);
    pair.pass(12_000);
    assert_eq!(pair.news(), ["ended"]);
}

#[test]
fn a_pull_of_nothing_ends_with_its_last_player() {
    let mut pair = Pair::with_origin(PATIENT);
    let (_, player) = pull_for_player(&mut pair, "cam", edge(&[target("origin")]));
    pair.here.engine.lost(player.id, pair.here.now);
    pair.pass(12_000);
    assert_eq!((pair.news(), pair.here.engine.session_count()), (vec!["ended".to_owned()], 0));
}

#[test]
fn a_silent_origin_of_nothing_is_pinged() {
    let config = PATIENT.replace("ping 1h;", "ping 5s; ping_timeout 5s;");
    let mut pair = Pair::configured(&config, &PATIENT.replace("gop_cache off;", ""));
    let spec = RelaySpec { is_static: true, ..to(&[target("origin")]) };
    pair.pull("cam", spec);
    pair.pass(30_000);
    assert_eq!((pair.news(), pair.connects), (Vec::new(), 1), "it answers");
    pair.links.clear();
    pair.is_up = Some(false);
    pair.pass(11_000);
    assert_eq!(pair.news()[0], "failed: does not answer a ping");
}

#[test]
fn of_several_origins_the_one_is_pulled_from_that_has_the_stream() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let (id, mut player) = pull_for_player(&mut pair, "cam", edge(&[target("none"), target("origin")]));
    pair.pass(11_000);
    let why = "has sent nothing of the stream in time".to_owned();
    let failed = RelayEvent::Failed { why, is_refusal: false, has_next: true };
    assert_eq!(pair.events(), [failed, RelayEvent::Began]);
    assert_eq!((pair.relay(id).current, player.media(&mut pair.here).len()), (1, 2));
}

#[test]
fn the_last_origin_s_refusal_is_followed_by_no_other() {
    let there = PATIENT.replace("live on;", NO_IDLE);
    let mut pair = Pair::with_origin(&there);
    pull_for_player(&mut pair, "cam", edge(&[target("none"), target("nothing")]));
    pair.pass(500);
    let has_next = |event| match event {
        RelayEvent::Failed { is_refusal: true, has_next, .. } => has_next,
        event => panic!("{event:?}"),
    };
    assert_eq!(pair.events().into_iter().map(has_next).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn who_comes_while_a_pull_waits_has_it_tried_at_once() {
    let there = PATIENT.replace("live on;", NO_IDLE);
    let mut pair = Pair::with_origin(&there);
    let spec = edge(&[target("origin")]);
    pull_for_player(&mut pair, "cam", spec.clone());
    pair.pass(120_000);
    let tries = pair.connects;
    pair.pass(5000);
    assert_eq!(pair.connects, tries, "the wait is long");
    let _source = source(&mut pair);
    let (_, mut player) = pull_for_player(&mut pair, "cam", spec);
    pair.pass(500);
    assert_eq!(player.media(&mut pair.here).len(), 2);
}

#[test]
fn however_often_a_pull_is_asked_for_it_is_tried_once_a_second() {
    let there = PATIENT.replace("live on;", NO_IDLE);
    let mut pair = Pair::with_origin(&there);
    let spec = edge(&[target("origin")]);
    let _player = pull_for_player(&mut pair, "cam", spec.clone());
    pair.pass(10_000);
    let tries = pair.connects;
    for _ in 0..100 {
        let (app, name) = (pair.app(), StreamName::new("cam").unwrap());
        pair.here.engine.cx.start_pull(app, &name, spec.clone());
        pair.pass(100);
    }
    assert!((9..=11).contains(&(pair.connects - tries)), "{}", pair.connects - tries);
}

#[test]
fn the_arguments_of_the_first_player_do_not_keep_the_stream_from_the_second() {
    let there = PATIENT.replace("live on;", NO_IDLE);
    let mut pair = Pair::with_origin(&there);
    let _source = source(&mut pair);
    let (id, _first) = pull_for_player(&mut pair, "cam", edge(&[target("bad")]));
    pair.pass(5000);
    let (same, mut second) = pull_for_player(&mut pair, "cam", edge(&[target("origin")]));
    pair.pass(1100);
    assert_eq!((id, sources(&pair, id)), (same, vec!["origin".to_owned()]));
    assert_eq!(second.media(&mut pair.here).len(), 2);
    pull_for_player(&mut pair, "cam", edge(&[target("bad")]));
    assert_eq!((sources(&pair, id), pair.relay(id).state), (vec!["origin".to_owned()], RelayState::Running));
}

#[test]
fn two_who_ask_for_others_in_turn_both_have_their_try() {
    let there = PATIENT.replace("live on;", NO_IDLE);
    let mut pair = Pair::with_origin(&there);
    pair.is_up = None;
    let (id, _first) = pull_for_player(&mut pair, "cam", edge(&[target("bad")]));
    // While the first try runs.
    let (_, mut second) = pull_for_player(&mut pair, "cam", edge(&[target("origin")]));
    pull_for_player(&mut pair, "cam", edge(&[target("worse")]));
    assert_eq!((sources(&pair, id), pair.connects), (vec!["bad".to_owned()], 1));
    pair.is_up = Some(true);
    let _source = source(&mut pair);
    pair.pass(11_500);
    assert_eq!((sources(&pair, id), second.media(&mut pair.here).len()), (vec!["origin".to_owned()], 2));
}

#[test]
fn an_origin_that_waits_for_the_stream_gives_way_to_another_that_is_asked_for() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let (id, mut first) = pull_for_player(&mut pair, "cam", edge(&[target("moved")]));
    pair.pass(5000);
    pull_for_player(&mut pair, "cam", edge(&[target("origin")]));
    pair.pass(1000);
    assert_eq!((sources(&pair, id), first.media(&mut pair.here).len()), (vec!["origin".to_owned()], 2));
    assert_eq!(pair.news(), ["began"], "nothing has failed");
}

#[test]
fn players_who_ask_for_invented_names_leave_room_for_pushes_and_static_pulls() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = None;
    let app = pair.app();
    let mut start = |name: &str, spec: RelaySpec| {
        pair.here.engine.cx.start_pull(app, &StreamName::new(name).unwrap(), spec)
    };
    let asked = edge(&[target("origin")]);
    let started: Vec<_> = (0..600).filter_map(|number| start(&format!("s{number}"), asked.clone())).collect();
    assert_eq!(started.len(), 256);
    assert!(start("static", RelaySpec { is_static: true, ..asked.clone() }).is_some());
    assert!(start("ordered", to(&[target("origin")])).is_some());
    pair.push("cam", to(&[target("other")]));
}

#[test]
fn each_of_many_pulls_is_tried_and_ends_when_nobody_wants_it() {
    let mut pair = Pair::new();
    pair.is_up = None;
    let app = pair.app();
    for number in 0..100 {
        let name = StreamName::new(&format!("s{number}")).unwrap();
        pair.here.engine.cx.start_pull(app, &name, edge(&[target("origin")])).unwrap();
    }
    pair.pass(500);
    assert_eq!((pair.connects, pair.here.engine.cx.relays().count()), (100, 100));
    pair.pass(40_000);
    assert_eq!(pair.here.engine.cx.relays().count(), 0);
}

#[test]
fn a_try_that_panics_leaves_its_relay_waiting() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.is_up = None;
    let id = pair.push("cam", to(&[target("other")]));
    // As the step does after a panic.
    pair.here.engine.cx.try_after_panic(id);
    pair.run();
    assert!(matches!(pair.relay(id).state, RelayState::Waiting(_)) && pair.relay(id).session.is_none());
    pair.is_up = Some(true);
    pair.pass(31_000);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    assert_eq!(pair.here.engine.session_count(), 2, "the one that has begun is closed");
}
