//! The outline of a playlist: what a segmenter needs to know of it, and how a fragment changes that.

use std::time::Duration;

use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::settings::ListKind;

/// The most fragments that a playlist lists: a day of 5 s each. Each one writes the whole text anew.
pub const MAX_LISTED: usize = 17_280;
/// The fewest fragments that are listed once there are as many.
pub const MIN_LISTED: usize = 3;
/// The most by which later fragments may be longer than expected, in milliseconds, before they are cut short.
const MARGIN: u64 = 100;
/// The most by which a fragment may be longer than its EXTINF, in milliseconds: one of few frames ends where its next
/// frame comes. Beyond that the target duration becomes longer.
const TOLERANCE: u64 = 500;

/// The outline of a playlist. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    pub kind: ListKind,
    pub target: Target,
    /// The number in the name of the first fragment that is listed.
    pub first: Option<u64>,
    /// The number of listed fragments.
    pub listed: usize,
    /// Their duration.
    pub total: u64,
    /// The end of the last one, if it is known.
    pub ends: Option<Ends>,
    /// Whether the playlist has never been long enough for players to start. Fragments are short until then, and never
    /// again: Chromium's own player, with more than 10 s ahead, looks for new fragments up to 8 s later, takes the last
    /// three, and would miss some that came faster.
    pub is_starting: bool,
}

impl Outline {
    /// Adds the newest fragment, as the playlist will. None is taken out, so too many are counted later on; that
    /// decides nothing, as there are enough then.
    pub fn add(&mut self, duration: u64, expected: u64, ends: Ends) {
        self.total = self.total.saturating_add(self.target.take(duration, expected));
        self.listed = self.listed.saturating_add(1);
        self.ends = Some(ends);
        self.is_starting &= !self.can_start();
    }

    /// Whether every player can start: Chromium's own needs three fragments, and hls.js, which begins with all there
    /// are, one target duration of them until the next one comes.
    pub fn can_start(&self) -> bool {
        self.listed >= MIN_LISTED && self.total >= self.target.milliseconds()
    }

    /// EXT-X-TARGETDURATION.
    pub fn target_duration(&self) -> Duration {
        Duration::from_secs(self.target.seconds.unwrap_or(self.target.least))
    }

    pub fn is_empty(&self) -> bool {
        self.listed == 0
    }

    /// Whether no more fragments can be listed: those of an event never leave.
    pub fn is_full(&self) -> bool {
        self.kind == ListKind::Event && self.listed >= MAX_LISTED
    }
}

/// EXT-X-TARGETDURATION, which the first fragment decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The least, in seconds.
    pub least: u64,
    /// In seconds, once it has been published. No rounded duration is above it.
    pub seconds: Option<u64>,
}

impl Target {
    /// For fragments of about so many milliseconds.
    pub fn new(fragment: u64) -> Self {
        Self { least: fragment.div_ceil(1000).max(1), seconds: None }
    }

    /// Takes in the newest fragment, and returns its EXTINF. If it is the first, others of `expected` milliseconds must
    /// fit, too.
    pub fn take(&mut self, mut duration: u64, expected: u64) -> u64 {
        let expected = rounded(expected.max(duration).saturating_add(MARGIN));
        let seconds = *self.seconds.get_or_insert(self.least.max(expected));
        if self.fits(duration) {
            duration = duration.min(longest(seconds));
        }
        self.seconds = Some(seconds.max(rounded(duration)));
        duration
    }

    /// The longest duration of the next fragment, in milliseconds, once the target duration has been published.
    pub fn longest(&self) -> Option<u64> {
        self.seconds.map(longest)
    }

    /// Whether a fragment of this duration, in milliseconds, fits.
    pub fn fits(&self, duration: u64) -> bool {
        self.longest().is_none_or(|longest| duration <= longest.saturating_add(TOLERANCE))
    }

    /// 0 before it is decided.
    pub fn milliseconds(&self) -> u64 {
        self.seconds.unwrap_or_default().saturating_mul(1000)
    }
}

/// The duration that is compared with the target (4.3.3.1): to the nearest second.
pub fn rounded(duration: u64) -> u64 {
    duration.saturating_add(500) / 1000
}

/// The longest duration that is rounded to a target.
fn longest(target: u64) -> u64 {
    target.saturating_mul(1000).saturating_add(499)
}
