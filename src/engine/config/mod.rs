//! The checked configuration as the engine and the modules read it: servers, applications, locations, listeners.
//!
//! What a running server has keeps its id, see `known.rs`. A module reads its own directives through each [`Scope`] in
//! [`Module::configure`](crate::engine::Module::configure), and keeps plain values by those ids. Reading opens nothing.

pub(in crate::engine) mod by_id;
pub(in crate::engine) mod control;
pub(in crate::engine) mod directives;
pub(in crate::engine) mod error_log;
pub(in crate::engine) mod features;
pub(in crate::engine) mod known;
pub(in crate::engine) mod listen;
pub(in crate::engine) mod listen_on;
pub(in crate::engine) mod listener;
pub(in crate::engine) mod network;
pub(in crate::engine) mod policy;
pub(in crate::engine) mod probe;
pub(in crate::engine) mod real_address;
pub(in crate::engine) mod server;
pub(in crate::engine) mod suffix;
pub(in crate::engine) mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use crate::conf::{Error, Faults, Node, Place, Scope, value};
use crate::engine::config::by_id::ByServer;
use crate::engine::config::control::{ControlSocket, is_of_control};
use crate::engine::config::features::Features;
use crate::engine::config::known::{Ids, Known};
use crate::engine::config::listen::Listen;
use crate::engine::config::listen::options::SocketOptions;
use crate::engine::config::listen::ports::{RTMP_PORT, RtmpPorts};
use crate::engine::config::listen_on::ListenOn;
use crate::engine::config::listener::{AddressService, ListenAddress, Listener, Protocol, Service};
use crate::engine::config::policy::Policy;
use crate::engine::config::real_address::TrustedProxies;
use crate::engine::config::server::{RtmpServer, ServerSettings};
use crate::engine::config::tls::settings::{ClientVerification, VerificationMode};
use crate::engine::config::tls::{PlacedTls, read_clients};
use crate::engine::http::hosts::{self, HostName, Hosts};
use crate::engine::http::locations::{self, Location};
use crate::engine::http::playlists::Site;
use crate::engine::ids::{AppId, ServerId};
use crate::engine::limits::connections::{BlockLimits, ConnectionLimits};
use crate::rtmp::chunk::Mux;

/// The port of HTTP where `listen` names none.
const HTTP_PORT: u16 = 80;

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
    /// The `server` blocks of RTMP.
    pub rtmp_servers: Vec<Scope<'t>>,
    /// Every address to listen on.
    pub listeners: Vec<Listener>,
    /// The RTMP servers in the order of the file.
    server_order: Vec<ServerId>,
    /// Every RTMP server.
    pub(in crate::engine) servers: ByServer<RtmpServer>,
    /// Every HTTP server.
    web: Vec<WebServer>,
    /// The virtual hosts of each HTTP listener.
    pub(in crate::engine) hosts: Vec<Hosts>,
    /// The limits of connections.
    pub(in crate::engine) limits: BlockLimits,
    pub(in crate::engine) ids: Ids,
}

/// One `application` block.
#[derive(Debug)]
pub struct Application<'t> {
    /// The id.
    pub id: AppId,
    /// The name in `connect`.
    pub name: String,
    pub(in crate::engine) server: ServerId,
    /// The ports of its server.
    pub ports: RtmpPorts,
    /// Its features.
    pub features: Features<'t>,
    /// Its directives, with those inherited from `server` and `rtmp`.
    pub scope: Scope<'t>,
    pub(in crate::engine) policy: Policy,
}

impl Application<'_> {
    /// The number of its RTMP server, which it keeps over a reload.
    pub fn server_number(&self) -> usize {
        self.server.0
    }

    /// Whether players get audio and video on one chunk stream.
    pub fn is_interleaved(&self) -> bool {
        self.policy.mux == Mux::Interleaved
    }
}

