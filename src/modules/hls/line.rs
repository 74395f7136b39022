//! The times that are written into fragments: one line without a gap, whatever interrupts the stream.

use std::mem;

/// Times are written modulo this.
const TURN: u64 = 1 << 33;
/// A multiple of that. Sound that is a little before the beginning must not be before 0.
const FAR_FROM_ZERO: u64 = 1 << 40;

/// From a stream's times to those in its fragments, both in ticks.
///
/// Behind EXT-X-DISCONTINUITY any time would do (RFC 8216 4.3.2.3). But Chromium's own player stops where times
/// go back, and waits where they leave a gap; so they go on from the end of what was published last, over
/// pauses, other publishers and restarts of the server.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// What is added, modulo 2^64.
    shift: u64,
    /// Where the last fragment ended, as written.
    end: Option<u64>,
    /// Whether the next fragment does not follow from the last by itself.
    is_broken: bool,
}

impl Line {
    /// A line that goes on from where another one ended, if there was one.
    pub fn going_on(end: Option<u64>) -> Self {
        Self { shift: 0, end: end.map(|end| end % TURN + FAR_FROM_ZERO), is_broken: true }
    }

    /// A time as it is written.
    pub fn written(&self, time: u64) -> u64 {
        time.wrapping_add(self.shift)
    }

    /// What comes next does not follow from what came before.
    pub fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// A fragment begins at that time.
    pub fn begin(&mut self, start: u64) {
        if mem::take(&mut self.is_broken)
            && let Some(end) = self.end
        {
            self.shift = end.wrapping_sub(start);
        }
    }

    /// A fragment that is published ends at that time. Returns it as written.
    pub fn end(&mut self, end: u64) -> u64 {
        let end = self.written(end);
        self.end = Some(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_over_breaks_and_only_there() {
        let mut line = Line::going_on(None);
        line.begin(1000);
        assert_eq!((line.written(1000), line.end(3000)), (1000, 3000));
        line.begin(3500);
        assert_eq!((line.written(3500), line.end(4000)), (3500, 4000));
        for start in [9_000_000, 0] {
            let end = line.written(0).wrapping_add(if start == 0 { 9_000_500 } else { 4000 });
            line.break_off();
            line.begin(start);
            assert_eq!(line.written(start), end);
            line.end(start + 500);
        }
        let mut next = Line::going_on(Some(line.end(700)));
        next.begin(1 << 40);
        assert_eq!(next.written((1 << 40) + 7) % TURN, line.written(707) % TURN);
        let mut next = Line::going_on(Some(u64::MAX));
        next.begin(100);
        assert_eq!(next.written(90) % TURN, TURN - 11);
    }
}
