//! The client's side of RTMP (Adobe's specification, 1.0), as bytes: its own code, so that a mistake of
//! the server's cannot hide in code that both share.

use std::collections::HashMap;

/// Bytes of a chunk's payload, as publishers here cut them; OBS Studio does the same.
pub const CHUNK: usize = 4096;

/// Message types.
pub const SET_CHUNK_SIZE: u8 = 1;
pub const AUDIO: u8 = 8;
pub const VIDEO: u8 = 9;
const COMMAND: u8 = 20;

/// Bytes of C0 with C1, and of S0 with S1 and S2 (5.2).
pub const HELLO: usize = 1 + 1536;
pub const HELLO_ANSWER: usize = 1 + 2 * 1536;

/// The message stream that the first `createStream` makes, with every server that is known.
const STREAM: u32 = 1;

/// C0 and C1: a plain handshake, without digests.
pub fn hello() -> Vec<u8> {
    let mut bytes = vec![0x5a; HELLO];
    bytes[0] = 3;
    bytes[1..9].fill(0);
    bytes
}

/// C2, and all that a player says after it.
pub fn play(hello_answer: &[u8], application: &str, stream: &str) -> Vec<u8> {
    let mut bytes = greet(hello_answer, application);
    let mut body = Vec::new();
    amf_command(&mut body, "play", 0.0);
    amf_string(&mut body, stream);
    write_message(&mut bytes, COMMAND, STREAM, 0, &body);
    bytes
}

/// C2, and all that a publisher says before its first frame: of streams that get the message streams 1, 2 and so on.
pub fn publish(hello_answer: &[u8], application: &str, streams: &[&str]) -> Vec<u8> {
    let mut bytes = greet(hello_answer, application);
    streams.iter().skip(1).for_each(|_| create_stream(&mut bytes));
    for (id, stream) in (STREAM..).zip(streams) {
        let mut body = Vec::new();
        amf_command(&mut body, "publish", 0.0);
        amf_string(&mut body, stream);
        amf_string(&mut body, "live");
        write_message(&mut bytes, COMMAND, id, 0, &body);
    }
    bytes
}

/// Appends a command that any server answers.
pub fn create_stream(out: &mut Vec<u8>) {
    let mut body = Vec::new();
    amf_command(&mut body, "createStream", 2.0);
    write_message(out, COMMAND, 0, 0, &body);
}

/// C2 (the echo of S1), the chunk size, `connect` and `createStream`, without waiting for answers.
fn greet(hello_answer: &[u8], application: &str) -> Vec<u8> {
    let mut bytes = hello_answer[1..HELLO].to_vec();
    bytes.extend([2, 0, 0, 0, 0, 0, 4, SET_CHUNK_SIZE, 0, 0, 0, 0]);
    bytes.extend((CHUNK as u32).to_be_bytes());
    let mut body = Vec::new();
    amf_string(&mut body, "connect");
    amf_number(&mut body, 1.0);
    body.push(3);
    for (name, value) in [("app", application), ("type", "nonprivate"), ("tcUrl", "rtmp://localhost/live")] {
        body.extend((name.len() as u16).to_be_bytes());
        body.extend(name.as_bytes());
        amf_string(&mut body, value);
    }
    body.extend([0, 0, 9]);
    write_message(&mut bytes, COMMAND, 0, 0, &body);
    create_stream(&mut bytes);
    bytes
}

fn amf_command(out: &mut Vec<u8>, name: &str, transaction: f64) {
    amf_string(out, name);
    amf_number(out, transaction);
    out.push(5); // no command object
}

