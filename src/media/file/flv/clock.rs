//! The times of tags without their rollover.

use super::header::TagPlace;
use crate::media::time;

/// The most by which a tag's time is before that of another one that it is taken to follow, milliseconds.
const BACK: u32 = 3_600_000;

/// The time of the last tag, from which that of the next is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock(pub Option<u64>);

/// A place where a tag begins, and the time of what is before it, or for some its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub at: u64,
    pub clock: Clock,
}

impl Clock {
    /// The time of the next tag. Those of data tell nothing of others: they are often 0.
    pub fn next(&mut self, tag: &TagPlace) -> u64 {
        let low = tag.timestamp;
        let time = self.0.map_or(u64::from(low), |last| time::nearest(last, low).unwrap_or_default());
        if !tag.kind.is_data() {
            self.0 = Some(time);
        }
        time
    }

    /// The time of a tag somewhere behind, up to 49 days later.
    pub fn far(&self, tag: &TagPlace) -> u64 {
        let Some(time) = self.0 else { return tag.timestamp.into() };
        let step = tag.timestamp.wrapping_sub((time & u64::from(u32::MAX)) as u32);
        let back = step.wrapping_neg();
        if back <= BACK { time.saturating_sub(back.into()) } else { time.saturating_add(step.into()) }
    }
}
