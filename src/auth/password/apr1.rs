//! `$apr1$`: Apache's variant of the MD5 crypt of FreeBSD, a thousand rounds of MD5 (apr_md5.c).

use md5::{Digest, Md5};

use super::encoding::encode;

/// The bytes of the digest in the order in which they are written.
const ORDER: [u8; 16] = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5, 11];

/// Characters of the text.
pub const LENGTH: usize = 22;

/// The most bytes of a salt that count.
pub const SALT: usize = 8;

/// The hash of a password as it is written behind the salt.
pub fn hash(password: &[u8], salt: &[u8]) -> String {
    let digest = |parts: &[&[u8]]| -> [u8; 16] {
        let mut md5 = Md5::new();
        parts.iter().for_each(|part| md5.update(part));
        md5.finalize().into()
    };
    let inner = digest(&[password, salt, password]);
    let mut md5 = Md5::new();
    [password, b"$apr1$", salt].iter().for_each(|part| md5.update(part));
    for left in (1..=password.len()).rev().step_by(inner.len()) {
        md5.update(&inner[..left.min(inner.len())]);
    }
    let mut left = password.len();
    while left > 0 {
        // So the original has it: a zero byte, or the first one of the password.
        md5.update(if left & 1 == 1 { b"\0" } else { &password[..1] });
        left >>= 1;
    }
    let mut last: [u8; 16] = md5.finalize().into();
    for round in 0..1000 {
        let is_odd = round % 2 == 1;
        let (first, end): (&[u8], &[u8]) = if is_odd { (password, &last) } else { (&last, password) };
        let salt: &[u8] = if round % 3 == 0 { b"" } else { salt };
        let middle: &[u8] = if round % 7 == 0 { b"" } else { password };
        last = digest(&[first, salt, middle, end]);
    }
    encode(&last, &ORDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_openssl() {
        // openssl passwd -apr1 -salt SALT PASSWORD
        for (salt, password, expected) in [
            ("saltsalt", "secret", "LrttParrLPdxvgutaSXWJ0"),
            ("saltsalt", "", "a8ml/vK5HEjiZ5oypDWA7/"),
            ("ab", "pässword with blanks", "z/e9bYzyo78BxU.Ciktxj0"),
            (
                "saltsalt",
                "this password is longer than sixteen bytes, so that it takes three",
                "mSD1tholG/AkUSn3XVROB1",
            ),
        ] {
            assert_eq!(hash(password.as_bytes(), salt.as_bytes()), expected, "{password}");
        }
    }
}
