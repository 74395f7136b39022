//! Virtual hosts (`server_name`): the HTTP server that answers for a host, of those that share an address.
//!
//! Names are read and compared here; which of them stand in a configuration is `engine/config`.

use std::collections::HashMap;
use std::sync::Arc;

use regex_lite::Regex;

use crate::conf::{Node, Scope};
use crate::engine::config::real_address::TrustedProxies;
use crate::engine::config::tls::PlacedTls;
use crate::engine::config::tls::settings::{ClientVerification, ServerTls, VerificationMode};
use crate::engine::peer::Peer;

/// A name of a server, as `server_name` writes it.
#[derive(Debug, Clone)]
pub enum HostName {
    /// This host.
    Exact(String),
    /// Every host below this domain, which begins with a dot: `*.example.com`.
    Below(String),
    /// Every host with this beginning, which ends with a dot: `www.example.*`.
    Above(String),
    /// Every host that matches: `~^cam\d+\.`.
    Matching(Regex),
}

/// The servers at one address.
#[derive(Debug, Default)]
pub struct Hosts {
    /// The server for every other host: the first, or the one with `default_server`.
    default: Option<usize>,
    /// Whether one has `default_server`.
    declared: bool,
    /// The positions of the servers, each once.
    servers: Vec<usize>,
    exact: HashMap<String, usize>,
    /// Domains with their dot, the longest first.
    below: Vec<(String, usize)>,
    /// With the dot, the longest first.
    above: Vec<(String, usize)>,
    /// In the order of the file.
    matching: Vec<(Regex, usize)>,
    /// The proxies that each server trusts.
    trusted: Vec<TrustedProxies>,
    /// The settings of TLS of each server that has any.
    tls: Vec<(usize, PlacedTls)>,
    /// How those servers verify the certificates of clients that do.
    clients: Vec<(usize, ClientVerification)>,
}

impl Hosts {
    /// Adds a server. Of two with the same name the first keeps it, as in nginx.
    pub fn add(&mut self, server: usize, names: &[HostName], is_default: bool) -> Result<(), String> {
        if self.servers.contains(&server) {
            return Err("stands in this server twice".to_owned());
        }
        if is_default && self.declared {
            return Err("has a default_server already".to_owned());
        }
        self.servers.push(server);
        self.declared |= is_default;
        if is_default || self.default.is_none() {
            self.default = Some(server);
        }
        for name in names {
            match name.clone() {
                HostName::Exact(name) => {
                    self.exact.entry(name).or_insert(server);
                }
                HostName::Below(domain) => add_longest_first(&mut self.below, domain, server),
                HostName::Above(start) => add_longest_first(&mut self.above, start, server),
                HostName::Matching(regex) => self.matching.push((regex, server)),
            }
        }
        Ok(())
    }

    /// Trusts the proxies of a server with PROXY headers, which come before the host is known.
    pub fn trust(&mut self, proxies: TrustedProxies) {
        if !proxies.is_empty() && !self.trusted.contains(&proxies) {
            self.trusted.push(proxies);
        }
    }

    /// Takes the settings of a server for encrypted connections.
    pub fn encrypt(&mut self, server: usize, tls: Option<PlacedTls>, clients: ClientVerification) {
        self.tls.extend(tls.map(|tls| (server, tls)));
        if clients.mode != VerificationMode::Off {
            self.clients.push((server, clients));
        }
    }

    /// How the server of this host verifies the certificates of clients, if it does. This is its own, whoever's
    /// certificate the handshake has shown.
    pub fn clients(&self, host: &str) -> Option<&ClientVerification> {
        let server = self.find(host)?;
        self.clients.iter().find(|(own, _)| *own == server).map(|(_, clients)| clients)
    }

    /// The settings with which a handshake is made that names this host: those of its server, or, as in nginx, of the
    /// default server if that one has no certificate.
    pub fn tls(&self, host: &str) -> Option<&Arc<ServerTls>> {
        let of = |server: Option<usize>| self.tls.iter().find(|(own, _)| Some(*own) == server);
        of(self.find(host)).or_else(|| of(self.default)).map(|(_, tls)| &tls.settings)
    }

