//! Enhanced RTMP (veovera, v2-2026-01-31): the tag headers with FourCCs, several tracks and extensions.
//!
//! Audio and video headers have the same form: packet types, ModEx, Multitrack. A message of another form is
//! sent to players as it came; the server does not look into it.

use super::tag::{Tag, video_role};
use crate::media::codec::Codec;
use crate::media::kind::{Kind, Packet, Role, Tracks};
use crate::media::reader::{Reader, Truncated};

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
/// Video: frames without a composition time.
pub(super) const CODED_FRAMES_X: u8 = 3;
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

/// The most extensions in front of a message, of which one type exists so far.
const MAX_EXTENSIONS: usize = 16;
/// The most parts of a message: their numbers have 8 bits.
const MAX_TRACKS: usize = 256;

/// The layout of the tracks of a message (AvMultitrackType).
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

/// The fields before the tracks of a message.
struct Head {
    /// Of video only.
    frame_type: u8,
    packet_type: u8,
    nanoseconds: u32,
    /// None for a message without tracks: a command, or a form that does not exist.
    layout: Option<Layout>,
}

impl Head {
    fn read(kind: Kind, reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let first = reader.u8()?;
        let frame_type = first >> 4 & 0x07;
        let (packet_type, nanoseconds) = read_mod_ex(reader, first & 0x0f)?;
        let mut head = Self { frame_type, packet_type, nanoseconds, layout: Some(Layout::Single) };
        let multitrack = if kind == Kind::Video { MULTITRACK_VIDEO } else { MULTITRACK_AUDIO };
        if kind == Kind::Video && packet_type != METADATA && frame_type == COMMAND {
            head.layout = None;
        } else if packet_type == multitrack {
            let byte = reader.u8()?;
            head.packet_type = byte & 0x0f;
            head.layout = match byte >> 4 {
                // A Multitrack within a Multitrack is none.
                _ if head.packet_type == multitrack => None,
                0 => Some(Layout::OneTrack),
                1 => Some(Layout::ManyTracks),
                2 => Some(Layout::ManyCodecs),
                _ => None,
            };
        }
        Ok(head)
    }
}

/// One track's part of a message.
struct Part<'a> {
    track: u8,
    four_cc: [u8; 4],
    body: &'a [u8],
    /// The offset of the body's end in the message.
    end: usize,
}

/// The parts of a message, in order.
struct Parts<'a> {
    reader: Reader<'a>,
    length: usize,
    layout: Layout,
    four_cc: [u8; 4],
    is_over: bool,
    /// Parts that may still come.
    left: usize,
}

impl<'a> Parts<'a> {
    /// The parts of a message of `length` bytes whose head has been read.
    fn new(mut reader: Reader<'a>, length: usize, layout: Layout) -> Result<Self, Truncated> {
        let four_cc = if layout == Layout::ManyCodecs { [0; 4] } else { reader.array()? };
        Ok(Self { reader, length, layout, four_cc, is_over: false, left: MAX_TRACKS })
    }

    /// The next part; there is at least one.
    fn next(&mut self) -> Result<Option<Part<'a>>, Truncated> {
        if self.is_over {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(Truncated)?;
        if self.layout == Layout::ManyCodecs {
            self.four_cc = self.reader.array()?;
        }
        let track = if self.layout == Layout::Single { 0 } else { self.reader.u8()? };
        let size = match self.layout {
            Layout::Single | Layout::OneTrack => self.reader.rest().len(),
            Layout::ManyTracks | Layout::ManyCodecs => self.reader.u24()? as usize,
        };
        let body = self.reader.take(size)?;
        self.is_over = self.reader.is_empty();
        let end = self.length - self.reader.rest().len();
        Ok(Some(Part { track, four_cc: self.four_cc, body, end }))
    }
}

