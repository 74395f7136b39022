//! The command line of `millstream ctl`.

use std::fmt;
use std::path::PathBuf;

use getopts::Options;

use super::table::plain;
use crate::options::explain;

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Help,
    Status,
    List,
    Clients,
    Bans,
    Kick { whom: Whom, ban: Option<String>, why: Option<String>, who: Option<String> },
    Redirect { id: u32, name: String },
    Ban { address: String, time: String, stream: Option<String>, why: Option<String> },
    Unban { id: u64 },
    Record { start: bool, stream: StreamArgument, recorder: Option<String> },
    Relays,
    Relay { push: bool, stream: StreamArgument, url: Url },
    Unrelay { id: u64 },
    Reload,
}

/// The URL of a stream of another server. It may have a key, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Url(pub String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(***)")
    }
}

/// Whom a kick is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    Client(u32),
    Stream(StreamArgument),
}

/// A stream as it is written: "live/cam".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamArgument {
    pub app: String,
    pub name: String,
}

/// A whole command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlLine {
    pub command: Command,
    /// `-c`: the configuration of the server.
    pub file: Option<PathBuf>,
    /// `-p`: the folder in which relative paths begin.
    pub prefix: Option<PathBuf>,
    /// `--socket`: the control socket.
    pub socket: Option<PathBuf>,
    /// `--json`: what the server answers is printed as it is.
    pub json: bool,
}

/// The commands, each with its line in the help.
const COMMANDS: [(&str, &str); 15] = [
    ("status", "the server: its version, since when it runs, its traffic"),
    ("list", "the streams"),
    ("clients", "the clients: publishers and players"),
    ("kick ID|STREAM", "end a client, or the publisher of a stream (--who: others of it)"),
    ("redirect ID NAME", "move a publisher or player to another stream of its application"),
    ("bans", "the addresses that are banned"),
    ("ban ADDRESS TIME [STREAM]", "ban an address or a network, from all streams or one"),
    ("unban ID", "lift a ban"),
    ("record start STREAM [RECORDER]", "start a recorder of a stream"),
    ("record stop STREAM [RECORDER]", "stop it"),
    ("relays", "the streams that go to other servers, or come from them"),
    ("push STREAM URL", "publish a stream to another server, too (URL -: from stdin)"),
    ("pull STREAM URL", "publish a stream of another server here"),
    ("unrelay ID", "end a push or a pull"),
    ("reload", "read the configuration again, and say what is wrong with it"),
];

/// The clients of a stream that may be kicked.
const WHO: [&str; 4] = ["publisher", "players", "viewers", "all"];

fn options() -> Options {
    let mut options = Options::new();
    options.optflag("h", "help", "print this and exit");
    options.optopt("c", "", "the configuration of the server (default: the one built in)", "file");
    options.optopt("p", "", "the folder in which relative paths begin (default: the current one)", "prefix");
    options.optopt("", "socket", "the server's control socket (default: that of the configuration)", "path");
    options.optflag("", "json", "print what the server answers, in JSON");
    options.optopt("", "ban", "with kick: ban the address from the stream, too", "time");
    options.optopt("", "why", "with kick and ban: the reason, for the log and the client", "text");
    options.optopt("", "who", "with kick STREAM: whom to end (default: the publisher)", &WHO.join("|"));
    options
}

/// The text of `-h`.
pub fn usage() -> String {
    let brief = "Usage: millstream ctl [-c file] [--json] command\n\nCommands (a STREAM is APPLICATION/NAME, such as live/cam; a TIME is such as 90s, 10m or 1d):";
    let commands: String = COMMANDS.iter().map(|(name, text)| format!("\n    {name:<31} {text}")).collect();
    options().usage(&format!("{brief}{commands}"))
}

