//! What a client needs for TLS: trusted certificates, and one of its own if it has one.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::certificates::files::{certificates, fault, private_key};
use super::reasons::describe;
use super::verifier::{AnyCertificate, PinnedCertificate, TrustedCertificates};
use crate::engine::ClientTls;

const TRUSTED: &str = "ssl_trusted_certificate";
const CERTIFICATE: &str = "netcall_ssl_certificate";
const KEY: &str = "netcall_ssl_certificate_key";

/// Checks the files of some settings, as a start would read them; the error names the directive and the file.
pub fn check_tls(settings: &ClientTls) -> Result<(), String> {
    TlsClient::load(settings).map(|_| ())
}

/// What the connections of some settings share, also what shortens the next handshake.
#[derive(Debug, Clone)]
pub struct TlsClient(pub(super) Arc<ClientConfig>);

impl TlsClient {
    /// Reads the files. The error names the directive and the file.
    pub fn load(settings: &ClientTls) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| describe(&error))?
            .dangerous();
        let builder = if let Some(fingerprint) = settings.fingerprint {
            builder.with_custom_certificate_verifier(Arc::new(PinnedCertificate::new(fingerprint, &provider)))
        } else if settings.verify {
            builder.with_custom_certificate_verifier(Arc::new(trusted(settings, &provider)?))
        } else {
            builder.with_custom_certificate_verifier(Arc::new(AnyCertificate::new(&provider)))
        };
        let config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(CERTIFICATE, certificate)?, private_key(KEY, key)?)
                .map_err(|error| fault(CERTIFICATE, certificate, &describe(&error)))?,
        };
        Ok(Self(Arc::new(config)))
    }

    /// The beginning of a connection to a host.
    pub(super) fn connection(&self, host: &str) -> Result<ClientConnection, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("no certificate can have the name {host}"))?;
        ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| describe(&error))
    }
}

fn trusted(settings: &ClientTls, provider: &Arc<CryptoProvider>) -> Result<TrustedCertificates, String> {
    let Some(path) = &settings.trusted else {
        return TrustedCertificates::new(roots_of_system()?, &[], provider);
    };
    let certificates = certificates(TRUSTED, path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| fault(TRUSTED, path, &describe(&error)))?;
    }
    TrustedCertificates::new(roots, &certificates, provider)
}

/// The certificates that the system trusts; those that cannot be read are left out.
fn roots_of_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!("the system has no trusted certificates{why}: name a file with {TRUSTED}"));
    }
    Ok(roots)
}
