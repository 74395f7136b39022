//! The handshake: simple (specification 5.2) and with digests (Flash Player 9 and later). The server's side is here,
//! the client's in `client`.
//!
//! A C1 whose version field is not zero may carry an HMAC-SHA256 digest of itself in one of two
//! places, the two schemes. A client that sends one gets S1 and S2 with digests in the same scheme;
//! any other client gets the simple answer. Neither what C2 holds is judged nor when it comes: there are
//! clients that send anything, and clients that do not wait for S1.
//!
//! A client that asks for another version is answered with 3, as 5.2.2 says. That goes for RTMPE (6)
//! too: the client hangs up, or goes on without encryption.

mod client;

pub use client::ClientHandshake;

use std::error::Error;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of C1, C2, S1 and S2.
const PACKET: usize = 1536;
/// Length of what each side sends.
pub const LENGTH: u64 = 1 + 2 * PACKET as u64;
const DIGEST: usize = 32;
const VERSION: u8 = 3;
/// Versions from here on cannot be told from text (specification 5.2.2).
const FIRST_TEXT: u8 = 32;

/// The methods with which clients of HTTP begin: browsers, curl, RTMPT, and HTTP/2.
const METHODS: [&[u8]; 6] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ", b"PRI "];

/// The first 30 bytes sign C1, all of it makes the key of C2.
const CLIENT_KEY: &[u8] = b"Genuine Adobe Flash Player 001\
    \xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57\
    \x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";
const CLIENT_NAME: usize = 30;
/// The first 36 bytes sign S1, all of it makes the key of S2.
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001\
    \xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57\
    \x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";
const SERVER_NAME: usize = 36;

/// An error in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// C0 is a byte that no version of RTMP has; the peer speaks something else.
    NotRtmp(u8),
    /// The peer speaks HTTP.
    Http,
    /// The peer begins with a ClientHello of TLS, as RTMPS and HTTPS do.
    Tls,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRtmp(byte) => {
                write!(f, "not RTMP: the connection begins with {:?}", char::from(*byte))
            }
            Self::Http => f.write_str("not RTMP but HTTP"),
            Self::Tls => f.write_str("not RTMP but TLS"),
        }
    }
}

impl Error for HandshakeError {}

/// The place of the digest in C1 or S1: its offset is made of four bytes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// Digest first, key after it.
    Zero,
    /// Key first, digest after it.
    One,
}

/// The server's side of one handshake.
#[derive(Debug)]
pub struct Handshake {
    state: State,
    /// Seeds the filler of S1 and S2.
    seed: u64,
}

#[derive(Debug)]
enum State {
    /// Collecting C0 and C1.
    AwaitingC1(Vec<u8>),
    /// C1 is answered; so many bytes of C2 are still to come.
    AwaitingC2(usize),
}

impl Handshake {
    /// A handshake at its beginning. `seed` should differ from session to session.
    pub fn new(seed: u64) -> Self {
        Self { state: State::AwaitingC1(Vec::new()), seed }
    }

    /// Takes what it needs of `input`, appends S0, S1 and S2 to `out` once C1 is whole, and is true
    /// when C2 has passed.
    pub fn next(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        if let State::AwaitingC1(received) = &mut self.state {
            let (head, rest) = input.split_at(input.len().min(1 + PACKET - received.len()));
            received.extend_from_slice(head);
            *input = rest;
            match other_protocol(received) {
                Some(other) => return Err(other),
                None if received.len() <= PACKET => return Ok(false),
                None => {}
            }
            answer(&received[1..], self.seed, out);
            self.state = State::AwaitingC2(PACKET);
        }
        if let State::AwaitingC2(missing) = &mut self.state {
            let taken = input.len().min(*missing);
            *input = &input[taken..];
            *missing -= taken;
            return Ok(*missing == 0);
        }
        Ok(false)
    }
}

/// The peer's protocol, if its first bytes show that it is not RTMP. A ClientHello begins with the content type of
/// handshakes, 22, and the version of records, 3.0 to 3.4 (RFC 8446, section 5.1): no client of RTMP has version 22.
fn other_protocol(received: &[u8]) -> Option<HandshakeError> {
    match received {
        [0x16, 3, 0..=4, ..] => Some(HandshakeError::Tls),
        [version, ..] if *version >= FIRST_TEXT => {
            let is_http = METHODS.iter().any(|method| received.starts_with(method));
            Some(if is_http { HandshakeError::Http } else { HandshakeError::NotRtmp(*version) })
        }
        _ => None,
    }
}

/// Appends S0, S1 and S2 for a whole C1.
fn answer(c1: &[u8], seed: u64, out: &mut Vec<u8>) {
    out.reserve(1 + 2 * PACKET);
    out.push(VERSION);
    let s1 = out.len();
    // Time 0: a server's epoch is its own.
    out.extend([0; 4]);
    let scheme = find_digest(c1, &CLIENT_KEY[..CLIENT_NAME]);
    let version = if scheme.is_some() { [4, 5, 0, 1] } else { [0; 4] };
    out.extend(version);
    fill(out, PACKET - 8, seed);
    let Some((scheme, digest)) = scheme else {
        out.extend_from_slice(c1);
        return;
    };
    sign(&mut out[s1..], scheme, &SERVER_KEY[..SERVER_NAME]);
    answer_digest(SERVER_KEY, &digest, !seed, out);
}

