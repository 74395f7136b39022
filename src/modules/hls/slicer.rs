//! Where fragments end: at key frames, as long as those come in time for the target duration.

use super::settings::{Pace, Settings, Slicing};

/// The shortest fragment of a fast start, in milliseconds. Chromium's own player reads a shorter one that is the
/// last of a list a second time, and stops.
const SHORTEST: u64 = 1000;
/// The same for the first of a list, with which alone that player does not begin. Some streams have key frames
/// only.
const FIRST: u64 = 500;
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
            _ if slice.is_early && self.pace == Pace::Fast => duration >= self.shortest(slice),
            _ => self.is_long_enough(timestamp, duration),
        };
        // What begins without a key frame ends at one.
        let mends = place == Place::Key && !slice.is_independent && duration >= self.shortest(slice);
        // The next key frame would come too late.
        let too_late = place == Place::Key && would_be(self.interval.max(self.since_key(timestamp)));
        is_enough || mends || too_late || duration >= self.max_fragment || would_be(slice.step)
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

    fn since_key(&self, timestamp: u64) -> u64 {
        self.last_key.map_or(0, |last| timestamp.saturating_sub(last))
    }

    fn shortest(&self, slice: &Slice) -> u64 {
        if slice.is_first { self.fragment.min(FIRST) } else { self.shortest_last() }
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
        Slice { duration, is_independent: true, step: 40, longest, is_early: false, is_first: false }
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
    fn without_key_frames_the_maximum_ends_a_fragment() {
        let mut slicer = slicer(|settings| settings.max_fragment = 8000);
        assert_eq!(ends(&mut slicer, &[0, 9000], None, 0)[0], (8000, Place::Picture));
    }
}
