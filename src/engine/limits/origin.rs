//! The origin of a connection, by which connections and wrong keys are counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::engine::peer::Peer;

/// The origin of a connection: an IPv4 address, or the 64-bit network of an IPv6 address, as a host
/// there has as many addresses as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The address.
    V4([u8; 4]),
    /// The network.
    V6([u8; 8]),
}

impl Origin {
    /// The origin of a peer; none for the machine itself.
    pub fn of(peer: Peer) -> Option<Self> {
        match peer.ip()?.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Self::V4(ip.octets())),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Self::V6),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(octets) => Ipv4Addr::from(octets).fmt(f),
            Self::V6(network) => {
                let mut octets = [0; 16];
                octets.iter_mut().zip(network).for_each(|(octet, known)| *octet = known);
                write!(f, "{}/64", Ipv6Addr::from(octets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn an_address_is_that_of_its_network_and_the_machine_itself_has_none() {
        let origin = |text: &str| Origin::of(SocketAddr::new(text.parse().unwrap(), 1000).into());
        assert_eq!(origin("2001:db8:0:1::1"), origin("2001:db8:0:1:ffff::"));
        assert_ne!(origin("2001:db8:0:1::1"), origin("2001:db8:0:2::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.2"), origin("192.0.2.1"));
        for own in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(origin(own), None, "{own}");
        }
    }
}
