//! The frame: one media message, immutable once it is shared.
//!
//! A publisher's message becomes one `Rc<Frame>` and every output shares it: players, the FLV
//! recorder, the HLS muxer. A frame knows what ingest learnt of it and keeps [`HEADROOM`] bytes
//! free in front of its payload, so that RTMP can put its message header there and send a small
//! frame without a copy. It keeps what transports make of it for all their players ([`Transport`]), and knows nothing of
//! them otherwise.

use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

use super::aac;
use super::flv::{self, Codec};
use super::kind::{Kind, Packet, Role, Tracks};
use super::meter::{Charge, Meter};
use super::nal::{Framing, Nals};

/// Bytes kept free in front of a payload: an RTMP type 0 chunk header with a one-byte basic header
/// (1 + 11) and an extended timestamp (4).
pub const HEADROOM: usize = 16;

/// What sends a frame to players, and makes one image of it for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// RTMP.
    Rtmp,
    /// FLV over HTTP.
    Http,
    /// FLV over WebSocket.
    WebSocket,
}

/// What is made of a frame for players that get FLV. It is not in each frame, as most have none.
#[derive(Debug, Default)]
struct FlvParts {
    http: OnceCell<Box<[u8]>>,
    websocket: OnceCell<Box<[u8]>>,
    browser: OnceCell<BrowserFrame>,
}

/// The slices of a picture in a message of H.264 or H.265. A message of any other codec has a whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slices {
    /// The first slice of a picture, or all of it.
    Begin,
    /// Further slices of the picture that an earlier message began.
    Continue {
        /// That picture is a key frame.
        of_key: bool,
    },
    /// None: parameter sets, delimiters or SEI messages, for the picture that comes.
    None,
    /// Its NAL units cannot be told apart.
    Unread,
}

/// What players in browsers get in the place of a frame.
#[derive(Debug)]
pub enum BrowserFrame {
    /// The frame.
    Same,
    /// Another one, with the same media at the same time.
    Other(Rc<Frame>),
    /// Nothing.
    LeftOut,
}

/// One media message.
#[derive(Debug)]
pub struct Frame {
    /// Audio, video or data.
    pub kind: Kind,
    /// Decoding time in milliseconds, unwrapped from RTMP's 32 bits.
    pub timestamp: u64,
    /// The time in FLV over HTTP, in milliseconds: that since the beginning of its stream, below 2^31. Set when the frame
    /// is given to a stream's players.
    pub flv_timestamp: u32,
    /// The codec the tag header names; of several tracks, that of the default one.
    pub codec: Codec,
    /// The type of its content.
    pub packet: Packet,
    /// Its place among the frames that depend on each other.
    pub role: Role,
    /// The slices of a picture in it, if [`Pictures`](super::Pictures) has read it.
    pub slices: Slices,
    /// The separation of its NAL units, if it has been read and has some.
    pub framing: Framing,
    /// Presentation time minus decoding time, in milliseconds (AVC, HEVC and VVC, otherwise 0).
    pub composition_time: i32,
    /// The part of the presentation time below a millisecond, in nanoseconds.
    pub nanoseconds: u32,
    /// The tracks that have a part of it.
    pub tracks: Tracks,
    /// The range of the elementary data in the payload. Invariant: within it.
    body: Range<usize>,
    /// [`HEADROOM`] bytes, then the payload. Invariant: never shorter than the headroom.
    buffer: Vec<u8>,
    /// The frame as RTMP sends it, if that is not one piece of `buffer`. Made once: a stream has one server, and that one
    /// chunk size.
    image: OnceCell<Box<[u8]>>,
    flv: OnceCell<Box<FlvParts>>,
    /// Its memory on a meter, if it is counted.
    charge: Option<Charge>,
}

impl Frame {
    /// Makes a frame of `buffer`, which holds [`HEADROOM`] free bytes and then the payload (an FLV
    /// tag body). A buffer shorter than the headroom counts as an empty payload.
    pub fn new(kind: Kind, timestamp: u64, mut buffer: Vec<u8>) -> Self {
        if buffer.len() < HEADROOM {
            buffer.resize(HEADROOM, 0);
        }
        let tag = flv::inspect(kind, buffer.get(HEADROOM..).unwrap_or_default());
        Self {
            kind,
            timestamp,
            flv_timestamp: 0,
            codec: tag.codec,
            packet: tag.packet,
            role: tag.role,
            slices: Slices::Begin,
            framing: Framing::Lengths(4),
            composition_time: tag.composition_time,
            nanoseconds: tag.nanoseconds,
            tracks: tag.tracks,
            body: tag.body,
            buffer,
            image: OnceCell::new(),
            flv: OnceCell::new(),
            charge: None,
        }
    }

    /// Counts the frame on a meter for as long as it lives.
    pub fn count_on(&mut self, meter: &Meter) {
        self.charge = Some(meter.charge(self.memory()));
    }

    /// Counts bytes that are made of the frame where it is counted itself.
    pub fn charge_beside(&self, bytes: usize) -> Option<Charge> {
        self.charge.as_ref().map(|charge| charge.another(bytes))
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let flv = self.flv.get().into_iter().flat_map(|parts| [&parts.http, &parts.websocket]);
        let images = flv.chain([&self.image]).filter_map(OnceCell::get).map(|image| image.len());
        size_of::<Self>() + self.buffer.capacity() + images.sum::<usize>()
    }