/// Reads the arguments behind `ctl`; an error is for the user to read.
pub fn parse(args: &[String]) -> Result<ControlLine, String> {
    let matches = options().parse(args).map_err(|fail| explain(&fail, "ctl -h"))?;
    let words: Vec<&str> = matches.free.iter().map(String::as_str).collect();
    let given = |name: &str| matches.opt_str(name);
    let command = match *words.as_slice() {
        _ if matches.opt_present("h") => Command::Help,
        [] => return Err("ctl needs a command, such as list; ctl -h lists all".to_owned()),
        ["status"] => Command::Status,
        ["list"] => Command::List,
        ["clients"] => Command::Clients,
        ["bans"] => Command::Bans,
        ["kick", whom] => {
            let whom = match whom.trim_start_matches('#').parse() {
                Ok(id) => Whom::Client(id),
                Err(_) => Whom::Stream(StreamArgument::parse(whom)?),
            };
            let who = given("who");
            if let Some(who) = who.as_ref().filter(|who| !WHO.contains(&who.as_str())) {
                return Err(format!("--who is {}, not \"{}\"", WHO.join(" or "), plain(who)));
            }
            Command::Kick { whom, ban: given("ban"), why: given("why"), who }
        }
        ["redirect", id, name] => Command::Redirect { id: number(id, "client")?, name: name.to_owned() },
        ["ban", address, time, ref rest @ ..] if rest.len() <= 1 => {
            let stream = rest.first().map(|stream| StreamArgument::parse(stream)).transpose()?;
            let stream = stream.map(|stream| format!("{}/{}", stream.app, stream.name));
            Command::Ban { address: address.to_owned(), time: time.to_owned(), stream, why: given("why") }
        }
        ["unban", id] => Command::Unban { id: number(id, "ban")? },
        ["record", verb @ ("start" | "stop"), stream, ref rest @ ..] if rest.len() <= 1 => Command::Record {
            start: verb == "start",
            stream: StreamArgument::parse(stream)?,
            recorder: rest.first().map(|&recorder| recorder.to_owned()),
        },
        ["relays"] => Command::Relays,
        [verb @ ("push" | "pull"), stream, ref url @ ..] if !url.is_empty() => {
            let (stream, url) = (StreamArgument::parse(stream)?, Url(url.join(" ")));
            Command::Relay { push: verb == "push", stream, url }
        }
        ["unrelay", id] => Command::Unrelay { id: number(id, "relay")? },
        ["reload"] => Command::Reload,
        [first, ..] => return Err(misused(first)),
    };
    for (option, has_it) in [
        ("ban", matches!(command, Command::Kick { .. } | Command::Help)),
        ("why", matches!(command, Command::Kick { .. } | Command::Ban { .. } | Command::Help)),
        ("who", matches!(command, Command::Kick { whom: Whom::Stream(_), .. } | Command::Help)),
    ] {
        if matches.opt_present(option) && !has_it {
            return Err(format!(
                "--{option} has no meaning with {}; ctl -h lists the options",
                words.join(" ")
            ));
        }
    }
    let path = |name: &str| matches.opt_str(name).map(PathBuf::from);
    let (file, prefix, socket) = (path("c"), path("p"), path("socket"));
    Ok(ControlLine { command, file, prefix, socket, json: matches.opt_present("json") })
}

/// The error for a command with wrong arguments, or for an unknown one.
fn misused(word: &str) -> String {
    let same: Vec<_> =
        COMMANDS.iter().map(|(name, _)| *name).filter(|name| name.split(' ').next() == Some(word)).collect();
    if same.is_empty() {
        format!("ctl has no command \"{word}\"; ctl -h lists all")
    } else {
        format!("the command is: millstream ctl {}", same.join(", or "))
    }
}

fn number<T: std::str::FromStr>(text: &str, of: &str) -> Result<T, String> {
    let why = || format!("a {of} is named by its number, which \"ctl {of}s\" shows, not \"{text}\"");
    text.trim_start_matches('#').parse().map_err(|_| why())
}

