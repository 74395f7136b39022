//! Probing: the first frames of a stream are held until its tracks, the time between pictures and their decoding times
//! are known.

pub mod decoding;
pub mod first_frames;

use std::rc::Rc;

use crate::media::{Frame, Kind, Slices};

use crate::media::segment::probe::decoding::DecodingOffset;
use crate::media::segment::probe::first_frames::{FirstFrames, Limits};
use crate::media::segment::tracks::Content;

/// The longest wait for a track of which nothing has come, in milliseconds of media.
const MAX_TIME: u64 = 1000;
/// The longest wait for the pictures of a track whose header has come.
const LIMITS: Limits = Limits { time: 5000, frames: usize::MAX, bytes: 4 << 20, cost: FRAME_COST };
/// More than the memory of a waiting frame without its payload, here or as early audio.
pub const FRAME_COST: usize = 768;

/// Bytes that a frame takes up while it waits.
pub fn cost(frame: &Frame) -> usize {
    frame.payload().len().saturating_add(FRAME_COST)
}

/// The knowledge of the tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// There may be another one.
    Some,
    /// All are known.
    All,
    /// There is video, of which the header has come, and no picture.
    Announced,
}

/// The first frames of a stream, and the facts that they show.
#[derive(Debug)]
pub struct Probe {
    frames: FirstFrames<Content>,
    /// The first timestamp of video and of audio.
    first: [Option<u64>; 2],
    /// Milliseconds since the first frame of either.
    waited: u64,
    decoding: DecodingOffset,
    /// The timestamp of the first key frame.
    key: Option<u64>,
    /// Milliseconds from it to the next picture, and whether that is a key frame, too.
    step: Option<u64>,
    has_keys_only: bool,
}

/// The result of probing, with which the stream begins.
#[derive(Debug)]
pub struct Findings {
    /// The frames, in order.
    pub frames: Vec<(Rc<Frame>, Content)>,
    /// The time by which pictures are decoded earlier than their timestamps.
    pub decoding: DecodingOffset,
    /// Milliseconds from the first picture to the second, if there is one.
    pub step: Option<u64>,
    /// Whether the second picture is a key frame, too.
    pub has_keys_only: bool,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            frames: FirstFrames::new(LIMITS),
            first: [None; 2],
            waited: 0,
            decoding: DecodingOffset::default(),
            key: None,
            step: None,
            has_keys_only: false,
        }
    }
}

impl Probe {
    /// Holds a frame of video or audio, unless it is a picture before the first key frame.
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
        self.frames.push(frame, content);
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

    /// Bytes that the frames take up.
    pub fn bytes(&self) -> usize {
        self.frames.bytes()
    }

    /// Whether a key frame has come, with which a segment can begin.
    pub fn has_picture(&self) -> bool {
        self.key.is_some()
    }

    /// Whether everything is known, or the time for it is over, or there is no more room. `patience` is the longest
    /// wait for a second picture, in milliseconds.
    pub fn is_over(&self, known: Known, patience: u64) -> bool {
        let is_enough = match known {
            Known::All => true,
            Known::Some => self.waited >= MAX_TIME,
            Known::Announced => self.frames.is_over(self.waited),
        };
        let has_second = self.key.is_none() || self.step.is_some();
        let is_timed = has_second && self.decoding.is_known() || self.waited >= patience;
        is_enough && is_timed || self.frames.is_full()
    }

    /// Ends the probing.
    pub fn finish(self) -> Findings {
        let Self { mut frames, decoding, step, has_keys_only, .. } = self;
        Findings { frames: frames.take(), decoding: decoding.settle(), step, has_keys_only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::HEADROOM;
    use crate::media::segment::waiting::early::EarlyFrame;

    #[test]
    fn a_frame_counts_as_more_than_it_takes_up() {
        let entry = size_of::<EarlyFrame>().max(size_of::<(Rc<Frame>, Content)>());
        // A list that has just grown is half empty; a shared frame has two counts.
        let most = 2 * entry + size_of::<Frame>() + HEADROOM + 2 * size_of::<usize>();
        assert!(most <= FRAME_COST, "{most}");
    }
}
