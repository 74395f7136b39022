//! `escape=` of a `log_format`, and the end of a line: so that a client cannot write lines of its own.

use std::fmt::Write;

use crate::http::json;

use super::BUILT_IN;

/// The escaping of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `\x22` for what is no plain text; "-" for nothing.
    Default,
    /// As in a string of JSON.
    Json,
    /// Nothing, but for line ends.
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
            Self::None => line.push_str(&value.replace(['\r', '\n'], " ")),
        }
    }
}

/// Cuts a line that is too long, and ends it.
pub fn end_line(line: &mut String, longest: usize) {
    let end = (0..=longest.min(line.len())).rev().find(|&end| line.is_char_boundary(end));
    line.truncate(end.unwrap_or_default());
    line.push('\n');
}

/// Adds what stands between the quotes of a JSON string.
fn push_json(value: &str, line: &mut String) {
    let quoted = json::to_string(&value);
    line.push_str(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default());
}

fn push_plain(value: &str, line: &mut String) {
    for byte in value.bytes() {
        if matches!(byte, b'"' | b'\\' | 0..=31 | 127..) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\x{byte:02X}");
        } else {
            line.push(char::from(byte));
        }
    }
}
