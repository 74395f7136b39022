//! Tests of the whole engine without sockets and in virtual time: `World` is a server, `Client` a client fed by hand.

mod advice;
mod bounds;
mod budgets;
mod connections;
mod dismissal;
mod gates;
mod headers;
mod hls;
mod http;
mod names;
mod notices;
mod pace;
mod panics;
mod play;
mod play_answer;
mod publish;
mod recording;
mod shared_object;
mod unsolicited;

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use crate::conf::Tree;
use crate::engine::*;
use crate::media::amf::{Object, Value, amf0};
use crate::media::{Frame, Kind};
use crate::modules::table;
use crate::rtmp::chunk::{ChunkReader, Limits, Message, write_message};
use crate::rtmp::control::{UserControl, write_control};
use crate::rtmp::message::MessageType;

const CONFIG: &str = "
    rtmp {
        server {
            listen 127.0.0.1:0;
            out_queue 16;
            gop_cache off;
            application live { live on; }
            application closed { }
        }
    }
";

const HEADER: &[u8] = &[0x17, 0, 0, 0, 0, 1, 66, 0, 30, 0xff, 0xe0, 0];
const KEY: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88];
const INTER: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x9a];
const DISPOSABLE: &[u8] = &[0x37, 1, 0, 0, 0, 0, 0, 0, 2, 0x01, 0x9a];
const AUDIO_HEADER: &[u8] = &[0xaf, 0, 0x12, 0x10];
const AUDIO: &[u8] = &[0xaf, 1, 1, 2, 3];

/// The addresses of a client and the server, from those for documentation.
const ENDS: (SocketAddr, SocketAddr) = (
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80),
);

/// An engine and its clock.
struct World {
    engine: Engine,
    now: Now,
}

impl World {
    fn new(modules: Vec<Box<dyn Module>>) -> Self {
        Self::configured(modules, CONFIG)
    }

    fn configured(modules: Vec<Box<dyn Module>>, config: &str) -> Self {
        let mut tree = Tree::from_text("test", config).unwrap();
        let table = directive_table(&modules);
        conf::check(&mut tree, &table).unwrap();
        let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let engine = Engine::new(&Scope::root(&tree, &table), modules, 7, now).unwrap();
        Self { engine, now }
    }

    fn standard() -> Self {
        Self::new(table())
    }

    /// The queue of a client.
    fn queue(&self, id: SessionId) -> &OutQueue {
        &self.engine.cx.sessions.get(id).unwrap().out
    }

    /// Lets a client take at most so many waiting bytes. Returns the pieces; a file's are zeros.
    fn take(&mut self, id: SessionId, most: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut left = most;
        while left > 0 {
            let sent = self.engine.send(id, self.now, |outgoing| {
                let begun = left;
                let mut take = |piece: &[u8]| {
                    let piece = &piece[..piece.len().min(left)];
                    left -= piece.len();
                    taken.extend((!piece.is_empty()).then(|| piece.to_vec()));
                };
                match outgoing {
                    Outgoing::Bytes(bytes) => take(bytes),
                    Outgoing::Slices { slices, .. } => slices.iter().for_each(|slice| take(slice)),
                    Outgoing::File(piece) => take(&vec![0; piece.left as usize]),
                }
                Ok::<_, Infallible>(begun - left)
            });
            if sent == Ok(None) {
                break;
            }
        }
        taken
    }

    /// Does all steps that are left, but processes input of each session only once. Returns the actions for net.
    fn end_turn(&mut self) -> Vec<Action> {
        let mut resumes = None;
        loop {
            let work = &self.engine.cx.work;
            if !work.is_ending() && work.composing.is_empty() {
                let waiting = work.streaming.len() + work.joining.len() + work.requesting.len();
                let left = resumes.get_or_insert(waiting);
                let Some(fewer) = left.checked_sub(1) else { break };
                *left = fewer;
            }
            self.engine.step(self.now);
        }
        self.check_budgets();
        std::iter::from_fn(|| self.engine.next_action()).collect()
    }

    /// Lets time pass, with the timers.
    fn pass(&mut self, seconds: u64) {
        (0..seconds).for_each(|_| self.pass_time(Duration::from_secs(1)));
    }

    fn pass_time(&mut self, time: Duration) {
        self.now = Now { instant: self.now.instant + time, wall: self.now.wall + time };
        while self.engine.expire(self.now) {}
        self.end_turn();
    }

