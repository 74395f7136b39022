//! A media playlist with a sliding window (RFC 8216): what it lists, its text, and reading back the
//! text that an earlier run of the server left.
//!
//! EXT-X-INDEPENDENT-SEGMENTS is not written: it would be allowed in any version, but a fragment that
//! was cut at `hls_max_fragment` does not start with a key frame.

use std::collections::VecDeque;
use std::fmt::Write;

use super::naming::Naming;

/// The longest playlist that is read back, in bytes.
pub const MAX_TEXT: u64 = 1 << 20;
/// The most fragments that are listed, however short they are.
pub const MAX_LISTED: usize = 1024;
/// The fewest fragments that are listed once there are as many.
const MIN_LISTED: usize = 3;
/// The longest EXTINF that is read back, in milliseconds.
const MAX_DURATION: u64 = 24 * 3600 * 1000;
/// The largest sequence number that is read back.
const MAX_SEQUENCE: u64 = 9_999_999_999_999_999;

/// One listed fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The number in its name.
    pub id: u64,
    /// Its EXTINF in milliseconds.
    pub duration: u64,
    /// Whether its times or codecs do not follow from the one before.
    pub discontinuity: bool,
}

/// What a playlist says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playlist {
    /// EXT-X-MEDIA-SEQUENCE: the number of the first fragment. Never goes back.
    sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE: discontinuities that have slid out.
    discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION in seconds: no rounded duration is above it. Never shrinks.
    target: u64,
    fragments: VecDeque<Fragment>,
}

impl Playlist {
    /// An empty playlist for fragments of about `fragment` milliseconds.
    pub fn new(fragment: u64) -> Self {
        let target = fragment.div_ceil(1000).max(1);
        Self { sequence: 0, discontinuity_sequence: 0, target, fragments: VecDeque::new() }
    }

    /// Adds the newest fragment and returns those that slide out: all that are not needed to cover
    /// `length` milliseconds, nor three target durations (6.2.2), nor to list three.
    pub fn push(&mut self, fragment: Fragment, length: u64) -> Vec<Fragment> {
        self.fragments.push_back(fragment);
        self.target = self.target.max(rounded(fragment.duration));
        let cover = length.max(self.target.saturating_mul(3000));
        let mut total = self.total();
        let mut out = Vec::new();
        while let Some(&first) = self.fragments.front() {
            total = total.saturating_sub(first.duration);
            if self.fragments.len() <= MAX_LISTED && (self.fragments.len() <= MIN_LISTED || total < cover) {
                break;
            }
            out.extend(self.slide());
        }
        out
    }

    /// Lets all fragments slide out, and counts a discontinuity behind the last: what comes next has
    /// nothing to do with them.
    pub fn restart(&mut self, fragment: u64) -> Vec<Fragment> {
        let next = self.next_id();
        let out = std::iter::from_fn(|| self.slide()).collect();
        self.sequence = next;
        self.discontinuity_sequence = self.discontinuity_sequence.saturating_add(1);
        self.target = Self::new(fragment).target;
        out
    }

    /// Removes the first fragments up to the last one for which `exists` says no.
    pub fn keep_existing(&mut self, exists: impl Fn(u64) -> bool) {
        let missing = self.fragments.iter().rposition(|fragment| !exists(fragment.id));
        for _ in 0..missing.map_or(0, |place| place + 1) {
            self.slide();
        }
    }

    /// A number that no fragment of this playlist has had.
    pub fn next_id(&self) -> u64 {
        let listed = u64::try_from(self.fragments.len()).unwrap_or(u64::MAX);
        let by_sequence = self.sequence.saturating_add(listed);
        self.fragments.back().map_or(by_sequence, |last| by_sequence.max(last.id.saturating_add(1)))
    }

    /// The number of the first listed fragment.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The listed fragments, oldest first.
    pub fn fragments(&self) -> impl Iterator<Item = Fragment> {
        self.fragments.iter().copied()
    }

