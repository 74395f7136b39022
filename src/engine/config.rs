//! The checked configuration as the engine and the modules read it: servers, applications, locations.
//!
//! Ids are positions in these lists. A module reads its own directives through each [`Scope`] in
//! [`Module::configure`](super::Module::configure) and keeps plain values, indexed by those ids.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::conf::{Context, Error, Node, Scope};
use crate::rtmp::chunk::{Chunking, Extended, ExtendedHabit};

/// An RTMP application: a position in [`Config::applications`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppId(pub usize);

/// An HTTP location: a position in [`Config::locations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationId(pub usize);

/// A whole configuration, borrowed from its tree.
#[derive(Debug)]
pub struct Config<'t> {
    /// Every `application` of every RTMP server, in the order of the file.
    pub applications: Vec<Application<'t>>,
    /// Every `location` of every HTTP server; a server without one for "/" has the server block as such.
    pub locations: Vec<Location<'t>>,
    /// Every `listen` of every server.
    pub listeners: Vec<Listener>,
    /// The session settings of each RTMP server.
    pub(super) servers: Vec<ServerSettings>,
}

/// One `application` block.
#[derive(Debug)]
pub struct Application<'t> {
    /// The name that `connect` asks for.
    pub name: String,
    /// The position of its RTMP server among the servers.
    pub server: usize,
    /// Its directives, with those inherited from `server` and `rtmp`.
    pub scope: Scope<'t>,
}

/// One `location` block.
#[derive(Debug)]
pub struct Location<'t> {
    /// The path it matches: exactly, or as a prefix.
    pub path: String,
    /// Whether it was written `location = /path`.
    pub exact: bool,
    /// The position of its HTTP server among the servers.
    pub server: usize,
    /// Its directives, with those inherited from `server` and `http`.
    pub scope: Scope<'t>,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RTMP.
    Rtmp,
    /// HTTP.
    Http,
}

/// One address to accept connections on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The address.
    pub address: SocketAddr,
    /// The position of the server among those of its protocol.
    pub server: usize,
    /// Whether an IPv6 address is for IPv6 only.
    pub ipv6_only: bool,
    /// Where the configuration says so: "file:line".
    pub origin: String,
}

/// What bounds the sessions of one RTMP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerSettings {
    pub rtmp: crate::rtmp::server::Settings,
    pub timeout: Duration,
    pub ping: Duration,
    pub ping_timeout: Duration,
    /// Whether a silent client is closed in place of being asked.
    pub busy: bool,
    pub out_queue: usize,
    /// Messages at which held frames are sent, whatever `buffer` says.
    pub out_cork: usize,
}

impl<'t> Config<'t> {
    /// Reads the blocks of a checked configuration.
    pub fn new(root: &Scope<'t>) -> Result<Self, Error> {
        let mut config = Self {
            applications: Vec::new(),
            locations: Vec::new(),
            listeners: Vec::new(),
            servers: Vec::new(),
        };
        for rtmp in root.blocks("rtmp") {
            for server in rtmp.blocks("server") {
                config.add_rtmp_server(&server)?;
            }
        }
        for http in root.blocks("http") {
            for (index, server) in http.blocks("server").enumerate() {
                config.add_listeners(Protocol::Http, index, 80, &server)?;
                config.add_locations(index, &server)?;
            }
        }
        Ok(config)
    }

    fn add_rtmp_server(&mut self, scope: &Scope<'t>) -> Result<(), Error> {
        let server = self.servers.len();
        self.servers.push(ServerSettings::new(scope)?);
        self.add_listeners(Protocol::Rtmp, server, 1935, scope)?;
        for application in scope.blocks("application") {
            let node = application.node();
            let name = node.args.first().cloned().unwrap_or_default();
            if self.applications.iter().any(|other| other.server == server && other.name == name) {
                return Err(Error::at(node, format!("application \"{name}\" stands in this server twice")));
            }
            self.applications.push(Application { name, server, scope: application });
        }
        Ok(())
    }

    fn add_locations(&mut self, server: usize, scope: &Scope<'t>) -> Result<(), Error> {
        let first = self.locations.len();
        for location in scope.blocks("location") {
            let node = location.node();
            let path = node.args.last().cloned().unwrap_or_default();
            let exact = node.args.first().is_some_and(|arg| arg == "=");
            if self.locations[first..].iter().any(|other| other.path == path && other.exact == exact) {
                return Err(Error::at(node, format!("location \"{path}\" stands in this server twice")));
            }
            self.locations.push(Location { path, exact, server, scope: location });
        }
        // What no location matches is served as the server itself says.
        if !self.locations[first..].iter().any(|location| location.path == "/" && !location.exact) {
            let scope = scope.read_as(Context::Location);
            self.locations.push(Location { path: "/".into(), exact: false, server, scope });
        }
        Ok(())
    }

