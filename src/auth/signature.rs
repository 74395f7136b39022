//! Signatures of links that expire: HMAC-SHA-256 (RFC 2104) of what a client may do and until when, in hexadecimal.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The arguments of a link: the end of its validity, and the signature.
pub const ARGUMENTS: [&str; 2] = ["expires", "sig"];

/// How much the clocks of two machines may differ, in seconds.
const SKEW: u64 = 30;

/// Bytes of a signature.
const LENGTH: usize = 32;

/// Signs and verifies under one secret, which it does not keep as it is written.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `publish` or `play`.
    pub action: &'a str,
    /// Application and stream: `live/cam`.
    pub path: &'a str,
    /// The end of the validity as the client shows it, in seconds since 1970.
    pub expires: &'a str,
    /// The client's address, where it is signed.
    pub address: Option<&'a str>,
}

impl Signer {
    /// A signer under this secret.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("a key of any length"))
    }

    /// Whether a signature in hexadecimal, in capitals or not, is right. The time that takes does not depend on where
    /// it is wrong.
    pub fn verify(&self, signed: &Signed<'_>, signature: &str) -> bool {
        let Some(bytes) = from_hex(signature) else { return false };
        self.hmac(signed).verify_slice(&bytes).is_ok()
    }

    /// The signature, as the programs of operators make it.
    #[cfg(test)]
    pub fn sign(&self, signed: &Signed<'_>) -> String {
        self.hmac(signed).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hmac(&self, signed: &Signed<'_>) -> Hmac<Sha256> {
        let mut hmac = self.0.clone();
        let lines = [Some(signed.action), Some(signed.path), Some(signed.expires), signed.address];
        for (index, line) in lines.into_iter().flatten().enumerate() {
            if index > 0 {
                hmac.update(b"\n");
            }
            hmac.update(line.as_bytes());
        }
        hmac
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

/// Seconds since the end of a validity, 0 while it is valid; none if it is no time. Clocks may differ by 30 s.
pub fn expired(expires: &str, now: u64) -> Option<u64> {
    let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
    let end: u64 = expires.parse().ok().filter(|_| is_number)?;
    let late = now.saturating_sub(end);
    Some(if late > SKEW { late } else { 0 })
}

/// The bytes of a signature; none if it is none.
fn from_hex(text: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    if text.len() != 2 * LENGTH {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.contains('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// printf 'publish\nlive/cam\n1700000000' | openssl dgst -sha256 -hmac secret
    const SIGNATURE: &str = "3928f75d2cd37b41ad2bed88baf523711cce738d9dafeec62067e52b5ba35b23";

    const SIGNED: Signed<'_> =
        Signed { action: "publish", path: "live/cam", expires: "1700000000", address: None };

    #[test]
    fn a_signature_is_that_of_other_programs_in_small_letters_or_capitals() {
        let signer = Signer::new("secret");
        assert!(signer.verify(&SIGNED, SIGNATURE));
        assert!(signer.verify(&SIGNED, &SIGNATURE.to_uppercase()));
        assert!(!Signer::new("Secret").verify(&SIGNED, SIGNATURE));
    }

    #[test]
    fn every_part_is_signed() {
        let signer = Signer::new("secret");
        for other in [
            Signed { action: "play", ..SIGNED },
            Signed { path: "live/cam2", ..SIGNED },
            Signed { expires: "1700000001", ..SIGNED },
            Signed { address: Some("192.0.2.1"), ..SIGNED },
        ] {
            assert!(!signer.verify(&other, SIGNATURE), "{other:?}");
        }
    }

    #[test]
    fn what_is_no_signature_is_wrong() {
        let signer = Signer::new("secret");
        let long = format!("{SIGNATURE}0");
        let signs = SIGNATURE.replacen("1", "+", 64);
        for text in ["", "0", &SIGNATURE[..62], &SIGNATURE[..63], &long, &signs, &"é".repeat(32)] {
            assert!(!signer.verify(&SIGNED, text), "{text}");
        }
        assert_eq!(format!("{signer:?}"), "Signer");
    }

    #[test]
    fn a_link_is_valid_until_its_end_and_for_30_s_more() {
        for (expires, now, seconds) in [
            ("1000", 999, Some(0)),
            ("1000", 1030, Some(0)),
            ("1000", 1031, Some(31)),
            ("18446744073709551615", u64::MAX, Some(0)),
            ("18446744073709551616", 0, None),
            ("", 0, None),
            ("+1", 0, None),
            ("-1", 0, None),
            ("1e9", 0, None),
        ] {
            assert_eq!(expired(expires, now), seconds, "{expires}");
        }
    }
}
