//! The certificates of clients (`ssl_verify_client`).
//!
//! As in nginx, a handshake does not fail for a certificate that is not valid: the engine decides what such a client may
//! do, and says so over HTTP. So rustls only checks that the client has the key of what it shows, and that this is not
//! too much (`limits.rs`); the certificate itself is judged after the handshake, also of a client that refers to an earlier one. The reasons are
//! in the words of OpenSSL, which are values of a variable.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::{Certificate, files, limits};
use crate::engine::{ClientCertificate, ClientVerification, Verification, VerificationMode, Verifier};
use crate::net::tls::reasons::describe;

const AUTHORITIES: &str = "ssl_client_certificate";
const TOO_LONG: &str = "certificate chain too long";

/// Asks clients for certificates, and judges those that they have.
#[derive(Debug)]
pub struct Judge {
    provider: Arc<CryptoProvider>,
    authorities: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    /// The subjects of the authorities, which clients are told.
    hints: Vec<DistinguishedName>,
    /// The most certificates between one of a client and an authority.
    depth: usize,
    /// What the engine knows of it.
    verifier: Arc<Verifier>,
}

impl Judge {
    /// Reads the file of the authorities; none if clients are asked for nothing.
    pub fn load(
        settings: &ClientVerification,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<Self>>, files::Fault> {
        if settings.mode == VerificationMode::Off {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        let authorities = match &settings.authorities {
            Some(path) => files::certificates(AUTHORITIES, path)?,
            None => Vec::new(),
        };
        for authority in &authorities {
            let path = settings.authorities.as_deref().unwrap_or("".as_ref());
            roots
                .add(authority.clone())
                .map_err(|error| files::fault(AUTHORITIES, path, &describe(&error)))?;
        }
        let (hints, depth) = (roots.subjects(), usize::from(settings.depth));
        let mut hasher = DefaultHasher::new();
        authorities.hash(&mut hasher);
        let verifier = Arc::new(Verifier { clients: settings.clone(), authorities: hasher.finish() });
        let provider = Arc::clone(provider);
        Ok(Some(Arc::new(Self { provider, authorities, roots, hints, depth, verifier })))
    }

    /// By what it judges, for the engine.
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier)
    }

    /// Whether it has the same authorities as another.
    pub fn is_like(&self, other: &Self) -> bool {
        self.authorities == other.authorities
    }

    /// Judges the certificates that a client has shown, its own one first.
    pub fn judge(&self, shown: &[CertificateDer<'_>], now: UnixTime) -> Verification {
        let Some((own, others)) = shown.split_first() else { return Verification::None };
        match self.verify(own, others, now) {
            Ok(()) => Verification::Success,
            Err(failed) => failed,
        }
    }

    fn verify(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Verification> {
        let others = &limits::few(others).map_err(|_| failed(TOO_LONG))?;
        let certificate = EndEntityCert::try_from(own).map_err(|error| fault(&error, own, others))?;
        let is_too_long = Cell::new(false);
        let limit = |path: &webpki::VerifiedPath<'_>| {
            if path.intermediate_certificates().count() <= self.depth {
                return Ok(());
            }
            is_too_long.set(true);
            Err(webpki::Error::MaximumPathDepthExceeded)
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::client_auth();
        match certificate.verify_for_usage(
            algorithms,
            &self.roots.roots,
            others,
            now,
            usage,
            None,
            Some(&limit),
        ) {
            Ok(_) => Ok(()),
            Err(_) if is_too_long.get() => Err(failed(TOO_LONG)),
            // Its dates are right by then. "openssl req -x509" makes such certificates.
            Err(webpki::Error::CaUsedAsEndEntity) if self.authorities.contains(own) => Ok(()),
            Err(error) => Err(fault(&error, own, others)),
        }
    }
}

/// What is known of the certificate that a client has shown.
pub fn of_client(shown: &[CertificateDer<'_>]) -> Option<Box<ClientCertificate>> {
    let certificate = Certificate::read(shown.first()?)?;
    Some(Box::new(certificate.of_client()))
}

fn failed(why: &str) -> Verification {
    Verification::Failed(why.into())
}

/// What is wrong, in the words of OpenSSL if it has some.
fn fault(error: &webpki::Error, own: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Verification {
    use webpki::Error as E;
    let is_self_signed =
        |der: &CertificateDer<'_>| Certificate::read(der).is_some_and(|found| found.is_self_signed());
    match error {
        // Its dates and what it is for are right by then.
        E::UnknownIssuer | E::CaUsedAsEndEntity if is_self_signed(own) => {
            Verification::Untrusted("self-signed certificate".into())
        }
        E::UnknownIssuer if others.iter().any(is_self_signed) => {
            Verification::Untrusted("self-signed certificate in certificate chain".into())
        }
        E::UnknownIssuer => Verification::Untrusted("unable to verify the first certificate".into()),
        error => failed(reason(error)),
    }
}

/// Why a certificate is not valid, whoever has signed it. None of the texts has bytes of the certificate in it.
fn reason(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => "certificate has expired",
        E::CertNotValidYet { .. } => "certificate is not yet valid",
        E::CaUsedAsEndEntity | E::RequiredEkuNotFoundContext(_) => "unsuitable certificate purpose",
        E::InvalidSignatureForPublicKey => "certificate signature failure",
        E::PathLenConstraintViolated => "path length constraint exceeded",
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => TOO_LONG,
        E::NameConstraintViolation => "permitted subtree violation",
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => "unsupported signature algorithm",
        E::UnsupportedCriticalExtension => "unhandled critical extension",
        E::UnsupportedCertVersion => "the certificate is of version 1",
        _ => "the certificate cannot be verified",
    }
}

impl ClientCertVerifier for Judge {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        limits::check_client(own, others)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
