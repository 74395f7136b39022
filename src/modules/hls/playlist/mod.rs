//! A media playlist (RFC 8216): its fragments and its text, which `read.rs` reads back.
//!
//! Comments, which players skip, name the fragments that are retired and not yet removed, and have the attributes for
//! the master playlist. So the playlist is all that a server needs after a crash.

mod entries;
pub mod found;
mod listed;
pub mod master;
pub mod outline;
mod read;

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::media::segment::writer::output_clock::Ends;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::ListKind;
use entries::Entries;
use outline::{MAX_LISTED, MIN_LISTED, Outline, Target};

pub use listed::{Begins, Encryption, Fragment, Retired};
pub use read::{stream_inf, stream_inf_line};

/// The longest playlist that is read back, in bytes.
pub const MAX_TEXT: u64 = 16 << 20;
/// The largest number of a playlist that is continued, 16 digits: one a millisecond would take 300,000 years. There is
/// room up to those that cannot be read back.
const MAX_CONTINUED: u64 = 9_999_999_999_999_999;
/// The beginning of 2024, in seconds since 1970.
const COUNTING_SINCE: u64 = 1_704_067_200;
/// A comment with the numbers of retired fragments.
const RETIRED: &str = "#millstream retired";
/// A comment with the end of the last fragment and of its audio, in ticks.
const TIME: &str = "#millstream time ";
const STREAM_INF: &str = "#millstream stream-inf ";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    kind: ListKind,
    numbers: Numbers,
    fragments: VecDeque<Fragment>,
    entries: Entries,
}

/// The numbers of a playlist that change with each fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    /// EXT-X-MEDIA-SEQUENCE: the number of the first fragment. It never decreases.
    sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE: discontinuities before the first fragment.
    discontinuity_sequence: u64,
    target: Target,
    /// All ids below it have been used.
    next_id: u64,
    /// The end of the last fragment.
    ends: Option<Ends>,
    /// The duration of all listed fragments in milliseconds.
    total: u64,
    /// The number of listed fragments that do not begin with a key frame.
    within: usize,
}

/// The changes by a new fragment, which are undone if it cannot be published.
#[derive(Debug)]
pub struct Pushed {
    before: Numbers,
    /// The fragments that have left the list.
    pub out: Vec<Fragment>,
}

impl Playlist {
    /// An empty playlist for fragments of about `fragment` milliseconds.
    pub fn new(kind: ListKind, fragment: u64) -> Self {
        Self {
            kind,
            numbers: Numbers {
                sequence: 0,
                discontinuity_sequence: 0,
                target: Target::new(fragment),
                next_id: 0,
                ends: None,
                total: 0,
                within: 0,
            },
            fragments: VecDeque::new(),
            entries: Entries::default(),
        }
    }

    /// The same for a stream of which an earlier run may have published fragments that are not known. Its numbers begin
    /// where no run can be by now: at four fragments and one discontinuity a second since 2024. Both are below 2^31
    /// until 2041; some players read them into 32 bits.
    pub fn counting_from(self, wall: SystemTime) -> Self {
        let since =
            wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().saturating_sub(COUNTING_SINCE);
        let first = since.saturating_mul(4);
        let numbers =
            Numbers { sequence: first, next_id: first, discontinuity_sequence: since, ..self.numbers };
        Self { numbers, ..self }
    }

    /// Adds the newest fragment. Returns those that leave the list: all that are not needed to list `length`
    /// milliseconds, three target durations (6.2.2) and three fragments. The first one that is added decides the target
    /// duration: fragments of `expected` milliseconds must fit into it.
    pub fn push(&mut self, mut fragment: Fragment, length: u64, expected: u64) -> Pushed {
        self.entries.forget_out();
        let before = self.numbers;
        fragment.duration = self.numbers.target.take(fragment.duration, expected);
        self.numbers.next_id = fragment.id.saturating_add(1);
        self.list(fragment);
        let mut out = Vec::new();
        while self.kind == ListKind::Live && self.may_slide(length) {
            out.extend(self.slide());
        }
        Pushed { before, out }
    }

    /// Undoes the addition of the newest fragment.
    pub fn undo(&mut self, change: Pushed) {
        self.fragments.pop_back();
        self.numbers = change.before;
        self.entries.undo(change.out.len(), self.fragments.len().saturating_add(change.out.len()));
        change.out.into_iter().rev().for_each(|fragment| self.fragments.push_front(fragment));
    }

    fn list(&mut self, fragment: Fragment) {
        self.numbers.total = self.numbers.total.saturating_add(fragment.duration);
        self.numbers.within += usize::from(fragment.begins == Begins::Within);
        self.fragments.push_back(fragment);
    }

    /// Whether the list is long enough without its first fragment.
    fn may_slide(&self, length: u64) -> bool {
        let first = self.fragments.front().map_or(0, |first| first.duration);
        let is_covered = self.total().saturating_sub(first) >= self.cover(length);
        self.fragments.len() > MAX_LISTED || self.fragments.len() > MIN_LISTED && is_covered
    }

