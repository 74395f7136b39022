//! Locations: how `location` is written, and which one a path belongs to.
//!
//! The engine keeps of each location what it needs while it serves: keep-alive, time limits, whether 404 is logged.
//! All other directives of a location are the modules', by [`LocationId`].

use std::collections::HashMap;
use std::time::Duration;

use regex_lite::Regex;

use crate::conf::value::{self, NEVER, or_never};
use crate::conf::{Context, Error, Faults, Scope};
use crate::engine::config::features::LocationFiles;
use crate::engine::http::exchange::SendLimits;
use crate::engine::http::hosts::{Case, compile};
use crate::engine::ids::LocationId;

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

/// The locations of a server, the server itself first. `before` is the number of those of earlier servers. Faulty
/// ones are left out and added to `faults`.
pub(in crate::engine) fn read<'t>(
    before: usize,
    server: usize,
    scope: &Scope<'t>,
    faults: &mut Faults,
) -> Vec<Location<'t>> {
    let own = scope.read_as(Context::Location);
    let mut locations = vec![Location {
        id: LocationId(before),
        path: "/".into(),
        kind: LocationKind::Server,
        regex: None,
        server,
        files: LocationFiles::default(),
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
        let id = LocationId(before + locations.len());
        locations.push(Location { id, path, kind, regex, server, files, scope: location });
    }
    locations
}

/// All locations, as the engine needs them while it serves.
#[derive(Debug, Default)]
pub(in crate::engine) struct Locations {
    servers: Vec<ServerLocations>,
    /// By location id.
    keep_alive: Vec<KeepAlive>,
    /// By location id.
    send_settings: Vec<SendSettings>,
    /// By location id: whether it is named.
    named: Vec<bool>,
    /// By location id: `log_not_found`.
    logs_not_found: Vec<bool>,
}

/// `keepalive_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct KeepAlive {
    /// The time for which a connection may be idle after an answer; none if the answer ends it.
    pub idle: Option<Duration>,
    /// The seconds in the header field Keep-Alive.
    pub advertised: Option<u64>,
}

/// `send_timeout` and `send_min_rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SendSettings {
    /// The longest time without progress.
    pause: Duration,
    /// The least mean rate, bytes a second; 0 for any.
    min_rate: u64,
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
    /// The locations of a checked configuration, those of a server behind the server itself.
    pub(in crate::engine) fn new(all: &[Location<'_>]) -> Self {
        let mut locations = Self::default();
        for (index, location) in all.iter().enumerate() {
            let id = LocationId(index);
            locations.keep_alive.push(location.scope.custom("keepalive_timeout"));
            locations.send_settings.push(SendSettings::read(&location.scope));
            locations.named.push(location.kind == LocationKind::Named);
            locations.logs_not_found.push(location.scope.flag("log_not_found"));
            if location.kind == LocationKind::Server {
                locations.servers.push(ServerLocations {
                    own: id,
                    exact: HashMap::new(),
                    prefixes: Vec::new(),
                    regexes: Vec::new(),
                    named: HashMap::new(),
                });
            }
            if let Some(server) = locations.servers.last_mut() {
                server.add(id, location);
            }
        }
        locations
    }

    /// The server's own location.
    pub(in crate::engine) fn own(&self, server: usize) -> Option<LocationId> {
        self.servers.get(server).map(|server| server.own)
    }

    /// The location that a path belongs to, with the captures of its regular expression.
    pub(in crate::engine) fn find(&self, server: usize, path: &str) -> Option<(LocationId, Vec<String>)> {
        self.servers.get(server).map(|server| server.find(path))
    }

    /// The location of a name, with its "@".
    pub(in crate::engine) fn named(&self, server: usize, name: &str) -> Option<LocationId> {
        self.servers.get(server)?.named.get(name).copied()
    }

    /// Whether it is named, so that only an internal redirect leads there.
    pub(in crate::engine) fn is_named(&self, id: LocationId) -> bool {
        self.named.get(id.0).copied().unwrap_or_default()
    }

    /// The keep-alive of connections after an answer from a location.
    pub(in crate::engine) fn keep_alive(&self, id: LocationId) -> Option<KeepAlive> {
        self.keep_alive.get(id.0).copied()
    }

    /// Whether a 404 of a location is logged.
    pub(in crate::engine) fn logs_not_found(&self, id: LocationId) -> bool {
        self.logs_not_found.get(id.0).copied().unwrap_or_default()
    }

    /// The time limits for sending an answer of `length` bytes from a location.
    pub(in crate::engine) fn send_limits(&self, id: LocationId, length: u64) -> SendLimits {
        let never = SendLimits { pause: NEVER, whole: NEVER };
        self.send_settings.get(id.0).map_or(never, |send_settings| send_settings.limits(length))
    }
}

impl ServerLocations {
    fn add(&mut self, id: LocationId, location: &Location<'_>) {
        let path = location.path.clone();
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

impl SendSettings {
    fn read(scope: &Scope<'_>) -> Self {
        Self { pause: or_never(scope.time("send_timeout")), min_rate: scope.size("send_min_rate") }
    }

    fn limits(self, length: u64) -> SendLimits {
        let at_min_rate = length.checked_div(self.min_rate).map_or(NEVER, Duration::from_secs);
        SendLimits { pause: self.pause, whole: self.pause.saturating_add(at_min_rate).min(NEVER) }
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
        let locations = Locations::new(&config.locations);
        let name = |path: &&str| {
            let (id, captures) = locations.find(0, path).unwrap();
            let args = &config.locations[id.0].scope.node().args;
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
