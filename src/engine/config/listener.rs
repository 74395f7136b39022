//! A listener: an address at which net accepts connections, and the server that these belong to.
//!
//! It is a description from the configuration. Net has the socket, under the position of the listener; where several
//! servers share a port, `server_at` finds the one of a connection.

use std::net::{IpAddr, SocketAddr};

use crate::conf::Place;

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RTMP.
    Rtmp,
    /// HTTP.
    Http,
}

/// One address at which connections are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The protocol.
    pub protocol: Protocol,
    /// The address.
    pub address: SocketAddr,
    /// The position of the RTMP server, or of the virtual hosts of the HTTP servers there.
    pub server: usize,
    /// Whether an IPv6 address is for IPv6 only.
    pub ipv6_only: bool,
    /// Whether another process may listen there as well.
    pub reuse_port: bool,
    /// The place in the configuration.
    pub origin: Place,
    /// For a listener at all addresses of the machine: the addresses that belong to other servers than `server`.
    pub(in crate::engine) own_servers: Vec<(IpAddr, usize)>,
}

impl Listener {
    /// Whether it listens at all addresses of the machine, `one` among them.
    pub(in crate::engine) fn covers(&self, one: &Self) -> bool {
        let (all, ip) = (self.address.ip(), one.address.ip());
        let same_port = self.address.port() == one.address.port() && one.address.port() != 0;
        let same_kind = all.is_ipv4() == ip.is_ipv4() && self.protocol == one.protocol;
        all.is_unspecified() && !ip.is_unspecified() && same_port && same_kind
    }

    /// The server of a connection to this address of the machine.
    pub(in crate::engine) fn server_at(&self, local: SocketAddr) -> usize {
        self.own_servers.iter().find(|(ip, _)| *ip == local.ip()).map_or(self.server, |(_, server)| *server)
    }
}
