//! What a request asks for: by its method, and its path below the location's.

use crate::engine::{Ctx, StreamId, stream_name};
use crate::http::Method;

use super::reply::Fault;

/// A request that the API knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Read(Read),
    Act(Act),
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// What there is to ask for.
    Index,
    Status,
    Streams,
    Stream(StreamPath),
    Clients,
    Client(u32),
    Bans,
    Recorders,
    Relays,
    Relay(u64),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    KickClient(u32),
    KickStream(StreamPath),
    Redirect(u32),
    Record(StreamPath),
    Push(StreamPath),
    Pull(StreamPath),
    EndRelay(u64),
    Ban,
    Lift(u64),
    Reload,
}

/// A stream as a path names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPath {
    pub app: String,
    pub name: String,
}

const READS: &str = "GET, HEAD";
const POSTS: &str = "POST";

impl Call {
    /// What is asked for at a path below `base`, which ends with a slash; the base without it stands for itself.
    pub fn of(base: &str, path: &str, method: &Method) -> Result<Self, Fault> {
        let is_base = path == base.trim_end_matches('/');
        let Some(rest) = path.strip_prefix(base).or(is_base.then_some("")) else {
            return Err(no_path());
        };
        let rest = rest.trim_end_matches('/');
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let verb = Verb::of(method);
        match *parts.as_slice() {
            [] => verb.read(Read::Index),
            ["status"] => verb.read(Read::Status),
            ["streams"] => verb.read(Read::Streams),
            ["streams", ref stream @ .., "kick"] if is_stream(stream) => {
                verb.post(Act::KickStream(StreamPath::of(stream)))
            }
            ["streams", ref stream @ .., "record"] if is_stream(stream) => {
                verb.post(Act::Record(StreamPath::of(stream)))
            }
            ["streams", ref stream @ .., "push"] if is_stream(stream) => {
                verb.post(Act::Push(StreamPath::of(stream)))
            }
            ["streams", ref stream @ .., "pull"] if is_stream(stream) => {
                verb.post(Act::Pull(StreamPath::of(stream)))
            }
            ["streams", ref stream @ ..] if is_stream(stream) => {
                verb.read(Read::Stream(StreamPath::of(stream)))
            }
            ["clients"] => verb.read(Read::Clients),
            ["clients", id] => {
                let id = number(id, "client")?;
                match verb {
                    Verb::Read => Ok(Self::Read(Read::Client(id))),
                    Verb::Delete => Ok(Self::Act(Act::KickClient(id))),
                    Verb::Post | Verb::Other => Err(Fault::method("GET, HEAD, DELETE")),
                }
            }
            ["clients", id, "kick"] => verb.post(Act::KickClient(number(id, "client")?)),
            ["clients", id, "redirect"] => verb.post(Act::Redirect(number(id, "client")?)),
            ["bans"] => match verb {
                Verb::Read => Ok(Self::Read(Read::Bans)),
                Verb::Post => Ok(Self::Act(Act::Ban)),
                Verb::Delete | Verb::Other => Err(Fault::method("GET, HEAD, POST")),
            },
            ["bans", id] => match verb {
                Verb::Delete => Ok(Self::Act(Act::Lift(number(id, "ban")?))),
                Verb::Read | Verb::Post | Verb::Other => Err(Fault::method("DELETE")),
            },
            ["recorders"] => verb.read(Read::Recorders),
            ["relays"] => verb.read(Read::Relays),
            ["relays", id] => {
                let id = number(id, "relay")?;
                match verb {
                    Verb::Read => Ok(Self::Read(Read::Relay(id))),
                    Verb::Delete => Ok(Self::Act(Act::EndRelay(id))),
                    Verb::Post | Verb::Other => Err(Fault::method("GET, HEAD, DELETE")),
                }
            }
            ["reload"] => verb.post(Act::Reload),
            _ => Err(no_path()),
        }
    }
}

fn no_path() -> Fault {
    Fault::not_found("there is no such path; GET of the API's own path lists all")
}

/// The methods that make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Read,
    Post,
    Delete,
    Other,
}

impl Verb {
    fn of(method: &Method) -> Self {
        match method {
            Method::Get | Method::Head => Self::Read,
            Method::Other(token) if token == "POST" => Self::Post,
            Method::Other(token) if token == "DELETE" => Self::Delete,
            Method::Options | Method::Other(_) => Self::Other,
        }
    }

    fn read(self, read: Read) -> Result<Call, Fault> {
        if self == Self::Read { Ok(Call::Read(read)) } else { Err(Fault::method(READS)) }
    }

    fn post(self, act: Act) -> Result<Call, Fault> {
        if self == Self::Post { Ok(Call::Act(act)) } else { Err(Fault::method(POSTS)) }
    }
}

/// Whether these parts name a stream: an application, whose name may have slashes, and a name.
fn is_stream(parts: &[&str]) -> bool {
    parts.len() >= 2
}

