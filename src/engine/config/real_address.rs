//! Trusted proxies: the networks whose word for a client's address is believed (`set_real_ip_from`).
//!
//! A proxy tells the address in a PROXY header, or in a header of an HTTP request. Where it is read is in
//! `session/proxy.rs` and in the module for HTTP.

use std::rc::Rc;

use crate::conf::value::Custom;
use crate::conf::{Acts, Context, Directive, Node, Repeat, Scope, Takes};
use crate::engine::config::network::Network;
use crate::engine::peer::Peer;

/// The rows of the table.
pub(in crate::engine) const DIRECTIVES: &[Directive] = &[Directive {
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
}];

const SET_REAL_IP_FROM: &str = "set_real_ip_from";

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

/// Reads the arguments of `set_real_ip_from`.
fn parse(args: &[String]) -> Result<Network, String> {
    match args {
        [network] => Network::parse(network),
        _ => Err("one address or network".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

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
}
