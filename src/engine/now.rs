//! The time. Only `net` reads the clocks.

use std::time::{Instant, SystemTime};

/// The time, as whoever polls the sockets read it for this turn.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines and durations.
    pub instant: Instant,
    /// For dates and file names.
    pub wall: SystemTime,
}
