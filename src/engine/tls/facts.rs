//! What is known of an encrypted connection after its handshake.

use std::sync::Arc;

use crate::engine::config::tls::settings::ClientVerification;

/// What is known of an encrypted connection after its handshake. Names of suites and curves are OpenSSL's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version: "TLSv1.2" or "TLSv1.3".
    pub version: &'static str,
    /// The suite.
    pub suite: &'static str,
    /// The curve; "" if the handshake had none, as it was shortened.
    pub curve: &'static str,
    /// The server name of the client's hello, in lower case.
    pub server_name: Option<Box<str>>,
    /// Whether the client referred to an earlier handshake.
    pub is_resumed: bool,
    /// The result of the verification of its certificate.
    pub verification: Verification,
    /// By what it was verified; none if it was asked for no certificate.
    pub verifier: Option<Arc<Verifier>>,
    /// Its certificate.
    pub client: Option<Box<ClientCertificate>>,
}

impl TlsFacts {
    /// Whether the client has shown a certificate that is verified as `wanted`.
    pub fn satisfies(&self, wanted: &ClientVerification) -> bool {
        let by = self.verifier.as_deref().map(|verifier| &verifier.clients);
        let is_same = by.is_some_and(|by| by.authorities == wanted.authorities && by.depth <= wanted.depth);
        is_same && self.verification == Verification::Success
    }
}

/// By what the certificates of clients are verified. What it has found counts only where the same is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// The settings.
    pub clients: ClientVerification,
    /// Stands for what the file of the authorities had in it.
    pub authorities: u64,
}

/// The result of the verification of a client's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// There was no certificate.
    None,
    /// It is valid.
    Success,
    /// Nobody who is trusted has signed it, by this reason; nothing else is known to be wrong with it.
    Untrusted(Box<str>),
    /// It is not valid, for this reason.
    Failed(Box<str>),
}

/// The certificate of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its SHA-1, in hexadecimal digits in lower case.
    pub fingerprint: Box<str>,
    /// Its serial number, in hexadecimal digits in upper case.
    pub serial: Box<str>,
    /// Whose it is (RFC 2253).
    pub subject: Box<str>,
    /// Who has signed it (RFC 2253).
    pub issuer: Box<str>,
    /// When it begins, as OpenSSL writes it: "Nov 30 14:00:00 2026 GMT".
    pub starts: Box<str>,
    /// When it ends.
    pub ends: Box<str>,
}
