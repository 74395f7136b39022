//! What a file is in which no certificate or no key is found, and what to do about it: other formats, requests, and
//! files that have been exchanged. What is in the file is never shown.

use std::path::Path;

use super::der::{Der, Item};
use super::{Certificate, INTEGER, OID, SEQUENCE};

/// Marks at the beginning of texts that editors write, which PEM has not: of UTF-8 and UTF-16.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];

/// The beginning of PKCS#12 whose length is not told there, as some programs write it.
const OPEN_PKCS12: &[u8] = &[SEQUENCE, 0x80, INTEGER, 1, 3];

const EXCHANGED: &str = "it has a certificate (have ssl_certificate and ssl_certificate_key been exchanged?)";

/// What is looked for in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Certificates,
    Key,
}

/// What is wrong with a file in which nothing is found.
pub fn describe(bytes: &[u8], path: &Path, part: Part) -> String {
    let file = path.display();
    let without = match part {
        Part::Certificates => "no certificate in it",
        Part::Key => "no key in it",
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return format!("{without}: it is empty");
    }
    if MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return format!(
            "{without}: it begins with a byte order mark, which an editor has written: save it as plain ASCII"
        );
    }
    let why = match part {
        Part::Certificates => of_certificates(bytes).map(|why| why.replace("FILE", &file.to_string())),
        Part::Key => of_key(bytes).map(|why| why.replace("FILE", &file.to_string())),
    };
    why.map_or(without.to_owned(), |why| format!("{without}: {why}"))
}

fn of_certificates(bytes: &[u8]) -> Option<&'static str> {
    if has(bytes, b"PRIVATE KEY-----") {
        return Some("it has a key (have ssl_certificate and ssl_certificate_key been exchanged?)");
    }
    if has(bytes, b"CERTIFICATE REQUEST-----") {
        return Some("it is a request for a certificate (CSR): an authority makes the certificate of it");
    }
    if has(bytes, b"BEGIN TRUSTED CERTIFICATE-----") {
        return Some("it is in a format of OpenSSL's own: \"openssl x509 -in FILE -out NEW\"");
    }
    if has(bytes, b"BEGIN PKCS7-----") {
        return Some("it is PKCS#7, not PEM: \"openssl pkcs7 -print_certs -in FILE -out NEW\"");
    }
    match binary(bytes)? {
        Binary::Certificate => Some("it is DER, not PEM: \"openssl x509 -inform DER -in FILE -out NEW\""),
        Binary::Pkcs7 => {
            Some("it is PKCS#7, not PEM: \"openssl pkcs7 -inform DER -print_certs -in FILE -out NEW\"")
        }
        Binary::Pkcs12 => Some("it is PKCS#12, not PEM: \"openssl pkcs12 -in FILE -nokeys -out NEW\""),
        Binary::Other => Some("it is in a binary format, and has to be PEM"),
    }
}

fn of_key(bytes: &[u8]) -> Option<&'static str> {
    if has(bytes, b"BEGIN OPENSSH PRIVATE KEY-----") {
        return Some("it is a key for SSH: take the one that the certificate was made with");
    }
    if has(bytes, b"PUBLIC KEY-----") {
        return Some("it has only the public half of a key");
    }
    if has(bytes, b"CERTIFICATE REQUEST-----") {
        return Some("it is a request for a certificate (CSR): the key was written into another file");
    }
    if has(bytes, b"CERTIFICATE-----") {
        return Some(EXCHANGED);
    }
    match binary(bytes)? {
        Binary::Certificate => Some(EXCHANGED),
        Binary::Pkcs12 => {
            Some("it is PKCS#12, not PEM: \"openssl pkcs12 -in FILE -nocerts -nodes -out NEW\"")
        }
        _ => Some("it is DER, not PEM: \"openssl pkey -inform DER -in FILE -out NEW\""),
    }
}

enum Binary {
    Certificate,
    Pkcs7,
    Pkcs12,
    Other,
}

/// What a file is that is one value of DER.
fn binary(bytes: &[u8]) -> Option<Binary> {
    if bytes.starts_with(OPEN_PKCS12) {
        return Some(Binary::Pkcs12);
    }
    let mut fields = Der(bytes).enter(SEQUENCE)?;
    if Certificate::read(bytes).is_some() {
        return Some(Binary::Certificate);
    }
    let first = fields.next()?;
    let is_data = |item: &Item<'_>| item.tag == SEQUENCE && Der(item.value).next_if(OID).is_some();
    Some(match (first.tag, first.value) {
        (OID, PKCS7) => Binary::Pkcs7,
        (INTEGER, [3]) if fields.next().is_some_and(|item| is_data(&item)) => Binary::Pkcs12,
        _ => Binary::Other,
    })
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}
