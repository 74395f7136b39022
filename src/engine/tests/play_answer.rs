//! The wait behind the answer to a play: a client never reads both at once.

use crate::engine::tests::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A server whose cache holds a group of 100 frames.
fn world(directives: &str) -> (World, Client) {
    let config =
        format!("rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {directives} }} }} }}");
    let mut world = World::configured(table(), &config);
    let mut publisher = Client::publish(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    (1..100).for_each(|time| publisher.frame(&mut world, Kind::Video, time, INTER));
    (world, publisher)
}

/// A client's messages now: "media" for each frame, the code for each status.
fn heard(client: &mut Client, world: &mut World) -> Vec<String> {
    let messages = client.receive_now(world);
    let said = messages.iter().filter_map(|message| match message.type_id {
        8 | 9 => Some("media".to_owned()),
        20 => {
            let values = amf0::decode(message.payload()).unwrap();
            Some(values.last()?.as_object()?.str("code")?.trim_start_matches("NetStream.").to_owned())
        }
        _ => None,
    });
    said.collect()
}

/// Bytes of a command.
fn command(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 1, 0), &amf0::encode_all(values));
    bytes
}

fn set_buffer_length() -> Vec<u8> {
    let mut bytes = Vec::new();
    UserControl::SetBufferLength(1, 3000).write(&mut bytes);
    bytes
}

fn receive_audio() -> Vec<u8> {
    command(&["receiveAudio".into(), 0.0.into(), Value::Null, true.into()])
}

#[test]
fn headers_group_and_frames_wait_for_20_milliseconds_and_none_of_them_is_lost() {
    for cache in ["", "gop_cache off;"] {
        let (mut world, mut publisher) = world(cache);
        let mut player = Client::playing(&mut world, "a");
        publisher.frame(&mut world, Kind::Video, 100, KEY);
        assert_eq!(heard(&mut player, &mut world), ["Play.Start"]);
        for time in 101..105 {
            world.pass_time(MILLISECOND * 4);
            publisher.frame(&mut world, Kind::Video, time, INTER);
            assert_eq!(heard(&mut player, &mut world), [""; 0], "at {time}");
        }
        assert_eq!(world.engine.next_deadline(), Some(world.now.instant + MILLISECOND * 4));
        world.pass_time(MILLISECOND * 4);
        let expected = if cache.is_empty() { 1 + 105 } else { 1 + 5 };
        assert_eq!(heard(&mut player, &mut world).len(), expected);
        publisher.frame(&mut world, Kind::Video, 105, INTER);
        assert_eq!(heard(&mut player, &mut world), ["media"], "and nothing waits from then on");
    }
}

#[test]
fn the_wait_begins_when_the_answer_is_out() {
    let (mut world, _publisher) = world("");
    let mut player = Client::playing(&mut world, "a");
    world.pass(1);
    assert_eq!(heard(&mut player, &mut world), ["Play.Start"], "the socket had no room before");
    world.pass_time(MILLISECOND * 19);
    assert_eq!(heard(&mut player, &mut world), [""; 0]);
    world.pass_time(MILLISECOND);
    assert_eq!(heard(&mut player, &mut world).len(), 101);
}

#[test]
fn a_command_that_comes_when_the_answer_is_out_ends_the_wait() {
    let (mut world, _publisher) = world("");
    let mut player = Client::playing(&mut world, "a");
    assert_eq!(heard(&mut player, &mut world), ["Play.Start"]);
    world.now.instant += MILLISECOND;
    player.send(&mut world, &set_buffer_length());
    assert_eq!(heard(&mut player, &mut world), [""; 0], "sent before the client had the answer");
    player.send(&mut world, &receive_audio());
    let all = heard(&mut player, &mut world);
    assert_eq!((all[0].as_str(), all.len()), ("media", 103), "and the answers to it");
}

#[test]
fn a_command_in_the_same_read_as_the_play_does_not_end_the_wait() {
    let (mut world, _publisher) = world("");
    let mut player = Client::connect(&mut world, "live");
    player.receive(&mut world);
    let play = command(&["play".into(), 0.0.into(), Value::Null, "a".into()]);
    world.engine.input(player.id, &[play, set_buffer_length(), receive_audio()].concat(), world.now);
    // The answer is sent before the rest of what was read has its turn.
    assert_eq!(heard(&mut player, &mut world), ["Play.Start"]);
    (0..3).for_each(|_| drop(world.end_turn()));
    assert_eq!(heard(&mut player, &mut world), [""; 0]);
    world.pass_time(MILLISECOND * 20);
    assert_eq!(heard(&mut player, &mut world).len(), 103);
}

