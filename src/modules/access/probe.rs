//! Warnings about access that most likely is not what is meant: keys that others can read, rules that never decide.

use std::collections::BTreeSet;
use std::path::Path;

use crate::conf::Node;
use crate::engine::{Config, Probe, is_readable_by_all};

use super::action::Action;
use super::rules;

/// Warns of what stands in the applications of a configuration.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let secrets = Action::BOTH.map(|action| [action.key_directive(), action.secret_directive()]).concat();
    let (mut files, mut warned) = (BTreeSet::new(), BTreeSet::new());
    for app in &config.applications {
        for node in app.scope.by_level(&secrets).into_iter().flatten() {
            let is_secret = node.args.first().is_some_and(|word| word != "off");
            if is_secret && warned.insert((&node.file, node.line, &node.name, &node.args)) {
                weak_secret(node, probe);
            }
            if is_secret && files.insert(&node.file) && is_readable_by_all(Path::new(&*node.file)) {
                let message = "the keys in this file can be read by every user of this machine: chmod o-r, or put \
                               them in a file of their own that is included";
                probe.warn(node, message);
            }
        }
        for (node, before) in rules::unreachable(&app.scope) {
            if warned.insert((&node.file, node.line, &node.name, &node.args)) {
                let message =
                    format!("it never decides: \"{}\" in line {} stands before it", before.name, before.line);
                probe.warn(node, message);
            }
        }
    }
}

/// Warns of a key or secret that others may find.
fn weak_secret(node: &Node, probe: &mut Probe) {
    let length = node.args.first().map_or(0, |secret| secret.chars().count());
    if length < SHORTEST {
        let order = if node.name.ends_with("_key") { ", and the key comes before the name" } else { "" };
        probe.warn(node, format!("{length} characters can be guessed: take {SHORTEST} or more{order}"));
    } else if node.args.iter().any(|secret| secret.starts_with("CHANGE-ME")) {
        probe.warn(
            node,
            "this is the key of an example, which everybody knows: openssl rand -hex 16 makes one",
        );
    }
}

/// The characters of the shortest key without a warning.
const SHORTEST: usize = 8;
