//! Reading certificates and keys from PEM files. An error names the directive and the file, and never shows what is in a
//! key.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::formats::{self, Part};

/// The longest file that is read: one with all authorities that a system trusts has 250 KiB.
const MAX_FILE: u64 = 4 << 20;
/// The words of keys with a password, in both ways of writing them.
const WITH_PASSWORD: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"4,ENCRYPTED"];

/// Why something cannot be used: with the directive and the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    text: String,
    /// This user may not read the file, so nothing is known of what is in it.
    pub is_forbidden: bool,
}

impl Fault {
    /// A fault of what is in a file.
    pub fn of(directive: &str, path: &Path, why: &str) -> Self {
        fault(directive, path, why).into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self { text, is_forbidden: false }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.text
    }
}

/// The certificates of a file, at least one.
pub fn certificates(directive: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = read(directive, path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let error = match found {
        Ok(certificates) if !certificates.is_empty() => return Ok(certificates),
        Ok(_) => pem::Error::NoItemsFound,
        Err(error) => error,
    };
    Err(Fault::of(directive, path, &unread(path, &bytes, &error, Part::Certificates)))
}

/// The key of a file: the first one in it.
pub fn private_key(directive: &str, path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let bytes = read(directive, path)?;
    let has = |words: &&[u8]| bytes.windows(words.len()).any(|window| window == *words);
    if WITH_PASSWORD.iter().any(has) {
        let shown = path.display();
        let why = format!(
            "the key has a password, which nobody could type at a start: write it without one, by \
             \"openssl pkey -in {shown} -out NEW\""
        );
        return Err(Fault::of(directive, path, &why));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|error| Fault::of(directive, path, &unread(path, &bytes, &error, Part::Key)))
}

/// Reads a regular file: a FIFO would never end.
fn read(directive: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    let unopened = |error: io::Error| Fault {
        text: fault(directive, path, &describe(&error, path)),
        is_forbidden: error.kind() == ErrorKind::PermissionDenied,
    };
    if !std::fs::metadata(path).map_err(unopened)?.is_file() {
        return Err(Fault::of(directive, path, "is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unopened)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unopened)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Fault::of(directive, path, "is longer than 4 MiB"));
    }
    Ok(bytes)
}

/// Why a file cannot be opened, and what to do about it.
fn describe(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            format!(
                "{error}: let a group of this user read the file and enter its folders (chgrp, chmod g+r)"
            )
        }
        ErrorKind::NotFound if path.symlink_metadata().is_ok() => {
            format!("{error}: it is a link to a file that is not there")
        }
        _ => error.to_string(),
    }
}

fn unread(path: &Path, bytes: &[u8], error: &pem::Error, part: Part) -> String {
    match error {
        pem::Error::NoItemsFound => formats::describe(bytes, path, part),
        pem::Error::MissingSectionEnd { .. } => "is no whole PEM file: its end is missing".to_owned(),
        // The others may show bytes of the file.
        _ => "is no PEM file".to_owned(),
    }
}

/// An error of a file.
pub fn fault(directive: &str, path: &Path, why: &str) -> String {
    format!("{directive} {}: {why}", path.display())
}
