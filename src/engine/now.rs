//! The time, which is a parameter everywhere.
//!
//! Only `net` reads the clocks: once a turn for what the engine does, and again between steps for its own budget. The
//! engine never reads one, so tests run in virtual time.

use std::time::{Instant, SystemTime};

/// The time as net has read it for the current turn or step.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines and durations.
    pub instant: Instant,
    /// For dates and file names.
    pub wall: SystemTime,
}
