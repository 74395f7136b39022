//! Commands (specification 7.2): what a client asks, and the answers.

use std::fmt;

use crate::media::amf::{AmfError, Object, Value, amf0};

use super::RtmpError;
use super::capabilities::Capabilities;

/// Longest `app`, `tcUrl` or stream name that is taken from a command, each with its arguments, bytes: some tokens have
/// more than 4000. Longer is refused, never cut.
pub const MAX_ADDRESS: usize = 8 * 1024;
/// Longest other text, such as the application without its arguments, bytes.
pub const MAX_TEXT: usize = 1024;

/// Servers that a stream may have come through when it comes here.
pub const MAX_RELAYS: usize = 8;
/// Hexadecimal digits of a server's id in a relay path.
pub const RELAY_ID: usize = 16;

/// A text of a command that is longer than what is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The name of the text.
    pub what: &'static str,
    /// Its length, bytes.
    pub length: usize,
    /// The limit, bytes.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, length, limit } = self;
        write!(f, "{what} has {length} bytes, and at most {limit} are taken")
    }
}

/// Any command: name, transaction id, and the rest of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The command's name.
    pub name: String,
    /// 0 when no answer is wanted.
    pub transaction: f64,
    /// The command object (or null) and the arguments.
    pub arguments: Vec<Value>,
}

impl Command {
    /// Reads an AMF0 command message. Arguments from one that cannot be read on are missing, which is an
    /// error only to a command that needs them.
    pub fn read(payload: &[u8]) -> Result<Self, RtmpError> {
        let (values, fault) = amf0::decode_until_fault(payload);
        if let Some(error @ (AmfError::TooDeep | AmfError::TooMany)) = fault {
            return Err(error.into());
        }
        let mut values = values.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Err(RtmpError::Protocol("command without a name"));
        };
        let transaction = values.next().and_then(|value| value.as_number()).unwrap_or_default();
        Ok(Self { name, transaction, arguments: values.collect() })
    }

    /// The number at `index`, counted from the command object.
    pub fn number(&self, index: usize) -> Option<f64> {
        self.arguments.get(index).and_then(Value::as_number)
    }

    /// True if the value at `index`, counted from the command object, is true or a number but 0.
    pub fn flag(&self, index: usize) -> bool {
        self.number(index).is_some_and(|number| number != 0.0)
    }

    /// The text at `index`, counted from the command object; "" when there is none.
    pub fn text(&self, index: usize) -> &str {
        self.arguments.get(index).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The text, if it is no longer than the limit; `what` it is, for the refusal.
fn bounded<'a>(what: &'static str, text: &'a str, limit: usize) -> Result<&'a str, TooLong> {
    let length = text.len();
    if length > limit { Err(TooLong { what, length, limit }) } else { Ok(text) }
}

/// `connect` (7.2.1.1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connect {
    /// The transaction to answer.
    pub transaction: f64,
    /// The application, perhaps with an instance behind a slash; without arguments, default instance and
    /// trailing slash.
    pub app: String,
    /// The part behind "?" in the application.
    pub args: String,
    /// The URL the client was given.
    pub tc_url: String,
    /// The client's name and version.
    pub flash_ver: String,
    /// Whether its `type` is "nonprivate", as that of encoders is: it will publish.
    pub is_publisher: bool,
    /// The page that a client in a browser stands in.
    pub page_url: String,
    /// The file that such a client was loaded from.
    pub swf_url: String,
    /// The AMF version the client would like, echoed to it.
    pub object_encoding: f64,
    /// The ids of the servers that the stream has come through or goes to, the oldest first, with commas between them:
    /// of a relay of this program. At most [`MAX_RELAYS`], of [`RELAY_ID`] digits each; anything else counts as not said.
    pub relay_path: String,
    /// Its capabilities of Enhanced RTMP.
    pub capabilities: Capabilities,
}