/// The server of an address.
#[derive(Debug, Clone, Copy)]
enum Owner {
    Rtmp(ServerId),
    /// The HTTP server at this position.
    Http(usize),
}

/// One HTTP server.
#[derive(Debug)]
struct WebServer {
    names: Vec<HostName>,
    trusted: TrustedProxies,
    tls: Option<PlacedTls>,
    /// How it verifies the certificates of clients, also without one of its own.
    clients: ClientVerification,
    /// The error if it needs a certificate and has none; none if its certificates have an error of their own.
    lack: Option<Error>,
    /// Whether all its addresses are encrypted, as `ssl on` says.
    is_encrypted: bool,
}

impl<'t> Config<'t> {
    /// Reads the blocks of a checked configuration, for a server that has what is `known`. Faulty ones are left out and
    /// added to `faults`.
    pub(in crate::engine) fn read(root: &Scope<'t>, known: &Known, faults: &mut Faults) -> Self {
        let mut config = Self {
            applications: Vec::new(),
            locations: Vec::new(),
            sites: Vec::new(),
            rtmp_servers: Vec::new(),
            listeners: Vec::new(),
            server_order: Vec::new(),
            servers: ByServer::default(),
            web: Vec::new(),
            hosts: Vec::new(),
            limits: BlockLimits { all: ConnectionLimits::of(root), ..BlockLimits::default() },
            ids: Ids::new(known),
        };
        if let Some(node) = root.own("error_log").nth(error_log::MAX_ERROR_LOGS) {
            faults.push(Error::at(node, format!("more than {} error logs", error_log::MAX_ERROR_LOGS)));
        }
        for rtmp in root.blocks("rtmp") {
            config.limits.rtmp = ConnectionLimits::of(&rtmp);
            config.add_rtmp_servers(&rtmp, faults);
        }
        for http in root.blocks("http") {
            // The block of the control socket has none.
            if !is_of_control(http.node()) {
                config.limits.http = ConnectionLimits::of(&http);
            }
            for server in http.blocks("server") {
                config.add_http_server(&server, faults);
            }
        }
        config.check_certificates(faults);
        config.fold_listeners();
        config
    }

    /// The applications of each RTMP server with their names, in the order of the file.
    pub fn applications_by_server(&self) -> Vec<Vec<(AppId, String)>> {
        let of = |server: &ServerId| {
            let own = self.applications.iter().filter(|app| app.server == *server);
            own.map(|app| (app.id, app.name.clone())).collect()
        };
        self.server_order.iter().map(of).collect()
    }

    /// The ports of an application's RTMP server.
    pub fn ports_of(&self, app: &Application<'_>) -> Vec<u16> {
        let addresses = self.servers.get(app.server).into_iter().flat_map(|server| &server.addresses);
        addresses.filter_map(|listened_on| listened_on.address.port()).collect()
    }

    /// How an application's RTMP server verifies the certificates of its clients; none if somebody gets in without one.
    pub fn certificates_of(&self, app: &Application<'_>) -> Option<ClientVerification> {
        let clients = &self.servers.get(app.server)?.tls.as_ref()?.settings.clients;
        let listens = app.scope.all("listen");
        let is_closed =
            listens.iter().all(|node| node.custom::<Listen>().is_encrypted) && !listens.is_empty();
        (is_closed && clients.mode == VerificationMode::On).then(|| clients.clone())
    }

    /// Whether an application's RTMP server listens to this machine alone.
    pub fn is_local(&self, app: &Application<'_>) -> bool {
        let is_local = |at: &ListenAddress| at.address.ip().is_none_or(|ip| ip.to_canonical().is_loopback());
        self.servers.get(app.server).is_some_and(|server| server.addresses.iter().all(is_local))
    }

    /// Collects the folders of the HTTP servers, after all locations have declared theirs.
    pub(in crate::engine) fn collect_sites(&mut self) {
        self.sites = Site::all(&self.locations);
    }

