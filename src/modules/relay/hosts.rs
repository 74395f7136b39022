//! The servers that backends and directories may have streams relayed to (`relay_allow`).

use std::net::{IpAddr, SocketAddr};

use crate::engine::Network;

/// A word of `relay_allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// This name.
    Name(String),
    /// All names below a domain, which is kept with its dot: ".example.com".
    Below(String),
    /// Addresses.
    Network(Network),
}

/// The servers that are allowed; none written allows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Host>);

impl Hosts {
    /// Reads the arguments of `relay_allow`.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        if words.is_empty() {
            return Err(String::new());
        }
        words.iter().map(|word| Host::parse(word)).collect::<Result<_, _>>().map(Self)
    }

    /// Those of several lines.
    pub fn of(lines: impl Iterator<Item = Self>) -> Self {
        Self(lines.flat_map(|line| line.0).collect())
    }

    /// Whether a host, a name in lower case or an address, is allowed.
    pub fn allow(&self, host: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|allowed| allowed.is(host))
    }
}

impl Host {
    fn parse(word: &str) -> Result<Self, String> {
        if let Ok(network) = Network::parse(word)
            && !matches!(network, Network::Unix)
        {
            return Ok(Self::Network(network));
        }
        let name = word.strip_prefix('*').unwrap_or(word);
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_below = name.len() < word.len();
        let labels = if is_below { name.strip_prefix('.') } else { Some(name) };
        match labels.filter(|labels| labels.split('.').all(is_part)) {
            Some(_) if is_below => Ok(Self::Below(name.to_ascii_lowercase())),
            Some(_) => Ok(Self::Name(name.to_ascii_lowercase())),
            None => Err(format!("\"{}\" is no host, *.domain, address or network", word.escape_debug())),
        }
    }

    fn is(&self, host: &str) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host);
        match self {
            Self::Name(allowed) => name == allowed,
            Self::Below(domain) => name.ends_with(domain.as_str()),
            Self::Network(network) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(SocketAddr::new(address, 0).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Hosts {
        Hosts::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn hosts_are_allowed_by_name_domain_and_network() {
        let allowed = hosts("Origin.example *.live.example 10.0.0.0/8 2001:db8::/32");
        for host in [
            "origin.example",
            "origin.example.",
            "a.live.example",
            "a.b.live.example",
            "10.1.2.3",
            "2001:db8::1",
        ] {
            assert!(allowed.allow(host), "{host}");
        }
        for host in ["example", "live.example", "xlive.example", "11.0.0.1", "::1", "origin.example.evil", ""]
        {
            assert!(!allowed.allow(host), "{host}");
        }
    }

    #[test]
    fn nothing_written_allows_all_and_what_is_no_host_is_an_error() {
        assert!(Hosts::default().allow("any.example") && hosts("all").allow("192.0.2.1"));
        for word in ["", "*", "*x", "rtmp://x", "a..b", "unix:", "a b"] {
            assert!(Hosts::parse(&[word.to_owned()]).is_err(), "{word}");
        }
        assert_eq!(Hosts::parse(&[]), Err(String::new()));
    }
}
