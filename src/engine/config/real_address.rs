//! The real address of a client behind a proxy: which proxies are trusted (`set_real_ip_from`), and the header field of
//! an HTTP request in which they tell it (`real_ip_header`).
//!
//! It is believed only if the connection comes from a trusted proxy; what others write there changes nothing. PROXY
//! headers are read in `session/proxy.rs`.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Node, Repeat, Scope, Takes};
use crate::engine::config::network::Network;
use crate::engine::peer::Peer;
use crate::http::Headers;

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[FROM, HEADER, RECURSIVE];

const FROM: Directive = Directive {
    name: SET_REAL_IP_FROM,
    contexts: &[Context::Rtmp, Context::RtmpServer, Context::Http, Context::HttpServer, Context::Location],
    takes: Takes::Custom { syntax: "address|network|unix:", parse: |args| Custom::of(parse(args)) },
    default: "",
    repeat: Repeat::Many,
    acts: Acts::AtOnce,
    doc: "Trusts a proxy, or all proxies of a network: the address that it tells of a client is that of the client \
          from then on, in limits, rules and logs. A proxy tells it in a PROXY header (listen ... proxy_protocol) or \
          in a header of an HTTP request (real_ip_header). What others tell is read and ignored. Blocks without it \
          inherit those of the outer block. For PROXY headers it has to be in http or server, as they come before \
          the request.",
};

const HEADER: Directive = Directive {
    name: "real_ip_header",
    contexts: Context::LOCATIONS,
    takes: Takes::Text,
    default: "X-Real-IP",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "The header field in which a trusted proxy tells the client's address, such as X-Forwarded-For. Of several \
          addresses the last one counts. With proxy_protocol no field is read: only PROXY headers count.",
};

const RECURSIVE: Directive = Directive {
    name: "real_ip_recursive",
    contexts: Context::LOCATIONS,
    takes: Takes::Flag,
    default: "off",
    repeat: Repeat::Once,
    acts: Acts::AtOnce,
    doc: "Takes the last address of the field that is no trusted proxy, instead of the last one: for several proxies \
          one behind the other.",
};

pub(in crate::engine) const SET_REAL_IP_FROM: &str = "set_real_ip_from";

/// The networks of a block's trusted proxies. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Rc<[Network]>);

impl TrustedProxies {
    /// Those of the nearest level that has any.
    pub fn read(scope: &Scope<'_>) -> Self {
        Self(scope.all(SET_REAL_IP_FROM).into_iter().map(Node::custom).collect())
    }

