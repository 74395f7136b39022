//! The checked configuration as the engine and the modules read it: servers, applications, locations, listeners.
//!
//! Ids are positions in these lists. A module reads its own directives through each [`Scope`] in
//! [`Module::configure`](crate::engine::Module::configure), and keeps plain values by those ids. Reading opens nothing.

pub(in crate::engine) mod by_app;
pub(in crate::engine) mod directives;
pub(in crate::engine) mod features;
pub(in crate::engine) mod listen;
pub(in crate::engine) mod listener;
pub(in crate::engine) mod network;
pub(in crate::engine) mod policy;
pub(in crate::engine) mod probe;
pub(in crate::engine) mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::conf::{Error, Faults, Node, Place, Scope, path, value};
use crate::engine::config::features::Features;
use crate::engine::config::listener::{Listener, Protocol};
use crate::engine::config::policy::Policy;
use crate::engine::config::server::ServerSettings;
use crate::engine::http::hosts::{self, HostName, Hosts};
use crate::engine::http::locations::{self, Location};
use crate::engine::http::playlists::Site;
use crate::engine::ids::AppId;
use crate::engine::limits::connections::{BlockLimits, ConnectionLimits};
use crate::rtmp::chunk::Mux;

/// The port of RTMP where `listen` names none.
const RTMP_PORT: u16 = 1935;

/// A whole configuration, borrowed from its tree.
#[derive(Debug)]
pub struct Config<'t> {
    /// Every `application` of every RTMP server, in the order of the file.
    pub applications: Vec<Application<'t>>,
    /// The locations of all HTTP servers. The first of each is the server block itself, for paths that no other
    /// matches.
    pub locations: Vec<Location<'t>>,
    /// The folders in which the HTTP servers find files.
    pub sites: Vec<Site>,
    /// Every address to listen on.
    pub listeners: Vec<Listener>,
    /// The session settings of each RTMP server.
    pub(in crate::engine) servers: Vec<ServerSettings>,
    /// Every HTTP server.
    web: Vec<WebServer>,
    /// The virtual hosts of each HTTP listener.
    pub(in crate::engine) hosts: Vec<Hosts>,
    /// The limits of connections.
    pub(in crate::engine) limits: BlockLimits,
}

/// One `application` block.
#[derive(Debug)]
pub struct Application<'t> {
    /// The id.
    pub id: AppId,
    /// The name in `connect`.
    pub name: String,
    /// The position of its RTMP server among the servers.
    pub server: usize,
    /// The port of its server.
    pub port: u16,
    /// Its features.
    pub features: Features<'t>,
    /// Its directives, with those inherited from `server` and `rtmp`.
    pub scope: Scope<'t>,
    pub(in crate::engine) policy: Policy,
}

impl Application<'_> {
    /// Whether players get audio and video on one chunk stream.
    pub fn is_interleaved(&self) -> bool {
        self.policy.mux == Mux::Interleaved
    }
}

/// One HTTP server.
#[derive(Debug)]
struct WebServer {
    names: Vec<HostName>,
}

impl<'t> Config<'t> {
    /// Reads the blocks of a checked configuration. Faulty ones are left out and added to `faults`.
    pub(in crate::engine) fn read(root: &Scope<'t>, faults: &mut Faults) -> Self {
        let mut config = Self {
            applications: Vec::new(),
            locations: Vec::new(),
            sites: Vec::new(),
            listeners: Vec::new(),
            servers: Vec::new(),
            web: Vec::new(),
            hosts: Vec::new(),
            limits: BlockLimits { all: ConnectionLimits::of(root), ..BlockLimits::default() },
        };
        if let Some(node) = root.own("error_log").nth(MAX_ERROR_LOGS) {
            faults.push(Error::at(node, format!("more than {MAX_ERROR_LOGS} error logs")));
        }
        for rtmp in root.blocks("rtmp") {
            config.limits.rtmp = ConnectionLimits::of(&rtmp);
            for server in rtmp.blocks("server") {
                config.add_rtmp_server(&server, faults);
            }
        }
        for http in root.blocks("http") {
            config.limits.http = ConnectionLimits::of(&http);
            for server in http.blocks("server") {
                config.add_http_server(&server, faults);
            }
        }
        config.fold_listeners();
        config
    }

    /// Collects the folders of the HTTP servers, after all locations have declared theirs.
    pub(in crate::engine) fn collect_sites(&mut self) {
        self.sites = Site::all(&self.locations);
    }

    /// Reads the blocks of a checked configuration; the error has all that is wrong.
    #[cfg(test)]
    pub fn new(root: &Scope<'t>) -> Result<Self, crate::conf::Errors> {
        let mut faults = Faults::default();
        let config = Self::read(root, &mut faults);
        faults.into_result(config)
    }

