//! The sizes of the groups of a recording: whether another one fits into its file.

use crate::media::{Frame, Kind, Role};

/// The size of the recording, and its size at the last place where a file may end.
#[derive(Debug, Default)]
pub struct GroupSizes {
    video_frames: u64,
    audio_frames: u64,
    at_entry: (u64, u64),
    /// The most bytes and frames between two such places.
    largest: (u64, u64),
}

impl GroupSizes {
    /// Those of a file that begins with so many bytes.
    pub fn new(size: u64) -> Self {
        Self { at_entry: (size, 0), ..Self::default() }
    }

    /// Counts a frame that comes when the file has a size.
    pub fn count(&mut self, frame: &Frame, size: u64, is_entry: bool) {
        if is_entry {
            let group = self.group(size);
            self.largest = (self.largest.0.max(group.0), self.largest.1.max(group.1));
            self.at_entry = (size, self.frames());
        }
        let is_frame = !matches!(frame.role, Role::Header | Role::Empty);
        match frame.kind {
            Kind::Video if is_frame => self.video_frames += 1,
            Kind::Audio if is_frame => self.audio_frames += 1,
            _ => {}
        }
    }

    /// Frames of video, or of audio without video.
    pub fn frames(&self) -> u64 {
        if self.video_frames > 0 { self.video_frames } else { self.audio_frames }
    }

    fn group(&self, size: u64) -> (u64, u64) {
        (size - self.at_entry.0, self.frames().saturating_sub(self.at_entry.1))
    }

    /// The least that the next group will have: as much as the largest so far, the first frame of `length`
    /// included.
    pub fn next_group(&self, size: u64, length: u64) -> (u64, u64) {
        let group = self.group(size);
        (self.largest.0.max(group.0).max(length), self.largest.1.max(group.1).max(1))
    }
}
