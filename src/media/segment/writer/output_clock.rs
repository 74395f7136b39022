//! The times that are written into segments: continuous, whatever interrupts the stream.

use std::mem;

/// Times are written modulo this, in ticks.
const TURN: u64 = 1 << 33;
/// A multiple of that, added so that audio from a little before the beginning is not below 0.
const FAR_FROM_ZERO: u64 = 1 << 40;
/// The longest hole behind a discontinuity that is filled: a second, in ticks.
pub const MAX_HOLE: u64 = 90_000;
/// The most, in ticks, by which audio may begin before the end of the last audio and still follow: timestamps are
/// rounded to milliseconds.
const ROUNDING: u64 = 90;

/// The ends of a segment, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The first time that the next segment may have.
    pub next: u64,
    /// The end of its audio, if it has any.
    pub audio: Option<u64>,
}

impl Ends {
    fn map(self, map: impl Fn(u64) -> u64) -> Self {
        Self { next: map(self.next), audio: self.audio.map(map) }
    }
}

/// The relation of the first audio behind a discontinuity to the last before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioJoin {
    /// As any other frame.
    Follows,
    /// It begins before the last has ended.
    Overlaps,
    /// Audio is missing between them. Both in ticks, the beginning as written.
    Hole {
        /// The end of the last audio, or the beginning of the picture.
        since: u64,
        /// The duration of the hole.
        length: u64,
    },
}

/// Turns a stream's times into those in its segments, both in ticks.
///
/// Behind EXT-X-DISCONTINUITY times may be any (RFC 8216 4.3.2.3). But Chromium's own player stops where times
/// decrease, and waits where there is a gap. So they continue from the end of the last segment, over pauses, other
/// publishers and restarts of the server.
#[derive(Debug, Clone, Copy)]
pub struct OutputClock {
    /// Added to each time, modulo 2^64.
    shift: u64,
    /// The ends of the last segment, as written.
    ends: Option<Ends>,
    /// Whether the next segment does not continue the last one.
    is_discontinuity: bool,
    /// The earliest time of audio behind a discontinuity, as written, until some has come.
    silent_since: Option<u64>,
}

impl OutputClock {
    /// A clock that continues an earlier one, if there was one.
    pub fn resume_from(ends: Option<Ends>) -> Self {
        let far = |ends: Ends| {
            let shift = (ends.next % TURN + FAR_FROM_ZERO).wrapping_sub(ends.next);
            ends.map(|time| time.wrapping_add(shift))
        };
        let ends = ends.map(far);
        Self { shift: 0, ends, is_discontinuity: true, silent_since: None }
    }

    /// Shifts all times of a new list by the ticks by which its pictures are decoded earlier than their timestamps.
    /// Otherwise the clock (PCR) of a stream that begins at 0 would begin below 0.
    pub fn shift_first(&mut self, earlier: u64) {
        if self.is_discontinuity && self.ends.is_none() {
            self.shift = earlier;
        }
    }

    /// The time in the segment.
    pub fn written(&self, time: u64) -> u64 {
        time.wrapping_add(self.shift)
    }

    /// Notes that the next segment does not continue the last one.
    pub fn mark_discontinuity(&mut self) {
        self.is_discontinuity = true;
    }

    /// Begins a segment at that time.
    pub fn begin(&mut self, start: u64) {
        if mem::take(&mut self.is_discontinuity)
            && let Some(ends) = self.ends
        {
            self.shift = ends.next.wrapping_sub(start);
            // In Chromium, audio before the first picture would shift that, too.
            self.silent_since = ends.audio.map(|audio| audio.max(ends.next));
        }
    }

