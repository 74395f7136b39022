//! Secrets that a configuration has and a client shows. Only digests of them are kept, under a key that is made at each
//! start: what is compared tells nobody anything about the secret, however long the comparison takes.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Makes digests under one key, which nobody else knows.
#[derive(Clone)]
pub struct Hasher(Hmac<Sha256>);

/// The digest of a secret: HMAC-SHA-256 (RFC 2104). To be compared with those of the same hasher only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Hasher {
    /// A hasher with a random key, of the length of a block.
    pub fn new(key: &[u8; 64]) -> Self {
        Self(Hmac::new(key.into()))
    }

    /// A hasher with a random key, or the reason for which there is none.
    pub fn random() -> Result<Self, String> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|error| format!("no random bytes: {error}"))?;
        Ok(Self::new(&key))
    }

    /// A hasher whose key is derived from a text that nobody else knows.
    pub fn from_secret(text: &str) -> Self {
        let Digest(derived) = Self::new(&[0; 64]).digest(text);
        let mut key = [0; 64];
        key.iter_mut().zip(derived).for_each(|(byte, derived)| *byte = derived);
        Self::new(&key)
    }

    /// The digest of a secret.
    pub fn digest(&self, secret: &str) -> Digest {
        let mut hmac = self.0.clone();
        hmac.update(secret.as_bytes());
        Digest(hmac.finalize().into_bytes().into())
    }
}

impl Digest {
    /// The first 128 bits.
    pub fn short(self) -> u128 {
        self.0.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// In hexadecimal: for what is derived from a text that is no secret, and may be shown.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_digests_under_one_key_and_no_other() {
        let (one, other) = (Hasher::new(&[1; 64]), Hasher::new(&[2; 64]));
        assert_eq!(one.digest("secret"), one.digest("secret"));
        assert_ne!(one.digest("secret"), one.digest("secret "));
        assert_ne!(one.digest("secret"), other.digest("secret"));
        let random = || Hasher::random().unwrap();
        assert_ne!(random().digest("secret"), random().digest("secret"));
    }

    #[test]
    fn neither_is_shown() {
        let hasher = Hasher::new(&[1; 64]);
        assert_eq!(format!("{hasher:?} {:?}", hasher.digest("secret")), "Hasher Digest");
    }
}
