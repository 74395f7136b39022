//! Publishers: replacement, grace, and the calls of sinks.

use crate::engine::tests::*;

/// An application with these directives, and a sink that counts its calls.
fn world(directives: &str) -> (World, Rc<SinkCalls>) {
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; application live {{ live on; {directives} }} }} }}"
    );
    let calls = Rc::new(SinkCalls::default());
    let mut modules = table();
    modules.push(Box::new(CountingModule(Rc::clone(&calls))));
    (World::configured(modules, &config), calls)
}

/// The calls of the sinks of a stream.
#[derive(Default)]
struct SinkCalls {
    starts: Cell<usize>,
    frames: Cell<usize>,
    breaks: Cell<usize>,
    ends: Cell<usize>,
}

struct CountingModule(Rc<SinkCalls>);

struct CountingSink(Rc<SinkCalls>);

impl Module for CountingModule {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, _: &Config<'_>) -> Result<(), conf::Errors> {
        Ok(())
    }

    fn adopt(&mut self, _: &mut Ctx, _: Box<dyn Any>) {}

    fn on_stream_start(&mut self, cx: &mut Ctx, stream: StreamId) {
        self.0.starts.set(self.0.starts.get() + 1);
        let listener = CountingSink(Rc::clone(&self.0));
        cx.streams.get_mut(stream).unwrap().add_sink("counting", Box::new(listener));
    }
}

impl Sink for CountingSink {
    fn frame(&mut self, _: &Rc<Frame>, _: &mut Outlet<'_>) -> io::Result<()> {
        self.0.frames.set(self.0.frames.get() + 1);
        Ok(())
    }

    fn discontinuity(&mut self, _: &mut Outlet<'_>) {
        self.0.breaks.set(self.0.breaks.get() + 1);
    }
}

impl Drop for CountingSink {
    fn drop(&mut self) {
        self.0.ends.set(self.0.ends.get() + 1);
    }
}

/// A publisher that has begun with a key frame at a time.
fn publisher(world: &mut World, time: u32) -> Client {
    let mut client = Client::publish(world, "a");
    begin(world, &mut client, time);
    client
}

fn begin(world: &mut World, client: &mut Client, time: u32) {
    client.frame(world, Kind::Video, time, HEADER);
    client.frame(world, Kind::Video, time, KEY);
}

fn lose(world: &mut World, client: &Client) {
    world.engine.disconnected(client.id, "gone", world.now);
    world.end_turn();
}

fn user_controls(client: &mut Client, world: &mut World) -> Vec<UserControl> {
    let messages = client.receive(world);
    let controls = messages.iter().filter(|message| message.type_id == 4);
    controls.map(|message| UserControl::read(message.payload()).unwrap()).collect()
}

#[test]
fn a_publisher_that_returns_in_time_continues_its_stream() {
    let (mut world, calls) = world("publish_grace 10s;");
    let first = publisher(&mut world, 1000);
    let mut player = Client::play(&mut world, "a");
    lose(&mut world, &first);
    world.pass(4);
    assert_eq!(user_controls(&mut player, &mut world), [], "players hear nothing of it");
    let mut second = publisher(&mut world, 7);
    second.frame(&mut world, Kind::Video, 47, INTER);
    let media = player.media(&mut world);
    assert_eq!(
        media,
        [(5000, HEADER.into()), (5000, KEY.into()), (5040, INTER.into())],
        "after the time that passed"
    );
    world.pass(20);
    assert!(world.is_open(player.id) && world.is_open(second.id));
    let calls = (calls.starts.get(), calls.breaks.get(), calls.ends.get());
    assert_eq!(calls, (1, 1, 0), "one output goes on, and knows of the break");
}

#[test]
fn a_publisher_that_does_not_come_back_ends_its_stream() {
    let (mut world, calls) = world("publish_grace 10s;");
    let first = publisher(&mut world, 0);
    let mut player = Client::play(&mut world, "a");
    lose(&mut world, &first);
    world.pass(9);
    assert_eq!((user_controls(&mut player, &mut world), calls.ends.get()), (vec![], 0));
    world.pass(1);
    assert_eq!(
        (user_controls(&mut player, &mut world), calls.ends.get()),
        (vec![UserControl::StreamEof(1)], 1)
    );
    world.engine.disconnected(player.id, "gone", world.now);
    world.end_turn();
    assert_eq!(world.engine.cx.streams.iter().count(), 0);
}

