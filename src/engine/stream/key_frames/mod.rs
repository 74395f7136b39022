//! The key frames of a stream: at which interval they come, and the last one.
//!
//! The interval is in the time of the stream. The middle one of the last few counts: encoders also put key frames where
//! the scene changes, and one interval may contain a pause. Nothing here warns; that is the advice module's. The last key
//! frame is kept if a module wants it.

mod last;

pub use last::LastPicture;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::stream::headers::StreamHeaders;
use crate::media::{Frame, Kind, Role, Slices};
use last::Last;

/// The most intervals that are kept.
const KEPT: usize = 5;
/// The fewest intervals from which one is derived.
const ENOUGH: usize = 2;

/// The key frames of a stream, and the intervals of its present publisher.
#[derive(Debug, Default)]
pub struct KeyFrames {
    last: Last,
    /// The time of the last key frame, or of the first picture if there has been none, milliseconds.
    since: Option<u64>,
    /// The time of the newest picture.
    newest: u64,
    /// Whether a key frame has come.
    has_any: bool,
    /// How many key frames have come, from all publishers of the stream: the number of the newest one.
    newest_number: u64,
    /// Whether other pictures have come since the last key frame.
    others: bool,
    /// The last intervals, the oldest first. Invariant: at most [`KEPT`].
    intervals: VecDeque<Interval>,
}

/// The interval from one key frame to the next.
#[derive(Debug, Clone, Copy)]
struct Interval {
    /// Milliseconds.
    length: u64,
    /// Whether other pictures are between the two.
    has_others: bool,
}

impl KeyFrames {
    /// Notes a frame whose pictures have been read; only pictures of the default track count. `all` are the key frames of
    /// the whole server so far.
    pub(in crate::engine) fn add(&mut self, frame: &Frame, all: &mut u64) {
        let begins = matches!(frame.slices, Slices::Begin | Slices::Unread);
        if frame.kind != Kind::Video || !begins || !frame.is_default_track() {
            return;
        }
        match frame.role {
            Role::Key => {
                self.add_key(frame.timestamp);
                *all += 1;
                self.newest_number += 1;
            }
            Role::Inter | Role::Disposable => self.others = true,
            Role::Header | Role::Empty => return,
        }
        self.since.get_or_insert(frame.timestamp);
        self.newest = self.newest.max(frame.timestamp);
    }

    fn add_key(&mut self, time: u64) {
        let length = time.saturating_sub(self.since.unwrap_or(time));
        if self.has_any && length > 0 {
            if self.intervals.len() == KEPT {
                self.intervals.pop_front();
            }
            self.intervals.push_back(Interval { length, has_others: self.others });
        }
        (self.since, self.has_any, self.others) = (Some(time), true, false);
    }

    /// Another publisher comes. Its pictures are numbered on, as none has the number of another one of the stream.
    pub(in crate::engine) fn change_publisher(&mut self) {
        *self = Self { newest_number: self.newest_number, ..Self::default() };
    }

    /// Keeps a frame if it is of a key frame, in the place of the one before. `headers` are the stream's present ones.
    pub fn keep(&mut self, frame: &Rc<Frame>, headers: &StreamHeaders) {
        self.last.keep(frame, headers, self.newest_number);
    }

    /// The last key frame, if it is kept and all of it has come.
    pub fn last(&self) -> Option<&LastPicture> {
        self.last.picture()
    }

    /// Bytes of payload that are kept.
    pub(in crate::engine) fn bytes(&self) -> usize {
        self.last.bytes()
    }

    /// Lets go what is kept, up to the next key frame.
    pub fn forget_last(&mut self) {
        self.last = Last::default();
    }

    /// The time from one key frame to the next, once three have come.
    pub fn interval(&self) -> Option<Duration> {
        if self.intervals.len() < ENOUGH {
            return None;
        }
        let mut lengths: Vec<u64> = self.intervals.iter().map(|interval| interval.length).collect();
        lengths.sort_unstable();
        lengths.get((lengths.len() - 1) / 2).map(|length| Duration::from_millis(*length))
    }

    /// The time for which pictures have come without a key frame.
    pub fn missing_for(&self) -> Duration {
        Duration::from_millis(self.newest.saturating_sub(self.since.unwrap_or(self.newest)))
    }

    /// Whether the publisher sends other pictures than key frames.
    pub fn has_other_pictures(&self) -> bool {
        self.others || self.intervals.iter().any(|interval| interval.has_others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    fn picture(role: Role, timestamp: u64) -> Frame {
        let mut frame = Frame::from_payload(Kind::Video, timestamp, &[0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]);
        frame.role = role;
        frame
    }

    /// Pictures that come each half second, with key frames at these seconds.
    fn pictures(keys: &[u64]) -> KeyFrames {
        let mut frames = KeyFrames::default();
        for time in (0..=keys.last().copied().unwrap_or_default() * SECOND).step_by(500) {
            let is_key = time % SECOND == 0 && keys.contains(&(time / SECOND));
            frames.add(&picture(if is_key { Role::Key } else { Role::Inter }, time), &mut 0);
        }
        frames
    }

    fn interval(keys: &[u64]) -> Option<u64> {
        pictures(keys).interval().map(|interval| interval.as_secs())
    }

    #[test]
    fn the_interval_is_known_from_the_third_key_frame_on() {
        assert_eq!(interval(&[0]), None);
        assert_eq!(interval(&[0, 10]), None);
        assert_eq!(interval(&[0, 10, 20]), Some(10));
        assert_eq!(interval(&[7, 9, 11]), Some(2), "what comes before the first is no interval");
    }

    #[test]
    fn neither_a_change_of_scene_nor_a_pause_counts() {
        assert_eq!(interval(&[0, 10, 11]), Some(1), "the shorter one, while there are two");
        assert_eq!(interval(&[0, 10, 20, 21, 30, 40]), Some(10));
        assert_eq!(interval(&[0, 2, 4, 34, 36]), Some(2));
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        assert_eq!(interval(&[0, 10, 20, 30, 40, 42, 44, 46]), Some(2));
    }

    #[test]
    fn slices_and_further_tracks_are_no_key_frames_of_their_own() {
        let mut frames = KeyFrames::default();
        for time in [0, 2, 4] {
            frames.add(&picture(Role::Key, time * SECOND), &mut 0);
            frames.add(&picture(Role::Key, time * SECOND), &mut 0);
            let mut slice = picture(Role::Key, time * SECOND + 1);
            slice.slices = Slices::Continue { of_key: true };
            frames.add(&slice, &mut 0);
        }
        assert_eq!(frames.interval(), Some(Duration::from_secs(2)));
        assert!(!frames.has_other_pictures(), "all pictures are key frames");
    }

    #[test]
    fn a_key_frame_that_does_not_come_is_missed() {
        let mut frames = pictures(&[0, 2]);
        assert_eq!(frames.missing_for(), Duration::ZERO);
        frames.add(&picture(Role::Inter, 12 * SECOND), &mut 0);
        assert_eq!(frames.missing_for(), Duration::from_secs(10));
        assert!(frames.has_other_pictures());
        frames.add(&picture(Role::Key, 12 * SECOND), &mut 0);
        assert_eq!(frames.missing_for(), Duration::ZERO);
        let mut never = KeyFrames::default();
        (5..=30).for_each(|time| never.add(&picture(Role::Inter, time * SECOND), &mut 0));
        assert_eq!(never.missing_for(), Duration::from_secs(25), "since the first picture");
    }
}
