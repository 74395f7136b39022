//! The memory budgets of all sessions, and what is freed beyond them.

use crate::engine::limits::relief::RELIEF_INTERVAL;
use crate::engine::tests::*;

fn world(main: &str) -> World {
    let config = format!(
        "{main} rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; gop_max_size 64m; }} }} }}"
    );
    World::configured(table(), &config)
}

impl World {
    /// Writes the queues as far as clients read, lets time pass, and begins another turn.
    fn next_turn(&mut self, time: Duration) {
        self.engine.take_dirty();
        self.pass_time(time);
        self.engine.step(self.now);
    }
}

impl Client {
    /// Sends the beginning of a video message of 8 MB on a chunk stream: so many bytes of its payload.
    fn begin_message(&mut self, world: &mut World, csid: u8, bytes: usize) {
        let mut message = Vec::new();
        write_message(&mut message, 128, csid, (MessageType::Video, 1, 0), &vec![0x27; 8_000_000]);
        message.truncate(12 + bytes + (bytes - 1) / 128);
        for piece in message.chunks(16 * 1024) {
            self.send(world, piece);
        }
    }
}

fn held(world: &World, client: &Client) -> usize {
    world.engine.cx.sessions.get(client.id).map_or(0, Session::held_input)
}

/// The beginning of a data message, which any client may send.
fn begin_data(world: &mut World, client: &mut Client, csid: u8, bytes: usize) {
    let mut message = Vec::new();
    write_message(&mut message, 128, csid, (MessageType::DataAmf0, 1, 0), &[0; 60_000]);
    message.truncate(bytes);
    client.send(world, &message);
}

#[test]
fn a_client_that_does_not_publish_may_have_64_kib_of_unfinished_messages() {
    let mut world = world("");
    let mut client = Client::connect(&mut world, "live");
    begin_data(&mut world, &mut client, 6, 41_000);
    assert!(world.is_open(client.id) && held(&world, &client) > 40_000);
    begin_data(&mut world, &mut client, 7, 41_000);
    assert!(!world.is_open(client.id));
    assert_eq!(held(&world, &client), 0, "a session that has ended holds nothing");
}

#[test]
fn media_of_a_client_that_does_not_publish_is_read_past() {
    let mut world = world("");
    let mut client = Client::connect(&mut world, "live");
    client.receive(&mut world);
    client.begin_message(&mut world, 6, 8000 * 128);
    assert_eq!((world.is_open(client.id), held(&world, &client)), (true, 0));
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a".into()]);
    assert_eq!(client.codes(&mut world), ["NetStream.Publish.Start"], "commands come between its chunks");
    let mut too_long = Client::connect(&mut world, "live");
    let mut header = vec![6, 0, 0, 0];
    header.extend([0x80, 0, 1, 9, 1, 0, 0, 0]);
    too_long.send(&mut world, &header);
    assert!(!world.is_open(too_long.id), "longer than max_message");
}

#[test]
fn a_publisher_may_have_a_whole_message_unfinished_until_it_stops() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.receive(&mut world);
    publisher.begin_message(&mut world, 6, 16_000 * 128);
    assert!(world.is_open(publisher.id) && held(&world, &publisher) > 2_000_000);
    // It stops in the middle of the message, and publishes again behind it.
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    assert_eq!(held(&world, &publisher), 0);
    let mut rest = Vec::new();
    write_message(&mut rest, 128, 6, (MessageType::Video, 1, 0), &vec![0x27; 8_000_000]);
    publisher.send_all(&mut world, &rest[12 + 16_000 * 129 - 1..]);
    publisher.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "b".into()]);
    publisher.frame(&mut world, Kind::Video, 0, &[KEY, &vec![0; 200_000]].concat());
    assert!(world.is_open(publisher.id));
    assert_eq!(world.engine.cx.streams.iter().next().unwrap().frames_in, 1);
}

#[test]
fn a_publisher_that_stops_one_of_its_streams_may_have_as_much_as_before() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.command_on(&mut world, 2, &["publish".into(), 2.0.into(), Value::Null, "b".into()]);
    publisher.command_on(&mut world, 2, &["closeStream".into(), 0.0.into(), Value::Null]);
    publisher.begin_message(&mut world, 6, 100_000);
    assert!(world.is_open(publisher.id) && held(&world, &publisher) > 100_000);
}

