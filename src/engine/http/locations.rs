//! Locations: how `location` is written, and which one a path belongs to.
//!
//! The engine keeps of each location what it needs while it serves: keep-alive, limits for sending, whether 404 is
//! logged. All other directives of a location are the modules', by [`LocationId`].

use std::collections::HashMap;
use std::time::Duration;

use regex_lite::Regex;

use crate::conf::value;
use crate::conf::{Context, Error, Faults, Node, Scope};
use crate::engine::config::control::is_of_control;
use crate::engine::config::features::{ApiFeature, LocationAccess, LocationFiles};
use crate::engine::config::listen::Listen;
use crate::engine::config::real_address::RealAddress;
use crate::engine::http::hosts::{Case, compile};
use crate::engine::http::send_limits::{SendLimits, SendSettings};
use crate::engine::ids::LocationId;
use crate::engine::peer::Peer;
use crate::http::Headers;

/// One `location` block.
#[derive(Debug)]
pub struct Location<'t> {
    /// The id.
    pub id: LocationId,
    /// The path, regular expression or name that it matches, as it is written.
    pub path: String,
    /// The kind of match.
    pub kind: LocationKind,
    /// The expression, for a kind that has one.
    regex: Option<Regex>,
    /// The position of its HTTP server among the servers.
    pub server: usize,
    /// The folders of its files.
    pub files: LocationFiles,
    /// Whether it sends live streams as FLV (`flv_live`).
    pub sends_flv: bool,
    /// The origins of the web pages that may play these, as they are written; none for all.
    pub flv_origins: Vec<String>,
    /// Whether it shows recordings (`record_browse`).
    pub shows_recordings: bool,
    /// Whether not everybody may ask for it: there are rules by address, or a password.
    pub is_restricted: bool,
    /// Who may ask for it.
    pub access: LocationAccess,
    /// Its API.
    pub api: Option<ApiFeature>,
    /// Whether requests may have bodies, see [`Request::body`](crate::http::Request::body). Elsewhere they are refused.
    pub takes_bodies: bool,
    /// Whether it is that of the control socket.
    pub is_control: bool,
    /// Its directives, with those inherited from `server` and `http`.
    pub scope: Scope<'t>,
}

/// The kinds of locations, by what they match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationKind {
    /// The server block itself, for paths that no location matches. Its path is "/".
    Server,
    /// The whole path: `=`.
    Exact,
    /// The beginning of the path.
    Prefix,
    /// The same, and no regular expression is tried then: `^~`.
    FirmPrefix,
    /// A regular expression: `~`.
    Regex,
    /// A regular expression without regard to case: `~*`.
    AnyCaseRegex,
    /// No path: requests are sent there by `error_page` and `try_files`. `@name`.
    Named,
}

impl Location<'_> {
    /// Whether everybody may ask for it, from other machines too.
    pub fn is_open(&self) -> bool {
        let is_beyond = |node: &Node| {
            let addresses = node.custom::<Listen>().resolve(0).unwrap_or_default();
            addresses.iter().any(|address| address.ip().is_none_or(|ip| !ip.is_loopback()))
        };
        let listens = self.scope.all("listen");
        !self.is_control && !self.is_restricted && (listens.is_empty() || listens.into_iter().any(is_beyond))
    }
}

impl LocationKind {
    /// Whether it matches the beginning of a path.
    pub fn is_prefix(self) -> bool {
        matches!(self, Self::Server | Self::Prefix | Self::FirmPrefix)
    }

    /// Whether it matches a regular expression.
    pub fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::AnyCaseRegex)
    }
}

/// The syntax of `location`.
pub(in crate::engine) const LOCATION_SYNTAX: &str = "[=|^~] /path or ~|~* regex or @name";

/// The arguments of a `location`.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Pattern {
    kind: LocationKind,
    path: String,
    /// The expression, for a kind that has one.
    regex: Option<Regex>,
}

