//! The server that a client session connects to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The server that a client session connects to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// A host name, which net resolves when it connects, or an IP address (IPv6 without brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The settings of TLS, if the connection is encrypted.
    pub tls: Option<Arc<ClientTls>>,
    /// The address of this machine from which it is connected, if that is chosen.
    pub bind: Option<IpAddr>,
}

/// The settings of TLS of a client. The files are read by net when they are needed first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// Whether the server must have a certificate for its host that one of the trusted ones has signed.
    pub verify: bool,
    /// The file of trusted certificates (PEM) in place of those of the system.
    pub trusted: Option<PathBuf>,
    /// The files of the certificate that the client shows and of its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The SHA-256 fingerprint of the certificate that the server must show, whoever has signed it.
    pub fingerprint: Option<[u8; 32]>,
}

/// The certificate is verified by those that the system trusts.
impl Default for ClientTls {
    fn default() -> Self {
        Self { verify: true, trusted: None, certificate: None, fingerprint: None }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}
