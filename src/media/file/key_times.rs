//! The list of the times of a file's key frames, as each demuxer fills it.

use super::message::MAX_KEY_FRAMES;
use crate::media::kind::Kind;

/// Without pictures, times are so far apart, milliseconds.
const SOUND_STEP: u64 = 2000;

/// How a list goes on: its times are in order, and of more than [`MAX_KEY_FRAMES`] some are left out, evenly.
#[derive(Debug, Clone, Copy)]
pub struct KeyTimes {
    /// How far times are apart at least, milliseconds.
    step: u64,
    /// Earlier times are not taken any more.
    wanted: u64,
    /// One of so many is taken.
    stride: usize,
    /// Those that could have been taken.
    met: usize,
}

impl KeyTimes {
    /// A new list of places of this kind.
    pub fn new(kind: Kind) -> Self {
        let step = if kind == Kind::Video { 1 } else { SOUND_STEP };
        Self { step, wanted: 0, stride: 1, met: 0 }
    }

    /// The earliest time that is taken next, milliseconds.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// Takes the time of a key frame, unless it is not later than the last one.
    pub fn offer(&mut self, time: u64, times: &mut Vec<u64>) {
        if time < self.wanted {
            return;
        }
        self.wanted = time.saturating_add(self.step);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(kind: Kind, offered: impl Iterator<Item = u64>) -> Vec<u64> {
        let (mut list, mut times) = (KeyTimes::new(kind), Vec::new());
        offered.for_each(|time| list.offer(time, &mut times));
        times
    }

    #[test]
    fn times_are_in_order_and_those_of_sound_are_apart() {
        let offered = [0, 0, 40, 30, 40, 41, 4000, 3000, 5999, 6000];
        assert_eq!(list(Kind::Video, offered.into_iter()), [0, 40, 41, 4000, 5999, 6000]);
        assert_eq!(list(Kind::Audio, offered.into_iter()), [0, 4000, 6000]);
    }

    #[test]
    fn of_too_many_some_are_left_out_evenly() {
        let most = MAX_KEY_FRAMES as u64;
        for (kind, step) in [(Kind::Video, 33), (Kind::Audio, 2000)] {
            for (count, every) in [(most, 1), (most + 1, 2), (2 * most, 2), (2 * most + 1, 4), (5 * most, 8)]
            {
                let times = list(kind, (0..count).map(|number| number * step));
                let wanted: Vec<_> = (0..count).step_by(every).map(|number| number * step).collect();
                assert!(times == wanted, "{count} of {kind:?}: {} instead of {}", times.len(), wanted.len());
            }
        }
    }
}