#[test]
fn beyond_input_memory_clients_that_do_not_publish_are_closed_first_by_the_length_of_their_messages() {
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
        world.next_turn(RELIEF_INTERVAL);
    }
    let open = long.iter().filter(|client| world.is_open(client.id)).count();
    assert!((1..12).contains(&open), "{open} of the long ones are left");
    assert!(world.is_open(publisher.id) && world.is_open(short.id));
    let all = world.engine.cx.sessions.iter().map(Session::held_input).sum::<usize>();
    assert!(all <= 1 << 20, "{all} bytes");
}

#[test]
fn publishers_are_closed_last_and_clients_with_little_are_left_alone() {
    let mut world = world("input_memory_size 1m;");
    let mut idle: Vec<_> = (0..50).map(|_| Client::connect(&mut world, "live")).collect();
    begin_data(&mut world, &mut idle[0], 6, 2000);
    let mut publishers = ["a", "b", "c"].map(|name| Client::publish(&mut world, name));
    for (publisher, bytes) in publishers.iter_mut().zip([100_000, 600_000, 100_000]) {
        publisher.begin_message(&mut world, 6, bytes);
    }
    assert_eq!(publishers.each_ref().map(|publisher| world.is_open(publisher.id)), [true, false, true]);
    assert!(idle.iter().all(|client| world.is_open(client.id)));
}

#[test]
fn many_clients_with_little_are_closed_before_publishers_if_they_have_most() {
    let mut world = world("input_memory_size 1m;");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.begin_message(&mut world, 6, 200_000);
    for _ in 0..400 {
        let mut client = Client::connect(&mut world, "live");
        client.receive(&mut world);
        begin_data(&mut world, &mut client, 6, 3500);
        world.next_turn(RELIEF_INTERVAL / 10);
    }
    assert!(world.is_open(publisher.id));
    assert!(world.engine.cx.budgets.input.used < (1 << 20) + 50_000);
}

/// A connected client whose `connect` had long texts, which are kept.
fn wordy(world: &mut World) -> Client {
    let mut client = Client::open(world);
    let (app, url) = (format!("live?{}", "k".repeat(8000)), "u".repeat(1024));
    client.connect_with(world, &[("app", &app), ("tcUrl", &url)]);
    client.receive(world);
    client
}

#[test]
fn clients_are_judged_by_their_unfinished_messages_not_by_the_texts_of_their_connect() {
    let mut world = world("input_memory_size 1m;");
    let wordy: Vec<_> = (0..50).map(|_| wordy(&mut world)).collect();
    assert!(held(&world, &wordy[0]) > 9000);
    let mut publishers = ["a", "b", "c"].map(|name| Client::publish(&mut world, name));
    for (publisher, bytes) in publishers.iter_mut().zip([100_000, 600_000, 100_000]) {
        publisher.begin_message(&mut world, 6, bytes);
    }
    assert_eq!(publishers.each_ref().map(|publisher| world.is_open(publisher.id)), [true, false, true]);
    assert!(wordy.iter().all(|client| world.is_open(client.id)));
}