#[test]
fn a_stream_without_players_has_a_grace_too_and_is_then_removed() {
    let (mut world, calls) = world("publish_grace 10s;");
    let first = publisher(&mut world, 0);
    lose(&mut world, &first);
    world.pass(5);
    let second = publisher(&mut world, 0);
    assert_eq!((calls.starts.get(), calls.ends.get()), (1, 0));
    lose(&mut world, &second);
    world.pass(10);
    assert_eq!((calls.ends.get(), world.engine.cx.streams.iter().count()), (1, 0));
}

#[test]
fn a_publisher_that_says_that_it_stops_is_not_waited_for() {
    let (mut world, calls) = world("publish_grace 10s;");
    let mut first = publisher(&mut world, 0);
    let mut player = Client::play(&mut world, "a");
    first.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "a".into()]);
    assert_eq!(
        (user_controls(&mut player, &mut world), calls.ends.get()),
        (vec![UserControl::StreamEof(1)], 1)
    );
}

#[test]
fn when_the_server_stops_players_get_the_frames_held_back_and_the_end() {
    for publisher_first in [true, false] {
        let (mut world, _) = world("buffer 100ms; merge_write 350ms;");
        let open = |world: &mut World| Client::play(world, "a");
        let before = (!publisher_first).then(|| open(&mut world));
        let mut publisher = publisher(&mut world, 0);
        let mut player = before.unwrap_or_else(|| open(&mut world));
        player.receive(&mut world);
        world.engine.take_dirty();
        publisher.frame(&mut world, Kind::Video, 40, KEY);
        assert_eq!(world.engine.take_dirty(), [], "it is held");
        world.engine.stop(world.now);
        world.end_turn();
        assert!(world.engine.take_dirty().contains(&player.id));
        let messages = player.receive(&mut world);
        let types: Vec<u8> = messages.iter().map(|message| message.type_id).collect();
        assert_eq!(types[types.len() - 2..], [9, 4], "the frame, the end");
    }
}

#[test]
fn no_more_than_so_many_streams_wait_for_publishers() {
    let (mut world, calls) = world("publish_grace 10s;");
    for round in 0..33 {
        let mut client = Client::connect(&mut world, "live");
        for msid in 1..=16_u32 {
            let name = format!("s{round}-{msid}");
            client.command(&mut world, &["createStream".into(), 2.0.into(), Value::Null]);
            let publish = &["publish".into(), 3.0.into(), Value::Null, name.as_str().into()];
            client.command_on(&mut world, msid, publish);
        }
        lose(&mut world, &client);
    }
    assert_eq!((calls.starts.get(), calls.ends.get()), (33 * 16, 16));
    assert_eq!(world.engine.cx.streams.iter().count(), 512);
}

#[test]
fn streams_that_wait_end_when_the_server_drains() {
    let (mut world, calls) = world("publish_grace 10s;");
    let first = publisher(&mut world, 0);
    lose(&mut world, &first);
    world.engine.drain(world.now);
    world.end_turn();
    assert_eq!((calls.ends.get(), world.engine.session_count()), (1, 0));
}

#[test]
fn a_publisher_may_be_replaced_at_once_where_that_is_allowed() {
    let (mut world, calls) = world("publish_conflict replace;");
    let mut first = publisher(&mut world, 0);
    let mut player = Client::play(&mut world, "a");
    let mut second = publisher(&mut world, 0);
    assert_eq!(first.codes(&mut world).last().unwrap(), "NetStream.Publish.BadName");
    assert!(!world.is_open(first.id) && world.is_open(second.id));
    first.frame(&mut world, Kind::Video, 40, KEY);
    second.frame(&mut world, Kind::Video, 40, INTER);
    let times: Vec<_> = player.media(&mut world).iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [1, 1, 41]);
    assert_eq!((calls.starts.get(), calls.breaks.get(), calls.ends.get()), (1, 1, 0));
}

