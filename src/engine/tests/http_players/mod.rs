//! HTTP players: their requests at the gates, the answer without an end, and what ends it.

mod answers;
mod ends;
mod refusals;
mod websocket;

use crate::engine::tests::*;
use crate::media::flv::{FILE_HEADER, TAG_HEADER, TagHeader};

/// A server of RTMP with these directives in its application, and one of HTTP.
fn world(directives: &str) -> World {
    World::configured(table(), &configuration(directives))
}

fn configuration(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; out_queue 16; out_cork 4; timeout 60s;
            application live {{ live on; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; flv_compat raw; }} }} }}"
    )
}

fn publisher(world: &mut World) -> Client {
    let mut client = Client::publish(world, "a");
    client.frame(world, Kind::Video, 5000, HEADER);
    client.frame(world, Kind::Audio, 5000, AUDIO_HEADER);
    client.frame(world, Kind::Video, 5000, KEY);
    client.frame(world, Kind::Audio, 5010, AUDIO);
    client.receive(world);
    client
}

/// A client of HTTP, with what it has received.
struct HttpClient {
    id: SessionId,
    received: Vec<u8>,
}

/// A tag: its type, its time in milliseconds, and its payload.
type Tag = (u8, u32, Vec<u8>);

impl HttpClient {
    fn open(world: &mut World) -> Self {
        Self { id: world.engine.accept(1, ENDS, world.now).unwrap(), received: Vec::new() }
    }

    /// Asks for a path by HTTP/1.1.
    fn get(world: &mut World, path: &str) -> Self {
        Self::ask(world, &format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\n\r\n"))
    }

    fn ask(world: &mut World, head: &str) -> Self {
        let mut client = Self::open(world);
        client.send(world, head.as_bytes());
        client
    }

    fn send(&mut self, world: &mut World, bytes: &[u8]) {
        world.engine.input(self.id, bytes, world.now);
        world.end_turn();
    }

    /// Reads what waits for it.
    fn read(&mut self, world: &mut World) -> &mut Vec<u8> {
        let bytes = world.take(self.id, usize::MAX).concat();
        self.received.extend(bytes);
        world.end_turn();
        &mut self.received
    }

    /// Takes the head of the answer: its first line, and all of it.
    fn head(&mut self, world: &mut World) -> (String, String) {
        let received = self.read(world);
        let end = received.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let head = String::from_utf8(received.drain(..end).collect()).unwrap();
        (head.lines().next().unwrap().to_owned(), head)
    }

    /// Takes the chunks of a body. The last one is empty.
    fn chunks(&mut self, world: &mut World) -> Vec<Vec<u8>> {
        let received = std::mem::take(self.read(world));
        let (mut rest, mut chunks) = (received.as_slice(), Vec::new());
        while !rest.is_empty() {
            let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            chunks.push(rest[line + 2..line + 2 + size].to_vec());
            assert_eq!(rest[line + 2 + size..line + 4 + size], *b"\r\n");
            rest = &rest[line + 4 + size..];
        }
        chunks
    }

    /// Takes the chunks of a body, each of which must be one tag, but for the FLV header and the last chunk, which are not
    /// returned.
    fn tags(&mut self, world: &mut World) -> Vec<Tag> {
        let chunks = self.chunks(world);
        chunks
            .iter()
            .filter(|chunk| !chunk.is_empty() && !chunk.starts_with(b"FLV"))
            .map(|chunk| tag(chunk))
            .collect()
    }

    /// Takes all that waits, which must be one piece of memory. Returns its address.
    fn send_one_piece(&self, world: &mut World) -> *const u8 {
        let mut address = None;
        let sent = world.engine.send(self.id, world.now, |outgoing| match outgoing {
            Outgoing::Bytes(bytes) => {
                address = Some(bytes.as_ptr());
                Ok::<_, Infallible>(bytes.len())
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(sent, Ok(None));
        address.unwrap()
    }

    fn is_open(&self, world: &World) -> bool {
        world.is_open(self.id)
    }
}

/// One tag with its PreviousTagSize.
fn tag(bytes: &[u8]) -> Tag {
    let header = TagHeader::read(*bytes.first_chunk::<TAG_HEADER>().unwrap()).unwrap();
    let (payload, last) = bytes[TAG_HEADER..].split_at(header.length as usize);
    assert_eq!(last, (TAG_HEADER as u32 + header.length).to_be_bytes(), "PreviousTagSize");
    (header.kind.type_id(), header.timestamp, payload.to_vec())
}

/// Tags in one piece, behind the FLV header, whose flags are returned.
fn file(mut bytes: &[u8]) -> (u8, Vec<Tag>) {
    assert!(bytes.starts_with(b"FLV\x01"));
    let flags = bytes[4];
    bytes = &bytes[FILE_HEADER..];
    let mut tags = Vec::new();
    while !bytes.is_empty() {
        let header = TagHeader::read(*bytes.first_chunk::<TAG_HEADER>().unwrap()).unwrap();
        let (one, rest) = bytes.split_at(TAG_HEADER + header.length as usize + 4);
        tags.push(tag(one));
        bytes = rest;
    }
    (flags, tags)
}

/// Types and times of the audio and video among tags.
fn media(tags: &[Tag]) -> Vec<(u8, u32)> {
    tags.iter().filter(|(kind, ..)| *kind != 18).map(|(kind, time, _)| (*kind, *time)).collect()
}