    /// Reads the blocks of a checked configuration; the error has all that is wrong.
    #[cfg(test)]
    pub fn new(root: &Scope<'t>) -> Result<Self, crate::conf::Errors> {
        let mut faults = Faults::default();
        let config = Self::read(root, &Known::default(), &mut faults);
        faults.into_result(config)
    }

    /// Adds the RTMP servers of a block. Their ids depend on the addresses of all of them.
    fn add_rtmp_servers(&mut self, rtmp: &Scope<'t>, faults: &mut Faults) {
        let scopes: Vec<_> = rtmp.blocks("server").collect();
        let found: Vec<_> = scopes.iter().map(|scope| addresses(RTMP_PORT, scope, faults)).collect();
        let listened_on = listen_addresses(&found);
        let ids = self.ids.servers(&listened_on);
        for (((scope, found), listened_on), id) in scopes.iter().zip(&found).zip(listened_on).zip(ids) {
            self.add_listeners(Owner::Rtmp(id), found, faults);
            self.add_rtmp_server(id, listened_on, scope, faults);
        }
    }

    fn add_rtmp_server(
        &mut self,
        server: ServerId,
        listened_on: Vec<ListenAddress>,
        scope: &Scope<'t>,
        faults: &mut Faults,
    ) {
        self.limits.servers.insert(server, ConnectionLimits::of(scope));
        self.server_order.push(server);
        self.rtmp_servers.push(scope.clone());
        let ports = RtmpPorts::read(scope);
        for application in scope.blocks("application") {
            let node = application.node();
            let name = node.args.first().cloned().unwrap_or_default();
            if self.applications.iter().any(|other| other.server == server && other.name == name) {
                let why = format!("application \"{name}\" stands in this server twice");
                faults.push(Error::at(node, why));
            }
            self.applications.push(Application {
                id: self.ids.app(server, &listened_on, &name),
                name,
                server,
                ports,
                features: Features::default(),
                policy: Policy::new(&application),
                scope: application,
            });
        }
        let stream_from_app = faults.keep_or_default(self.stream_from_app(server, scope));
        let settings = Rc::new(ServerSettings::new(server, scope));
        let tls = faults.keep_or_default(PlacedTls::of_rtmp(scope));
        let server_facts = RtmpServer {
            settings,
            addresses: listened_on,
            trusted: TrustedProxies::read(scope),
            tls,
            stream_from_app,
            ends_at: None,
        };
        self.servers.insert(server, server_facts);
    }

    fn add_http_server(&mut self, scope: &Scope<'t>, faults: &mut Faults) {
        let server = self.web.len();
        let tls = PlacedTls::read(scope, Protocol::Http);
        let lack = tls.is_ok().then(|| PlacedTls::lack(scope, encrypted_listen(scope)));
        let clients = match &tls {
            Ok(Some(tls)) => tls.settings.clients.clone(),
            Ok(None) => faults.keep_or_default(read_clients(scope, Protocol::Http)),
            // It has been told already.
            Err(_) => ClientVerification::default(),
        };
        self.web.push(WebServer {
            names: hosts::read_names(scope),
            trusted: TrustedProxies::read(scope),
            tls: faults.keep_or_default(tls),
            clients,
            lack,
            is_encrypted: scope.flag("ssl"),
        });
        self.add_listeners(Owner::Http(server), &addresses(HTTP_PORT, scope, faults), faults);
        let (first, before) = (self.ids.first_location(), self.locations.len());
        self.locations.extend(locations::read((first, before), server, scope, faults));
    }

    /// Whether a listener demands PROXY headers for a server that trusts no proxy.
    pub(in crate::engine) fn disbelieves_proxies(&self, listener: &Listener) -> bool {
        let trusts_nobody = |service| match service {
            Service::Rtmp(server) => self.servers.get(server).is_none_or(|server| server.trusted.is_empty()),
            Service::Http(hosts) => self.hosts.get(hosts).is_none_or(Hosts::trusts_nobody),
        };
        let served = listener.own_services.iter().map(|(_, served)| *served);
        let mut all = std::iter::once(listener.served).chain(served);
        all.any(|served| served.proxy_protocol && trusts_nobody(served.service))
    }

