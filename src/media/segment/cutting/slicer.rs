//! Decides where segments end: at key frames, if those come in time for the target duration.

/// The shortest segment of a fast start, in milliseconds. If the last segment of a list is shorter, Chromium's own
/// player reads it a second time, and stops.
const SHORTEST: u64 = 1000;
/// The same for the first segment of a list, since that player begins with no single one. There is a limit for streams
/// that have key frames only.
const FIRST: u64 = 500;
/// The fewest pictures of a segment, unless it becomes too long. hls.js cannot know how long the only picture of a
/// segment is shown, and Chromium's own player holds back the newest six pictures of all.
const FEWEST: u64 = 6;
/// A segment should have this many pictures more, if these take no longer than this time in milliseconds. Then
/// Chromium's own player can begin with those of the first segment. With 10 s of media it fetches no more, even if its
/// decoder needs more pictures.
const MORE: u64 = 2;
const MORE_TIME: u64 = 9000;
/// The least time from picture to picture, in milliseconds, that counts as slow.
const SLOW: u64 = 2000;
/// The longest segment of slow pictures, in milliseconds: enough for six that are 10 s apart.
const LONGEST_SLOW: u64 = 75_000;
/// The period of the publisher's timestamps, 32 bits of milliseconds. Those of a stream begin at one period.
pub const TURN: u64 = 1 << 32;

/// The lengths that segments are to have.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// A segment ends at the first key frame after this time, in milliseconds.
    pub wanted: u64,
    /// A segment ends after this time without a key frame, in milliseconds; never below `wanted`.
    pub longest: u64,
    /// The time that is compared with `wanted`.
    pub slicing: Slicing,
    /// The length of the first segments.
    pub pace: Pace,
}

/// The time that is compared with the length that segments are to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slicing {
    /// The segment's duration.
    Plain,
    /// The publisher's timestamp, which passes a multiple.
    Aligned,
}

/// The length of the first segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As long as all others.
    Even,
    /// From one key frame to the next, until players can start.
    Fast,
}

/// A frame at which a segment could end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Before a key frame.
    Key,
    /// Before another picture.
    Picture,
    /// Before a frame of audio, where there is no picture.
    Audio,
}

/// The segment that could end.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Its duration up to that frame, in milliseconds.
    pub duration: u64,
    /// Whether it begins with a key frame, or needs none.
    pub is_independent: bool,
    /// Frames of the leading track in it.
    pub frames: u64,
    /// The time from one frame to the next, in milliseconds.
    pub step: u64,
    /// Its longest duration in milliseconds, once a target duration is advertised.
    pub longest: Option<u64>,
    /// Whether players cannot start yet, see [`Pace::Fast`].
    pub is_early: bool,
    /// Whether no segment is listed yet.
    pub is_first: bool,
}

/// Decides where segments end, from the intervals of key frames.
#[derive(Debug)]
pub struct Slicer {
    lengths: Lengths,
    /// The time of the last key frame.
    last_key: Option<u64>,
    /// The longer of the last two times between key frames, in milliseconds, and the last one.
    interval: u64,
    previous: u64,
}

impl Slicer {
    /// A slicer that has seen nothing.
    pub fn new(lengths: Lengths) -> Self {
        Self { lengths, last_key: None, interval: 0, previous: 0 }
    }

    /// Whether a segment should end before the frame with that timestamp.
    pub fn ends(&self, boundary: Boundary, timestamp: u64, slice: &Slice) -> bool {
        let Slice { duration, longest, .. } = *slice;
        let would_be = |more: u64| longest.is_some_and(|longest| duration.saturating_add(more) > longest);
        let is_enough = match boundary {
            Boundary::Picture => false,
            Boundary::Key if self.is_sparse(slice) => false,
            _ if slice.is_early && self.lengths.pace == Pace::Fast => duration >= self.shortest(slice),
            _ => self.is_long_enough(timestamp, duration),
        };
        // A segment that begins without a key frame ends at the next one.
        let is_next_key = boundary == Boundary::Key
            && !slice.is_independent
            && !self.is_sparse(slice)
            && duration >= self.shortest(slice);
        // The next key frame would come too late.
        let too_late = boundary == Boundary::Key && would_be(self.interval.max(self.since_key(timestamp)));
        is_enough || is_next_key || too_late || duration >= self.longest_wait(slice) || would_be(slice.step)
    }

