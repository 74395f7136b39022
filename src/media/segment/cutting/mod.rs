//! The basis for the decision where a segment ends: key frames, pauses, and the time between pictures.

pub mod clock;
pub mod slicer;

use std::mem;

use crate::media::segment::cutting::clock::{AudioGate, PauseDetector};
use crate::media::segment::cutting::slicer::{Lengths, Slicer};

/// The longest time from one picture to the next, in milliseconds, that is no pause. A target duration is not
/// advertised before the second picture, unless it takes longer than this.
pub const SLOWEST: u64 = 15_000;

/// Finds key frames, pauses and the pace of a stream.
#[derive(Debug)]
pub struct Cutting {
    /// Intervals of key frames.
    pub slicer: Slicer,
    /// Pauses of the leading track: video, or audio where there is no video.
    pub pauses: PauseDetector,
    /// Audio around pauses.
    pub gate: AudioGate,
    /// From the first picture to the second, in milliseconds; 0 if that has not come in time.
    pub first_step: u64,
    /// Whether the last picture is a key frame.
    was_key: bool,
    /// Whether the last picture and the one before it are key frames.
    has_keys_only: bool,
}

impl Cutting {
    /// A stream of which nothing has been seen.
    pub fn new(lengths: Lengths) -> Self {
        let max_step = lengths.longest.max(SLOWEST);
        Self {
            slicer: Slicer::new(lengths),
            pauses: PauseDetector::new(max_step),
            gate: AudioGate::new(max_step),
            first_step: 0,
            was_key: false,
            has_keys_only: false,
        }
    }

    /// Takes the results of probing: the time from the first picture to the second, and whether the second is a key
    /// frame.
    pub fn begin(&mut self, first_step: Option<u64>, has_keys_only: bool) {
        self.first_step = first_step.unwrap_or(0);
        self.was_key = has_keys_only;
    }

    /// Takes in a picture.
    pub fn see_picture(&mut self, timestamp: u64, is_key: bool) {
        if self.pauses.pauses_before(timestamp) {
            self.gate.resume_video(timestamp);
        }
        self.pauses.take(timestamp);
        self.has_keys_only = mem::replace(&mut self.was_key, is_key) && is_key;
    }

    /// Whether all pictures are key frames, judging by the last two.
    pub fn has_keys_only(&self) -> bool {
        self.has_keys_only
    }

    /// The time from picture to picture in milliseconds; 0 if it is not known.
    pub fn step(&self) -> u64 {
        match self.pauses.step() {
            0 => self.first_step,
            step => step,
        }
    }
}