fn amf_string(out: &mut Vec<u8>, text: &str) {
    out.push(2);
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn amf_number(out: &mut Vec<u8>, number: f64) {
    out.push(0);
    out.extend(number.to_be_bytes());
}

/// Appends a message to the published stream, timestamp in milliseconds.
pub fn write_media(out: &mut Vec<u8>, kind: u8, timestamp: u32, body: &[u8]) {
    write_message(out, kind, STREAM, timestamp, body);
}

/// Appends a message in chunks, with a full header: none lasts the four hours to an extended timestamp.
pub fn write_message(out: &mut Vec<u8>, kind: u8, stream: u32, timestamp: u32, body: &[u8]) {
    let csid = match kind {
        AUDIO => 4,
        VIDEO => 6,
        _ => 3,
    };
    out.push(csid);
    out.extend(&timestamp.to_be_bytes()[1..]);
    out.extend(&(body.len() as u32).to_be_bytes()[1..]);
    out.push(kind);
    out.extend(stream.to_le_bytes());
    for (index, piece) in body.chunks(CHUNK).enumerate() {
        if index > 0 {
            out.push(0xc0 | csid);
        }
        out.extend(piece);
    }
}

/// A message as it was received.
pub struct Message {
    pub kind: u8,
    pub body: Vec<u8>,
}

/// Puts chunks together again, of any of the four header types (5.3.1.2).
pub struct Chunks {
    size: usize,
    input: Vec<u8>,
    streams: HashMap<u32, ChunkStream>,
}

#[derive(Default)]
struct ChunkStream {
    length: usize,
    kind: u8,
    extended: bool,
    body: Vec<u8>,
}

impl Chunks {
    /// At the beginning of a chunk stream.
    pub fn new() -> Self {
        Self { size: 128, input: Vec::new(), streams: HashMap::new() }
    }

    /// Takes what has been received, and hands over each message that it completes.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Message)) -> Result<(), String> {
        self.input.extend(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while let Some((used, message)) = self.chunk(rest)? {
            rest = &rest[used..];
            match message {
                Some(Message { kind: SET_CHUNK_SIZE, body }) => self.resize(&body)?,
                Some(message) => found(message),
                None => {}
            }
        }
        self.input = rest.to_vec();
        Ok(())
    }

    fn resize(&mut self, body: &[u8]) -> Result<(), String> {
        let size = body.try_into().map(u32::from_be_bytes).map_err(|_| "a chunk size without four bytes")?;
        self.size = size as usize;
        if size == 0 { Err("a chunk size of zero".into()) } else { Ok(()) }
    }

    /// Reads one chunk, if it is there as a whole: its bytes, and the message if this was its last.
    fn chunk(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Message>)>, String> {
        let Some((csid, basic)) = basic_header(input) else { return Ok(None) };
        let format = input[0] >> 6;
        let header = [11, 7, 3, 0][usize::from(format)];
        let Some(fields) = input.get(basic..basic + header) else { return Ok(None) };
        if format > 1 && !self.streams.contains_key(&csid) {
            return Err(format!("chunk stream {csid} begins without a full header"));
        }
        let stream = self.streams.entry(csid).or_default();
        if format < 3 {
            if !stream.body.is_empty() {
                return Err(format!("chunk stream {csid}: a message begins within another"));
            }
            stream.extended = fields[..3] == [0xff; 3];
        }
        if format < 2 {
            stream.length = fields[3..6].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            stream.kind = fields[6];
        }
        let start = basic + header + if stream.extended { 4 } else { 0 };
        let piece = (stream.length - stream.body.len()).min(self.size);
        let Some(payload) = input.get(start..start + piece) else { return Ok(None) };
        stream.body.extend(payload);
        let whole = stream.body.len() == stream.length;
        let message = whole.then(|| Message { kind: stream.kind, body: std::mem::take(&mut stream.body) });
        Ok(Some((start + piece, message)))
    }
}

/// The chunk stream id and the length of the basic header (5.3.1.1).
fn basic_header(input: &[u8]) -> Option<(u32, usize)> {
    let first = u32::from(input.first()? & 0x3f);
    match first {
        0 => Some((64 + u32::from(*input.get(1)?), 2)),
        1 => Some((64 + u32::from(*input.get(1)?) + 256 * u32::from(*input.get(2)?), 3)),
        _ => Some((first, 1)),
    }
}