impl Connect {
    /// Reads a `connect`. The application is `app`, or the path of `tcUrl` when that is missing.
    pub fn read(command: &Command) -> Result<Self, TooLong> {
        let empty = Object::default();
        let object = command.arguments.first().and_then(Value::as_object).unwrap_or(&empty);
        let text = |name, limit| bounded(name, object.str(name).unwrap_or_default(), limit);
        let tc_url = text("tcUrl", MAX_ADDRESS)?;
        let app = match text("app", MAX_ADDRESS)? {
            "" => url_path(tc_url),
            app => app,
        };
        let (app, args) = app.split_once('?').unwrap_or((app, ""));
        let app = bounded("the application", app.trim_matches('/'), MAX_TEXT)?;
        let app = app.strip_suffix("/_definst_").unwrap_or(app);
        Ok(Self {
            transaction: command.transaction,
            app: app.to_owned(),
            args: args.to_owned(),
            tc_url: tc_url.to_owned(),
            flash_ver: text("flashVer", MAX_TEXT)?.to_owned(),
            is_publisher: object.str("type") == Some("nonprivate"),
            page_url: text("pageUrl", MAX_ADDRESS)?.to_owned(),
            swf_url: text("swfUrl", MAX_ADDRESS)?.to_owned(),
            object_encoding: object.number("objectEncoding").unwrap_or_default(),
            relay_path: relay_path(object.str("relayPath").unwrap_or_default()).to_owned(),
            capabilities: Capabilities::read(object),
        })
    }
}

/// The text if it is a relay path, else "".
fn relay_path(text: &str) -> &str {
    let is_id =
        |id: &str| id.len() == RELAY_ID && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = text.len() <= MAX_RELAYS * (RELAY_ID + 1);
    if fits && text.split(',').all(is_id) { text } else { "" }
}

/// The path of a URL, without its first slash.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or("", |(_, path)| path)
}

/// The publishing type (7.2.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishType {
    /// Played, and recorded only if the configuration says so by itself.
    #[default]
    Live,
    /// Recorded anew.
    Record,
    /// Recorded, behind what there is.
    Append,
}

/// `publish` (7.2.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The message stream to answer on.
    pub msid: u32,
    /// The stream's name, without arguments.
    pub name: String,
    /// The part behind "?" in the name.
    pub args: String,
    /// The publishing type.
    pub publish_type: PublishType,
}

impl Publish {
    /// Reads a `publish`.
    pub fn read(command: &Command, msid: u32) -> Result<Self, TooLong> {
        let (name, args) = stream_name(command.text(1))?;
        let publish_type = match bounded("the publishing type", command.text(2), MAX_TEXT)? {
            "record" => PublishType::Record,
            "append" => PublishType::Append,
            _ => PublishType::Live,
        };
        Ok(Self { msid, name, args, publish_type })
    }
}

/// `play` (7.2.2.1) and `play2` (7.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// The message stream to answer on.
    pub msid: u32,
    /// The stream's name, without arguments.
    pub name: String,
    /// The part behind "?" in the name.
    pub args: String,
    /// The start that is wanted, milliseconds, if it is told; -2000 for a live stream or else a file, -1000 for a live
    /// stream only. A live stream has no other start than now.
    pub start: Option<i64>,
    /// The media that is wanted, milliseconds; `None` for all. On the wire, 0 is all, too: clients send it without
    /// meaning anything.
    pub duration: Option<u32>,
    /// Its relation to the play before.
    pub after: After,
}

/// The relation of a play to the one before on its message stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It takes its place.
    Replace,
    /// It takes its place, and is to be told so.
    Reset,
    /// It comes when the one before has ended: a play list of files. A live stream does not end, so it takes its place.
    Append,
    /// `play2`: it takes its place with the same media, perhaps at another bitrate.
    Transition,
}

impl Play {
    /// Reads a `play`.
    pub fn read(command: &Command, msid: u32) -> Result<Self, TooLong> {
        let (name, args) = stream_name(command.text(1))?;
        let start = command.number(2).map(|start| start as i64);
        let duration = command.number(3).filter(|duration| *duration >= 1.0).map(|duration| duration as u32);
        let after = match command.arguments.get(4) {
            Some(_) if command.flag(4) => After::Reset,
            Some(Value::Boolean(false) | Value::Number(_)) => After::Append,
            _ => After::Replace,
        };
        Ok(Self { msid, name, args, start, duration, after })
    }

