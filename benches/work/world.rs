//! The server without its sockets, with one publisher and its players; time goes as it is told to.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use millstream::conf::{self, Scope, Tree};
use millstream::engine::{Engine, Now, Outgoing, SessionId, directive_table};
use millstream::modules;

use super::clip::VIDEO_HEADER;
use super::flv::{self, Carrier};
use super::wire;

/// The ports, and which listener is whose.
const RTMP: (u16, usize) = (1935, 0);
const HTTP: (u16, usize) = (8080, 1);
/// When the tracks of the stream are known, though there is no audio.
const SETTLED: Duration = Duration::from_secs(2);

/// An engine, its clock and its publisher.
pub struct World {
    engine: Engine,
    begun: Now,
    publisher: Option<SessionId>,
    sent: u64,
}

impl World {
    /// An application `live` with these directives; a publisher, and so many players of its stream: of FLV over a
    /// carrier, or of RTMP.
    pub fn new(directives: &str, players: usize, carrier: Option<Carrier>) -> Result<Self, Box<dyn Error>> {
        let text = format!(
            "rtmp {{ server {{ listen 127.0.0.1:1935; application live {{ live on; {directives} }} }} }}
            http {{ server {{ listen 127.0.0.1:8080; location / {{ flv_live on; }} }} }}"
        );
        let mut tree = Tree::from_text("work", &text).map_err(|error| error.to_string())?;
        let modules = modules::table();
        let table = directive_table(&modules);
        conf::check(&mut tree, &table).map_err(|error| error.to_string())?;
        let begun = Now { instant: Instant::now(), wall: SystemTime::now() };
        let engine = Engine::new(&Scope::root(&tree, &table), modules, 7, begun);
        let mut world =
            Self { engine: engine.map_err(|error| error.to_string())?, begun, publisher: None, sent: 0 };
        world.engine.start(begun);
        let publisher = world.connect(|answer| wire::publish(answer, "live", &["s0"]))?;
        world.publisher = Some(publisher);
        let mut header = Vec::new();
        wire::write_media(&mut header, wire::VIDEO, 0, VIDEO_HEADER);
        world.publish(&header, Duration::ZERO);
        for _ in 0..players {
            match carrier {
                Some(carrier) => world.ask(carrier)?,
                None => _ = world.connect(|answer| wire::play(answer, "live", "s0"))?,
            }
        }
        world.begun = Now { instant: world.begun.instant + SETTLED, wall: world.begun.wall + SETTLED };
        world.sent = 0;
        Ok(world)
    }

    /// The publisher's bytes come, so long after the beginning; everyone's queue is sent.
    pub fn publish(&mut self, bytes: &[u8], time: Duration) {
        if let Some(publisher) = self.publisher {
            let now = Now { instant: self.begun.instant + time, wall: self.begun.wall + time };
            while self.engine.expire(now) {}
            self.engine.input(publisher, bytes, now);
            self.turn(now);
        }
    }

    /// Bytes sent since the last player came.
    pub fn sent_bytes(&self) -> u64 {
        self.sent
    }

    /// A player asks for FLV.
    fn ask(&mut self, carrier: Carrier) -> Result<(), Box<dyn Error>> {
        let (now, (port, listener)) = (self.begun, HTTP);
        let ends = (SocketAddr::from(([127, 0, 0, 1], 9)).into(), SocketAddr::from(([127, 0, 0, 1], port)));
        let id = self.engine.accept(listener, ends, now).map_err(|_| "no listener")?;
        self.engine.input(id, &flv::request(carrier, RTMP.0, "live", "s0"), now);
        self.turn(now);
        Ok(())
    }

    /// A client goes through the handshake, and says what follows it.
    fn connect(&mut self, words: impl Fn(&[u8]) -> Vec<u8>) -> Result<SessionId, Box<dyn Error>> {
        let (now, (port, listener)) = (self.begun, RTMP);
        let ends = (SocketAddr::from(([127, 0, 0, 1], 9)).into(), SocketAddr::from(([127, 0, 0, 1], port)));
        let id = self.engine.accept(listener, ends, now).map_err(|_| "no listener")?;
        self.engine.input(id, &wire::hello(), now);
        let mut answer = Vec::new();
        let _ = self.engine.send(id, now, |outgoing| {
            match outgoing {
                Outgoing::Bytes(bytes) => answer.extend_from_slice(bytes),
                Outgoing::Slices { slices, .. } => {
                    slices.iter().for_each(|slice| answer.extend_from_slice(slice));
                }
                Outgoing::File { .. } => {}
            }
            Ok::<_, Infallible>(answer.len())
        });
        self.turn(now);
        self.engine.input(id, &words(&answer), now);
        self.turn(now);
        Ok(id)
    }

    /// The end of a turn, with sockets that take everything.
    fn turn(&mut self, now: Now) {
        while self.engine.has_work() {
            for id in self.engine.take_dirty() {
                while let Ok(Some(_)) = self.engine.send(id, now, |outgoing| {
                    let bytes = length(&outgoing);
                    self.sent += bytes as u64;
                    Ok::<_, Infallible>(bytes)
                }) {}
            }
            while self.engine.step(now) {}
            while self.engine.next_action().is_some() {}
        }
    }
}

/// Bytes of one write.
fn length(outgoing: &Outgoing<'_>) -> usize {
    match outgoing {
        Outgoing::Bytes(bytes) => bytes.len(),
        Outgoing::Slices { slices, .. } => slices.iter().map(|slice| slice.len()).sum(),
        Outgoing::File { .. } => 0,
    }
}
