//! `listen`: its arguments, and the addresses that they mean.
//!
//! A host name is looked up when the configuration is read for the first time; it may mean several addresses. Which
//! servers may share an address is decided in `config/mod.rs`, and no socket is opened here.

pub(in crate::engine) mod options;
pub(in crate::engine) mod ports;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::engine::config::listen::options::SocketOptions;
use crate::engine::config::listen_on::ListenOn;

/// The syntax of `listen` for RTMP.
pub(in crate::engine) const RTMP_SYNTAX: &str =
    "address:port|address|port|unix:path [ssl] [proxy_protocol] [ipv6only=on|off] [reuseport] ...";
/// The syntax of `listen` for HTTP.
pub(in crate::engine) const HTTP_SYNTAX: &str = "address:port|address|port|unix:path [default_server] [ssl] [proxy_protocol] [ipv6only=on|off] [reuseport] ...";

/// The longest path of a Unix socket, bytes: `sun_path` has 108 with a zero at its end.
const MAX_SOCKET_PATH: usize = 107;

/// The arguments of a `listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Listen {
    pub options: SocketOptions,
    /// `ssl`.
    pub is_encrypted: bool,
    place: ListenPlace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ListenPlace {
    Host(Host),
    Unix(Arc<Path>),
}

/// A host with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// An address, a name, or "*" for every IPv4 address.
    name: String,
    port: Option<u16>,
    /// The addresses of the host, looked up once. Clones share them: a configuration is read again by the loop, which
    /// must not wait for a resolver.
    found: Arc<OnceLock<Result<Vec<SocketAddr>, String>>>,
}

impl Listen {
    pub(in crate::engine) fn parse(args: &[String]) -> Result<Self, String> {
        let Some((address, words)) = args.split_first() else { return Err("an address or a port".into()) };
        let mut options = SocketOptions::default();
        words.iter().try_for_each(|word| read_option(word, &mut options))?;
        let is_encrypted = words.iter().any(|word| word == "ssl");
        let place = if let Some(path) = address.strip_prefix("unix:") {
            check_socket_path(path)?;
            ListenPlace::Unix(Path::new(path).into())
        } else {
            let (host, port) = split_address(address)?;
            ListenPlace::Host(Host { name: host.to_owned(), port, found: Arc::default() })
        };
        Ok(Self { options, is_encrypted, place })
    }

    /// The port; none of a Unix socket.
    pub(in crate::engine) fn port(&self, default_port: u16) -> Option<u16> {
        match &self.place {
            ListenPlace::Host(host) => Some(host.port.unwrap_or(default_port)),
            ListenPlace::Unix(_) => None,
        }
    }

    /// Whether only this machine reaches all of its addresses.
    pub(in crate::engine) fn is_local(&self) -> bool {
        let is_loopback = |address: &ListenOn| address.ip().is_none_or(|ip| ip.is_loopback());
        self.resolve(0).is_ok_and(|addresses| addresses.iter().all(is_loopback))
    }

    /// All addresses of the host: a name may have several.
    pub(in crate::engine) fn resolve(&self, default_port: u16) -> Result<Vec<ListenOn>, String> {
        match &self.place {
            ListenPlace::Host(host) => {
                let found = host.found.get_or_init(|| look_up(&host.name)).clone()?;
                let port = host.port.unwrap_or(default_port);
                Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), port).into()).collect())
            }
            ListenPlace::Unix(path) => Ok(vec![ListenOn::Unix(Arc::clone(path))]),
        }
    }
}

/// Checks that a path can be that of a Unix socket.
pub(in crate::engine) fn check_socket_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(format!(
            "\"unix:{path}\" is not unix: and a whole path, such as unix:/run/millstream.sock"
        ));
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err(format!("the path of a Unix socket has {MAX_SOCKET_PATH} bytes at most: {path}"));
    }
    crate::conf::path::check(path)
}

/// The addresses of a host, with port 0; "*" is every IPv4 address.
fn look_up(host: &str) -> Result<Vec<SocketAddr>, String> {
    if host == "*" {
        return Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)]);
    }
    let found = (host, 0).to_socket_addrs().map_err(|error| format!("host \"{host}\": {error}"))?;
    let mut addresses: Vec<_> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() { Err(format!("host \"{host}\" has no address")) } else { Ok(addresses) }
}

fn read_option(option: &str, options: &mut SocketOptions) -> Result<(), String> {
    match option {
        // HTTP/1.1 is what clients of HTTP/2 get.
        "ssl" | "http2" => Ok(()),
        "quic" => {
            Err("\"quic\": HTTP/3 is not spoken; leave this listen out, its clients take the one with ssl"
                .to_owned())
        }
        // These are read where the servers of an address are known.
        "proxy_protocol" | "default_server" | "default" => Ok(()),
        _ if options.take(option)? => Ok(()),
        _ => Err(format!("no option \"{option}\"")),
    }
}

/// Splits "host:port", "host" or "port"; the host "*", or none, means every IPv4 address.
fn split_address(text: &str) -> Result<(&str, Option<u16>), String> {
    let bad = || format!("\"{text}\" is not an address, a port, or both with a colon between");
    let port = |digits: &str| digits.parse::<u16>().map_err(|_| format!("\"{digits}\" is not a port"));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(("*", Some(port(text)?)));
    }
    if text.contains(['$', '{', '/']) {
        return Err(bad());
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, Some(port(digits)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(bad()),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (text, None),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    if !host.is_empty() && host.bytes().all(is_host) { Ok((host, port)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_follows_the_address_or_is_the_default() {
        for (text, expected) in [
            ("1935", 1935),
            ("127.0.0.1:1936", 1936),
            ("[::]:1937", 1937),
            ("*:80", 80),
            ("[::]", 7),
            ("host", 7),
        ] {
            assert_eq!(Listen::parse(&[text.to_owned()]).unwrap().port(7), Some(expected), "{text}");
        }
    }

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
            let listen = Listen::parse(&[text.to_owned()]).unwrap();
            assert_eq!(listen.resolve(7), Ok(vec![ListenOn::Internet(address.parse().unwrap())]), "{text}");
        }
        let longest = format!("unix:/{}", "a".repeat(106));
        assert_eq!(
            Listen::parse(std::slice::from_ref(&longest)).unwrap().resolve(7).unwrap()[0].to_string(),
            longest
        );
        for text in [
            "unix:",
            "unix:a",
            "unix:/a/",
            &format!("{longest}a"),
            "65536",
            "[::1",
            "[::1]x",
            ":80",
            "host:port",
            "1.2.3.4:99999",
            "${PORT}",
            "http://a",
        ] {
            assert!(Listen::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
