//! Links of nginx's `ngx_http_secure_link_module`: an MD5 of an expression that has a secret in it, or of a path and a
//! secret word.
//!
//! What nginx takes is taken: base64url with or without padding, its unused bits ignored, and hexadecimal digits in
//! capitals or not. Digests are compared under the key of the process, so the time that takes says nothing.

use md5::{Digest as _, Md5};

use crate::auth::secret::Hasher;

/// Bytes of an MD5.
const LENGTH: usize = 16;

/// The most characters of an MD5 in base64url, with its padding.
const MAX_BASE64: usize = 24;

/// What `$secure_link` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not from who has the secret: "".
    Wrong,
    /// It was right until its end: "0".
    Expired,
    /// "1".
    Right,
}

/// What a client shows: the value of `secure_link`, such as `$arg_md5,$arg_expires`.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    md5: &'a str,
    /// Its end as it is written, `$secure_link_expires`, and in seconds since 1970.
    expires: Option<(&'a str, u64)>,
}

impl Outcome {
    /// The value of `$secure_link`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "",
            Self::Expired => "0",
            Self::Right => "1",
        }
    }
}

impl<'a> Shown<'a> {
    /// Splits the value at its first comma; none if what is behind it is no time after 1970.
    pub fn parse(value: &'a str) -> Option<Self> {
        let Some((md5, expires)) = value.split_once(',') else {
            return Some(Self { md5: value, expires: None });
        };
        let is_number = expires.bytes().all(|byte| byte.is_ascii_digit());
        let end = expires.parse().ok().filter(|end| is_number && (1..=i64::MAX as u64).contains(end))?;
        Some(Self { md5, expires: Some((expires, end)) })
    }

    /// The value of `$secure_link_expires`: empty without an end.
    pub fn expires(&self) -> &'a str {
        self.expires.map_or("", |(text, _)| text)
    }

    /// Compares with the MD5 of the filled `secure_link_md5`; `now` is in seconds since 1970. The last second is valid.
    pub fn verify(&self, hasher: &Hasher, expression: &str, now: u64) -> Outcome {
        let Some(shown) = from_base64(self.md5) else { return Outcome::Wrong };
        if !is_same(hasher, shown, Md5::digest(expression).into()) {
            return Outcome::Wrong;
        }
        if self.expires.is_some_and(|(_, end)| end < now) { Outcome::Expired } else { Outcome::Right }
    }
}

/// The LINK of `/prefix/HASH/LINK` if HASH is the MD5 of LINK and the word, in hexadecimal. The target is as it came,
/// with its query, which is signed too.
pub fn link_of<'a>(hasher: &Hasher, target: &'a str, word: &str) -> Option<&'a str> {
    let (_, behind) = target.strip_prefix('/')?.split_once('/')?;
    let (hash, link) = behind.split_once('/')?;
    let shown = from_hex(hash).filter(|_| !link.is_empty())?;
    let expected = Md5::new().chain_update(link).chain_update(word).finalize();
    is_same(hasher, shown, expected.into()).then_some(link)
}

fn is_same(hasher: &Hasher, one: [u8; LENGTH], other: [u8; LENGTH]) -> bool {
    let digest = |bytes| hasher.digest(&format!("{:032x}", u128::from_be_bytes(bytes)));
    digest(one) == digest(other)
}

/// The bytes of an MD5 in base64url; none if it is none. It ends at "=", whatever is behind.
fn from_base64(text: &str) -> Option<[u8; LENGTH]> {
    let text = Some(text).filter(|text| text.len() <= MAX_BASE64)?;
    let digits = text.split('=').next().unwrap_or_default();
    let (mut bits, mut count) = (0_u128, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        count += 1;
        // 22 digits are 132 bits: the last 4 of them are no part of the MD5.
        bits = match count {
            22 => bits << 2 | u128::from(value >> 4),
            _ => bits << 6 | u128::from(value),
        };
    }
    (count == 22).then(|| bits.to_be_bytes())
}

fn from_hex(text: &str) -> Option<[u8; LENGTH]> {
    let is_hex = text.len() == 2 * LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// printf '%s' '2147483647/s/link127.0.0.1 secret' | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =
    const MD5: &str = "_e4Nc3iduzkWRm01TBBNYw";
    const EXPRESSION: &str = "2147483647/s/link127.0.0.1 secret";

    /// printf '%s' linksecret | openssl md5
    const HASH: &str = "5e814704a28d9bc1914ff19fa0c4a00a";

    fn hasher() -> Hasher {
        Hasher::new(&[1; 64])
    }

    fn outcome(value: &str, now: u64) -> Outcome {
        Shown::parse(value).map_or(Outcome::Wrong, |shown| shown.verify(&hasher(), EXPRESSION, now))
    }

    #[test]
    fn a_link_is_right_until_its_end() {
        for (now, expected, text) in
            [(2_147_483_647, Outcome::Right, "1"), (2_147_483_648, Outcome::Expired, "0")]
        {
            let outcome = outcome(&format!("{MD5},2147483647"), now);
            assert_eq!((outcome, outcome.as_str()), (expected, text));
        }
        assert_eq!(outcome(MD5, u64::MAX), Outcome::Right);
        assert_eq!(Shown::parse("a,12").unwrap().expires(), "12");
        assert_eq!(Shown::parse("a").unwrap().expires(), "");
    }

    #[test]
    fn what_is_no_md5_or_no_time_is_wrong() {
        let (small, short) = (MD5.to_lowercase(), &MD5[..21]);
        for value in
            ["", ",", ",1", &small, short, &format!("{MD5}a"), &format!("{MD5}==="), &MD5.replace('_', "/")]
        {
            assert_eq!(outcome(value, 0), Outcome::Wrong, "{value}");
        }
        for end in ["", "0", "-1", "+1", "1e9", "1,", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(outcome(&format!("{MD5},{end}"), 0), Outcome::Wrong, "{end}");
        }
        assert_eq!(Outcome::Wrong.as_str(), "");
    }

    #[test]
    fn padding_and_unused_bits_are_taken_as_nginx_takes_them() {
        let other = format!("{}x", &MD5[..21]);
        for value in [format!("{MD5}=="), format!("{MD5}="), format!("{MD5}=a"), other] {
            assert_eq!(outcome(&value, 0), Outcome::Right, "{value}");
        }
    }

    #[test]
    fn a_link_with_a_secret_word_is_what_is_behind_its_hash() {
        for (target, expected) in [
            (format!("/p/{HASH}/link"), Some("link")),
            (format!("/p/{}/link", HASH.to_uppercase()), Some("link")),
            (format!("/p/{HASH}/link?a"), None),
            (format!("/p/{HASH}/"), None),
            (format!("/p/{HASH}"), None),
            (format!("/p/q/{HASH}/link"), None),
            (format!("/p/+{}/link", &HASH[1..]), None),
            ("/".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(link_of(&hasher(), &target, "secret"), expected, "{target}");
        }
    }
}
