//! Audio that comes before its picture. It waits for the picture that begins its segment, and if a publisher sends
//! audio far ahead of its pictures, until these are near.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::media::Frame;

use crate::media::segment::probe::cost;
use crate::media::segment::tracks::{AudioTrack, ParsedAudio};

/// The most by which audio is written ahead of its picture, in milliseconds. The clock of a transport stream would
/// follow audio further ahead, and then have to decrease.
const NEAR: u64 = 300;
/// The longest time of audio since a picture, in milliseconds, after which the next picture is not waited for.
pub const MAX_LEAD: u64 = 400;
/// The longest time of audio that waits, in milliseconds: encoders and old files send it up to two seconds ahead.
const MAX_TIME: u64 = 5000;
/// The most frames that wait: those of five seconds, with some to spare.
const MAX_FRAMES: usize = 512;
/// The most bytes that wait.
const MAX_BYTES: usize = 1 << 20;
/// The capacity, in frames, that is kept when none waits.
const USUAL: usize = 16;

/// A frame that waits.
#[derive(Debug, Clone)]
pub struct EarlyFrame {
    /// The frame.
    pub frame: Rc<Frame>,
    /// Its headers, if it has its own.
    pub parsed: Option<ParsedAudio>,
    /// Its track.
    pub track: AudioTrack,
}

/// Frames of audio that wait, in order.
#[derive(Debug, Default)]
pub struct EarlyAudio {
    frames: VecDeque<EarlyFrame>,
    bytes: usize,
    /// The newest time of audio.
    newest: u64,
    /// The time of the last picture.
    picture: u64,
    /// The lead of audio over the last picture when that came, in milliseconds.
    lead: u64,
}

impl EarlyAudio {
    /// Keeps a frame.
    pub fn push(&mut self, early: EarlyFrame) {
        self.newest = early.frame.timestamp;
        self.bytes = self.bytes.saturating_add(cost(&early.frame));
        self.frames.push_back(early);
    }

    /// Notes that a picture of that time has come.
    pub fn see_picture(&mut self, timestamp: u64) {
        self.picture = timestamp;
        self.lead = self.newest.saturating_sub(timestamp);
    }

    /// Notes that the last picture is repeated at that time.
    pub fn see_repetition(&mut self, timestamp: u64) {
        self.picture = timestamp;
    }

    /// The time, in milliseconds, of pictures that come together with the newest audio, which may be ahead.
    pub fn time_of_pictures(&self) -> u64 {
        self.newest.saturating_sub(self.lead)
    }

    /// Notes that pictures have stopped: audio up to that time does not wait.
    pub fn set_picture_time(&mut self, timestamp: u64) {
        (self.picture, self.lead) = (timestamp, 0);
    }

    /// Milliseconds of audio since the last picture came, up to that time.
    pub fn since_picture(&self, timestamp: u64) -> u64 {
        timestamp.saturating_sub(self.picture.saturating_add(self.lead))
    }

    /// Takes the next frame whose picture is near, or which need not wait, as no picture has come for long or too many
    /// frames wait.
    pub fn take_near(&mut self) -> Option<EarlyFrame> {
        let late = self.since_picture(self.newest);
        let picture = self.picture.saturating_add(if late > MAX_LEAD { late } else { 0 });
        let is_near = |early: &EarlyFrame| early.frame.timestamp <= picture.saturating_add(NEAR);
        if self.frames.front().is_some_and(is_near) || self.is_over() { self.pop() } else { None }
    }

    /// Takes the next frame that is older than a picture.
    pub fn take_older(&mut self, picture: u64) -> Option<EarlyFrame> {
        let is_older = |early: &EarlyFrame| early.frame.timestamp < picture;
        if self.frames.front().is_some_and(is_older) { self.pop() } else { None }
    }

    /// Drops the oldest frames beyond the limits.
    pub fn trim(&mut self) {
        while self.is_over() && self.pop().is_some() {}
    }

    /// The newest time of audio that has come, in milliseconds.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// The time of the oldest frame that waits.
    pub fn oldest(&self) -> Option<u64> {
        self.frames.front().map(|early| early.frame.timestamp)
    }