impl Pattern {
    pub(in crate::engine) fn parse(args: &[String]) -> Result<Self, String> {
        // nginx takes "=/path" in one word, too.
        let (modifier, path) = match args {
            [modifier, path] => (modifier.as_str(), path.as_str()),
            [word] => ["=", "^~", "~*", "~"]
                .into_iter()
                .find_map(|modifier| Some((modifier, word.strip_prefix(modifier)?)))
                .unwrap_or(("", word)),
            _ => return Err("a path that begins with /".to_owned()),
        };
        let kind = match modifier {
            "" if path.starts_with('@') && path.len() > 1 => LocationKind::Named,
            "" => LocationKind::Prefix,
            "=" => LocationKind::Exact,
            "^~" => LocationKind::FirmPrefix,
            "~" => LocationKind::Regex,
            "~*" => LocationKind::AnyCaseRegex,
            _ => return Err(format!("no \"{modifier}\" before a path")),
        };
        let regex = match kind {
            LocationKind::Regex => Some(compile(path, Case::Sensitive)?),
            LocationKind::AnyCaseRegex => Some(compile(path, Case::Insensitive)?),
            LocationKind::Named => None,
            _ if path.starts_with('/') => None,
            _ => return Err("a path that begins with /".to_owned()),
        };
        Ok(Self { kind, path: path.to_owned(), regex })
    }
}

/// The most locations of all servers; each prefix and expression is tried in turn.
const MAX_LOCATIONS: usize = 1024;

/// The locations of a server, the server itself first. `first` is the first id of all, and `before` the number of those
/// of earlier servers. Faulty
/// ones are left out and added to `faults`.
pub(in crate::engine) fn read<'t>(
    (first, before): (LocationId, usize),
    server: usize,
    scope: &Scope<'t>,
    faults: &mut Faults,
) -> Vec<Location<'t>> {
    let own = scope.read_as(Context::Location);
    let id = |position: usize| LocationId(first.0 + (before + position) as u32);
    let mut locations = vec![Location {
        id: id(0),
        path: "/".into(),
        kind: LocationKind::Server,
        regex: None,
        server,
        files: LocationFiles::default(),
        sends_flv: false,
        flv_origins: Vec::new(),
        shows_recordings: false,
        is_restricted: false,
        access: LocationAccess::default(),
        api: None,
        takes_bodies: false,
        is_control: is_of_control(scope.node()),
        scope: own,
    }];
    for location in scope.blocks("location") {
        let node = location.node();
        if before + locations.len() >= MAX_LOCATIONS {
            faults.push(Error::at(node, format!("more than {MAX_LOCATIONS} locations")));
            break;
        }
        let Pattern { kind, path, regex } = node.custom();
        let same = |other: &Location<'_>| {
            let rank = |kind| if kind == LocationKind::FirmPrefix { LocationKind::Prefix } else { kind };
            other.path == path && rank(other.kind) == rank(kind)
        };
        if !kind.is_regex() && locations.iter().any(same) {
            faults.push(Error::at(node, format!("location \"{path}\" stands in this server twice")));
        }
        let files = LocationFiles::default();
        locations.push(Location {
            id: id(locations.len()),
            path,
            kind,
            regex,
            server,
            files,
            sends_flv: false,
            flv_origins: Vec::new(),
            shows_recordings: false,
            is_restricted: false,
            access: LocationAccess::default(),
            api: None,
            takes_bodies: false,
            is_control: is_of_control(node),
            scope: location,
        });
    }
    locations
}

/// All locations of one configuration, as the engine needs them while it serves. A request keeps those of the
/// configuration at its arrival.
#[derive(Debug, Default)]
pub(in crate::engine) struct Locations {
    servers: Vec<ServerLocations>,
    /// The first location.
    first: LocationId,
    /// The settings of each.
    settings: Vec<LocationSettings>,
}

/// The engine's own settings of a location.
#[derive(Debug, Clone)]
struct LocationSettings {
    real_address: RealAddress,
    keep_alive: KeepAlive,
    send: SendSettings,
    /// Whether it is named.
    is_named: bool,
    /// `log_not_found`.
    logs_not_found: bool,
    takes_bodies: bool,
}

/// `keepalive_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct KeepAlive {
    /// The time for which a connection may be idle after an answer; none if the answer ends it.
    pub idle: Option<Duration>,
    /// The seconds in the header field Keep-Alive.
    pub advertised: Option<u64>,
}

#[derive(Debug)]
struct ServerLocations {
    own: LocationId,
    exact: HashMap<String, LocationId>,
    /// The longest first.
    prefixes: Vec<(String, LocationKind, LocationId)>,
    /// In the order of the file.
    regexes: Vec<(Regex, LocationId)>,
    named: HashMap<String, LocationId>,
}

