//! The lines of a file of users.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;

use crate::auth::secret::Hasher;

use super::hash::{Format, Hash, HashError};

/// The most bytes of a file.
pub const MAX_BYTES: usize = 1 << 20;
/// The most lines of a file.
const MAX_LINES: usize = 10_000;
/// The most bytes of a user's name.
const MAX_USER: usize = 255;
/// The most bytes of a password; some formats need longer for longer ones.
pub const MAX_PASSWORD: usize = 255;

/// The users of a file.
#[derive(Clone, Default)]
pub struct Users {
    users: Vec<User>,
    /// What is wrong with lines, by their numbers.
    faults: Vec<(usize, LineError)>,
}

#[derive(Clone)]
struct User {
    name: String,
    line: usize,
    hash: Result<Hash, HashError>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// It has no colon.
    NoColon,
    /// There is nothing in front of the colon.
    NoUser,
    /// The name is longer than that of any user may be.
    LongUser,
    /// It is not in UTF-8.
    NoText,
    /// The user stands in this earlier line, which counts.
    Twice(usize),
    /// The hash cannot be used.
    Hash(HashError),
}

/// Why a whole file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileError {
    /// It has more bytes than a file of users may have.
    Bytes,
    /// It has more lines.
    Lines,
}

/// What comes of a user and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They are right.
    Right,
    /// The user is not there, or the password is another one.
    Wrong,
    /// The line of the user, whose number this is, cannot be used.
    Unusable(usize, HashError),
}

impl Users {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > MAX_BYTES {
            return Err(FileError::Bytes);
        }
        let mut users = Self::default();
        let mut names = BTreeMap::new();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if number > MAX_LINES && !line.is_empty() {
                return Err(FileError::Lines);
            }
            match User::parse(number, line) {
                Ok(None) => {}
                Err(error) => users.faults.push((number, error)),
                Ok(Some(user)) => {
                    if let Some(before) = names.get(&user.name) {
                        users.faults.push((number, LineError::Twice(*before)));
                        continue;
                    }
                    if let Err(error) = user.hash {
                        users.faults.push((number, LineError::Hash(error)));
                    }
                    names.insert(user.name.clone(), number);
                    users.users.push(user);
                }
            }
        }
        Ok(users)
    }

    /// What is wrong with lines, by their numbers from 1 on.
    pub fn faults(&self) -> &[(usize, LineError)] {
        &self.faults
    }

    /// Whether there is no user whose line can be used.
    pub fn is_empty(&self) -> bool {
        self.users.iter().all(|user| user.hash.is_err())
    }

    /// Users whose passwords are kept as hashes, from which no challenge can be answered: line, name and format.
    pub fn hashed(&self) -> impl Iterator<Item = (usize, &str, Format)> {
        let usable = self.users.iter().filter_map(|user| Some((user, user.hash.as_ref().ok()?)));
        let hashed = usable.filter(|(_, hash)| hash.plain().is_none());
        hashed.map(|(user, hash)| (user.line, user.name.as_str(), hash.format()))
    }

    /// Whether the password is that of the user. For a user who is not there one is verified, too, in the format of
    /// most users, so that the time does not tell who is there.
    pub fn verify(&self, user: &str, password: &str, hasher: &Hasher) -> Answer {
        if password.len() > MAX_PASSWORD || password.contains('\0') {
            return Answer::Wrong;
        }
        match self.find(user).map(|user| (user.line, &user.hash)) {
            Some((_, Ok(hash))) => {
                if hash.verify(password, hasher) {
                    Answer::Right
                } else {
                    Answer::Wrong
                }
            }
            Some((line, Err(error))) => {
                self.verify_stand_in(password, hasher);
                Answer::Unusable(line, *error)
            }
            None => {
                self.verify_stand_in(password, hasher);
                Answer::Wrong
            }
        }
    }

    /// The password of a user where it is kept as it is.
    pub fn plain(&self, user: &str) -> Option<&str> {
        self.find(user)?.hash.as_ref().ok()?.plain()
    }

    /// Whether the file has a user of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    fn verify_stand_in(&self, password: &str, hasher: &Hasher) {
        let mut by_format = BTreeMap::<Format, (usize, &Hash)>::new();
        for hash in self.users.iter().filter_map(|user| user.hash.as_ref().ok()) {
            by_format.entry(hash.format()).or_insert((0, hash)).0 += 1;
        }
        if let Some((_, hash)) = by_format.values().max_by_key(|(count, _)| *count) {
            black_box(hash.verify(password, hasher));
        }
    }
}