    fn add_rtmp_server(&mut self, scope: &Scope<'t>, faults: &mut Faults) {
        let server = self.servers.len();
        let settings = ServerSettings::new(scope);
        self.servers.push(settings);
        self.limits.servers.push(ConnectionLimits::of(scope));
        self.add_listeners(Protocol::Rtmp, server, RTMP_PORT, scope, faults);
        let port = scope.own("listen").next().map(|node| node.custom::<listen::Listen>().port(RTMP_PORT));
        for application in scope.blocks("application") {
            let node = application.node();
            let name = node.args.first().cloned().unwrap_or_default();
            if self.applications.iter().any(|other| other.server == server && other.name == name) {
                let why = format!("application \"{name}\" stands in this server twice");
                faults.push(Error::at(node, why));
            }
            self.applications.push(Application {
                id: AppId(self.applications.len()),
                name,
                server,
                port: port.unwrap_or(RTMP_PORT),
                features: Features::default(),
                policy: Policy::new(&application),
                scope: application,
            });
        }
        let stream_from_app = faults.keep_or_default(self.stream_from_app(server, scope));
        if let Some(settings) = self.servers.last_mut() {
            settings.stream_from_app = stream_from_app;
        }
    }

    fn add_http_server(&mut self, scope: &Scope<'t>, faults: &mut Faults) {
        let server = self.web.len();
        self.web.push(WebServer { names: hosts::read_names(scope) });
        self.add_listeners(Protocol::Http, server, 80, scope, faults);
        self.locations.extend(locations::read(self.locations.len(), server, scope, faults));
    }

    /// The position of the application that `stream_from_app` names in an RTMP server.
    fn stream_from_app(&self, server: usize, scope: &Scope<'t>) -> Result<Option<usize>, Error> {
        let Some(node) = scope.find("stream_from_app") else { return Ok(None) };
        let Some(name) = node.custom::<Option<String>>() else { return Ok(None) };
        let is_it = |app: &Application<'_>| app.server == server && app.name == name;
        let found = self.applications.iter().position(is_it);
        found.map(Some).ok_or_else(|| {
            let why = "\"stream_from_app\" takes an application of this server, and there is none called";
            Error::at(node, format!("{why} \"{name}\"")).for_lack_of("application", scope)
        })
    }

    fn add_listeners(
        &mut self,
        protocol: Protocol,
        server: usize,
        default_port: u16,
        scope: &Scope<'t>,
        faults: &mut Faults,
    ) {
        for node in scope.own("listen") {
            faults.keep(self.add_listener(protocol, server, default_port, node));
        }
        // A faulty "listen" that was left out did not mean the default.
        if scope.own("listen").next().is_none() && !scope.may_have_lost("listen") {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), default_port);
            faults.keep(self.add_address(protocol, server, address, scope.node()));
        }
    }

    fn add_listener(
        &mut self,
        protocol: Protocol,
        server: usize,
        default_port: u16,
        node: &Node,
    ) -> Result<(), Error> {
        let listen: listen::Listen = node.custom();
        for address in listen.resolve(default_port).map_err(|why| Error::at(node, why))? {
            self.add_address(protocol, server, address, node)?;
        }
        Ok(())
    }

    /// Adds an address of a server. HTTP servers may share one: the request's host decides.
    fn add_address(
        &mut self,
        protocol: Protocol,
        server: usize,
        address: SocketAddr,
        node: &Node,
    ) -> Result<(), Error> {
        let says = |option: &str| node.name == "listen" && node.args.iter().any(|arg| arg == option);
        let is_default = says("default_server") || says("default");
        let shared = self.sharing_listener(protocol, address, node)?;
        let position = match protocol {
            Protocol::Rtmp => server,
            Protocol::Http => self
                .add_host(server, shared, is_default)
                .map_err(|why| Error::at(node, format!("{address} {why}")))?,
        };
        if shared.is_none() {
            self.listeners.push(Listener {
                protocol,
                address,
                server: position,
                ipv6_only: !says("ipv6only=off"),
                reuse_port: says("reuseport"),
                origin: Place::of(node),
                own_servers: Vec::new(),
            });
        }
        Ok(())
    }

    /// The server of the listener that has an address already, if another server may share it.
    fn sharing_listener(
        &self,
        protocol: Protocol,
        address: SocketAddr,
        node: &Node,
    ) -> Result<Option<usize>, Error> {
        let has_it = |other: &&Listener| other.address == address && address.port() != 0;
        match self.listeners.iter().find(has_it) {
            None => Ok(None),
            Some(other) if protocol == Protocol::Http && other.protocol == protocol => Ok(Some(other.server)),
            Some(other) => {
                Err(Error::at(node, format!("{address} is already listened on, by {}", other.origin)))
            }
        }
    }

    /// Adds an HTTP server to the virtual hosts at this position, or to new ones. Returns the position.
    fn add_host(&mut self, server: usize, hosts: Option<usize>, is_default: bool) -> Result<usize, String> {
        let position = hosts.unwrap_or_else(|| {
            self.hosts.push(Hosts::default());
            self.hosts.len() - 1
        });
        let names = self.web.get(server).map(|web| web.names.as_slice()).unwrap_or_default();
        if let Some(hosts) = self.hosts.get_mut(position) {
            hosts.add(server, names, is_default)?;
        }
        Ok(position)
    }

    /// Removes listeners at addresses that another listener covers, as both could not be opened. That one gets their
    /// connections and tells them apart by address.
    fn fold_listeners(&mut self) {
        let all = self.listeners.clone();
        let is_covered = |one: &Listener| all.iter().any(|wide| wide.covers(one));
        let (covered, kept): (Vec<_>, Vec<_>) = self.listeners.drain(..).partition(is_covered);
        self.listeners = kept;
        for one in covered {
            if let Some(wide) = self.listeners.iter_mut().find(|wide| wide.covers(&one)) {
                wide.own_servers.push((one.address.ip(), one.server));
            }
        }
    }
}