/// Reads an Enhanced tag header. The codec, body and composition time are those of the default track, or
/// of the first one if that is not in the message.
pub(super) fn inspect(kind: Kind, payload: &[u8]) -> Result<Tag, Truncated> {
    let mut reader = Reader::new(payload);
    let head = Head::read(kind, &mut reader)?;
    let mut tag = Tag { nanoseconds: head.nanoseconds, ..Tag::EMPTY };
    let Some(layout) = head.layout else { return Ok(tag) };
    let mut parts = Parts::new(reader, payload.len(), layout)?;
    let mut tracks = Tracks::NONE;
    (tag.packet, tag.role) = judge(kind, head.packet_type, head.frame_type);
    while let Some(Part { track, four_cc, mut body, end }) = parts.next()? {
        let codec = Codec::of_four_cc(four_cc);
        let mut composition_time = 0;
        if head.packet_type == CODED_FRAMES && codec.has_composition_time() {
            // A body too short for it has no frame either: only this track is lost.
            let mut frame = Reader::new(body);
            composition_time = frame.i24().unwrap_or_default();
            body = if body.len() < 3 { &[] } else { frame.rest() };
        }
        let part = Tag { codec, composition_time, body: end - body.len()..end, ..tag.clone() };
        let has_content = !part.lacks_configuration();
        if tracks.is_empty() || track == 0 && has_content {
            tag = part;
        }
        if has_content {
            tracks.add(track);
        }
    }
    tag.tracks = tracks;
    Ok(tag)
}

/// The default track's part of a Multitrack message as a message of its own, for players that know of one
/// track only. None if there is none.
pub(super) fn default_track(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(payload);
    let head = Head::read(kind, &mut reader).ok()?;
    let mut parts = Parts::new(reader, payload.len(), head.layout?).ok()?;
    while let Some(part) = parts.next().ok()? {
        if part.track == 0 {
            let high = if kind == Kind::Video { 0x80 | head.frame_type << 4 } else { 0x90 };
            return Some([&[high | head.packet_type], &part.four_cc[..], part.body].concat());
        }
    }
    None
}

/// Runs `visit` on the codec and the elementary data of each track of a message, as far as they can be read.
pub(super) fn for_each_track(kind: Kind, payload: &[u8], mut visit: impl FnMut(Codec, &[u8])) {
    let mut reader = Reader::new(payload);
    let Ok(head) = Head::read(kind, &mut reader) else { return };
    let parts = head.layout.map(|layout| Parts::new(reader, payload.len(), layout));
    let Some(Ok(mut parts)) = parts else { return };
    while let Ok(Some(part)) = parts.next() {
        let codec = Codec::of_four_cc(part.four_cc);
        let has_time = head.packet_type == CODED_FRAMES && codec.has_composition_time();
        visit(codec, part.body.get(if has_time { 3 } else { 0 }..).unwrap_or_default());
    }
}

/// True if a message of video has frames without composition times (CodedFramesX).
pub(super) fn is_untimed(payload: &[u8]) -> bool {
    let head = Head::read(Kind::Video, &mut Reader::new(payload));
    head.is_ok_and(|head| head.packet_type == CODED_FRAMES_X)
}

/// True if a message is a Multitrack one.
pub(super) fn is_multitrack(kind: Kind, payload: &[u8]) -> bool {
    let head = Head::read(kind, &mut Reader::new(payload));
    head.is_ok_and(|head| head.layout.is_some_and(|layout| layout != Layout::Single))
}

/// Takes the ModEx prefixes; returns the packet type after them and the nanoseconds.
fn read_mod_ex(reader: &mut Reader<'_>, mut packet_type: u8) -> Result<(u8, u32), Truncated> {
    let (mut nanoseconds, mut count) = (0, 0);
    while packet_type == MOD_EX {
        count += 1;
        if count > MAX_EXTENSIONS {
            return Err(Truncated);
        }
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
        (Kind::Video, CODED_FRAMES | CODED_FRAMES_X) => (Packet::Frames, video_role(frame_type)),
        (_, CODED_FRAMES) => (Packet::Frames, Role::Key),
        _ => (Packet::Other, Role::Empty),
    }
}

#[cfg(test)]
mod tests;