#[test]
fn many_clients_with_long_texts_are_closed_before_publishers_and_no_more_of_them_than_is_needed() {
    let mut world = world("input_memory_size 1m;");
    let mut publisher = Client::publish(&mut world, "a");
    publisher.begin_message(&mut world, 6, 200_000);
    let mut open = Vec::new();
    for _ in 0..300 {
        open.push(wordy(&mut world).id);
        world.next_turn(RELIEF_INTERVAL / 10);
        world.end_turn();
        assert!(world.engine.cx.budgets.input.used < (1 << 20) + 120_000);
    }
    open.retain(|id| world.is_open(*id));
    assert!(world.is_open(publisher.id) && (60..110).contains(&open.len()), "{} are left", open.len());
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
    world.next_turn(RELIEF_INTERVAL);
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
fn beyond_media_memory_the_last_key_frames_that_pages_show_are_let_go_too() {
    let mut world = World::configured(
        table(),
        "media_memory_size 1m;
         rtmp { server { listen 127.0.0.1:0; application live { live on; gop_cache off; } } }
         http { server { listen 127.0.0.1:0; location / { page on; } } }",
    );
    let key = [KEY, &[0; 300_000]].concat();
    let _publishers = ["a", "b", "c", "d"].map(|name| {
        let mut publisher = publisher(&mut world, name, 0);
        publisher.frame(&mut world, Kind::Video, 10, &key);
        publisher
    });
    let kept =
        |world: &World| world.engine.cx.streams.iter().filter_map(|stream| stream.key_frames.last()).count();
    assert_eq!(kept(&world), 4);
    world.next_turn(RELIEF_INTERVAL);
    assert!((1..4).contains(&kept(&world)), "{} are left", kept(&world));
    assert!(world.engine.cx.budgets.frames.bytes() < 1 << 20);
}

#[test]
fn beyond_media_memory_players_that_are_behind_lose_frames_and_nobody_is_closed() {
    let mut world = world("media_memory_size 1m;");
    let mut publisher = publisher(&mut world, "a", 0);
    let (mut slow, mut reads) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    let inter = [INTER, &[0; 10_000]].concat();
    for time in 1..200 {
        publisher.frame(&mut world, Kind::Video, time, &inter);
        assert_eq!(reads.media(&mut world).len(), 1);
        world.next_turn(RELIEF_INTERVAL);
    }
    assert!(world.is_open(slow.id) && world.player(slow.id).dropped() > 50);
    let used = world.engine.cx.budgets.frames.bytes();
    assert!(used < 1 << 20, "{used} bytes");
    slow.media(&mut world);
    publisher.frame(&mut world, Kind::Video, 1000, KEY);
    assert_eq!(slow.media(&mut world), [(1000, HEADER.to_vec()), (1000, KEY.to_vec())]);
}

#[test]
fn a_player_that_keeps_up_loses_nothing_to_clients_that_do_not_read_their_replies() {
    let mut world = world("media_memory_size 1m;");
    let mut publisher = publisher(&mut world, "a", 0);
    let mut player = Client::play(&mut world, "a");
    publisher.receive(&mut world);
    let ask = ["nothing".into(), 2.0.into(), Value::Null];
    let mut clients = Vec::new();
    for time in 0..24 {
        let mut client = Client::connect(&mut world, "live");
        (0..500).for_each(|_| client.command(&mut world, &ask));
        clients.push(client);
        publisher.frame(&mut world, Kind::Video, 100 + time, INTER);
        world.next_turn(RELIEF_INTERVAL);
        assert!(!player.media(&mut world).is_empty(), "the frame of {time}");
    }
    let mut short = Client::connect(&mut world, "live");
    short.command(&mut world, &ask);
    let open = clients.iter().filter(|client| world.is_open(client.id)).count();
    assert!((1..24).contains(&open), "{open} are left");
    assert!(world.is_open(publisher.id) && world.is_open(short.id) && world.player(player.id).dropped() == 0);
    assert!(world.engine.cx.budgets.media_used() <= 1 << 20);
}

impl Client {
    /// Takes at most so many waiting bytes.
    fn take(&mut self, world: &mut World, bytes: usize) {
        world.take(self.id, bytes);
    }
}

#[test]
fn clients_are_closed_that_hold_large_frames_which_have_begun_to_be_sent_also_in_pairs() {
    let mut world = world("media_memory_size 4m; ");
    let mut publisher = publisher(&mut world, "a", 0);
    let mut reads = Client::play(&mut world, "a");
    let mut holders = Vec::new();
    for time in 0..20 {
        let mut pair = [Client::play(&mut world, "a"), Client::play(&mut world, "a")];
        // One of them publishes a little, to be spared.
        pair[0].command_on(&mut world, 2, &["publish".into(), 2.0.into(), Value::Null, "trifle".into()]);
        pair.iter_mut().for_each(|player| drop(player.receive(&mut world)));
        publisher.frame(&mut world, Kind::Video, 100 + time, &[KEY, &vec![0; 300_000]].concat());
        pair.iter_mut().for_each(|player| player.take(&mut world, 100_000));
        assert!(!reads.media(&mut world).is_empty());
        holders.extend(pair);
        world.next_turn(RELIEF_INTERVAL);
    }
    let used = world.engine.cx.budgets.frames.bytes();
    assert!(used < 6 << 20, "{used} bytes");
    assert!(world.is_open(publisher.id) && world.is_open(reads.id));
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
        ("", 1 << 20, [1 << 20, 1 << 20]),
        ("input_memory_size 8m; media_memory_size auto;", 1 << 29, [8 << 20, 32 << 20]),
    ] {
        let mut world = world(main);
        world.engine.set_memory(memory);
        assert_eq!([world.engine.cx.budgets.input.limit, world.engine.cx.budgets.media.limit], expected);
    }
}

