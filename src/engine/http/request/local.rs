//! Where a request comes from: from this machine, or from a page of another site.
//!
//! Both are told by the connection and by the head alone. Who may do what is the modules' to decide.

use std::net::IpAddr;

use crate::engine::http::request::HttpRequest;
use crate::http::Headers;

/// The fields by which a proxy says that a request is somebody else's.
const OF_PROXIES: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

impl HttpRequest {
    /// Whether a program of this machine asks, for itself: by loopback or by a Unix socket, without a proxy's fields, and
    /// for an IP address or localhost. A browser that a page has led here by a name of its own (DNS rebinding) is not
    /// local. A proxy on this machine that says nothing of its clients cannot be told from a local program.
    pub fn is_local(&self) -> bool {
        let own = self.peer.ip().is_none_or(|ip| ip.to_canonical().is_loopback());
        let headers = &self.head.headers;
        let is_direct = !self.is_told && self.peer == self.connection_peer;
        own && is_direct
            && OF_PROXIES.iter().all(|name| headers.get(name).is_none())
            && is_own_name(&self.head.host)
    }

    /// Whether a browser says that a page of another site has caused it (Fetch Metadata; RFC 6454, section 7).
    pub fn is_cross_site(&self) -> bool {
        let headers = &self.head.headers;
        let is_own = |site: &str| ["same-origin", "none"].iter().any(|own| site.eq_ignore_ascii_case(own));
        headers.all("sec-fetch-site").any(|site| !is_own(site))
            || headers.all("origin").any(|origin| !is_origin_of(origin, headers))
    }
}

/// Whether a host is one that no other site can have: an IP address or localhost.
fn is_own_name(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse::<IpAddr>().is_ok()
}

/// Whether an origin is the host, with its port, that is asked. "null" is nobody's.
fn is_origin_of(origin: &str, headers: &Headers) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let usual = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let without_usual = |host: &str| host.strip_suffix(usual).unwrap_or(host).to_ascii_lowercase();
    headers.get("host").is_some_and(|host| without_usual(host) == without_usual(authority))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::engine::peer::Peer;

    fn request(peer: &str, fields: &str) -> HttpRequest {
        let mut request = HttpRequest::for_test(&format!("GET / HTTP/1.1\r\n{fields}\r\n"));
        let peer = match peer {
            "unix" => Peer::Unix,
            ip => SocketAddr::new(ip.parse().unwrap(), 1000).into(),
        };
        (request.peer, request.connection_peer) = (peer, peer);
        request
    }

    #[test]
    fn a_program_of_this_machine_that_asks_by_an_address_or_localhost_is_local() {
        for peer in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "unix"] {
            for host in ["127.0.0.1:8080", "[::1]", "localhost", "LocalHost.:8080", "192.0.2.1"] {
                assert!(request(peer, &format!("Host: {host}\r\n")).is_local(), "{peer} {host}");
            }
            for host in ["example.com", "localhost.example.com", "127.0.0.1.example.com", "", "[::1"] {
                assert!(!request(peer, &format!("Host: {host}\r\n")).is_local(), "{peer} {host}");
            }
        }
        for peer in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "0.0.0.0"] {
            assert!(!request(peer, "Host: localhost\r\n").is_local(), "{peer}");
        }
    }

    #[test]
    fn who_asks_through_a_proxy_is_not_local() {
        for name in OF_PROXIES {
            let fields = format!("Host: localhost\r\n{name}: 127.0.0.1\r\n");
            assert!(!request("127.0.0.1", &fields).is_local(), "{name}");
        }
        let mut told = request("127.0.0.1", "Host: localhost\r\n");
        told.is_told = true;
        assert!(!told.is_local());
        let mut proxied = request("127.0.0.1", "Host: localhost\r\n");
        proxied.connection_peer = Peer::Unix;
        assert!(!proxied.is_local());
    }

    #[test]
    fn a_request_is_cross_site_if_its_browser_says_so() {
        let is_cross_site = |fields: &str| request("192.0.2.1", fields).is_cross_site();
        for fields in [
            "Host: a.example:8080\r\n",
            "Host: a.example\r\nSec-Fetch-Site: none\r\n",
            "Host: a.example\r\nSec-Fetch-Site: same-origin\r\n",
            "Host: A.example:8080\r\nOrigin: http://a.example:8080\r\n",
            "Host: a.example\r\nOrigin: https://a.example\r\n",
            "Host: a.example:443\r\nOrigin: https://a.example\r\n",
        ] {
            assert!(!is_cross_site(fields), "{fields}");
        }
        for fields in [
            "Host: a.example\r\nSec-Fetch-Site: cross-site\r\n",
            "Host: a.example\r\nSec-Fetch-Site: same-site\r\n",
            "Host: a.example\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
            "Host: a.example\r\nOrigin: null\r\n",
            "Host: a.example\r\nOrigin: http://b.example\r\n",
            "Host: a.example\r\nOrigin: http://a.example:8080\r\n",
            "Host: a.example\r\nOrigin: http://a.example\r\nOrigin: http://b.example\r\n",
            "Host: a.example\r\nOrigin: file://a.example\r\n",
            "Host: a.example\r\nOrigin: a.example\r\n",
            "Host: a.example:80\r\nOrigin: https://a.example\r\n",
        ] {
            assert!(is_cross_site(fields), "{fields}");
        }
    }
}