    /// Whether what this peer tells of its clients is believed.
    pub fn contains(&self, peer: Peer) -> bool {
        self.0.iter().any(|network| network.contains(peer))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How the clients' addresses are found in a location.
#[derive(Debug, Clone)]
pub(in crate::engine) struct RealAddress {
    proxies: TrustedProxies,
    /// The field of the head in lower case; none where only PROXY headers count.
    field: Option<String>,
    /// Whether the configuration names it, rather than the default.
    is_written: bool,
    is_recursive: bool,
}

impl RealAddress {
    pub fn read(scope: &Scope<'_>) -> Self {
        let field = scope.text("real_ip_header").to_ascii_lowercase();
        Self {
            proxies: TrustedProxies::read(scope),
            is_written: scope.find("real_ip_header").is_some(),
            field: Some(field).filter(|field| field != PROXY_PROTOCOL),
            is_recursive: scope.flag("real_ip_recursive"),
        }
    }

    /// Whether a proxy is trusted.
    pub fn trusts(&self, peer: Peer) -> bool {
        self.proxies.contains(peer)
    }

    /// The client of a request on a connection from `peer`, which a PROXY header may have told: the last address that the field has, and with
    /// `real_ip_recursive` the last one that is no trusted proxy.
    pub fn of(&self, (peer, is_told): (Peer, bool), headers: &Headers) -> Peer {
        let (Some(field), true) = (&self.field, self.proxies.contains(peer)) else { return peer };
        // Who passes connections on does not clean the fields of their requests.
        if is_told && !self.is_written {
            return peer;
        }
        let values: Vec<&str> = headers.all(field).collect();
        let mut client = peer;
        for text in values.into_iter().rev().flat_map(|value| value.rsplit(',')) {
            let text = text.trim_matches([' ', '\t']);
            if text.is_empty() {
                continue;
            }
            let Some(found) = address(text) else { break };
            client = found;
            if !self.is_recursive || !self.proxies.contains(client) {
                break;
            }
        }
        client
    }
}

/// An address, perhaps with a port, as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<Peer> {
    let with_port = || text.parse::<SocketAddr>().ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let alone = || text.parse::<IpAddr>().ok().or_else(in_brackets).map(|ip| SocketAddr::new(ip, 0));
    alone().or_else(with_port).map(Peer::from)
}

/// nginx's word for addresses that PROXY headers tell.
const PROXY_PROTOCOL: &str = "proxy_protocol";

/// Reads the arguments of `set_real_ip_from`.
fn parse(args: &[String]) -> Result<Network, String> {
    match args {
        [network] => Network::parse(network),
        _ => Err("one address or network".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Tree, check};

    #[test]
    fn a_peer_is_trusted_if_it_is_in_one_of_the_networks() {
        let networks =
            |texts: &[&str]| TrustedProxies(texts.iter().map(|text| Network::parse(text).unwrap()).collect());
        let peer = |ip: &str| Peer::from(SocketAddr::new(ip.parse().unwrap(), 1));
        let inner = networks(&["10.0.0.0/8", "unix:"]);
        assert!(inner.contains(peer("10.1.1.1")) && inner.contains(Peer::Unix));
        assert!(!inner.contains(peer("11.1.1.1")));
        assert!(TrustedProxies::default().is_empty() && !TrustedProxies::default().contains(Peer::Unix));
    }

    fn found(directives: &str, from: &str, fields: &[&str]) -> String {
        let text = format!("http {{ server {{ {directives} }} }}");
        let mut tree = Tree::from_text("f", &text).unwrap();
        let table = crate::engine::directive_table(&crate::modules::table());
        check(&mut tree, &table).unwrap();
        let root = Scope::root(&tree, &table);
        let server = root.blocks("http").next().unwrap().blocks("server").next().unwrap();
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let head =
            crate::http::Request::parse(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
        let real = RealAddress::read(&server.read_as(Context::Location));
        real.of((SocketAddr::new(from.parse().unwrap(), 5000).into(), false), &head.unwrap().headers)
            .to_string()
    }

    #[test]
    fn the_word_of_a_trusted_proxy_is_believed() {
        let own = "set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;";
        let recursive = &format!("{own} real_ip_recursive on;");
        for (directives, from, fields, expected) in [
            (own, "10.0.0.1", &["X-Forwarded-For: 192.0.2.7"][..], "192.0.2.7:0"),
            (own, "11.0.0.1", &["X-Forwarded-For: 192.0.2.7"], "11.0.0.1:5000"),
            (own, "10.0.0.1", &["X-Real-IP: 192.0.2.7"], "10.0.0.1:5000"),
            (own, "10.0.0.1", &["X-Forwarded-For: 192.0.2.7, 10.0.0.2"], "10.0.0.2:0"),
            (recursive, "10.0.0.1", &["X-Forwarded-For: 1.1.1.1, 192.0.2.7,10.0.0.2"], "192.0.2.7:0"),
            (recursive, "10.0.0.1", &["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 10.0.0.2"], "1.1.1.1:0"),
            (recursive, "10.0.0.1", &["X-Forwarded-For: 10.0.0.3, 10.0.0.2"], "10.0.0.3:0"),
            (recursive, "10.0.0.1", &["X-Forwarded-For: 192.0.2.7, nobody, 10.0.0.2"], "10.0.0.2:0"),
            (own, "10.0.0.1", &["X-Forwarded-For: nobody"], "10.0.0.1:5000"),
            (own, "10.0.0.1", &["X-Forwarded-For: [2001:db8::1]:80"], "[2001:db8::1]:80"),
            (own, "10.0.0.1", &["X-Forwarded-For: 2001:db8::1"], "[2001:db8::1]:0"),
            (own, "10.0.0.1", &["X-Forwarded-For: 192.0.2.7:81"], "192.0.2.7:81"),
            (own, "10.0.0.1", &["X-Forwarded-For: ::ffff:192.0.2.7"], "192.0.2.7:0"),
            (own, "10.0.0.1", &[], "10.0.0.1:5000"),
            ("set_real_ip_from 10.0.0.0/8;", "10.0.0.1", &["X-Real-IP: 192.0.2.7"], "192.0.2.7:0"),
            (
                "set_real_ip_from 10.0.0.0/8; real_ip_header proxy_protocol;",
                "10.0.0.1",
                &["X-Real-IP: 192.0.2.7", "proxy_protocol: 192.0.2.7"],
                "10.0.0.1:5000",
            ),
        ] {
            assert_eq!(found(directives, from, fields), expected, "{directives} {fields:?}");
        }
    }
}
