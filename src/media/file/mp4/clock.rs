//! The times of a track in milliseconds.

use super::movie::Edits;

/// Turns the units of a track into milliseconds of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// Units in a second. Invariant: not 0.
    timescale: u32,
    /// What is at the beginning of the file's time, units. It is below zero for a track that begins later.
    origin: i64,
    /// Added to the times of all tracks, so that none is below zero.
    shift: i64,
}

impl Clock {
    /// The clock of a track with an edit list, in a movie with so many units in a second.
    pub fn new(timescale: u32, edits: &Edits, movie_timescale: u32) -> Self {
        let empty = i128::from(edits.empty) * i128::from(timescale);
        let empty = empty.checked_div(movie_timescale.into()).unwrap_or_default();
        let origin = narrow(i128::from(edits.media_time).saturating_sub(empty));
        Self { timescale: timescale.max(1), origin, shift: 0 }
    }

    /// The milliseconds that are added to all times.
    pub fn shift(&self) -> i64 {
        self.shift
    }

    /// Adds milliseconds to all times.
    pub fn set_shift(&mut self, shift: i64) {
        self.shift = shift;
    }

    /// The milliseconds of a time in units, perhaps before the beginning.
    pub fn signed(&self, units: i128) -> i64 {
        let scale = i128::from(self.timescale);
        let units = units.saturating_sub(self.origin.into()).clamp(i64::MIN.into(), i64::MAX.into());
        narrow((units * 1000 + scale / 2).div_euclid(scale)).saturating_add(self.shift)
    }

    /// The milliseconds of a time in units.
    pub fn time(&self, units: u64) -> u64 {
        u64::try_from(self.signed(units.into())).unwrap_or_default()
    }

    /// How many milliseconds the presentation of a sample is behind its decoding, so that the sum is right.
    pub fn composition(&self, units: u64, composition: i32) -> i64 {
        let presented = i128::from(units) + i128::from(composition);
        let decoded = i64::try_from(self.time(units)).unwrap_or(i64::MAX);
        self.signed(presented).saturating_sub(decoded)
    }

    /// The first units whose milliseconds are not before so many, nor cut off in front.
    pub fn units_at(&self, milliseconds: u64) -> u64 {
        let scale = i128::from(self.timescale);
        let wanted = i128::from(milliseconds).saturating_sub(self.shift.into());
        let doubled = (2 * wanted - 1) * scale;
        let units = doubled.div_euclid(2000) + i128::from(doubled.rem_euclid(2000) > 0);
        u64::try_from((units + i128::from(self.origin)).max(0)).unwrap_or(u64::MAX)
    }
}

fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_first_of_their_millisecond() {
        for timescale in [1, 7, 600, 1000, 12_800, 44_100, 90_000, 10_000_000] {
            for (media_time, empty, shift) in [(0, 0, 0), (1024, 0, 23), (0, 500, 0), (3, 77, -12)] {
                let edits = Edits { media_time, empty };
                let mut clock = Clock::new(timescale, &edits, 1000);
                clock.set_shift(shift);
                for milliseconds in [0, 1, 2, 3, 39, 40, 41, 999, 1000, 1001, 3_600_000, 100_000_000_001] {
                    let units = clock.units_at(milliseconds);
                    let time = |units: u64| clock.signed(units.into());
                    assert!(time(units) >= milliseconds as i64);
                    assert!(units == 0 || time(units - 1) < milliseconds as i64);
                }
            }
        }
    }

    #[test]
    fn no_numbers_make_it_panic() {
        let edges = [0, 1, i64::MAX as u64, u64::MAX];
        for timescale in [1, 1000, u32::MAX] {
            for (media_time, empty) in edges.iter().flat_map(|&a| edges.map(|b| (a, b))) {
                for movie in [0, 1, u32::MAX] {
                    let mut clock = Clock::new(timescale, &Edits { media_time, empty }, movie);
                    for shift in [i64::MIN, 0, i64::MAX] {
                        clock.set_shift(shift);
                        for units in edges {
                            clock.composition(units, i32::MIN);
                            clock.composition(units, i32::MAX);
                            clock.units_at(units);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn times_do_not_drift() {
        let clock = Clock::new(30_000, &Edits::default(), 0);
        let frames = |count: u64| clock.time(count * 1001);
        assert_eq!((frames(1), frames(2), frames(3)), (33, 67, 100));
        assert_eq!(frames(107_892), 3_599_996, "an hour, rounded once");
    }
}
