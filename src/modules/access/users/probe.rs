//! Warnings about files of users, and about passwords in them that are not kept as Adobe's authentication needs them.

use std::collections::BTreeSet;

use crate::conf::Node;
use crate::engine::files::users::{self, MOST_NAMED};
use crate::engine::{Config, Probe};
use crate::modules::access::action::Action;

use super::file::{UserFile, UserLine};

/// Warns of the files of a configuration.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let mut warned = BTreeSet::new();
    for app in &config.applications {
        for action in Action::BOTH {
            let Some(node) = app.scope.find(action.user_directive()) else { continue };
            if let UserLine::File(file) = node.custom()
                && warned.insert((&node.file, node.line, &node.name))
            {
                check_file(node, &file, probe);
            }
        }
    }
}

fn check_file(node: &Node, file: &UserFile, probe: &mut Probe) {
    let Some(users) = users::probe(node, &file.path, probe).filter(|_| file.adobe) else { return };
    let hashed = users.hashed().map(|(line, user, format)| format!("{user:?} (line {line}, {format})"));
    let hashed: Vec<_> = hashed.collect();
    if hashed.is_empty() {
        return;
    }
    let (some, more) = (hashed.iter().take(MOST_NAMED), hashed.len().saturating_sub(MOST_NAMED));
    let mut list = some.map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 {
        list = format!("{list} and {more} more");
    }
    let why = "adobe needs the password itself, {PLAIN}PASSWORD; not for it are";
    probe.warn(node, format!("{}: {why} {list}", file.path.display()));
}