    /// Empties the list, and counts a discontinuity behind the last fragment. The next one may have another target
    /// duration.
    pub fn restart(&mut self) -> Vec<Fragment> {
        let out = std::iter::from_fn(|| self.slide()).collect();
        self.numbers.discontinuity_sequence = self.numbers.discontinuity_sequence.saturating_add(1);
        (self.numbers.target.seconds, self.numbers.ends) = (None, None);
        out
    }

    pub fn ends_at(&mut self, ends: Ends) {
        self.numbers.ends = Some(ends);
    }

    /// What a segmenter needs to know of it. `is_starting`: players could never start.
    pub fn outline(&self, is_starting: bool) -> Outline {
        let (kind, Numbers { target, ends, total, .. }) = (self.kind, self.numbers);
        let first = self.fragments.front().map(|fragment| fragment.id);
        Outline { kind, target, first, listed: self.len(), total, ends, is_starting }
    }

    /// Takes the first fragment out of the list.
    pub fn slide(&mut self) -> Option<Fragment> {
        let fragment = self.fragments.pop_front()?;
        self.entries.slide();
        let numbers = &mut self.numbers;
        numbers.sequence = numbers.sequence.saturating_add(1);
        numbers.discontinuity_sequence =
            numbers.discontinuity_sequence.saturating_add(u64::from(fragment.discontinuity));
        numbers.total = numbers.total.saturating_sub(fragment.duration);
        numbers.within = numbers.within.saturating_sub(usize::from(fragment.begins == Begins::Within));
        Some(fragment)
    }

    /// Sets the sizes of fragments to those of their files. The fragments up to the last one that has no size, or no
    /// bytes (after a power cut), leave the list and are returned.
    pub fn keep_existing(&mut self, mut size: impl FnMut(&Fragment) -> Option<u64>) -> Vec<Fragment> {
        let mut missing = 0;
        for (place, fragment) in self.fragments.iter_mut().enumerate() {
            match size(fragment).filter(|bytes| *bytes > 0) {
                Some(bytes) => fragment.bytes = bytes,
                None => missing = place + 1,
            }
        }
        (0..missing).filter_map(|_| self.slide()).collect()
    }

    /// Marks an id as used, though its fragment was never listed.
    pub fn skip(&mut self, id: u64) {
        self.numbers.next_id = self.numbers.next_id.max(id.saturating_add(1));
    }

    /// Whether its numbers are small enough to count on from them.
    pub fn can_grow(&self) -> bool {
        let Numbers { sequence, discontinuity_sequence, next_id, .. } = self.numbers;
        sequence.max(discontinuity_sequence).max(next_id) <= MAX_CONTINUED
    }

    /// The smallest id that has not been used.
    pub fn next_id(&self) -> u64 {
        self.numbers.next_id
    }

    /// EXT-X-TARGETDURATION in milliseconds; 0 before it is decided.
    pub fn target(&self) -> u64 {
        self.numbers.target.milliseconds()
    }

    /// Oldest first.
    pub fn fragments(&self) -> impl DoubleEndedIterator<Item = Fragment> + Clone {
        self.fragments.iter().copied()
    }

    pub fn len(&self) -> usize {
        self.fragments.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    /// The duration of all listed fragments in milliseconds.
    pub fn total(&self) -> u64 {
        self.numbers.total
    }

    fn cover(&self, length: u64) -> u64 {
        length.max(self.target().saturating_mul(3))
    }
}

/// Whether more fragments will follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    /// EXT-X-ENDLIST.
    Ended,
}

impl Playlist {
    /// The playlist's text, version 3 for its decimal durations (section 7).
    pub fn render(&mut self, naming: &Naming, retired: &[Retired], inf: Option<&str>, end: End) -> String {
        let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
        // Writing into a string cannot fail.
        let _ = self.render_head(&mut text);
        if let Some(inf) = inf {
            let _ = writeln!(text, "{STREAM_INF}{inf}");
        }
        if let Some(Ends { next, audio }) = self.numbers.ends {
            let _ = write!(text, "{TIME}{next}");
            let _ = audio.map_or(Ok(()), |audio| write!(text, " {audio}"));
            text.push('\n');
        }
        if !retired.is_empty() {
            let _ = render_retired(&mut text, retired);
        }
        self.entries.write(naming, &self.fragments, &mut text);
        if end == End::Ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    fn render_head(&self, text: &mut String) -> std::fmt::Result {
        let Numbers { sequence, discontinuity_sequence, target, within, .. } = self.numbers;
        writeln!(text, "#EXT-X-TARGETDURATION:{}", target.seconds.unwrap_or(target.least))?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{sequence}")?;
        if discontinuity_sequence > 0 {
            writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}")?;
        }
        if self.kind == ListKind::Event {
            text.push_str("#EXT-X-PLAYLIST-TYPE:EVENT\n");
        }
        // Not where the publisher's key frames were too far apart.
        if within == 0 {
            text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        Ok(())
    }
}

fn render_retired(text: &mut String, retired: &[Retired]) -> std::fmt::Result {
    text.push_str(RETIRED);
    for Retired { id, key, .. } in retired {
        match key {
            Some(key) => write!(text, " {id}:{key}")?,
            None => write!(text, " {id}")?,
        }
    }
    text.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests;
