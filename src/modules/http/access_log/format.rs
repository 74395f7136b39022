//! `log_format`: how a line of an access log is written.

use std::fmt::Write;

use crate::http::json;
use crate::modules::http::template::{Template, TemplateValues, When};

/// nginx's own format, which needs no `log_format`.
pub const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                            \"$http_referer\" \"$http_user_agent\"";

/// Bytes of a line; what is longer is cut. A head is no longer than 8 KiB, but escapes make four of one.
const MAX_LINE: usize = 16 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFormat {
    template: Template,
    escape: Escape,
}

/// The escaping of values, so that a client cannot write lines of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// `\x22` for what is no plain text; "-" for nothing.
    Default,
    /// As in a string of JSON.
    Json,
    /// Nothing, but for line ends.
    None,
}

impl LogFormat {
    /// nginx's own format.
    pub fn combined() -> Result<Self, String> {
        Self::parse(&[COMBINED.to_owned()])
    }

    /// Reads the arguments of `log_format`, of which the first is the format's name.
    pub fn parse_named(args: &[String]) -> Result<Self, String> {
        match args.split_first() {
            Some((name, _)) if name == "combined" => {
                Err("another name; combined is there already".to_owned())
            }
            Some((_, format)) => Self::parse(format),
            None => Err("a name and what a line has".to_owned()),
        }
    }

    /// Reads what follows a format's name: perhaps `escape=`, and texts that are joined.
    fn parse(args: &[String]) -> Result<Self, String> {
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
        Ok(Self { template: Template::parse(&texts.concat(), When::Log)?, escape })
    }

    /// A line, with its end.
    pub fn line(&self, view: &TemplateValues<'_>) -> String {
        let mut line = self.template.fill_with(view, |value, line| match self.escape {
            Escape::Default if value.is_empty() => line.push('-'),
            Escape::Default => escape_plain(value, line),
            Escape::Json => escape_json(value, line),
            Escape::None => line.push_str(&value.replace(['\r', '\n'], " ")),
        });
        let end = (0..=MAX_LINE.min(line.len())).rev().find(|&end| line.is_char_boundary(end));
        line.truncate(end.unwrap_or_default());
        line.push('\n');
        line
    }
}

/// Adds what stands between the quotes of a JSON string.
fn escape_json(value: &str, line: &mut String) {
    let quoted = json::to_string(&value);
    line.push_str(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default());
}

fn escape_plain(value: &str, line: &mut String) {
    for byte in value.bytes() {
        if matches!(byte, b'"' | b'\\' | 0..=31 | 127..) {
            // Writing to a string cannot fail.
            let _ = write!(line, "\\x{byte:02X}");
        } else {
            line.push(char::from(byte));
        }
    }
}
