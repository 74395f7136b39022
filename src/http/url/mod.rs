//! URLs of backends: `https://user:password@host:port/path?query`, as a configuration has them.
//!
//! A URL that could be read in two ways is an error. What is secret in one, its user, password and query, is shown
//! neither in an error nor by `Display` or `Debug`.

pub mod origin;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::http::path::{escape_location, unescape};

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

    /// Reads a URL that lacks `http://`. The error shows it as it is written.
    pub fn parse_without_scheme(text: &str) -> Result<Self, String> {
        Self::read(&format!("http://{text}")).map_err(|fault| format!("\"{}\" {fault}", shown(text)))
    }

    /// What an error may show of a text that was to be a URL: nothing that may be a password or a key.
    pub fn shown(text: &str) -> String {
        shown(text)
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

    /// The URL that a field Location means in an answer from this one (RFC 3986, section 5.2), without a fragment. It has this
    /// one's user only if it leads to the same server.
    pub fn follow(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.is_secure { "https:" } else { "http:" };
        if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
            return Self::parse(location).map(|url| self.with_user_for(url));
        }
        if location.starts_with("//") {
            return Self::parse(&[scheme, location].concat()).map(|url| self.with_user_for(url));
        }
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let target = match location.chars().next() {
            None => [path, if query.is_empty() { "" } else { "?" }, query].concat(),
            Some('/') => location.to_owned(),
            Some('?') => [path, location].concat(),
            Some(_) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                [folder, "/", location].concat()
            }
        };
        Self::parse(&[scheme, "//", &self.authority(), &target].concat()).map(|url| self.with_user_for(url))
    }

    fn with_user_for(&self, other: Self) -> Self {
        let is_same = (self.is_secure, &self.host, self.port) == (other.is_secure, &other.host, other.port);
        let user_info = other.user_info.clone().or_else(|| self.user_info.clone().filter(|_| is_same));
        Self { user_info, ..other }
    }

    /// The host and, unless it is the scheme's, the port, as in the field Host (RFC 9110, section 7.2).
    pub fn authority(&self) -> String {
        let is_v6 = self.host.contains(':');
        let mut authority = if is_v6 { ["[", &self.host, "]"].concat() } else { self.host.clone() };
        if self.port != default_port(self.is_secure) {
            authority.extend([":", &self.port.to_string()]);
        }
        authority
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
        let Authority { user_info, host, port } = Authority::parse(authority)?;
        Ok(Self {
            is_secure,
            host,
            port: port.unwrap_or(default_port(is_secure)),
            user_info,
            target: escape_location(&if target.starts_with('/') {
                target.into()
            } else {
                format!("/{target}")
            }),
        })
    }
}

/// The part of a URL between its scheme and its path: `user:password@host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// `user:password` or `user`, as in [`Url::user_info`].
    pub user_info: Option<String>,
    /// The host, as in [`Url::host`].
    pub host: String,
    /// The port, if it is written. Never 0.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads an authority. The error completes `"URL" has no host`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('\\') {
            // Browsers read it as "/", and so another host.
            return Err("has a \"\\\" before its path");
        }
        let (user_info, place) = match text.rsplit_once('@') {
            Some((user_info, place)) => (Some(checked_user_info(user_info)?), place),
            None => (None, text),
        };
        let (host, port) = split_port(place)?;
        Ok(Self { user_info, host: read_host(host)?, port: port.map(read_port).transpose()? })
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