    /// The longest duration of a segment in milliseconds, before a target duration is advertised and while no key frame
    /// comes.
    pub fn longest_wait(&self, slice: &Slice) -> u64 {
        if slice.step >= SLOW { self.lengths.longest.max(LONGEST_SLOW) } else { self.lengths.longest }
    }

    /// The longest expected duration of segments in milliseconds, if the first is `duration` long. Slow pictures may
    /// come later than expected.
    pub fn expected_with(&self, duration: u64, step: u64) -> u64 {
        let slack = if step >= SLOW { step / 2 } else { 0 };
        self.expected().max(duration.saturating_add(slack))
    }

    /// The expected length of segments in milliseconds: up to the first key frame after the wanted length.
    pub fn expected(&self) -> u64 {
        match self.interval {
            0 => self.lengths.wanted,
            interval => self.lengths.wanted.div_ceil(interval).saturating_mul(interval),
        }
    }

    /// The shortest segment, in milliseconds, that may be the last of a list for a while.
    pub fn shortest_last(&self) -> u64 {
        self.lengths.wanted.min(SHORTEST)
    }

    /// The shortest first segment of a list, in milliseconds.
    pub fn shortest_first(&self) -> u64 {
        self.lengths.wanted.min(FIRST)
    }

    /// Takes in a key frame.
    pub fn key(&mut self, timestamp: u64) {
        let interval = self.since_key(timestamp);
        self.interval = interval.max(self.previous);
        self.previous = interval;
        self.last_key = Some(timestamp);
    }

    /// Begins anew behind a discontinuity.
    pub fn restart(&mut self) {
        self.last_key = None;
    }

    /// Whether the segment should have more pictures before it ends at a key frame: it has too few, or few enough for
    /// those up to the next key frame.
    fn is_sparse(&self, slice: &Slice) -> bool {
        let step = slice.step.max(1);
        let with_next = slice.frames.saturating_add(self.interval.div_ceil(step));
        slice.frames < FEWEST || with_next <= FEWEST + MORE.min(MORE_TIME / step)
    }

    fn since_key(&self, timestamp: u64) -> u64 {
        self.last_key.map_or(0, |last| timestamp.saturating_sub(last))
    }

    fn shortest(&self, slice: &Slice) -> u64 {
        if slice.is_first { self.shortest_first() } else { self.shortest_last() }
    }

