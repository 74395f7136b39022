//! Where a request comes from: from this machine, or from a page of another site.
//!
//! Both are told by the connection and by the head alone. Who may do what is the modules' to decide.

use std::net::IpAddr;

use crate::engine::config::network::rules::Asker;
use crate::engine::http::request::HttpRequest;
use crate::http::Headers;

/// The fields by which a proxy says that a request is somebody else's.
const OF_PROXIES: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

impl HttpRequest {
    /// Who asks, for rules by address.
    pub fn asker(&self) -> Asker {
        Asker { peer: self.peer, is_local: self.is_local() }
    }

    /// Whether a program of this machine asks, for itself: by loopback, without a proxy's fields, and by a name that only
    /// this machine has. A browser that a page has led here by a name of its own (DNS rebinding) is not local. Nor is a client of a
    /// Unix socket: mostly that is a proxy, which nginx would be without any field of a proxy and with "Host: localhost".
    /// A proxy that comes by loopback and says nothing of its clients cannot be told from a local program.
    pub fn is_local(&self) -> bool {
        let is_direct = !self.is_told && self.peer == self.connection_peer;
        is_direct
            && self.is_from_loopback()
            && OF_PROXIES.iter().all(|name| self.head.headers.get(name).is_none())
            && is_own_name(&self.head.host)
    }

    /// Whether a browser says that a page of another site has caused it (Fetch Metadata; RFC 6454, section 7).
    pub fn is_cross_site(&self) -> bool {
        let headers = &self.head.headers;
        let is_own = |site: &str| ["same-origin", "none"].iter().any(|own| site.eq_ignore_ascii_case(own));
        headers.all("sec-fetch-site").any(|site| !is_own(site))
            || headers.all("origin").any(|origin| !self.is_own_origin(origin))
            || headers.all("referer").any(|page| !self.is_own_origin(origin_of(page)))
    }

    /// Whether an origin that a browser has told is the host, with its port, that it asks.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        is_origin_of(origin, &self.head.headers, self.tls.is_some())
    }

    /// Whether a browser does not say which page has caused it, so that it may be one of another site.
    ///
    /// Browsers send `Sec-Fetch-Site` to HTTPS and loopback alone, and `Origin` with neither GET nor HEAD. What is left is
    /// `Referer`, which a page can turn off. This is also a browser into which somebody has typed the URL of a server
    /// without TLS.
    pub fn hides_its_page(&self) -> bool {
        self.is_of_a_browser() && !self.names_its_page()
    }

    /// Whether a browser on this machine asks by a name that a page may have chosen for it, which leads to this machine (DNS
    /// rebinding). To the browser both are one site. A proxy on this machine that tells its clients' addresses, and is
    /// believed, is not meant: the client is not at loopback then.
    pub fn is_rebound(&self) -> bool {
        let is_of_a_page = self.is_of_a_browser() || self.names_its_page();
        self.is_from_loopback() && is_of_a_page && !is_own_name(&self.head.host)
    }

    fn is_from_loopback(&self) -> bool {
        self.peer.ip().is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Whether it has any of the fields by which browsers tell which page has caused a request.
    fn names_its_page(&self) -> bool {
        ["sec-fetch-site", "origin", "referer"].iter().any(|name| self.head.headers.get(name).is_some())
    }

    /// Whether it is evidently a browser's. PowerShell calls itself Mozilla, too, and runs no pages.
    fn is_of_a_browser(&self) -> bool {
        let agent = self.head.headers.get("user-agent").unwrap_or_default();
        agent.starts_with("Mozilla/") && !agent.contains("PowerShell/")
    }
}

