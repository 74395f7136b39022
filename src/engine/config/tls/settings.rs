//! The settings of TLS of a server, as net gets them: plain values, by which it keeps what it has loaded.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::config::listener::Protocol;

/// The settings of TLS of a server. The files are read by net.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerTls {
    /// The protocol inside.
    pub protocol: Protocol,
    /// The files of certificates and of their keys (PEM).
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// The versions that are spoken.
    pub versions: TlsVersions,
    /// The suites by OpenSSL's names, in the order of preference; empty for all.
    pub suites: Vec<&'static str>,
    /// Whether the server's order of suites counts, and not the client's.
    pub prefers_own: bool,
    /// The curves by OpenSSL's names, in the order of preference; empty for all.
    pub curves: Vec<&'static str>,
    /// What is kept of earlier handshakes.
    pub cache: SessionCache,
    /// How long a client may refer to an earlier handshake.
    pub timeout: Duration,
    /// Whether clients get tickets.
    pub tickets: bool,
    /// The verification of certificates of clients.
    pub clients: ClientVerification,
    /// Whether every handshake is refused.
    pub rejects: bool,
}

/// The versions of TLS that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsVersions {
    /// TLS 1.2.
    pub tls12: bool,
    /// TLS 1.3.
    pub tls13: bool,
}

/// What a server keeps of earlier handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionCache {
    /// Nothing.
    None,
    /// So many at most.
    Entries(u32),
}

/// How a server verifies the certificates of clients; by default not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClientVerification {
    /// Whether it does.
    pub mode: VerificationMode,
    /// The file of the certificates that may have signed them (PEM).
    pub authorities: Option<PathBuf>,
    /// The most certificates between the client's and one of those.
    pub depth: u8,
}

/// Whether certificates of clients are verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum VerificationMode {
    /// Clients are asked for none.
    #[default]
    Off,
    /// A client must have one that is valid.
    On,
    /// A client may have none, but no invalid one.
    Optional,
    /// A client may have none, and one of any authority, but none that is not valid otherwise.
    OptionalNoCa,
}
