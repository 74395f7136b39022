//! The GOP cache of a stream: the frames since the last key frame, for players that join between two.
//!
//! The `gop_cache` module fills it and the live module sends it to players; here it is only kept and bounded.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::engine::stream::headers::StreamHeaders;
use crate::media::flv::form::Compat;
use crate::media::{Frame, Kind};

/// The forms in which players get frames: as RTMP, and two of FLV.
const FORMS: usize = 3;

/// The limits of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GopLimits {
    /// Bytes of payload.
    pub bytes: usize,
    /// Frames.
    pub frames: usize,
    /// Milliseconds of media.
    pub time: u64,
}

/// A group of pictures with the sound and data among them, from its key frame on. One that exceeds a limit is dropped
/// whole: without its beginning it cannot be decoded.
#[derive(Debug, Default)]
pub struct Gop {
    /// The headers of its key frame; later ones are among the frames.
    headers: Vec<Rc<Frame>>,
    frames: Vec<Rc<Frame>>,
    bytes: usize,
    /// See [`opening`](Self::opening).
    openings: [OnceCell<Rc<[Rc<Frame>]>>; FORMS],
}

impl Gop {
    /// Adds a frame, if it is a key frame or behind one. Without video there is none. `headers` are the stream's
    /// present ones.
    pub fn push(&mut self, frame: &Rc<Frame>, headers: &StreamHeaders, limits: GopLimits) {
        self.drop_opening();
        if frame.is_video_key() {
            self.clear();
            self.headers.extend(headers.of(Kind::Video).chain(headers.of(Kind::Audio)).cloned());
        } else if self.frames.is_empty() {
            return;
        }
        self.bytes += frame.payload().len();
        self.frames.push(Rc::clone(frame));
        let first = self.frames.first().map_or(0, |first| first.timestamp);
        let time = frame.timestamp.saturating_sub(first);
        if self.bytes > limits.bytes || self.frames.len() > limits.frames || time > limits.time {
            self.clear();
        }
    }

    /// Bytes of payload.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops all frames, and frees their memory if that is more than usual.
    pub fn clear(&mut self) {
        self.drop_opening();
        self.headers.clear();
        self.frames.clear();
        self.frames.shrink_to(USUAL);
        self.bytes = 0;
    }

    /// The headers of the key frame.
    pub fn headers(&self) -> &[Rc<Frame>] {
        &self.headers
    }

    /// Drops the lists that new players begin with, as they have become outdated.
    pub fn drop_opening(&mut self) {
        self.openings.iter_mut().for_each(|opening| drop(opening.take()));
    }

    /// The list that new players over RTMP begin with, or those over HTTP in a form: made once and shared until
    /// something changes.
    pub fn opening(&self, form: Option<Compat>, make: impl FnOnce() -> Rc<[Rc<Frame>]>) -> Rc<[Rc<Frame>]> {
        let [rtmp, raw, browser] = &self.openings;
        let opening = match form {
            None => rtmp,
            Some(Compat::Raw) => raw,
            Some(Compat::Browser) => browser,
        };
        Rc::clone(opening.get_or_init(make))
    }

    /// The frames, the key frame first.
    pub fn frames(&self) -> &[Rc<Frame>] {
        &self.frames
    }
}

/// The frames of a group of about two seconds.
const USUAL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GopLimits = GopLimits { bytes: 1000, frames: 10, time: 500 };

    fn frame(kind: Kind, timestamp: u64, payload: &[u8]) -> Rc<Frame> {
        Rc::new(Frame::from_payload(kind, timestamp, payload))
    }

    fn key(timestamp: u64) -> Rc<Frame> {
        frame(Kind::Video, timestamp, &[0x17, 1, 0, 0, 0, 9])
    }

    fn sound(timestamp: u64, length: usize) -> Rc<Frame> {
        frame(Kind::Audio, timestamp, &[&[0xaf, 1][..], &vec![0; length]].concat())
    }

    fn push(gop: &mut Gop, frame: &Rc<Frame>) {
        gop.push(frame, &StreamHeaders::default(), LIMITS);
    }

    fn times(gop: &Gop) -> Vec<u64> {
        gop.frames().iter().map(|frame| frame.timestamp).collect()
    }

    #[test]
    fn frames_are_kept_from_the_last_key_frame_on() {
        let mut gop = Gop::default();
        push(&mut gop, &sound(1, 10));
        assert!(times(&gop).is_empty());
        for frame in [key(2), sound(3, 10), sound(4, 10)] {
            push(&mut gop, &frame);
        }
        assert_eq!((times(&gop), gop.bytes), (vec![2, 3, 4], 6 + 12 + 12));
        push(&mut gop, &key(5));
        assert_eq!((times(&gop), gop.bytes), (vec![5], 6));
    }

    #[test]
    fn a_group_over_a_limit_is_given_up_until_the_next_key_frame() {
        let over_bytes = vec![sound(1, 990), sound(2, 10)];
        let over_frames = (1..=10).map(|time| sound(time, 1)).collect();
        let over_time = vec![sound(501, 1)];
        for frames in [over_bytes, over_frames, over_time] {
            let mut gop = Gop::default();
            push(&mut gop, &key(0));
            for frame in frames {
                push(&mut gop, &frame);
            }
            push(&mut gop, &sound(502, 1));
            assert_eq!((times(&gop), gop.bytes), (vec![], 0));
            push(&mut gop, &key(600));
            assert_eq!(times(&gop), [600]);
        }
    }
}
