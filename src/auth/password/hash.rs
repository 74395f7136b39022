//! One hash of a password: which format it has, and whether a password is the one that it was made from.

use std::fmt;

use crate::auth::secret::Hasher;

use super::{apr1, bcrypt, encoding, sha};

/// The most rounds of `$5$` and `$6$`: about a second.
const MAX_ROUNDS: u32 = 1_000_000;
/// The highest cost of bcrypt: about a quarter of a second.
const MAX_COST: u32 = 12;
/// The lowest one, as bcrypt has it.
const MIN_COST: u32 = 4;

/// How a password is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `$apr1$`.
    Apr1,
    /// `{SHA}`.
    Sha,
    /// `{SSHA}`.
    Ssha,
    /// `$5$`.
    Sha256,
    /// `$6$`.
    Sha512,
    /// `$2y$`, `$2a$` and `$2b$`.
    Bcrypt,
    /// `{PLAIN}`.
    Plain,
}

/// The hash of a password, or the password itself. It is never shown.
#[derive(Clone)]
pub struct Hash {
    kind: Kind,
    /// What is written at the end of the hash.
    written: String,
}

#[derive(Clone)]
enum Kind {
    Apr1 { salt: Vec<u8> },
    Sha,
    Ssha { salt: Vec<u8> },
    Sha256 { salt: Vec<u8>, rounds: u32 },
    Sha512 { salt: Vec<u8>, rounds: u32 },
    Bcrypt { salt: [u8; 16], cost: u32 },
    Plain,
}

/// Why a hash cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashError {
    /// None of the formats, such as the old DES crypt, or a password as it is.
    Unknown,
    /// The text of a known format is damaged.
    Damaged(Format),
    /// It has more rounds, which take too long.
    Rounds(u32),
    /// The cost is higher, which takes too long.
    Cost(u32),
}

impl Hash {
    /// Reads a hash.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        if let Some(rest) = text.strip_prefix("$apr1$") {
            return apr1_hash(rest);
        }
        for (prefix, format) in [("$5$", Format::Sha256), ("$6$", Format::Sha512)] {
            if let Some(rest) = text.strip_prefix(prefix) {
                return sha_hash(rest, format);
            }
        }
        if let Some(rest) = ["$2y$", "$2a$", "$2b$"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return bcrypt_hash(rest);
        }
        if let Some(written) = text.strip_prefix("{SHA}") {
            let salt = sha::salt(written).filter(Vec::is_empty);
            return salt.map(|_| Self::new(Kind::Sha, written)).ok_or(HashError::Damaged(Format::Sha));
        }
        if let Some(written) = text.strip_prefix("{SSHA}") {
            let salt = sha::salt(written).ok_or(HashError::Damaged(Format::Ssha))?;
            return Ok(Self::new(Kind::Ssha { salt }, written));
        }
        match text.strip_prefix("{PLAIN}") {
            // Without a password anybody could come in.
            Some("") => Err(HashError::Damaged(Format::Plain)),
            Some(plain) => Ok(Self::new(Kind::Plain, plain)),
            None => Err(HashError::Unknown),
        }
    }

    fn new(kind: Kind, written: &str) -> Self {
        Self { kind, written: written.to_owned() }
    }

    /// How the password is kept.
    pub fn format(&self) -> Format {
        match self.kind {
            Kind::Apr1 { .. } => Format::Apr1,
            Kind::Sha => Format::Sha,
            Kind::Ssha { .. } => Format::Ssha,
            Kind::Sha256 { .. } => Format::Sha256,
            Kind::Sha512 { .. } => Format::Sha512,
            Kind::Bcrypt { .. } => Format::Bcrypt,
            Kind::Plain => Format::Plain,
        }
    }

    /// Whether a password is the one that the hash was made from. Digests of both results are compared, so the time
    /// does not tell how much of them agrees.
    pub fn verify(&self, password: &str, hasher: &Hasher) -> bool {
        let bytes = password.as_bytes();
        let result = match &self.kind {
            Kind::Apr1 { salt } => apr1::hash(bytes, salt),
            Kind::Sha => sha::sha1(bytes),
            Kind::Ssha { salt } => sha::salted_sha1(bytes, salt),
            Kind::Sha256 { salt, rounds } => sha::sha256_crypt(bytes, salt, *rounds),
            Kind::Sha512 { salt, rounds } => sha::sha512_crypt(bytes, salt, *rounds),
            Kind::Bcrypt { salt, cost } => bcrypt::hash(bytes, salt, *cost),
            Kind::Plain => password.to_owned(),
        };
        hasher.digest(&result) == hasher.digest(&self.written)
    }

    /// The password, where it is kept as it is.
    pub fn plain(&self) -> Option<&str> {
        matches!(self.kind, Kind::Plain).then_some(&self.written)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", self.format())
    }
}

