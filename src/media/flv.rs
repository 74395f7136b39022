//! FLV: tag headers, tags, the file header (Adobe Flash Video File Format Specification 10.1, annex E).
//!
//! RTMP audio and video messages carry FLV tag bodies, so [`inspect`] is also how ingest learns what
//! a message is.

use super::frame::{Kind, Role};
use super::reader::{Reader, Truncated};

/// Length of the file header and the first PreviousTagSize.
pub const FILE_HEADER: usize = 13;
/// Length of a tag header.
pub const TAG_HEADER: usize = 11;

/// The file header (E.2) with the tracks that the file holds, and PreviousTagSize0.
pub fn file_header(audio: bool, video: bool) -> [u8; FILE_HEADER] {
    let flags = u8::from(audio) << 2 | u8::from(video);
    [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
}

/// Appends a tag (E.4.1) and its PreviousTagSize. `timestamp` is in milliseconds, modulo 2^32.
pub fn write_tag(out: &mut Vec<u8>, kind: Kind, timestamp: u32, payload: &[u8]) {
    let tag_type: u8 = match kind {
        Kind::Audio => 8,
        Kind::Video => 9,
        Kind::Data => 18,
    };
    // A message has at most 2^24 - 1 bytes, and so has a tag.
    let [_, size @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let [extended, time @ ..] = timestamp.to_be_bytes();
    out.push(tag_type);
    out.extend(size);
    out.extend(time);
    out.extend([extended, 0, 0, 0]);
    out.extend_from_slice(payload);
    let length = u32::try_from(TAG_HEADER + payload.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
}

/// A codec as an FLV tag header names it (E.4.2.1 SoundFormat, E.4.3.1 CodecID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 / AVC.
    Avc,
    /// AAC.
    Aac,
    /// MPEG-1 layer III audio.
    Mp3,
    /// Any other audio or video codec, by its FLV number.
    Other(u8),
    /// No codec: data messages and tags without a header.
    None,
}

/// What a tag header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The codec.
    pub codec: Codec,
    /// What depends on the tag.
    pub role: Role,
    /// Presentation minus decoding time, milliseconds.
    pub composition_time: i32,
    /// Length of the tag header, so the offset of the elementary data.
    pub body: usize,
}

impl Tag {
    const EMPTY: Self = Self { codec: Codec::None, role: Role::Empty, composition_time: 0, body: 0 };
}

/// The longest decoder configuration believed, bytes: it is kept, and repeated before key frames. Real
/// ones have some tens of bytes, those with several parameter sets some hundreds.
pub const MAX_CONFIGURATION: usize = 16 * 1024;

/// Reads the tag header of a payload. One that is too short for its header, or a configuration longer
/// than [`MAX_CONFIGURATION`], is [`Role::Empty`].
pub fn inspect(kind: Kind, payload: &[u8]) -> Tag {
    let reader = Reader::new(payload);
    let tag = match kind {
        Kind::Audio => inspect_audio(reader).unwrap_or(Tag::EMPTY),
        Kind::Video => inspect_video(reader).unwrap_or(Tag::EMPTY),
        Kind::Data => Tag { role: Role::Key, ..Tag::EMPTY },
    };
    if tag.role == Role::Header && payload.len() > MAX_CONFIGURATION {
        Tag { role: Role::Empty, ..tag }
    } else {
        tag
    }
}

/// E.4.2.1 AUDIODATA.
fn inspect_audio(mut reader: Reader<'_>) -> Result<Tag, Truncated> {
    let format = reader.u8()? >> 4;
    let (codec, role, body) = match format {
        10 => (Codec::Aac, if reader.u8()? == 0 { Role::Header } else { Role::Key }, 2),
        2 | 14 => (Codec::Mp3, Role::Key, 1),
        other => (Codec::Other(other), Role::Key, 1),
    };
    Ok(Tag { codec, role, composition_time: 0, body })
}

/// E.4.3.1 VIDEODATA and AVCVIDEOPACKET.
fn inspect_video(mut reader: Reader<'_>) -> Result<Tag, Truncated> {
    let first = reader.u8()?;
    let role = match first >> 4 {
        1 | 4 => Role::Key,
        2 => Role::Inter,
        3 => Role::Disposable,
        _ => Role::Empty,
    };
    if first & 0x0f != 7 {
        return Ok(Tag { codec: Codec::Other(first & 0x0f), role, composition_time: 0, body: 1 });
    }
    let packet_type = reader.u8()?;
    let composition_time = reader.i24()?;
    let (role, composition_time) = match packet_type {
        0 => (Role::Header, 0),
        1 => (role, composition_time),
        _ => (Role::Empty, 0),
    };
    Ok(Tag { codec: Codec::Avc, role, composition_time, body: 5 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_headers_tell_codec_role_and_composition_time() {
        let tag = |kind, payload: &[u8]| {
            let tag = inspect(kind, payload);
            (tag.codec, tag.role, tag.composition_time, tag.body)
        };
        assert_eq!(tag(Kind::Video, &[0x17, 0, 0, 0, 0, 1]), (Codec::Avc, Role::Header, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x17, 1, 0, 0, 80, 1]), (Codec::Avc, Role::Key, 80, 5));
        assert_eq!(tag(Kind::Video, &[0x27, 1, 0xff, 0xff, 0xff]), (Codec::Avc, Role::Inter, -1, 5));
        assert_eq!(tag(Kind::Video, &[0x37, 1, 0, 0, 0]), (Codec::Avc, Role::Disposable, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x17, 2, 0, 0, 0]), (Codec::Avc, Role::Empty, 0, 5));
        assert_eq!(tag(Kind::Video, &[0x12, 9]), (Codec::Other(2), Role::Key, 0, 1));
        assert_eq!(tag(Kind::Audio, &[0xaf, 0, 0x12, 0x10]), (Codec::Aac, Role::Header, 0, 2));
        assert_eq!(tag(Kind::Audio, &[0xaf, 1, 0x21]), (Codec::Aac, Role::Key, 0, 2));
        assert_eq!(tag(Kind::Audio, &[0x2f, 0xff]), (Codec::Mp3, Role::Key, 0, 1));
        assert_eq!(tag(Kind::Audio, &[0xb2, 0]), (Codec::Other(11), Role::Key, 0, 1));
        assert_eq!(tag(Kind::Data, b"anything"), (Codec::None, Role::Key, 0, 0));
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
        assert_eq!(file_header(true, false)[..5], *b"FLV\x01\x04");
    }
}
