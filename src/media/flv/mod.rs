//! FLV: tag headers, tags, the file header (Adobe Flash Video File Format Specification 10.1, annex E, and
//! Enhanced RTMP).
//!
//! RTMP audio and video messages carry FLV tag bodies, so [`inspect`] is also how ingest learns what
//! a message is.

pub mod browser;
mod enhanced;
pub mod form;
pub mod metadata;
mod tag;

pub use super::codec::Codec;
pub use tag::Tag;

use super::codec::{NUMBER_AAC, NUMBER_AVC, NUMBER_MP3};
use super::kind::{Kind, Packet, Role};
use super::reader::{Reader, Truncated};
use tag::video_role;

/// Length of the file header and the first PreviousTagSize.
pub const FILE_HEADER: usize = 13;
/// Length of a tag header.
pub const TAG_HEADER: usize = 11;

/// The file header (E.2) with the tracks that the file holds, and PreviousTagSize0.
pub fn file_header(audio: bool, video: bool) -> [u8; FILE_HEADER] {
    let flags = u8::from(audio) << 2 | u8::from(video);
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// Bytes of PreviousTagSize.
pub const PREVIOUS_TAG_SIZE: usize = 4;

/// Appends a tag (E.4.1) and its PreviousTagSize. `timestamp` is in milliseconds, modulo 2^32.
pub fn write_tag(out: &mut Vec<u8>, kind: Kind, timestamp: u32, payload: &[u8]) {
    out.extend(tag_header(kind, timestamp, payload.len()));
    out.extend_from_slice(payload);
    let length = u32::try_from(TAG_HEADER + payload.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
}

/// The header of a tag (E.4.1) of `length` bytes of payload. `timestamp` is in milliseconds, modulo 2^32.
pub fn tag_header(kind: Kind, timestamp: u32, length: usize) -> [u8; TAG_HEADER] {
    // A message has at most 2^24 - 1 bytes, and so has a tag.
    let [_, l0, l1, l2] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let [extended, t0, t1, t2] = timestamp.to_be_bytes();
    [kind.type_id(), l0, l1, l2, t0, t1, t2, extended, 0, 0, 0]
}

/// The header of a tag in a file (E.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagHeader {
    /// Audio, video or data.
    pub kind: Kind,
    /// Bytes of payload.
    pub length: u32,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
}

impl TagHeader {
    /// Reads the header of a tag as [`write_tag`] writes it; `None` if it is none.
    pub fn read(bytes: [u8; TAG_HEADER]) -> Option<Self> {
        let [kind, l0, l1, l2, t1, t2, t3, t0, stream @ ..] = bytes;
        let kind =
            [Kind::Audio, Kind::Video, Kind::Data, Kind::DataAmf3].into_iter().find(|k| k.type_id() == kind);
        let header = Self {
            kind: kind?,
            length: u32::from_be_bytes([0, l0, l1, l2]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        };
        (stream == [0; 3]).then_some(header)
    }
}

/// The longest decoder configuration believed, bytes: it is kept, and repeated before key frames. Real
/// ones have some tens of bytes, those with several parameter sets some hundreds.
pub const MAX_CONFIGURATION: usize = 16 * 1024;

/// The sound format that says that the header is an Enhanced one.
const ENHANCED_AUDIO: u8 = 9;
/// The bit that says the same of video.
const ENHANCED_VIDEO: u8 = 0x80;
/// The code of HEVC in streams of Chinese encoders, from before Enhanced RTMP.
const LEGACY_HEVC: u8 = 12;

/// The sound format of MP3 at 8 kHz.
const MP3_8_KHZ: u8 = 14;

/// `videocodecid` or `audiocodecid` of a file whose messages have the form of this payload.
pub fn metadata_id(codec: Codec, payload: &[u8]) -> u32 {
    match codec {
        Codec::Hevc if !is_enhanced(Kind::Video, payload) => LEGACY_HEVC.into(),
        codec => codec.metadata_id(),
    }
}

/// True if the header of a payload of audio or video is an Enhanced one.
pub fn is_enhanced(kind: Kind, payload: &[u8]) -> bool {
    let first = payload.first().copied().unwrap_or_default();
    match kind {
        Kind::Audio => first >> 4 == ENHANCED_AUDIO,
        Kind::Video => first & ENHANCED_VIDEO != 0,
        Kind::Data | Kind::DataAmf3 => false,
    }
}

/// The default track's part of an Enhanced message of several tracks, or of one with a number, as a message
/// of its own; `None` if it has no such part, or is not Enhanced.
pub fn default_track(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
    enhanced::default_track(kind, payload)
}

/// True if a message of audio or video says which tracks it is of (Enhanced RTMP v2, Multitrack).
pub fn is_multitrack(kind: Kind, payload: &[u8]) -> bool {
    is_enhanced(kind, payload) && enhanced::is_multitrack(kind, payload)
}

/// Runs `visit` on the codec of each track of a Multitrack message and what follows its FourCC: its configuration, if
/// the message is one.
pub fn for_each_track(kind: Kind, payload: &[u8], visit: impl FnMut(Codec, &[u8])) {
    enhanced::for_each_track(kind, payload, visit);
}

/// The message with a decoder configuration of the default track for messages that have the form of this payload; none
/// for a codec that has no code in it.
pub fn video_configuration(like: &[u8], codec: Codec, record: &[u8]) -> Option<Vec<u8>> {
    if is_enhanced(Kind::Video, like) {
        return Some([&[ENHANCED_VIDEO | 1 << 4][..], &codec.four_cc()?, record].concat());
    }
    let code = match codec {
        Codec::Avc => NUMBER_AVC,
        Codec::Hevc => LEGACY_HEVC,
        _ => return None,
    };
    Some([&[1 << 4 | code, 0, 0, 0, 0][..], record].concat())
}

/// Reads the tag header of a payload. [`Role::Empty`] is one that is too short for its header, a configuration longer
/// than [`MAX_CONFIGURATION`], and one without a body where frames need it: FFmpeg sends that of AAC that it copies
/// from MPEG-TS, and the real one once it has seen a frame.
pub fn inspect(kind: Kind, payload: &[u8]) -> Tag {
    let tag = match kind {
        Kind::Audio | Kind::Video if is_enhanced(kind, payload) => enhanced::inspect(kind, payload),
        Kind::Audio => inspect_audio(payload),
        Kind::Video => inspect_video(payload),
        // An instruction to the server, which nobody else needs to see.
        Kind::Data | Kind::DataAmf3 if is_clearing(kind, payload) => Ok(Tag::EMPTY),
        Kind::Data | Kind::DataAmf3 => Ok(Tag { role: Role::Key, ..Tag::EMPTY }),
    };
    let tag = tag.unwrap_or(Tag::EMPTY);
    if tag.role == Role::Header && (payload.len() > MAX_CONFIGURATION || tag.lacks_configuration()) {
        Tag { role: Role::Empty, ..tag }
    } else {
        tag
    }
}

/// True if a data message begins with that AMF0 string.
pub fn is_named(kind: Kind, payload: &[u8], name: &str) -> bool {
    let values = if kind == Kind::DataAmf3 { payload.get(1..) } else { Some(payload) };
    let mut reader = Reader::new(values.unwrap_or_default());
    let begins = reader.u8() == Ok(2) && reader.u16().map(usize::from) == Ok(name.len());
    begins && reader.take(name.len()) == Ok(name.as_bytes())
}

fn is_clearing(kind: Kind, payload: &[u8]) -> bool {
    is_named(kind, payload, "@clearDataFrame")
}

/// E.4.2.1 AUDIODATA.
fn inspect_audio(payload: &[u8]) -> Result<Tag, Truncated> {
    let mut reader = Reader::new(payload);
    let (codec, packet, body) = match reader.u8()? >> 4 {
        NUMBER_AAC if reader.u8()? == 0 => (Codec::Aac, Packet::Configuration, 2),
        NUMBER_AAC => (Codec::Aac, Packet::Frames, 2),
        NUMBER_MP3 | MP3_8_KHZ => (Codec::Mp3, Packet::Frames, 1),
        other => (Codec::Other(other), Packet::Frames, 1),
    };
    let role = if packet == Packet::Configuration { Role::Header } else { Role::Key };
    Ok(Tag { codec, packet, role, body: body..payload.len(), ..Tag::EMPTY })
}

/// E.4.3.1 VIDEODATA and AVCVIDEOPACKET.
fn inspect_video(payload: &[u8]) -> Result<Tag, Truncated> {
    let mut reader = Reader::new(payload);
    let first = reader.u8()?;
    let role = video_role(first >> 4);
    let codec = match first & 0x0f {
        NUMBER_AVC => Codec::Avc,
        LEGACY_HEVC => Codec::Hevc,
        other => {
            let (codec, packet) = (Codec::Other(other), Packet::Frames);
            return Ok(Tag { codec, packet, role, body: 1..payload.len(), ..Tag::EMPTY });
        }
    };
    let packet_type = reader.u8()?;
    let composition_time = reader.i24()?;
    let (packet, role, composition_time) = match packet_type {
        0 => (Packet::Configuration, Role::Header, 0),
        1 => (Packet::Frames, role, composition_time),
        _ => (Packet::Other, Role::Empty, 0),
    };
    Ok(Tag { codec, packet, role, composition_time, body: 5..payload.len(), ..Tag::EMPTY })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_headers_tell_codec_role_and_composition_time() {
        let tag = |kind, payload: &[u8]| {
            let tag = inspect(kind, payload);
            (tag.codec, tag.role, tag.composition_time, tag.body.start)
        };
        assert_eq!(tag(Kind::Video, &[0x17, 0, 0, 0, 0, 1]), (Codec::Avc, Role::Header, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x17, 1, 0, 0, 80, 1]), (Codec::Avc, Role::Key, 80, 5));
        assert_eq!(tag(Kind::Video, &[0x27, 1, 0xff, 0xff, 0xff]), (Codec::Avc, Role::Inter, -1, 5));
        assert_eq!(tag(Kind::Video, &[0x37, 1, 0, 0, 0]), (Codec::Avc, Role::Disposable, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x17, 2, 0, 0, 0]), (Codec::Avc, Role::Empty, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x1c, 0, 0, 0, 0, 1]), (Codec::Hevc, Role::Header, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x2c, 1, 0, 0, 40, 1]), (Codec::Hevc, Role::Inter, 40, 5));
        assert_eq!(tag(Kind::Video, &[0x12, 9]), (Codec::Other(2), Role::Key, 0, 1));
        assert_eq!(tag(Kind::Video, &[0x52, 0]), (Codec::Other(2), Role::Empty, 0, 1));
        assert_eq!(tag(Kind::Audio, &[0xaf, 0, 0x12, 0x10]), (Codec::Aac, Role::Header, 0, 2));
        assert_eq!(tag(Kind::Audio, &[0xaf, 1, 0x21]), (Codec::Aac, Role::Key, 0, 2));
        for empty in [&[0xaf, 0][..], &[0x17, 0, 0, 0, 0], &[0x1c, 0, 0, 0, 0]] {
            let kind = if empty.len() == 2 { Kind::Audio } else { Kind::Video };
            assert_eq!(tag(kind, empty).1, Role::Empty, "{empty:02x?}");
        }
        assert_eq!(tag(Kind::Audio, &[0x2f, 0xff]), (Codec::Mp3, Role::Key, 0, 1));
        assert_eq!(tag(Kind::Audio, &[0xb2, 0]), (Codec::Other(11), Role::Key, 0, 1));
        assert_eq!(tag(Kind::Data, b"anything"), (Codec::None, Role::Key, 0, 0));
        assert_eq!(tag(Kind::Data, b"\x02\x00\x0f@clearDataFrame"), (Codec::None, Role::Empty, 0, 0));
    }

    #[test]
    fn a_payload_cut_within_its_tag_header_is_empty() {
        for cut in 0..5 {
            assert_eq!(inspect(Kind::Video, &[0x17, 1, 0, 0, 80][..cut]).role, Role::Empty);
        }
        assert_eq!(inspect(Kind::Audio, &[0xaf]).role, Role::Empty);
        let mut header = vec![0xaf; MAX_CONFIGURATION];
        header[1] = 0;
        assert_eq!(inspect(Kind::Audio, &header).role, Role::Header);
        header.push(0);
        assert_eq!(inspect(Kind::Audio, &header).role, Role::Empty);
        assert_eq!(inspect(Kind::Audio, &[]).role, Role::Empty);
    }

    #[test]
    fn a_tag_has_its_timestamp_in_four_bytes_and_its_length_behind_it() {
        let mut out = Vec::new();
        write_tag(&mut out, Kind::Video, 0x0102_0304, &[0x17, 1]);
        assert_eq!(out, [9, 0, 0, 2, 2, 3, 4, 1, 0, 0, 0, 0x17, 1, 0, 0, 0, 13]);
        let header = TagHeader { kind: Kind::Video, length: 2, timestamp: 0x0102_0304 };
        assert_eq!(TagHeader::read(*out.first_chunk().unwrap()), Some(header));
        assert_eq!(TagHeader::read([0; TAG_HEADER]), None);
        assert_eq!(file_header(true, false)[..5], *b"FLV\x01\x04");
    }

    #[test]
    fn a_data_message_is_known_by_its_first_string() {
        assert!(is_named(Kind::Data, b"\x02\x00\x02ab", "ab"));
        assert!(is_named(Kind::DataAmf3, b"\x00\x02\x00\x02ab", "ab"));
        for other in [b"\x02\x00\x03abc".as_slice(), b"\x02\x00\x02a", b"\x03\x00\x02ab", b""] {
            assert!(!is_named(Kind::Data, other, "ab"));
        }
    }
}
