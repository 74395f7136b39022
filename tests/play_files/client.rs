//! A client that plays files, and writes down what it is told and sent.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use millstream::media::amf::{Object, Value, amf0};
use millstream::rtmp::chunk::Message;
use millstream::rtmp::control::UserControl;
use millstream::rtmp::message::MessageType;

use crate::common::media::Packet;
use crate::common::raw::Raw;
use crate::common::{flv, until};

/// The message stream that it plays on.
pub const MSID: u32 = 1;
/// The buffer of a client that takes a whole file at once, milliseconds.
pub const ALL: u32 = 600_000;

/// What a server says, and what it sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Recorded,
    Begin,
    Eof,
    Dry,
    /// The code of an `onStatus`.
    Status(String),
    /// The code of an `onPlayStatus`, the duration in seconds and the bytes.
    PlayStatus(String, f64, f64),
    /// `|RtmpSampleAccess`.
    Access,
    Metadata(Object),
    Media(Packet),
}

impl Heard {
    /// A word for it, as tests list them; media has none.
    pub fn word(&self) -> Option<String> {
        Some(match self {
            Self::Status(code) => code.trim_start_matches("NetStream.").to_owned(),
            Self::PlayStatus(code, ..) => format!("[{}]", code.trim_start_matches("NetStream.")),
            Self::Metadata(_) => "Metadata".into(),
            Self::Media(_) => return None,
            other => format!("{other:?}"),
        })
    }

    /// The packet.
    pub fn packet(&self) -> Option<&Packet> {
        match self {
            Self::Media(packet) => Some(packet),
            _ => None,
        }
    }
}

/// The client.
pub struct Player {
    pub raw: Raw,
    transaction: f64,
}

impl Player {
    /// Connects to an application, and says how much it buffers, in milliseconds, if it does.
    pub fn connect(address: SocketAddr, app: &str, buffer: Option<u32>) -> Self {
        let mut raw = Raw::handshaken(address);
        let tc_url = format!("rtmp://test/{app}");
        let object = Object::default().with("app", app).with("tcUrl", tc_url.as_str());
        raw.command("connect", 1.0, 0, &[Value::Object(object)]);
        assert_eq!(raw.command_answer().0, "_result");
        raw.command("createStream", 2.0, 0, &[Value::Null]);
        while raw.command_answer().0 != "_result" {}
        let mut player = Self { raw, transaction: 2.0 };
        player.buffer(buffer);
        player
    }

    /// Says how much it buffers, in milliseconds.
    pub fn buffer(&mut self, milliseconds: Option<u32>) {
        let Some(milliseconds) = milliseconds else { return };
        let payload = [&[0, 3][..], &MSID.to_be_bytes(), &milliseconds.to_be_bytes()].concat();
        self.raw.send(MessageType::UserControl, 0, 0, &payload);
    }

    /// Plays a name, with these more arguments: start and duration in milliseconds, reset.
    pub fn play(&mut self, name: &str, more: &[Value]) {
        self.say("play", &[&[name.into()], more].concat());
    }

    /// Asks for a file in place of the one that it plays.
    pub fn play2(&mut self, name: &str) {
        let object =
            Object::default().with("streamName", name).with("transition", "switch").with("start", -2.0);
        self.say("play2", &[Value::Object(object)]);
    }

    pub fn seek(&mut self, to: f64) {
        self.say("seek", &[to.into()]);
    }

    /// Pauses or goes on, at a time in milliseconds.
    pub fn pause(&mut self, is_paused: bool, at: f64) {
        self.say("pause", &[Value::Boolean(is_paused), at.into()]);
    }

    /// Switches "Audio" or "Video" on or off.
    pub fn receive(&mut self, what: &str, wanted: bool) {
        self.say(&format!("receive{what}"), &[Value::Boolean(wanted)]);
    }

    pub fn close(&mut self) {
        self.say("closeStream", &[]);
    }

    fn say(&mut self, name: &str, arguments: &[Value]) {
        self.transaction += 1.0;
        self.raw.command(name, self.transaction, MSID, &[&[Value::Null], arguments].concat());
    }

    /// The next thing that it hears.
    pub fn next(&mut self) -> Heard {
        self.try_next().expect("the connection goes on")
    }

