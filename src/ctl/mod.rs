//! `millstream ctl`: asks a running server by its control socket what it does, and has it do something.
//!
//! It speaks the API of docs/openapi.json over that socket and prints tables for people; with `--json`, what the server
//! has said.

mod client;
mod options;
mod relays;
mod show;
mod table;
mod values;

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use millstream::conf::Tree;
use serde_json::{Map, Value};

use crate::control;
use crate::options::CommandLine;
use client::{Refusal, Request, Server, path};
use options::{Command, ControlLine, StreamArgument, Whom};

/// Does what the arguments behind `ctl` say.
pub fn run(args: &[String]) -> Result<(), String> {
    let mut line = options::parse(args)?;
    if line.command == Command::Help {
        return print(&format!("{}\n", options::usage()));
    }
    let server = find_server(&line)?;
    read_url(&mut line.command)?;
    let answer = server.ask(&request(&line.command)).map_err(|refusal| explain(&line.command, refusal))?;
    print(&if line.json { answer.text } else { show::answer(&line.command, &answer.value) })
}

/// Reads the URL of a relay from standard input if it is "-": other users of the machine see the command line.
fn read_url(command: &mut Command) -> Result<(), String> {
    let Command::Relay { url, .. } = command else { return Ok(()) };
    if url.0 == "-" {
        url.0.clear();
        io::stdin().read_line(&mut url.0).map_err(|error| format!("standard input: {error}"))?;
        url.0 = url.0.trim().to_owned();
        if url.0.is_empty() {
            return Err("no URL on standard input".to_owned());
        }
    }
    if url.0.is_empty() { Err("the URL is empty".to_owned()) } else { Ok(()) }
}

/// Prints a text. Nobody need read it to its end: `millstream ctl clients | head`.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// Why a command has failed, with the command that shows what there is.
fn explain(command: &Command, Refusal { why, is_unknown }: Refusal) -> String {
    let list = match command {
        Command::Kick { whom: Whom::Client(_), .. } | Command::Redirect { .. } => "clients",
        Command::Kick { whom: Whom::Stream(_), .. } => "list",
        // Where the stream is there, the error names its recorders.
        Command::Record { .. } if why.starts_with("there is no stream") => "list",
        Command::Unban { .. } => "bans",
        Command::Unrelay { .. } => "relays",
        Command::Relay { push: true, .. } => "list",
        _ => return why,
    };
    if is_unknown { format!("{why}; \"millstream ctl {list}\" shows what there is") } else { why }
}

/// The request for a command.
fn request(command: &Command) -> Request {
    match command {
        Command::Help | Command::Status => Request::get("/status"),
        Command::List => Request::get("/streams"),
        Command::Clients => Request::get("/clients"),
        Command::Bans => Request::get("/bans"),
        Command::Kick { whom, ban, why, who } => {
            let at = match whom {
                Whom::Client(id) => format!("/clients/{id}/kick"),
                Whom::Stream(stream) => stream_path(stream, "kick"),
            };
            Request::post(at, body(&[("ban", ban.as_ref()), ("why", why.as_ref()), ("who", who.as_ref())]))
        }
        Command::Redirect { id, name } => {
            Request::post(format!("/clients/{id}/redirect"), body(&[("name", Some(name))]))
        }
        Command::Ban { address, time, stream, why } => {
            let fields = [("address", Some(address)), ("time", Some(time)), ("stream", stream.as_ref())];
            Request::post("/bans", body(&[fields.as_slice(), &[("why", why.as_ref())]].concat()))
        }
        Command::Unban { id } => Request { method: "DELETE", path: format!("/bans/{id}"), body: None },
        Command::Record { start, stream, recorder } => {
            let action = if *start { "start" } else { "stop" }.to_owned();
            let fields = [("action", Some(&action)), ("recorder", recorder.as_ref())];
            Request::post(stream_path(stream, "record"), body(&fields))
        }
        Command::Relays => Request::get("/relays"),
        Command::Relay { push, stream, url } => {
            let verb = if *push { "push" } else { "pull" };
            Request::post(stream_path(stream, verb), body(&[("url", Some(&url.0))]))
        }
        Command::Unrelay { id } => Request { method: "DELETE", path: format!("/relays/{id}"), body: None },
        Command::Reload => Request::post("/reload", body(&[])),
    }
}

fn stream_path(stream: &StreamArgument, verb: &str) -> String {
    path(&["streams", &stream.app, &stream.name, verb])
}

/// An object with the fields that are given.
fn body(fields: &[(&str, Option<&String>)]) -> Value {
    let given =
        fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), Value::from((*value)?.as_str()))));
    Value::Object(given.collect::<Map<_, _>>())
}

/// Connects to the server that a command line means.
fn find_server(line: &ControlLine) -> Result<Server, String> {
    if let Some(socket) = &line.socket {
        return Server::find(std::slice::from_ref(socket))
            .map_err(|why| format!("no server answers at {why}"));
    }
    let mut whole =
        CommandLine { file: line.file.clone(), prefix: line.prefix.clone(), ..CommandLine::default() };
    whole.enter_prefix()?;
    let paths = match &whole.file {
        Some(file) => vec![configured_path(file)?],
        None => control::usual_paths(),
    };
    Server::find(&paths).map_err(|looked| match &whole.file {
        Some(file) => {
            format!("no server of {} answers; looked at {looked}\nIs it running? {WHICH}", file.display())
        }
        None if control::has_usual_place() => format!("no server answers; looked at {looked}\n{HOW}"),
        None => {
            let why = control::NO_FOLDER;
            format!("no server answers; looked at {looked}\nThere is no other usual place: {why}.\n{HOW}")
        }
    })
}

const HOW: &str = "Is it running? One with a configuration is found with the same -c FILE. A log has the line \"control socket: \
                   unix:PATH\": --socket PATH finds that one, also of another user.";
const WHICH: &str = "If its log has the line \"control socket: unix:PATH\", --socket PATH finds it.";

/// The control socket of a configuration, which may have errors.
fn configured_path(file: &Path) -> Result<PathBuf, String> {
    let tree = Tree::load(file).map_err(|error| error.to_string())?;
    let word = |name: &str| {
        let nodes = tree.root().children.iter().flatten();
        nodes.filter(|node| node.name == name).find_map(|node| node.args.first()).cloned()
    };
    control::configured_path(word("control_socket").as_deref(), word("pid").as_deref())
        .map_err(|why| format!("{}: {why}", file.display()))
}
