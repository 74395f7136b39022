//! `log_format`: how a line of the access log is written, with nginx-rtmp's variables.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::auth::mask;
use crate::engine::access_logs::escape::{self, Escape};
use crate::engine::{Client, Peer, time_zone};

/// nginx-rtmp's own format, which needs no `log_format`.
const COMBINED: &str = "$remote_addr [$time_local] $command \"$app\" \"$name\" \"$args\" - $bytes_received \
                        $bytes_sent \"$pageurl\" \"$flashver\" ($session_readable_time)";

/// What a client has done since its connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activity {
    #[default]
    None,
    Play,
    Publish,
    Both,
}

impl Activity {
    /// The same after one more request.
    #[must_use]
    pub fn with(self, next: Self) -> Self {
        match (self, next) {
            (Self::None, next) => next,
            (before, Self::None) => before,
            (before, next) if before == next => before,
            _ => Self::Both,
        }
    }

    /// nginx-rtmp's word.
    fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Play => "PLAY",
            Self::Publish => "PUBLISH",
            Self::Both => "PLAY+PUBLISH",
        }
    }
}

/// What the values of a line are taken from.
#[derive(Debug, Clone, Copy)]
pub struct LineFacts<'a> {
    /// The number of the session.
    pub session: u32,
    pub peer: Peer,
    pub app: &'a str,
    pub client: &'a Client,
    pub activity: Activity,
    /// The name and the arguments of the last request to publish or play, without secrets.
    pub name: &'a str,
    pub args: &'a str,
    pub received: u64,
    pub sent: u64,
    pub now: SystemTime,
    /// How long the session has lasted.
    pub time: Duration,
}

/// The value of a variable. Secrets are masked already.
type Value = fn(LineFacts<'_>) -> Cow<'_, str>;

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Variable(Value),
}

#[derive(Debug, Clone)]
pub struct LogFormat {
    /// As it is written; equal texts are equal.
    source: String,
    pieces: Vec<Piece>,
    escape: Escape,
}

impl PartialEq for LogFormat {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.escape) == (&other.source, other.escape)
    }
}

impl Eq for LogFormat {}

impl LogFormat {
    /// nginx-rtmp's own format.
    pub fn combined() -> Result<Self, String> {
        Self::parse(COMBINED.to_owned(), Escape::Default)
    }

    /// Reads the arguments of `log_format`, of which the first is the format's name.
    pub fn parse_named(args: &[String]) -> Result<Self, String> {
        let (escape, text) = escape::read_named(args)?;
        Self::parse(text, escape)
    }

    fn parse(source: String, escape: Escape) -> Result<Self, String> {
        let mut parts = source.split('$');
        let mut pieces = vec![Piece::Text(parts.next().unwrap_or_default().to_owned())];
        for part in parts {
            let (name, rest) = match part.strip_prefix('{') {
                Some(braced) => braced.split_once('}').ok_or_else(|| "\"}\" is missing".to_owned())?,
                None => {
                    let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    part.split_at_checked(end.unwrap_or(part.len())).unwrap_or((part, ""))
                }
            };
            let value = variable(name).ok_or_else(|| format!("variable \"${name}\" is not known here"))?;
            pieces.extend([Piece::Variable(value), Piece::Text(rest.to_owned())]);
        }
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self { source, pieces, escape })
    }

    /// A line of at most so many bytes, and its end.
    pub fn line(&self, facts: LineFacts<'_>, longest: usize) -> String {
        let mut line = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Variable(value) => match self.escape {
                    // nginx-rtmp writes nothing for what is empty, and names as they are.
                    Escape::Default => escape::push_readable(&value(facts), &mut line),
                    escape => escape.push(&value(facts), &mut line),
                },
            }
        }
        escape::end_line(&mut line, longest);
        line
    }
}

fn variable(name: &str) -> Option<Value> {
    Some(match name {
        "connection" => |facts| facts.session.to_string().into(),
        "remote_addr" => |facts| facts.peer.host().into(),
        "app" => |facts| facts.app.into(),
        "flashver" => |facts| facts.client.flash_ver().into(),
        "swfurl" => |facts| mask::page(facts.client.swf_url()),
        "tcurl" => |facts| mask::connected(facts.client.tc_url(), facts.app).into(),
        "pageurl" => |facts| mask::page(facts.client.page_url()),
        "command" => |facts| facts.activity.word().into(),
        "name" => |facts| facts.name.into(),
        "args" => |facts| facts.args.into(),
        "bytes_sent" => |facts| facts.sent.to_string().into(),
        "bytes_received" => |facts| facts.received.to_string().into(),
        "time_local" => |facts| local(facts.now).into(),
        "msec" => |facts| {
            let time = timestamp(facts.now).as_millisecond();
            format!("{}.{:03}", time / 1000, time % 1000).into()
        },
        "session_time" => |facts| facts.time.as_secs().to_string().into(),
        "session_readable_time" => |facts| readable(facts.time.as_secs()).into(),
        _ => return None,
    })
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}