impl StreamPath {
    /// Its streams, one for each server that has the application, and behind them the files of its name that are played.
    /// None is an error.
    pub fn find(&self, cx: &Ctx) -> Result<Vec<StreamId>, Fault> {
        let name = stream_name(&self.name);
        let name = name.map_err(|why| Fault::not_found(format!("there is no such stream: {why}")))?;
        let apps = || cx.apps.iter().filter(|(_, app)| app.name == self.app);
        let streams = apps().filter_map(|(app, _)| cx.streams.find(app, &name));
        let files = apps().filter_map(|(app, _)| cx.streams.find_file(app, &name));
        let streams: Vec<_> = streams.chain(files).map(|stream| stream.id).collect();
        if streams.is_empty() {
            let why = format!("there is no stream {}/{name} now", self.app.escape_debug());
            return Err(Fault::not_found(why));
        }
        Ok(streams)
    }

    fn of(parts: &[&str]) -> Self {
        let (name, app) = parts.split_last().unwrap_or((&"", &[]));
        Self { app: app.join("/"), name: (*name).to_owned() }
    }
}

fn number<T: std::str::FromStr>(text: &str, of: &str) -> Result<T, Fault> {
    let number = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok());
    number.ok_or_else(|| Fault::not_found(format!("a {of} is named by its number, as the list has it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Result<Call, String> {
        let (method, path) = line.split_once(' ').unwrap();
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "OPTIONS" => Method::Options,
            other => Method::Other(other.to_owned()),
        };
        Call::of("/api/", path, &method).map_err(|fault| format!("{fault:?}"))
    }

    fn stream(app: &str, name: &str) -> StreamPath {
        StreamPath { app: app.into(), name: name.into() }
    }

    #[test]
    fn a_method_and_a_path_say_what_is_asked_for() {
        for (line, expected) in [
            ("GET /api", Call::Read(Read::Index)),
            ("GET /api/", Call::Read(Read::Index)),
            ("HEAD /api/status", Call::Read(Read::Status)),
            ("GET /api/streams/", Call::Read(Read::Streams)),
            ("GET /api/streams/live/cam", Call::Read(Read::Stream(stream("live", "cam")))),
            ("GET /api/streams/live/a b", Call::Read(Read::Stream(stream("live", "a b")))),
            ("GET /api/streams/a/b/cam", Call::Read(Read::Stream(stream("a/b", "cam")))),
            ("GET /api/streams/live/kick", Call::Read(Read::Stream(stream("live", "kick")))),
            ("POST /api/streams/live/kick/kick", Call::Act(Act::KickStream(stream("live", "kick")))),
            ("POST /api/streams/live/cam/record", Call::Act(Act::Record(stream("live", "cam")))),
            ("GET /api/clients", Call::Read(Read::Clients)),
            ("GET /api/clients/7", Call::Read(Read::Client(7))),
            ("DELETE /api/clients/7", Call::Act(Act::KickClient(7))),
            ("POST /api/clients/7/kick", Call::Act(Act::KickClient(7))),
            ("POST /api/clients/7/redirect", Call::Act(Act::Redirect(7))),
            ("GET /api/bans", Call::Read(Read::Bans)),
            ("POST /api/bans", Call::Act(Act::Ban)),
            ("DELETE /api/bans/3", Call::Act(Act::Lift(3))),
            ("GET /api/recorders", Call::Read(Read::Recorders)),
            ("POST /api/streams/live/cam/push", Call::Act(Act::Push(stream("live", "cam")))),
            ("POST /api/streams/a/b/cam/pull", Call::Act(Act::Pull(stream("a/b", "cam")))),
            ("GET /api/relays", Call::Read(Read::Relays)),
            ("GET /api/relays/7", Call::Read(Read::Relay(7))),
            ("DELETE /api/relays/7", Call::Act(Act::EndRelay(7))),
            ("POST /api/reload", Call::Act(Act::Reload)),
        ] {
            assert_eq!(call(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_acts_is_not_done_by_get_and_unknown_paths_are_404() {
        for (line, status) in [
            ("GET /api/reload", 405),
            ("OPTIONS /api/reload", 405),
            ("DELETE /api/reload", 405),
            ("GET /api/clients/7/kick", 405),
            ("HEAD /api/clients/7/kick", 405),
            ("POST /api/clients/7", 405),
            ("PUT /api/bans", 405),
            ("DELETE /api/bans", 405),
            ("POST /api/streams/live/cam", 405),
            ("POST /api/relays", 405),
            ("POST /api/relays/7", 405),
            ("DELETE /api/relays/x", 404),
            ("post /api/reload", 405),
            ("GET /api/nothing", 404),
            ("GET /apixyz", 404),
            ("GET /api-docs/streams", 404),
            ("POST /apireload", 404),
            ("GET /api/streams/live", 404),
            ("GET /api/clients/+7", 404),
            ("GET /api/clients/x", 404),
            ("GET /api/clients/4294967296", 404),
            ("DELETE /api/bans/-1", 404),
        ] {
            let fault = call(line).unwrap_err();
            assert!(fault.contains(&format!("status: {status}")), "{line}: {fault}");
        }
    }
}