    /// Checks that the budgets are the sums of what sessions have counted.
    fn check_budgets(&self) {
        let sum = |count: fn(&Session) -> usize| self.engine.cx.sessions.iter().map(count).sum::<usize>();
        let budgets = &self.engine.cx.budgets;
        assert_eq!(budgets.input.used, sum(Session::held_input));
        assert_eq!(budgets.media.used, sum(Session::waiting_bytes));
    }

    fn is_open(&self, id: SessionId) -> bool {
        self.engine.cx.sessions.get(id).is_some_and(|session| session.life == Life::Open)
    }

    fn player(&self, id: SessionId) -> Player {
        match self.engine.cx.sessions.get(id).unwrap().roles.iter().next().copied().unwrap() {
            SessionRole::Player(player) => player,
            other => panic!("{other:?}"),
        }
    }
}

/// One client: it sends to the engine at once, and reads what the engine has queued for it.
struct Client {
    id: SessionId,
    reader: ChunkReader,
    handshake_left: usize,
}

impl Client {
    /// Connects to an application.
    fn connect(world: &mut World, app: &str) -> Self {
        let mut client = Self::open(world);
        client.connect_with(world, &[("app", app)]);
        client
    }

    /// Sends the handshake, and a `connect` with these texts.
    fn connect_with(&mut self, world: &mut World, texts: &[(&str, &str)]) {
        self.send(world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
        let object = texts.iter().fold(Object::default(), |object, (name, text)| object.with(name, *text));
        self.command(world, &["connect".into(), 1.0.into(), Value::Object(object)]);
    }

    fn open(world: &mut World) -> Self {
        let id = world.engine.accept(0, ENDS, world.now).unwrap();
        let limits = Limits { message: 1 << 24, streams: 64, held: 1 << 25 };
        Self { id, reader: ChunkReader::new(limits), handshake_left: 3073 }
    }

    fn publish(world: &mut World, name: &str) -> Self {
        let mut client = Self::connect(world, "live");
        client.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
        client
    }

    fn play(world: &mut World, name: &str) -> Self {
        let mut client = Self::connect(world, "live");
        client.command(world, &["play".into(), 2.0.into(), Value::Null, name.into()]);
        client.receive(world);
        client
    }

    /// A player that has read nothing since its request.
    fn playing(world: &mut World, name: &str) -> Self {
        let mut client = Self::connect(world, "live");
        client.receive(world);
        client.command(world, &["play".into(), 2.0.into(), Value::Null, name.into()]);
        client
    }

    fn send(&mut self, world: &mut World, bytes: &[u8]) {
        world.engine.input(self.id, bytes, world.now);
        world.end_turn();
    }

    /// Sends more than a turn processes, and lets as many turns pass.
    fn send_all(&mut self, world: &mut World, bytes: &[u8]) {
        self.send(world, bytes);
        while world.engine.is_held(self.id) {
            world.end_turn();
        }
    }

    fn command(&mut self, world: &mut World, values: &[Value]) {
        self.command_on(world, 1, values);
    }

    fn command_on(&mut self, world: &mut World, msid: u32, values: &[Value]) {
        let mut bytes = Vec::new();
        write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, msid, 0), &amf0::encode_all(values));
        self.send(world, &bytes);
    }

    fn frame(&mut self, world: &mut World, kind: Kind, timestamp: u32, payload: &[u8]) {
        self.frame_on(world, 1, kind, timestamp, payload);
    }

    fn frame_on(&mut self, world: &mut World, msid: u32, kind: Kind, timestamp: u32, payload: &[u8]) {
        let type_id = MessageType::of(kind.type_id()).unwrap();
        let mut bytes = Vec::new();
        write_message(&mut bytes, 128, 6, (type_id, msid, timestamp), payload);
        self.send(world, &bytes);
    }

    /// Takes the client's messages, also those behind the wait after an answer.
    fn receive(&mut self, world: &mut World) -> Vec<Message> {
        let mut messages = self.receive_now(world);
        if world.engine.cx.sessions.get(self.id).is_some_and(|session| session.out.is_waiting()) {
            world.engine.cx.sessions.get_mut(self.id).unwrap().out.end_wait();
            messages.extend(self.receive_now(world));
        }
        messages
    }

    /// Takes the client's messages that can be sent now.
    fn receive_now(&mut self, world: &mut World) -> Vec<Message> {
        let bytes = world.take(self.id, usize::MAX).concat();
        world.end_turn();
        let skipped = bytes.len().min(self.handshake_left);
        self.handshake_left -= skipped;
        let mut rest = &bytes[skipped..];
        let mut messages = Vec::new();
        while let Some(message) = self.reader.next(&mut rest).unwrap() {
            if message.type_id == MessageType::SetChunkSize as u8 {
                self.reader
                    .set_chunk_size(u32::from_be_bytes(message.payload().try_into().unwrap()))
                    .unwrap();
            }
            messages.push(message);
        }
        messages
    }

    /// Takes the client's audio and video: times and payloads.
    fn media(&mut self, world: &mut World) -> Vec<(u32, Vec<u8>)> {
        let messages = self.receive(world);
        let media = messages.iter().filter(|m| m.type_id == 8 || m.type_id == 9);
        media.map(|m| (m.timestamp, m.payload().to_vec())).collect()
    }

    /// Takes the codes of the client's status and error messages.
    fn codes(&mut self, world: &mut World) -> Vec<String> {
        let messages = self.receive(world);
        let commands = messages.iter().filter(|message| message.type_id == 20);
        let values = commands.map(|message| amf0::decode(message.payload()).unwrap());
        values.filter_map(|v| Some(v.last()?.as_object()?.str("code")?.to_owned())).collect()
    }
}

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
fn a_connection_that_owes_a_step_is_closed_after_ten_seconds() {
    let mut world = World::standard();
    let (silent, mut slow) = (Client::open(&mut world), Client::open(&mut world));
    let mut connected = Client::connect(&mut world, "live");
    for _ in 0..9 {
        world.pass(1);
        slow.send(&mut world, &[3]);
    }
    assert!(world.is_open(silent.id) && world.is_open(slow.id) && world.is_open(connected.id));
    world.pass(1);
    assert!(!world.is_open(silent.id) && !world.is_open(slow.id) && !world.is_open(connected.id));
    assert!(connected.receive(&mut world).is_empty(), "the slot is free");
}

