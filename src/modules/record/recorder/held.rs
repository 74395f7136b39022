//! Frames that wait until it is known which file they are for.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::media::Frame;

/// The most frames that wait, their payload in bytes, and for how long: for the file that is appended to, or for the next
/// one. One repair takes a tenth of this time, those of all cameras after a crash longer.
const LIMITS: (usize, usize, Duration) = (2048, 2 << 20, Duration::from_secs(5));

#[derive(Debug)]
pub struct HeldFrames {
    pub frames: Vec<Rc<Frame>>,
    /// Frames and bytes that have been added.
    added: (usize, usize),
    since: Instant,
}

impl HeldFrames {
    /// The first frames, which do not count.
    pub fn new(frames: Vec<Rc<Frame>>, now: Instant) -> Self {
        Self { frames, added: (0, 0), since: now }
    }

    /// Adds a frame; false if no more may wait.
    pub fn add(&mut self, frame: &Rc<Frame>, now: Instant) -> bool {
        self.frames.push(Rc::clone(frame));
        let (frames, bytes) = &mut self.added;
        (*frames, *bytes) = (*frames + 1, *bytes + frame.payload().len());
        let (max_frames, max_bytes, max_time) = LIMITS;
        *frames < max_frames && *bytes < max_bytes && now < self.since + max_time
    }
}
