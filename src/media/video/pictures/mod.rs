//! The pictures of a publisher by their NAL units, for H.264 and H.265: which message begins a picture, at which a
//! decoder can start, and whether the configuration still holds.
//!
//! A message's tag and a stream's configuration are promises of the encoder; where the NAL units differ, they win. A
//! message itself is never changed: what is learnt stands in its [`Frame`]. It knows the default track of one
//! publisher.

mod configuration;
mod contents;
mod keys;

use std::fmt;
use std::mem;

pub use configuration::Configuration;

use super::nal::Framing;
use crate::media::flv;
use crate::media::frame::{Frame, Slices};
use crate::media::kind::{Kind, Packet, Role};
use contents::{Contents, MAX_SET_BYTES, MAX_SETS};
use keys::Keys;

/// The most by which the times of a picture's messages may differ, milliseconds.
const SPREAD: u64 = 5;
/// The time without parameter sets after which that is an oddity, milliseconds.
const PATIENCE: u64 = 2000;
/// The longest record that is put in front of a message, bytes: less than a configuration may have with its tag header.
const MAX_RECORD: usize = flv::MAX_CONFIGURATION - 16;

/// Something that a publisher does otherwise than it says, or than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Pictures that a decoder can start at have the tag of others.
    UntaggedKeys,
    /// Pictures that need others have the tag of key frames.
    TaggedInters,
    /// There are start codes where the lengths of NAL units belong.
    StartCodes,
    /// There are start codes within NAL units.
    StartCodesWithin,
    /// Parameter sets change in key frames, without a new configuration.
    SetsInStream,
    /// There are parameter sets in key frames, and no configuration.
    NoConfiguration,
    /// There are neither.
    NoSets,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UntaggedKeys => "key frames are tagged as other pictures; they are taken for what they are",
            Self::TaggedInters => "pictures that are no key frames are tagged as such; they are taken for what they are",
            Self::StartCodes => {
                "NAL units have start codes (Annex B) in place of lengths; RTMP players and recordings get them unchanged, HLS is corrected"
            }
            Self::StartCodesWithin => {
                "several NAL units are sent as one; RTMP players and recordings get them unchanged, HLS is corrected"
            }
            Self::SetsInStream => {
                "parameter sets (SPS, PPS) change without a new header; a header that has them is put in front of the key frame"
            }
            Self::NoConfiguration => {
                "no header has come, but parameter sets (SPS, PPS); a header that has them is put in front of the key frame"
            }
            Self::NoSets => "no header and no parameter sets (SPS, PPS) have come; nobody can show the picture",
        })
    }
}

/// The findings on a message that are not in its frame.
#[derive(Debug, Default)]
pub struct Findings {
    /// A configuration to be put in front of the message: the one before does not hold any more.
    pub configuration: Option<Frame>,
    /// Its oddities that this publisher has not shown before.
    pub oddities: Vec<Oddity>,
}

/// The pictures of one publisher.
#[derive(Debug, Default)]
pub struct Pictures {
    /// The last configuration that the publisher has sent, as it was.
    sent: Option<Box<[u8]>>,
    /// The last configuration that outputs have been given.
    current: Option<Configuration>,
    /// The next one, if parameter sets have changed since.
    next: Option<Configuration>,
    /// Parameter sets of messages without a slice, for the picture that comes.
    sets: Vec<Vec<u8>>,
    /// A message without a slice has said that decoding can start at the picture that comes.
    has_recovery_point: bool,
    /// The time of the last picture, whose slices may still come, and whether it is a key frame.
    picture: Option<(u64, bool)>,
    /// The time of the first picture.
    first: Option<u64>,
    keys: Keys,
    /// The oddities that have been reported.
    odd: Vec<Oddity>,
}

impl Pictures {
    /// Reads a publisher's next message, and notes in it which slices it has and whether a decoder can start at it.
    /// Only video of codecs that are read, of the default track, is looked at.
    pub fn read(&mut self, frame: &mut Frame) -> Findings {
        let mut findings = Findings::default();
        if frame.kind != Kind::Video || !frame.is_default_track() {
            return findings;
        }
        match (frame.packet, frame.role) {
            (Packet::Configuration, Role::Header) => frame.role = self.read_configuration(frame),
            (Packet::Frames, Role::Key | Role::Inter | Role::Disposable) => {
                self.read_frame(frame, &mut findings);
            }
            _ => {}
        }
        findings
    }

    /// Takes a configuration. It is nothing if it is the same as the publisher has sent before, and parameter sets in
    /// the stream have made it out of date: some encoders repeat it with each group, whatever their pictures have.
    fn read_configuration(&mut self, frame: &Frame) -> Role {
        let new = Configuration::parse(frame.codec, frame.body()).unwrap_or_default();
        let is_repeated = self.sent.replace(frame.body().into()).as_deref() == Some(frame.body());
        if is_repeated && self.current.is_some() && self.current != new {
            return Role::Empty;
        }
        (self.current, self.next) = (new, None);
        self.sets.clear();
        Role::Header
    }