    /// The server whose certificate is missing, if one must have one: the default server, or any if that one refuses
    /// every handshake.
    pub fn without_certificate(&self) -> Option<usize> {
        let of = |server: usize| self.tls.iter().find(|(own, _)| *own == server);
        let default = self.default?;
        match of(default) {
            None => Some(default),
            Some((_, tls)) if tls.settings.certificates.is_empty() => {
                self.servers.iter().copied().find(|server| of(*server).is_none())
            }
            Some(_) => None,
        }
    }

    /// The settings of all servers.
    pub fn all_tls(&self) -> impl Iterator<Item = &PlacedTls> {
        self.tls.iter().map(|(_, tls)| tls)
    }

    /// The names of the servers with these settings; of those that stand for several, only the ones with an asterisk in
    /// front.
    pub fn tls_names(&self, settings: &ServerTls) -> Vec<String> {
        let own: Vec<usize> = self
            .tls
            .iter()
            .filter(|(_, tls)| *tls.settings == *settings)
            .map(|(server, _)| *server)
            .collect();
        let exact =
            self.exact.iter().filter(|(_, server)| own.contains(server)).map(|(name, _)| name.clone());
        let below = self.below.iter().filter(|(_, server)| own.contains(server));
        exact.chain(below.map(|(domain, _)| format!("*{domain}"))).collect()
    }

    /// Whether one of the servers trusts a proxy.
    pub fn trusts(&self, peer: Peer) -> bool {
        self.trusted.iter().any(|proxies| proxies.contains(peer))
    }

    /// Whether no server trusts a proxy.
    pub fn trusts_nobody(&self) -> bool {
        self.trusted.is_empty()
    }

    /// The server for a host in lower case without a port. An exact name goes before a domain, a domain before a
    /// beginning, and that before a regular expression.
    pub fn find(&self, host: &str) -> Option<usize> {
        if self.servers.len() < 2 || host.is_empty() && !self.exact.contains_key("") {
            return self.default;
        }
        let exact = self.exact.get(host).copied();
        let below = || {
            let mut domains = self.below.iter();
            // As in nginx, *.example.com stands for one letter at least.
            domains.find(|(domain, _)| host.len() > domain.len() && host.ends_with(domain.as_str()))
        };
        let above = || {
            let mut starts = self.above.iter();
            starts.find(|(start, _)| host.len() > start.len() && host.starts_with(start.as_str()))
        };
        let matching = || self.matching.iter().find(|(regex, _)| regex.is_match(host));
        exact
            .or_else(|| below().or_else(above).map(|(_, server)| *server))
            .or_else(|| matching().map(|(_, server)| *server))
            .or(self.default)
    }
}

fn add_longest_first(names: &mut Vec<(String, usize)>, name: String, server: usize) {
    if names.iter().any(|(known, _)| *known == name) {
        return;
    }
    let position = names.partition_point(|(known, _)| known.len() >= name.len());
    names.insert(position, (name, server));
}

/// Reads the arguments of `server_name`.
pub(in crate::engine) fn parse_names(args: &[String]) -> Result<Vec<HostName>, String> {
    if args.is_empty() {
        return Err("one name at least".to_owned());
    }
    let names: Vec<_> = args.iter().map(|arg| parse(arg)).collect::<Result<_, _>>()?;
    Ok(names.concat())
}

/// All names of a server.
pub(in crate::engine) fn read_names(server: &Scope<'_>) -> Vec<HostName> {
    server.own("server_name").flat_map(Node::custom::<Vec<HostName>>).collect()
}

