//! The origins of web pages (RFC 6454), as the configuration names them: one, or those of all hosts below another one.

use std::fmt;
use std::net::Ipv6Addr;

/// One origin, or those of all hosts below another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this one, in lower case.
    Exactly(String),
    /// Every host that ends so.
    Below {
        /// The scheme with its "://".
        scheme: String,
        /// A dot, the host that is above, and perhaps a port.
        end: String,
    },
}

impl Pattern {
    /// Reads an origin; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("\"{}\" {why}", text.escape_debug()));
        let origin = text.to_ascii_lowercase();
        if origin == "null" {
            return Ok(Self::Exactly(origin));
        }
        if origin == "*" {
            return bad("stands alone");
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return bad("is no origin such as https://example.com");
        };
        if authority.contains(['/', '?', '#', '@']) {
            return bad("has more than a scheme, a host and a port, which is all that an origin has");
        }
        if OTHER_SCHEMES.contains(&scheme) {
            return bad("is the origin of no page: those begin with http:// or https://");
        }
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        // Browsers leave out the port of the scheme.
        let authority = match scheme {
            "http" => authority.strip_suffix(":80"),
            "https" => authority.strip_suffix(":443"),
            _ => None,
        }
        .unwrap_or(authority);
        let (is_below, end) = match authority.strip_prefix('*') {
            Some(end) => (true, end),
            None => (false, authority),
        };
        let (host, port) = split_port(end);
        if port.is_some_and(|port| !matches!(port.parse(), Ok(1..=u16::MAX))) {
            return bad("has no port from 1 to 65535 behind the host");
        }
        match is_below {
            _ if scheme.is_empty() || !scheme.bytes().all(is_scheme) || !is_host(host, is_below) => {
                bad("is no origin such as https://example.com or https://*.example.com")
            }
            true => Ok(Self::Below { scheme: format!("{scheme}://"), end: end.to_owned() }),
            false => Ok(Self::Exactly(format!("{scheme}://{end}"))),
        }
    }

    /// Whether an origin, in lower case, is meant.
    pub fn fits(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(own) => own == origin,
            Self::Below { scheme, end } => {
                let host =
                    origin.strip_prefix(scheme.as_str()).and_then(|rest| rest.strip_suffix(end.as_str()));
                host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_of_name))
            }
        }
    }
}

impl fmt::Display for Pattern {
    /// As it is written in lower case, and as a policy of a web page has it (Content Security Policy, section 2.3.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(origin) => f.write_str(origin),
            Self::Below { scheme, end } => write!(f, "{scheme}*{end}"),
        }
    }
}

/// Schemes that somebody may write here, of which no page is.
const OTHER_SCHEMES: [&str; 6] = ["file", "ftp", "rtmp", "rtmps", "ws", "wss"];

/// A host, perhaps in brackets, and what is behind its colon.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether this may be a host, or the end of one that begins with a dot.
fn is_host(host: &str, is_below: bool) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner.filter(|_| !is_below) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_of_name) && is_below == host.starts_with('.'),
    }
}

/// Whether a byte may be one of a host's name.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_shown_as_it_is_written_in_lower_case() {
        for (text, shown) in [
            ("https://A.example:443", "https://a.example"),
            ("http://b.example:8080", "http://b.example:8080"),
            ("https://*.C.example:8443", "https://*.c.example:8443"),
            ("null", "null"),
        ] {
            assert_eq!(Pattern::parse(text).map(|pattern| pattern.to_string()).as_deref(), Ok(shown));
        }
    }
}