    fn add_listeners(
        &mut self,
        protocol: Protocol,
        server: usize,
        default_port: u16,
        scope: &Scope<'t>,
    ) -> Result<(), Error> {
        let mut any = false;
        for node in scope.own("listen") {
            any = true;
            self.add_listener(protocol, server, default_port, node)?;
        }
        if !any {
            let node = scope.node();
            let origin = format!("{}:{}", node.file, node.line);
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), default_port);
            self.listeners.push(Listener { protocol, address, server, ipv6_only: true, origin });
        }
        Ok(())
    }

    fn add_listener(
        &mut self,
        protocol: Protocol,
        server: usize,
        default_port: u16,
        node: &Node,
    ) -> Result<(), Error> {
        let text = node.args.first().map(String::as_str).unwrap_or_default();
        let ipv6_only = !node.args.iter().any(|arg| arg == "ipv6only=off");
        let origin = format!("{}:{}", node.file, node.line);
        for address in resolve(text, default_port).map_err(|why| Error::at(node, why))? {
            let taken = |other: &&Listener| other.address == address && address.port() != 0;
            if let Some(other) = self.listeners.iter().find(taken) {
                let message = format!("{address} is already listened on, by {}", other.origin);
                return Err(Error::at(node, message));
            }
            self.listeners.push(Listener { protocol, address, server, ipv6_only, origin: origin.clone() });
        }
        Ok(())
    }
}

impl ServerSettings {
    /// Messages at which a session that does not read is given up: frames stop at half of it, so this
    /// is reached by answers and headers only.
    pub(super) fn longest_queue(&self) -> usize {
        2 * self.out_queue
    }

    fn new(scope: &Scope<'_>) -> Result<Self, Error> {
        let longest = scope.size("max_message");
        let message = u32::try_from(longest).ok().filter(|&size| (1024..=0x100_0000).contains(&size));
        let Some(message) = message else {
            let node = scope.find("max_message").unwrap_or(scope.node());
            return Err(Error::at(node, format!("\"max_message\" is from 1k to 16m, not {longest} bytes")));
        };
        let message = message.min(0xff_ffff);
        let limits = crate::rtmp::chunk::Limits {
            message,
            streams: scope.number("max_streams") as usize,
            // One message and what may be interleaved with it.
            held: message as usize + (1 << 20),
        };
        Ok(Self {
            rtmp: crate::rtmp::server::Settings {
                chunking: Chunking {
                    size: scope.number("chunk_size") as u32,
                    extended: if scope.flag("play_time_fix") { Extended::Repeated } else { Extended::Once },
                },
                ack_window: scope.number("ack_window") as u32,
                extended_habit: if scope.flag("publish_time_fix") {
                    ExtendedHabit::Unknown
                } else {
                    ExtendedHabit::Omits
                },
                limits,
            },
            timeout: or_never(scope.time("timeout")),
            ping: or_never(scope.time("ping")),
            ping_timeout: or_never(scope.time("ping_timeout")),
            busy: scope.flag("busy"),
            out_queue: scope.number("out_queue") as usize,
            out_cork: match scope.number("out_cork") {
                0 => scope.number("out_queue") as usize / 8,
                messages => messages as usize,
            },
        })
    }
}

/// A wait of zero is one without an end, or with one that nobody sees.
pub(super) fn or_never(time: Duration) -> Duration {
    const NEVER: Duration = Duration::from_secs(100 * 366 * 86_400);
    if time.is_zero() { NEVER } else { time }
}

/// How `listen` is written.
pub(super) const LISTEN_SYNTAX: &str = "address:port|address|port [ipv6only=on|off] ...";

/// nginx's options of `listen` that mean nothing here, or are how it is anyway.
const LISTEN_OPTIONS: [&str; 9] = [
    "default_server",
    "bind",
    "reuseport",
    "deferred",
    "so_keepalive=",
    "backlog=",
    "rcvbuf=",
    "sndbuf=",
    "ipv6only=",
];

