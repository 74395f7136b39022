//! Pushes: a stream here is published there, too.

use super::*;

/// A publisher here of "cam", with a key frame.
fn publisher(pair: &mut Pair) -> Client {
    let mut publisher = Client::publish(&mut pair.here, "cam");
    publisher.frame(&mut pair.here, Kind::Video, 5000, HEADER);
    publisher.frame(&mut pair.here, Kind::Video, 5000, KEY);
    publisher
}

#[test]
fn a_push_publishes_there_what_is_published_here_and_its_times_begin_at_0() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    assert_eq!(pair.news(), ["began"]);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    let mut player = Client::play(&mut pair.there, "other");
    publisher.frame(&mut pair.here, Kind::Video, 5040, KEY);
    publisher.frame(&mut pair.here, Kind::Video, 5080, INTER);
    pair.run();
    let media = player.media(&mut pair.there);
    let expected = [(0, HEADER.to_vec()), (0, KEY.to_vec()), (40, INTER.to_vec())];
    assert_eq!(media, expected);
}