/// Whether a host is a name of this machine for itself: localhost, or an address of loopback. By 0.0.0.0 and
/// ::ffff:127.0.0.1, which lead there as well, browsers let pages of any site in.
fn is_own_name(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The origin of a page, as `Referer` has it.
fn origin_of(page: &str) -> &str {
    let authority_at = page.find("://").map_or(0, |at| at + 3);
    let path_at = page.get(authority_at..).and_then(|rest| rest.find(['/', '?', '#']));
    path_at.and_then(|at| page.get(..authority_at + at)).unwrap_or(page)
}

/// Whether an origin is the host, with its port, that is asked. "null" is nobody's. A page without TLS may be anybody's, and is
/// none of a server that is asked over TLS; without TLS, a proxy in front may have taken it off.
fn is_origin_of(origin: &str, headers: &Headers, is_encrypted: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let usual = match scheme {
        "http" if is_encrypted => return false,
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
    fn a_program_of_this_machine_that_asks_by_loopback_or_localhost_is_local() {
        for peer in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            for host in ["127.0.0.1:8080", "[::1]", "localhost", "LocalHost.:8080", "127.1.2.3"] {
                assert!(request(peer, &format!("Host: {host}\r\n")).is_local(), "{peer} {host}");
            }
            let own = ["192.0.2.1", "0.0.0.0:8080", "[::]", "[::ffff:127.0.0.1]:8080"];
            let others = ["example.com", "localhost.example.com", "127.0.0.1.example.com", "", "[::1"];
            for host in own.into_iter().chain(others) {
                assert!(!request(peer, &format!("Host: {host}\r\n")).is_local(), "{peer} {host}");
            }
        }
        for peer in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "0.0.0.0", "unix"] {
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
            "Host: a.example:8080\r\nReferer: http://a.example:8080/panel?a=/b\r\n",
            "Host: a.example\r\nReferer: http://a.example\r\nUser-Agent: Mozilla/5.0 (X11)\r\n",
            "Host: a.example\r\nSec-Fetch-Site: none\r\nUser-Agent: Mozilla/5.0 (X11)\r\n",
            "Host: a.example\r\nOrigin: http://a.example\r\nUser-Agent: Mozilla/5.0 (X11)\r\n",
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
            "Host: a.example:8080\r\nReferer: http://a.example/\r\n",
            "Host: a.example\r\nReferer: http://b.example/http://a.example/\r\n",
            "Host: a.example\r\nReferer: http://b.example?://a.example/\r\n",
            "Host: a.example\r\nReferer: http://a.example@b.example/\r\n",
            "Host: a.example\r\nReferer: a.example\r\n",
            "Host: a.example\r\nReferer: \r\n",
            "Host: a.example\r\nSec-Fetch-Site: same-origin\r\nReferer: http://b.example/\r\n",
        ] {
            assert!(is_cross_site(fields), "{fields}");
        }
    }

    #[test]
    fn a_browser_that_names_no_page_hides_one() {
        let hides =
            |fields: &str| request("192.0.2.1", &format!("Host: a.example\r\n{fields}")).hides_its_page();
        const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0\r\n";
        assert!(hides(BROWSER));
        for field in ["Sec-Fetch-Site: none", "Origin: http://a.example", "Referer: http://a.example/"] {
            assert!(!hides(&format!("{BROWSER}{field}\r\n")), "{field}");
        }
        for agent in ["curl/8.0 (not Mozilla/5.0)", "Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1"] {
            assert!(!hides(&format!("User-Agent: {agent}\r\n")), "{agent}");
        }
    }

    #[test]
    fn a_browser_of_this_machine_that_asks_by_a_name_may_have_been_led_here() {
        let of_pages = [
            "Referer: http://a.example/\r\n",
            "Origin: http://a.example\r\n",
            "Sec-Fetch-Site: same-origin\r\n",
            "User-Agent: Mozilla/5.0 (X11)\r\n",
        ];
        for fields in of_pages {
            let named = format!("Host: a.example\r\n{fields}");
            assert!(request("127.0.0.1", &named).is_rebound(), "{fields}");
            assert!(!request("192.0.2.1", &named).is_rebound(), "{fields}");
            assert!(!request("unix", &named).is_rebound(), "{fields}");
            assert!(!request("::1", &format!("Host: localhost:8080\r\n{fields}")).is_rebound(), "{fields}");
        }
        assert!(!request("127.0.0.1", "Host: a.example\r\nUser-Agent: curl/8.0\r\n").is_rebound());
    }
}
