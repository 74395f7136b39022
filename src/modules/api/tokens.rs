//! `api_token`: the tokens of a location that has the API, read and judged.

use std::collections::BTreeSet;
use std::path::Path;

use crate::auth::secret::Hasher;
use crate::auth::tokens::{TokenLine, Tokens};
use crate::conf::{Error, Faults, Node, Scope};
use crate::engine::{Config, Probe, is_readable_by_all};

/// Reads those of the nearest block that has any.
pub fn read(scope: &Scope<'_>, hasher: &Hasher, faults: &mut Faults) -> Tokens {
    let mut tokens = Tokens::new(hasher);
    for node in scope.all("api_token") {
        if !tokens.add(Node::custom(node)) {
            faults.push(Error::at(node, "\"api_token\": the same secret stands in this block twice"));
        }
    }
    tokens
}

/// Warns of tokens that others may find.
pub fn probe(config: &Config<'_>, probe: &mut Probe) {
    let (mut files, mut warned) = (BTreeSet::new(), BTreeSet::new());
    for node in config.locations.iter().flat_map(|location| location.scope.all("api_token")) {
        if !warned.insert((&node.file, node.line)) {
            continue;
        }
        let line: TokenLine = node.custom();
        if line.secret().len() < SHORTEST {
            probe.warn(
                node,
                format!(
                    "{} characters can be guessed: openssl rand -hex 16 makes a token",
                    line.secret().len()
                ),
            );
        } else if line.secret().starts_with("CHANGE-ME") {
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
