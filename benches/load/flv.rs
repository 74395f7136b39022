//! The client's side of HTTP-FLV and WebSocket-FLV (RFC 9112, RFC 6455, Adobe's FLV 10.1), as bytes: its own code, so
//! that a mistake of the server's cannot hide in code that both share.

use super::wire::Message;

/// The longest head of an answer.
pub const HEAD: usize = 8 * 1024;

/// A key of a WebSocket, and what a server makes of it (RFC 6455 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest first line of a chunk, and what ends each line.
const CHUNK_LINE: usize = 18;
const LINE_END: &[u8] = b"\r\n";

/// The FLV header with the size of no tag; a tag's header; the size of the tag behind it.
const FLV_HEADER: usize = 13;
const TAG_HEADER: usize = 11;
const TAG_SIZE: usize = 4;

/// The first byte of WebSocket frames: a whole binary message, a ping.
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

/// What a player speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// An answer of HTTP.
    Http,
    /// A WebSocket.
    WebSocket,
}

/// What an answer's bytes are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Chunks of HTTP/1.1.
    Chunked,
    /// Nothing: until the connection ends.
    UntilClose,
    /// Frames of a WebSocket.
    WebSocket,
}

/// What a player says: which stream of the server with that port for RTMP. The query is for servers that have no other
/// way to name a stream.
pub fn request(carrier: Carrier, port: u16, application: &str, stream: &str) -> Vec<u8> {
    let upgrade = match carrier {
        Carrier::Http => String::new(),
        Carrier::WebSocket => format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
        ),
    };
    format!(
        "GET /{application}/{stream}.flv?app={application}&stream={stream}&port={port} HTTP/1.1\r\nHost: localhost\r\n\
         User-Agent: load\r\nAccept: */*\r\n{upgrade}\r\n"
    )
    .into_bytes()
}

/// Reads the head of an answer, if all of it is there: its length, and what the bytes behind it are in.
pub fn answer(bytes: &[u8]) -> Result<Option<(usize, Framing)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > HEAD { Err("the head of an answer is too long".into()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let framing = match head.lines().next().and_then(|line| line.split(' ').nth(1)) {
        Some("101") if head.contains(ACCEPT) => Framing::WebSocket,
        Some("200") if head.to_ascii_lowercase().contains("transfer-encoding: chunked") => Framing::Chunked,
        Some("200") => Framing::UntilClose,
        _ => return Err(format!("the server answers {}", head.lines().next().unwrap_or(""))),
    };
    Ok(Some((end + 4, framing)))
}

/// Takes FLV tags out of an answer.
pub struct Tags {
    framing: Framing,
    input: Vec<u8>,
    media: Vec<u8>,
    has_begun: bool,
}

impl Tags {
    /// At the beginning of an answer's body.
    pub fn new(framing: Framing) -> Self {
        Self { framing, input: Vec::new(), media: Vec::new(), has_begun: false }
    }

    /// Takes what has been received, and hands over each tag that it completes.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Message)) -> Result<(), String> {
        self.input.extend(bytes);
        self.unframe()?;
        let media = std::mem::take(&mut self.media);
        let mut rest = media.as_slice();
        if !self.has_begun {
            let Some((header, behind)) = rest.split_at_checked(FLV_HEADER) else {
                self.media = media;
                return Ok(());
            };
            if header[..4] != *b"FLV\x01" || header[5..] != [0, 0, 0, 9, 0, 0, 0, 0] {
                return Err(format!("no FLV header: {header:02x?}"));
            }
            (self.has_begun, rest) = (true, behind);
        }
        while let Some((message, behind)) = tag(rest)? {
            found(message);
            rest = behind;
        }
        self.media = rest.to_vec();
        Ok(())
    }

    /// Moves what is whole from the input to the media.
    fn unframe(&mut self) -> Result<(), String> {
        let mut at = 0;
        loop {
            let rest = &self.input[at..];
            let frame = match self.framing {
                Framing::Chunked => chunk(rest)?,
                Framing::WebSocket => websocket_frame(rest)?,
                Framing::UntilClose => (!rest.is_empty()).then_some((rest.len(), rest)),
            };
            let Some((used, payload)) = frame else { break };
            self.media.extend(payload);
            at += used;
        }
        self.input.drain(..at);
        Ok(())
    }
}

/// A whole frame: its bytes in all, and what is in it.
type Frame<'a> = Option<(usize, &'a [u8])>;

/// A chunk of HTTP (RFC 9112 7.1).
fn chunk(input: &[u8]) -> Result<Frame<'_>, String> {
    let Some(line) = input.windows(LINE_END.len()).position(|window| window == LINE_END) else {
        return if input.len() > CHUNK_LINE { Err("a chunk without a size".into()) } else { Ok(None) };
    };
    let size = std::str::from_utf8(&input[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
    let size = size.ok_or("a chunk without a size")?;
    if size == 0 {
        return Err("the answer has ended".into());
    }
    let start = line + LINE_END.len();
    let Some(whole) = input.get(start..start + size + LINE_END.len()) else { return Ok(None) };
    let (payload, end) = whole.split_at(size);
    if end == LINE_END {
        Ok(Some((start + whole.len(), payload)))
    } else {
        Err("a chunk without an end".into())
    }
}

/// A frame of a server (RFC 6455 5.2); there is nothing in a ping.
fn websocket_frame(input: &[u8]) -> Result<Frame<'_>, String> {
    let [kind, short, ..] = *input else { return Ok(None) };
    if kind != BINARY && kind != PING {
        return Err(format!("a frame of the kind {kind:#x}"));
    }
    let start = match short {
        126 => 4,
        127 => 10,
        0..126 => 2,
        _ => return Err("a server's frame has a mask".into()),
    };
    let Some(header) = input.get(..start) else { return Ok(None) };
    let long = header[2..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let length = if start == 2 { usize::from(short) } else { long };
    let Some(payload) = input.get(start..start.saturating_add(length)) else { return Ok(None) };
    Ok(Some((start + length, if kind == BINARY { payload } else { &[] })))
}

/// A tag and the size behind it; and what follows.
fn tag(input: &[u8]) -> Result<Option<(Message, &[u8])>, String> {
    let Some((header, rest)) = input.split_at_checked(TAG_HEADER) else { return Ok(None) };
    let size = header[1..4].iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
    let Some((payload, rest)) = rest.split_at_checked(size) else { return Ok(None) };
    let Some((behind, rest)) = rest.split_at_checked(TAG_SIZE) else { return Ok(None) };
    if header[8..] != [0; 3] || behind != ((TAG_HEADER + size) as u32).to_be_bytes() {
        return Err(format!("a tag of {size} bytes says {header:02x?} and {behind:02x?}"));
    }
    Ok(Some((Message { kind: header[0], body: payload.to_vec() }, rest)))
}
