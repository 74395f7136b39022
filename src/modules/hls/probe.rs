//! The first frames of a stream wait here, until it is known which tracks there are.

use std::rc::Rc;

use crate::media::{Frame, Kind};

/// How long to wait for a track that has not shown itself, in milliseconds of media.
const MAX_TIME: u64 = 1000;
/// The most that waits, in bytes. A frame counts as its payload and [`FRAME_COST`].
const MAX_BYTES: usize = 4 << 20;
/// More than what a frame without a payload takes up here.
const FRAME_COST: usize = 512;

/// Frames that wait.
#[derive(Debug, Default)]
pub struct Probe {
    frames: Vec<Rc<Frame>>,
    bytes: usize,
    /// The first timestamp of video and of audio.
    first: [Option<u64>; 2],
    is_over: bool,
}

impl Probe {
    /// Keeps a frame of video or audio.
    pub fn push(&mut self, frame: &Rc<Frame>) {
        let first = &mut self.first[usize::from(frame.kind == Kind::Audio)];
        let waited = frame.timestamp.abs_diff(*first.get_or_insert(frame.timestamp));
        self.bytes = self.bytes.saturating_add(frame.payload().len()).saturating_add(FRAME_COST);
        self.is_over |= waited >= MAX_TIME || self.bytes >= MAX_BYTES;
        self.frames.push(Rc::clone(frame));
    }

    /// True when there has been enough time, or there is no more room, for another track.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The frames, in order.
    pub fn into_frames(self) -> Vec<Rc<Frame>> {
        self.frames
    }
}
