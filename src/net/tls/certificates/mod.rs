//! What certificates say, and the files that they and their keys are in.
//!
//! `files.rs` reads files (`formats.rs` says what they are that are none); this file says what one certificate says, of
//! its DER (`der.rs`, `subject.rs`); `judge.rs` verifies the certificates of clients (`limits.rs`: how many they may be);
//! `examination.rs` is what `-t` says about the files of a server. Rustls and webpki
//! decide whether a certificate is sound: what is read here is only shown.

mod der;
pub mod examination;
#[cfg(test)]
mod faults;
pub mod files;
mod formats;
pub mod judge;
pub mod limits;
#[cfg(test)]
pub mod made;
mod subject;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use jiff::civil::DateTime;
use sha1::{Digest, Sha1};

use crate::engine::ClientCertificate;
use der::Der;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// Names of a subjectAltName.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// Characters of a name or a number that are kept of a client's certificate.
const MAX_TEXT: usize = 1024;

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
const OF_SERVERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
const INFORMATION_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 2];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0, 34];

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate<'a> {
    der: &'a [u8],
    serial: &'a [u8],
    subject: &'a [u8],
    issuer: &'a [u8],
    /// The key with its kind (SubjectPublicKeyInfo).
    pub public_key: &'a [u8],
    /// When it begins and ends, in UTC.
    pub begins: DateTime,
    pub ends: DateTime,
    pub key: KeyKind,
    /// The names and addresses that it is for, in lower case.
    pub names: Vec<String>,
    /// Whether it tells where the certificate of its issuer is found, as those of public authorities do.
    pub tells_of_issuer: bool,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// Whether it may be shown by servers.
    pub is_for_servers: bool,
}

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa(usize),
    P256,
    P384,
    Ed25519,
    /// One that this server does not have.
    Other,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate (RFC 5280, section 4.1); none if it is broken.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Der(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        fields.next_if(VERSION);
        let serial = fields.next_if(INTEGER)?;
        fields.next_if(SEQUENCE)?;
        let issuer = fields.next_if(SEQUENCE)?;
        let mut dates = fields.enter(SEQUENCE)?;
        let (begins, ends) = (date(&mut dates)?, date(&mut dates)?);
        let subject = fields.next_if(SEQUENCE)?;
        let public_key = fields.next().filter(|item| item.tag == SEQUENCE)?;
        let key = key_kind(Der(public_key.value)).unwrap_or(KeyKind::Other);
        let mut found = Self {
            der,
            serial,
            subject,
            issuer,
            public_key: public_key.whole,
            begins,
            ends,
            key,
            names: Vec::new(),
            tells_of_issuer: false,
            is_authority: false,
            is_for_servers: true,
        };
        if let Some(extensions) = fields.find(|item| item.tag == EXTENSIONS) {
            let extensions = Der(extensions.value).enter(SEQUENCE)?;
            extensions.for_each(|extension| {
                let _ = found.read_extension(Der(extension.value));
            });
        }
        Some(found)
    }

    fn read_extension(&mut self, mut fields: Der<'_>) -> Option<()> {
        let kind = fields.next_if(OID)?;
        fields.next_if(BOOLEAN);
        let mut value = Der(fields.next_if(OCTET_STRING)?).enter(SEQUENCE)?;
        match kind {
            SUBJECT_ALT_NAME => {
                self.names = value.filter_map(|name| alternative_name(name.tag, name.value)).collect();
            }
            BASIC_CONSTRAINTS => self.is_authority = value.next_if(BOOLEAN).is_some_and(|is| is != [0]),
            EXTENDED_KEY_USAGE => {
                self.is_for_servers =
                    value.any(|usage| usage.tag == OID && [OF_SERVERS, ANY_USAGE].contains(&usage.value));
            }
            INFORMATION_ACCESS => {
                self.tells_of_issuer = value.any(|item| Der(item.value).next_if(OID) == Some(CA_ISSUERS));
            }
            _ => {}
        }
        Some(())
    }

    /// Whether its subject has signed it itself, by its words.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether another certificate has signed it, by its words.
    pub fn is_issued_by(&self, other: &Certificate<'_>) -> bool {
        self.issuer == other.subject
    }

    /// Who has signed it (RFC 2253).
    pub fn issuer(&self) -> String {
        subject::text(self.issuer)
    }

    /// Whether it is for a name: one of its own, or one that a name with an asterisk stands for. A name with an asterisk
    /// is only itself.
    pub fn is_for(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let behind = name.split_once('.').map(|(_, behind)| behind);
        self.names
            .iter()
            .any(|own| *own == name || own.strip_prefix("*.").is_some_and(|own| behind == Some(own)))
    }

    /// What variables show of it, as nginx does.
    pub fn of_client(&self) -> ClientCertificate {
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let magnitude = match self.serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        ClientCertificate {
            fingerprint: digits(&Sha1::digest(self.der)).into(),
            serial: cut(digits(magnitude).to_uppercase()),
            subject: cut(subject::text(self.subject)),
            issuer: cut(subject::text(self.issuer)),
            starts: date_text(self.begins).into(),
            ends: date_text(self.ends).into(),
        }
    }
}

/// The beginning of a text that is too long.
fn cut(mut text: String) -> Box<str> {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or_default());
    text.into()
}

/// A date as OpenSSL writes it: "Nov 30 14:00:00 2026 GMT".
pub fn date_text(date: DateTime) -> String {
    date.strftime("%b %e %H:%M:%S %Y GMT").to_string()
}

/// A date (RFC 5280, section 4.1.2.5): a year of two digits is one from 1950 to 2049.
fn date(dates: &mut Der<'_>) -> Option<DateTime> {
    let item = dates.next()?;
    let text = str::from_utf8(item.value).ok()?.strip_suffix('Z')?;
    let (year, rest) = match item.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { year + 2000 } else { year + 1900 }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let field = |place: usize| rest.get(place * 2..place * 2 + 2)?.parse::<i8>().ok();
    DateTime::new(year, field(0)?, field(1)?, field(2)?, field(3)?, field(4)?, 0).ok()
}

/// The kind of a key (SubjectPublicKeyInfo).
fn key_kind(mut info: Der<'_>) -> Option<KeyKind> {
    let mut algorithm = info.enter(SEQUENCE)?;
    let kind = match algorithm.next_if(OID)? {
        RSA => {
            let bits = info.next_if(BIT_STRING)?;
            let modulus = Der(bits.get(1..)?).enter(SEQUENCE)?.next_if(INTEGER)?;
            let first = modulus.iter().position(|byte| *byte != 0)?;
            let length = modulus.len() - first;
            KeyKind::Rsa(length * 8 - modulus.get(first)?.leading_zeros() as usize)
        }
        EC => match algorithm.next_if(OID)? {
            P256 => KeyKind::P256,
            P384 => KeyKind::P384,
            _ => KeyKind::Other,
        },
        ED25519 => KeyKind::Ed25519,
        _ => KeyKind::Other,
    };
    Some(kind)
}

fn alternative_name(tag: u8, value: &[u8]) -> Option<String> {
    match (tag, value.len()) {
        (DNS_NAME, _) => str::from_utf8(value).ok().map(str::to_ascii_lowercase),
        (IP_ADDRESS, 4) => <[u8; 4]>::try_from(value).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        (IP_ADDRESS, 16) => <[u8; 16]>::try_from(value).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        _ => None,
    }
}
