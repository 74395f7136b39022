//! Where a listener listens: at an address of the Internet, or at a Unix socket.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// Where a listener listens, and the server's end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenOn {
    /// An address with a port; with port 0 the system chooses one.
    Internet(SocketAddr),
    /// The path of a Unix socket. (It may be read by another thread, as host names are.)
    Unix(Arc<Path>),
}

impl ListenOn {
    /// The address; none of a Unix socket.
    pub fn internet(&self) -> Option<SocketAddr> {
        match self {
            Self::Internet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The IP address; none of a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        self.internet().map(|address| address.ip())
    }

    /// The port; none of a Unix socket.
    pub fn port(&self) -> Option<u16> {
        self.internet().map(|address| address.port())
    }

    /// Whether it is port 0, which may be there several times.
    pub fn is_chosen_later(&self) -> bool {
        self.port() == Some(0)
    }

    /// The address without a port, as templates have it: "192.0.2.1", or "unix:/run/a.sock".
    pub fn host(&self) -> String {
        self.ip().map_or_else(|| self.to_string(), |ip| ip.to_canonical().to_string())
    }
}

impl From<SocketAddr> for ListenOn {
    fn from(address: SocketAddr) -> Self {
        Self::Internet(address)
    }
}

impl fmt::Display for ListenOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