/// Appends S2 or C2: filler, and a signature of it by a key that is made of the peer's digest.
fn answer_digest(key: &[u8], digest: &[u8], seed: u64, out: &mut Vec<u8>) {
    let packet = out.len();
    fill(out, PACKET - DIGEST, seed);
    let key = hmac(key, &[digest]);
    let signature = hmac(&key, &[&out[packet..]]);
    out.extend(signature);
}

/// Finds and verifies the digest of `packet`, trying both schemes.
fn find_digest(packet: &[u8], key: &[u8]) -> Option<(Scheme, [u8; DIGEST])> {
    if packet.get(4..8)? == [0; 4] {
        return None;
    }
    [Scheme::One, Scheme::Zero].into_iter().find_map(|scheme| {
        let at = digest_offset(packet, scheme);
        let (before, rest) = packet.split_at_checked(at)?;
        let (digest, after) = rest.split_first_chunk::<DIGEST>()?;
        (hmac(key, &[before, after]) == *digest).then_some((scheme, *digest))
    })
}

/// Writes the digest of `packet` into it.
fn sign(packet: &mut [u8], scheme: Scheme, key: &[u8]) {
    let at = digest_offset(packet, scheme);
    let digest = hmac(key, &[&packet[..at], &packet[at + DIGEST..]]);
    packet[at..at + DIGEST].copy_from_slice(&digest);
}

