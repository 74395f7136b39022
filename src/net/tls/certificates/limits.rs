//! How much a peer may show as its certificates.
//!
//! Whoever verifies a chain tries all paths through it that names allow, and checks a signature for many of them: that
//! is done in the loop, so there must be few. What is kept of a client for as long as it is connected must be short.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error, OtherError};

use super::Certificate;

/// The most certificates that may come with the own one of a peer. Public authorities need three.
const MAX_OTHERS: usize = 5;
/// The most of them that are for one name: an authority and the one that has taken its place, or that another has signed.
const MAX_OF_A_NAME: usize = 2;
/// The longest certificate of a client.
const MAX_OWN: usize = 8 * 1024;
/// The most bytes of all certificates of a client.
const MAX_BYTES: usize = 32 * 1024;

/// The reason for which certificates are not even looked at.
#[derive(Debug)]
struct TooMuch(&'static str);

impl Display for TooMuch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TooMuch {}

fn too_much(why: &'static str) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(TooMuch(why)))))
}

/// Those that have come with a certificate, each once, if they are few enough.
pub fn few<'a>(others: &[CertificateDer<'a>]) -> Result<Vec<CertificateDer<'a>>, Error> {
    let mut each: Vec<CertificateDer<'a>> = Vec::new();
    for other in others {
        if each.contains(other) {
            continue;
        }
        if each.len() == MAX_OTHERS {
            return Err(too_much("it has shown too many certificates"));
        }
        each.push(other.clone());
    }
    let names: Vec<_> =
        each.iter().filter_map(|der| Certificate::read(der)).map(|other| other.subject).collect();
    let is_frequent = |name: &&[u8]| names.iter().filter(|other| *other == name).count() > MAX_OF_A_NAME;
    if names.iter().any(is_frequent) {
        return Err(too_much("it has shown too many certificates of one name"));
    }
    Ok(each)
}

/// Whether the certificates of a client are few and short enough.
pub fn check_client(own: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
    let bytes: usize = others.iter().map(|other| other.len()).sum();
    if own.len() > MAX_OWN || own.len() + bytes > MAX_BYTES {
        return Err(too_much("it has shown certificates that are too long"));
    }
    few(others).map(|_| ())
}