#[test]
fn the_end_of_a_connection_is_news_once_it_has_got_through_the_handshake() {
    let mut world = World::standard();
    let mut client = Client::open(&mut world);
    let all = [log::Level::Error, log::Level::Warn, log::Level::Info];
    let id = client.id;
    let levels = |world: &World| all.map(|level| world.engine.cx.sessions.get(id).unwrap().log_level(level));
    assert_eq!(levels(&world), [log::Level::Error, log::Level::Debug, log::Level::Debug]);
    client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
    assert_eq!(levels(&world), all);
}

#[test]
fn a_second_publisher_of_a_name_is_refused_with_the_reason() {
    let mut world = World::standard();
    let mut first = Client::publish(&mut world, "a");
    let mut player = Client::play(&mut world, "a");
    let mut second = Client::publish(&mut world, "a");
    assert_eq!(second.codes(&mut world), ["NetConnection.Connect.Success", "NetStream.Publish.BadName"]);
    assert!(!world.is_open(second.id));
    second.frame(&mut world, Kind::Video, 0, HEADER);
    first.frame(&mut world, Kind::Video, 0, HEADER);
    first.frame(&mut world, Kind::Video, 5, KEY);
    assert_eq!(player.media(&mut world).len(), 2);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    let mut third = Client::publish(&mut world, "a");
    assert_eq!(third.codes(&mut world), ["NetConnection.Connect.Success", "NetStream.Publish.Start"]);
}

#[test]
fn what_is_refused_is_answered_with_a_reason() {
    let mut world = World::standard();
    let mut client = Client::connect(&mut world, "nowhere");
    assert_eq!(client.codes(&mut world), ["NetConnection.Connect.Rejected"]);
    assert!(!world.is_open(client.id));
    for name in ["", "../../etc/passwd", "a\\b", &"n".repeat(129)] {
        let mut client = Client::publish(&mut world, name);
        assert_eq!(client.codes(&mut world)[1..], ["NetStream.Publish.BadName"], "{name:?}");
        assert!(!world.is_open(client.id));
    }
    let mut client = Client::connect(&mut world, "closed");
    client.command(&mut world, &["play".into(), 2.0.into(), Value::Null, "a".into()]);
    assert_eq!(client.codes(&mut world)[1..], ["NetStream.Play.Failed"]);
}

