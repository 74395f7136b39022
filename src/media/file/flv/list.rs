//! The collection of the times of all key frames.

use super::search::STEP;
use super::tags::Tags;
use super::walk::{Contents, Mark, Walked};
use crate::media::file::{FileError, MAX_KEY_FRAMES};

/// Without pictures, times are so far apart, milliseconds.
const AUDIO_STEP: u64 = 2000;

/// A collection that is under way.
#[derive(Debug)]
pub struct Collection {
    mark: Mark,
    has_video: bool,
    /// One of so many is taken.
    stride: usize,
    /// Those that have been met.
    met: usize,
}

impl Collection {
    pub fn new(contents: &Contents) -> Self {
        Self { mark: contents.first, has_video: contents.has_video, stride: 1, met: 0 }
    }

    /// Goes one step further. True if `times` has all.
    pub fn step(
        &mut self,
        tags: &mut Tags<'_>,
        contents: &mut Contents,
        times: &mut Vec<u64>,
    ) -> Result<bool, FileError> {
        let (bytes, count) = STEP;
        for _ in 0..count {
            if tags.read() >= bytes {
                return Ok(false);
            }
            let Walked::Seen(seen) = contents.walk(tags, &mut self.mark)? else { return Ok(true) };
            if self.has_video != contents.has_video {
                *self = Self::new(contents);
                times.clear();
            } else if seen.is_key {
                self.offer(seen.time, times);
            }
        }
        Ok(false)
    }

    /// Takes the time of a key frame. Times that are not in order are left out.
    fn offer(&mut self, time: u64, times: &mut Vec<u64>) {
        let last = times.last().copied();
        let due = if self.has_video { 1 } else { AUDIO_STEP };
        if last.is_some_and(|last| time < last.saturating_add(due)) {
            return;
        }
        if self.met.is_multiple_of(self.stride) {
            if times.len() >= MAX_KEY_FRAMES {
                let mut keep = false;
                times.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            times.push(time);
        }
        self.met = self.met.wrapping_add(1);
    }
}
