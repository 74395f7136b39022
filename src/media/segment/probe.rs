//! The first frames of a stream wait here, until it is known which tracks there are, how often a picture comes, and when
//! pictures are decoded.

use std::rc::Rc;

use crate::media::{Frame, Kind, Slices};

use super::decoding::DecodingOffset;
use super::tracks::Content;

/// How long to wait for a track that has not shown itself, in milliseconds of media.
const MAX_TIME: u64 = 1000;
/// How long to wait for the pictures of a track whose header has come.
const PATIENCE: u64 = 5000;
/// The most that waits, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// More than what a frame without a payload takes up while it waits, here or as early sound.
const FRAME_COST: usize = 768;

/// Bytes that a frame takes up while it waits.
pub fn cost(frame: &Frame) -> usize {
    frame.payload().len().saturating_add(FRAME_COST)
}

/// What is known of the tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// That there may be another one.
    Some,
    /// All that there are.
    All,
    /// That there should be pictures, and none has come.
    Announced,
}

/// Frames that wait.
#[derive(Debug, Default)]
pub struct Probe {
    frames: Vec<(Rc<Frame>, Content)>,
    bytes: usize,
    /// The first timestamp of video and of audio.
    first: [Option<u64>; 2],
    /// Milliseconds for which one of them has waited.
    waited: u64,
    decoding: DecodingOffset,
    /// The timestamp of the first key frame.
    key: Option<u64>,
    /// Milliseconds from there to the next picture, and whether that is a key frame, too.
    step: Option<u64>,
    has_keys_only: bool,
}

/// What has been found out, with which the stream begins.
#[derive(Debug)]
pub struct Findings {
    /// The frames, in order.
    pub frames: Vec<(Rc<Frame>, Content)>,
    /// How much earlier than they say their pictures are decoded.
    pub decoding: DecodingOffset,
    /// Milliseconds from the first picture to the second, if there is one.
    pub step: Option<u64>,
    /// Whether the second one is a key frame, too.
    pub has_keys_only: bool,
}

impl Probe {
    /// Keeps a frame of video or audio, and what it is, if it may have to be written.
    pub fn push(&mut self, frame: &Rc<Frame>, content: Content) {
        let first = &mut self.first[usize::from(frame.kind == Kind::Audio)];
        let waited = frame.timestamp.abs_diff(*first.get_or_insert(frame.timestamp));
        self.waited = self.waited.max(waited);
        if frame.kind == Kind::Video && frame.slices == Slices::Begin {
            self.see_picture(frame);
        }
        // Pictures before the first key frame are not written.
        if frame.kind == Kind::Video && frame.slices != Slices::None && self.key.is_none() {
            return;
        }
        self.bytes = self.bytes.saturating_add(cost(frame));
        self.frames.push((Rc::clone(frame), content));
    }

    fn see_picture(&mut self, frame: &Frame) {
        self.decoding.see(frame);
        match self.key {
            Some(key) if frame.timestamp > key && self.step.is_none() => {
                self.step = Some(frame.timestamp - key);
                self.has_keys_only = frame.is_video_key();
            }
            None if frame.is_video_key() => self.key = Some(frame.timestamp),
            _ => {}
        }
    }

    /// What waits, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if there is a picture with which a fragment can begin.
    pub fn has_picture(&self) -> bool {
        self.key.is_some()
    }

    /// True when there has been enough time, or there is no more room, for what is not known. `patience` is how long
    /// to wait for a second picture, in milliseconds.
    pub fn is_over(&self, known: Known, patience: u64) -> bool {
        let is_enough = match known {
            Known::All => true,
            Known::Some => self.waited >= MAX_TIME,
            Known::Announced => self.waited >= PATIENCE,
        };
        let has_second = self.key.is_none() || self.step.is_some();
        let is_timed = has_second && self.decoding.is_known() || self.waited >= patience;
        is_enough && is_timed || self.bytes >= MAX_BYTES
    }

    /// What has been found out.
    pub fn finish(self) -> Findings {
        let Self { frames, decoding, step, has_keys_only, .. } = self;
        Findings { frames, decoding: decoding.settle(), step, has_keys_only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::HEADROOM;
    use crate::media::segment::early::Early;

    #[test]
    fn a_frame_counts_as_more_than_it_takes_up() {
        let entry = size_of::<Early>().max(size_of::<(Rc<Frame>, Content)>());
        // A list that has just grown is half empty; a shared frame has two counts.
        let most = 2 * entry + size_of::<Frame>() + HEADROOM + 2 * size_of::<usize>();
        assert!(most <= FRAME_COST, "{most}");
    }
}
