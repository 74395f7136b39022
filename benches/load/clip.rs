//! What is published: H.264 and AAC in form, in content a stamp and a pattern that probes can check.
//!
//! The stamp says which message of which stream it is and when it was sent; after it comes a piece of one
//! long pattern, whose place follows from the stamp, so that every byte of a message can be compared. All
//! bytes of both have the top bit set: no start code can come up within them, so that a server may look
//! for some.

use std::ops::Range;

use super::pace;

/// Samples a second of the audio.
pub const SAMPLE_RATE: u64 = 44_100;
/// Samples in a frame of AAC.
pub const FRAME_SAMPLES: u64 = 1024;

/// AVCDecoderConfigurationRecord (ISO/IEC 14496-15) of a picture of 1280x720, behind its FLV tag header.
pub const VIDEO_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, // key frame, AVC, sequence header, composition time 0
    1, 0x42, 0xc0, 0x1f,
    0xff, // version, baseline profile, compatibility, level 3.1, lengths of four bytes
    0xe1, 0, 9, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, // one SPS
    1, 0, 4, 0x68, 0xce, 0x3c, 0x80, // one PPS
];

/// AudioSpecificConfig (ISO/IEC 14496-3) of AAC-LC, 44.1 kHz, stereo, behind its FLV tag header.
pub const AUDIO_HEADER: &[u8] = &[0xaf, 0, 0x12, 0x10];

/// FLV video tag header, length of the NAL unit, its header and the beginning of its slice header.
const VIDEO_HEAD: usize = 5 + 4 + 2;
/// FLV audio tag header.
const AUDIO_HEAD: usize = 2;

/// Bytes of a number of 64 bits in a stamp, seven bits in each.
const DIGITS: usize = 10;
/// Stream, sequence number, time and check sum.
const STAMP: usize = 4 * DIGITS;

/// The largest payload that can be made: a key frame at 16 Mbit/s.
pub const LARGEST: usize = 1 << 19;

/// Where pieces of the pattern may begin.
const PLACES: usize = 1 << 16;

/// What a stamp says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Which stream of the run.
    pub stream: u64,
    /// Which message of its kind in that stream.
    pub sequence: u64,
    /// When it was sent: nanoseconds since the run began.
    pub sent: u64,
}

impl Stamp {
    fn sum(self) -> u64 {
        let mixed = self.stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.sent;
        mixed.wrapping_add(self.sequence).wrapping_mul(0xff51_afd7_ed55_8ccd)
    }

    fn write(self, out: &mut Vec<u8>) {
        for number in [self.stream, self.sequence, self.sent, self.sum()] {
            out.extend((0..DIGITS).map(|digit| 0x80 | (number >> (7 * digit)) as u8));
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes.get(..STAMP)?.chunks(DIGITS).map(|digits| {
            digits.iter().rev().fold(0_u64, |number, digit| (number << 7) | u64::from(digit & 0x7f))
        });
        let stamp = Self { stream: numbers.next()?, sequence: numbers.next()?, sent: numbers.next()? };
        (numbers.next()? == stamp.sum()).then_some(stamp)
    }

    /// Where the piece of the pattern behind this stamp begins.
    fn place(self) -> usize {
        (self.stream.wrapping_mul(7919).wrapping_add(self.sequence.wrapping_mul(104_729)) as usize) % PLACES
    }
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// Type 8.
    Audio,
    /// Type 9.
    Video,
}

/// The pattern of all messages of a run.
pub struct Clip {
    /// Frames from a key frame to the next.
    group: u64,
    pattern: Vec<u8>,
}

impl Clip {
    /// Makes the pattern, for groups of so many frames.
    pub fn new(group: u64) -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let pattern = (0..PLACES + LARGEST)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                0x80 | state as u8
            })
            .collect();
        Self { group, pattern }
    }

    /// Appends the payload of a message, `length` bytes.
    pub fn write(&self, track: Track, stamp: Stamp, length: usize, out: &mut Vec<u8>) {
        let head = match track {
            Track::Audio => AUDIO_HEAD,
            Track::Video => VIDEO_HEAD,
        };
        let length = length.clamp(head + STAMP, LARGEST);
        match track {
            Track::Audio => out.extend([0xaf, 1]),
            Track::Video => out.extend(self.video_head(stamp, length)),
        }
        stamp.write(out);
        out.extend(&self.pattern[self.piece(stamp, length - head - STAMP)]);
    }

    /// Reads a message's stamp, having compared everything behind it; `None` if anything is wrong.
    pub fn check(&self, track: Track, payload: &[u8]) -> Option<Stamp> {
        let body = match track {
            Track::Audio => payload.strip_prefix(&[0xaf, 1])?,
            Track::Video => payload.get(VIDEO_HEAD..)?,
        };
        let stamp = Stamp::read(body)?;
        let filling = body.get(STAMP..)?;
        if track == Track::Video && payload[..VIDEO_HEAD] != self.video_head(stamp, payload.len()) {
            return None;
        }
        (self.pattern.get(self.piece(stamp, filling.len()))? == filling).then_some(stamp)
    }

    /// Everything in front of the stamp in a payload of so many bytes.
    fn video_head(&self, stamp: Stamp, length: usize) -> [u8; VIDEO_HEAD] {
        let [a, b, c, d] = ((length - 9) as u32).to_be_bytes();
        // An IDR picture and its I slice, or another picture and its P slice.
        let (tag, [unit, slice]) = if pace::is_key(self.group, stamp.sequence) {
            (0x17, [0x65, 0x88])
        } else {
            (0x27, [0x41, 0x9a])
        };
        [tag, 1, 0, 0, 0, a, b, c, d, unit, slice]
    }

    fn piece(&self, stamp: Stamp, length: usize) -> Range<usize> {
        let place = stamp.place();
        place..place + length
    }
}