    fn is_long_enough(&self, timestamp: u64, duration: u64) -> bool {
        match self.lengths.slicing {
            Slicing::Plain => duration >= self.lengths.wanted,
            Slicing::Aligned => {
                let period = |timestamp: u64| timestamp % TURN / self.lengths.wanted;
                period(timestamp) != period(timestamp.saturating_sub(duration))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slicer(adjust: impl FnOnce(&mut Lengths)) -> Slicer {
        let mut lengths =
            Lengths { wanted: 5000, longest: 50_000, slicing: Slicing::Plain, pace: Pace::Even };
        adjust(&mut lengths);
        Slicer::new(lengths)
    }

    fn slice(duration: u64, longest: Option<u64>) -> Slice {
        Slice {
            duration,
            is_independent: true,
            frames: 1000,
            step: 40,
            longest,
            is_early: false,
            is_first: false,
        }
    }

    /// The ends of segments when key frames come at these times, with pictures every 40 ms between.
    fn ends(slicer: &mut Slicer, keys: &[u64], longest: Option<u64>, early: u64) -> Vec<(u64, Boundary)> {
        let (mut ends, mut start, mut is_independent) = (Vec::new(), 0, true);
        for timestamp in (0..=*keys.last().unwrap()).step_by(40) {
            let boundary = if keys.contains(&timestamp) { Boundary::Key } else { Boundary::Picture };
            let duration = timestamp - start;
            let slice = Slice { is_independent, is_early: timestamp <= early, ..slice(duration, longest) };
            if timestamp > 0 && slicer.ends(boundary, timestamp, &slice) {
                ends.push((timestamp, boundary));
                (start, is_independent) = (timestamp, boundary == Boundary::Key);
            }
            if boundary == Boundary::Key {
                slicer.key(timestamp);
            }
        }
        ends
    }

    fn keys(interval: u64, end: u64) -> Vec<u64> {
        (0..=end / interval).map(|index| index * interval).collect()
    }

    #[test]
    fn a_segment_ends_at_the_first_key_frame_after_its_length() {
        let mut slicer = slicer(|_| {});
        let found = ends(&mut slicer, &keys(2000, 20_000), None, 0);
        assert_eq!(found, [(6000, Boundary::Key), (12_000, Boundary::Key), (18_000, Boundary::Key)]);
        assert_eq!(slicer.expected(), 6000);
    }

    #[test]
    fn aligned_segments_end_where_the_timestamp_passes_a_multiple() {
        let mut slicer = slicer(|lengths| lengths.slicing = Slicing::Aligned);
        let found = ends(&mut slicer, &keys(2000, 20_000), None, 0);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [6000, 10_000, 16_000, 20_000]);
        // Wherever the segment began, and with the turn that streams begin with.
        assert!(slicer.ends(Boundary::Key, TURN + 5000, &slice(40, None)));
        assert!(!slicer.ends(Boundary::Key, TURN + 4960, &slice(4000, None)));
    }

    #[test]
    fn the_first_segments_of_a_fast_start_end_at_every_key_frame() {
        let mut slicer = slicer(|lengths| lengths.pace = Pace::Fast);
        let found = ends(&mut slicer, &keys(1000, 14_000), Some(5499), 3000);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [1000, 2000, 3000, 8000, 13_000]);
        assert!(slicer.ends(Boundary::Audio, 9000, &Slice { is_early: true, ..slice(1000, None) }));
        // But not where every picture is one.
        let found = ends(&mut slicer, &keys(40, 1200), Some(5499), 1200);
        assert_eq!(found, [(1000, Boundary::Key)]);
        assert!(slicer.ends(
            Boundary::Key,
            500,
            &Slice { is_early: true, is_first: true, ..slice(500, None) }
        ));
    }

    #[test]
    fn no_segment_becomes_longer_than_is_advertised() {
        // The key frame at 6 s would be too late.
        let mut slicer = slicer(|_| {});
        let found = ends(&mut slicer, &keys(2000, 12_000), Some(5499), 0);
        assert_eq!(found, [(4000, Boundary::Key), (8000, Boundary::Key), (12_000, Boundary::Key)]);
        // There is none in time: without one, and back to one as soon as there is.
        let found = ends(&mut slicer, &[0, 8000, 10_000, 13_000], Some(5499), 0);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!((places, found[0].1), (vec![5480, 8000, 10_000, 13_000], Boundary::Picture));
    }

    #[test]
    fn a_segment_has_six_pictures_or_up_to_eight_where_they_take_no_longer_than_9_s() {
        // From one picture to the next, and from one key frame to the next, in milliseconds; pictures.
        let cases = [(200, 200, 8), (1000, 1000, 8), (1000, 10_000, 10), (4500, 4500, 8), (5000, 5000, 7)];
        let slow = [(5000, 15_000, 6), (5000, 10_000, 6), (9001, 9001, 6), (10_000, 10_000, 6)];
        for (step, interval, pictures) in cases.into_iter().chain(slow) {
            let mut slicer = slicer(|lengths| lengths.wanted = 500);
            let ends = |slicer: &Slicer, frames: u64| {
                let slice = Slice { frames, step, ..slice(frames * step, None) };
                slicer.ends(Boundary::Key, frames * step, &slice)
            };
            let key = (0..).map(|key| key * interval / step).find(|&frames| {
                let is_end = frames > 0 && ends(&slicer, frames);
                slicer.key(frames * step);
                is_end
            });
            assert_eq!(key, Some(pictures), "{step} {interval}");
        }
    }

    #[test]
    fn without_key_frames_the_maximum_ends_a_segment() {
        let mut slicer = slicer(|lengths| lengths.longest = 8000);
        assert_eq!(ends(&mut slicer, &[0, 9000], None, 0)[0], (8000, Boundary::Picture));
    }
}
