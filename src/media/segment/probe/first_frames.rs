//! The frames that an output holds until the first picture with which it can begin.

use std::rc::Rc;

use crate::media::Frame;

/// The limits of the wait for the first picture.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest wait in milliseconds: of media or of the clock, as the output counts.
    pub time: u64,
    /// Frames, each of which takes up `cost` bytes beside its payload.
    pub frames: usize,
    /// Bytes, with the cost of each frame.
    pub bytes: usize,
    /// The bytes of a held frame beside its payload.
    pub cost: usize,
}

/// Frames that are held, each with facts of the output.
#[derive(Debug)]
pub struct FirstFrames<T> {
    limits: Limits,
    frames: Vec<(Rc<Frame>, T)>,
    bytes: usize,
}

impl<T> FirstFrames<T> {
    /// No frames yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, frames: Vec::new(), bytes: 0 }
    }

    /// Holds a frame.
    pub fn push(&mut self, frame: &Rc<Frame>, known: T) {
        let bytes = frame.payload().len().saturating_add(self.limits.cost);
        self.bytes = self.bytes.saturating_add(bytes);
        self.frames.push((Rc::clone(frame), known));
    }

    /// Bytes that the frames take up.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the wait is over after so many milliseconds.
    pub fn is_over(&self, waited: u64) -> bool {
        waited >= self.limits.time || self.is_full()
    }

    /// Whether there is no room for more frames.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= self.limits.frames || self.bytes >= self.limits.bytes
    }

    /// Takes the frames, in order.
    pub fn take(&mut self) -> Vec<(Rc<Frame>, T)> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;

    fn held(count: usize, length: usize) -> FirstFrames<()> {
        let mut frames = FirstFrames::new(Limits { time: 1000, frames: 4, bytes: 100, cost: 10 });
        let frame = Rc::new(Frame::from_payload(Kind::Audio, 0, &vec![0x2f; length]));
        (0..count).for_each(|_| frames.push(&frame, ()));
        frames
    }

    #[test]
    fn the_wait_is_bounded_in_time_frames_and_bytes() {
        let cases =
            [(3, 1, 999, false), (3, 1, 1000, true), (4, 1, 0, true), (3, 23, 0, false), (3, 24, 0, true)];
        for (count, length, waited, is_over) in cases {
            assert_eq!(held(count, length).is_over(waited), is_over, "{count} {length} {waited}");
        }
        assert_eq!((held(3, 1).bytes(), held(3, 1).take().len()), (33, 3));
    }
}