    fn read_frame(&mut self, frame: &mut Frame, findings: &mut Findings) {
        let empty = Configuration::empty(frame.codec);
        self.next = self.next.take().filter(|next| next.codec() == frame.codec);
        let current = self.current.take().filter(|current| current.codec() == frame.codec);
        let Some(configuration) = current.as_ref().or(empty.as_ref()) else { return };
        let Ok((framing, contents)) = Contents::read(frame.body(), configuration) else {
            frame.slices = Slices::Unread;
            frame.framing = Framing::Lengths(configuration.length_size());
            self.current = current;
            return;
        };
        match framing {
            Framing::Lengths(_) => {}
            Framing::StartCodes => self.note(Oddity::StartCodes, findings),
            Framing::Both(_) => self.note(Oddity::StartCodesWithin, findings),
        }
        let slices = self.slices(&contents, frame.timestamp);
        if slices == Slices::Begin && (!contents.sets.is_empty() || !self.sets.is_empty()) {
            let kept = mem::take(&mut self.sets);
            let sets: Vec<_> = kept.iter().map(Vec::as_slice).chain(contents.sets.iter().copied()).collect();
            let new = self.next.as_ref().unwrap_or(configuration).with_sets(&sets);
            self.next = new.or(self.next.take());
        }
        if slices == Slices::None {
            self.keep(&contents);
        }
        self.current = current;
        let role = self.role((frame.role, frame.timestamp), slices, &contents, findings);
        (frame.framing, frame.slices, frame.role) = (framing, slices, role);
        if slices != Slices::Begin {
            return;
        }
        self.picture = Some((frame.timestamp, role == Role::Key));
        if role == Role::Key {
            findings.configuration = self.renew(frame, findings);
        }
        let first = *self.first.get_or_insert(frame.timestamp);
        if self.current.is_none() && frame.timestamp >= first.saturating_add(PATIENCE) {
            self.note(Oddity::NoSets, findings);
        }
    }

    /// The slices in a message, by the picture before it.
    fn slices(&mut self, contents: &Contents<'_>, timestamp: u64) -> Slices {
        let Some(begins) = contents.begins else { return Slices::None };
        match self.picture {
            Some((begun, of_key)) if !begins && timestamp.abs_diff(begun) <= SPREAD => {
                Slices::Continue { of_key }
            }
            _ => Slices::Begin,
        }
    }

    /// Keeps what a message without a slice says of the picture that comes.
    fn keep(&mut self, contents: &Contents<'_>) {
        self.has_recovery_point |= contents.has_recovery_point;
        let mut bytes: usize = self.sets.iter().map(Vec::len).sum();
        for set in &contents.sets {
            bytes += set.len();
            if self.sets.len() < MAX_SETS && bytes <= MAX_SET_BYTES {
                self.sets.push(set.to_vec());
            }
        }
    }

    /// The role of a message to a decoder; `tagged` is that of its tag.
    fn role(
        &mut self,
        (tagged, timestamp): (Role, u64),
        slices: Slices,
        contents: &Contents<'_>,
        findings: &mut Findings,
    ) -> Role {
        let not_key = if tagged == Role::Key { Role::Inter } else { tagged };
        if slices != Slices::Begin {
            return not_key;
        }
        let recovers = mem::take(&mut self.has_recovery_point) || contents.has_recovery_point;
        let is_key = self.keys.judge(tagged, timestamp, recovers, contents);
        match (tagged, is_key) {
            (Role::Key, false) => self.note(Oddity::TaggedInters, findings),
            (Role::Inter | Role::Disposable, true) if contents.is_random_access => {
                self.note(Oddity::UntaggedKeys, findings);
            }
            _ => {}
        }
        if is_key { Role::Key } else { not_key }
    }

    /// The configuration of parameter sets that have changed, in the form of the messages: FFmpeg's decoder of H.265
    /// takes start codes only if the configuration has them, too. A set that is missing may still come.
    fn renew(&mut self, frame: &Frame, findings: &mut Findings) -> Option<Frame> {
        let next = self.next.as_ref()?;
        let has_start_codes = frame.framing == Framing::StartCodes;
        let record = if has_start_codes { next.start_codes() } else { next.record() };
        let record = record.filter(|record| record.len() <= MAX_RECORD)?;
        let oddity = if self.current.is_some() { Oddity::SetsInStream } else { Oddity::NoConfiguration };
        self.note(oddity, findings);
        self.current = self.next.take();
        let payload = flv::video_configuration(frame.payload(), frame.codec, &record)?;
        Some(Frame::from_payload(Kind::Video, frame.timestamp, &payload))
    }

    fn note(&mut self, oddity: Oddity, findings: &mut Findings) {
        if !self.odd.contains(&oddity) {
            self.odd.push(oddity);
            findings.oddities.push(oddity);
        }
    }
}

#[cfg(test)]
mod tests;