impl User {
    /// Reads a line; none if it is empty or a comment.
    fn parse(line: usize, bytes: &[u8]) -> Result<Option<Self>, LineError> {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() || bytes.starts_with(b"#") {
            return Ok(None);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LineError::NoText)?;
        // nginx takes what is behind a second colon for a comment; a password as it is may have one.
        let (name, hash) = text.split_once(':').ok_or(LineError::NoColon)?;
        let hash = match hash.split_once(':') {
            Some((hash, _)) if !hash.starts_with("{PLAIN}") => hash,
            _ => hash,
        };
        match name.len() {
            0 => Err(LineError::NoUser),
            1..=MAX_USER => Ok(Some(Self { name: name.to_owned(), line, hash: Hash::parse(hash) })),
            _ => Err(LineError::LongUser),
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.users.len())
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColon => f.write_str("a line is USER:HASH, and this one has no colon"),
            Self::NoUser => f.write_str("there is no user in front of the colon"),
            Self::LongUser => write!(f, "a user's name has at most {MAX_USER} bytes"),
            Self::NoText => f.write_str("the line is not in UTF-8"),
            Self::Twice(line) => write!(f, "the user stands in line {line} already, which counts"),
            Self::Hash(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => write!(f, "it has more than {MAX_BYTES} bytes"),
            Self::Lines => write!(f, "it has more than {MAX_LINES} lines"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Hasher {
        Hasher::new(&[1; 64])
    }

    #[test]
    fn lines_are_users_comments_or_empty() {
        let text = "# staff\r\n\r\nann:{PLAIN}a:b\r\n  \nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:a comment\n#c:{PLAIN}c";
        let users = Users::parse(text.as_bytes()).unwrap();
        assert_eq!(users.faults(), []);
        assert_eq!(users.verify("ann", "a:b", &hasher()), Answer::Right);
        assert_eq!(users.verify("bob", "secret", &hasher()), Answer::Right);
        for (user, password) in
            [("ann", "a"), ("bob", "a"), ("#c", "c"), ("", ""), ("eve", "secret"), ("Ann", "a:b")]
        {
            assert_eq!(users.verify(user, password, &hasher()), Answer::Wrong, "{user}");
        }
    }

    #[test]
    fn a_broken_line_is_named_and_the_others_are_used() {
        let text = b"ann\n:{PLAIN}a\nbob:secret\nb\xffb:{PLAIN}b\ncid:{PLAIN}c\ncid:{PLAIN}d\n";
        let text = [&text[..], "u".repeat(256).as_bytes(), b":{PLAIN}u\n"].concat();
        let users = Users::parse(&text).unwrap();
        let expected = [
            (1, LineError::NoColon),
            (2, LineError::NoUser),
            (3, LineError::Hash(HashError::Unknown)),
            (4, LineError::NoText),
            (6, LineError::Twice(5)),
            (7, LineError::LongUser),
        ];
        assert_eq!(users.faults(), expected);
        assert_eq!(users.verify("bob", "secret", &hasher()), Answer::Unusable(3, HashError::Unknown));
        assert_eq!(users.verify("cid", "c", &hasher()), Answer::Right);
        assert!(users.faults().iter().all(|(_, error)| !error.to_string().contains("secret")));
    }

    #[test]
    fn files_and_passwords_are_bounded() {
        assert_eq!(Users::parse(&vec![b'\n'; MAX_BYTES + 1]).err(), Some(FileError::Bytes));
        let line = "a:b\n";
        assert!(Users::parse(line.repeat(MAX_LINES).as_bytes()).is_ok());
        assert_eq!(Users::parse(line.repeat(MAX_LINES + 1).as_bytes()).err(), Some(FileError::Lines));
        let long = "p".repeat(MAX_PASSWORD + 1);
        let users = Users::parse(format!("ann:{{PLAIN}}{long}").as_bytes()).unwrap();
        assert_eq!(users.verify("ann", &long, &hasher()), Answer::Wrong);
    }

    #[test]
    fn only_plain_passwords_are_given_out_and_the_others_are_listed() {
        let users = Users::parse(b"ann:{PLAIN}a\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\ncid:x").unwrap();
        assert_eq!((users.plain("ann"), users.plain("bob"), users.plain("cid")), (Some("a"), None, None));
        assert_eq!(users.hashed().collect::<Vec<_>>(), [(2, "bob", Format::Sha)]);
        assert_eq!(format!("{users:?}"), "Users(3)");
    }

    #[test]
    fn an_unknown_user_costs_a_hash_of_the_commonest_format() {
        // Each bcrypt takes milliseconds, and all else microseconds.
        let hash = "$2y$08$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
        let users = Users::parse(format!("a:{{PLAIN}}a\nb:{hash}\nc:{hash}").as_bytes()).unwrap();
        let time = |user: &str| {
            let begin = std::time::Instant::now();
            assert_eq!(users.verify(user, "x", &hasher()), Answer::Wrong);
            begin.elapsed()
        };
        let [fast, slow] = ["a", "nobody"].map(|user| (0..3).map(|_| time(user)).min().unwrap());
        assert!(slow > fast * 10, "{fast:?} {slow:?}");
    }
}
