//! A player of HTTP-FLV and WebSocket-FLV, made from the RFCs: it shares no code with the server, and takes nothing that
//! is not exactly as it should be.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use crate::common::flv::Tag;
use crate::common::media::Packet;
use crate::common::tls::transport::{Pipe, Target};
use crate::common::{SOON, Server, hang_up};

/// What carries the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// HTTP/1.1: chunks.
    Chunks,
    /// HTTP/1.0: until the connection is closed.
    Close,
    WebSocket,
}

pub const OVER_ALL: [Over; 3] = [Over::Chunks, Over::Close, Over::WebSocket];

/// The key of RFC 6455, section 1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A player whose answer has begun, or that was refused.
pub struct FlvPlayer {
    pipe: Pipe,
    over: Over,
    /// What has come and is not decoded yet.
    raw: Vec<u8>,
    pub status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    /// The FLV header's flags, once it has come.
    flags: Option<u8>,
    /// Without chunks and frames: bytes that are not parsed yet.
    plain: Vec<u8>,
    /// Offset of what is next in the FLV as a whole.
    position: usize,
    /// Control frames that have come, beside the last one.
    pub controls: Vec<(u8, Vec<u8>)>,
    /// The code and the reason of the close frame.
    pub close: Option<(u16, String)>,
    /// Whether the last chunk has come.
    is_over: bool,
    /// All bytes that have come, the head included.
    received: u64,
}

impl FlvPlayer {
    /// Asks for a target, and reads the head of the answer.
    pub fn open(target: impl Into<Target>, over: Over, path: &str) -> Self {
        Self::open_with(target, over, path, "")
    }

    /// The same with further fields, each ending with CR LF.
    pub fn open_with(target: impl Into<Target>, over: Over, path: &str, fields: &str) -> Self {
        let target = target.into();
        Self::over(TcpStream::connect(target.address).unwrap(), &target, over, path, fields)
    }

    /// A player for which the kernel takes hardly anything before it reads.
    pub fn open_narrow(target: impl Into<Target>, over: Over, path: &str) -> Self {
        let target = target.into();
        let stream = super::connect_with(target.address, |socket| setsockopt(socket, RcvBuf, &2048).unwrap());
        Self::over(stream, &target, over, path, "")
    }

    /// Goes on over a connection.
    pub fn over(stream: TcpStream, target: &Target, over: Over, path: &str, fields: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        let mut pipe = Pipe::over(stream, target);
        let version = if over == Over::Close { "1.0" } else { "1.1" };
        let upgrade = format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        let upgrade = if over == Over::WebSocket { &upgrade } else { "" };
        let host = target.address;
        let request = format!("GET {path} HTTP/{version}\r\nHost: {host}\r\n{upgrade}{fields}\r\n");
        pipe.write_all(request.as_bytes()).and_then(|()| pipe.flush()).unwrap();
        let mut player = Self {
            pipe,
            over,
            raw: Vec::new(),
            status: 0,
            fields: Vec::new(),
            flags: None,
            plain: Vec::new(),
            position: 0,
            controls: Vec::new(),
            close: None,
            is_over: false,
            received: 0,
        };
        player.read_head();
        player
    }

    /// Plays `live/NAME`, and checks the head.
    pub fn play(server: &Server, over: Over, name: &str) -> Self {
        let player = Self::open(server.http(), over, &format!("/live/{name}.flv"));
        player.expect_granted();
        player
    }

    /// Checks the head of a live answer.
    pub fn expect_granted(&self) {
        if self.over == Over::WebSocket {
            assert_eq!(self.status, 101, "{:?}", self.fields);
            assert_eq!(self.field("sec-websocket-accept"), ACCEPT);
            assert!(self.field("upgrade").eq_ignore_ascii_case("websocket"), "{:?}", self.fields);
            assert!(self.field("connection").eq_ignore_ascii_case("upgrade"), "{:?}", self.fields);
        } else {
            assert_eq!(self.status, 200, "{:?}", self.fields);
            assert_eq!(self.field("content-type"), "video/x-flv");
            assert_eq!(self.field("cache-control"), "no-store");
            let coding = if self.over == Over::Chunks { "chunked" } else { "" };
            assert_eq!(self.field("transfer-encoding"), coding);
            assert!(self.field("connection").eq_ignore_ascii_case("close"), "{:?}", self.fields);
        }
        assert_eq!(self.field("content-length"), "");
    }