impl Locations {
    /// The locations of a checked configuration, those of a server behind the server itself. `first` is the id of the
    /// first one.
    pub(in crate::engine) fn new(first: LocationId, all: &[Location<'_>]) -> Self {
        let settings = all.iter().map(LocationSettings::read).collect();
        let mut locations = Self { servers: Vec::new(), first, settings };
        for location in all {
            if location.kind == LocationKind::Server {
                locations.servers.push(ServerLocations {
                    own: location.id,
                    exact: HashMap::new(),
                    prefixes: Vec::new(),
                    regexes: Vec::new(),
                    named: HashMap::new(),
                });
            }
            if let Some(server) = locations.servers.last_mut() {
                server.add(location);
            }
        }
        locations
    }

    /// The id of the first location.
    pub(in crate::engine) fn first(&self) -> LocationId {
        self.first
    }

    /// The first id of the next configuration.
    pub(in crate::engine) fn next(&self) -> LocationId {
        // One more than there are, so that a configuration without locations has an id, too.
        LocationId(self.first.0 + self.settings.len() as u32 + 1)
    }

    /// The server's own location.
    pub(in crate::engine) fn own(&self, server: u32) -> Option<LocationId> {
        self.servers.get(server as usize).map(|server| server.own)
    }

    /// The location that a path belongs to, with the captures of its regular expression.
    pub(in crate::engine) fn find(&self, server: u32, path: &str) -> Option<(LocationId, Vec<String>)> {
        self.servers.get(server as usize).map(|server| server.find(path))
    }

    /// The location of a name, with its "@".
    pub(in crate::engine) fn named(&self, server: u32, name: &str) -> Option<LocationId> {
        self.servers.get(server as usize)?.named.get(name).copied()
    }

    /// Whether it is named, so that only an internal redirect leads there.
    pub(in crate::engine) fn is_named(&self, id: LocationId) -> bool {
        self.settings(id).is_some_and(|settings| settings.is_named)
    }

    /// The keep-alive of connections after an answer from a location.
    pub(in crate::engine) fn keep_alive(&self, id: LocationId) -> Option<KeepAlive> {
        self.settings(id).map(|settings| settings.keep_alive)
    }

    /// The client of a request for a location on a connection from `peer`, which a PROXY header may have told.
    pub(in crate::engine) fn client(&self, id: LocationId, peer: (Peer, bool), headers: &Headers) -> Peer {
        self.settings(id).map_or(peer.0, |settings| settings.real_address.of(peer, headers))
    }

    /// Whether a location trusts a proxy.
    pub(in crate::engine) fn trusts(&self, id: LocationId, peer: Peer) -> bool {
        self.settings(id).is_some_and(|settings| settings.real_address.trusts(peer))
    }

    /// Whether requests for a location may have bodies.
    pub(in crate::engine) fn takes_bodies(&self, id: LocationId) -> bool {
        self.settings(id).is_some_and(|settings| settings.takes_bodies)
    }

    /// Whether a 404 of a location is logged.
    pub(in crate::engine) fn logs_not_found(&self, id: LocationId) -> bool {
        self.settings(id).is_some_and(|settings| settings.logs_not_found)
    }

    /// The limits for sending an answer from a location, see [`SendSettings::limits`].
    pub(in crate::engine) fn send_limits(
        &self,
        id: LocationId,
        sizes: (u64, u64),
        within: Option<Duration>,
    ) -> SendLimits {
        self.settings(id).map_or(SendLimits::NONE, |settings| settings.send.limits(sizes, within))
    }

    fn settings(&self, id: LocationId) -> Option<&LocationSettings> {
        self.settings.get(id.0.checked_sub(self.first.0)? as usize)
    }
}

impl LocationSettings {
    fn read(location: &Location<'_>) -> Self {
        Self {
            real_address: RealAddress::read(&location.scope),
            keep_alive: location.scope.custom("keepalive_timeout"),
            send: SendSettings::read(&location.scope),
            is_named: location.kind == LocationKind::Named,
            logs_not_found: location.scope.flag("log_not_found"),
            takes_bodies: location.takes_bodies,
        }
    }
}

impl ServerLocations {
    fn add(&mut self, location: &Location<'_>) {
        let (id, path) = (location.id, location.path.clone());
        match location.kind {
            LocationKind::Server => {}
            LocationKind::Exact => {
                self.exact.insert(path, id);
            }
            LocationKind::Named => {
                self.named.insert(path, id);
            }
            LocationKind::Prefix | LocationKind::FirmPrefix => {
                let position = self.prefixes.partition_point(|(other, ..)| other.len() >= path.len());
                self.prefixes.insert(position, (path, location.kind, id));
            }
            LocationKind::Regex | LocationKind::AnyCaseRegex => {
                self.regexes.extend(location.regex.clone().map(|regex| (regex, id)));
            }
        }
    }

