//! Tables for a terminal: columns of texts and of numbers, and numbers as people read them.

use std::fmt::Write;

use millstream::engine::access_logs::escape::is_hidden;
use millstream::engine::direction::keep_left_to_right;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// To the left.
    Text(String),
    /// To the right.
    Number(String),
}

/// A table with its headings.
#[derive(Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// Blanks between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table without rows.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The text, or another one if there are no rows.
    pub fn text(&self, without_rows: &str) -> String {
        if self.rows.is_empty() {
            return format!("{without_rows}\n");
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(Cell::width);
            cells.chain(self.headings.get(column).map(|heading| heading.len())).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let is_number = |column: usize| {
            self.rows
                .first()
                .and_then(|row| row.get(column))
                .is_some_and(|cell| matches!(cell, Cell::Number(_)))
        };
        let mut text = String::new();
        let headings = self.headings.iter().enumerate().map(|(column, heading)| match is_number(column) {
            true => Cell::Number((*heading).to_owned()),
            false => Cell::Text((*heading).to_owned()),
        });
        push_line(&mut text, &headings.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            push_line(&mut text, row, &widths);
        }
        text
    }
}

fn push_line(text: &mut String, cells: &[Cell], widths: &[usize]) {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line.push_str(if column > 0 { GAP } else { "" });
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        match cell {
            Cell::Text(word) => line.extend([word, blanks.as_str()]),
            Cell::Number(number) => line.extend([&blanks, number.as_str()]),
        }
    }
    // A name that is read from right to left leaves the columns behind it where they are.
    text.push_str(&keep_left_to_right(line.trim_end()));
    text.push('\n');
}

impl Cell {
    /// A number.
    pub fn number(number: u64) -> Self {
        Self::Number(number.to_string())
    }

    fn width(&self) -> usize {
        let (Self::Text(text) | Self::Number(text)) = self;
        text.chars().map(columns).sum()
    }
}

/// A text without characters that a terminal obeys, or that nobody sees: marks of direction turn what follows around, and
/// a name with a zero-width space is not the name that it looks like.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = match character {
            _ if character.is_control() => write!(plain, "{}", character.escape_debug()),
            _ if is_hidden(character) => write!(plain, "{}", character.escape_unicode()),
            _ => plain.write_char(character),
        };
    }
    plain
}

/// The columns of a character: two for those of East Asia and for emoji, about as terminals have it.
fn columns(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200c..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// A time in its two largest units: "3d4h", "2h05m", "3m12s", "45s".
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m{:02}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}

/// Bits a second: "870 kbit/s", "2.5 Mbit/s".
pub fn bit_rate(bits: u64) -> String {
    scaled(bits, "bit/s")
}

/// Bytes: "870 kB", "2.5 GB".
pub fn bytes(bytes: u64) -> String {
    scaled(bytes, "B")
}

fn scaled(number: u64, unit: &str) -> String {
    let scales = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")];
    let Some((scale, letter)) = scales.into_iter().find(|(scale, _)| number >= *scale) else {
        return format!("{number} {unit}");
    };
    let tenths = number / (scale / 10);
    if tenths < 100 && letter != "k" {
        format!("{}.{} {letter}{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {letter}{unit}", number / scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_reaches_the_terminal_that_it_obeys() {
        let mut table = Table::new(&["STREAM", "IN", "ENCODER"]);
        table.add(vec![
            Cell::Text("live/cam".into()),
            Cell::Number("2.5 Mbit/s".into()),
            Cell::Text("OBS".into()),
        ]);
        table.add(vec![Cell::Text("live/日本".into()), Cell::number(0), Cell::Text(plain("a\u{1b}[31m\nb"))]);
        // Numbers and columns behind a name in Hebrew stay in their order.
        table.add(vec![Cell::Text("live/ערוץ".into()), Cell::number(7), Cell::Text("OBS".into())]);
        assert_eq!(
            table.text("no streams"),
            "STREAM             IN  ENCODER\n\
             live/cam   2.5 Mbit/s  OBS\n\
             live/日本           0  a\\u{1b}[31m\\nb\n\
             live/ערוץ\u{200e}           7  OBS\n"
        );
        assert_eq!(Table::new(&["A"]).text("no streams"), "no streams\n");
    }

    #[test]
    fn what_nobody_sees_is_spelled_out() {
        for (text, expected) in [
            ("live/\u{202e}mac", "live/\\u{202e}mac"),
            ("a\u{200b}b\u{2066}c\u{feff}", "a\\u{200b}b\\u{2066}c\\u{feff}"),
            ("a\u{85}b\u{2028}c\u{e0041}", "a\\u{85}b\\u{2028}c\\u{e0041}"),
            ("日本 क्‍ष 👩‍🔧 é", "日本 क्‍ष 👩‍🔧 é"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let times = [(0, "0s"), (59, "59s"), (192, "3m12s"), (7500, "2h05m"), (273_600, "3d4h")];
        assert!(times.iter().all(|(seconds, text)| duration(*seconds) == *text), "{times:?}");
        for (bits, text) in [
            (0, "0 bit/s"),
            (999, "999 bit/s"),
            (870_400, "870 kbit/s"),
            (2_549_000, "2.5 Mbit/s"),
            (25_490_000, "25 Mbit/s"),
            (1_200_000_000, "1.2 Gbit/s"),
        ] {
            assert_eq!(bit_rate(bits), text);
        }
        assert_eq!(bytes(5_100_000), "5.1 MB");
    }
}
