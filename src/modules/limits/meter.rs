//! The bitrate of a publisher.

use std::time::{Duration, Instant};

use crate::engine::Endpoint;
use crate::media::Frame;

/// The window over which the bitrate is averaged: a key frame, or what an encoder has gathered while its network
/// was gone, is not more than it may be only because it comes at once.
const WINDOW: Duration = Duration::from_secs(10);

/// The bytes that a publisher has sent in the present window.
#[derive(Debug, Clone, Copy)]
pub struct BitrateMeter {
    pub publisher: Endpoint,
    window_start: Instant,
    /// Media time at the beginning of the window, and the latest since, milliseconds.
    first: u64,
    newest: u64,
    bytes: u64,
    /// Some of it is an earlier publisher's. Each may have its first frames at any time, so media time is believed only
    /// as far as it runs at twice the clock's speed.
    is_inherited: bool,
}

impl BitrateMeter {
    /// One that begins with a frame.
    pub fn new(publisher: Endpoint, frame: &Frame, now: Instant) -> Self {
        Self {
            publisher,
            window_start: now,
            first: frame.timestamp,
            newest: frame.timestamp,
            bytes: 0,
            is_inherited: false,
        }
    }

    /// Counts a frame. True if the publisher has exceeded this bitrate.
    ///
    /// A file that is sent faster than it plays counts by its own time, and who stamps all frames alike by the clock's.
    pub fn exceeds(&mut self, bitrate: u64, frame: &Frame, now: Instant) -> bool {
        if !frame.kind.is_data() {
            self.newest = self.newest.max(frame.timestamp);
        }
        let media = Duration::from_millis(self.newest.saturating_sub(self.first));
        let clock = now.saturating_duration_since(self.window_start);
        let media = if self.is_inherited { media.min(clock * 2) } else { media };
        if media.max(clock) >= WINDOW {
            *self = Self { window_start: now, first: self.newest, bytes: 0, is_inherited: false, ..*self };
        }
        self.bytes += frame.payload().len() as u64;
        self.is_over(bitrate)
    }

    /// The meter of a successor, whose first frame this is: what is used up stays so.
    pub fn inherit(self, publisher: Endpoint, frame: &Frame) -> Self {
        let media = self.newest.saturating_sub(self.first);
        let first = frame.timestamp.saturating_sub(media);
        Self { publisher, first, newest: frame.timestamp, is_inherited: true, ..self }
    }

    /// The rest of the window by the clock, if it has not ended.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        WINDOW.checked_sub(now.saturating_duration_since(self.window_start)).filter(|left| !left.is_zero())
    }

    /// True if more has been sent in the window than this bitrate allows.
    pub fn is_over(&self, bitrate: u64) -> bool {
        u128::from(self.bytes) * 8 > u128::from(bitrate) * u128::from(WINDOW.as_secs())
    }
}