impl StreamArgument {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('/').filter(|(app, name)| !app.is_empty() && !name.is_empty());
        let (app, name) = parts.ok_or_else(|| {
            format!(
                "a stream is APPLICATION/NAME, such as live/cam, which \"ctl list\" shows, not \"{text}\""
            )
        })?;
        Ok(Self { app: app.to_owned(), name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<ControlLine, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn stream() -> StreamArgument {
        StreamArgument { app: "live".into(), name: "cam".into() }
    }

    #[test]
    fn commands_are_read_with_their_arguments() {
        let command = |line: &str| read(line).unwrap().command;
        let client = Whom::Client(7);
        assert_eq!(command("list"), Command::List);
        for line in ["kick 7", "kick #7"] {
            assert_eq!(
                command(line),
                Command::Kick { whom: client.clone(), ban: None, why: None, who: None }
            );
        }
        assert_eq!(
            command("kick live/cam --ban 10m --who all"),
            Command::Kick {
                whom: Whom::Stream(stream()),
                ban: Some("10m".into()),
                why: None,
                who: Some("all".into())
            }
        );
        assert_eq!(
            command("record stop live/cam daily"),
            Command::Record { start: false, stream: stream(), recorder: Some("daily".into()) }
        );
        let ban = |stream: Option<&str>| Command::Ban {
            address: "192.0.2.7".into(),
            time: "1d".into(),
            stream: stream.map(str::to_owned),
            why: None,
        };
        assert_eq!(command("ban 192.0.2.7 1d"), ban(None));
        assert_eq!(command("ban 192.0.2.7 1d live/cam"), ban(Some("live/cam")));
        assert_eq!(command("unrelay 3"), Command::Unrelay { id: 3 });
        let url = Url("rtmp://a/live/key".into());
        assert_eq!(format!("{url:?}"), "Url(***)");
        assert_eq!(
            command("push live/cam rtmp://a/live/key"),
            Command::Relay { push: true, stream: stream(), url }
        );
        let url = Url("rtmps://a/live fingerprint=12".into());
        assert_eq!(
            command("pull live/cam rtmps://a/live fingerprint=12"),
            Command::Relay { push: false, stream: stream(), url }
        );
        assert_eq!(command("-h"), Command::Help);
        let line = read("-c a.conf --socket /run/a.sock --json bans").unwrap();
        assert_eq!(
            (line.file, line.socket, line.json),
            (Some("a.conf".into()), Some("/run/a.sock".into()), true)
        );
    }

    #[test]
    fn an_error_says_what_the_command_is() {
        for (line, expected) in [
            ("", "ctl needs a command, such as list; ctl -h lists all"),
            ("lst", "ctl has no command \"lst\"; ctl -h lists all"),
            ("kick", "the command is: millstream ctl kick ID|STREAM"),
            (
                "kick cam",
                "a stream is APPLICATION/NAME, such as live/cam, which \"ctl list\" shows, not \"cam\"",
            ),
            ("push live/cam", "the command is: millstream ctl push STREAM URL"),
            ("unrelay x", "a relay is named by its number, which \"ctl relays\" shows, not \"x\""),
            ("unban x", "a ban is named by its number, which \"ctl bans\" shows, not \"x\""),
            (
                "record live/cam",
                "the command is: millstream ctl record start STREAM [RECORDER], or record stop STREAM [RECORDER]",
            ),
            ("list --ban 10m", "--ban has no meaning with list; ctl -h lists the options"),
            ("kick 7 --who all", "--who has no meaning with kick 7; ctl -h lists the options"),
            ("kick live/cam --who me", "--who is publisher or players or viewers or all, not \"me\""),
            ("list --all", "there is no option --all; ctl -h lists them"),
            ("list --without-help", "there is no option --without-help; ctl -h lists them"),
            ("list --ban", "--ban takes an argument; ctl -h says which"),
        ] {
            assert_eq!(read(line).unwrap_err(), expected, "{line}");
        }
        assert!(usage().lines().all(|line| line.chars().count() <= 100), "{}", usage());
    }
}