/// Reads the arguments of `worker_processes`; none for `auto`.
pub(in crate::engine) fn parse_worker_processes(args: &[String]) -> Result<Option<u64>, String> {
    match args {
        [word] if word == "auto" => Ok(None),
        [word] => match value::number(word) {
            Some(number @ 1..) => Ok(Some(number)),
            _ => Err(format!("\"{word}\" is no number from 1 on, or auto")),
        },
        _ => Err("a number from 1 on, or auto".to_owned()),
    }
}

/// The most error logs; each has a thread.
const MAX_ERROR_LOGS: usize = 8;

/// An `error_log`.
#[derive(Debug, Clone)]
pub struct ErrorLog {
    /// A path, or `stderr`.
    pub path: String,
    /// The level. nginx's default would be `error`, which hides that anything happens at all.
    pub level: log::LevelFilter,
}

impl ErrorLog {
    pub(in crate::engine) fn parse(args: &[String]) -> Result<Self, String> {
        args.first().map_or(Ok(()), |file| path::check(file))?;
        let (path, level) = match args {
            [path] => (path, log::LevelFilter::Info),
            [path, word] => (path, log_level(word).ok_or_else(|| format!("no level \"{word}\""))?),
            _ => return Err("a file and perhaps a level".into()),
        };
        Ok(Self { path: path.clone(), level })
    }
}

/// The level of nginx's word.
fn log_level(word: &str) -> Option<log::LevelFilter> {
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
    use crate::engine::http::locations::LocationKind;

    #[test]
    fn a_server_block_is_the_location_of_paths_that_no_other_matches() {
        let modules = crate::modules::table();
        let text = "http { error_log off; server { server_name localhost; root /srv; error_page 404 /x;
            location /hls { } location = / { } } }";
        let mut tree = crate::conf::Tree::from_text("f", text).unwrap();
        let table = crate::engine::directive_table(&modules);
        crate::conf::check(&mut tree, &table).unwrap();
        let config = Config::new(&Scope::root(&tree, &table)).unwrap();
        let locations = config.locations.iter().map(|l| (l.path.as_str(), l.kind, l.scope.text("root")));
        let locations: Vec<_> = locations.collect();
        let root = || "/srv".to_owned();
        let expected =
            [("/", LocationKind::Server), ("/hls", LocationKind::Prefix), ("/", LocationKind::Exact)];
        assert_eq!(locations, expected.map(|(path, kind)| (path, kind, root())));
    }

    #[test]
    fn more_than_a_message_can_have_is_taken_for_the_most_it_can() {
        let modules = crate::modules::table();
        let table = crate::engine::directive_table(&modules);
        for (size, bytes) in [("1m", 1 << 20), ("16m", 0xff_ffff), ("256m", 0xff_ffff)] {
            let text = format!("rtmp {{ server {{ max_message {size}; }} }}");
            let mut tree = crate::conf::Tree::from_text("f", &text).unwrap();
            crate::conf::check(&mut tree, &table).unwrap();
            let config = Config::new(&Scope::root(&tree, &table)).unwrap();
            assert_eq!(config.servers[0].rtmp.limits.message, bytes, "{size}");
        }
    }
}
