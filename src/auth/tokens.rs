//! Tokens of operators: secrets that a program shows in the header Authorization, each with a name for the log.
//!
//! Kept are only digests of them, under a key that is made anew with each configuration. Here is what a token is; who
//! shows a wrong one is counted in `engine/limits/tokens.rs`.

use std::collections::HashMap;
use std::fmt;

use crate::auth::secret::{Digest, Hasher};
use crate::http::Headers;

/// The longest name, bytes.
const MAX_NAME: usize = 64;

/// What a token lets its owner do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// To read.
    Read,
    /// To read, and to act.
    Act,
}

/// The arguments of an `api_token`.
#[derive(Clone)]
pub struct TokenLine {
    name: String,
    secret: String,
    grant: Grant,
}

impl TokenLine {
    /// Reads the arguments; no message quotes one.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let (name, secret, grant) = match args {
            [name, secret] => (name, secret, Grant::Read),
            [name, secret, word] if word == "read" => (name, secret, Grant::Read),
            [name, secret, word] if word == "act" => (name, secret, Grant::Act),
            [_, _, _] => return Err("the third word is read or act".to_owned()),
            many => return Err(format!("a name and a secret, and {} given", arguments(many.len()))),
        };
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("the name has 1 to {MAX_NAME} characters of ASCII without blanks"));
        }
        // What stands in a header behind "Bearer" (RFC 6750, section 2.1), and a little more.
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the secret has characters of ASCII without blanks, and at least one".to_owned());
        }
        Ok(Self { name: name.clone(), secret: secret.clone(), grant })
    }

    /// The secret, to judge how good it is.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for TokenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLine").field("name", &self.name).finish_non_exhaustive()
    }
}

fn arguments(count: usize) -> String {
    if count == 1 { "one argument is".to_owned() } else { format!("{count} arguments are") }
}

/// The tokens of a location.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    hasher: Option<Hasher>,
    by_digest: HashMap<Digest, Token>,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// What it is good for.
    pub grant: Grant,
}

impl Tokens {
    /// No tokens yet, under the key of this hasher.
    pub fn new(hasher: &Hasher) -> Self {
        Self { hasher: Some(hasher.clone()), by_digest: HashMap::new() }
    }

    /// Adds one; false if there is one with the same secret already.
    pub fn add(&mut self, line: TokenLine) -> bool {
        let TokenLine { name, secret, grant } = line;
        let digest = self.hasher.as_ref().map(|hasher| hasher.digest(&secret));
        digest.is_some_and(|digest| self.by_digest.insert(digest, Token { name, grant }).is_none())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// The token with a secret.
    pub fn find(&self, secret: &str) -> Option<&Token> {
        self.by_digest.get(&self.hasher.as_ref()?.digest(secret))
    }
}

/// What a request shows in the header Authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// No token, and perhaps a password.
    Nothing,
    /// This one.
    Token(&'a str),
    /// More than one field, or a scheme without a token: none counts.
    Unclear,
}

impl<'a> Shown<'a> {
    /// Reads the header.
    pub fn of(headers: &'a Headers) -> Self {
        let (mut fields, mut tokens) = (0, Vec::new());
        for field in headers.all("authorization") {
            let (scheme, token) = field.split_once(' ').unwrap_or((field, ""));
            fields += 1;
            if scheme.eq_ignore_ascii_case("bearer") {
                tokens.push(token.trim());
            }
        }
        match tokens.as_slice() {
            [] => Self::Nothing,
            [token] if fields == 1 && !token.is_empty() => Self::Token(token),
            _ => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;

    fn parse(words: &[&str]) -> Result<TokenLine, String> {
        TokenLine::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_token_only_reads_unless_it_says_otherwise() {
        for (words, grant) in [
            (&["ops", "s3cret"][..], Grant::Read),
            (&["ops", "s3cret", "read"], Grant::Read),
            (&["ops", "s3cret", "act"], Grant::Act),
        ] {
            assert_eq!(parse(words).ok().map(|line| line.grant), Some(grant));
        }
    }

    #[test]
    fn faults_quote_no_secret() {
        let long = "x".repeat(65);
        for words in [
            &["s3cret"][..],
            &["ops", "s3cret", "write"],
            &["ops", "s3 cret"],
            &["ops", ""],
            &["", "s3cret"],
            &["o ps", "s3cret"],
            &[&long, "s3cret"],
            &["ops", "s3cret", "act", "more"],
        ] {
            let said = parse(words).map(|line| line.name).unwrap_err();
            assert!(!said.contains("s3"), "{said}");
        }
    }

    #[test]
    fn a_token_comes_in_authorization_once() {
        let shown_by = |fields: &str| {
            let head = format!("GET /?token=s3cret HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            let request = Request::parse(head.as_bytes()).unwrap();
            match Shown::of(&request.headers) {
                Shown::Token(token) => Ok(token.to_owned()),
                Shown::Nothing => Err("nothing"),
                Shown::Unclear => Err("unclear"),
            }
        };
        for fields in ["Authorization: Bearer s3cret\r\n", "authorization: bearer   s3cret \r\n"] {
            assert_eq!(shown_by(fields).as_deref(), Ok("s3cret"), "{fields}");
        }
        for (fields, found) in [
            ("", "nothing"),
            ("Authorization: s3cret\r\n", "nothing"),
            ("Authorization: Bearer\r\n", "unclear"),
            ("Authorization: Bearer \r\n", "unclear"),
            ("Authorization: Basic s3cret\r\n", "nothing"),
            ("Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n", "unclear"),
            ("Authorization: Basic czM6Y3JldA==\r\nAuthorization: Bearer s3cret\r\n", "unclear"),
            ("X-Token: s3cret\r\nCookie: token=s3cret\r\n", "nothing"),
        ] {
            assert_eq!(shown_by(fields), Err(found), "{fields}");
        }
    }
}
