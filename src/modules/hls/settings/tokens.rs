//! `hls_token_secret`: the secret of the tokens that viewers of a guarded application are sent in playlists.

use std::collections::BTreeSet;
use std::path::Path;

use crate::auth::segment_token::SegmentSigner;
use crate::conf::{Node, Scope};
use crate::engine::{Application, Probe, is_readable_by_all};

pub const DIRECTIVE: &str = "hls_token_secret";

/// The characters of the shortest secret without a warning.
const SHORTEST: usize = 16;

/// The arguments of `hls_token_secret`.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenLine {
    Off,
    Secret(String),
}

impl TokenLine {
    /// Reads the arguments. An error does not show them.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        match args {
            [word] if word == "off" => Ok(Self::Off),
            [secret] if secret.is_empty() => Err("the secret is empty".to_owned()),
            [secret] => Ok(Self::Secret(secret.clone())),
            [] => Err(String::new()),
            _ => Err("a secret has blanks: put it into quotes".to_owned()),
        }
    }
}

/// Where the secret of an application's tokens comes from.
#[derive(Debug, Clone, Default)]
pub enum TokenSource {
    /// The application is not guarded: there are no tokens.
    #[default]
    Nowhere,
    /// The directive.
    Directive(SegmentSigner),
    /// `hls_path`, where an earlier run of the server may have kept it.
    Folder,
}

impl TokenSource {
    pub fn read(application: &Application<'_>) -> Self {
        if !application.features.guards_viewers() {
            return Self::Nowhere;
        }
        match application.scope.custom(DIRECTIVE) {
            TokenLine::Secret(secret) => Self::Directive(SegmentSigner::new(secret.as_bytes())),
            TokenLine::Off => Self::Folder,
        }
    }
}

/// Warns of secrets that others may find, once for each line. `warned` has the lines.
pub fn probe<'t>(scope: &Scope<'t>, probe: &mut Probe, warned: &mut BTreeSet<(&'t str, u32)>) {
    let Some(node) = scope.find(DIRECTIVE) else { return };
    let TokenLine::Secret(secret) = scope.custom(DIRECTIVE) else { return };
    if !warned.insert((&node.file, node.line)) {
        return;
    }
    if let Some(why) = weakness(&secret) {
        probe.warn(node, format!("the \"{DIRECTIVE}\" {why}"));
    }
    warn_of_readers(node, probe);
}

fn weakness(secret: &str) -> Option<String> {
    if secret.starts_with("CHANGE-ME") {
        Some("is that of an example, which everybody knows: openssl rand -hex 16 makes one".to_owned())
    } else if secret.chars().count() < SHORTEST {
        Some(format!("has less than {SHORTEST} characters, and can be guessed"))
    } else {
        None
    }
}

fn warn_of_readers(node: &Node, probe: &mut Probe) {
    if is_readable_by_all(Path::new(&*node.file)) {
        let message =
            format!("the \"{DIRECTIVE}\" in this file can be read by every user of this machine: chmod o-r");
        probe.warn(node, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_do_not_show_the_secret() {
        let parse = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            TokenLine::parse(&words).map(|line| match line {
                TokenLine::Off => "off".to_owned(),
                TokenLine::Secret(secret) => secret,
            })
        };
        assert_eq!(parse(&["off"]), Ok("off".to_owned()));
        assert_eq!(parse(&["a b"]), Ok("a b".to_owned()));
        for words in [&["a1", "b2"][..], &[""], &[]] {
            let error = parse(words).unwrap_err();
            assert!(!error.contains("a1") && !error.contains("b2"), "{error}");
        }
    }

    #[test]
    fn short_secrets_and_those_of_examples_are_warned_of() {
        let begins = |secret: &str| weakness(secret).map(|why| why.split(' ').next().unwrap().to_owned());
        assert_eq!(begins("CHANGE-ME-0123456789"), Some("is".to_owned()));
        assert_eq!(begins("0123456789abcde"), Some("has".to_owned()));
        assert_eq!(begins("0123456789abcdef"), None);
    }
}
