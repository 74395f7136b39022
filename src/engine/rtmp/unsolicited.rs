//! What a publisher is sent without having asked for it: acknowledgements (specification 5.4.3), what becomes of its
//! recordings, the request to connect anew.
//!
//! Not at once. A client may close its socket as soon as it has written all, with megabytes of it still under way in its
//! kernel. What reaches it after that, or lies unread in it, makes its kernel reset the connection and throw those away
//! (RFC 2525, 2.17). So this waits until the client shows that it waits for it, or that it has nothing under way:
//!
//! - it has announced a window, and has been silent for as long as that window takes at 1 Gbit/s;
//! - it sends at the pace of its media, and is silent between two messages;
//! - it has been silent for a second;
//! - it is answered something that it has asked for.
//!
//! nginx-rtmp acknowledges at once what comes from clients that have announced a window, and nothing of others.

use std::time::{Duration, Instant};

/// The silence of a client that has announced a window, at most, and for each byte of the window: at 1 Gbit/s.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

const PAUSE_PER_BYTE: Duration = Duration::from_nanos(8);

/// The silence of one that has announced none. Such clients are not known to wait for acknowledgements.
const LONG_SILENCE: Duration = Duration::from_secs(1);

/// The silence between two messages of one that sends at the pace of its media.
const GAP: Duration = Duration::from_millis(10);

/// For how long its pace is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// Bytes of notices that wait. There are some 200 in one, and seldom more than one waits.
const MAX_NOTICES: usize = 4096;

/// What a client is to be sent without having asked for it.
#[derive(Debug, Default)]
pub(in crate::engine) struct Unsolicited {
    /// Messages; whether an acknowledgement is owed is in the protocol.
    notices: Vec<u8>,
    pace: ClientPace,
}

/// The pace of a client, while something waits for it.
#[derive(Debug, Default)]
struct ClientPace {
    /// Since when it is watched, and its media time then, milliseconds.
    since: Option<(Instant, u64)>,
    /// Whether media time has gone on like the clock lately.
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
    /// Takes the notices that wait.
    pub fn take(&mut self) -> Vec<u8> {
        self.pace = ClientPace::default();
        std::mem::take(&mut self.notices)
    }

    /// Whether there are notices.
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Adds a notice. Whether there is room for more.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        write(&mut self.notices);
        self.notices.len() <= MAX_NOTICES
    }

    /// Watches the pace of the client: its media time, milliseconds.
    pub fn observe(&mut self, media: u64, now: Instant) {
        self.pace.observe(media, now);
    }

    /// How long a client must have been silent: one that has announced this window, or none; and whether it is between two
    /// messages.
    pub fn silence(&self, window: Option<u32>, is_between: bool) -> Duration {
        let silence = window.map_or(LONG_SILENCE, |window| LONGEST_PAUSE.min(PAUSE_PER_BYTE * window));
        if self.pace.is_paced && is_between { silence.min(GAP) } else { silence }
    }
}
