//! Players over HTTP and WebSocket: what they are sent of a publisher's frames, and when.

mod enhanced;
mod formats;
mod tracks;

use crate::engine::tests::*;
use crate::http::ResponseHead;
use crate::media::flv::{FILE_HEADER, PREVIOUS_TAG_SIZE, TAG_HEADER, TagHeader};

const CACHED: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
    http { server { listen 127.0.0.1:0; root /srv; } }
";
const UNCACHED: &str = "
    rtmp { server { listen 127.0.0.1:0; gop_cache off; application live { live on; } } }
    http { server { listen 127.0.0.1:0; root /srv; } }
";

/// Parameter sets as x264 makes them, for 1280x720.
const SPS: &[u8] = b"\x67\x64\x00\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\x00\x00\x03\x00\x10\x00\x00\x03\x03\x20\xf1\x83\x19\x60";
const PPS: &[u8] = b"\x68\xeb\xe3\xcb\x22\xc0";

/// Answers each request with the stream `a`, in the form that its path names.
#[derive(Default)]
struct Forms {
    app: Option<AppId>,
}

impl Module for Forms {
    fn name(&self) -> &'static str {
        "forms"
    }

    fn directives(&self) -> &'static [Directive] {
        &[]
    }

    fn configure(&mut self, config: &Config<'_>) -> Result<(), conf::Errors> {
        self.app = config.applications.first().map(|app| app.id);
        Ok(())
    }

    fn adopt(&mut self, _cx: &mut Ctx, _next: Box<dyn Any>) {}

    fn on_http(&mut self, _cx: &mut Ctx, request: &HttpRequest) -> Option<Answer> {
        let has = |part| request.head.path.contains(part);
        let compat = if has("raw") { Compat::Raw } else { Compat::Browser };
        let times = match () {
            () if has("player") => FlvTimes::Player,
            () if has("publisher") => FlvTimes::Raw,
            () => FlvTimes::Stream,
        };
        let tracks = match () {
            () if has("audio") => FlvTracks::Audio,
            () if has("video") => FlvTracks::Video,
            () => FlvTracks::All,
        };
        Some(Answer::Play(Box::new(HttpPlay {
            app: self.app?,
            name: "a".to_owned(),
            args: String::new(),
            form: FlvForm { compat, times, tracks },
            is_websocket: has("websocket"),
            head: ResponseHead::new(if has("websocket") { 101 } else { 200 }),
        })))
    }
}

fn world(config: &str) -> World {
    let mut modules = table();
    modules.insert(0, Box::<Forms>::default());
    World::configured(modules, config)
}

/// A header of H.264 with parameter sets that can be read.
fn avc_header() -> Vec<u8> {
    let set = |set: &[u8]| [&[0, u8::try_from(set.len()).unwrap()], set].concat();
    let record = [&[1, SPS[1], SPS[2], SPS[3], 0xff, 0xe1][..], &set(SPS), &[1], &set(PPS)].concat();
    [&[0x17, 0, 0, 0, 0][..], &record].concat()
}

/// Something that an HTTP player is sent.
#[derive(Debug, Clone, PartialEq)]
enum Got {
    /// The FLV header, with its flags.
    Flags(u8),
    /// Metadata, with `hasAudio` and `hasVideo`.
    Metadata(bool, bool),
    /// Metadata without them, as players over RTMP get it.
    MetadataAsIs,
    /// A tag, with its time.
    Tag(Kind, u32, Vec<u8>),
    /// The answer ends.
    End,
}

fn video(time: u32, payload: &[u8]) -> Got {
    Got::Tag(Kind::Video, time, payload.to_vec())
}

fn audio(time: u32, payload: &[u8]) -> Got {
    Got::Tag(Kind::Audio, time, payload.to_vec())
}

/// An HTTP player.
struct Page {
    id: SessionId,
    has_head: bool,
    is_websocket: bool,
    has_header: bool,
}

impl Page {
    /// Asks for the stream in the form that the path names.
    fn open(world: &mut World, path: &str) -> Self {
        let id = world.engine.accept(1, ENDS, world.now).unwrap();
        let request = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n");
        world.engine.input(id, request.as_bytes(), world.now);
        world.end_turn();
        let is_websocket = path.contains("websocket");
        Self { id, has_head: false, is_websocket, has_header: false }
    }

    /// Takes what has been sent, each chunk or WebSocket frame by itself.
    fn take(&mut self, world: &mut World) -> Vec<Got> {
        let bytes = world.take(self.id, usize::MAX).concat();
        world.end_turn();
        let mut rest = &bytes[..];
        if !self.has_head && !rest.is_empty() {
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            rest = &rest[end + 4..];
            self.has_head = true;
        }
        let mut got = Vec::new();
        while !rest.is_empty() {
            let part = if self.is_websocket { websocket_frame(&mut rest) } else { chunk(&mut rest) };
            got.push(self.read(part));
        }
        got
    }

    fn read(&mut self, part: Option<&[u8]>) -> Got {
        let Some(part) = part else { return Got::End };
        if !std::mem::replace(&mut self.has_header, true) {
            assert_eq!((part.len(), &part[..4]), (FILE_HEADER, b"FLV\x01".as_slice()));
            return Got::Flags(part[4]);
        }
        let header = TagHeader::read(*part.first_chunk().unwrap()).unwrap();
        let end = part.len() - PREVIOUS_TAG_SIZE;
        assert_eq!(part[end..], u32::try_from(end).unwrap().to_be_bytes(), "PreviousTagSize");
        let payload = &part[TAG_HEADER..end];
        assert_eq!(payload.len(), header.length as usize);
        let frame = Frame::from_payload(header.kind, 0, payload);
        if frame.is_metadata() {
            assert_eq!(header.timestamp, 0, "ffmpeg takes metadata with another time for subtitles");
            let values = amf0::decode(payload).unwrap();
            let object = values[1].as_object().unwrap();
            return match ["hasAudio", "hasVideo"].map(|name| object.get(name)) {
                [Some(&Value::Boolean(audio)), Some(&Value::Boolean(video))] => Got::Metadata(audio, video),
                [None, None] => Got::MetadataAsIs,
                flags => panic!("{flags:?}"),
            };
        }
        Got::Tag(header.kind, header.timestamp, payload.to_vec())
    }
}

/// The content of a chunk; none for the last one.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
    let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
    let (content, behind) = rest[line + 2..].split_at(size);
    assert_eq!(behind[..2], *b"\r\n");
    *rest = &behind[2..];
    (size > 0).then_some(content)
}

/// The payload of a frame of WebSocket; none for one that closes.
fn websocket_frame<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, size) = match rest[1] {
        126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
        127 => (10, usize::try_from(u64::from_be_bytes(*rest[2..].first_chunk().unwrap())).unwrap()),
        size => (2, size.into()),
    };
    let first = rest[0];
    let (payload, behind) = rest[head..].split_at(size);
    *rest = behind;
    match first {
        0x82 => Some(payload),
        0x88 => None,
        other => panic!("{other:x}"),
    }
}

/// A publisher that has sent the headers of H.264 and AAC.
fn publisher(world: &mut World) -> Client {
    let mut publisher = Client::publish(world, "a");
    publisher.frame(world, Kind::Video, 0, &avc_header());
    publisher.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    publisher
}
