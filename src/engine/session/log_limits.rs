//! Limits for log lines about misdirected clients: to a port of another protocol, or to a path that does not exist.
//!
//! Whoever floods the server with such requests must not flood the log: one line of each kind a second, one line a minute
//! for a path, and for an address with the reason why its handshake has failed. Lines that are left out are counted, and the next one tells how many. `misdirected.rs` writes the
//! lines.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The shortest time between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest time between two lines for one subject: players request a playlist again and again until it exists, and
/// encoders connect again and again.
const SUBJECT_PAUSE: Duration = Duration::from_secs(60);
/// The most subjects that are remembered.
const MAX_SUBJECTS: usize = 64;
/// The most characters of a subject that are.
const MAX_SUBJECT: usize = 400;
/// The most characters of a path, and of a method, in a line.
pub(in crate::engine) const MAX_PATH: usize = 200;
pub(in crate::engine) const MAX_METHOD: usize = 16;

/// The limits of each kind of lines.
#[derive(Debug, Default)]
pub(in crate::engine) struct LogLimits {
    pub(in crate::engine) wrong_port: LineLimit,
    pub(in crate::engine) proxy_header: LineLimit,
    /// By address and reason.
    pub(in crate::engine) handshake: SubjectLimit,
    /// By path.
    pub(in crate::engine) not_found: SubjectLimit,
}

/// At most one line a second, with a count of those that were left out.
#[derive(Debug, Default)]
pub(in crate::engine) struct LineLimit {
    written: Option<Instant>,
    left_out: u64,
}

/// At most one line a minute for each subject, such as a path that was not found.
#[derive(Debug, Default)]
pub(in crate::engine) struct SubjectLimit {
    lines: LineLimit,
    /// The subjects that were logged lately, and when; the oldest first.
    named: VecDeque<(Instant, String)>,
}

/// The protocol of a client at a port of another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum DetectedProtocol {
    Rtmp,
    Http,
    Tls,
}

impl LineLimit {
    /// If a line may be written now: the words that tell how many were left out before it.
    pub(in crate::engine) fn admit(&mut self, now: Instant) -> Option<String> {
        if self.written.is_some_and(|at| now < at + PAUSE) {
            self.left_out += 1;
            return None;
        }
        self.written = Some(now);
        Some(match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            1 => " (and one more since the last line like this)".to_owned(),
            count => format!(" (and {count} more since the last line like this)"),
        })
    }
}

impl SubjectLimit {
    /// The same for a subject.
    pub(in crate::engine) fn admit(&mut self, subject: &str, now: Instant) -> Option<String> {
        while self.named.front().is_some_and(|(at, _)| now >= *at + SUBJECT_PAUSE) {
            self.named.pop_front();
        }
        let subject: String = subject.chars().take(MAX_SUBJECT).collect();
        if self.named.iter().any(|(_, named)| *named == subject) {
            self.lines.left_out += 1;
            return None;
        }
        let others = self.lines.admit(now)?;
        if self.named.len() == MAX_SUBJECTS {
            self.named.pop_front();
        }
        self.named.push_back((now, subject));
        Some(others)
    }
}

/// A text from a client for a log line: escaped, and cut after `most` characters.
pub(in crate::engine) fn shortened(text: &str, most: usize) -> String {
    let mut start: String = text.chars().take(most).flat_map(char::escape_debug).collect();
    if text.chars().nth(most).is_some() {
        start.push_str("...");
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_line_a_second_is_written_and_the_others_are_counted() {
        let (mut lines, now) = (LineLimit::default(), Instant::now());
        assert_eq!(lines.admit(now).as_deref(), Some(""));
        assert!((0..1000).all(|_| lines.admit(now + PAUSE - Duration::from_nanos(1)).is_none()));
        let more = " (and 1000 more since the last line like this)";
        assert_eq!(lines.admit(now + PAUSE).as_deref(), Some(more));
        assert_eq!(lines.admit(now + PAUSE * 2).as_deref(), Some(""));
    }

    #[test]
    fn a_path_that_is_requested_again_and_again_is_logged_once_a_minute() {
        let (mut found, now) = (SubjectLimit::default(), Instant::now());
        assert_eq!(found.admit("/hls/cam.m3u8", now).as_deref(), Some(""));
        assert!((0..59).all(|second| found.admit("/hls/cam.m3u8", now + seconds(second)).is_none()));
        let more = " (and 59 more since the last line like this)";
        assert_eq!(found.admit("/favicon.ico", now + seconds(59)).as_deref(), Some(more));
        assert_eq!(found.admit("/hls/cam.m3u8", now + seconds(60)).as_deref(), Some(""));
    }

    #[test]
    fn the_paths_of_a_scanner_take_bounded_memory() {
        let (mut found, now) = (SubjectLimit::default(), Instant::now());
        let lines = (0..1000).filter(|n| found.admit(&n.to_string(), now + PAUSE / 100 * *n).is_some());
        assert_eq!(lines.count(), 10);
        for count in 0..59 {
            found.admit(&format!("a{count}"), now + seconds(20 + count));
        }
        assert!(found.named.len() <= MAX_SUBJECTS, "{}", found.named.len());
    }

    #[test]
    fn a_clients_text_is_escaped_and_cut() {
        assert_eq!(shortened("/a\n\u{1b}[0m", 20), "/a\\n\\u{1b}[0m");
        assert_eq!(shortened(&"é".repeat(201), 200), format!("{}...", "é".repeat(200)));
    }
}