/// What an error shows of a text. Before an "@", which may be escaped, may be a password, and behind a "?" a key.
fn shown(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let hides = text.contains('@') || place.contains('%') && !place.starts_with('[');
    let text = match text.split_once("://") {
        Some((scheme, _)) if hides => &format!("{scheme}://..."),
        None if hides => "...",
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Url::parse(text).unwrap_err()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("https://User:p%40ss@Backend.Example:8443/auth/on?x=y&z").unwrap();
        assert!(url.is_secure);
        assert_eq!((url.host.as_str(), url.port), ("backend.example", 8443));
        assert_eq!(url.user_info.as_deref(), Some("User:p%40ss"));
        assert_eq!(url.target, "/auth/on?x=y&z");
        let url = Url::parse("HTTP://localhost").unwrap();
        assert!(!url.is_secure);
        assert_eq!((url.host.as_str(), url.port, url.target.as_str()), ("localhost", 80, "/"));
        assert_eq!(url.user_info, None);
    }

    #[test]
    fn the_target_is_what_a_request_line_needs() {
        for (text, target) in [
            ("http://a", "/"),
            ("http://a/", "/"),
            ("http://a?x=y", "/?x=y"),
            ("http://a:1?x=/y@z:2", "/?x=/y@z:2"),
            ("http://a/b/../c//d", "/b/../c//d"),
            ("http://a/%41%zz", "/%41%zz"),
            ("http://a/\u{e4}?\u{20ac}", "/%C3%A4?%E2%82%AC"),
            ("http://a/\\\"<>", "/%5C%22%3C%3E"),
        ] {
            assert_eq!(Url::parse(text).unwrap().target, target, "{text}");
        }
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        for (host, expected, authority) in [
            ("a-b_c.Example.", "a-b_c.example.", "a-b_c.example."),
            ("192.0.2.1:80", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:443", "192.0.2.1", "192.0.2.1:443"),
            ("[2001:DB8:0::1]:8080", "2001:db8::1", "[2001:db8::1]:8080"),
            ("[::1]", "::1", "[::1]"),
            ("1a", "1a", "1a"),
            ("a:065535", "a", "a:65535"),
        ] {
            let url = Url::parse(&format!("http://{host}/x")).unwrap();
            assert_eq!((url.host.as_str(), url.authority().as_str()), (expected, authority), "{host}");
        }
        let longest = [&"a".repeat(63), "b", &"c".repeat(63), &"d".repeat(63), &"e".repeat(59)].join(".");
        assert_eq!(longest.len(), MAX_HOST);
        assert!(Url::parse(&format!("http://{longest}")).is_ok());
        assert!(error(&format!("http://{longest}f")).ends_with("has a host of more than 253 bytes"));
    }

    #[test]
    fn what_is_no_url_is_said_to_be_none_and_why() {
        for (text, fault) in [
            ("", "is no URL of http or https"),
            ("ftp://x", "is no URL of http or https"),
            ("localhost:8080/auth", "is no URL of http or https"),
            ("http:/x", "is no URL of http or https"),
            (" http://x", "has a blank or a control character"),
            ("http://x/a b", "has a blank or a control character"),
            ("http://x/a\u{a0}b", "has a blank or a control character"),
            ("http://x/\r\nHost: y", "has a blank or a control character"),
            ("http://x/\0", "has a blank or a control character"),
            ("http:///path", "has no host"),
            ("http://", "has no host"),
            ("http://?x", "has no host"),
            ("http://:80/", "has no host"),
            ("http://x:/", "has a port that is not 1 to 65535"),
            ("http://x:0/", "has a port that is not 1 to 65535"),
            ("http://x:65536/", "has a port that is not 1 to 65535"),
            ("http://x:+80/", "has a port that is not 1 to 65535"),
            ("http://x:80a/", "has a port that is not 1 to 65535"),
            ("http://::1/", "has more than one \":\": write [address] if it is IPv6"),
            ("http://[::1/", "has a \"[\" without a \"]\""),
            ("http://[::1]80/", "has more than a port behind its \"]\""),
            ("http://[x]/", "has no address of IPv6 in its brackets"),
            ("http://[]/", "has no address of IPv6 in its brackets"),
            ("http://[fe80::1%25eth0]/", "has no address of IPv6 in its brackets"),
            ("http://127.1/", "has a host that is neither a name nor an address of IPv4"),
            ("http://256.0.0.1/", "has a host that is neither a name nor an address of IPv4"),
            ("http://192.0.2.1./", "has a host that is neither a name nor an address of IPv4"),
            ("http://a..b/", "has a host with no or more than 63 characters between two dots"),
            ("http://./", "has a host with no or more than 63 characters between two dots"),
            ("http://x/#y", "has a fragment, \"#\" and what is behind it, which is never sent"),
        ] {
            let shown: String =
                text.split('?').next().unwrap().chars().flat_map(char::escape_debug).collect();
            assert_eq!(error(text), format!("\"{shown}\" {fault}"));
        }
        for host in ["\u{e4}", "a%20b", "a,b", "a;b", "$host", "a*"] {
            assert!(error(&format!("http://{host}/")).contains("has a host with other characters"), "{host}");
        }
        assert!(error("http://a\\@b/").contains("has a \"\\\" before its path"));
        let long = format!("http://a/{}", "b".repeat(MAX_URL));
        assert!(error(&long).ends_with("is longer than 4096 bytes") && error(&long).len() < 300);
        assert!(Url::parse(&long[..MAX_URL]).is_ok());
    }

    #[test]
    fn a_user_has_no_colon_and_every_escape_is_whole() {
        for user_info in ["u", "u:p", "u:", ":p", "u:p:q", "u:p@q", "u%3F:%25", "\u{e4}:\u{e4}"] {
            let url = Url::parse(&format!("http://{user_info}@host/")).unwrap();
            assert_eq!((url.user_info.as_deref(), url.host.as_str()), (Some(user_info), "host"));
        }
        for user_info in ["", ":", "u%3ax:p", "u:100%", "u:%0d%0ax", "%00"] {
            assert!(Url::parse(&format!("http://{user_info}@host/")).is_err(), "{user_info}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let url = Url::parse("http://user:secret@host:8080/path?key=secret").unwrap();
        assert_eq!(url.to_string(), "http://host:8080/path");
        assert_eq!(format!("{url:?}"), "Url(http://host:8080/path)");
        assert_eq!(Url::parse("https://[::1]:443").unwrap().to_string(), "https://[::1]/");
        for text in [
            "http://user:secret@:80/",
            "http://user:se/secret@host/",
            "http://user:se?secret@host/",
            "http://host/a b?mail=c@d&key=secret",
            "http://host/a b?key=secret",
            "user:secret@host/",
            "host/?key=secret",
            "ftp://host/#?secret",
        ] {
            let error = Url::parse(text).map(|url| url.to_string()).unwrap_or_else(|error| error);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_query_is_appended_to_the_one_that_is_there() {
        for (text, query, target) in [
            ("http://a", "b=c", "/?b=c"),
            ("http://a/x?", "b=c", "/x?b=c"),
            ("http://a/x?y", "b=c", "/x?y&b=c"),
            ("http://a/x?y&", "b=c", "/x?y&b=c"),
            ("http://a/x?y", "", "/x?y"),
            ("http://a/x", "", "/x"),
            ("http://a", "b=%20+c", "/?b=%20+c"),
            ("http://a", "b c\r\nd#e", "/?b%20c%0D%0Ad%23e"),
        ] {
            assert_eq!(Url::parse(text).unwrap().with_query(query).target, target, "{text} {query}");
        }
    }

    #[test]
    fn a_location_leads_from_one_url_to_the_next() {
        let url = Url::parse("http://user:secret@host:8080/a/b?c=d").unwrap();
        for (location, expected) in [
            ("https://other/x?y#z", "https://other/x?y"),
            ("HTTP://host:8080/x", "http://user:secret@host:8080/x"),
            ("https://host:8080/x", "https://host:8080/x"),
            ("http://me:mine@other/", "http://me:mine@other/"),
            ("//other:81/x", "http://other:81/x"),
            ("/x?y:z", "http://user:secret@host:8080/x?y:z"),
            ("x/y", "http://user:secret@host:8080/a/x/y"),
            ("?e", "http://user:secret@host:8080/a/b?e"),
            ("#f", "http://user:secret@host:8080/a/b?c=d"),
            ("/\u{e4}", "http://user:secret@host:8080/%C3%A4"),
        ] {
            assert_eq!(url.follow(location), Url::parse(expected), "{location}");
        }
        for location in ["ftp://x/", "http://", "javascript:x", "/a b", "//"] {
            assert!(url.follow(location).is_err(), "{location}");
        }
        assert!(!url.follow("x y").unwrap_err().contains("secret"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_that_reads_the_same_again_or_an_error(
            words in prop::collection::vec(prop::sample::select(&[
                "http://", "https://", "a", "B.c", ":", "@", "/", "?", "#", "%", "%41", "[", "]", "::1", "80", ".",
                "\\", " ", "\u{e4}", "\0", "&", "192.0.2.1",
            ][..]), 0..12),
            scheme in prop::sample::select(&["", "http://", "https://"][..]),
        ) {
            let text = format!("{scheme}{}", words.concat());
            if let Ok(url) = Url::parse(&text) {
                prop_assert!(url.target.starts_with('/') && url.target.bytes().all(|byte| byte.is_ascii_graphic()));
                let scheme = if url.is_secure { "https" } else { "http" };
                let user_info = url.user_info.as_ref().map(|user_info| format!("{user_info}@")).unwrap_or_default();
                let again = format!("{scheme}://{user_info}{}{}", url.authority(), url.target);
                prop_assert_eq!(Url::parse(&again), Ok(url));
            }
        }
    }
}
