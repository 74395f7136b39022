//! How long messages took.

use std::time::Duration;

/// What parts of all times are counted in.
const WHOLE: usize = 100_000;

/// Every time measured, in nanoseconds.
#[derive(Default)]
pub struct Latency(Vec<u64>);

impl Latency {
    /// One more.
    pub fn add(&mut self, nanoseconds: u64) {
        self.0.push(nanoseconds);
    }

    /// Takes in those of another.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The times that so many of 100 000 stay within, in the order asked; zeros without any time.
    pub fn within<const N: usize>(mut self, parts: [usize; N]) -> [Duration; N] {
        self.0.sort_unstable();
        parts.map(|part| {
            let last = self.0.len().saturating_sub(1);
            Duration::from_nanos(self.0.get(last * part / WHOLE).copied().unwrap_or(0))
        })
    }
}
