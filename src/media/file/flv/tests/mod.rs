//! Files as they should be, as they should not, and the captures of real encoders.

mod basic;
mod growing;
mod hostile;
mod metadata;
mod seeking;

use std::io;

use crate::media::Kind;
use crate::media::amf::{Object, Value, amf0};
use crate::media::file::{Demuxer, Ending, FileError, MessageRole, Next, Source, Window};
use crate::media::flv::{self, file_header};

/// A file in memory, which counts what is read of it.
#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    reads: usize,
    read: usize,
    /// Places that have been asked for, if the first time has no answer.
    asked: Option<Vec<u64>>,
}

impl Memory {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    fn slow(bytes: impl Into<Vec<u8>>) -> Self {
        Self { asked: Some(Vec::new()), ..Self::new(bytes) }
    }
}

impl Source for Memory {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(asked) = self.asked.as_mut().filter(|asked| !asked.contains(&offset)) {
            asked.push(offset);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.reads += 1;
        self.read += count;
        Ok(count)
    }

    fn length(&mut self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }
}

/// A message with its own bytes.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    kind: Kind,
    time: u64,
    role: MessageRole,
    body: Vec<u8>,
}

/// Runs a call again as long as it would block.
fn patiently<T>(mut call: impl FnMut() -> Result<T, FileError>) -> Result<T, FileError> {
    for _ in 0..100_000 {
        match call() {
            Err(error) if error.would_block() => {}
            other => return other,
        }
    }
    panic!("it blocks for ever");
}

/// A file that is read.
struct Reading {
    source: Memory,
    window: Window,
    demuxer: Demuxer,
}

impl Reading {
    fn open(mut source: Memory) -> Result<Self, FileError> {
        let mut window = Window::default();
        let demuxer = patiently(|| Demuxer::open(&mut source, &mut window))?;
        Ok(Self { source, window, demuxer })
    }

    fn next(&mut self) -> Result<Option<Message>, FileError> {
        let Self { source, window, demuxer } = self;
        patiently(|| {
            Ok(match demuxer.next(source, window)? {
                Next::Message(message) => {
                    assert!(message.head.as_slice().is_empty());
                    let body = message.body.to_vec();
                    Some(Message { kind: message.kind, time: message.timestamp, role: message.role, body })
                }
                Next::More | Next::End => None,
            })
        })
    }

    /// All messages, and whether the file has come to its end.
    fn rest(&mut self) -> (Vec<Message>, bool) {
        let mut messages = Vec::new();
        loop {
            match self.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, true),
                Err(_) => return (messages, false),
            }
        }
    }

    fn seek(&mut self, to: u64) -> u64 {
        for _ in 0..100_000 {
            let Self { source, window, demuxer } = self;
            let before = source.read;
            let found = patiently(|| demuxer.seek(source, window, to)).unwrap();
            assert!(source.read - before <= 3 << 20, "{} bytes in a step", source.read - before);
            if let Some(time) = found {
                return time;
            }
        }
        panic!("it never ends");
    }

    /// Takes the configurations that follow a search, behind the metadata if it has not been given before, and the message
    /// behind them.
    fn after_seek(&mut self) -> (Vec<Vec<u8>>, Message) {
        let mut configurations = Vec::new();
        loop {
            let message = self.next().unwrap().unwrap();
            let is_metadata =
                message.role == MessageRole::Data && message.body.starts_with(b"\x02\0\x0aonMetaData");
            if is_metadata && configurations.is_empty() {
                continue;
            }
            if message.role != MessageRole::Configuration {
                return (configurations, message);
            }
            configurations.push(message.body);
        }
    }

    fn key_frames(&mut self) -> Vec<u64> {
        let mut times = Vec::new();
        for _ in 0..100_000 {
            let Self { source, window, demuxer } = self;
            if patiently(|| demuxer.key_frames(source, window, &mut times)).unwrap() {
                return times;
            }
        }
        panic!("it never ends");
    }
}

/// The messages of a file that is as it should be, as far as it is whole.
fn messages_of(file: &[u8]) -> Vec<(Kind, u32, Vec<u8>)> {
    let (mut at, mut messages) = (flv::FILE_HEADER, Vec::new());
    while let Some(header) = file.get(at..).and_then(|rest| rest.first_chunk()) {
        let header = flv::TagHeader::read(*header).unwrap();
        let start = at + flv::TAG_HEADER;
        let Some(body) = file.get(start..start + header.length as usize) else { break };
        messages.push((header.kind, header.timestamp, body.to_vec()));
        at = start + body.len() + 4;
    }
    messages
}

/// A file that is written.
struct Writer(Vec<u8>);

const AVC_CONFIG: &[u8] = &[
    0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 24, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0xa0, 0x47,
    0xfe, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xf0, 0x3c, 0x58, 0xb9, 0x20, 1, 0, 4, 0x68, 0xcb, 0x83,
    0xcb,
];
const AAC_CONFIG: &[u8] = &[0xaf, 0, 0x12, 0x10];

impl Writer {
    fn new() -> Self {
        Self(file_header(true, true).to_vec())
    }

    fn tag(&mut self, kind: Kind, time: u32, body: &[u8]) -> u64 {
        let at = self.0.len();
        flv::write_tag(&mut self.0, kind, time, body);
        at as u64
    }

    fn configurations(&mut self) {
        self.tag(Kind::Video, 0, AVC_CONFIG);
        self.tag(Kind::Audio, 0, AAC_CONFIG);
    }

    fn picture(&mut self, time: u32, is_key: bool, size: usize) -> u64 {
        let first = if is_key { 0x17 } else { 0x27 };
        let body = [&[first, 1, 0, 0, 0, 0, 0, 0, 1][..], &filler(time, size)].concat();
        self.tag(Kind::Video, time, &body)
    }

    fn sound(&mut self, time: u32, size: usize) -> u64 {
        self.tag(Kind::Audio, time, &[&[0xaf, 1][..], &filler(time, size)].concat())
    }
}

/// Bytes that are no FLV.
fn filler(seed: u32, size: usize) -> Vec<u8> {
    let byte = |n: u32| (n.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) as u8 | 0x80;
    let mut bytes: Vec<_> = (0..size.min(97) as u32).map(byte).collect();
    while bytes.len() < size {
        bytes.extend_from_within(..bytes.len().min(size - bytes.len()));
    }
    bytes
}

fn on_metadata(object: Object) -> Vec<u8> {
    amf0::encode_all(&["onMetaData".into(), Value::EcmaArray(object)])
}

/// A file with a key frame every `group` pictures of 40 ms, and sound between.
fn usual(pictures: u32, group: u32, size: usize) -> (Vec<u8>, Vec<u64>) {
    let mut file = Writer::new();
    let mut keys = Vec::new();
    file.tag(Kind::Data, 0, &on_metadata(Object::default().with("width", 640.0).with("height", 360.0)));
    file.configurations();
    for n in 0..pictures {
        if n.is_multiple_of(group) {
            keys.push(u64::from(n) * 40);
        }
        file.picture(n * 40, n.is_multiple_of(group), size);
        file.sound(n * 40 + 11, 100);
        file.sound(n * 40 + 31, 100);
    }
    (file.0, keys)
}
