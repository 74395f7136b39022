//! bcrypt: Blowfish with a key schedule that is slow on purpose (Provos and Mazières, 1999).

use base64ct::{Base64Bcrypt, Encoding};
use blowfish::Blowfish;

/// The most bytes of a password that count.
const MOST: usize = 72;
/// Bytes of the result that are written; the last one of 24 is not.
const WRITTEN: usize = 23;

/// Characters of a salt, and of a hash behind it.
pub const LENGTHS: (usize, usize) = (22, 31);

/// The bytes of a salt of 22 characters.
pub fn salt(text: &str) -> Option<[u8; 16]> {
    // 22 characters have four bits too many, which other programs do not look at.
    let mut bytes = [0; 18];
    let padded = format!("{text}..");
    let decoded = Base64Bcrypt::decode(&padded, &mut bytes).ok()?;
    decoded.first_chunk().copied().filter(|_| text.len() == LENGTHS.0)
}

/// The hash of a password as it is written behind the salt. The effort doubles with each step of `cost`.
pub fn hash(password: &[u8], salt: &[u8; 16], cost: u32) -> String {
    // The zero byte at the end of the password belongs to the key.
    let mut key: Vec<u8> = password.iter().copied().take(MOST).collect();
    key.push(0);
    key.truncate(MOST);
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1_u32 << cost {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut result = Vec::new();
    for block in b"OrpheanBeholderScryDoubt".chunks_exact(8) {
        let word = |at: usize| block[at..at + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let mut pair = [word(0), word(4)];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        result.extend(pair.iter().flat_map(|word| word.to_be_bytes()));
    }
    result.truncate(WRITTEN);
    Base64Bcrypt::encode_string(&result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_crypt() {
        let long = "x".repeat(80);
        // python3 -c 'import crypt; print(crypt.crypt(PASSWORD, "$2y$05$abcdefghijklmnopqrstuu"))'
        for (password, expected) in [
            ("secret", "OQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
            ("", "0oImNDIy4flhldV9YqunRgBAePKmw7m"),
            ("pässword with blanks", "YPJO1TnglkvzunOSUPVKXi47OSZw/Q."),
            (&long[..72], "jf8SX2ahXLwp9w/B.Y5XdysS6yR576q"),
            (&long, "jf8SX2ahXLwp9w/B.Y5XdysS6yR576q"),
        ] {
            let salt = salt("abcdefghijklmnopqrstuu").unwrap();
            assert_eq!(hash(password.as_bytes(), &salt, 5), expected, "{password}");
        }
    }

    #[test]
    fn what_is_no_salt_is_none() {
        for text in ["", "abcdefghijklmnopqrstu", "abcdefghijklmnopqrstuuu", "abcdefghijklmnopqrst-u"] {
            assert_eq!(salt(text), None, "{text}");
        }
    }
}
