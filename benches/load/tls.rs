//! The clients' side of TLS. It is rustls, as in the server; what clients of other makes say is for scripts/interop.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// What all clients share.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Trusts what the certificate in a file has signed. With a name, as `TLS13_AES_128_GCM_SHA256`, offers that suite
    /// alone. Handshakes are whole ones, unless `resumption` shortens them.
    pub fn new(authority: &Path, suite: Option<&str>, resumption: Resumption) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let mut provider = ring::default_provider();
        if let Some(name) = suite {
            provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()) == name);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = resumption;
        Ok(Self(Arc::new(config)))
    }

    /// The beginning of a connection to a server that has this address.
    pub fn connection(&self, address: IpAddr) -> io::Result<ClientConnection> {
        ClientConnection::new(Arc::clone(&self.0), address.into()).map_err(io::Error::other)
    }
}
