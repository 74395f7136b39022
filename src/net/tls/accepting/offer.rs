//! What a hello offers, for the log line of a handshake that has failed. Nothing is decided by it.

use std::fmt::{self, Display, Formatter};

use crate::net::tls::names::{is_known_suite, suite_name, version_name};

/// Suites that a line names.
const MAX_SUITES: usize = 32;
/// Versions and protocols that a line names.
const MAX_WORDS: usize = 8;
/// Characters of a server name that a line has.
const MAX_NAME: usize = 80;

const TLS12: u16 = 0x303;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// What a client offers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offer {
    versions: Vec<u16>,
    suites: Vec<u16>,
    server_name: Option<String>,
    protocols: Vec<String>,
}

impl Offer {
    /// Reads a hello with the records that it is in, as far as it is there and well-formed.
    pub fn read(records: &[u8]) -> Self {
        let mut offer = Self::default();
        let message = joined(records);
        // Type and length of the message.
        if message.first() == Some(&CLIENT_HELLO) {
            let _ = offer.fill(Input(message.get(4..).unwrap_or_default()));
        }
        offer
    }

    /// Whether a suite is offered that this server might speak.
    pub fn has_known_suite(&self) -> bool {
        self.suites.iter().any(|suite| is_known_suite(*suite))
    }

    /// Whether all versions are older than those that this server can speak.
    pub fn is_too_old(&self) -> bool {
        !self.versions.is_empty() && self.versions.iter().all(|version| *version < TLS12)
    }

    /// The body of a hello (RFC 8446, section 4.1.2).
    fn fill(&mut self, mut body: Input<'_>) -> Option<()> {
        self.versions.push(body.u16()?);
        body.take(32)?;
        body.part8()?;
        let mut suites = body.part16()?;
        while let Some(suite) = suites.u16() {
            self.suites.extend(Some(suite).filter(|suite| !is_grease(*suite)));
        }
        body.part8()?;
        let mut extensions = body.part16()?;
        loop {
            let kind = extensions.u16()?;
            self.note_extension(kind, extensions.part16()?);
        }
    }

    fn note_extension(&mut self, kind: u16, mut content: Input<'_>) {
        match kind {
            SERVER_NAME => {
                let name = content.part16().and_then(|mut names| {
                    names.take(1)?;
                    names.part16()
                });
                self.server_name = name.map(|name| text(name.0));
            }
            ALPN => {
                let Some(mut names) = content.part16() else { return };
                while let Some(name) = names.part8()
                    && self.protocols.len() < MAX_WORDS
                {
                    self.protocols.push(text(name.0));
                }
            }
            SUPPORTED_VERSIONS => {
                let Some(mut versions) = content.part8() else { return };
                self.versions.clear();
                while let Some(version) = versions.u16()
                    && self.versions.len() < MAX_WORDS
                {
                    self.versions.extend(Some(version).filter(|version| !is_grease(*version)));
                }
            }
            _ => {}
        }
    }
}

/// "TLSv1.3 TLSv1.2, TLS_AES_128_GCM_SHA256 ECDHE-RSA-AES128-GCM-SHA256, for live.example"; the alternate form has only the number of
/// suites.
impl Display for Offer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.versions.is_empty() {
            return f.write_str("a hello that cannot be read");
        }
        let versions: Vec<_> = self.versions.iter().map(|version| version_name(*version)).collect();
        f.write_str(&versions.join(" "))?;
        if f.alternate() {
            write!(f, ", {} suites", self.suites.len())?;
        } else {
            f.write_str(",")?;
            for suite in self.suites.iter().take(MAX_SUITES) {
                write!(f, " {}", suite_name(*suite))?;
            }
            if let Some(more @ 1..) = self.suites.len().checked_sub(MAX_SUITES) {
                write!(f, " and {more} more")?;
            }
        }
        if let Some(name) = &self.server_name {
            write!(f, ", for {name}")?;
        }
        if !self.protocols.is_empty() {
            write!(f, ", {}", self.protocols.join(" "))?;
        }
        Ok(())
    }
}

/// The handshake messages of some records, as far as they are there.
fn joined(records: &[u8]) -> Vec<u8> {
    let (mut input, mut message) = (Input(records), Vec::new());
    while let Some(kind) = input.u8()
        && kind == HANDSHAKE
        && input.take(2).is_some()
        && let Some(length) = input.u16()
    {
        let length = usize::from(length).min(input.0.len());
        message.extend_from_slice(input.take(length).unwrap_or_default());
    }
    message
}

/// Whether a number only tests that unknown ones are ignored (RFC 8701).
fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0xf == 0xa
}

/// Text of a client, fit for a log line.
fn text(bytes: &[u8]) -> String {
    let fit = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    bytes.iter().take(MAX_NAME).map(fit).collect()
}

/// Bytes that have not been read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    /// What a length of one byte announces.
    fn part8(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into()).map(Self)
    }

    /// What a length of two bytes announces.
    fn part16(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::ClientConnection;

    use super::*;
    use crate::net::tls::certificates::made::client;

    fn hello() -> Vec<u8> {
        let mut config = client(&[], None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = "a.example".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    /// A hello of TLS 1.2 with these suites and extensions.
    fn made(suites: &[u8], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let part = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
        let extensions: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), part(content)].concat())
            .collect();
        let body = [&[3, 3][..], &[7; 32], &[0], &part(suites), &[1, 0], &part(&extensions)].concat();
        let message = [&[CLIENT_HELLO, 0][..], &part(&body)].concat();
        message.chunks(5000).flat_map(|piece| [&[HANDSHAKE, 3, 1][..], &part(piece)].concat()).collect()
    }

    #[test]
    fn what_a_hello_offers_is_shown() {
        let offer = Offer::read(&hello());
        let said = offer.to_string();
        assert!(said.starts_with("TLSv1.3 TLSv1.2, TLS_"), "{said}");
        assert!(said.ends_with(", for a.example, h2 http/1.1"), "{said}");
        assert!(format!("{offer:#}").contains(", 10 suites, "), "{offer:#}");
        assert!(offer.has_known_suite() && !offer.is_too_old());
        assert!(!Offer::read(&made(&[0, 0x2f, 0, 0xff], &[])).has_known_suite());
    }

    #[test]
    fn no_cut_and_no_broken_byte_does_harm() {
        let hello = hello();
        for end in 0..hello.len() {
            assert!(Offer::read(&hello[..end]).to_string().len() < 2000, "{end}");
        }
        for place in 0..hello.len() {
            for other in [0, 1, 0x7f, 0xff, hello[place] ^ 1, hello[place] ^ 0x80] {
                let mut broken = hello.clone();
                broken[place] = other;
                assert!(Offer::read(&broken).to_string().len() < 2000, "{place}: {other}");
            }
        }
    }

    #[test]
    fn a_line_has_only_the_beginning_of_what_is_long() {
        let name = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
        let protocols: Vec<u8> = (0..40).flat_map(|_| name(&[b'a'; 200])).collect();
        let protocols = [&(protocols.len() as u16).to_be_bytes()[..], &protocols].concat();
        let versions = name(&[3; 254]);
        let host = [&[0, 203, 0, 0, 200][..], &[b'h'; 200]].concat();
        let extensions = [(ALPN, protocols), (SUPPORTED_VERSIONS, versions), (SERVER_NAME, host)];
        let said = Offer::read(&made(&[0xc0; 2000], &extensions)).to_string();
        assert!(said.len() < 1200, "{} bytes: {said}", said.len());
        assert!(said.contains(" and 968 more, for hhh"), "{said}");
    }
}
