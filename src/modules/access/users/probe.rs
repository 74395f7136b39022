//! Warnings about files of users: whether they can be read, and by whom else, and what is wrong with their lines.

use std::collections::BTreeSet;

use crate::conf::Node;
use crate::engine::{Config, Probe, is_readable_by_all};
use crate::modules::access::action::Action;

use super::file::{UserFile, UserLine};

/// The most lines of a file that are named.
const MOST: usize = 10;

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
    let (name, path) = (&node.name, file.path.display());
    if let Err(why) = probe.account().judge_reading(&file.path) {
        return probe.warn(node, format!("{name} {path}: {why}"));
    }
    if is_readable_by_all(&file.path) {
        probe.warn(node, format!("{path} can be read by every user of this machine: chmod o-r"));
    }
    let users = match file.users() {
        Ok(users) => users,
        Err(why) => return probe.warn(node, format!("{name} {path}: {why}")),
    };
    for (line, error) in users.faults().iter().take(MOST) {
        probe.warn(node, format!("{path}:{line}: {error}"));
    }
    if users.faults().len() > MOST {
        probe.warn(node, format!("{path}: {} more lines cannot be used", users.faults().len() - MOST));
    }
    if file.adobe {
        let hashed = users.hashed().map(|(line, user, format)| format!("{user:?} (line {line}, {format})"));
        let hashed: Vec<_> = hashed.collect();
        if !hashed.is_empty() {
            let (some, more) = (hashed.iter().take(MOST), hashed.len().saturating_sub(MOST));
            let mut list = some.map(String::as_str).collect::<Vec<_>>().join(", ");
            if more > 0 {
                list = format!("{list} and {more} more");
            }
            let why = "adobe needs the password itself, {PLAIN}PASSWORD; not for it are";
            probe.warn(node, format!("{path}: {why} {list}"));
        }
    }
}