    /// The same; none at the end of the connection.
    pub fn try_next(&mut self) -> Option<Heard> {
        loop {
            let heard = hear(&self.raw.message()?);
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// What it hears up to the status with this code, which is the last.
    pub fn hear_until(&mut self, code: &str) -> Vec<Heard> {
        let mut all = Vec::new();
        loop {
            all.push(self.next());
            match all.last() {
                Some(Heard::Status(found)) if found.ends_with(code) => return all,
                Some(Heard::Status(found)) => {
                    assert!(!found.ends_with(".Play.Stop"), "{code}: {:?}", words(&all));
                }
                _ => {}
            }
        }
    }

    /// The next thing that it hears within a time.
    pub fn hear_within(&mut self, time: Duration) -> Option<Heard> {
        let end = Instant::now() + time;
        loop {
            let message = self.raw.message_within(end.saturating_duration_since(Instant::now()))?;
            let heard = hear(&message);
            if heard.is_some() {
                return heard;
            }
        }
    }

    /// What it hears in such a time.
    pub fn hear_for(&mut self, time: Duration) -> Vec<Heard> {
        let end = Instant::now() + time;
        let left = || end.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| self.hear_within(left())).collect()
    }

    /// The packets that it gets, until so many have come.
    pub fn packets(&mut self, count: usize) -> Vec<Packet> {
        let mut packets = Vec::new();
        while packets.len() < count {
            packets.extend(self.next().packet().cloned());
        }
        packets
    }
}

fn hear(message: &Message) -> Option<Heard> {
    let payload = message.payload();
    match message.type_id {
        kind @ (8 | 9) => {
            Some(Heard::Media(Packet { kind, timestamp: message.timestamp, payload: payload.to_vec() }))
        }
        4 => match UserControl::read(payload).unwrap() {
            UserControl::StreamBegin(0) => None,
            UserControl::StreamBegin(_) => Some(Heard::Begin),
            UserControl::StreamEof(_) => Some(Heard::Eof),
            UserControl::StreamDry(_) => Some(Heard::Dry),
            UserControl::StreamIsRecorded(_) => Some(Heard::Recorded),
            _ => None,
        },
        18 => data(&amf0::decode(payload).unwrap()),
        20 => status(&amf0::decode(payload).unwrap()),
        _ => None,
    }
}

fn data(values: &[Value]) -> Option<Heard> {
    let object = || values.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
    match values[0].as_str()? {
        "onMetaData" => Some(Heard::Metadata(object())),
        "|RtmpSampleAccess" => Some(Heard::Access),
        "onPlayStatus" => {
            let object = object();
            let number = |name| object.number(name).unwrap_or(-1.0);
            let code = object.str("code").unwrap_or_default().to_owned();
            Some(Heard::PlayStatus(code, number("duration"), number("bytes")))
        }
        _ => None,
    }
}

fn status(values: &[Value]) -> Option<Heard> {
    let is_status = values[0].as_str() == Some("onStatus");
    let object = values.get(3).and_then(Value::as_object).filter(|_| is_status)?;
    Some(Heard::Status(object.str("code").unwrap_or_default().to_owned()))
}

/// What was said, in order. Media between is one word.
pub fn words(heard: &[Heard]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for one in heard {
        let word = one.word().unwrap_or_else(|| "media".into());
        if word != "media" || words.last() != Some(&word) {
            words.push(word);
        }
    }
    words
}

/// The packets among what was heard.
pub fn packets(heard: &[Heard]) -> Vec<Packet> {
    heard.iter().filter_map(Heard::packet).cloned().collect()
}

/// Writes a file that nobody has written lately, as one that still grows would not end.
pub fn write_old(path: &Path, packets: &[Packet]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    flv::write(path, packets);
    age(path);
}

/// Makes a file an old one.
pub fn age(path: &Path) {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().append(true).open(path).unwrap().set_modified(hour_ago).unwrap();
}

/// Waits until a file is longer than so many bytes.
pub fn wait_for_length(path: &Path, length: u64) {
    until("the file grows", crate::common::SOON, || {
        fs::metadata(path).is_ok_and(|found| found.len() > length).then_some(())
    });
}