    /// The relation of audio of that time to the last before a discontinuity, if it is the first behind one.
    pub fn join_audio(&mut self, time: u64) -> AudioJoin {
        let Some(since) = self.silent_since else { return AudioJoin::Follows };
        let time = self.written(time);
        if (ROUNDING + 1..=MAX_HOLE).contains(&since.wrapping_sub(time)) {
            return AudioJoin::Overlaps;
        }
        self.silent_since = None;
        match time.wrapping_sub(since) {
            length @ 1..=MAX_HOLE => AudioJoin::Hole { since, length },
            _ => AudioJoin::Follows,
        }
    }

    /// Ends the segment. Returns its ends as written.
    pub fn end(&mut self, ends: Ends) -> Ends {
        let shift = self.shift;
        *self.ends.insert(ends.map(|time| time.wrapping_add(shift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(next: u64) -> Ends {
        Ends { next, audio: None }
    }

    #[test]
    fn times_are_shifted_at_discontinuities_and_only_there() {
        let mut clock = OutputClock::resume_from(None);
        clock.begin(1000);
        assert_eq!((clock.written(1000), clock.end(ends(3000))), (1000, ends(3000)));
        clock.begin(3500);
        assert_eq!((clock.written(3500), clock.end(ends(4000))), (3500, ends(4000)));
        for start in [9_000_000, 0] {
            let end = clock.written(0).wrapping_add(if start == 0 { 9_000_500 } else { 4000 });
            clock.mark_discontinuity();
            clock.begin(start);
            assert_eq!(clock.written(start), end);
            clock.end(ends(start + 500));
        }
        let mut next = OutputClock::resume_from(Some(clock.end(ends(700))));
        next.begin(1 << 40);
        assert_eq!(next.written((1 << 40) + 7) % TURN, clock.written(707) % TURN);
        let mut next = OutputClock::resume_from(Some(ends(u64::MAX)));
        next.begin(100);
        assert_eq!(next.written(90) % TURN, TURN - 11);
    }

    #[test]
    fn earlier_decoding_times_shift_only_the_first_segment() {
        let mut clock = OutputClock::resume_from(None);
        clock.shift_first(900);
        clock.begin(0);
        assert_eq!((clock.written(0), clock.end(ends(3000))), (900, ends(3900)));
        clock.mark_discontinuity();
        clock.shift_first(90);
        clock.begin(0);
        assert_eq!(clock.written(0), 3900);
        let mut next = OutputClock::resume_from(Some(ends(3900)));
        next.shift_first(90);
        next.begin(7);
        assert_eq!(next.written(7) % TURN, 3900);
    }

    #[test]
    fn a_discontinuity_leaves_a_hole_in_the_audio_until_some_comes() {
        let mut clock = OutputClock::resume_from(None);
        clock.begin(0);
        assert_eq!(clock.join_audio(5000), AudioJoin::Follows, "nothing has been before");
        let before = clock.end(Ends { audio: Some(9000), ..ends(10_000) });
        clock.begin(10_000);
        assert_eq!(clock.join_audio(15_000), AudioJoin::Follows, "no break");
        clock.mark_discontinuity();
        clock.begin(500);
        assert_eq!(clock.join_audio(400), AudioJoin::Overlaps, "before the picture");
        assert_eq!(clock.join_audio(600), AudioJoin::Hole { since: 10_000, length: 100 });
        assert_eq!(clock.join_audio(700), AudioJoin::Follows, "it is filled");
        for (audio, found) in [(90_500, true), (90_501, false)] {
            let mut next = OutputClock::resume_from(Some(before));
            next.begin(500);
            assert_eq!(next.join_audio(audio) != AudioJoin::Follows, found, "{audio}");
        }
        let mut next = OutputClock::resume_from(Some(Ends { audio: Some(12_000), ..before }));
        next.begin(500);
        assert_eq!(next.join_audio(600), AudioJoin::Overlaps);
        assert_eq!(next.join_audio(2409), AudioJoin::Overlaps);
        assert_eq!(next.join_audio(2410), AudioJoin::Follows, "less than a millisecond is rounding");
        assert_eq!(next.join_audio(600), AudioJoin::Follows, "it has begun");
    }
}
