//! The form of media that players in browsers can read: of FLV, what mpegts.js 1.8 knows, and of that as much as
//! possible in the form that flv.js 1.6 knows.
//!
//! These players take a message that they cannot read for an error, each time, and pages begin anew on it. So several
//! tracks become the default one, extensions (ModEx) are taken away, Enhanced headers of H.264, AAC and MP3 become
//! those of FLV, NAL units get lengths of 4 bytes, and what is left over is left out. Media is never changed. Whether a
//! whole track can be played is a question of its codec and its configuration: [`plays`], [`for_browser`].

mod configuration;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::enhanced::{CODED_FRAMES_X, is_untimed};
use super::{ENHANCED_AUDIO, ENHANCED_VIDEO, LEGACY_HEVC, NUMBER_AAC, NUMBER_AVC, NUMBER_MP3, is_enhanced};
use crate::media::aac;
use crate::media::codec::Codec;
use crate::media::frame::Frame;
use crate::media::kind::{Kind, Packet, Role};
use crate::media::nal::{Framing, Nals};

/// The number of uncompressed samples, little-endian, which mpegts.js plays.
const PCM: Codec = Codec::Other(3);
/// The bits of a sound format's byte that say nothing of these codecs: 44 kHz, 16 bits, stereo.
const SOUND: u8 = 0x0f;
/// The most bytes of a tag.
const MAX_PAYLOAD: usize = 0xff_ffff;
/// The samples of one frame of AAC.
const AAC_SAMPLES: u32 = 1024;

/// A message in the form that browsers can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrowserForm {
    /// As it came.
    AsIs,
    /// With another payload, which has the same media of the default track.
    Changed(Vec<u8>),
    /// Nothing: it is of no use to them, or an error.
    LeftOut,
}

/// True if players in browsers know the codec. Its configuration may still be one that they cannot read.
pub fn plays(kind: Kind, codec: Codec) -> bool {
    match kind {
        Kind::Video => matches!(codec, Codec::Avc | Codec::Hevc | Codec::Av1),
        Kind::Audio => matches!(codec, Codec::Aac | Codec::Mp3 | Codec::Opus | Codec::Flac | PCM),
        Kind::Data => true,
        Kind::DataAmf3 => false,
    }
}

/// True if players in browsers need a configuration for the codec, one of those that they know.
pub fn needs_configuration(codec: Codec) -> bool {
    !matches!(codec, Codec::Mp3 | PCM)
}

/// The form of a message for browsers. Metadata stays as it is; see [`announce`](super::metadata::announce).
pub fn for_browser(frame: &Frame) -> BrowserForm {
    if !plays(frame.kind, frame.codec) {
        return BrowserForm::LeftOut;
    }
    if frame.kind == Kind::Data {
        return BrowserForm::AsIs;
    }
    if frame.role == Role::Empty || !frame.is_default_track() {
        return BrowserForm::LeftOut;
    }
    let body = match frame.packet {
        Packet::Configuration => configuration::normal(frame.codec, frame.body()),
        Packet::Frames => media(frame).filter(|body| !body.is_empty()),
        Packet::Description | Packet::Other => None,
    };
    let Some(body) = body else { return BrowserForm::LeftOut };
    if matches!(body, Cow::Borrowed(_)) && has_form(frame, body.len()) {
        return BrowserForm::AsIs;
    }
    let changed = [Head::of(frame).as_bytes(), &body].concat();
    // Longer lengths of many small NAL units may exceed it.
    if changed.len() > MAX_PAYLOAD { BrowserForm::LeftOut } else { BrowserForm::Changed(changed) }
}

/// The coded frames of a message with NAL units that have lengths of 3 or 4 bytes, or as raw AAC; none if that cannot
/// be made of it.
fn media(frame: &Frame) -> Option<Cow<'_, [u8]>> {
    match (frame.codec, frame.framing) {
        (Codec::Avc | Codec::Hevc, Framing::Lengths(3 | 4)) => Some(frame.body().into()),
        (Codec::Avc | Codec::Hevc, _) => with_lengths(frame.nals()).map(Cow::Owned),
        (Codec::Aac, _) if aac::is_adts(frame.body()) => raw_aac(frame.body()).map(Cow::Borrowed),
        _ => Some(frame.body().into()),
    }
}

/// NAL units, each with its length of 4 bytes in front.
fn with_lengths(nals: Nals<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for nal in nals {
        let nal = nal.ok()?;
        out.extend(u32::try_from(nal.len()).ok()?.to_be_bytes());
        out.extend(nal);
    }
    Some(out)
}

/// The raw frame behind a header of ADTS (ISO 14496-3 1.A.2.2); none if there are several, which are no single sample.
fn raw_aac(body: &[u8]) -> Option<&[u8]> {
    let frames = aac::Frames::parse(body).ok().flatten()?;
    let has_checksum = body.get(1)? & 1 == 0;
    let head = if has_checksum { 9 } else { 7 };
    (frames.samples == AAC_SAMPLES).then(|| body.get(head..frames.length))?
}

/// True if a message that is to have `body` bytes of its own behind its tag header has a tag header that browsers read.
fn has_form(frame: &Frame, body: usize) -> bool {
    let payload = frame.payload();
    if is_enhanced(frame.kind, payload) {
        let head = Head::of(frame);
        return payload.len() == head.length + body && payload.starts_with(head.as_bytes());
    }
    // The format of MP3 at 8 kHz is one of its own, which they do not know.
    let has_number =
        frame.codec != Codec::Mp3 || payload.first().is_some_and(|first| first >> 4 == NUMBER_MP3);
    has_number && body == frame.body().len()
}

/// The tag header of a message.
#[derive(Debug, Clone, Copy)]
struct Head {
    bytes: [u8; Self::MOST],
    /// At most [`Self::MOST`].
    length: usize,
}

impl Head {
    /// The longest: a FourCC and a composition time.
    const MOST: usize = 8;

    /// The tag header that browsers read.
    fn of(frame: &Frame) -> Self {
        let coded = u8::from(frame.packet == Packet::Frames);
        let [_, time @ ..] = frame.composition_time.to_be_bytes();
        let frame_type = frame.payload().first().map_or(0, |first| first & 0x70);
        let is_enhanced = is_enhanced(frame.kind, frame.payload());
        let is_timed = frame.packet == Packet::Frames && !is_untimed(frame.payload());
        match frame.codec {
            Codec::Avc => Self::new(&[&[frame_type | NUMBER_AVC, coded], &time]),
            Codec::Hevc if !is_enhanced => Self::new(&[&[frame_type | LEGACY_HEVC, coded], &time]),
            Codec::Hevc if is_timed => Self::new(&[&[ENHANCED_VIDEO | frame_type | coded], b"hvc1", &time]),
            Codec::Hevc if frame.packet == Packet::Frames => {
                Self::new(&[&[ENHANCED_VIDEO | frame_type | CODED_FRAMES_X], b"hvc1"])
            }
            Codec::Aac => Self::new(&[&[NUMBER_AAC << 4 | SOUND, coded]]),
            Codec::Mp3 => Self::new(&[&[NUMBER_MP3 << 4 | SOUND]]),
            codec => {
                let first =
                    if frame.kind == Kind::Video { ENHANCED_VIDEO | frame_type } else { ENHANCED_AUDIO << 4 };
                Self::new(&[&[first | coded], &codec.four_cc().unwrap_or_default()])
            }
        }
    }

    fn new(parts: &[&[u8]]) -> Self {
        let mut head = Self { bytes: [0; Self::MOST], length: 0 };
        for (slot, byte) in head.bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *slot = *byte;
            head.length += 1;
        }
        head
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
