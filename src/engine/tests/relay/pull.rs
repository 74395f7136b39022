//! Pulls: a stream there is published here.

use super::*;

#[test]
fn a_pull_publishes_here_what_is_published_there() {
    let mut pair = Pair::new();
    let mut publisher = Client::publish(&mut pair.there, "origin");
    let id = pair.pull("cam", to(&[target("origin")]));
    assert_eq!(pair.news(), ["began"]);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    let mut player = Client::play(&mut pair.here, "cam");
    publisher.frame(&mut pair.there, Kind::Video, 100, HEADER);
    publisher.frame(&mut pair.there, Kind::Video, 100, KEY);
    pair.run();
    pair.pass(100);
    let media = player.media(&mut pair.here);
    assert_eq!(media.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), [HEADER, KEY]);
}
