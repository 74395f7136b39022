//! Tokens of HLS files: what a playlist shows behind the URI of a fragment or a key (`cam-12.ts?t=TOKEN`), so that the
//! file is sent to those only who were sent the playlist.
//!
//! TOKEN is HMAC-SHA-256 (RFC 2104) under the application's token secret, over three parts: application and stream as
//! logs have them, `live/cam`, in UTF-8 and without percent-encoding; one line feed; the number of the fragment or key
//! with its extension in small letters, `12.ts` or `12.key`, whatever the layout of the files is. Of its 32 bytes, the
//! first 9 are written in base64url (RFC 4648, section 5) without padding: always 12 characters. So all servers with one
//! secret make the same tokens, and all viewers of a stream see the same URIs.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The argument of a URI that has the token.
pub const ARGUMENT: &str = "t";

/// Bytes of a token: 72 bits, which nobody guesses over a network.
const BYTES: usize = 9;

/// Characters of a token.
const CHARACTERS: usize = 12;

/// Makes and verifies the tokens of files under one secret, which it does not keep as it is written.
#[derive(Clone)]
pub struct SegmentSigner(Hmac<Sha256>);

impl SegmentSigner {
    /// A signer under this secret.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("a key of any length"))
    }

    /// The token of a file, such as `12.ts`, of a stream, such as `live/cam`.
    pub fn token(&self, path: &str, file: &str) -> String {
        let all = self.hmac(path, file).finalize().into_bytes();
        Base64UrlUnpadded::encode_string(all.get(..BYTES).unwrap_or_default())
    }

    /// Whether a token is right. The time that takes does not depend on where it is wrong.
    pub fn verify(&self, path: &str, file: &str, shown: &str) -> bool {
        let mut bytes = [0; BYTES];
        shown.len() == CHARACTERS
            && Base64UrlUnpadded::decode(shown, &mut bytes).is_ok_and(|bytes| bytes.len() == BYTES)
            && self.hmac(path, file).verify_truncated_left(&bytes).is_ok()
    }

    fn hmac(&self, path: &str, file: &str) -> Hmac<Sha256> {
        self.0.clone().chain_update(path).chain_update("\n").chain_update(file)
    }
}

impl fmt::Debug for SegmentSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentSigner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// printf 'live/cam\n12.ts' | openssl dgst -sha256 -hmac secret -binary | head -c 9 | openssl base64 | tr +/ -_
    const TOKEN: &str = "1O6b_J19VpAP";
    /// The same with 'live/☃ [x]\n12.key'.
    const KEY_TOKEN: &str = "U1JGKAKxtA6j";

    #[test]
    fn a_token_is_that_of_other_programs() {
        let signer = SegmentSigner::new(b"secret");
        assert_eq!(signer.token("live/cam", "12.ts"), TOKEN);
        assert_eq!(signer.token("live/☃ [x]", "12.key"), KEY_TOKEN);
        assert!(signer.verify("live/cam", "12.ts", TOKEN));
    }

    #[test]
    fn a_token_opens_one_file_of_one_stream_under_one_secret() {
        let signer = SegmentSigner::new(b"secret");
        for (path, file) in
            [("live/cam2", "12.ts"), ("live2/cam", "12.ts"), ("live/cam", "13.ts"), ("live/cam", "12.key")]
        {
            assert!(!signer.verify(path, file, TOKEN), "{path} {file}");
        }
        assert!(!SegmentSigner::new(b"Secret").verify("live/cam", "12.ts", TOKEN));
    }

    #[test]
    fn what_is_no_token_is_wrong() {
        let signer = SegmentSigner::new(b"secret");
        let other = TOKEN.replacen(|c: char| c.is_ascii_alphanumeric(), "-", 1);
        let long = format!("{TOKEN}A");
        for shown in
            ["", &TOKEN[..11], &long, &other, &TOKEN.to_lowercase(), "____________", "éééééé", "============"]
        {
            assert!(!signer.verify("live/cam", "12.ts", shown), "{shown}");
        }
        assert!(!signer.verify("live/cam", "12.ts", &"A".repeat(1 << 20)));
        assert_eq!(format!("{signer:?}"), "SegmentSigner");
    }
}
