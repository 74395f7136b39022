//! Where fragments end: at key frames, as long as those come in time for the target duration.

use crate::modules::hls::settings::{Pace, Settings, Slicing};

/// The shortest fragment of a fast start, in milliseconds. Chromium's own player reads a shorter one that is the
/// last of a list a second time, and stops.
const SHORTEST: u64 = 1000;
/// The same for the first of a list, with which alone that player does not begin. Some streams have key frames
/// only.
const FIRST: u64 = 500;
/// The fewest pictures of a fragment, as long as its length allows. hls.js cannot know how long the only one of a fragment
/// is shown, and Chromium's own player keeps the newest six of all back.
const FEWEST: u64 = 6;
/// How many more pictures a fragment should have where these last no longer than so many milliseconds: Chromium's own player
/// begins with those of the first fragment then. Once it has 10 s it fetches no more, though too few for its decoder.
const MORE: u64 = 2;
const MORE_TIME: u64 = 9000;
/// Pictures that are so far apart, in milliseconds, come seldom.
const SLOW: u64 = 2000;
/// The longest fragment of such pictures, in milliseconds: six that are 10 s apart need so much, and a bit more.
const LONGEST_SLOW: u64 = 75_000;
/// The period of the publisher's timestamps, 32 bits of milliseconds. The streams' own begin one turn up.
pub const TURN: u64 = 1 << 32;

/// A frame at which a fragment could end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before a key frame.
    Key,
    /// Before another picture.
    Picture,
    /// Before a frame of sound, where there is no picture.
    Sound,
}

/// The fragment that could end.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Its length up to there, in milliseconds.
    pub duration: u64,
    /// Whether it begins with a key frame, or needs none.
    pub is_independent: bool,
    /// Frames of the leading track in it.
    pub frames: u64,
    /// From one frame to the next, in milliseconds.
    pub step: u64,
    /// The longest it may become, if that has been told.
    pub longest: Option<u64>,
    /// Whether it is one of the first, for `hls_fast_start`.
    pub is_early: bool,
    /// Whether it is the very first.
    pub is_first: bool,
}

/// Decides, from the intervals of key frames.
#[derive(Debug)]
pub struct Slicer {
    fragment: u64,
    max_fragment: u64,
    slicing: Slicing,
    pace: Pace,
    /// The time of the last key frame.
    last_key: Option<u64>,
    /// From one key frame to the next: the longer of the last two times.
    interval: u64,
    previous: u64,
}

impl Slicer {
    /// A slicer that has seen nothing.
    pub fn new(settings: &Settings) -> Self {
        let Settings { fragment, max_fragment, slicing, pace, .. } = *settings;
        Self { fragment, max_fragment, slicing, pace, last_key: None, interval: 0, previous: 0 }
    }

    /// True if a fragment should end before the frame with that timestamp.
    pub fn ends(&self, place: Place, timestamp: u64, slice: &Slice) -> bool {
        let Slice { duration, longest, .. } = *slice;
        let would_be = |more: u64| longest.is_some_and(|longest| duration.saturating_add(more) > longest);
        let is_enough = match place {
            Place::Picture => false,
            Place::Key if self.is_sparse(slice) => false,
            _ if slice.is_early && self.pace == Pace::Fast => duration >= self.shortest(slice),
            _ => self.is_long_enough(timestamp, duration),
        };
        // What begins without a key frame ends at one.
        let mends = place == Place::Key
            && !slice.is_independent
            && !self.is_sparse(slice)
            && duration >= self.shortest(slice);
        // The next key frame would come too late.
        let too_late = place == Place::Key && would_be(self.interval.max(self.since_key(timestamp)));
        is_enough || mends || too_late || duration >= self.longest_wait(slice) || would_be(slice.step)
    }

    /// The longest that a fragment may become, in milliseconds, before a target duration has been told, and while no key
    /// frame comes at which it could end.
    pub fn longest_wait(&self, slice: &Slice) -> u64 {
        if slice.step >= SLOW { self.max_fragment.max(LONGEST_SLOW) } else { self.max_fragment }
    }

    /// How long fragments will be, if this one is the first: a bit more where pictures come seldom, and at other times
    /// than expected.
    pub fn expected_with(&self, duration: u64, step: u64) -> u64 {
        let slack = if step >= SLOW { step / 2 } else { 0 };
        self.expected().max(duration.saturating_add(slack))
    }

    /// How long fragments will be: to the first key frame after `hls_fragment`.
    pub fn expected(&self) -> u64 {
        match self.interval {
            0 => self.fragment,
            interval => self.fragment.div_ceil(interval).saturating_mul(interval),
        }
    }

    /// The shortest fragment that may be the last in the list for a while, in milliseconds.
    pub fn shortest_last(&self) -> u64 {
        self.fragment.min(SHORTEST)
    }

    /// The shortest that the first fragment of a list may be, in milliseconds.
    pub fn shortest_first(&self) -> u64 {
        self.fragment.min(FIRST)
    }

    /// A key frame has come.
    pub fn key(&mut self, timestamp: u64) {
        let interval = self.since_key(timestamp);
        self.interval = interval.max(self.previous);
        self.previous = interval;
        self.last_key = Some(timestamp);
    }

