//! Warnings about the files of users that locations name.

use std::collections::BTreeSet;
use std::path::Path;

use crate::conf::Node;
use crate::engine::files::users;
use crate::engine::{Config, Probe};
use crate::modules::http::settings::Settings;

/// Warns of files that cannot be used as they are, and of those that nobody is asked for.
pub fn probe<'a>(config: &Config<'_>, settings: impl Iterator<Item = &'a Settings>, probe: &mut Probe) {
    let (mut used, mut unused) = (BTreeSet::new(), Vec::new());
    for (location, settings) in config.locations.iter().zip(settings) {
        let Some(node) = location.scope.find("auth_basic_user_file") else { continue };
        match &settings.login {
            Some(login) if used.insert(place(node)) => check(node, &login.file, probe),
            Some(_) => {}
            None if location.scope.find("auth_basic").is_none() => unused.push(node),
            None => {}
        }
    }
    for node in unused {
        if used.insert(place(node)) {
            probe.warn(node, "nobody is asked for a password: write auth_basic \"REALM\"; beside it");
        }
    }
}

fn check(node: &Node, file: &Path, probe: &mut Probe) {
    if users::probe(node, file, probe).is_some_and(|users| users.is_empty()) {
        probe.warn(node, format!("{} has no user, so nobody is let in", file.display()));
    }
}

fn place(node: &Node) -> (&str, u32) {
    (&node.file, node.line)
}
