//! Work whose instructions callgrind counts: messages are fed to the server without its sockets.
//!
//! `work JOB COUNT` prepares all messages, and handles so many of them. scripts/bench runs it with two
//! counts: what a message takes is in the difference, and everything else cancels out. All of a job's
//! messages are the same in every run, so that the figures are, too, but for what hashing is seeded with.

#[path = "../load/clip.rs"]
#[expect(dead_code, reason = "the load uses the rest")]
mod clip;
#[path = "../load/flv.rs"]
#[expect(dead_code, reason = "the load uses the rest")]
mod flv;
#[path = "../load/pace.rs"]
mod pace;
#[path = "../load/publisher.rs"]
#[expect(dead_code, reason = "the load uses the rest")]
mod publisher;
#[path = "../load/wire.rs"]
#[expect(dead_code, reason = "the load uses the rest")]
mod wire;
mod world;

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clip::Clip;
use flv::Carrier;
use millstream::rtmp::chunk::{ChunkReader, Limits};
use publisher::{Publisher, Rates};
use world::World;

/// Messages prepared: 10 s of video. Counts are multiples of a group, as a key frame is larger.
const MESSAGES: usize = 300;

/// What is published: 2 Mbit/s, without audio.
const RATES: Rates = Rates { video: 2_000_000, audio: 0, group: pace::GROUP };

/// Players of the fan-out.
const PLAYERS: usize = 1000;

/// The server's limits of a message, chunk streams and bytes held, as they are by default.
const LIMITS: Limits = Limits { message: 8 << 20, streams: 128, held: 16 << 20 };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [job, count] = arguments.as_slice() else {
        eprintln!("usage: work parse|ingest|fanout|flv|websocket|record|hls COUNT");
        return ExitCode::from(2);
    };
    match count.parse().map_err(Into::into).and_then(|count| run(job, count)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("work: {job} {count}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(job: &str, count: usize) -> Result<(), Box<dyn Error>> {
    let messages = prepare();
    let messages = messages.get(..count).ok_or("more messages than are prepared")?;
    if job == "parse" {
        return parse(messages);
    }
    let folder = Folder::new(job)?;
    let path = folder.0.display();
    let (directives, players) = match job {
        "ingest" => (String::new(), 0),
        "fanout" | "flv" | "websocket" => (String::new(), PLAYERS),
        "record" => (format!("record all; record_path {path};"), 0),
        "hls" => (format!("hls on; hls_path {path}; hls_fragment 2s;"), 0),
        _ => return Err("there is no such job".into()),
    };
    let carrier = match job {
        "flv" => Some(Carrier::Http),
        "websocket" => Some(Carrier::WebSocket),
        _ => None,
    };
    let mut world = World::new(&format!("gop_cache off; {directives}"), players, carrier)?;
    for (index, message) in messages.iter().enumerate() {
        world.publish(message, pace::frame_due(index as u64));
    }
    // Players of FLV begin with the second group: without sound, the tracks are known a second after the first picture.
    let unsent = if carrier.is_some() { RATES.group as usize } else { 0 };
    let sent = messages.iter().skip(unsent).map(Vec::len).sum::<usize>();
    if players > 0 && world.sent_bytes() < (players * sent) as u64 {
        return Err("not everything was sent".into());
    }
    Ok(())
}

/// The bytes of every message, as a publisher sends them.
fn prepare() -> Vec<Vec<u8>> {
    let (clip, mut scratch) = (Clip::new(RATES.group), Vec::new());
    let mut publisher = Publisher::new(0, RATES, Instant::now());
    let mut next = |_| {
        let mut bytes = Vec::new();
        publisher.write_next(&clip, 0, &mut scratch, &mut bytes);
        bytes
    };
    (0..MESSAGES).map(&mut next).collect()
}

/// The chunk reader alone.
fn parse(messages: &[Vec<u8>]) -> Result<(), Box<dyn Error>> {
    let mut reader = ChunkReader::new(LIMITS);
    reader.set_chunk_size(wire::CHUNK as u32)?;
    for bytes in messages {
        let mut input = bytes.as_slice();
        let message = reader.next(&mut input)?.ok_or("a message is not whole")?;
        black_box(message);
    }
    Ok(())
}

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(job: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("millstream-work-{}-{job}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