/// The digest's offset: at most 8 + 4 + 727 or 772 + 4 + 727, so the digest always fits the packet.
fn digest_offset(packet: &[u8], scheme: Scheme) -> usize {
    let base = match scheme {
        Scheme::Zero => 8,
        Scheme::One => 772,
    };
    let sum: usize = packet.iter().skip(base).take(4).map(|&byte| usize::from(byte)).sum();
    base + 4 + sum % 728
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST] {
    // HMAC takes a key of any length, so this cannot fail; a zero digest verifies nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; DIGEST] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Appends `count` bytes, a multiple of 8, that look random (SplitMix64): they only have to differ, not to be secret.
fn fill(out: &mut Vec<u8>, count: usize, mut seed: u64) {
    let start = out.len();
    out.resize(start + count, 0);
    let (words, rest) = out[start..].as_chunks_mut();
    debug_assert!(rest.is_empty(), "{count} bytes are no whole words");
    words.fill_with(|| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_be_bytes()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C0 and C1 of a client that signs with `scheme`, or does not.
    fn c0c1(scheme: Option<Scheme>) -> Vec<u8> {
        let mut bytes = vec![VERSION, 0, 0, 0, 7];
        bytes.extend(if scheme.is_some() { [9, 0, 124, 2] } else { [0; 4] });
        fill(&mut bytes, PACKET - 8, 42);
        if let Some(scheme) = scheme {
            sign(&mut bytes[1..], scheme, &CLIENT_KEY[..CLIENT_NAME]);
        }
        bytes
    }

    fn run(input: &[u8]) -> (bool, Vec<u8>) {
        let mut out = Vec::new();
        let done = Handshake::new(1).next(&mut &input[..], &mut out).unwrap();
        (done, out)
    }

    #[test]
    fn a_simple_client_gets_its_c1_back_as_s2() {
        let mut input = c0c1(None);
        let (done, out) = run(&input);
        assert!(!done);
        assert_eq!(out.len(), 1 + 2 * PACKET);
        assert_eq!(out[0], 3);
        assert_eq!(out[1 + PACKET..], input[1..]);
        input.extend([0xaa; PACKET]);
        assert!(run(&input).0, "C2 of any content ends the handshake");
    }

    #[test]
    fn a_signing_client_gets_signatures_it_can_verify() {
        for scheme in [Scheme::Zero, Scheme::One] {
            let input = c0c1(Some(scheme));
            let (_, out) = run(&input);
            let (s1, s2) = out[1..].split_at(PACKET);
            let (found, _) = find_digest(s1, &SERVER_KEY[..SERVER_NAME]).unwrap();
            assert_eq!(found, scheme);
            let (_, client_digest) = find_digest(&input[1..], &CLIENT_KEY[..CLIENT_NAME]).unwrap();
            let key = hmac(SERVER_KEY, &[&client_digest]);
            assert_eq!(hmac(&key, &[&s2[..PACKET - DIGEST]]), s2[PACKET - DIGEST..]);
        }
    }

    #[test]
    fn a_version_without_a_digest_is_answered_simply() {
        let mut input = c0c1(Some(Scheme::Zero));
        input[100] ^= 1;
        assert_eq!(run(&input).1[1 + PACKET..], input[1..]);
    }

    #[test]
    fn hmac_is_that_of_rfc_4231_case_2() {
        let digest = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(digest[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
        assert_eq!(digest[24..], [0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn every_split_gives_the_same_answer_and_leaves_what_follows() {
        let mut input = c0c1(Some(Scheme::One));
        input.extend([0; PACKET]);
        input.extend(b"next");
        let (_, expected) = run(&input);
        for cut in 0..input.len() {
            let (mut first, mut second) = input.split_at(cut);
            let (mut handshake, mut out) = (Handshake::new(1), Vec::new());
            let done = handshake.next(&mut first, &mut out).unwrap();
            if !done {
                assert!(handshake.next(&mut second, &mut out).unwrap());
            }
            assert_eq!(out, expected);
            assert_eq!([first, second].concat(), b"next");
        }
    }

    #[test]
    fn every_version_is_answered_with_3_and_goes_on() {
        for version in 0..FIRST_TEXT {
            let mut input = c0c1(None);
            input[0] = version;
            input.extend([0; PACKET]);
            let (done, out) = run(&input);
            assert!(done, "{version}");
            assert_eq!(out[0], 3, "{version}");
        }
    }

    #[test]
    fn http_and_tls_are_named() {
        let refusal = |input: &[u8]| Handshake::new(1).next(&mut &input[..], &mut Vec::new()).unwrap_err();
        for request in ["GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "POST /open/1 HTTP/1.1\r\n"] {
            assert_eq!(refusal(request.as_bytes()), HandshakeError::Http);
        }
        assert_eq!(refusal(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), HandshakeError::Tls);
        assert_eq!(refusal(b"GETAWAY"), HandshakeError::NotRtmp(b'G'));
    }

    #[test]
    fn text_is_refused_at_its_first_byte() {
        for (first, name) in [(b'G', 'G'), (0x16 + 0x80, '\u{96}'), (FIRST_TEXT, ' ')] {
            let mut out = Vec::new();
            let error = Handshake::new(1).next(&mut &[first][..], &mut out).unwrap_err();
            assert_eq!(error, HandshakeError::NotRtmp(first));
            assert!(error.to_string().ends_with(&format!("{name:?}")), "{error}");
            assert!(out.is_empty());
        }
    }

    #[test]
    fn nothing_is_answered_before_c1_is_whole_and_nothing_more_for_c2() {
        for scheme in [None, Some(Scheme::Zero)] {
            let input = [&c0c1(scheme)[..], &[0xaa; PACKET]].concat();
            let (mut handshake, mut out) = (Handshake::new(1), Vec::new());
            for (position, byte) in input.iter().enumerate() {
                let done = handshake.next(&mut &[*byte][..], &mut out).unwrap();
                assert_eq!(out.len(), if position < PACKET { 0 } else { 1 + 2 * PACKET });
                assert_eq!(done, position + 1 == input.len());
            }
        }
    }

    #[test]
    fn a_client_that_waits_for_nothing_loses_nothing() {
        let command = [3, 0, 0, 0, 0, 0, 1, 20];
        let input = [&c0c1(None)[..], &[0; PACKET], &command].concat();
        let (mut rest, mut out) = (&input[..], Vec::new());
        assert!(Handshake::new(1).next(&mut rest, &mut out).unwrap());
        assert_eq!(rest, command);
    }

    #[test]
    fn a_packet_without_a_digest_gets_the_simple_answer_whatever_is_in_it() {
        for fill in [0, 1, 0x80, 0xff] {
            // Non-zero bytes in place of the zeros, and an offset sum at either end.
            let input = [&[VERSION][..], &[fill; PACKET]].concat();
            let (_, out) = run(&input);
            assert_eq!(out[5..9], [0; 4], "no server that signs");
            assert_eq!(out[1 + PACKET..], input[1..]);
        }
    }

    #[test]
    fn a_digest_is_found_at_every_offset_and_a_signature_of_another_key_is_none() {
        for (scheme, base) in [(Scheme::Zero, 8), (Scheme::One, 772)] {
            for sum in [0u32, 1, 727, 728, 1020] {
                let mut packet = c0c1(None).split_off(1);
                packet[4] = 10;
                for place in 0..4 {
                    packet[base + place as usize] = (sum.saturating_sub(255 * place)).min(255) as u8;
                }
                let mut other = packet.clone();
                sign(&mut packet, scheme, &CLIENT_KEY[..CLIENT_NAME]);
                let (found, digest) = find_digest(&packet, &CLIENT_KEY[..CLIENT_NAME]).unwrap();
                let at = base + 4 + sum as usize % 728;
                assert_eq!((found, &digest[..]), (scheme, &packet[at..at + DIGEST]), "{sum}");
                sign(&mut other, scheme, SERVER_KEY);
                assert_eq!(find_digest(&other, &CLIENT_KEY[..CLIENT_NAME]), None);
            }
        }
    }
}