    /// Bytes that the frames take up.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_over(&self) -> bool {
        let oldest = self.frames.front().map_or(self.newest, |early| early.frame.timestamp);
        self.frames.len() > MAX_FRAMES
            || self.bytes > MAX_BYTES
            || self.newest.saturating_sub(oldest) > MAX_TIME
    }

    fn pop(&mut self) -> Option<EarlyFrame> {
        let early = self.frames.pop_front()?;
        self.bytes = self.bytes.saturating_sub(cost(&early.frame));
        if self.frames.is_empty() {
            self.frames.shrink_to(USUAL);
        }
        Some(early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Kind, mp3};

    fn early(timestamp: u64, length: usize) -> EarlyFrame {
        let format = mp3::Format { version: mp3::Version::Mpeg1, sample_rate: 44_100, channels: 2 };
        let frame = Rc::new(Frame::from_payload(Kind::Audio, timestamp, &vec![0x2f; length]));
        EarlyFrame { frame, parsed: None, track: AudioTrack::Mp3(format) }
    }

    /// The times of all that can be taken.
    fn taken(mut take: impl FnMut() -> Option<EarlyFrame>) -> Vec<u64> {
        std::iter::from_fn(|| Some(take()?.frame.timestamp)).collect()
    }

    #[test]
    fn audio_older_than_the_picture_is_taken_first_and_the_rest_follows_in_order() {
        let mut audio = EarlyAudio::default();
        [100, 121, 143, 164].into_iter().for_each(|timestamp| audio.push(early(timestamp, 9)));
        assert_eq!(taken(|| audio.take_older(121)), [100]);
        audio.see_picture(121);
        assert_eq!(taken(|| audio.take_near()), [121, 143, 164]);
        assert_eq!(audio.bytes(), 0);
    }

    #[test]
    fn audio_far_ahead_waits_until_its_picture_is_near_or_none_has_come_for_long() {
        let mut audio = EarlyAudio::default();
        (0..2000).step_by(100).for_each(|timestamp| audio.push(early(timestamp, 9)));
        audio.see_picture(0);
        assert_eq!(taken(|| audio.take_near()), [0, 100, 200, 300]);
        audio.see_picture(100);
        assert_eq!(taken(|| audio.take_near()), [400]);
        audio.push(early(2300, 9));
        assert_eq!((taken(|| audio.take_near()), audio.since_picture(2300)), (vec![], 400));
        audio.push(early(2400, 9));
        assert_eq!(
            (taken(|| audio.take_near()), audio.since_picture(2400)),
            (vec![500, 600, 700, 800, 900], 500)
        );
        audio.see_picture(2100);
        assert_eq!(taken(|| audio.take_near()).last(), Some(&2400));
    }

    #[test]
    fn time_frames_and_bytes_are_limited_and_the_oldest_are_dropped() {
        let mut audio = EarlyAudio::default();
        (0..=5021).step_by(21).for_each(|timestamp| audio.push(early(timestamp, 9)));
        audio.see_picture(0);
        audio.trim();
        assert_eq!(taken(|| audio.take_older(43)), [21, 42]);
        audio = EarlyAudio::default();
        for timestamp in 0..2000 {
            audio.push(early(timestamp, 9));
            audio.trim();
        }
        assert_eq!(audio.bytes(), MAX_FRAMES * cost(&early(0, 9).frame));
        assert_eq!(taken(|| audio.take_older(u64::MAX))[0], 2000 - MAX_FRAMES as u64);
        for timestamp in 0..20 {
            audio.push(early(timestamp, MAX_BYTES / 10));
            audio.trim();
            assert!(audio.bytes() <= MAX_BYTES);
        }
        assert_eq!(taken(|| audio.take_older(u64::MAX)).len(), 9);
        audio.push(early(0, MAX_BYTES + 1));
        audio.trim();
        assert_eq!(audio.bytes(), 0, "one that is too long is not kept either");
    }

    #[test]
    fn audio_beyond_the_limits_does_not_wait() {
        let mut audio = EarlyAudio::default();
        audio.push(early(0, 9));
        audio.push(early(4900, 9));
        audio.see_picture(0);
        audio.push(early(5001, 9));
        assert_eq!(taken(|| audio.take_near()), [0]);
    }
}