#[test]
fn players_do_not_lose_frames_again_and_again_for_memory_of_outputs() {
    let mut world = world("media_memory_size 1m;");
    let mut publisher = publisher(&mut world, "a", 0);
    let mut player = Client::play(&mut world, "a");
    let held = world.engine.cx.budgets.frames.charge((1 << 20) + (1 << 19));
    let inter = [INTER, &[0; 1000]].concat();
    publisher.frame(&mut world, Kind::Video, 0, &inter);
    world.next_turn(RELIEF_INTERVAL);
    publisher.frame(&mut world, Kind::Video, 1, KEY);
    assert_eq!(player.media(&mut world).last(), Some(&(1, KEY.to_vec())));
    let dropped = world.player(player.id).dropped();
    for time in 2..60 {
        publisher.frame(&mut world, Kind::Video, time, &inter);
        world.next_turn(RELIEF_INTERVAL);
    }
    assert_eq!((player.media(&mut world).len(), world.player(player.id).dropped()), (58, dropped));
    assert!(cached(&world)[0] > 50 && world.is_open(player.id));
    drop(held);
    for time in 60..150 {
        publisher.frame(&mut world, Kind::Video, time, &[INTER, &[0; 10_000]].concat());
        world.next_turn(RELIEF_INTERVAL);
    }
    let used = world.engine.cx.budgets.frames.bytes();
    assert!(used < (1 << 20) + (1 << 18), "{used} bytes: the limit holds again");
}

/// An output that keeps every frame.
#[derive(Debug, Default)]
struct KeepsFrames(Vec<Rc<Frame>>);

impl Sink for KeepsFrames {
    fn frame(&mut self, frame: &Rc<Frame>, _: &mut Outlet<'_>) -> io::Result<()> {
        self.0.push(Rc::clone(frame));
        Ok(())
    }
}

#[test]
fn outputs_may_hold_as_much_again_and_beyond_that_the_publisher_of_most_is_closed() {
    let mut world = world("media_memory_size 1m;");
    let mut publishers = [publisher(&mut world, "a", 0), publisher(&mut world, "b", 0)];
    let ids: Vec<_> = world.engine.cx.streams.iter().map(|stream| stream.id).collect();
    for id in ids {
        world
            .engine
            .cx
            .streams
            .get_mut(id)
            .unwrap()
            .add_sink("keeps-frames", Box::new(KeepsFrames::default()));
    }
    let mut player = Client::play(&mut world, "b");
    for time in 1..400 {
        publishers[0].frame(&mut world, Kind::Video, time, &[INTER, &[0; 10_000]].concat());
        if time % 20 == 0 {
            publishers[1].frame(&mut world, Kind::Video, time, KEY);
        }
        player.media(&mut world);
        world.next_turn(RELIEF_INTERVAL);
        assert!(world.engine.cx.budgets.media_used() < (2 << 20) + 50_000);
    }
    assert_eq!(publishers.each_ref().map(|publisher| world.is_open(publisher.id)), [false, true]);
    assert!(world.is_open(player.id));
}

#[test]
fn a_session_leaves_its_streams_one_in_a_step() {
    let mut world = world("");
    let mut publisher = Client::publish(&mut world, "a");
    for msid in 2..6 {
        publisher.command_on(
            &mut world,
            msid,
            &["publish".into(), 2.0.into(), Value::Null, format!("s{msid}").as_str().into()],
        );
    }
    world.engine.disconnected(publisher.id, "test", world.now);
    let mut left = Vec::new();
    while world.engine.cx.work.is_ending() {
        world.engine.step(world.now);
        left.push(world.engine.cx.streams.iter().count());
    }
    assert_eq!(left, [4, 3, 2, 1, 0]);
    assert!(world.engine.cx.sessions.is_empty());
}
