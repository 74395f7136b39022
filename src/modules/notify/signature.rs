//! The signature by which a backend knows that a call is Millstream's (`notify_secret`).
//!
//! It is HMAC-SHA-256 (RFC 2104) in hexadecimal over the time in seconds, a dot, and the body; for a GET over the query
//! in place of the body. The time is signed so that a call which somebody has seen cannot be repeated later.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The field with the time of the call, in seconds since 1970.
pub const TIMESTAMP: &str = "X-Millstream-Timestamp";
/// The field with the signature.
pub const SIGNATURE: &str = "X-Millstream-Signature";

/// Signs calls under one secret, which it does not keep as it is written.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer under this secret.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("a key of any length"))
    }

    /// The fields of a POST with this body.
    pub fn of_body(&self, timestamp: u64, body: &[u8]) -> [(&'static str, String); 2] {
        let mut hmac = self.0.clone();
        hmac.update(format!("{timestamp}.").as_bytes());
        hmac.update(body);
        let signature = hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        [(TIMESTAMP, timestamp.to_string()), (SIGNATURE, signature)]
    }

    /// The fields of a GET with this target: all behind its first "?" is signed.
    pub fn of_target(&self, timestamp: u64, target: &str) -> [(&'static str, String); 2] {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        self.of_body(timestamp, query.as_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_other_programs() {
        // printf '1700000000.app=live&call=publish&name=cam' | openssl dgst -sha256 -hmac secret
        let expected = "0bec84905a79cbf8fc7aa9d2cc5a318fe057700bf386242914d0ced998db02d9";
        let signer = Signer::new("secret");
        let fields = signer.of_body(1_700_000_000, b"app=live&call=publish&name=cam");
        assert_eq!(fields[0], ("X-Millstream-Timestamp", "1700000000".to_owned()));
        assert_eq!(fields[1], ("X-Millstream-Signature", expected.to_owned()));
        assert_eq!(signer.of_target(1_700_000_000, "/auth?app=live&call=publish&name=cam"), fields);
    }

    #[test]
    fn the_secret_the_time_and_the_whole_query_are_signed() {
        let signature =
            |secret, timestamp, target| Signer::new(secret).of_target(timestamp, target)[1].1.clone();
        let signed = signature("secret", 1, "/auth?a=b?c");
        assert_eq!(signed, signature("secret", 1, "/other?a=b?c"));
        for other in [
            signature("Secret", 1, "/auth?a=b?c"),
            signature("secret", 2, "/auth?a=b?c"),
            signature("secret", 1, "/auth?a=b?d"),
            signature("secret", 1, "/auth"),
        ] {
            assert_ne!(other, signed);
        }
        assert_eq!(format!("{:?}", Signer::new("secret")), "Signer");
    }
}
