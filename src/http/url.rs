//! URLs of backends: `https://user:password@host:port/path?query`, as a configuration has them.
//!
//! A URL that could be read in two ways is an error. What is secret in one, its user, password and query, is shown
//! neither in an error nor by `Display` or `Debug`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::path::{escape_location, unescape};

/// Longest URL, bytes.
pub const MAX_URL: usize = 4096;
/// Longest name of a host, bytes (RFC 1035, section 3.1).
const MAX_HOST: usize = 253;
/// Longest part of a host's name between two dots, bytes.
const MAX_LABEL: usize = 63;
/// The most characters of a URL that an error shows.
const MAX_SHOWN: usize = 200;

/// A URL of http or https.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// https, so TLS.
    pub is_secure: bool,
    /// A name in lower case, or an address; one of IPv6 is without its brackets.
    pub host: String,
    /// That of the scheme, 80 or 443, unless the URL has one. Never 0.
    pub port: u16,
    /// `user:password` or `user`, with its escapes: each is valid, and no user has a colon.
    pub user_info: Option<String>,
    /// Path and query, for the request line: begins with '/' and has only characters that a URL may have.
    pub target: String,
}

impl Url {
    /// Reads a URL. The error completes that of a configuration: `"ftp://x" is no URL of http or https`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|fault| format!("\"{}\" {fault}", shown(text)))
    }

    /// The same with more in its query, behind "?" or "&". The query is percent-encoded already.
    #[must_use]
    pub fn with_query(&self, query: &str) -> Self {
        let joiner = match self.target.contains('?') {
            _ if query.is_empty() => "",
            false => "?",
            true if self.target.ends_with(['?', '&']) => "",
            true => "&",
        };
        // A "#" would end the query.
        let query = escape_location(query).replace('#', "%23");
        Self { target: [&self.target, joiner, &query].concat(), ..self.clone() }
    }

    /// The host and, unless it is the scheme's, the port, as in the field Host (RFC 9110, section 7.2).
    pub fn authority(&self) -> String {
        let is_default = self.port == default_port(self.is_secure);
        let port = if is_default { String::new() } else { format!(":{}", self.port) };
        if self.host.contains(':') {
            format!("[{}]{port}", self.host)
        } else {
            format!("{}{port}", self.host)
        }
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_URL {
            return Err("is longer than 4096 bytes");
        }
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("has a blank or a control character");
        }
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let is_secure = scheme.eq_ignore_ascii_case("https");
        if !is_secure && !scheme.eq_ignore_ascii_case("http") {
            return Err("is no URL of http or https");
        }
        if rest.contains('#') {
            return Err("has a fragment, \"#\" and what is behind it, which is never sent");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or_default();
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (Some(checked_user_info(user_info)?), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        Ok(Self {
            is_secure,
            host: read_host(host)?,
            port: port.map_or(Ok(default_port(is_secure)), read_port)?,
            user_info,
            target: escape_location(&if target.starts_with('/') {
                target.into()
            } else {
                format!("/{target}")
            }),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// What an error shows of a text. Before an "@" may be a password, and behind a "?" a key.
fn shown(text: &str) -> String {
    let text = match text.split_once("://") {
        Some((scheme, _)) if text.contains('@') => &format!("{scheme}://..."),
        None if text.contains('@') => "...",
        _ => text.split('?').next().unwrap_or_default(),
    };
    text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}

/// Another reader would find the password elsewhere if a user had an escaped colon (RFC 7617, section 2).
fn checked_user_info(user_info: &str) -> Result<String, &'static str> {
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    let (Some(user), Some(password)) = (unescape(user), unescape(password)) else {
        return Err("has a \"%\" in its user or password that begins no escape: write it %25");
    };
    if user.contains(':') || user.contains(char::is_control) || password.contains(char::is_control) {
        return Err("has a colon in its user, or a control character in its user or password");
    }
    if user.is_empty() && password.is_empty() {
        return Err("has an \"@\" without a user before it");
    }
    Ok(user_info.to_owned())
}

fn split_port(place: &str) -> Result<(&str, Option<&str>), &'static str> {
    if place.starts_with('[') {
        let (address, behind) = place.split_once(']').ok_or("has a \"[\" without a \"]\"")?;
        return match behind.strip_prefix(':') {
            _ if behind.is_empty() => Ok((address, None)),
            Some(port) => Ok((address, Some(port))),
            None => Err("has more than a port behind its \"]\""),
        };
    }
    match place.split_once(':') {
        None => Ok((place, None)),
        Some((_, port)) if port.contains(':') => {
            Err("has more than one \":\": write [address] if it is IPv6")
        }
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn read_port(port: &str) -> Result<u16, &'static str> {
    let number = port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()));
    number.filter(|&number| number > 0).ok_or("has a port that is not 1 to 65535")
}

/// A host without its port; an address of IPv6 with the bracket before it.
fn read_host(host: &str) -> Result<String, &'static str> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.parse().map_err(|_| "has no address of IPv6 in its brackets")?;
        return Ok(address.to_string());
    }
    if host.is_empty() {
        return Err("has no host");
    }
    if host.len() > MAX_HOST {
        return Err("has a host of more than 253 bytes");
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !host.bytes().all(is_allowed) {
        return Err(
            "has a host with other characters than letters and digits of ASCII, \"-\", \"_\" and \".\"",
        );
    }
    // The last dot says that the name is complete (RFC 1034, section 3.1).
    let mut labels = host.strip_suffix('.').unwrap_or(host).split('.');
    if labels.clone().any(|label| label.is_empty() || label.len() > MAX_LABEL) {
        return Err("has a host with no or more than 63 characters between two dots");
    }
    // Resolvers read 127.1 and 0177.0.0.1 as addresses, each in its own way.
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if labels.next_back().is_some_and(is_number) && host.parse::<Ipv4Addr>().is_err() {
        return Err("has a host that is neither a name nor an address of IPv4");
    }
    Ok(host.to_ascii_lowercase())
}