fn apr1_hash(text: &str) -> Result<Hash, HashError> {
    let parts = text.split_once('$').filter(|(salt, written)| {
        !salt.is_empty() && written.len() == apr1::LENGTH && encoding::is_encoded(written)
    });
    let (salt, written) = parts.ok_or(HashError::Damaged(Format::Apr1))?;
    let salt = salt.bytes().take(apr1::SALT).collect();
    Ok(Hash::new(Kind::Apr1 { salt }, written))
}

fn sha_hash(text: &str, format: Format) -> Result<Hash, HashError> {
    let damaged = || HashError::Damaged(format);
    let (rounds, text) = match text.strip_prefix("rounds=") {
        None => (sha::ROUNDS, text),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or_else(damaged)?;
            (rounds.parse().map_err(|_| damaged())?, rest)
        }
    };
    if rounds > MAX_ROUNDS {
        return Err(HashError::Rounds(rounds));
    }
    let (salt, written) = text.split_once('$').ok_or_else(damaged)?;
    let salt = salt.bytes().take(sha::SALT).collect();
    let (length, kind) = match format {
        Format::Sha256 => (43, Kind::Sha256 { salt, rounds }),
        _ => (86, Kind::Sha512 { salt, rounds }),
    };
    if written.len() != length || !encoding::is_encoded(written) {
        return Err(damaged());
    }
    Ok(Hash::new(kind, written))
}

