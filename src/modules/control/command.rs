//! The commands: what the path and the arguments of a request ask for.

use std::fmt;

use super::arguments::{self, Text};
use crate::engine::stream_name;

/// What may be turned on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Record,
    Drop,
    Redirect,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Record => "record",
            Self::Drop => "drop",
            Self::Redirect => "redirect",
        })
    }
}

/// The clients of a stream that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Publishers,
    Subscribers,
    Clients,
}

impl Who {
    fn of(method: &str) -> Option<Self> {
        match method {
            "publisher" => Some(Self::Publishers),
            "subscriber" => Some(Self::Subscribers),
            "client" => Some(Self::Clients),
            _ => None,
        }
    }

    pub fn has_publishers(self) -> bool {
        self != Self::Subscribers
    }

    pub fn has_subscribers(self) -> bool {
        self != Self::Publishers
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To start or stop a recorder; none for a method that is neither.
    Record { start: Option<bool>, recorder: String },
    /// To end clients.
    Drop(Who),
    /// To move clients to a stream: its name and arguments. None if no stream can have this name.
    Redirect(Who, Option<String>),
    /// To publish the stream to a URL, too, or to pull it from there.
    Relay(Who, String),
    /// A method that the section does not have.
    Unknown,
}

/// The section of a path, and the method, its last two parts.
pub fn parts(path: &str) -> Option<(Section, &str)> {
    let (rest, method) = path.rsplit_once('/')?;
    let (_, section) = rest.rsplit_once('/')?;
    let section = match section {
        "record" => Section::Record,
        "drop" => Section::Drop,
        "redirect" => Section::Redirect,
        _ => return None,
    };
    Some((section, method))
}

impl Command {
    pub fn read(section: Section, method: &str, query: &str) -> Self {
        match (section, Who::of(method)) {
            (Section::Record, _) => {
                let start = match method {
                    "start" => Some(true),
                    "stop" => Some(false),
                    _ => None,
                };
                let recorder = arguments::find(query, "rec").map(|text| Text::new(text).decoded());
                Self::Record { start, recorder: recorder.unwrap_or_default() }
            }
            (Section::Drop, Some(who)) => Self::Drop(who),
            (Section::Redirect, Some(who)) => {
                let to = arguments::find(query, "newname");
                match to.and_then(arguments::server_url) {
                    Some(url) => Self::Relay(who, url),
                    None => Self::Redirect(who, to.and_then(target)),
                }
            }
            (Section::Drop | Section::Redirect, None) => Self::Unknown,
        }
    }
}

/// A stream's name and arguments, which may be escaped as a whole or in parts: "cam?user=me" or "cam%3Fuser%3Dme". A URL
/// that has a slip in it names no stream: it would be shown to everybody, with the key that it may have.
fn target(text: &str) -> Option<String> {
    if arguments::looks_like_url(text.split('?').next().unwrap_or_default()) {
        return None;
    }
    let split = text.split_once('?');
    let escaped = || {
        let at = text.find("%3F").or_else(|| text.find("%3f"))?;
        Some((text.get(..at)?, Text::new(text.get(at + 3..)?).decoded()))
    };
    let (name, args) = match split {
        Some((name, args)) => (name, args.to_owned()),
        None => escaped().unwrap_or((text, String::new())),
    };
    stream_name(name).ok()?;
    Some(if args.is_empty() { name.to_owned() } else { format!("{name}?{args}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_parts_of_a_path_are_the_section_and_the_method() {
        for (path, expected) in [
            ("/control/drop/client", Some((Section::Drop, "client"))),
            ("/drop/client", Some((Section::Drop, "client"))),
            ("/a/b/record/start", Some((Section::Record, "start"))),
            ("/control/redirect/", Some((Section::Redirect, ""))),
            ("/control/drop", None),
            ("/control/drop/client/", None),
            ("/control", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(parts(path), expected, "{path}");
        }
    }

    #[test]
    fn the_name_of_a_redirect_is_read_as_it_is_and_escaped() {
        for (query, expected) in [
            ("newname=cam", Some("cam")),
            ("newname=cam?user=me&x=y", Some("cam?user=me")),
            ("newname=cam%3Fuser%3Dme%26x%3Dy", Some("cam?user=me&x=y")),
            ("newname=cam%3fa", Some("cam?a")),
            ("newname=my%20cam?a=%20b", Some("my%20cam?a=%20b")),
            ("newname=../etc", None),
            ("newname=rmtp://a/live/secret", None),
            ("newname=rtmp%3A/a/live/secret", None),
            ("newname=cam?from=http://a/", Some("cam?from=http://a/")),
            ("newname=", None),
            ("newname=?a=b", None),
            ("newname=a%zz", None),
            ("newname=rmtp://a/live/key", None),
            ("newname=rmtp%3A%2F%2Fa%2Flive%2Fkey", None),
            ("name=a", None),
        ] {
            let command = Command::read(Section::Redirect, "client", query);
            assert_eq!(command, Command::Redirect(Who::Clients, expected.map(str::to_owned)), "{query}");
        }
    }

    #[test]
    fn a_redirect_to_a_url_is_a_relay() {
        for (query, expected) in [
            ("newname=rtmp://a/live/key%2F?x=y", "rtmp://a/live/key%2F?x=y"),
            ("newname=RTMPS://a/live/key", "RTMPS://a/live/key"),
            ("newname=rtmp%3A%2F%2Fa%2Flive%2Fkey%3Fx%3Dy%26z%3D1", "rtmp://a/live/key?x=y&z=1"),
        ] {
            let command = Command::read(Section::Redirect, "publisher", query);
            assert_eq!(command, Command::Relay(Who::Publishers, expected.to_owned()), "{query}");
        }
    }

    #[test]
    fn methods_that_are_none_are_told_apart() {
        assert_eq!(Command::read(Section::Drop, "start", ""), Command::Unknown);
        assert_eq!(Command::read(Section::Redirect, "", "newname=a"), Command::Unknown);
        let recorder = "a b".to_owned();
        let expected = Command::Record { start: None, recorder };
        assert_eq!(Command::read(Section::Record, "client", "rec=a%20b"), expected);
    }
}
