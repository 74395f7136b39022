//! Hashes with SHA: `{SHA}` and `{SSHA}` of LDAP (RFC 2307), and `$5$` and `$6$` of crypt(3) (Drepper, 2007).

use base64ct::{Base64, Encoding};
use sha_crypt::Params;
use sha1::{Digest, Sha1};

use super::encoding::encode;

/// Bytes of SHA-1.
const SHA1: usize = 20;
/// The most bytes of a salt of `{SSHA}`.
const SSHA_SALT: usize = 64;

/// The fewest rounds of `$5$` and `$6$`: fewer are raised to it, as crypt(3) does.
pub const ROUNDS_MIN: u32 = Params::ROUNDS_MIN;
/// The rounds where none are given.
pub const ROUNDS: u32 = 5000;
/// The most bytes of a salt of `$5$` and `$6$` that count.
pub const SALT: usize = 16;

/// The orders in which the bytes of a digest are written.
const ORDER_256: [u8; 32] = [
    0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19,
    29, 31, 30,
];
const ORDER_512: [u8; 64] = [
    0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8, 29, 9, 30,
    51, 31, 52, 10, 53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18,
    39, 60, 40, 61, 19, 62, 20, 41, 63,
];

/// `{SHA}`, as it is written.
pub fn sha1(password: &[u8]) -> String {
    Base64::encode_string(&Sha1::digest(password))
}

/// `{SSHA}`, as it is written: the digest of password and salt, and the salt.
pub fn salted_sha1(password: &[u8], salt: &[u8]) -> String {
    let digest = Sha1::new().chain_update(password).chain_update(salt).finalize();
    Base64::encode_string(&[&digest[..], salt].concat())
}

/// The salt in the text of `{SHA}` or `{SSHA}`; none if the text is neither.
pub fn salt(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text).ok()?;
    bytes.get(SHA1..).filter(|salt| salt.len() <= SSHA_SALT).map(<[u8]>::to_vec)
}

/// `$5$`: the hash as it is written behind the salt.
pub fn sha256_crypt(password: &[u8], salt: &[u8], rounds: u32) -> String {
    encode(&sha_crypt::sha256_crypt(password, salt, params(rounds)), &ORDER_256)
}

/// `$6$`: the hash as it is written behind the salt.
pub fn sha512_crypt(password: &[u8], salt: &[u8], rounds: u32) -> String {
    encode(&sha_crypt::sha512_crypt(password, salt, params(rounds)), &ORDER_512)
}

fn params(rounds: u32) -> Params {
    Params::new(rounds.max(ROUNDS_MIN)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_name_each_byte_once() {
        for order in [&ORDER_256[..], &ORDER_512] {
            let mut sorted = order.to_vec();
            sorted.sort_unstable();
            assert!(sorted.iter().map(|byte| usize::from(*byte)).eq(0..order.len()));
        }
    }

    #[test]
    fn salts_of_a_wrong_length_are_none() {
        assert_eq!(salt("5en6G6MezRroT3XKqkdPOmY/BfQ="), Some(vec![]));
        assert_eq!(salt("gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"), Some(b"salt".to_vec()));
        for text in ["", "5en6", "5en6G6MezRroT3XKqkdPOmY/BfQ", &Base64::encode_string(&[0; 85])] {
            assert_eq!(salt(text), None, "{text}");
        }
    }
}
