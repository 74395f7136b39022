//! What players get of a publisher's frames.

use crate::engine::tests::*;

#[test]
fn every_frame_reaches_every_player_as_it_was_sent() {
    let mut world = World::standard();
    let mut players = [Client::play(&mut world, "a"), Client::play(&mut world, "a")];
    let mut publisher = Client::publish(&mut world, "a");
    let long_key = [KEY, &[7; 10_000]].concat();
    let sent: [(Kind, u32, &[u8]); 6] = [
        (Kind::Video, 0, HEADER),
        (Kind::Audio, 0, AUDIO_HEADER),
        (Kind::Video, 10, &long_key),
        (Kind::Audio, 12, AUDIO),
        (Kind::Video, 43, INTER),
        (Kind::Video, 90, INTER),
    ];
    // The last frame is over the turn of the 32 bits.
    let base = 0xffff_ffc0u32;
    for (kind, time, payload) in sent {
        publisher.frame(&mut world, kind, base.wrapping_add(time), payload);
    }
    for player in &mut players {
        let got = player.media(&mut world);
        let expected = [(10, HEADER), (10, &long_key), (12, AUDIO_HEADER), (12, AUDIO), (43, INTER)];
        let expected = expected.map(|(time, payload)| (base + time, payload.to_vec()));
        assert_eq!(got[..5], expected);
        assert_eq!(got[5].0, 26, "timestamps are the publisher's, modulo 2^32");
    }
}

#[test]
fn a_late_player_begins_with_headers_and_a_key_frame() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    let mut player = Client::play(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 40, INTER);
    assert_eq!(player.media(&mut world), []);
    publisher.frame(&mut world, Kind::Video, 80, KEY);
    assert_eq!(player.media(&mut world), [(80, HEADER.to_vec()), (80, KEY.to_vec())]);
    publisher.frame(&mut world, Kind::Audio, 90, AUDIO);
    assert_eq!(player.media(&mut world), [(90, AUDIO_HEADER.to_vec()), (90, AUDIO.to_vec())]);
}

#[test]
fn a_slow_player_loses_disposable_frames_first_and_comes_back_at_a_key_frame() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let mut player = Client::play(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    for time in 1..9 {
        publisher.frame(&mut world, Kind::Video, time, INTER);
    }
    publisher.frame(&mut world, Kind::Video, 9, DISPOSABLE);
    assert_eq!(world.player(player.id).dropped(), 1);
    assert_eq!(world.player(player.id).track(Kind::Video), TrackState::Running);
    for time in 10..40 {
        publisher.frame(&mut world, Kind::Video, time, INTER);
    }
    assert_eq!(world.player(player.id).track(Kind::Video), TrackState::Waiting);
    publisher.frame(&mut world, Kind::Video, 40, KEY);
    assert_eq!(
        world.player(player.id).track(Kind::Video),
        TrackState::Waiting,
        "there is no room for a key frame yet"
    );
    let before = player.media(&mut world);
    assert!(before.len() <= 16 && before.iter().all(|(_, payload)| payload != DISPOSABLE));
    publisher.frame(&mut world, Kind::Video, 41, INTER);
    publisher.frame(&mut world, Kind::Video, 42, KEY);
    assert_eq!(player.media(&mut world), [(42, HEADER.to_vec()), (42, KEY.to_vec())]);
    assert!(world.is_open(player.id) && world.is_open(publisher.id));
}

#[test]
fn a_player_that_takes_nothing_is_closed_and_the_others_notice_nothing() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let (stuck, mut other) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    publisher.receive(&mut world);
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    for second in 0..70 {
        publisher.frame(&mut world, Kind::Video, second * 1000, KEY);
        assert!(!other.media(&mut world).is_empty());
        other.send(&mut world, &[]);
        world.pass(1);
    }
    assert!(!world.is_open(stuck.id));
    assert!(world.is_open(other.id) && world.is_open(publisher.id));
}

#[test]
fn players_are_told_of_the_end_of_a_stream_and_of_its_return() {
    let mut world = World::standard();
    let publisher = Client::publish(&mut world, "a");
    let mut player = Client::play(&mut world, "a");
    let events = |player: &mut Client, world: &mut World| -> Vec<UserControl> {
        let messages = player.receive(world);
        let controls = messages.iter().filter(|message| message.type_id == 4);
        controls.map(|message| UserControl::read(message.payload()).unwrap()).collect()
    };
    world.engine.disconnected(publisher.id, "gone", world.now);
    world.end_turn();
    assert_eq!(events(&mut player, &mut world), [UserControl::StreamEof(1)]);
    let mut publisher = Client::publish(&mut world, "a");
    assert_eq!(events(&mut player, &mut world), [UserControl::StreamBegin(1)]);
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    assert_eq!(player.media(&mut world).len(), 2);
}

#[test]
fn a_configuration_too_long_to_be_one_reaches_no_player() {
    let mut world = World::standard();
    let mut player = Client::play(&mut world, "a");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, &[HEADER, &[0; 20_000]].concat());
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    assert_eq!(player.media(&mut world), []);
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    assert_eq!(player.media(&mut world).len(), 2);
}
