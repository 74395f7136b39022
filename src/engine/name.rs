//! The one rule for stream names: what may be published is also a file name and a URL segment as it is.

use std::error::Error;
use std::fmt;
use std::rc::Rc;

/// A stream name that is safe as a file name and needs no escaping in a URL.
///
/// One to 128 bytes of `A-Z a-z 0-9 - _ . ~ + = @ ,`, not beginning with a dot or a dash. So
/// it is never empty, holds no separator, is no option to a command, and is no hidden file. A name is
/// used as it is, so two names never share a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Rc<str>);

impl StreamName {
    /// Longest name, bytes: with a time stamp and a suffix it still fits the 255 of a file name.
    pub const MAX_BYTES: usize = 128;

    /// Checks `name` against the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+=@,".contains(&byte);
        match name.as_bytes() {
            [] => Err(NameError::Empty),
            bytes if bytes.len() > Self::MAX_BYTES => Err(NameError::TooLong),
            [b'.' | b'-', ..] => Err(NameError::Beginning),
            bytes if !bytes.iter().all(|&byte| allowed(byte)) => Err(NameError::Character),
            _ => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No name at all.
    Empty,
    /// Too long.
    TooLong,
    /// Begins with a dot or a dash.
    Beginning,
    /// Holds a byte that is not allowed.
    Character,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a stream needs a name"),
            Self::TooLong => write!(f, "a stream name has at most {} bytes", StreamName::MAX_BYTES),
            Self::Beginning => f.write_str("a stream name may not begin with a dot or a dash"),
            Self::Character => f.write_str("a stream name is made of letters, digits and - _ . ~ + = @ ,"),
        }
    }
}

impl Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_safe_as_files_and_urls_are_allowed() {
        for name in ["a", "test", "live_1080p-2", "key~x+y=z@w,v.1", "0", &"n".repeat(StreamName::MAX_BYTES)]
        {
            assert_eq!(StreamName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_be_more_than_a_name_are_refused() {
        for (name, error) in [
            ("", NameError::Empty),
            (&*"n".repeat(StreamName::MAX_BYTES + 1), NameError::TooLong),
            ("..", NameError::Beginning),
            (".hidden", NameError::Beginning),
            ("-rf", NameError::Beginning),
            ("../../tmp/EVIL", NameError::Beginning),
            ("/etc/x", NameError::Character),
            ("a/b", NameError::Character),
            ("..\\x", NameError::Beginning),
            ("a\\b", NameError::Character),
            ("$(touch PWN)", NameError::Character),
            ("`id`", NameError::Character),
            ("a b", NameError::Character),
            ("a\0b", NameError::Character),
            ("a\nb", NameError::Character),
            ("\u{1b}[2J", NameError::Character),
            ("%2e%2e%2f", NameError::Character),
            ("strä", NameError::Character),
            ("<script>", NameError::Character),
        ] {
            assert_eq!(StreamName::new(name), Err(error), "{name:?}");
        }
    }
}
