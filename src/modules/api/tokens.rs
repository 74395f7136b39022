//! `api_token`: secrets that open the API, each with a name for the log.
//!
//! Kept are only digests of them, under a key that is made anew with each configuration. A wrong one is counted by the
//! address that shows it, and too many have to wait.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::auth::secret::{Digest, Hasher};
use crate::conf::{Error, Faults, Node, Scope};
use crate::engine::{Config, Ctx, HttpRequest, Probe, Try, is_readable_by_all};

use super::reply::Fault;

/// The longest name, bytes.
const MAX_NAME: usize = 64;

/// What a token lets its owner do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    Read,
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
}

fn arguments(count: usize) -> String {
    if count == 1 { "one argument is".to_owned() } else { format!("{count} arguments are") }
}

/// The tokens of a location.
#[derive(Debug, Default)]
pub struct Tokens {
    hasher: Option<Hasher>,
    by_digest: HashMap<Digest, Token>,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub name: String,
    pub grant: Grant,
}

impl Tokens {
    /// Reads those of the nearest block that has any.
    pub fn read(scope: &Scope<'_>, hasher: &Hasher, faults: &mut Faults) -> Self {
        let mut by_digest = HashMap::new();
        for node in scope.all("api_token") {
            let TokenLine { name, secret, grant } = Node::custom(node);
            if by_digest.insert(hasher.digest(&secret), Token { name, grant }).is_some() {
                faults.push(Error::at(node, "\"api_token\": the same secret stands in this block twice"));
            }
        }
        Self { hasher: Some(hasher.clone()), by_digest }
    }

    /// The token that a request shows; none where none is needed.
    pub fn judge(&self, cx: &mut Ctx, request: &HttpRequest) -> Result<Option<&Token>, Fault> {
        if self.by_digest.is_empty() {
            return Ok(None);
        }
        let (Some(shown), Some(hasher)) = (shown(request), &self.hasher) else {
            return Err(Fault::unauthorized("this needs the header \"Authorization: Bearer TOKEN\""));
        };
        let tried = Try::of_operator(request);
        if let Some(wait) = tried.wait(cx) {
            return Err(Fault::slowed(wait));
        }
        let Some(token) = self.by_digest.get(&hasher.digest(shown)) else {
            tried.note_wrong(cx, "wrong token");
            return Err(Fault::unauthorized("wrong token"));
        };
        // An address whose token may only read can guess at one that may act like any other.
        if token.grant == Grant::Act {
            tried.note_right(cx);
        }
        Ok(Some(token))
    }
}

/// The token in the header Authorization. Of two fields none counts.
fn shown(request: &HttpRequest) -> Option<&str> {
    let mut fields = request.head.headers.all("authorization");
    let first = fields.next()?;
    let (scheme, token) = first.split_once(' ')?;
    let is_one = fields.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    Some(token.trim()).filter(|token| is_one && !token.is_empty())
}

/// Warns of tokens that others may find.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    let (mut files, mut warned) = (BTreeSet::new(), BTreeSet::new());
    for node in config.locations.iter().flat_map(|location| location.scope.all("api_token")) {
        if !warned.insert((&node.file, node.line)) {
            continue;
        }
        let line: TokenLine = node.custom();
        if line.secret.len() < SHORTEST {
            probe.warn(
                node,
                format!(
                    "{} characters can be guessed: openssl rand -hex 16 makes a token",
                    line.secret.len()
                ),
            );
        } else if line.secret.starts_with("CHANGE-ME") {
            let why =
                "this is the token of an example, which everybody knows: openssl rand -hex 16 makes one";
            probe.warn(node, why);
        }
        if files.insert(&node.file) && is_readable_by_all(Path::new(&*node.file)) {
            let why = "the tokens in this file can be read by every user of this machine: chmod o-r, or put them in a \
                       file of their own that is included";
            probe.warn(node, why);
        }
    }
}

/// The characters of the shortest token without a warning.
const SHORTEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

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
            let request =
                HttpRequest::for_test(&format!("GET /?token=s3cret HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
            shown(&request).map(str::to_owned)
        };
        for fields in ["Authorization: Bearer s3cret\r\n", "authorization: bearer   s3cret \r\n"] {
            assert_eq!(shown_by(fields).as_deref(), Some("s3cret"), "{fields}");
        }
        for fields in [
            "",
            "Authorization: s3cret\r\n",
            "Authorization: Bearer\r\n",
            "Authorization: Bearer \r\n",
            "Authorization: Basic s3cret\r\n",
            "Authorization: Bearer s3cret\r\nAuthorization: Bearer s3cret\r\n",
            "X-Token: s3cret\r\nCookie: token=s3cret\r\n",
        ] {
            assert_eq!(shown_by(fields), None, "{fields}");
        }
    }
}