    /// nginx's order: an exact path; the longest prefix, if it is firm; the first regular expression; the
    /// longest prefix.
    fn find(&self, path: &str) -> (LocationId, Vec<String>) {
        if let Some(&id) = self.exact.get(path) {
            return (id, Vec::new());
        }
        let prefix = self.prefixes.iter().find(|(prefix, ..)| path.starts_with(prefix.as_str()));
        if !matches!(prefix, Some((_, LocationKind::FirmPrefix, _))) {
            for (regex, id) in &self.regexes {
                // Captures cost more to find, and there are hardly ever any.
                if regex.captures_len() == 1 && regex.is_match(path) {
                    return (*id, Vec::new());
                }
                if regex.captures_len() > 1
                    && let Some(captures) = regex.captures(path)
                {
                    let group =
                        |group: Option<regex_lite::Match<'_>>| group.map_or("", |m| m.as_str()).to_owned();
                    return (*id, captures.iter().map(group).collect());
                }
            }
        }
        (prefix.map_or(self.own, |(.., id)| *id), Vec::new())
    }
}

impl KeepAlive {
    pub(in crate::engine) fn parse(args: &[String]) -> Result<Self, String> {
        let time =
            |word: &String| value::time(word).ok_or_else(|| format!("\"{word}\" is no time such as 75s"));
        let (idle, advertised) = match args {
            [idle] => (time(idle)?, None),
            [idle, advertised] => (time(idle)?, Some(time(advertised)?.as_secs())),
            _ => return Err("a time, and perhaps one that clients are told".to_owned()),
        };
        Ok(Self { idle: Some(idle).filter(|time| !time.is_zero()), advertised })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Tree, check};

    fn found(block: &str, paths: &[&str]) -> Vec<String> {
        let text = format!("http {{ server {{ {block} }} }}");
        let mut tree = Tree::from_text("f", &text).unwrap();
        let table = crate::engine::directive_table(&crate::modules::table());
        check(&mut tree, &table).unwrap();
        let config = crate::engine::Config::new(&Scope::root(&tree, &table)).unwrap();
        let locations = Locations::new(LocationId(0), &config.locations);
        let name = |path: &&str| {
            let (id, captures) = locations.find(0, path).unwrap();
            let args = &config.locations[id.0 as usize].scope.node().args;
            [args.join(" "), captures.get(1..).unwrap_or_default().join(",")].join("|")
        };
        paths.iter().map(name).collect()
    }

    #[test]
    fn an_exact_path_goes_before_a_firm_prefix_before_an_expression_before_a_prefix() {
        let block = "location / {} location = / {} location /img/ {} location ^~ /img/firm/ {}
            location ~ \\.(png|GIF)$ {} location ~* ^/(.)(x)?.*\\.jpe?g$ {} location = /a.png {} location @b {}";
        let cases = [
            ("/", "= /|"),
            ("/index", "/|"),
            ("/img/a", "/img/|"),
            ("/img/a.png", "~ \\.(png|GIF)$|png"),
            ("/img/a.gif", "/img/|"),
            ("/img/firm/a.png", "^~ /img/firm/|"),
            ("/img/a.JPG", "~* ^/(.)(x)?.*\\.jpe?g$|i,"),
            ("/a.png", "= /a.png|"),
            ("/@b", "/|"),
        ];
        let paths = cases.map(|(path, _)| path);
        assert_eq!(found(block, &paths), cases.map(|(_, location)| location));
        assert_eq!(found("location /a {}", &["/b"]), ["|"], "the server itself");
    }

    #[test]
    fn locations_are_written_as_nginx_has_them() {
        let parse = |words: &[&str]| {
            let pattern = Pattern::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
            pattern.map(|pattern| (pattern.kind, pattern.path))
        };
        assert_eq!(parse(&["=/a"]), Ok((LocationKind::Exact, "/a".into())));
        assert_eq!(parse(&["~*\\.ts$"]), Ok((LocationKind::AnyCaseRegex, "\\.ts$".into())));
        assert_eq!(parse(&["^~", "/a"]), Ok((LocationKind::FirmPrefix, "/a".into())));
        assert_eq!(parse(&["@a"]), Ok((LocationKind::Named, "@a".into())));
        for wrong in [
            &["a"][..],
            &["=", "a"],
            &["!", "/a"],
            &["~", "("],
            &["~", "(?!a)"],
            &["@"],
            &[],
            &["~", "a", "b"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
