//! The client's end of a connection: an address of the Internet, or a Unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The client's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An address with a port; one of IPv4 from a socket for IPv6 too stands as IPv4.
    Internet(SocketAddr),
    /// A Unix socket, which has no address: a program of this machine.
    Unix,
}

impl Peer {
    /// The other end of a connection that is not made yet.
    pub const UNKNOWN: Self = Self::Internet(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));

    /// The IP address; none at a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Internet(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    /// The port; 0 at a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Self::Internet(address) => address.port(),
            Self::Unix => 0,
        }
    }

    /// The address without a port, as logs and templates have it: "192.0.2.1", or "unix:".
    pub fn host(&self) -> String {
        self.ip().map_or_else(|| UNIX.to_owned(), |ip| ip.to_string())
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Internet(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet(address) => address.fmt(f),
            Self::Unix => f.write_str(UNIX),
        }
    }
}

/// nginx's word for the address of a peer at a Unix socket.
const UNIX: &str = "unix:";