#[test]
fn a_player_that_pauses_meanwhile_gets_the_queued_frames_and_continues_with_a_key_frame() {
    let (mut world, mut publisher) = world("");
    let mut player = Client::playing(&mut world, "a");
    heard(&mut player, &mut world);
    world.now.instant += MILLISECOND;
    player.command(&mut world, &["pause".into(), 0.0.into(), Value::Null, true.into(), 0.0.into()]);
    assert_eq!(heard(&mut player, &mut world).len(), 102);
    publisher.frame(&mut world, Kind::Video, 100, KEY);
    player.command(&mut world, &["pause".into(), 0.0.into(), Value::Null, false.into(), 0.0.into()]);
    publisher.frame(&mut world, Kind::Video, 101, INTER);
    assert_eq!(heard(&mut player, &mut world), ["Unpause.Notify"]);
    publisher.frame(&mut world, Kind::Video, 102, KEY);
    assert_eq!(heard(&mut player, &mut world), ["media", "media"], "at once");
}

#[test]
fn players_of_a_stream_that_is_not_live_yet_wait_only_for_the_answer() {
    for (directives, waits_at_begin) in [("", false), ("play_restart on;", true)] {
        let (mut world, _other) = world(directives);
        let mut player = Client::connect(&mut world, "live");
        player.receive(&mut world);
        player.command(&mut world, &["play".into(), 0.0.into(), Value::Null, "b".into()]);
        heard(&mut player, &mut world);
        world.pass_time(MILLISECOND * 20);
        let mut publisher = Client::publish(&mut world, "b");
        publisher.frame(&mut world, Kind::Video, 0, HEADER);
        publisher.frame(&mut world, Kind::Video, 0, KEY);
        let at_once = heard(&mut player, &mut world);
        let answered: &[&str] = if waits_at_begin { &["Play.Start"] } else { &["media", "media"] };
        assert_eq!(at_once, answered, "{directives}");
        world.pass_time(MILLISECOND * 20);
        assert_eq!(heard(&mut player, &mut world).len(), 2 * usize::from(waits_at_begin));
    }
}

#[test]
fn a_burst_ends_the_wait_before_anything_is_left_out() {
    let (mut world, mut publisher) = world("");
    let mut player = Client::playing(&mut world, "a");
    assert_eq!(heard(&mut player, &mut world), ["Play.Start"]);
    let mut received = 0;
    for time in 100..1000 {
        publisher.frame(&mut world, Kind::Video, time, INTER);
        if world.engine.needs_flush() {
            world.engine.take_dirty();
            received += heard(&mut player, &mut world).len();
        }
    }
    received += player.media(&mut world).len();
    assert_eq!((received, world.player(player.id).dropped()), (1 + 1000, 0));
}

#[test]
fn many_players_that_join_at_once_share_one_deadline_and_the_cached_list() {
    let (mut world, _publisher) = world("");
    let mut players: Vec<_> = (0..200).map(|_| Client::playing(&mut world, "a")).collect();
    for player in &mut players {
        assert_eq!(heard(player, &mut world), ["Play.Start"]);
    }
    let deadline = world.now.instant + MILLISECOND * 20;
    assert_eq!(world.engine.next_deadline(), Some(deadline));
    world.engine.take_dirty();
    world.now.instant = deadline;
    let mut count = 0;
    while world.engine.expire(world.now) {
        count += 1;
    }
    assert_eq!((count, world.engine.take_dirty().len()), (200, 200));
    assert!(world.engine.next_deadline().is_none_or(|next| next > deadline));
    assert!(players.iter_mut().all(|player| heard(player, &mut world).len() == 101));
}

#[test]
fn a_player_that_is_closed_meanwhile_gets_the_reason() {
    let (mut world, mut publisher) = world("idle_streams off;");
    let mut player = Client::playing(&mut world, "a");
    assert_eq!(heard(&mut player, &mut world), ["Play.Start"]);
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    world.pass_time(MILLISECOND * 20);
    let statuses = heard(&mut player, &mut world);
    assert_eq!(statuses.last().map(String::as_str), Some("Play.StreamNotFound"));
    world.pass(3);
    assert_eq!(world.engine.session_count(), 1, "and is gone");
}