    /// Reads a `play2`, whose parameters are an object's properties.
    pub fn read_play2(command: &Command, msid: u32) -> Result<Self, TooLong> {
        let object = command.arguments.get(1).and_then(Value::as_object);
        let text = object.and_then(|object| object.str("streamName")).unwrap_or_default();
        let (name, args) = stream_name(text)?;
        let start = object.and_then(|object| object.number("start")).map(|start| start as i64);
        Ok(Self { msid, name, args, start, duration: None, after: After::Transition })
    }
}

/// A name and what stands after "?" in it.
fn stream_name(text: &str) -> Result<(String, String), TooLong> {
    let text = bounded("the stream name with its arguments", text, MAX_ADDRESS)?;
    let (name, args) = text.split_once('?').unwrap_or((text, ""));
    Ok((name.to_owned(), args.to_owned()))
}

/// The status that there is no such stream or file to play.
pub const PLAY_NOT_FOUND: (Level, &str) = (Level::Error, "NetStream.Play.StreamNotFound");

/// The status that a play has come to its end.
pub const PLAY_STOP: (Level, &str) = (Level::Status, "NetStream.Play.Stop");

/// A status level (7.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Status,
    /// It is not.
    Error,
}

/// The status that refuses a publish.
pub const PUBLISH_REFUSED: (Level, &str) = (Level::Error, "NetStream.Publish.BadName");
/// The statuses that refuse a publish to a client that may not publish, one after the other: other servers send the
/// first, of which OBS keeps the description to itself, and of the second OBS logs it.
pub const PUBLISH_UNAUTHORIZED: [(Level, &str); 2] =
    [(Level::Error, "NetStream.Publish.Unauthorized"), (Level::Error, "NetStream.Publish.Denied")];
/// The status that tells once more why a connect is refused, to clients that overlook it in the answer.
pub const CONNECT_REFUSED: (Level, &str) = (Level::Error, "NetConnection.Connect.InvalidApp");
/// The status that refuses a play.
pub const PLAY_REFUSED: (Level, &str) = (Level::Error, "NetStream.Play.Failed");

