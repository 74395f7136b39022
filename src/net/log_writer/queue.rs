//! Lines that wait to be written to the log, up to a limit in bytes. Lines beyond it are dropped and counted.

use std::mem;

use log::Level;

use super::output::Format;

/// Bytes that wait or are being written.
pub const MAX_BYTES: usize = 256 * 1024;
/// Bytes that the line with the count takes at most.
const NOTICE: usize = 256;
/// A larger buffer is not kept for the next lines.
const MAX_KEPT: usize = 16 * 1024;

/// The queue. Whoever writes takes all that waits, and says when it has been written.
#[derive(Debug)]
pub struct LineQueue {
    waiting: Vec<u8>,
    being_written: usize,
    dropped: u64,
    format: Format,
}

impl LineQueue {
    /// `format` makes the line that says how many lines have been dropped.
    pub fn new(format: Format) -> Self {
        Self { waiting: Vec::new(), being_written: 0, dropped: 0, format }
    }

    /// Adds a line, or drops and counts it. The count comes before the next line that there is room for.
    pub fn push(&mut self, line: &str) {
        let notice = if self.dropped > 0 { NOTICE } else { 0 };
        if self.waiting.len() + self.being_written + notice + line.len() > MAX_BYTES {
            self.dropped += 1;
            return;
        }
        self.tell_dropped();
        self.waiting.extend_from_slice(line.as_bytes());
    }

    /// Moves all that waits into a buffer, in place of what was in it; false if there is nothing.
    pub fn take(&mut self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        if buffer.capacity() > MAX_KEPT {
            *buffer = Vec::new();
        }
        if self.waiting.is_empty() {
            self.tell_dropped();
        }
        mem::swap(&mut self.waiting, buffer);
        self.being_written = buffer.len();
        !buffer.is_empty()
    }

    /// To be called when what was taken has been written.
    pub fn written(&mut self) {
        self.being_written = 0;
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }

    /// True if nothing waits and all that was taken has been written.
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.being_written == 0
    }

    fn tell_dropped(&mut self) {
        if self.dropped > 0 {
            let dropped = mem::take(&mut self.dropped);
            let line = self
                .format
                .line(Level::Error, &format_args!("{dropped} lines dropped: the log cannot keep up"));
            self.waiting.extend_from_slice(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> LineQueue {
        LineQueue::new(Format::new(|_, text| format!("{text}\n")))
    }

    fn text(buffer: &[u8]) -> &str {
        std::str::from_utf8(buffer).unwrap()
    }

    #[test]
    fn lines_come_out_in_order_and_at_once() {
        let (mut queue, mut buffer) = (queue(), Vec::new());
        assert!(queue.is_idle() && !queue.take(&mut buffer));
        queue.push("a\n");
        queue.push("b\n");
        assert!(!queue.is_empty() && queue.take(&mut buffer));
        assert_eq!(text(&buffer), "a\nb\n");
        assert!(queue.is_empty() && !queue.is_idle());
        queue.written();
        assert!(queue.is_idle());
    }

    #[test]
    fn lines_that_wait_or_are_being_written_are_bounded_and_the_rest_is_counted() {
        let (mut queue, mut buffer) = (queue(), Vec::new());
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..128 {
            queue.push(&line);
        }
        assert!(queue.take(&mut buffer));
        for _ in 0..200 {
            queue.push(&line);
        }
        assert_eq!(queue.waiting.len(), 128 * 1024);
        queue.written();
        queue.push("next\n");
        let mut rest = Vec::new();
        assert!(queue.take(&mut rest));
        assert!(text(&rest).ends_with("x\n72 lines dropped: the log cannot keep up\nnext\n"));
    }

    #[test]
    fn the_count_comes_even_if_no_line_does() {
        let (mut queue, mut buffer) = (queue(), Vec::new());
        queue.push(&"x".repeat(MAX_BYTES + 1));
        assert!(!queue.is_empty() && queue.take(&mut buffer));
        assert_eq!(text(&buffer), "1 lines dropped: the log cannot keep up\n");
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        let (mut queue, mut buffer) = (queue(), Vec::with_capacity(MAX_BYTES));
        queue.take(&mut buffer);
        queue.push("a\n");
        queue.take(&mut buffer);
        assert!(buffer.capacity() + queue.waiting.capacity() < MAX_KEPT);
    }
}