/// Checks the arguments of `listen`, but for names, which are looked up at the start.
pub(super) fn check_listen(args: &[String]) -> Result<(), String> {
    let Some((address, options)) = args.split_first() else { return Err("an address or a port".into()) };
    for option in options {
        if option == "ssl" || option == "proxy_protocol" || option == "http2" {
            return Err(format!("\"{option}\", which is not built yet"));
        }
        let known = |known: &&str| option == *known || known.ends_with('=') && option.starts_with(*known);
        if !LISTEN_OPTIONS.iter().any(known) {
            return Err(format!("no option \"{option}\""));
        }
    }
    if address.starts_with("unix:") {
        return Err("a Unix socket, which is not built yet".into());
    }
    split_address(address, 0).map(|_| ())
}

/// Splits "host:port", "host" or "port"; the host "*" or none is every IPv4 address.
fn split_address(text: &str, default_port: u16) -> Result<(&str, u16), String> {
    let bad = || format!("\"{text}\" is not an address, a port, or both with a colon between");
    let port = |digits: &str| digits.parse::<u16>().map_err(|_| format!("\"{digits}\" is not a port"));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(("*", port(text)?));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, port(digits)?)),
            None if rest.is_empty() => Ok((host, default_port)),
            None => Err(bad()),
        };
    }
    match text.split_once(':') {
        Some((host, digits)) if !host.is_empty() => Ok((host, port(digits)?)),
        Some(_) => Err(bad()),
        None => Ok((text, default_port)),
    }
}

/// All addresses that are meant: a name may have several.
fn resolve(text: &str, default_port: u16) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = split_address(text, default_port)?;
    if host == "*" {
        return Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)]);
    }
    let found = (host, port).to_socket_addrs().map_err(|error| format!("host \"{host}\": {error}"))?;
    let mut addresses: Vec<_> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() { Err(format!("host \"{host}\" has no address")) } else { Ok(addresses) }
}

/// Checks the arguments of `location`.
pub(super) fn check_location(args: &[String]) -> Result<(), String> {
    match args {
        [path] if path.starts_with('/') => Ok(()),
        [modifier, path] if modifier == "=" || modifier == "^~" => {
            if path.starts_with('/') {
                Ok(())
            } else {
                Err("a path that begins with /".into())
            }
        }
        [modifier, _] if modifier.starts_with('~') => {
            Err("a regular expression, which is not built yet".into())
        }
        _ => Err("a path that begins with /".into()),
    }
}

/// Checks the arguments of `error_log`.
pub(super) fn check_error_log(args: &[String]) -> Result<(), String> {
    match args {
        [_] => Ok(()),
        [_, level] if log_level(level).is_some() => Ok(()),
        [_, level] => Err(format!("no level \"{level}\"")),
        _ => Err("a file and perhaps a level".into()),
    }
}

/// The level that nginx's word means.
pub fn log_level(word: &str) -> Option<log::LevelFilter> {
    Some(match word {
        "trace" => log::LevelFilter::Trace,
        "debug" => log::LevelFilter::Debug,
        "info" | "notice" => log::LevelFilter::Info,
        "warn" => log::LevelFilter::Warn,
        "error" | "crit" | "alert" | "emerg" => log::LevelFilter::Error,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_nginx_has_them() {
        for (text, address) in [
            ("1935", "0.0.0.0:1935"),
            ("*:80", "0.0.0.0:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("127.0.0.1", "127.0.0.1:7"),
            ("[::]:1935", "[::]:1935"),
            ("[::1]", "[::1]:7"),
        ] {
            assert_eq!(resolve(text, 7), Ok(vec![address.parse().unwrap()]), "{text}");
        }
        for text in ["65536", "[::1", "[::1]x", ":80", "host:port", "1.2.3.4:99999"] {
            assert!(split_address(text, 7).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_that_nginx_would_take_is_taken_and_serves_what_no_location_matches() {
        let modules = crate::modules::table();
        let text = "http { error_log off; server { server_name localhost; root /srv; error_page 404 /x;
            location /hls { } location = / { } } }";
        let tree = crate::conf::Tree::from_text("f", text).unwrap();
        let table = super::super::directive_table(&modules);
        crate::conf::check(&tree, &table).unwrap();
        let config = Config::new(&Scope::root(&tree, &table)).unwrap();
        let locations = config.locations.iter().map(|l| (l.path.as_str(), l.exact, l.scope.text("root")));
        let locations: Vec<_> = locations.collect();
        let root = || "/srv".to_owned();
        assert_eq!(locations, [("/hls", false, root()), ("/", true, root()), ("/", false, root())]);
    }
}
