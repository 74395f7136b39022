//! Reading certificates and keys from PEM files. An error names the directive and the file, and never shows what is in a
//! key.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The longest file that is read: one with all authorities that a system trusts has 250 KiB.
const MAX_FILE: u64 = 4 << 20;
/// The words of keys with a password, in both ways of writing them.
const WITH_PASSWORD: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"4,ENCRYPTED"];

/// The certificates of a file, at least one.
pub fn certificates(directive: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(directive, path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(certificates) if certificates.is_empty() => Err(fault(directive, path, "no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unread(directive, path, &error, "no certificate in it")),
    }
}

/// The key of a file: the first one in it.
pub fn private_key(directive: &str, path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(directive, path)?;
    let has = |words: &&[u8]| bytes.windows(words.len()).any(|window| window == *words);
    if WITH_PASSWORD.iter().any(has) {
        let shown = path.display();
        let why = format!(
            "the key has a password, which nobody could type at a start: write it without one, by \
             \"openssl pkey -in {shown} -out NEW\""
        );
        return Err(fault(directive, path, &why));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| unread(directive, path, &error, "no key in it"))
}

/// Reads a regular file: a FIFO would never end.
fn read(directive: &str, path: &Path) -> Result<Vec<u8>, String> {
    let failed = |why: &str| fault(directive, path, why);
    let facts = std::fs::metadata(path).map_err(|error| failed(&error.to_string()))?;
    if !facts.is_file() {
        return Err(failed("is no regular file"));
    }
    let file = File::open(path).map_err(|error| failed(&error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(&error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(failed("is longer than 4 MiB"));
    }
    Ok(bytes)
}

fn unread(directive: &str, path: &Path, error: &pem::Error, without: &str) -> String {
    match error {
        pem::Error::NoItemsFound => fault(directive, path, without),
        pem::Error::MissingSectionEnd { .. } => {
            fault(directive, path, "is no whole PEM file: its end is missing")
        }
        // The others may show bytes of the file.
        _ => fault(directive, path, "is no PEM file"),
    }
}

/// An error of a file.
pub fn fault(directive: &str, path: &Path, why: &str) -> String {
    format!("{directive} {}: {why}", path.display())
}
