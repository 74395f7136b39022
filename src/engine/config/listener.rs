//! An address to accept connections on, and whose they are.

use std::net::{IpAddr, SocketAddr};

use crate::conf::Place;

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RTMP.
    Rtmp,
    /// HTTP.
    Http,
}

/// One address to accept connections on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The address.
    pub address: SocketAddr,
    /// The position of the RTMP server, or of the hosts that HTTP servers answer for there.
    pub server: usize,
    /// Whether an IPv6 address is for IPv6 only.
    pub ipv6_only: bool,
    /// Whether another process may listen there, too.
    pub reuse_port: bool,
    /// Where the configuration says so.
    pub origin: Place,
    /// If it is for all addresses of the machine: those of them that are other servers', in place of `server`.
    pub(in crate::engine) own_servers: Vec<(IpAddr, usize)>,
}

impl Listener {
    /// Whether it is for all addresses of the machine at a port, and `one` is for one of them.
    pub(in crate::engine) fn covers(&self, one: &Self) -> bool {
        let (all, ip) = (self.address.ip(), one.address.ip());
        let same_port = self.address.port() == one.address.port() && one.address.port() != 0;
        let same_kind = all.is_ipv4() == ip.is_ipv4() && self.protocol == one.protocol;
        all.is_unspecified() && !ip.is_unspecified() && same_port && same_kind
    }

    /// Whose a connection is that has come to this address of the machine.
    pub(in crate::engine) fn server_at(&self, local: SocketAddr) -> usize {
        self.own_servers.iter().find(|(ip, _)| *ip == local.ip()).map_or(self.server, |(_, server)| *server)
    }
}
