//! Repeats key frames that are shown for long. Players need several pictures and fetch only some seconds ahead:
//! Chromium's own stops where pictures are more than 6 s apart. A key frame can be decoded again at any time up to the
//! next picture, with the same result. That is done only where all pictures are key frames.

use crate::media::pictures::Configuration;

/// The time from a picture to its repetition, and from one to the next, in milliseconds.
const STEP: u64 = 2000;
/// The shortest time between a publisher's pictures for which they are repeated, in milliseconds.
const SLOW: u64 = 3000;
/// The time before the next picture in which there is no repetition, in milliseconds.
const NEAR: u64 = 1000;
/// The longest picture that is repeated, in bytes. It is copied byte by byte, some 2 ms for one that long, and where
/// audio jumps ahead all repetitions of a picture are written at once.
const MAX_BYTES: usize = 256 * 1024;
/// `idr_pic_id` values that encoders hardly use. Those of two IDR pictures in a row must differ.
const NUMBERS: [u16; 2] = [65_534, 65_535];

/// A picture that may be repeated.
#[derive(Debug)]
pub struct Repeated {
    /// As it was written.
    access_unit: Vec<u8>,
    /// The time of the picture, and the time at which repetitions end or the next picture is expected, in milliseconds.
    since: u64,
    expected: u64,
    delay: i32,
    count: u64,
}

impl Repeated {
    /// The key frame of that time, `access_unit` as written, if it is shown so long that it may be repeated. `step` is
    /// the time from picture to picture, `longest` the longest time for which a picture is repeated. All in
    /// milliseconds.
    pub fn new(access_unit: &[u8], timestamp: u64, delay: i32, step: u64, longest: u64) -> Option<Self> {
        let is_kept = step >= SLOW && access_unit.len() <= MAX_BYTES;
        is_kept.then(|| Self {
            access_unit: access_unit.to_vec(),
            since: timestamp,
            expected: timestamp.saturating_add(step.min(longest)),
            delay,
            count: 0,
        })
    }

    /// The time of its next repetition, if that is no later than `now`, in milliseconds. There is none beyond the time
    /// at which the next picture is expected.
    pub fn due(&mut self, now: u64) -> Option<u64> {
        let time = self.since.saturating_add(STEP.saturating_mul(self.count + 1));
        let is_due = time <= now && time.saturating_add(NEAR) <= self.expected;
        self.count += u64::from(is_due);
        is_due.then_some(time)
    }

    /// The time from decoding to showing it, in milliseconds.
    pub fn delay(&self) -> i32 {
        self.delay
    }

    /// Bytes that it takes up.
    pub fn bytes(&self) -> usize {
        self.access_unit.capacity()
    }

    /// The access unit for a repetition.
    pub fn access_unit(&self, track: &Configuration) -> Option<Vec<u8>> {
        let number = NUMBERS.get((self.count % 2) as usize)?;
        track.repeat(&self.access_unit, *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a picture at 1 s is repeated, if the next one is expected then and audio comes every 21 ms.
    fn times(step: u64, audio: u64) -> Vec<u64> {
        let mut repeated =
            Repeated { access_unit: Vec::new(), since: 1000, expected: 1000 + step, delay: 0, count: 0 };
        (0..audio).step_by(21).filter_map(|now| repeated.due(1000 + now)).collect()
    }

    #[test]
    fn a_picture_is_repeated_every_two_seconds_until_the_next_one_is_near() {
        assert_eq!(times(5000, 5000), [3000, 5000]);
        assert_eq!(times(10_000, 60_000), [3000, 5000, 7000, 9000]);
        assert_eq!(times(4000, 7000), [3000]);
        assert_eq!(times(3000, 60_000), [3000]);
    }
}
