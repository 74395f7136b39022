//! AES-128 of whole fragments (RFC 8216 4.3.2.4): keys, IVs and the encryption. Randomness is the
//! system's own, read here and nowhere else.

use std::io;

use aes::Aes128;
use cbc::Encryptor;
use cbc::cipher::{Array, BlockModeEncrypt, KeyIvInit};

/// Bytes of a key, an IV and a block.
pub const BLOCK: usize = 16;

/// A key or an IV.
pub type Bytes = [u8; BLOCK];

pub fn random() -> io::Result<Bytes> {
    let mut bytes = [0; BLOCK];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

/// Encrypts one fragment: CBC, with PKCS7 padding at its end.
pub struct Cipher(Encryptor<Aes128>);

impl Cipher {
    pub fn new(key: &Bytes, iv: &Bytes) -> Self {
        Self(Encryptor::new(&Array(*key), &Array(*iv)))
    }

    /// Encrypts the whole blocks in place; returns their length. The bytes behind them are passed
    /// again with those that follow.
    pub fn encrypt(&mut self, bytes: &mut [u8]) -> usize {
        let length = bytes.len() - bytes.len() % BLOCK;
        let (blocks, _) = Array::slice_as_chunks_mut(bytes);
        self.0.encrypt_blocks(blocks);
        length
    }

    /// Appends the padding that makes whole blocks of the last bytes.
    pub fn pad(bytes: &mut Vec<u8>) {
        let missing = BLOCK - bytes.len() % BLOCK;
        // At most 16.
        bytes.resize(bytes.len() + missing, u8::try_from(missing).unwrap_or_default());
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.2.1.
    #[test]
    fn it_is_aes_128_cbc_in_pieces_too() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
        };
        let key: Bytes = hex("2b7e151628aed2a6abf7158809cf4f3c").try_into().unwrap();
        let iv: Bytes = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let mut bytes = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let mut cipher = Cipher::new(&key, &iv);
        assert_eq!(cipher.encrypt(&mut bytes[..20]), 16);
        assert_eq!(cipher.encrypt(&mut bytes[16..]), 16);
        assert_eq!(bytes, hex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"));
    }

    #[test]
    fn the_last_block_is_padded_and_a_whole_one_added() {
        for (length, padded) in [(0, 16), (1, 16), (15, 16), (16, 32), (188, 192)] {
            let mut bytes = vec![7; length];
            Cipher::pad(&mut bytes);
            assert_eq!((bytes.len(), usize::from(*bytes.last().unwrap())), (padded, padded - length));
        }
    }

    #[test]
    fn random_bytes_are_not_the_same_twice() {
        assert_ne!(random().unwrap(), random().unwrap());
    }
}
