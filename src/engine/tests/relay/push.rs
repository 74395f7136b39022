//! Pushes: a stream here is published there, too.

use super::*;

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

#[test]
fn metadata_is_sent_as_an_instruction_and_players_there_get_it_as_it_is() {
    let mut pair = Pair::new();
    let mut publisher = Client::publish(&mut pair.here, "cam");
    let values = ["onMetaData".into(), Value::Object(Object::default().with("width", 320.0))];
    publisher.frame(&mut pair.here, Kind::Data, 0, &amf0::encode_all(&values));
    publisher.frame(&mut pair.here, Kind::Video, 5000, HEADER);
    let id = pair.push("cam", to(&[target("other")]));
    let mut player = Client::play(&mut pair.there, "other");
    publisher.frame(&mut pair.here, Kind::Video, 5000, KEY);
    let session = pair.relay(id).session.unwrap();
    let sent = pair.here.take(session, usize::MAX).concat();
    let there = pair.links.last().unwrap().there.unwrap();
    pair.there.engine.input(there, &sent, pair.there.now);
    pair.run();
    let position = |word: &str| sent.windows(word.len()).position(|window| window == word.as_bytes());
    assert!(position("@setDataFrame").unwrap() < position("onMetaData").unwrap());
    let messages = player.receive(&mut pair.there);
    let data: Vec<_> = messages.iter().filter(|message| message.type_id == 18).collect();
    let names = data.iter().map(|message| amf0::decode(message.payload()).unwrap()[0].clone());
    assert!(names.into_iter().any(|name| name == Value::from("onMetaData")));
}

#[test]
fn a_long_stream_is_pushed_from_0_though_its_own_times_are_long() {
    let config = PATIENT.replace("out_queue 16;", "out_queue 16; chunk_size 128;");
    let mut pair = Pair::configured(&config, PATIENT);
    let first = 0x00ff_ffff - 20;
    let mut publisher = Client::publish(&mut pair.here, "cam");
    publisher.frame(&mut pair.here, Kind::Video, first, HEADER);
    pair.push("cam", to(&[target("other")]));
    let mut player = Client::play(&mut pair.there, "other");
    let long: Vec<_> = KEY.iter().copied().chain((0..500).map(|byte| byte as u8)).collect();
    publisher.frame(&mut pair.here, Kind::Video, first, &long);
    publisher.frame(&mut pair.here, Kind::Video, first + 40, &long);
    publisher.frame(&mut pair.here, Kind::Video, first + 80, INTER);
    pair.run();
    let media = player.media(&mut pair.there);
    let expected =
        [(0, HEADER), (0, &long), (40, &long), (80, INTER)].map(|(at, bytes)| (at, bytes.to_vec()));
    assert_eq!(media, expected);
}

#[test]
fn a_push_begins_at_0_again_with_headers_after_each_reconnect() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    publisher.frame(&mut pair.here, Kind::Video, 5040, KEY);
    pair.run();
    pair.cut();
    assert_eq!(pair.news(), ["began", "failed: the connection was lost"]);
    assert!(matches!(pair.relay(id).state, RelayState::Waiting(_)));
    pair.pass(1100);
    assert_eq!(pair.news(), ["began"]);
    assert_eq!((pair.relay(id).reconnects, pair.relay(id).failures), (1, 1));
    let mut player = Client::play(&mut pair.there, "other");
    publisher.frame(&mut pair.here, Kind::Video, 6200, KEY);
    pair.run();
    assert_eq!(player.media(&mut pair.there), [(0, HEADER.to_vec()), (0, KEY.to_vec())]);
}

#[test]
fn a_target_that_does_not_read_loses_frames_and_others_none() {
    let mut pair = Pair::new();
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    publisher.frame(&mut pair.here, Kind::Video, 5010, KEY);
    let mut player = Client::play(&mut pair.here, "cam");
    for time in 0..40 {
        publisher.frame(&mut pair.here, Kind::Video, 5040 + 40 * time, KEY);
        player.media(&mut pair.here);
    }
    assert!(pair.relay(id).dropped > 10, "{}", pair.relay(id).dropped);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    pair.run();
    publisher.frame(&mut pair.here, Kind::Video, 9000, KEY);
    assert_eq!(player.media(&mut pair.here), [(9000, KEY.to_vec())]);
    pair.run();
    assert!(pair.relay(id).bytes > 1000);
}

#[test]
fn a_target_that_takes_nothing_is_given_up_after_the_timeout() {
    let config = PATIENT.replace("timeout 1h;", "timeout 5s;");
    let mut pair = Pair::configured(&config, PATIENT);
    let mut publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    publisher.frame(&mut pair.here, Kind::Video, 5040, KEY);
    pair.links.clear();
    pair.pass(6000);
    assert_eq!(pair.news(), ["began", "failed: takes nothing of what it is sent", "began"]);
    assert_eq!(pair.relay(id).reconnects, 1);
}

#[test]
fn a_silent_publisher_costs_no_push() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    pair.pass(5000);
    assert_eq!(pair.news(), ["began"]);
    assert_eq!(pair.relay(id).state, RelayState::Running);
    // Nobody says that the other server has to answer pings.
    pair.links.clear();
    pair.here.pass(120);
    assert_eq!(pair.relay(id).state, RelayState::Running);
}

#[test]
fn of_two_pushes_to_one_server_the_log_tells_the_second_one_s_number() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let first = pair.push("cam", to(&[target("one")]));
    let second = pair.push("cam", to(&[target("two")]));
    assert_eq!(pair.relay(first).ends(), "live/cam -> there");
    assert_eq!(pair.relay(second).ends(), format!("live/cam -> there (relay {})", second.0));
}