#[test]
fn a_silent_player_is_pinged_and_closed_when_it_does_not_answer() {
    let mut world = World::standard();
    let (mut alive, mut dead) = (Client::play(&mut world, "a"), Client::play(&mut world, "a"));
    world.pass(61);
    let ping = |client: &mut Client, world: &mut World| {
        let messages = client.receive(world);
        let found = messages.iter().find(|message| message.type_id == 4);
        found.map(|message| UserControl::read(message.payload()).unwrap())
    };
    let Some(UserControl::PingRequest(time)) = ping(&mut alive, &mut world) else { panic!("no ping") };
    assert!(ping(&mut dead, &mut world).is_some());
    let mut answer = Vec::new();
    write_control(&mut answer, MessageType::UserControl, &[&[0, 7], &time.to_be_bytes()[..]].concat());
    alive.send(&mut world, &answer);
    world.pass(31);
    assert!(world.is_open(alive.id));
    assert!(!world.is_open(dead.id));
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
fn a_late_answer_does_not_reach_the_next_owner_of_a_slot() {
    let mut world = World::standard();
    let first = Client::open(&mut world);
    world.engine.disconnected(first.id, "gone", world.now);
    world.end_turn();
    let second = Client::open(&mut world);
    assert_eq!(first.id.index, second.id.index);
    world.engine.input(first.id, b"late", world.now);
    world.engine.disconnected(first.id, "late", world.now);
    world.engine.cx.answer(Ticket { session: first.id, serial: 1 }, Reply::Grant);
    world.end_turn();
    assert!(world.is_open(second.id));
}

#[test]
fn a_client_that_makes_replies_pile_up_is_closed() {
    let mut world = World::standard();
    let mut client = Client::connect(&mut world, "live");
    for _ in 0..40 {
        client.command(&mut world, &["createStream".into(), 2.0.into(), Value::Null]);
    }
    assert!(!world.is_open(client.id));
}

#[test]
fn a_client_that_makes_the_server_answer_before_connect_is_held_to_little() {
    let mut world = World::standard();
    let mut client = Client::open(&mut world);
    client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
    let mut pings = Vec::new();
    (0..2000u32).for_each(|time| UserControl::PingRequest(time).write(&mut pings));
    client.send(&mut world, &pings);
    assert!(!world.is_open(client.id));
}

#[test]
fn a_client_that_publishes_and_stops_in_a_loop_is_closed() {
    let mut world = World::standard();
    let mut client = Client::publish(&mut world, "a");
    for _ in 0..40 {
        client.command(&mut world, &["FCUnpublish".into(), 0.0.into(), Value::Null, "a".into()]);
        client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a".into()]);
        client.receive(&mut world);
    }
    assert!(!world.is_open(client.id));
}

#[test]
fn a_session_that_has_hung_up_goes_two_seconds_later() {
    let mut world = World::standard();
    let mut client = Client::publish(&mut world, "not:allowed");
    client.receive(&mut world);
    assert_eq!(world.engine.session_count(), 1);
    let deadline = world.engine.next_deadline().unwrap();
    assert!(deadline <= world.now.instant + Duration::from_secs(2));
    world.pass(2);
    assert_eq!(world.engine.session_count(), 0);
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

#[test]
fn a_drain_finishes_idle_sessions_and_the_others_with_their_streams() {
    let mut world = World::standard();
    let publisher = Client::publish(&mut world, "a");
    let (player, waiting) = (Client::play(&mut world, "a"), Client::play(&mut world, "b"));
    world.engine.drain(world.now);
    world.end_turn();
    assert!(world.is_open(player.id) && !world.is_open(waiting.id));
    world.engine.disconnected(publisher.id, "gone", world.now);
    world.end_turn();
    world.end_turn();
    assert!(!world.is_open(player.id));
}

#[test]
fn without_sessions_there_is_no_deadline() {
    let mut world = World::standard();
    assert_eq!(world.engine.next_deadline(), None);
    let client = Client::open(&mut world);
    world.engine.disconnected(client.id, "gone", world.now);
    world.end_turn();
    world.pass(11);
    assert_eq!(world.engine.next_deadline(), None);
    assert_eq!(world.engine.session_count(), 0);
}

#[test]
fn random_bytes_after_the_handshake_end_one_session_and_no_other() {
    let mut world = World::standard();
    let mut publisher = Client::publish(&mut world, "a");
    let mut seed = 1u64;
    for _ in 0..300 {
        let mut client = Client::open(&mut world);
        client.send(&mut world, &[[3].as_slice(), &[0; 2 * 1536]].concat());
        let mut bytes = Vec::new();
        for _ in 0..400 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((seed >> 33) as u8);
        }
        client.send(&mut world, &bytes);
        world.engine.disconnected(client.id, "gone", world.now);
        world.end_turn();
    }
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    assert!(world.is_open(publisher.id));
    assert_eq!(world.engine.session_count(), 1);
}
