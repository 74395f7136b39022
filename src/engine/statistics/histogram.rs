//! A histogram of times: how many were no longer than each bound.
//!
//! The bounds are the same for all histograms, from a tenth of a millisecond to ten seconds, so that turns of the loop
//! and answers of backends can both be told apart in it.

use std::time::Duration;

/// The upper bounds, microseconds.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// The times of something that has happened many times.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// How many were longer than the bound before and no longer than their own.
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    /// Counts a time.
    pub fn observe(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| micros <= *bound);
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
    }

    /// Each bound with the number of all times up to it.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut so_far = 0;
        BOUNDS.iter().zip(&self.counts).map(move |(bound, count)| {
            so_far += count;
            (Duration::from_micros(*bound), so_far)
        })
    }

    /// The number of all times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of all times.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_its_bucket_and_in_all_longer_ones() {
        let mut histogram = Histogram::default();
        for micros in [0, 100, 101, 5_000, 20_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let buckets: Vec<_> = histogram.buckets().map(|(bound, count)| (bound.as_micros(), count)).collect();
        assert_eq!(buckets[..3], [(100, 2), (250, 3), (500, 3)]);
        assert_eq!(buckets[5], (5_000, 4));
        assert_eq!(buckets.last(), Some(&(10_000_000, 4)), "one is longer than every bound");
        assert_eq!((histogram.count(), histogram.sum().as_micros()), (5, 20_005_201));
    }

    #[test]
    fn a_time_a_nanosecond_over_a_bound_is_over_it() {
        let mut histogram = Histogram::default();
        histogram.observe(Duration::from_nanos(100_001));
        assert_eq!(histogram.buckets().next(), Some((Duration::from_micros(100), 0)));
    }

    #[test]
    fn the_bounds_rise() {
        assert!(BOUNDS.is_sorted());
    }
}