    /// Makes a frame of a payload that has no headroom yet; copies it.
    pub fn from_payload(kind: Kind, timestamp: u64, payload: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEADROOM + payload.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(payload);
        Self::new(kind, timestamp, buffer)
    }

    /// A copy of this frame at another time, with the same headroom.
    pub fn at(&self, timestamp: u64) -> Self {
        let (body, buffer) = (self.body.clone(), self.buffer.clone());
        let (image, flv) = (OnceCell::new(), OnceCell::new());
        Self { timestamp, body, buffer, image, flv, charge: None, ..*self }
    }

    /// The same, counted where this one is.
    pub fn copy_at(&self, timestamp: u64) -> Self {
        let mut copy = self.at(timestamp);
        copy.charge = self.charge.as_ref().map(|charge| charge.another(copy.memory()));
        copy
    }

    /// The headroom, for a transport to write its header into before the frame is shared.
    pub fn headroom_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..HEADROOM]
    }

    /// A transport's image of this frame; `build` makes it on first use.
    pub fn image(&self, transport: Transport, build: impl FnOnce() -> Box<[u8]>) -> &[u8] {
        let image = match transport {
            Transport::Rtmp => &self.image,
            Transport::Http => &self.flv().http,
            Transport::WebSocket => &self.flv().websocket,
        };
        image.get_or_init(|| {
            let image = build();
            self.charge.iter().for_each(|charge| charge.add(image.len()));
            image
        })
    }

    /// The frame that players in browsers get, if any; `make` says on first use which one that is.
    pub fn for_browsers(self: &Rc<Self>, make: impl FnOnce() -> BrowserFrame) -> Option<Rc<Self>> {
        match self.flv().browser.get_or_init(make) {
            BrowserFrame::Same => Some(Rc::clone(self)),
            BrowserFrame::Other(frame) => Some(Rc::clone(frame)),
            BrowserFrame::LeftOut => None,
        }
    }

    fn flv(&self) -> &FlvParts {
        self.flv.get_or_init(Box::default)
    }

    /// The payload with the last `header` bytes of the headroom in front of it.
    pub fn with_header(&self, header: usize) -> &[u8] {
        &self.buffer[HEADROOM - header.min(HEADROOM)..]
    }

    /// The payload as it came: a whole FLV tag body, with its tag header.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[HEADROOM..]
    }

    /// The elementary data: AVC NAL units with their lengths, a raw AAC frame, a configuration record. Of
    /// several tracks, that of the default one.
    pub fn body(&self) -> &[u8] {
        self.payload().get(self.body.clone()).unwrap_or_default()
    }

    /// The NAL units of a frame of H.264 or H.265.
    pub fn nals(&self) -> Nals<'_> {
        Nals::new(self.body(), self.framing)
    }

    /// Presentation time in milliseconds; never before zero.
    pub fn presentation_time(&self) -> u64 {
        self.timestamp.saturating_add_signed(i64::from(self.composition_time))
    }

    /// True for `onMetaData`.
    pub fn is_metadata(&self) -> bool {
        self.kind.is_data() && flv::is_named(self.kind, self.payload(), "onMetaData")
    }

    /// The AMF0 values of a data message, which may switch to AMF3.
    pub fn amf0(&self) -> &[u8] {
        let format_byte = usize::from(self.kind == Kind::DataAmf3);
        self.payload().get(format_byte..).unwrap_or_default()
    }

    /// True if the default track has a part of it: the one that outputs for one track carry.
    pub fn is_default_track(&self) -> bool {
        self.tracks.contains(0)
    }

    /// True if nothing can be decoded of it without a configuration. ADTS brings its own.
    pub fn needs_configuration(&self) -> bool {
        self.codec.needs_configuration() && !(self.codec == Codec::Aac && aac::is_adts(self.body()))
    }

    /// True for a video frame that a decoder of the default track can start at.
    pub fn is_video_key(&self) -> bool {
        self.kind == Kind::Video && self.role == Role::Key && self.is_default_track()
    }

    /// The default track's part of a frame of several tracks as a frame of its own; `None` if it has none.
    pub fn default_track(&self) -> Option<Self> {
        let payload = flv::default_track(self.kind, self.payload())?;
        Some(Self { framing: self.framing, ..self.with_payload(&payload) })
    }

    /// A frame with the same media in another payload, whose NAL units have lengths of 4 bytes.
    pub fn with_payload(&self, payload: &[u8]) -> Self {
        let Self { role, slices, .. } = *self;
        Self { role, slices, ..Self::from_payload(self.kind, self.timestamp, payload) }
    }

    /// True if it says which tracks it is of.
    pub fn is_multitrack(&self) -> bool {
        flv::is_multitrack(self.kind, self.payload())
    }

    /// Runs `visit` on the codec of each track, and on its elementary data.
    pub fn for_each_track(&self, mut visit: impl FnMut(Codec, &[u8])) {
        if self.is_multitrack() {
            flv::for_each_track(self.kind, self.payload(), visit);
        } else {
            visit(self.codec, self.body());
        }
    }

    /// True if this header takes the place of an earlier one.
    pub fn supersedes(&self, header: &Self) -> bool {
        (self.kind, self.packet) == (header.kind, header.packet) && header.tracks.is_within(self.tracks)
    }
}
