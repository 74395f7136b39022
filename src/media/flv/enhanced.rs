//! Enhanced RTMP (veovera, v2-2026-01-31): the tag headers with FourCCs, several tracks and extensions.
//!
//! Audio and video headers have the same form: packet types, ModEx, Multitrack. Whatever does not fit
//! the form costs its message, which goes to players as it came and is nothing to the server.

use super::super::frame::{Kind, Packet, Role, Tracks};
use super::super::reader::{Reader, Truncated};
use super::{Codec, Tag};

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
/// Video: frames without a composition time.
const CODED_FRAMES_X: u8 = 3;
/// Video: `colorInfo` of HDR. Audio: the layout of channels.
const METADATA: u8 = 4;
/// Video: an AV1 configuration as MPEG-2 TS has it.
const MPEG2_TS_SEQUENCE_START: u8 = 5;
const MULTITRACK_VIDEO: u8 = 6;
const MULTITRACK_AUDIO: u8 = 5;
const MOD_EX: u8 = 7;
/// The ModEx type that brings nanoseconds.
const TIMESTAMP_OFFSET_NANO: u8 = 0;
/// The video frame type of commands to the client.
const COMMAND: u8 = 5;

/// How the tracks of a message are laid out (AvMultitrackType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// No Multitrack: the default track.
    Single,
    /// One track with its number.
    OneTrack,
    /// Several tracks of one codec, each with its number and size.
    ManyTracks,
    /// Several tracks, each with its codec, number and size.
    ManyCodecs,
}

/// Reads an Enhanced tag header. The codec, body and composition time are those of the default track, or
/// of the first one if that is not in the message.
pub(super) fn inspect(kind: Kind, payload: &[u8]) -> Result<Tag, Truncated> {
    let mut reader = Reader::new(payload);
    let first = reader.u8()?;
    let frame_type = first >> 4 & 0x07;
    let (mut packet_type, nanoseconds) = read_mod_ex(&mut reader, first & 0x0f)?;
    let empty = Tag { nanoseconds, ..Tag::EMPTY };
    if kind == Kind::Video && packet_type != METADATA && frame_type == COMMAND {
        return Ok(empty);
    }
    let multitrack = if kind == Kind::Video { MULTITRACK_VIDEO } else { MULTITRACK_AUDIO };
    let mut layout = Layout::Single;
    if packet_type == multitrack {
        let byte = reader.u8()?;
        packet_type = byte & 0x0f;
        layout = match byte >> 4 {
            0 => Layout::OneTrack,
            1 => Layout::ManyTracks,
            2 => Layout::ManyCodecs,
            _ => return Ok(empty),
        };
        if packet_type == multitrack {
            return Ok(empty);
        }
    }
    let (packet, role) = judge(kind, packet_type, frame_type);
    let tag = Tag { packet, role, ..empty };
    read_tracks(reader, payload.len(), layout, packet_type, tag)
}

/// Takes the ModEx prefixes; returns the packet type after them and the nanoseconds.
fn read_mod_ex(reader: &mut Reader<'_>, mut packet_type: u8) -> Result<(u8, u32), Truncated> {
    let mut nanoseconds = 0;
    while packet_type == MOD_EX {
        let size = match reader.u8()? {
            0xff => usize::from(reader.u16()?) + 1,
            size => usize::from(size) + 1,
        };
        let mut data = Reader::new(reader.take(size)?);
        let next = reader.u8()?;
        if next >> 4 == TIMESTAMP_OFFSET_NANO {
            nanoseconds = data.u24().map_or(nanoseconds, |value| value.min(999_999));
        }
        packet_type = next & 0x0f;
    }
    Ok((packet_type, nanoseconds))
}

fn judge(kind: Kind, packet_type: u8, frame_type: u8) -> (Packet, Role) {
    match (kind, packet_type) {
        (_, SEQUENCE_START) => (Packet::Configuration, Role::Header),
        (Kind::Video, MPEG2_TS_SEQUENCE_START) => (Packet::Configuration, Role::Header),
        // The frame type of metadata means nothing: FFmpeg sends that of commands.
        (_, METADATA) => (Packet::Description, Role::Header),
        (Kind::Video, CODED_FRAMES | CODED_FRAMES_X) => (Packet::Frames, super::video_role(frame_type)),
        (_, CODED_FRAMES) => (Packet::Frames, Role::Key),
        _ => (Packet::Other, Role::Empty),
    }
}

/// Walks over the tracks of a message of `length` bytes.
fn read_tracks(
    mut reader: Reader<'_>,
    length: usize,
    layout: Layout,
    packet_type: u8,
    mut tag: Tag,
) -> Result<Tag, Truncated> {
    let mut codec = Codec::None;
    if layout != Layout::ManyCodecs {
        codec = Codec::of_four_cc(reader.array()?);
    }
    let mut tracks = Tracks::NONE;
    loop {
        if layout == Layout::ManyCodecs {
            codec = Codec::of_four_cc(reader.array()?);
        }
        let track = if layout == Layout::Single { 0 } else { reader.u8()? };
        let mut body = match layout {
            Layout::Single | Layout::OneTrack => reader.take(reader.rest().len())?,
            Layout::ManyTracks | Layout::ManyCodecs => {
                let size = reader.u24()? as usize;
                reader.take(size)?
            }
        };
        let end = length - reader.rest().len();
        let mut composition_time = 0;
        if tag.packet == Packet::Frames && packet_type == CODED_FRAMES && codec.has_composition_time() {
            let mut frame = Reader::new(body);
            composition_time = frame.i24()?;
            body = frame.rest();
        }
        if tracks.is_empty() || track == 0 {
            (tag.codec, tag.composition_time, tag.body) = (codec, composition_time, end - body.len()..end);
        }
        tracks.add(track);
        if reader.is_empty() {
            tag.tracks = tracks;
            return Ok(tag);
        }
    }
}

#[cfg(test)]
mod tests;