    /// True if no fragment is listed.
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    /// Milliseconds that are listed.
    pub fn total(&self) -> u64 {
        self.fragments.iter().fold(0, |total, fragment| total.saturating_add(fragment.duration))
    }

    fn slide(&mut self) -> Option<Fragment> {
        let fragment = self.fragments.pop_front()?;
        self.sequence = self.sequence.saturating_add(1);
        self.discontinuity_sequence =
            self.discontinuity_sequence.saturating_add(u64::from(fragment.discontinuity));
        Some(fragment)
    }
}

/// Whether more fragments will follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The stream is live.
    Open,
    /// No more: EXT-X-ENDLIST.
    Ended,
}

/// EXTINF as 4.3.3.1 compares it with the target: whole seconds, to the nearest.
fn rounded(duration: u64) -> u64 {
    duration.saturating_add(500) / 1000
}

impl Playlist {
    /// The playlist's text, version 3 for its decimal durations (section 7).
    pub fn render(&self, naming: &Naming, end: End) -> String {
        let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
        self.render_head(&mut text);
        for fragment in &self.fragments {
            if fragment.discontinuity {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let (seconds, millis) = (fragment.duration / 1000, fragment.duration % 1000);
            // Writing into a string cannot fail.
            let _ = writeln!(text, "#EXTINF:{seconds}.{millis:03},\n{}", naming.uri(fragment.id));
        }
        if end == End::Ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    fn render_head(&self, text: &mut String) {
        let _ = writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", self.sequence);
        if self.discontinuity_sequence > 0 {
            let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence);
        }
        let _ = writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target);
    }

    /// Reads back what [`render`](Self::render) wrote, or nginx-rtmp without keys. Anything that this
    /// server would not have written, a URI that is not of this stream first of all, makes it `None`.
    /// The target is that of the fragments listed, so a longer one of the past is forgotten.
    pub fn parse(text: &str, naming: &Naming, fragment: u64) -> Option<Self> {
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some("#EXTM3U") {
            return None;
        }
        let mut playlist = Self::new(fragment);
        let (mut duration, mut discontinuity) = (None, false);
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once(':').unwrap_or((line, "")) {
                ("#EXT-X-MEDIA-SEQUENCE", value) => playlist.sequence = parse_sequence(value)?,
                ("#EXT-X-DISCONTINUITY-SEQUENCE", value) => {
                    playlist.discontinuity_sequence = parse_sequence(value)?;
                }
                ("#EXT-X-DISCONTINUITY", _) => discontinuity = true,
                ("#EXTINF", value) => duration = Some(parse_duration(value)?),
                ("#EXT-X-KEY", _) => return None,
                (tag, _) if tag.starts_with('#') => {}
                _ => {
                    let id = naming.parse_uri(line)?;
                    playlist.read_back(Fragment { id, duration: duration.take()?, discontinuity })?;
                    discontinuity = false;
                }
            }
        }
        Some(playlist)
    }

    fn read_back(&mut self, fragment: Fragment) -> Option<()> {
        let rising = self.fragments.back().is_none_or(|last| last.id < fragment.id);
        if !rising || self.fragments.len() >= MAX_LISTED {
            return None;
        }
        self.target = self.target.max(rounded(fragment.duration));
        self.fragments.push_back(fragment);
        Some(())
    }
}

fn parse_sequence(value: &str) -> Option<u64> {
    value.parse().ok().filter(|&number| number <= MAX_SEQUENCE)
}

/// Seconds with at most three decimals and a comma behind, in milliseconds.
fn parse_duration(value: &str) -> Option<u64> {
    let (seconds, decimals) = value.split_once(',')?.0.split_once('.')?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() != 3 || !all_digits(seconds) || !all_digits(decimals) {
        return None;
    }
    let (seconds, millis): (u64, u64) = (seconds.parse().ok()?, decimals.parse().ok()?);
    seconds.checked_mul(1000)?.checked_add(millis).filter(|&duration| duration <= MAX_DURATION)
}

#[cfg(test)]
mod tests;