#[test]
fn a_silent_publisher_may_be_replaced_and_a_busy_one_not() {
    let (mut world, _) = world("");
    let mut first = publisher(&mut world, 0);
    world.pass(4);
    first.frame(&mut world, Kind::Audio, 4000, AUDIO_HEADER);
    world.pass(4);
    first.frame(&mut world, Kind::Data, 4000, b"\x02\x00\x01x");
    let mut second = Client::publish(&mut world, "a");
    assert_eq!(second.codes(&mut world)[1..], ["NetStream.Publish.BadName"]);
    world.pass(1);
    let third = Client::publish(&mut world, "a");
    assert!(!world.is_open(first.id) && !world.is_open(second.id) && world.is_open(third.id));
}

#[test]
fn with_publish_conflict_refuse_a_second_publisher_is_refused_even_if_the_first_is_idle() {
    let (mut world, _) = world("publish_conflict refuse;");
    let first = publisher(&mut world, 0);
    world.pass(50);
    let mut second = Client::publish(&mut world, "a");
    assert_eq!(second.codes(&mut world)[1..], ["NetStream.Publish.BadName"]);
    assert!(world.is_open(first.id));
}

#[test]
fn an_idle_publisher_is_dropped_also_one_that_never_sends() {
    let (mut world, _) = world("drop_idle_publisher 5s;");
    let (silent, mut talking) = (Client::publish(&mut world, "a"), Client::publish(&mut world, "b"));
    let mut chatting = Client::publish(&mut world, "c");
    for second in 0..8 {
        talking.frame(&mut world, Kind::Audio, second * 1000, AUDIO);
        chatting.frame(&mut world, Kind::Data, second * 1000, b"\x02\x00\x01x");
        world.pass(1);
        let open = second < 4;
        assert_eq!((world.is_open(silent.id), world.is_open(chatting.id)), (open, open), "{second} s");
    }
    assert!(world.is_open(talking.id));
    world.pass(5);
    assert!(!world.is_open(talking.id));
}

#[test]
fn jumps_of_a_publishers_time_reach_no_player() {
    let (mut world, calls) = world("");
    let mut publisher = publisher(&mut world, 1_000_000);
    let mut player = Client::play(&mut world, "a");
    let times = [1_000_040, 5_000_000, 5_000_040, 3, 43, 43, 23, 83, 4_000_000_000, 4_000_000_040];
    for time in times {
        publisher.frame(&mut world, Kind::Video, time, KEY);
    }
    let times: Vec<_> = player.media(&mut world)[1..].iter().map(|(time, _)| *time).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
    assert!(times[times.len() - 1] - times[0] < 400, "{times:?}");
    assert_eq!(calls.breaks.get(), 0, "what is decoded goes on");
}

#[test]
fn a_session_may_publish_twice_and_play_at_once() {
    let (mut world, _) = world("");
    let mut both = Client::publish(&mut world, "a");
    both.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "b".into()]);
    both.command_on(&mut world, 3, &["play".into(), 4.0.into(), Value::Null, "a".into()]);
    let mut player = Client::play(&mut world, "b");
    both.receive(&mut world);
    for (msid, time) in [(1, 10), (2, 5)] {
        both.frame_on(&mut world, msid, Kind::Video, time, HEADER);
        both.frame_on(&mut world, msid, Kind::Video, time, KEY);
    }
    let own = both.receive(&mut world);
    let own: Vec<_> = own.iter().filter(|m| m.type_id == 9).map(|m| (m.msid, m.timestamp)).collect();
    assert_eq!(own, [(3, 10), (3, 10)], "on its third message stream");
    assert_eq!(player.media(&mut world), [(5, HEADER.into()), (5, KEY.into())]);

    // The end of one is not the end of the others.
    both.command_on(&mut world, 0, &["deleteStream".into(), 0.0.into(), Value::Null, 2.0.into()]);
    assert_eq!(user_controls(&mut player, &mut world), [UserControl::StreamEof(1)]);
    both.frame_on(&mut world, 1, Kind::Video, 50, KEY);
    assert_eq!(both.media(&mut world), [(50, KEY.into())]);
    let mut stranger = Client::publish(&mut world, "c");
    both.command_on(&mut world, 4, &["publish".into(), 3.0.into(), Value::Null, "c".into()]);
    assert_eq!(both.codes(&mut world).last().unwrap(), "NetStream.Publish.BadName");
    assert!(world.is_open(both.id), "a refusal costs only what was refused");
    stranger.frame(&mut world, Kind::Video, 0, KEY);
}

