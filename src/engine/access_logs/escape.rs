//! `escape=` of a `log_format`, and the end of a line: so that a client cannot write lines of its own.

use std::fmt::Write;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::engine::direction;
use crate::http::json;

use super::BUILT_IN;

/// The escaping of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `\x22` for what is no plain text; "-" for nothing.
    Default,
    /// As in a string of JSON.
    Json,
    /// Nothing; characters that a terminal obeys, or that nobody sees, are blanks. Letters that are read from right to
    /// left have a mark behind them.
    None,
}

/// Reads the arguments of `log_format`, of which the first is the format's name: its escaping, and the text of a line.
pub fn read_named(args: &[String]) -> Result<(Escape, String), String> {
    match args.split_first() {
        Some((name, _)) if name == BUILT_IN => Err(format!("another name; {BUILT_IN} is there already")),
        Some((_, format)) => read(format),
        None => Err("a name and what a line has".to_owned()),
    }
}

/// Reads what follows a format's name: perhaps `escape=`, and texts that are joined.
fn read(args: &[String]) -> Result<(Escape, String), String> {
    let (escape, texts) = match args.split_first() {
        Some((first, texts)) if first.starts_with("escape=") => match first.as_str() {
            "escape=default" => (Escape::Default, texts),
            "escape=json" => (Escape::Json, texts),
            "escape=none" => (Escape::None, texts),
            other => return Err(format!("\"{other}\" is not default, json or none")),
        },
        _ => (Escape::Default, args),
    };
    if texts.is_empty() {
        return Err("a name and what a line has".to_owned());
    }
    Ok((escape, texts.concat()))
}

impl Escape {
    /// Adds a value to a line.
    pub fn push(self, value: &str, line: &mut String) {
        match self {
            Self::Default if value.is_empty() => line.push('-'),
            Self::Default => push_plain(value, line),
            Self::Json => push_json(value, line),
            Self::None => {
                let shown: String = value.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
                line.push_str(&direction::keep_left_to_right(&shown));
            }
        }
    }
}

/// Cuts a line that is too long, and ends it.
pub fn end_line(line: &mut String, longest: usize) {
    direction::begin_left_to_right(line);
    let end = (0..=longest.min(line.len())).rev().find(|&end| line.is_char_boundary(end));
    line.truncate(end.unwrap_or_default());
    line.push('\n');
}

/// Adds a value with its letters as they are, of any script: of what else could end a field or a line, or turn its
/// direction, the bytes as `\x22`. Letters that are read from right to left have a mark behind them.
pub fn push_readable(value: &str, line: &mut String) {
    let mut shown = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '"' | '\\') || is_hidden(character) {
            push_bytes(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut shown);
        } else {
            shown.push(character);
        }
    }
    line.push_str(&direction::keep_left_to_right(&shown));
}

/// Whether a character is one that a terminal obeys, or one that nobody sees or knows: marks of direction turn what follows around, and
/// a name with a zero-width space is not the name that it looks like. The joiners of Indic scripts and emoji are none.
pub fn is_hidden(character: char) -> bool {
    character.is_control() || is_unseen(character)
}

fn is_unseen(character: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned};
    match character.general_category() {
        Format => !matches!(character, '\u{200c}' | '\u{200d}'),
        LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned => true,
        _ => false,
    }
}

/// Adds what stands between the quotes of a JSON string: letters that would turn what stands behind them by their codes,
/// which a reader of JSON takes for the same.
fn push_json(value: &str, line: &mut String) {
    let quoted = json::to_string(&value);
    let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    for character in text.chars() {
        if is_unseen(character) || direction::is_right_to_left(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(character);
        }
    }
}

fn push_plain(value: &str, line: &mut String) {
    for byte in value.bytes() {
        if matches!(byte, b'"' | b'\\' | 0..=31 | 127..) {
            push_bytes(&[byte], line);
        } else {
            line.push(char::from(byte));
        }
    }
}

fn push_bytes(bytes: &[u8], line: &mut String) {
    for byte in bytes {
        let _ = write!(line, "\\x{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_escaping_lets_a_value_end_its_line_or_turn_its_direction() {
        let value = "a\n\u{202e}b\u{e0001}\u{85}\u{200d}é\"";
        for (escape, expected) in [
            (
                Escape::Default,
                "a\\x0A\\xE2\\x80\\xAEb\\xF3\\xA0\\x80\\x81\\xC2\\x85\\xE2\\x80\\x8D\\xC3\\xA9\\x22",
            ),
            (Escape::Json, "a\\n\\u202eb\\udb40\\udc01\\u0085\u{200d}é\\\""),
            (Escape::None, "a  b  \u{200d}é\""),
        ] {
            let mut line = String::new();
            escape.push(value, &mut line);
            assert_eq!(line, expected, "{escape:?}");
        }
        let mut line = String::new();
        push_readable(value, &mut line);
        assert_eq!(line, "a\\x0A\\xE2\\x80\\xAEb\\xF3\\xA0\\x80\\x81\\xC2\\x85\u{200d}é\\x22");
    }

    #[test]
    fn letters_from_right_to_left_turn_nothing_that_stands_behind_them() {
        let value = "\u{5e2}\u{5d1} 12\u{642}";
        for (escape, expected) in [
            (Escape::Default, "\\xD7\\xA2\\xD7\\x91 12\\xD9\\x82"),
            (Escape::Json, "\\u05e2\\u05d1 12\\u0642"),
            (Escape::None, "\u{5e2}\u{5d1}\u{200e} 12\u{642}\u{200e}"),
        ] {
            let mut line = String::new();
            escape.push(value, &mut line);
            assert_eq!(line, expected, "{escape:?}");
        }
        let mut line = String::new();
        push_readable("\u{642}\" 7", &mut line);
        assert_eq!(line, "\u{642}\u{200e}\\x22 7");
        // A client's own mark is none.
        line.clear();
        push_readable("\u{642}\u{200e}\u{202e}7", &mut line);
        assert_eq!(line, "\u{642}\u{200e}\\xE2\\x80\\x8E\\xE2\\x80\\xAE7");
        line = "\u{642} 1".to_owned();
        end_line(&mut line, 100);
        assert_eq!(line, "\u{200e}\u{642} 1\n");
    }

    proptest! {
        #[test]
        fn a_value_never_ends_its_field_or_its_line_and_json_gives_it_back(value in ".*|[\u{0}-\u{ff}\u{2000}-\u{206f}\u{e0000}-\u{e007f}]*") {
            let ways: [fn(&str, &mut String); 4] = [
                push_readable,
                |value, line| Escape::Default.push(value, line),
                |value, line| Escape::Json.push(value, line),
                |value, line| Escape::None.push(value, line),
            ];
            let lines = ways.map(|push| {
                let mut line = String::new();
                push(&value, &mut line);
                line
            });
            let is_forged = |c| is_hidden(c) && c != direction::MARK;
            prop_assert!(lines.iter().all(|line| !line.contains(is_forged)), "{lines:?}");
            prop_assert!(!lines[1].contains(direction::MARK) && !lines[2].contains(direction::MARK), "{lines:?}");
            prop_assert!(!lines[0].contains('"') && !lines[1].contains('"'), "{lines:?}");
            let json = format!("\"{}\"", lines[2]);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
        }
    }

    #[test]
    fn a_line_is_cut_between_two_characters() {
        for (longest, expected) in [(9, "aéb\n"), (4, "aéb\n"), (3, "aé\n"), (2, "a\n"), (0, "\n")] {
            let mut line = "aéb".to_owned();
            end_line(&mut line, longest);
            assert_eq!(line, expected);
        }
    }
}