/// The information object of a status or a result.
pub fn information(level: Level, code: &str, description: &str) -> Object {
    let level = match level {
        Level::Status => "status",
        Level::Error => "error",
    };
    Object::default().with("level", level).with("code", code).with("description", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(properties: &[(&str, &str)]) -> Result<Connect, TooLong> {
        let object =
            properties.iter().fold(Object::default(), |object, (name, text)| object.with(name, *text));
        let payload = amf0::encode_all(&["connect".into(), 1.0.into(), Value::Object(object)]);
        Connect::read(&Command::read(&payload).unwrap())
    }

    #[test]
    fn the_application_comes_from_app_or_from_tc_url() {
        for (app, tc_url, expected, args) in [
            ("live", "", "live", ""),
            ("live/", "", "live", ""),
            ("live/_definst_", "", "live", ""),
            ("live?key=1&b=2", "", "live", "key=1&b=2"),
            ("a/b", "rtmp://host/other", "a/b", ""),
            ("", "rtmp://host:1935/live", "live", ""),
            ("", "rtmp://host/live?token=x", "live", "token=x"),
            ("", "rtmp://host", "", ""),
        ] {
            let connect = connect(&[("app", app), ("tcUrl", tc_url)]).unwrap();
            assert_eq!((connect.app.as_str(), connect.args.as_str()), (expected, args), "{app} {tc_url}");
        }
        assert_eq!(connect(&[]).unwrap().app, "");
    }

    #[test]
    fn a_relay_path_is_ids_and_commas_and_bounded_or_none() {
        let id = "0123456789abcdef";
        let ids = |count: usize| vec![id; count].join(",");
        for (path, is_taken) in [
            (id.to_owned(), true),
            (ids(2), true),
            (ids(MAX_RELAYS), true),
            (ids(MAX_RELAYS + 1), false),
            (String::new(), false),
            (format!("{id},"), false),
            (format!("{id},,{id}"), false),
            (id.to_uppercase(), false),
            (id[1..].to_owned(), false),
            (format!("{}g", &id[1..]), false),
            ("x".repeat(10_000), false),
        ] {
            let read = connect(&[("relayPath", &path)]).unwrap().relay_path;
            assert_eq!(read, if is_taken { path.as_str() } else { "" }, "{path:.100}");
        }
    }

    #[test]
    fn texts_are_taken_to_the_limit_and_refused_beyond() {
        let url = format!("rtmp://host/live?{}", "t".repeat(MAX_ADDRESS - 17));
        assert_eq!(connect(&[("tcUrl", &url)]).unwrap().args.len(), MAX_ADDRESS - 17);
        let app = format!("live?{}", "t".repeat(MAX_ADDRESS - 5));
        assert_eq!(connect(&[("tcUrl", &url), ("app", &app)]).unwrap().args.len(), MAX_ADDRESS - 5);
        for (name, value, what, limit) in [
            ("tcUrl", url + "t", "tcUrl", MAX_ADDRESS),
            ("app", app + "t", "app", MAX_ADDRESS),
            ("app", "a".repeat(MAX_TEXT + 1), "the application", MAX_TEXT),
            ("flashVer", "f".repeat(MAX_TEXT + 1), "flashVer", MAX_TEXT),
        ] {
            let error = connect(&[(name, &value)]).unwrap_err();
            assert_eq!(error, TooLong { what, length: limit + 1, limit });
            assert!(error.to_string().contains(&format!("at most {limit}")), "{error}");
        }
        let publish = |length| {
            let values = ["publish".into(), 4.0.into(), Value::Null, "n".repeat(length).as_str().into()];
            Publish::read(&Command::read(&amf0::encode_all(&values)).unwrap(), 1)
        };
        assert_eq!(publish(MAX_ADDRESS).unwrap().name.len(), MAX_ADDRESS);
        assert_eq!(publish(MAX_ADDRESS + 1).unwrap_err().limit, MAX_ADDRESS);
    }

    #[test]
    fn a_publish_names_its_stream_and_keeps_the_arguments() {
        let values = ["publish".into(), 4.0.into(), Value::Null, "cam?key=secret".into(), "live".into()];
        let command = Command::read(&amf0::encode_all(&values)).unwrap();
        let publish = Publish::read(&command, 1).unwrap();
        assert_eq!((publish.name.as_str(), publish.args.as_str()), ("cam", "key=secret"));
        for (word, publish_type) in [
            ("live", PublishType::Live),
            ("record", PublishType::Record),
            ("append", PublishType::Append),
            ("", PublishType::Live),
        ] {
            let values = ["publish".into(), 4.0.into(), Value::Null, "cam".into(), word.into()];
            let command = Command::read(&amf0::encode_all(&values)).unwrap();
            assert_eq!(Publish::read(&command, 1).unwrap().publish_type, publish_type);
        }
    }

    #[test]
    fn a_play_says_how_much_it_wants_and_how_it_stands_to_the_one_before() {
        let play = |arguments: &[Value]| {
            let values = [&["play".into(), 4.0.into(), Value::Null, "cam?a=b".into()], arguments].concat();
            Play::read(&Command::read(&amf0::encode_all(&values)).unwrap(), 1).unwrap()
        };
        assert_eq!((play(&[]).duration, play(&[]).after), (None, After::Replace));
        let whole = play(&[(-2000.0).into(), (-1000.0).into(), true.into()]);
        assert_eq!((whole.start, whole.duration, whole.after), (Some(-2000), None, After::Reset));
        assert_eq!((play(&[]).start, whole.args.as_str()), (None, "a=b"));
        let next = play(&[0.0.into(), 1500.0.into(), false.into()]);
        assert_eq!((next.duration, next.after), (Some(1500), After::Append));
        assert_eq!(play(&[0.0.into(), 0.0.into(), 1.0.into()]).after, After::Reset);
        let object = Object::default().with("streamName", "high?x").with("start", -1.0);
        let values = ["play2".into(), 0.0.into(), Value::Null, Value::Object(object)];
        let play2 = Play::read_play2(&Command::read(&amf0::encode_all(&values)).unwrap(), 1).unwrap();
        assert_eq!((play2.name.as_str(), play2.start, play2.after), ("high", Some(-1), After::Transition));
    }

    #[test]
    fn a_command_without_a_name_is_an_error() {
        assert!(Command::read(&[]).is_err());
        assert!(Command::read(&amf0::encode_all(&[1.0.into()])).is_err());
        let mut odd = amf0::encode_all(&["anything".into(), 3.0.into()]);
        odd.push(0xee);
        assert_eq!(Command::read(&odd).unwrap().transaction, 3.0);
    }
}