    /// Times begin anew.
    pub fn restart(&mut self) {
        self.last_key = None;
    }

    /// Whether the fragment should have more pictures before it ends at a key frame: too few, or few enough for those up
    /// to the next key frame.
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
        match self.slicing {
            Slicing::Plain => duration >= self.fragment,
            Slicing::Aligned => {
                let period = |timestamp: u64| timestamp % TURN / self.fragment;
                period(timestamp) != period(timestamp.saturating_sub(duration))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slicer(adjust: impl FnOnce(&mut Settings)) -> Slicer {
        let mut settings = Settings { fragment: 5000, max_fragment: 50_000, ..Settings::for_tests() };
        adjust(&mut settings);
        Slicer::new(&settings)
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

    /// Where fragments end when key frames come at these times, with pictures every 40 ms between.
    fn ends(slicer: &mut Slicer, keys: &[u64], longest: Option<u64>, early: u64) -> Vec<(u64, Place)> {
        let (mut ends, mut start, mut is_independent) = (Vec::new(), 0, true);
        for timestamp in (0..=*keys.last().unwrap()).step_by(40) {
            let place = if keys.contains(&timestamp) { Place::Key } else { Place::Picture };
            let duration = timestamp - start;
            let slice = Slice { is_independent, is_early: timestamp <= early, ..slice(duration, longest) };
            if timestamp > 0 && slicer.ends(place, timestamp, &slice) {
                ends.push((timestamp, place));
                (start, is_independent) = (timestamp, place == Place::Key);
            }
            if place == Place::Key {
                slicer.key(timestamp);
            }
        }
        ends
    }

    fn keys(interval: u64, end: u64) -> Vec<u64> {
        (0..=end / interval).map(|index| index * interval).collect()
    }

    #[test]
    fn a_fragment_ends_at_the_first_key_frame_after_its_length() {
        let mut slicer = slicer(|_| {});
        let found = ends(&mut slicer, &keys(2000, 20_000), None, 0);
        assert_eq!(found, [(6000, Place::Key), (12_000, Place::Key), (18_000, Place::Key)]);
        assert_eq!(slicer.expected(), 6000);
    }

    #[test]
    fn aligned_fragments_end_where_the_timestamp_passes_a_multiple() {
        let mut slicer = slicer(|settings| settings.slicing = Slicing::Aligned);
        let found = ends(&mut slicer, &keys(2000, 20_000), None, 0);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [6000, 10_000, 16_000, 20_000]);
        // Wherever the fragment began, and with the turn that streams begin with.
        assert!(slicer.ends(Place::Key, TURN + 5000, &slice(40, None)));
        assert!(!slicer.ends(Place::Key, TURN + 4960, &slice(4000, None)));
    }

    #[test]
    fn the_first_ones_end_at_every_key_frame() {
        let mut slicer = slicer(|settings| settings.pace = Pace::Fast);
        let found = ends(&mut slicer, &keys(1000, 14_000), Some(5499), 3000);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [1000, 2000, 3000, 8000, 13_000]);
        assert!(slicer.ends(Place::Sound, 9000, &Slice { is_early: true, ..slice(1000, None) }));
        // But not where every picture is one.
        let found = ends(&mut slicer, &keys(40, 1200), Some(5499), 1200);
        assert_eq!(found, [(1000, Place::Key)]);
        assert!(slicer.ends(Place::Key, 500, &Slice { is_early: true, is_first: true, ..slice(500, None) }));
    }

    #[test]
    fn no_fragment_becomes_longer_than_was_told() {
        // The key frame at 6 s would be too late.
        let mut slicer = slicer(|_| {});
        let found = ends(&mut slicer, &keys(2000, 12_000), Some(5499), 0);
        assert_eq!(found, [(4000, Place::Key), (8000, Place::Key), (12_000, Place::Key)]);
        // There is none in time: without one, and back to one as soon as there is.
        let found = ends(&mut slicer, &[0, 8000, 10_000, 13_000], Some(5499), 0);
        let places: Vec<u64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!((places, found[0].1), (vec![5480, 8000, 10_000, 13_000], Place::Picture));
    }

    #[test]
    fn a_fragment_has_six_pictures_or_up_to_eight_where_they_take_no_longer_than_9_s() {
        // From one picture to the next, and from one key frame to the next, in milliseconds; pictures.
        let cases = [(200, 200, 8), (1000, 1000, 8), (1000, 10_000, 10), (4500, 4500, 8), (5000, 5000, 7)];
        let slow = [(5000, 15_000, 6), (5000, 10_000, 6), (9001, 9001, 6), (10_000, 10_000, 6)];
        for (step, interval, pictures) in cases.into_iter().chain(slow) {
            let mut slicer = slicer(|settings| settings.fragment = 500);
            let ends = |slicer: &Slicer, frames: u64| {
                let slice = Slice { frames, step, ..slice(frames * step, None) };
                slicer.ends(Place::Key, frames * step, &slice)
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
    fn without_key_frames_the_maximum_ends_a_fragment() {
        let mut slicer = slicer(|settings| settings.max_fragment = 8000);
        assert_eq!(ends(&mut slicer, &[0, 9000], None, 0)[0], (8000, Place::Picture));
    }
}
