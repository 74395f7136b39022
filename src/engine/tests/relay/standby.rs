//! A publisher here takes the stream of a pull, and the pull comes back when it has gone.

use super::*;

#[test]
fn a_publisher_takes_the_stream_of_a_pull_which_comes_back_after_him() {
    let mut pair = Pair::with_origin(PATIENT);
    let mut source = source(&mut pair);
    let id = pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    source.frame(&mut pair.there, Kind::Video, 140, KEY);
    pair.run();
    let mut player = Client::play(&mut pair.here, "cam");
    let mut own = publisher(&mut pair);
    own.frame(&mut pair.here, Kind::Video, 9000, KEY);
    pair.run();
    assert_eq!(pair.relay(id).state, RelayState::Standby);
    assert_eq!(pair.news(), ["began"], "that is no failure");
    let media = player.media(&mut pair.here);
    assert!(media.iter().any(|(_, payload)| payload == KEY), "{media:?}");
    pair.pass(60_000);
    assert_eq!((pair.connects, pair.relay(id).state), (1, RelayState::Standby));
    own.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.pass(1100);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    pair.pass(100);
    source.frame(&mut pair.there, Kind::Video, 61_000, KEY);
    pair.run();
    assert_eq!(player.media(&mut pair.here).len(), 3, "a header and two key frames");
}

#[test]
fn a_pull_takes_no_stream_from_a_publisher() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let own = publisher(&mut pair);
    let id = pair.pull("cam", RelaySpec { is_static: true, ..to(&[target("origin")]) });
    assert_eq!(pair.relay(id).state, RelayState::Standby);
    assert!(pair.here.is_open(own.id));
    assert_eq!(pair.news(), [""; 0]);
}

#[test]
fn players_who_do_not_wait_for_streams_otherwise_wait_for_a_pull_that_comes_back() {
    let config = PATIENT.replace("live on;", "live on; idle_streams off;");
    let mut pair = Pair::configured(&config, &PATIENT.replace("gop_cache off;", ""));
    let mut source = source(&mut pair);
    pair.pull("cam", to(&[target("origin")]));
    let mut own = publisher(&mut pair);
    let mut player = Client::play(&mut pair.here, "cam");
    pair.pass(20_000);
    own.command(&mut pair.here, &["deleteStream".into(), 3.0.into(), Value::Null, 1.0.into()]);
    pair.pass(1100);
    assert!(pair.here.is_open(player.id));
    pair.pass(100);
    source.frame(&mut pair.there, Kind::Video, 21_000, KEY);
    pair.run();
    assert_eq!(player.media(&mut pair.here).len(), 3);
}