    /// The application that `stream_from_app` names in an RTMP server.
    fn stream_from_app(&self, server: ServerId, scope: &Scope<'t>) -> Result<Option<AppId>, Error> {
        let Some(node) = scope.find("stream_from_app") else { return Ok(None) };
        let Some(name) = node.custom::<Option<String>>() else { return Ok(None) };
        let is_it = |app: &Application<'_>| app.server == server && app.name == name;
        let found = self.applications.iter().find(|app| is_it(app)).map(|app| app.id);
        found.map(Some).ok_or_else(|| {
            let why = "\"stream_from_app\" takes an application of this server, and there is none called";
            Error::at(node, format!("{why} \"{name}\"")).for_lack_of("application", scope)
        })
    }

    /// The number of listeners of a protocol with this address.
    fn count_of(&self, address: &ListenOn, protocol: Protocol) -> usize {
        let is_same = |other: &&Listener| other.address == *address && other.protocol == protocol;
        self.listeners.iter().filter(is_same).count()
    }

    fn add_listeners(&mut self, owner: Owner, found: &[(ListenOn, &Node)], faults: &mut Faults) {
        for (address, node) in found {
            faults.keep(self.add_address(owner, address, node));
        }
    }

    /// Adds an address of a server. HTTP servers may share one: the request's host decides.
    fn add_address(&mut self, owner: Owner, address: &ListenOn, node: &Node) -> Result<(), Error> {
        let is_default = says(node, "default_server") || says(node, "default");
        let is_encrypted = says(node, "ssl") || self.is_encrypted(owner);
        if is_encrypted && address.ip().is_none() {
            let why =
                "TLS is not spoken at Unix sockets: leave ssl out, as clients of them are on this machine";
            return Err(Error::at(node, format!("{address}: {why}")));
        }
        let shared = self.sharing_listener(owner, address, node)?;
        let (protocol, service) = match owner {
            Owner::Rtmp(server) => (Protocol::Rtmp, Service::Rtmp(server)),
            Owner::Http(server) => {
                let hosts = self.add_host(server, shared, is_default);
                let hosts = hosts.map_err(|why| Error::at(node, format!("{address} {why}")))?;
                (Protocol::Http, Service::Http(hosts))
            }
        };
        if shared.is_some() && is_encrypted {
            // An address is encrypted if any `listen` of it says so.
            let same = self.listeners.iter_mut().filter(|listener| listener.address == *address);
            same.for_each(|listener| listener.served.is_encrypted = true);
        }
        if shared.is_none() {
            let proxy_protocol = says(node, "proxy_protocol");
            let served = AddressService { service, proxy_protocol, is_encrypted };
            self.add_listener(protocol, address, node, served);
        }
        Ok(())
    }

    fn add_listener(&mut self, protocol: Protocol, address: &ListenOn, node: &Node, served: AddressService) {
        let nth = self.count_of(address, protocol);
        self.listeners.push(Listener {
            id: self.ids.listener(&ListenAddress::new(address.clone(), protocol, nth)),
            protocol,
            address: address.clone(),
            options: if node.name == "listen" {
                node.custom::<Listen>().options
            } else {
                SocketOptions::default()
            },
            origin: if is_of_control(node) { Place::whole(ControlSocket::NAME) } else { Place::of(node) },
            is_control: is_of_control(node),
            served,
            nth,
            own_services: Vec::new(),
        });
    }

    /// Whether a server's connections are encrypted, whatever its `listen` say.
    fn is_encrypted(&self, owner: Owner) -> bool {
        match owner {
            Owner::Rtmp(_) => false,
            Owner::Http(server) => self.web.get(server).is_some_and(|web| web.is_encrypted),
        }
    }

