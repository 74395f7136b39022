//! FLV: tag headers, tags, the file header (Adobe Flash Video File Format Specification 10.1, annex E).
//!
//! RTMP audio and video messages carry FLV tag bodies, so [`inspect`] is also how ingest learns what
//! a message is.

use super::frame::{Kind, Role};
use super::reader::{Reader, Truncated};

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

/// Reads the tag header of a payload. A payload too short for its header is [`Role::Empty`].
pub fn inspect(kind: Kind, payload: &[u8]) -> Tag {
    let reader = Reader::new(payload);
    match kind {
        Kind::Audio => inspect_audio(reader).unwrap_or(Tag::EMPTY),
        Kind::Video => inspect_video(reader).unwrap_or(Tag::EMPTY),
        Kind::Data => Tag { role: Role::Key, ..Tag::EMPTY },
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
