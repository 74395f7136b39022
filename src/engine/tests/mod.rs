//! Tests of the whole engine without sockets and in virtual time: `World` is a server, `Client` a client fed by hand.

mod access;
mod advice;
mod api_read;
mod bodies;
mod bounds;
mod budgets;
mod callbacks;
mod calls;
mod commands;
mod connections;
mod console;
mod dismissal;
mod downloads;
mod exec;
mod fan_out;
mod files;
mod gates;
mod guessing;
mod headers;
mod hls;
mod http;
mod http_flv;
mod http_players;
mod jobs;
mod limit_rate;
mod metrics;
mod names;
mod notices;
mod operations;
mod pace;
mod panics;
mod passwords;
mod play;
mod play_answer;
mod proxy;
mod publish;
mod recording;
mod relay;
mod reload;
mod rtmp_access_log;
mod same_names;
mod sessions;
mod shared_answers;
mod shared_object;
mod slow_disk;
mod stat;
mod statistics;
mod tls;
mod unsolicited;
mod viewing;
mod walk;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
const ENDS: (Peer, SocketAddr) = (
    Peer::Internet(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000)),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 80),
);

/// An engine and its clock.
struct World {
    engine: Engine,
    now: Now,
    /// The jobs of a turn are done in it.
    has_fast_disk: bool,
    /// What net has been told about commands.
    orders: Vec<Action>,
    /// What net has been told about sockets.
    sockets: Vec<Action>,
}

impl World {
    fn new(modules: Vec<Box<dyn Module>>) -> Self {
        Self::configured(modules, CONFIG)
    }

    fn configured(modules: Vec<Box<dyn Module>>, config: &str) -> Self {
        Self::seeded(modules, config, 7)
    }

    fn seeded(modules: Vec<Box<dyn Module>>, config: &str, seed: u64) -> Self {
        let mut tree = Tree::from_text("test", config).unwrap();
        let table = directive_table(&modules);
        conf::check(&mut tree, &table).unwrap();
        let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let engine = Engine::new(&Scope::root(&tree, &table), modules, seed, now).unwrap();
        Self { engine, now, has_fast_disk: true, orders: Vec::new(), sockets: Vec::new() }
    }

    fn standard() -> Self {
        Self::new(table())
    }

    /// Adopts a text as configuration, as a reload does.
    fn reload(&mut self, config: &str) {
        self.reload_with(table(), config);
    }

    fn reload_with(&mut self, modules: Vec<Box<dyn Module>>, config: &str) {
        let mut tree = Tree::from_text("next", config).unwrap();
        let table = directive_table(&modules);
        conf::check(&mut tree, &table).unwrap();
        let root = Scope::root(&tree, &table);
        let mut next = self.engine.read_next(&root, modules).unwrap();
        next.probe(&root, &mut Probe::new(Account::Own));
        next.open().unwrap();
        self.engine.adopt(next, self.now);
        self.end_turn();
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
                    Outgoing::File { part, most } => take(&vec![0; part.left.min(most) as usize]),
                }
                Ok::<_, Infallible>(begun - left)
            });
            if sent == Ok(None) {
                break;
            }
        }
        taken
    }

    /// The body of the answer to a request, which is a good one.
    fn good_answer(&mut self, id: SessionId) -> String {
        self.end_turn();
        let answer = String::from_utf8(self.take(id, usize::MAX).concat()).unwrap();
        self.end_turn();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body.to_owned()
    }

    /// Does all steps that are left, but processes input of each session only once. Returns the actions for net.
    fn end_turn(&mut self) -> Vec<Action> {
        let mut resumes = None;
        loop {
            if self.has_fast_disk {
                self.do_jobs();
            }
            let work = &self.engine.cx.work;
            let is_done = work.composing.is_empty() && work.orders.is_empty() && work.drained.is_empty();
            if !work.is_ending() && is_done {
                let waiting = work.streaming.len() + work.joining.len() + work.requesting.len();
                let left = resumes.get_or_insert(waiting);
                let Some(fewer) = left.checked_sub(1) else { break };
                *left = fewer;
            }
            self.engine.step(self.now);
        }
        self.check_budgets();
        let actions: Vec<_> = std::iter::from_fn(|| self.engine.next_action()).collect();
        let is_order = |action: &&Action| matches!(action, Action::Spawn(_) | Action::EndCommand(..));
        self.orders.extend(actions.iter().filter(is_order));
        let is_of_socket = |action: &&Action| {
            matches!(action, Action::Connect(_) | Action::CloseSocket(_) | Action::ShutDownWrite(_))
        };
        self.sockets.extend(actions.iter().filter(is_of_socket));
        actions
    }

    /// Does the jobs that have been added; their results wait for the next step.
    fn do_jobs(&mut self) {
        for finished in self.engine.cx.jobs.run_all() {
            self.engine.finish_job(finished);
        }
    }

    /// Lets time pass, with the timers.
    fn pass(&mut self, seconds: u64) {
        (0..seconds).for_each(|_| self.pass_time(Duration::from_secs(1)));
    }

    fn pass_time(&mut self, time: Duration) {
        // As net does at the end of each turn.
        self.engine.cx.totals.note_rates(self.now.instant);
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
        Self::open_at(world, 0)
    }

    /// Opens a connection at a listener.
    fn open_at(world: &mut World, listener: usize) -> Self {
        let id = world.engine.accept(listener, ENDS, world.now).unwrap();
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