    /// A field of the head, or "".
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The text of a refusal.
    pub fn text(&mut self) -> String {
        let length: usize = self.field("content-length").parse().expect("a refusal has a length");
        while self.raw.len() < length {
            assert!(self.fill(), "cut off");
        }
        String::from_utf8(self.raw.drain(..length).collect()).unwrap()
    }

    /// All bytes that have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn stream(&self) -> &TcpStream {
        self.pipe.tcp()
    }

    /// Sends bytes as they are; a server that has hung up is found by reading.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.pipe.write_all(bytes).and_then(|()| self.pipe.flush());
    }

    /// The flags of the FLV header: 1 for video, 4 for audio.
    pub fn flags(&mut self) -> u8 {
        while self.flags.is_none() {
            let piece = self.piece().expect("the FLV header");
            self.take(piece);
        }
        self.flags.unwrap()
    }

    /// The next tag; none at the end of the answer, which has to be a whole one.
    pub fn tag(&mut self) -> Option<Tag> {
        loop {
            if self.flags.is_some()
                && let Some(tag) = self.parse()
            {
                return Some(tag);
            }
            let Some(piece) = self.piece() else {
                assert!(self.plain.is_empty(), "the answer ends within a tag");
                return None;
            };
            self.take(piece);
        }
    }

    /// The next messages of audio and video.
    pub fn media(&mut self, count: usize) -> Vec<Packet> {
        let tags = std::iter::from_fn(|| self.tag());
        let media = tags.filter(|tag| tag.kind != 18);
        let media =
            media.map(|tag| Packet { kind: tag.kind, timestamp: tag.timestamp, payload: tag.payload });
        media.take(count).collect()
    }

    /// All tags to the end of the answer.
    pub fn rest(&mut self) -> Vec<Tag> {
        std::iter::from_fn(|| self.tag()).collect()
    }

    /// Reads to the end of the answer: it is a whole one, says so, and the connection is closed without a reset.
    pub fn expect_end(&mut self) {
        self.rest();
        if self.over == Over::WebSocket {
            let (code, reason) = self.close.clone().expect("a close frame");
            // A server that stops says so.
            assert!(matches!(code, 1000 | 1001), "{code} {reason}");
        }
        assert!(!self.fill(), "more comes: {:?}", self.raw);
    }

    /// Reads whatever comes, until the connection is closed in any way.
    pub fn expect_closed(&mut self) {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.pipe.read_once(&mut buffer) {
                Ok(0) => return,
                Ok(count) => self.raw.extend(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                    return;
                }
                Err(error) => panic!("the server does not hang up: {error}"),
            }
        }
    }

    /// Reads frames up to the server's close frame, and returns its code.
    pub fn expect_close_frame(&mut self) -> u16 {
        assert_eq!(self.over, Over::WebSocket);
        while self.close.is_none() && self.frame().is_some() {}
        self.close.as_ref().expect("a close frame").0
    }

    /// Reads tags until the next control frame.
    pub fn control(&mut self) -> (u8, Vec<u8>) {
        while self.controls.is_empty() {
            self.frame().expect("a control frame");
        }
        self.controls.remove(0)
    }

    /// Whether nothing comes for this time.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        self.stream().set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 1024];
        let read = self.pipe.read_once(&mut buffer);
        self.stream().set_read_timeout(Some(SOON)).unwrap();
        match read {
            Ok(count) => {
                self.raw.extend(&buffer[..count]);
                false
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill(), "no answer: {:?}", String::from_utf8_lossy(&self.raw));
        };
        let head = String::from_utf8(self.raw.drain(..end + 4).collect()).unwrap();
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("HTTP/1.1 "), "{first}");
        self.status = first[9..12].parse().unwrap();
        let fields = lines.filter_map(|line| line.split_once(':'));
        self.fields =
            fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    }

    /// Reads more; false at the end of the connection.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        let count = self.pipe.read_once(&mut buffer).expect("more bytes, or the end");
        self.raw.extend(&buffer[..count]);
        self.received += count as u64;
        count > 0
    }

    /// Takes so many bytes.
    fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.raw.len() < count {
            assert!(self.fill(), "the connection ends within what it has begun");
        }
        self.raw.drain(..count).collect()
    }

    /// The next chunk or frame, or whatever has come. None at the end of the answer.
    fn piece(&mut self) -> Option<Vec<u8>> {
        match self.over {
            Over::Chunks if self.is_over => None,
            Over::Chunks => self.chunk(),
            Over::WebSocket => self.frame(),
            Over::Close => {
                if self.raw.is_empty() && !self.fill() {
                    return None;
                }
                Some(std::mem::take(&mut self.raw))
            }
        }
    }

    /// The next chunk (RFC 9112, section 7.1).
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            assert!(self.raw.len() < 20, "no chunk line: {:?}", &self.raw[..20]);
            assert!(self.fill(), "the connection ends before the last chunk");
        };
        let line = self.exactly(end + 2);
        let digits = str::from_utf8(&line[..end]).unwrap();
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digits:?}");
        let length = usize::from_str_radix(digits, 16).unwrap();
        let data = self.exactly(length);
        assert_eq!(self.exactly(2), b"\r\n", "the end of a chunk");
        self.is_over = length == 0;
        (!self.is_over).then_some(data)
    }

    /// The next binary frame (RFC 6455, section 5.2); control frames are kept. None after a close frame.
    fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.close.is_some() {
                return None;
            }
            let head = self.exactly(2);
            let (opcode, length) = (head[0] & 15, usize::from(head[1]));
            assert_eq!(head[0] & 0xf0, 0x80, "each frame is a whole message without extensions");
            let length = match length {
                126 => {
                    let bytes = self.exactly(2);
                    usize::from(u16::from_be_bytes(bytes.try_into().unwrap()))
                }
                127 => usize::try_from(u64::from_be_bytes(self.exactly(8).try_into().unwrap())).unwrap(),
                short => short,
            };
            assert!(length < 1 << 24, "a server masks nothing, and no tag is that long: {length}");
            let payload = self.exactly(length);
            match opcode {
                2 => return Some(payload),
                8 => {
                    let (code, reason) = payload.split_at(2);
                    let code = u16::from_be_bytes(code.try_into().unwrap());
                    self.close = Some((code, String::from_utf8(reason.to_vec()).unwrap()));
                }
                9 | 10 => self.controls.push((opcode, payload)),
                other => panic!("opcode {other}"),
            }
        }
    }

    /// Adds a piece, which over chunks and frames is the FLV header or a tag, so that any may be left out.
    fn take(&mut self, piece: Vec<u8>) {
        assert!(self.over == Over::Close || self.plain.is_empty(), "a piece is no whole tag");
        self.plain.extend(piece);
        if self.flags.is_none() && self.plain.len() >= 13 {
            let header: Vec<_> = self.plain.drain(..13).collect();
            assert_eq!(&header[..4], b"FLV\x01");
            assert_eq!(&header[5..], [0, 0, 0, 9, 0, 0, 0, 0]);
            assert_eq!(header[4] & !5, 0, "flags");
            (self.flags, self.position) = (Some(header[4]), 13);
            assert!(
                self.over == Over::Close || self.plain.is_empty(),
                "the FLV header has a piece of its own"
            );
        }
    }

    fn parse(&mut self) -> Option<Tag> {
        let head = self.plain.get(..11)?;
        let length = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let end = 11 + length;
        let size = self.plain.get(end..end + 4)?;
        assert_eq!(size, u32::try_from(end).unwrap().to_be_bytes(), "the size of the tag before");
        assert_eq!(&head[8..], [0, 0, 0], "the stream id");
        let timestamp = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        assert!(timestamp < 1 << 31, "mpegts.js reads a sign: {timestamp:#x}");
        let tag =
            Tag { kind: head[0], timestamp, payload: self.plain[11..end].to_vec(), position: self.position };
        self.plain.drain(..end + 4);
        self.position += end + 4;
        Some(tag)
    }
}

impl Drop for FlvPlayer {
    fn drop(&mut self) {
        hang_up(self.pipe.tcp());
    }
}

/// A frame as clients send it: masked.
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