/// The names of one argument: ".example.com" means two.
fn parse(text: &str) -> Result<Vec<HostName>, String> {
    if let Some(pattern) = text.strip_prefix('~') {
        let regex = compile(pattern, Case::Insensitive)?;
        return Ok(vec![HostName::Matching(regex)]);
    }
    let name = text.to_ascii_lowercase();
    let plain = |rest: &str| !rest.contains('*') && !rest.contains(['/', ' ', '$']);
    let bad = || format!("\"{text}\" is no host name; a * stands only for the whole first or last part");
    if let Some(domain) = name.strip_prefix('*') {
        let fine = domain.starts_with('.') && domain.len() > 1 && plain(domain);
        return if fine { Ok(vec![HostName::Below(domain.to_owned())]) } else { Err(bad()) };
    }
    if let Some(start) = name.strip_suffix('*') {
        let fine = start.ends_with('.') && start.len() > 1 && plain(start);
        return if fine { Ok(vec![HostName::Above(start.to_owned())]) } else { Err(bad()) };
    }
    if !plain(&name) {
        return Err(bad());
    }
    match name.strip_prefix('.') {
        Some(domain) if !domain.is_empty() => {
            Ok(vec![HostName::Exact(domain.to_owned()), HostName::Below(name)])
        }
        _ => Ok(vec![HostName::Exact(name)]),
    }
}

/// The case sensitivity of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Case {
    /// Capital letters are different letters.
    Sensitive,
    /// Capital letters are the same letters.
    Insensitive,
}

/// The largest compiled expression, bytes.
const MAX_REGEX: usize = 256 * 1024;

/// Compiles a regular expression; an error names it.
pub(in crate::engine) fn compile(pattern: &str, case: Case) -> Result<Regex, String> {
    let built = regex_lite::RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Insensitive)
        .size_limit(MAX_REGEX)
        .build();
    built.map_err(|error| format!("the regular expression \"{pattern}\" is not understood: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(servers: &[&[&str]]) -> Hosts {
        let mut hosts = Hosts::default();
        for (index, names) in servers.iter().enumerate() {
            let names: Vec<_> = names.iter().flat_map(|name| parse(name).unwrap()).collect();
            hosts.add(index, &names, false).unwrap();
        }
        hosts
    }

    #[test]
    fn the_most_exact_name_wins() {
        let hosts = hosts(&[
            &["first"],
            &["example.com", "www.example.*"],
            &["*.example.com", "*.b.example.com"],
            &[".dot.org"],
            &["~^cam\\d+\\.", "~zzz"],
            &["EXAMPLE.net", "example.com"],
            &["*.b.example.com", ""],
        ]);
        for (host, server) in [
            ("first", 0),
            ("example.com", 1),
            ("www.example.org", 1),
            ("www.example.com", 2),
            ("a.b.example.com", 2),
            ("dot.org", 3),
            ("a.dot.org", 3),
            ("adot.org", 0),
            ("cam7.anywhere", 4),
            ("example.net", 5),
            ("", 6),
            ("unknown", 0),
            (".example.com", 0),
        ] {
            assert_eq!(hosts.find(host), Some(server), "{host}");
        }
    }

    #[test]
    fn the_default_is_the_first_unless_one_says_so() {
        let mut hosts = hosts(&[&["a"], &["b"]]);
        assert_eq!(hosts.find("c"), Some(0));
        hosts.add(2, &[], true).unwrap();
        assert_eq!((hosts.find("c"), hosts.find("")), (Some(2), Some(2)));
        assert!(hosts.add(3, &[], true).unwrap_err().contains("default_server"));
        assert!(hosts.add(2, &[], false).unwrap_err().contains("twice"));
        assert_eq!(Hosts::default().find("a"), None);
    }

    #[test]
    fn names_that_are_none_are_mistakes() {
        for name in ["a*.example.com", "*", "*.", "*example.com", "www.*.com", "www*", "a/b", "~(", "$host"] {
            assert!(parse_names(&[name.to_owned()]).is_err(), "{name}");
        }
        for name in ["_", "", "localhost", "192.0.2.1", "[::1]", "~^(www\\.)?a\\.b$"] {
            assert!(parse_names(&[name.to_owned()]).is_ok(), "{name}");
        }
        assert!(parse_names(&[]).is_err());
    }
}
