//! What all sessions together may take, and what is given up beyond that.

use super::*;
use crate::engine::budgets::REST;

fn world(main: &str) -> World {
    let config = format!(
        "{main} rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; gop_max_size 64m; }} }} }}"
    );
    World::configured(table(), &config)
}

impl Client {
    /// Sends the beginning of a video message of 8 MB on a chunk stream: so many bytes of its payload.
    fn begin_message(&mut self, world: &mut World, csid: u8, bytes: usize) {
        let mut message = Vec::new();
        write_message(&mut message, 128, csid, (MessageType::Video, 1, 0), &vec![0x27; 8_000_000]);
        message.truncate(12 + bytes + bytes / 128);
        for piece in message.chunks(16 * 1024) {
            self.send(world, piece);
        }
    }
}

fn held(world: &World, client: &Client) -> usize {
    world.engine.cx.sessions.get(client.id).map_or(0, Session::held_input)
}

#[test]
fn who_does_not_publish_may_have_64_kib_of_unfinished_messages() {
    let mut world = world("");
    let mut one = Client::connect(&mut world, "live");
    one.begin_message(&mut world, 6, 1000);
    assert!(!world.is_open(one.id), "8 MB are announced");
    let mut several = Client::connect(&mut world, "live");
    let begin = |world: &mut World, client: &mut Client, csid| {
        let mut message = Vec::new();
        write_message(&mut message, 128, csid, (MessageType::DataAmf0, 1, 0), &[0; 60_000]);
        message.truncate(41_000);
        client.send(world, &message);
    };
    begin(&mut world, &mut several, 6);
    assert!(world.is_open(several.id) && held(&world, &several) > 40_000);
    begin(&mut world, &mut several, 7);
    assert!(!world.is_open(several.id));
    assert_eq!(held(&world, &several), 0, "what has ended holds nothing");
}

#[test]
fn a_publisher_may_have_a_whole_message_unfinished_and_only_while_it_publishes() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.begin_message(&mut world, 6, 2_000_000);
    assert!(world.is_open(publisher.id) && held(&world, &publisher) > 2_000_000);

    let mut former = Client::publish(&mut world, "b");
    former.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    former.begin_message(&mut world, 6, 100_000);
    assert!(!world.is_open(former.id));

    let mut first = Client::publish(&mut world, "c");
    first.command_on(&mut world, 2, &["publish".into(), 2.0.into(), Value::Null, "d".into()]);
    first.command_on(&mut world, 2, &["closeStream".into(), 0.0.into(), Value::Null]);
    first.begin_message(&mut world, 6, 100_000);
    assert!(world.is_open(first.id), "it publishes another stream");
}

#[test]
fn beyond_input_memory_those_who_do_not_publish_go_first_and_the_longest_message_before_others() {
    let mut world = world("input_memory_size 1m;");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.begin_message(&mut world, 6, 400_000);
    let mut short = Client::connect(&mut world, "live");
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 6, (MessageType::DataAmf0, 1, 0), &[0; 60_000]);
    short.send(&mut world, &bytes[..10_000]);
    let mut long: Vec<_> = (0..12).map(|_| Client::connect(&mut world, "live")).collect();
    for client in &mut long {
        client.send(&mut world, &bytes[..50_000]);
    }
    let open = long.iter().filter(|client| world.is_open(client.id)).count();
    assert!((1..12).contains(&open), "{open} of the long ones are left");
    assert!(world.is_open(publisher.id) && world.is_open(short.id));
    let all = world.engine.cx.sessions.iter().map(Session::held_input).sum::<usize>();
    assert!(all <= 1 << 20, "{all} bytes");
}

#[test]
fn publishers_go_last_and_what_has_gone_does_not_count() {
    let mut world = world("input_memory_size 1m;");
    let mut publishers = ["a", "b", "c"].map(|name| Client::publish(&mut world, name));
    for (publisher, bytes) in publishers.iter_mut().zip([100_000, 600_000, 100_000]) {
        publisher.begin_message(&mut world, 6, bytes);
    }
    let open = publishers.each_ref().map(|publisher| world.is_open(publisher.id));
    assert_eq!(open, [true, false, true]);
    for _ in 0..20 {
        let mut client = Client::publish(&mut world, "d");
        client.begin_message(&mut world, 6, 100_000);
        world.engine.disconnected(client.id, "test", world.now);
        world.end_turn();
    }
    assert!(world.is_open(publishers[0].id) && world.is_open(publishers[2].id));
}

/// A publisher with so many bytes of pictures behind its headers and a key frame.
fn publisher(world: &mut World, name: &str, bytes: usize) -> Client {
    let mut client = Client::publish(world, name);
    client.frame(world, Kind::Video, 0, HEADER);
    client.frame(world, Kind::Video, 0, KEY);
    for time in 1..=bytes / 10_000 {
        client.frame(world, Kind::Video, time as u32, &[INTER, &[0; 10_000]].concat());
    }
    client
}

fn cached(world: &World) -> Vec<usize> {
    world.engine.cx.streams.iter().map(|stream| stream.gop.frames().len()).collect()
}