fn bcrypt_hash(text: &str) -> Result<Hash, HashError> {
    let damaged = || HashError::Damaged(Format::Bcrypt);
    let (cost, rest) = text.split_once('$').ok_or_else(damaged)?;
    let cost: u32 = cost.parse().ok().filter(|cost| *cost >= MIN_COST).ok_or_else(damaged)?;
    if cost > MAX_COST {
        return Err(HashError::Cost(cost));
    }
    let (salt_length, length) = bcrypt::LENGTHS;
    let (salt, written) = rest.split_at_checked(salt_length).ok_or_else(damaged)?;
    let salt = bcrypt::salt(salt).ok_or_else(damaged)?;
    if written.len() != length || !encoding::is_encoded(written) {
        return Err(damaged());
    }
    Ok(Hash::new(Kind::Bcrypt { salt, cost }, written))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apr1 => "$apr1$",
            Self::Sha => "{SHA}",
            Self::Ssha => "{SSHA}",
            Self::Sha256 => "$5$",
            Self::Sha512 => "$6$",
            Self::Bcrypt => "bcrypt",
            Self::Plain => "{PLAIN}",
        })
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => {
                f.write_str(
                    "the password is kept in no known format; \"htpasswd -B\" makes bcrypt, and a password as it is has \
                     {PLAIN} in front",
                )
            }
            Self::Damaged(Format::Plain) => f.write_str("the password is empty"),
            Self::Damaged(format) => write!(f, "the {format} hash is damaged"),
            Self::Rounds(rounds) => {
                write!(f, "{rounds} rounds would take too long; at most {MAX_ROUNDS} are taken")
            }
            Self::Cost(cost) => {
                write!(f, "a bcrypt cost of {cost} would take too long; at most {MAX_COST} is taken")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of "secret": openssl passwd -apr1 -salt saltsalt secret; crypt of Python with the salts that are seen;
    /// printf secretsalt | openssl dgst -sha1 -binary | (cat; printf salt) | base64.
    pub const SECRET: [&str; 10] = [
        "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
        "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
        "$5$rounds=10000$saltstringsaltst$nRVJUfBu7b60x4u50TScFun8GLsggmlJvebgklaft49",
        "$6$rounds=1000$roundstoolow$MeVKYy05sBtwGM.4HIUVk8vIjgUjXpV/ChMGL89KNa8RRMfB0rp0ws3ty/zRJWlLgOA0UIXn1/MRF91HJw7.V1",
        "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "{PLAIN}secret",
    ];

    #[test]
    fn the_password_of_each_format_opens_and_no_other() {
        let hasher = Hasher::new(&[1; 64]);
        for text in SECRET {
            let hash = Hash::parse(text).unwrap();
            assert!(hash.verify("secret", &hasher), "{text}");
            for other in ["", "Secret", "secret ", "secre", text] {
                assert!(!hash.verify(other, &hasher), "{text} {other}");
            }
        }
    }

    #[test]
    fn an_empty_password_and_one_with_umlauts_are_verified() {
        let hasher = Hasher::new(&[1; 64]);
        for (text, password) in [
            (
                "$6$saltstring$kyGrqt6gmjAdtFLPrflEFifSYLCWWq1pyx95SvqinLDy2UHmj0sTF0MSLMwxPFZc3tu5kQckI8fks0zOPda3n1",
                "",
            ),
            ("$5$saltstring$531zftF021vJe03/eqQAi.MnM3gfDw0zOISwGU/5pc1", "pässword with blanks"),
            (
                "$6$saltstring$oCZXEr2ZydDh/rQlcLgKQo1j7h9KnoFafSr1bwojEFqY2fLprXN.Wm3mALPrYGEPe.6S6EiZNMWrF4yLPCG1N.",
                "pässword with blanks",
            ),
        ] {
            assert!(Hash::parse(text).unwrap().verify(password, &hasher), "{text}");
        }
    }

    #[test]
    fn damaged_unknown_and_slow_hashes_are_named() {
        let rounds = "$5$rounds=1000001$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.";
        for (text, error) in [
            ("", HashError::Unknown),
            ("secret", HashError::Unknown),
            ("rqXexS6ZhobKA", HashError::Unknown),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", HashError::Unknown),
            ("$apr1$saltsalt$LrttParrLPdxvgutaSXWJ", HashError::Damaged(Format::Apr1)),
            ("$apr1$$LrttParrLPdxvgutaSXWJ0", HashError::Damaged(Format::Apr1)),
            ("{SHA}secret", HashError::Damaged(Format::Sha)),
            ("{SSHA}secret", HashError::Damaged(Format::Ssha)),
            ("$5$saltstring$C3o4O1TC6aRHF4FI", HashError::Damaged(Format::Sha256)),
            ("$6$rounds=$a$b", HashError::Damaged(Format::Sha512)),
            (rounds, HashError::Rounds(1_000_001)),
            ("$2y$13$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", HashError::Cost(13)),
            ("$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf", HashError::Damaged(Format::Bcrypt)),
            (
                "$2y$03$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
                HashError::Damaged(Format::Bcrypt),
            ),
            (
                "$2y$05$äbcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0",
                HashError::Damaged(Format::Bcrypt),
            ),
        ] {
            assert_eq!(Hash::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_hash_is_not_shown() {
        let shown: Vec<_> = SECRET.iter().map(|text| format!("{:?}", Hash::parse(text).unwrap())).collect();
        assert_eq!((shown[0].as_str(), shown[9].as_str()), ("Hash($apr1$)", "Hash({PLAIN})"));
    }
}
