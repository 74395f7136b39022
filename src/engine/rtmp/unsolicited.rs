//! Unsolicited messages to a publisher: acknowledgements (specification 5.4.3), status messages about its recordings,
//! the request to reconnect. This file decides how long they wait; `send_unsolicited.rs` sends them.
//!
//! They are not sent at once. A client may close its socket as soon as it has written everything, with megabytes
//! still unsent in its kernel. A message that then reaches it, or lies unread in its socket, makes its kernel reset
//! the connection and discard those (RFC 2525, 2.17). So a message waits until the client shows that it waits for
//! one, or that it has nothing unsent:
//! - it has announced a window, and has been silent for as long as that window takes at 1 Gbit/s;
//! - it sends at the pace of its media, and is silent between two messages;
//! - it has been silent for a second;
//! - it gets a reply to a command.
//!
//! nginx-rtmp acknowledges at once what comes from clients that have announced a window, and nothing of others.

use std::time::{Duration, Instant};

/// The longest silence that is asked of a client with a window, and the part of it for each byte of the window (1
/// Gbit/s).
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

const PAUSE_PER_BYTE: Duration = Duration::from_nanos(8);

/// The silence of a client without a window. Such clients are not known to wait for acknowledgements.
const LONG_SILENCE: Duration = Duration::from_secs(1);

/// The silence between two messages of a client that sends at the pace of its media.
const GAP: Duration = Duration::from_millis(10);

/// The time over which the pace is measured.
const WATCHED: Duration = Duration::from_secs(1);

/// Bytes of status messages that may wait. One has some 200 bytes, and seldom more than one waits.
const MAX_STATUS_BYTES: usize = 4096;

/// The unsolicited messages that wait for a client.
#[derive(Debug, Default)]
pub(in crate::engine) struct Unsolicited {
    /// Messages, without the acknowledgement, which the protocol knows of.
    statuses: Vec<u8>,
    pace: ClientPace,
}

/// The pace of a client's media, measured while a message waits for it.
#[derive(Debug, Default)]
struct ClientPace {
    /// When the measurement began, and the media time then, in milliseconds.
    since: Option<(Instant, u64)>,
    /// Whether media time has lately advanced like the clock.
    is_paced: bool,
}

impl ClientPace {
    fn observe(&mut self, media: u64, now: Instant) {
        let (since, first) = *self.since.get_or_insert((now, media));
        let (passed, advance) = (now - since, Duration::from_millis(media.saturating_sub(first)));
        if passed >= WATCHED {
            self.is_paced = advance.abs_diff(passed) <= passed / 5;
            self.since = Some((now, media));
        }
    }
}

impl Unsolicited {
    /// Takes the waiting status messages.
    pub fn take(&mut self) -> Vec<u8> {
        self.pace = ClientPace::default();
        std::mem::take(&mut self.statuses)
    }

    /// Whether status messages wait.
    pub fn has_statuses(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// Adds a status message; false if there is no room for another.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(&mut self.statuses);
        self.statuses.len() <= MAX_STATUS_BYTES
    }

    /// Measures the pace of the client by its media time, in milliseconds.
    pub fn observe(&mut self, media: u64, now: Instant) {
        self.pace.observe(media, now);
    }

    /// How long the client must have been silent, by the window that it has announced and by whether it is between two
    /// messages.
    pub fn silence(&self, window: Option<u32>, is_between: bool) -> Duration {
        let silence = window.map_or(LONG_SILENCE, |window| LONGEST_PAUSE.min(PAUSE_PER_BYTE * window));
        if self.pace.is_paced && is_between { silence.min(GAP) } else { silence }
    }
}