#[test]
fn beyond_media_memory_the_largest_caches_are_emptied_to_their_headers() {
    let mut world = world("media_memory_size 1m;");
    let mut publishers = [("a", 200_000), ("b", 500_000), ("c", 200_000)]
        .map(|(name, bytes)| publisher(&mut world, name, bytes));
    assert_eq!(cached(&world), [21, 51, 21]);
    let mut fourth = publisher(&mut world, "d", 200_000);
    assert_eq!(cached(&world)[..3], [21, 0, 21]);
    assert!(world.engine.cx.budgets.frames.bytes() < 1 << 20);
    let mut player = Client::play(&mut world, "b");
    publishers[1].frame(&mut world, Kind::Video, 1000, INTER);
    assert_eq!(player.media(&mut world), []);
    publishers[1].frame(&mut world, Kind::Video, 1010, KEY);
    assert_eq!(player.media(&mut world), [(1010, HEADER.to_vec()), (1010, KEY.to_vec())]);
    assert!(fourth.codes(&mut world).contains(&"NetStream.Publish.Start".to_owned()));
}

#[test]
fn then_the_frames_that_wait_for_slow_players_are_left_out_and_nobody_is_closed() {
    let mut world = world("media_memory_size 1m;");
    let mut publisher = publisher(&mut world, "a", 0);
    let (mut slow, mut reads) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    let inter = [INTER, &[0; 10_000]].concat();
    for time in 1..200 {
        publisher.frame(&mut world, Kind::Video, time, &inter);
        assert_eq!(reads.media(&mut world).len(), 1);
    }
    assert!(world.is_open(slow.id) && world.player(slow.id).dropped > 50);
    let used = world.engine.cx.budgets.frames.bytes();
    assert!(used < 1 << 20, "{used} bytes");
    slow.media(&mut world);
    publisher.frame(&mut world, Kind::Video, 1000, KEY);
    assert_eq!(slow.media(&mut world), [(1000, HEADER.to_vec()), (1000, KEY.to_vec())]);
}

#[test]
fn at_last_clients_are_closed_for_which_the_most_waits() {
    let mut world = world("media_memory_size 1m;");
    let publisher = publisher(&mut world, "a", 0);
    let mut clients: Vec<_> = (0..24).map(|_| Client::connect(&mut world, "live")).collect();
    let ask = ["nothing".into(), 2.0.into(), Value::Null];
    for client in &mut clients {
        for _ in 0..500 {
            client.command(&mut world, &ask);
        }
        world.pass_time(REST);
    }
    let open = clients.iter().filter(|client| world.is_open(client.id)).count();
    assert!((1..24).contains(&open), "{open} are left");
    assert!(world.is_open(publisher.id));
}

#[test]
fn what_all_frames_take_is_nothing_when_they_have_gone() {
    let mut world = world("");
    let mut publishers = [publisher(&mut world, "a", 100_000), publisher(&mut world, "b", 100_000)];
    let player = Client::playing(&mut world, "a");
    let used = world.engine.cx.budgets.frames.bytes();
    assert!((200_000..400_000).contains(&used), "{used} bytes");
    for client in publishers.iter_mut().chain([&mut { player }]) {
        world.engine.disconnected(client.id, "test", world.now);
        world.end_turn();
    }
    world.end_turn();
    assert_eq!(world.engine.cx.budgets.frames.bytes(), 0);
}

#[test]
fn the_budgets_follow_from_the_memory_of_the_machine_unless_they_are_set() {
    for (main, memory, expected) in [
        ("", 1 << 30, [64 << 20, 64 << 20]),
        ("", 1 << 40, [256 << 20, 256 << 20]),
        ("input_memory_size 8m; media_memory_size auto;", 1 << 29, [8 << 20, 32 << 20]),
    ] {
        let mut world = world(main);
        world.engine.set_memory(memory);
        assert_eq!(world.engine.cx.budgets.limits(), expected);
    }
}

#[test]
fn players_are_not_deprived_again_and_again_for_what_others_hold() {
    let mut world = world("media_memory_size 1m;");
    let mut publisher = publisher(&mut world, "a", 0);
    let mut player = Client::play(&mut world, "a");
    let held = world.engine.cx.budgets.frames.charge(2 << 20);
    let inter = [INTER, &[0; 1000]].concat();
    publisher.frame(&mut world, Kind::Video, 0, &inter);
    world.pass(1);
    publisher.frame(&mut world, Kind::Video, 1, KEY);
    assert_eq!(player.media(&mut world).last(), Some(&(1, KEY.to_vec())));
    let dropped = world.player(player.id).dropped;
    for time in 2..60 {
        publisher.frame(&mut world, Kind::Video, time, &inter);
        world.pass_time(REST);
    }
    assert_eq!((player.media(&mut world).len(), world.player(player.id).dropped), (58, dropped));
    assert!(cached(&world)[0] > 50 && world.is_open(player.id));
    drop(held);
    for time in 60..150 {
        publisher.frame(&mut world, Kind::Video, time, &[INTER, &[0; 10_000]].concat());
        world.pass_time(REST);
    }
    let used = world.engine.cx.budgets.frames.bytes();
    assert!(used < (1 << 20) + (1 << 18), "{used} bytes: the limit holds again");
}