fn local(time: SystemTime) -> String {
    timestamp(time).to_zoned(time_zone::local()).strftime("%d/%b/%Y:%H:%M:%S %z").to_string()
}

/// A time from its largest unit on: "1d 0h 0m 5s", "2m 0s".
fn readable(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let seconds = seconds % 60;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, _, _) => format!("{hours}h {minutes}m {seconds}s"),
        _ => format!("{days}d {hours}h {minutes}m {seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Client;
    use std::time::UNIX_EPOCH;

    fn format(args: &[&str]) -> Result<LogFormat, String> {
        LogFormat::parse_named(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    fn written(format: &LogFormat, name: &str, client: &Client) -> String {
        let facts = LineFacts {
            session: 7,
            peer: Peer::Unix,
            app: "live",
            client,
            activity: Activity::Publish,
            name,
            args: "a=***",
            received: 1000,
            sent: 5_000_000_000,
            now: UNIX_EPOCH + Duration::from_millis(1_001_000_002_030),
            time: Duration::from_millis(61_999),
        };
        format.line(facts, 1000)
    }

    #[test]
    fn a_line_has_the_values_of_nginx_rtmp() {
        let client = Client::default();
        let line = written(&LogFormat::combined().unwrap(), "cam", &client);
        assert!(line.starts_with("unix: [") && line.contains(" +0"), "{line}");
        let (_, rest) = line.split_once("] ").unwrap();
        assert_eq!(rest, "PUBLISH \"live\" \"cam\" \"a=***\" - 1000 5000000000 \"\" \"\" (1m 1s)\n");
        let all = format(&["f", "$connection|${msec}|", "$session_time|$swfurl|$tcurl"]).unwrap();
        assert_eq!(written(&all, "cam", &client), "7|1001000002.030|61||\n");
    }

    #[test]
    fn times_begin_with_their_largest_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3600, "1h 0m 0s"),
            (86_400, "1d 0h 0m 0s"),
            (90_061, "1d 1h 1m 1s"),
        ] {
            assert_eq!(readable(seconds), text);
        }
    }

    #[test]
    fn what_a_client_does_adds_up() {
        use Activity::{Both, None, Play, Publish};
        assert_eq!((None.with(Play), Play.with(Play), Play.with(None)), (Play, Play, Play));
        assert_eq!((Play.with(Publish), Publish.with(Play), Both.with(Play)), (Both, Both, Both));
        assert_eq!(
            [None, Play, Publish, Both].map(Activity::word).join(" "),
            "NONE PLAY PUBLISH PLAY+PUBLISH"
        );
    }

    #[test]
    fn a_name_cannot_end_its_field_or_its_line_or_turn_its_direction() {
        let client = Client::default();
        let name = "Straße 東\" a\n\u{202e}b\\\u{1b}[m";
        for (escape, expected) in [
            ("escape=default", "<Straße 東\\x22 a\\x0A\\xE2\\x80\\xAEb\\x5C\\x1B[m>\n"),
            ("escape=json", "<Straße 東\\\" a\\n\\u202eb\\\\\\u001b[m>\n"),
            ("escape=none", "<Straße 東\" a  b\\ [m>\n"),
        ] {
            assert_eq!(written(&format(&["f", escape, "<$name>"]).unwrap(), name, &client), expected);
        }
        let json = format(&["f", "escape=json", "{\"name\":\"$name\"}"]).unwrap();
        let line = written(&json, name, &client);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["name"], name);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_two_characters() {
        let facts = written(&format(&["f", "$name"]).unwrap(), &"é".repeat(600), &Client::default());
        assert_eq!(facts.len(), 1001);
        assert!(facts.ends_with("é\n"));
    }

    #[test]
    fn an_unknown_variable_is_an_error() {
        for text in ["$", "$nope", "${name", "${}", "$request", "a$ b"] {
            assert!(format(&["f", text]).is_err(), "{text}");
        }
        assert!(format(&["combined", "$name"]).is_err() && format(&["f"]).is_err());
    }
}
