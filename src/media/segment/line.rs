//! The times that are written into fragments: one line without a gap, whatever interrupts the stream.

use std::mem;

/// Times are written modulo this.
const TURN: u64 = 1 << 33;
/// A multiple of that. Sound that is a little before the beginning must not be before 0.
const FAR_FROM_ZERO: u64 = 1 << 40;
/// The longest hole that a break makes and that is looked after: a second, in ticks.
pub const MAX_HOLE: u64 = 90_000;
/// Timestamps have whole milliseconds: sound that begins so little before the other has ended follows from it.
const ROUNDING: u64 = 90;

/// Where a fragment ends, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Where times may go on.
    pub next: u64,
    /// Where its sound ends, if it has any.
    pub sound: Option<u64>,
}

impl Ends {
    fn map(self, map: impl Fn(u64) -> u64) -> Self {
        Self { next: map(self.next), sound: self.sound.map(map) }
    }
}

/// How the first sound behind a break follows from the last before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// As any other.
    Follows,
    /// It begins before the other has ended.
    Overlaps,
    /// Sound is missing between them, for so long: both in ticks, and the beginning as written.
    Hole {
        /// Where the other has ended, or the picture begins.
        since: u64,
        /// How long there has been none.
        length: u64,
    },
}

/// From a stream's times to those in its fragments, both in ticks.
///
/// Behind EXT-X-DISCONTINUITY any time would do (RFC 8216 4.3.2.3). But Chromium's own player stops where times
/// go back, and waits where they leave a gap; so they go on from the end of what was published last, over
/// pauses, other publishers and restarts of the server.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// What is added, modulo 2^64.
    shift: u64,
    /// Where the last fragment ended, as written.
    ends: Option<Ends>,
    /// Whether the next fragment does not follow from the last by itself.
    is_broken: bool,
    /// Where sound may begin behind a break, as written, until some has come.
    silent_since: Option<u64>,
}

impl Line {
    /// A line that goes on from where another one ended, if there was one.
    pub fn going_on(ends: Option<Ends>) -> Self {
        let far = |ends: Ends| {
            let shift = (ends.next % TURN + FAR_FROM_ZERO).wrapping_sub(ends.next);
            ends.map(|time| time.wrapping_add(shift))
        };
        let ends = ends.map(far);
        Self { shift: 0, ends, is_broken: true, silent_since: None }
    }

    /// Adds so many ticks to all times of a new list. Its pictures are decoded so much before their timestamps, and the clock
    /// (PCR) of a stream that begins at 0 would begin below 0, which is written as 2^33 less it.
    pub fn make_room(&mut self, earlier: u64) {
        if self.is_broken && self.ends.is_none() {
            self.shift = earlier;
        }
    }

    /// A time as it is written.
    pub fn written(&self, time: u64) -> u64 {
        time.wrapping_add(self.shift)
    }

    /// What comes next does not follow from what came before.
    pub fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// A fragment begins at that time.
    pub fn begin(&mut self, start: u64) {
        if mem::take(&mut self.is_broken)
            && let Some(ends) = self.ends
        {
            self.shift = ends.next.wrapping_sub(start);
            // No sound comes before the first picture, which it would take along to another time in Chromium.
            self.silent_since = ends.sound.map(|sound| sound.max(ends.next));
        }
    }

    /// How sound for that time follows from what there was before a break, if it is the first behind one.
    pub fn join_sound(&mut self, time: u64) -> Joint {
        let Some(since) = self.silent_since else { return Joint::Follows };
        let time = self.written(time);
        if (ROUNDING + 1..=MAX_HOLE).contains(&since.wrapping_sub(time)) {
            return Joint::Overlaps;
        }
        self.silent_since = None;
        match time.wrapping_sub(since) {
            length @ 1..=MAX_HOLE => Joint::Hole { since, length },
            _ => Joint::Follows,
        }
    }

    /// A fragment that is published ends there. Returns the times as written.
    pub fn end(&mut self, ends: Ends) -> Ends {
        let shift = self.shift;
        *self.ends.insert(ends.map(|time| time.wrapping_add(shift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(next: u64) -> Ends {
        Ends { next, sound: None }
    }

    #[test]
    fn times_go_on_over_breaks_and_only_there() {
        let mut line = Line::going_on(None);
        line.begin(1000);
        assert_eq!((line.written(1000), line.end(ends(3000))), (1000, ends(3000)));
        line.begin(3500);
        assert_eq!((line.written(3500), line.end(ends(4000))), (3500, ends(4000)));
        for start in [9_000_000, 0] {
            let end = line.written(0).wrapping_add(if start == 0 { 9_000_500 } else { 4000 });
            line.break_off();
            line.begin(start);
            assert_eq!(line.written(start), end);
            line.end(ends(start + 500));
        }
        let mut next = Line::going_on(Some(line.end(ends(700))));
        next.begin(1 << 40);
        assert_eq!(next.written((1 << 40) + 7) % TURN, line.written(707) % TURN);
        let mut next = Line::going_on(Some(ends(u64::MAX)));
        next.begin(100);
        assert_eq!(next.written(90) % TURN, TURN - 11);
    }

    #[test]
    fn room_is_made_before_the_first_fragment_only() {
        let mut line = Line::going_on(None);
        line.make_room(900);
        line.begin(0);
        assert_eq!((line.written(0), line.end(ends(3000))), (900, ends(3900)));
        line.break_off();
        line.make_room(90);
        line.begin(0);
        assert_eq!(line.written(0), 3900);
        let mut next = Line::going_on(Some(ends(3900)));
        next.make_room(90);
        next.begin(7);
        assert_eq!(next.written(7) % TURN, 3900);
    }

    #[test]
    fn a_break_leaves_a_hole_in_the_sound_until_some_comes() {
        let mut line = Line::going_on(None);
        line.begin(0);
        assert_eq!(line.join_sound(5000), Joint::Follows, "nothing has been before");
        let before = line.end(Ends { sound: Some(9000), ..ends(10_000) });
        line.begin(10_000);
        assert_eq!(line.join_sound(15_000), Joint::Follows, "no break");
        line.break_off();
        line.begin(500);
        assert_eq!(line.join_sound(400), Joint::Overlaps, "before the picture");
        assert_eq!(line.join_sound(600), Joint::Hole { since: 10_000, length: 100 });
        assert_eq!(line.join_sound(700), Joint::Follows, "it is filled");
        for (sound, found) in [(90_500, true), (90_501, false)] {
            let mut next = Line::going_on(Some(before));
            next.begin(500);
            assert_eq!(next.join_sound(sound) != Joint::Follows, found, "{sound}");
        }
        let mut next = Line::going_on(Some(Ends { sound: Some(12_000), ..before }));
        next.begin(500);
        assert_eq!(next.join_sound(600), Joint::Overlaps);
        assert_eq!(next.join_sound(2409), Joint::Overlaps);
        assert_eq!(next.join_sound(2410), Joint::Follows, "less than a millisecond is rounding");
        assert_eq!(next.join_sound(600), Joint::Follows, "it has begun");
    }
}
