//! Cuts what a command writes into lines.
//!
//! A line is what a terminal would show in the end: of a line that was written over (`\r`), as ffmpeg does with its
//! progress, only the last version is kept.

/// The most bytes of a line that are kept.
const MAX_LINE: usize = 1024;
/// Stands for the rest of a longer line.
const CUT: &str = "...";

/// The line that has not ended yet.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    is_cut: bool,
    /// The last byte was `\r`: what comes is written over the line, unless it is the line's end.
    returns: bool,
}

impl Lines {
    /// Takes bytes, and gives each line that has ended to `take`.
    pub fn add(&mut self, mut bytes: &[u8], mut take: impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (part, rest) = bytes.split_at(end);
            self.keep(part);
            match rest.first() {
                Some(b'\n') => self.end(&mut take),
                // `\r` before `\r` changes nothing.
                _ => self.returns = true,
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.keep(bytes);
    }

    /// Gives what is left, which has no end, to `take`.
    pub fn finish(&mut self, mut take: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end(&mut take);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if part.is_empty() {
            return;
        }
        if std::mem::take(&mut self.returns) {
            self.line.clear();
            self.is_cut = false;
        }
        let room = MAX_LINE - self.line.len();
        self.is_cut |= part.len() > room;
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn end(&mut self, take: &mut impl FnMut(&str)) {
        self.returns = false;
        let is_cut = std::mem::take(&mut self.is_cut);
        // A character that the cut has divided.
        let whole = match std::str::from_utf8(&self.line) {
            Err(error) if is_cut && error.error_len().is_none() => error.valid_up_to(),
            _ => self.line.len(),
        };
        self.line.truncate(whole);
        let text = String::from_utf8_lossy(&self.line);
        if is_cut {
            take(&format!("{text}{CUT}"));
        } else if !text.trim().is_empty() {
            take(&text);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of an output that comes in parts of this size.
    fn lines(output: &[u8], part: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        output.chunks(part).for_each(|part| lines.add(part, |line| found.push(line.to_owned())));
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let output = b"one\n\n  \ntwo\r\nframe=1\rframe=2\rframe=3\r\r\nthree\rfour \xe4\xff\nlast";
        for part in 1..=output.len() {
            let expected = ["one", "two", "frame=3", "four \u{fffd}\u{fffd}", "last"];
            assert_eq!(lines(output, part), expected, "parts of {part}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_what_was_written_over_it_is_not() {
        let long = "\u{e4}".repeat(MAX_LINE);
        for part in [1, 7, 4096] {
            let cut = format!("{}...", "\u{e4}".repeat(MAX_LINE / 2));
            assert_eq!(lines(format!("{long}\nb\n").as_bytes(), part), [cut.as_str(), "b"]);
            assert_eq!(lines(format!("{long}\rshort\n").as_bytes(), part), ["short"]);
            let odd = format!("a{long}\n");
            assert_eq!(lines(odd.as_bytes(), part), [format!("a{}...", "\u{e4}".repeat((MAX_LINE - 2) / 2))]);
        }
    }
}
