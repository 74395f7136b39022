//! What a server needs for TLS, of its settings and their files: certificates with their keys, and what it says of
//! versions, suites and curves. It is read by threads, and used by the loop.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, InconsistentKeys, ServerConfig, SignatureAlgorithm};

use super::certificates::judge::{Judge, of_client};
use super::certificates::{Certificate, KeyKind, files};
use super::reasons::describe;
use super::{names, resumption};
use crate::engine::{ClientCertificate, Protocol, ServerTls, Verification};

pub const CERTIFICATE: &str = "ssl_certificate";
pub const KEY: &str = "ssl_certificate_key";

/// The protocol that HTTP offers (ALPN).
const HTTP: &[u8] = b"http/1.1";

/// What the connections to a server share.
#[derive(Debug, Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    /// Judges the certificates of clients, where they are asked for some.
    judge: Option<Arc<Judge>>,
}

impl TlsServer {
    /// Reads the files. The error names the directive and the file.
    pub fn load(settings: &ServerTls) -> Result<Self, String> {
        Self::load_after(settings, None)
    }

    /// The same after files of the same settings have changed: clients that have met the server of before still have short
    /// handshakes, unless those that may have signed their certificates are others.
    pub fn load_after(settings: &ServerTls, before: Option<&Self>) -> Result<Self, String> {
        let provider = Arc::new(names::provider(&settings.suites, &settings.curves));
        let certificates = Certificates::load(settings, &provider)?;
        let judge = Judge::load(&settings.clients, &provider)?;
        let versions = [(settings.versions.tls12, &TLS12), (settings.versions.tls13, &TLS13)];
        let versions: Vec<_> =
            versions.into_iter().filter(|(is_on, _)| *is_on).map(|(_, version)| version).collect();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| format!("ssl_ciphers, ssl_ecdh_curve: {}", describe(&error)))?;
        let builder = match &judge {
            Some(judge) => {
                builder.with_client_cert_verifier(Arc::clone(judge) as Arc<dyn ClientCertVerifier>)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.ignore_client_order = settings.prefers_own;
        if settings.protocol == Protocol::Http {
            config.alpn_protocols = vec![HTTP.to_vec()];
        }
        let before = before.filter(|before| match (&before.judge, &judge) {
            (Some(before), Some(judge)) => before.is_like(judge),
            (before, judge) => before.is_none() && judge.is_none(),
        });
        resumption::set(&mut config, settings, before.map(|before| &*before.config))?;
        Ok(Self { config: Arc::new(config), judge })
    }

    /// The configuration for a hello. One that offers other protocols only is answered as if it offered none: rustls would
    /// end the handshake.
    pub(super) fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let own = &self.config.alpn_protocols;
        let has_others_only =
            hello.alpn().is_some_and(|mut offered| !offered.any(|name| own.iter().any(|own| own == name)));
        if own.is_empty() || !has_others_only {
            return Arc::clone(&self.config);
        }
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols.clear();
        Arc::new(config)
    }

    /// What is known of a client after its handshake, by the certificates that it has shown (`peer_certificates`).
    pub(super) fn client(
        &self,
        shown: Option<&[CertificateDer<'_>]>,
    ) -> (Verification, Option<Box<ClientCertificate>>) {
        match (&self.judge, shown) {
            (Some(judge), Some(shown)) => (judge.judge(shown, UnixTime::now()), of_client(shown)),
            _ => (Verification::None, None),
        }
    }
}

/// The certificates of a server with their keys.
#[derive(Debug)]
struct Certificates(Vec<Arc<CertifiedKey>>);

impl Certificates {
    /// Reads the files; those with keys of ECDSA and Ed25519, which sign faster, are first.
    fn load(settings: &ServerTls, provider: &CryptoProvider) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (certificate, key) in &settings.certificates {
            keys.push(Arc::new(certified_key(certificate, key, provider)?));
        }
        keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        Ok(Self(keys))
    }
}

/// Chooses the first one with which something can be signed that the client understands. If there is none, rustls says so.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let suits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        self.0.iter().find(suits).or(self.0.first()).cloned()
    }
}

fn certified_key(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = files::certificates(CERTIFICATE, certificate)?;
    let der = files::private_key(KEY, key)?;
    for (number, other) in (1..).zip(&chain) {
        if let Err(error) = ParsedCertificate::try_from(other).map(|_| ())
            && let Some(why) = fault_of(&error, number)
        {
            return Err(files::fault(CERTIFICATE, certificate, &why));
        }
    }
    let signing = provider
        .key_provider
        .load_private_key(der)
        .map_err(|_| files::fault(KEY, key, &unusable(chain.first())))?;
    if !fits(&chain, &signing) {
        let is_behind = chain.iter().skip(1).any(|other| fits(std::slice::from_ref(other), &signing));
        let why = match is_behind {
            true => "its own certificate has to be the first one in the file, before those of authorities"
                .to_owned(),
            false => format!("the key in {} is that of another certificate", key.display()),
        };
        return Err(files::fault(CERTIFICATE, certificate, &why));
    }
    Ok(CertifiedKey::new(chain, signing))
}

/// What is wrong with a certificate of a chain. One of version 1 may be among those of authorities.
fn fault_of(error: &Error, number: usize) -> Option<String> {
    let is_old = matches!(error, Error::InvalidCertificate(CertificateError::Other(other))
        if other.to_string() == "UnsupportedCertVersion");
    match (number, is_old) {
        (1, true) => Some("the certificate is of version 1, which has no names".to_owned()),
        (_, true) => None,
        (1, false) => Some(format!("the certificate cannot be read ({error})")),
        (number, false) => Some(format!("certificate {number} in the file cannot be read ({error})")),
    }
}

/// Whether a key is that of the first certificate.
fn fits(chain: &[CertificateDer<'static>], key: &Arc<dyn SigningKey>) -> bool {
    let Some(own) = chain.first() else { return false };
    let found = CertifiedKey::new(vec![own.clone()], Arc::clone(key)).keys_match();
    matches!(found, Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)))
}

/// Why a key cannot be used that has been read from its file.
fn unusable(certificate: Option<&CertificateDer<'_>>) -> String {
    let kind = certificate.and_then(|der| Certificate::read(der)).map(|certificate| certificate.key);
    match kind {
        Some(KeyKind::Rsa(bits)) if !(2048..=4096).contains(&bits) => {
            format!("an RSA key of {bits} bits cannot be used: it has to have 2048 to 4096")
        }
        Some(KeyKind::Other) => "a key of this kind cannot be used: take ECDSA with P-256 or P-384 \
             (\"openssl ecparam -name prime256v1 -genkey\"), Ed25519, or RSA"
            .to_owned(),
        _ => "the key is broken".to_owned(),
    }
}
