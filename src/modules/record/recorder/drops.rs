//! What is logged of frames that a recording has dropped, as too much waited to be written.

use std::time::{Duration, Instant};

use crate::engine::QueueFull;
use crate::modules::record::output::Output;

/// The time after which it is logged again.
const REPEAT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct DropLog {
    /// When it was last logged that frames are dropped, and how many were.
    begun: Option<Instant>,
    counted: Option<Instant>,
}

impl DropLog {
    /// Logs when frames begin to be dropped, and how many were when that is over.
    pub fn log(&mut self, output: &mut Output, label: &str, now: Instant) {
        if !output.is_full_of_tags() {
            self.log_count(output, label, now);
        } else if is_due(self.begun, now) {
            self.begun = Some(now);
            log::warn!("{label}: frames are dropped from the recording: {QueueFull}");
        }
    }

    /// Logs how many frames have been dropped since this was last logged.
    pub fn log_count(&mut self, output: &mut Output, label: &str, now: Instant) {
        if output.dropped == 0 || !is_due(self.counted, now) {
            return;
        }
        self.counted = Some(now);
        let dropped = std::mem::take(&mut output.dropped);
        log::warn!("{label}: {dropped} frames were dropped from the recording: {QueueFull}");
    }
}

fn is_due(logged: Option<Instant>, now: Instant) -> bool {
    logged.is_none_or(|at| now >= at + REPEAT)
}
