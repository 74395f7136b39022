//! The time, which is a parameter everywhere. Only `net` reads the clocks.

use std::time::{Instant, SystemTime};

/// The time as net has read it for the current turn or step.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines and durations.
    pub instant: Instant,
    /// For dates and file names.
    pub wall: SystemTime,
}