    /// Adds the errors of HTTP servers that need a certificate and have none.
    fn check_certificates(&self, faults: &mut Faults) {
        for listener in self.listeners.iter().filter(|listener| listener.served.is_encrypted) {
            let Service::Http(hosts) = listener.served.service else { continue };
            let server = self.hosts.get(hosts).and_then(Hosts::without_certificate);
            let lack = server.and_then(|server| self.web.get(server)?.lack.clone());
            lack.into_iter().for_each(|error| faults.push(error));
        }
    }

    /// The virtual hosts of the listener that has an address already, if another server may share it.
    fn sharing_listener(
        &self,
        owner: Owner,
        address: &ListenOn,
        node: &Node,
    ) -> Result<Option<usize>, Error> {
        let has_it = |other: &&Listener| other.address == *address && !address.is_chosen_later();
        match (self.listeners.iter().find(has_it), owner) {
            (None, _) => Ok(None),
            (
                Some(other @ Listener { served: AddressService { service: Service::Http(hosts), .. }, .. }),
                Owner::Http(_),
            ) => {
                let proxy_protocol = says(node, "proxy_protocol");
                if other.served.proxy_protocol != proxy_protocol {
                    let why =
                        "with proxy_protocol and without: all servers of an address have it, or none has";
                    return Err(Error::at(
                        node,
                        format!("{address} is listened on {why}; see {}", other.origin),
                    ));
                }
                Ok(Some(*hosts))
            }
            (Some(other), _) => {
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
        if let (Some(hosts), Some(web)) = (self.hosts.get_mut(position), self.web.get(server)) {
            hosts.add(server, &web.names, is_default)?;
            hosts.trust(web.trusted.clone());
            hosts.encrypt(server, web.tls.clone(), web.clients.clone());
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
                wide.own_services.extend(one.address.ip().map(|ip| (ip, one.served)));
            }
        }
    }
}

/// Whether a `listen` has a word.
fn says(node: &Node, word: &str) -> bool {
    node.name == "listen" && node.args.iter().any(|arg| arg == word)
}

/// The first `listen` of a server with `ssl`, or the first one, or the server itself.
fn encrypted_listen<'t>(scope: &Scope<'t>) -> &'t Node {
    let mut listens = scope.own("listen");
    let first = scope.own("listen").next();
    listens.find(|node| says(node, "ssl")).or(first).unwrap_or(scope.node())
}

/// The addresses of each RTMP server, as another configuration may have them.
fn listen_addresses(servers: &[Vec<(ListenOn, &Node)>]) -> Vec<Vec<ListenAddress>> {
    let mut before: Vec<ListenOn> = Vec::new();
    let mut name = |address: &ListenOn| {
        let nth = before.iter().filter(|other| *other == address).count();
        before.push(address.clone());
        ListenAddress::new(address.clone(), Protocol::Rtmp, nth)
    };
    servers.iter().map(|found| found.iter().map(|(address, _)| name(address)).collect()).collect()
}

/// The addresses of a server, each with the directive that names it.
fn addresses<'t>(default_port: u16, scope: &Scope<'t>, faults: &mut Faults) -> Vec<(ListenOn, &'t Node)> {
    let mut found = Vec::new();
    for node in scope.own("listen") {
        let listen: Listen = node.custom();
        let addresses = listen.resolve(default_port).map_err(|why| Error::at(node, why));
        found.extend(faults.keep_or_default(addresses).into_iter().map(|address| (address, node)));
    }
    // A faulty "listen" that was left out did not mean the default.
    if scope.own("listen").next().is_none() && !scope.may_have_lost("listen") {
        let all = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), default_port);
        found.push((all.into(), scope.node()));
    }
    found
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
            assert_eq!(
                config.servers.get(ServerId(0)).unwrap().settings.rtmp.limits.message,
                bytes,
                "{size}"
            );
        }
    }
}