#[test]
fn streams_of_an_instance_are_its_own() {
    let (mut world, _) = world("");
    let mut publisher = Client::connect(&mut world, "live/room/one");
    publisher.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a".into()]);
    begin(&mut world, &mut publisher, 0);
    let mut outside = Client::play(&mut world, "a");
    let mut inside = Client::connect(&mut world, "live/room/one");
    inside.command(&mut world, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
    let mut by_name = Client::play(&mut world, "room~one~a");
    publisher.frame(&mut world, Kind::Video, 40, KEY);
    assert_eq!(outside.media(&mut world), []);
    assert_eq!(inside.media(&mut world).len(), 2);
    assert_eq!(by_name.media(&mut world).len(), 2);
    publisher.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "a".into()]);
    assert_eq!(user_controls(&mut inside, &mut world), [UserControl::StreamEof(1)]);
}

#[test]
fn a_publisher_may_take_its_own_place() {
    let (mut world, calls) = world("publish_conflict replace;");
    let mut publisher = publisher(&mut world, 0);
    publisher.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "a".into()]);
    publisher.receive(&mut world);
    let mut player = Client::play(&mut world, "a");
    publisher.frame_on(&mut world, 2, Kind::Video, 40, HEADER);
    publisher.frame_on(&mut world, 2, Kind::Video, 40, KEY);
    assert_eq!(player.media(&mut world).len(), 2);
    assert!(world.is_open(publisher.id));
    assert_eq!((calls.starts.get(), calls.ends.get()), (1, 0));
}

#[test]
fn an_unpublish_ends_the_stream_of_that_name_or_the_only_one() {
    let (mut world, _) = world("");
    let mut client = Client::publish(&mut world, "cam10");
    client.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "10".into()]);
    let names = |world: &World| -> Vec<_> {
        world.engine.cx.streams.iter().map(|stream| stream.name.to_string()).collect()
    };
    client.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "0".into()]);
    assert_eq!(names(&world), ["cam10", "10"]);
    client.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "10".into()]);
    assert_eq!(names(&world), ["cam10"]);
    client.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null]);
    assert_eq!(names(&world), Vec::<String>::new());
}

#[test]
fn a_session_that_only_published_may_be_silent_as_long_as_any() {
    let (mut world, _) = world("");
    let publisher = publisher(&mut world, 0);
    let mut bytes = Vec::new();
    let stop = amf0::encode_all(&["closeStream".into(), 0.0.into(), Value::Null]);
    write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 1, 0), &stop);
    world.engine.input(publisher.id, &bytes, world.now);
    assert!(world.end_turn().contains(&Action::DetectDeadPeer(publisher.id, Duration::from_secs(60))));
}

#[test]
fn a_publisher_that_is_replaced_has_what_any_client_has_from_then_on() {
    let (mut world, _) = world("publish_conflict replace;");
    let mut first = Client::publish(&mut world, "a");
    first.command_on(&mut world, 2, &["play".into(), 3.0.into(), Value::Null, "b".into()]);
    first.frame(&mut world, Kind::Audio, 0, AUDIO);
    for time in 1..6 {
        first.frame(&mut world, Kind::Audio, time * 9000, AUDIO);
    }
    assert!(world.engine.is_held(first.id), "its media time is ahead of the clock");
    let second = Client::connect(&mut world, "live");
    let values = ["publish".into(), 2.0.into(), Value::Null, "a".into()];
    let mut bytes = Vec::new();
    write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 1, 0), &amf0::encode_all(&values));
    world.engine.input(second.id, &bytes, world.now);
    let actions = world.end_turn();
    assert!(world.is_open(first.id) && world.is_open(second.id));
    assert!(actions.contains(&Action::DetectDeadPeer(first.id, Duration::from_secs(60))), "{actions:?}");
    assert!(!world.engine.is_held(first.id));
}
