//! A synthetic stream: real headers, and frames whose bytes are made up but always the same.

/// One packet of media, as it goes over the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// 8 audio, 9 video: the type of RTMP messages and FLV tags alike.
    pub kind: u8,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// Short: a failing comparison names many.
impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = &self.payload[..self.payload.len().min(6)];
        write!(f, "[{} at {}: {head:02x?} of {}]", self.kind, self.timestamp, self.payload.len())
    }
}

impl Packet {
    pub fn audio(timestamp: u32, payload: Vec<u8>) -> Self {
        Self { kind: 8, timestamp, payload }
    }

    pub fn video(timestamp: u32, payload: Vec<u8>) -> Self {
        Self { kind: 9, timestamp, payload }
    }

    /// A decoder configuration.
    pub fn is_header(&self) -> bool {
        self.payload[1] == 0 && (self.kind == 9 || self.payload[0] >> 4 == 10)
    }

    /// A video key frame, not a header.
    pub fn is_key(&self) -> bool {
        self.kind == 9 && self.payload[0] == 0x17 && !self.is_header()
    }
}

/// x264's, for 160x120 at 25 frames a second.
const AVC_CONFIGURATION: &[u8] = &[
    0x01, 0xf4, 0x00, 0x0b, 0xff, 0xe1, 0x00, 0x19, 0x67, 0xf4, 0x00, 0x0b, 0x91, 0x96, 0x82, 0x84, 0x7e,
    0x27, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0xaa, 0x01,
    0x00, 0x05, 0x68, 0xce, 0x0f, 0x19, 0x20, 0xff, 0xf8, 0xf8, 0x00,
];

/// The AVC header.
pub fn video_header(timestamp: u32) -> Packet {
    Packet::video(timestamp, [&[0x17, 0, 0, 0, 0], AVC_CONFIGURATION].concat())
}

/// The AAC header: LC, 44.1 kHz, stereo.
pub fn audio_header(timestamp: u32) -> Packet {
    Packet::audio(timestamp, vec![0xaf, 0, 0x12, 0x10])
}

/// A video frame: one NAL unit of made-up bytes.
pub fn video_frame(timestamp: u32, key: bool, length: u32) -> Packet {
    let first = if key { 0x17 } else { 0x27 };
    let nal = if key { 0x65 } else { 0x41 };
    let mut payload = vec![first, 1, 0, 0, 0];
    payload.extend(length.to_be_bytes());
    payload.push(nal);
    payload.extend(noise(timestamp, length - 1));
    Packet::video(timestamp, payload)
}

/// An AAC frame of made-up bytes.
pub fn audio_frame(timestamp: u32, length: u32) -> Packet {
    Packet::audio(timestamp, [vec![0xaf, 1], noise(timestamp ^ 0xa0a0, length)].concat())
}

/// Bytes that are the same for the same seed; never zero, so no start code is among them.
pub fn noise(seed: u32, length: u32) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    };
    (0..length).map(|_| next().max(1)).collect()
}

/// Milliseconds from one video frame to the next.
pub const FRAME: u32 = 40;
/// Frames from one key frame to the next.
pub const GOP: u32 = 25;

/// So many milliseconds of picture and sound from `start` on, with both headers first. Key frames are
/// longer than two chunks.
pub fn both(start: u32, length: u32) -> Vec<Packet> {
    let mut packets = vec![video_header(start), audio_header(start)];
    packets.extend(video_only(start, length).into_iter().skip(1));
    packets.extend(audio_only(start, length).into_iter().skip(1));
    packets.sort_by_key(|packet| packet.timestamp);
    packets
}

/// Picture alone, with its header first.
pub fn video_only(start: u32, length: u32) -> Vec<Packet> {
    let frames = (0..length / FRAME).map(|number| {
        let (time, key) = (start + number * FRAME, number % GOP == 0);
        video_frame(time, key, if key { 9000 } else { 300 + number % 7 * 100 })
    });
    std::iter::once(video_header(start)).chain(frames).collect()
}

/// Sound alone, with its header first.
pub fn audio_only(start: u32, length: u32) -> Vec<Packet> {
    let time = |number: u32| number * 1024 * 1000 / 44_100;
    let frames = (0..).map(time).take_while(|time| *time < length);
    let frames = frames.map(|time| audio_frame(start + time, 180 + time % 11));
    std::iter::once(audio_header(start)).chain(frames).collect()
}

/// The packets of one track: players get each track in order, and headers when the track begins.
pub fn track(packets: &[Packet], kind: u8) -> Vec<Packet> {
    packets.iter().filter(|packet| packet.kind == kind).cloned().collect()
}
