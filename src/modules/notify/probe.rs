//! Warnings about callbacks that most likely do not do what is meant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::conf::{Node, Scope};
use crate::engine::{Config, Probe, is_readable_by_all};

use super::event::CallbackKind;
use super::format::Format;
use super::settings::{CERTIFICATE, CERTIFICATE_KEY, Link, SecretLine, TRUSTED};

/// The characters of the shortest secret without a warning.
const SHORTEST_SECRET: usize = 16;

/// Warns of what stands in the applications of a configuration, once for each line.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let mut warned = BTreeSet::new();
    let mut warn = |node: &Node, message: String| {
        if warned.insert((node.file.clone(), node.line, message.clone())) {
            probe.warn(node, message);
        }
    };
    for app in &config.applications {
        let scope = &app.scope;
        let urls = check_calls(scope, &mut warn);
        if urls.is_https
            && !scope.flag("ssl_verify")
            && let Some(node) = scope.find("ssl_verify")
        {
            let message = "anybody between this server and an https backend can answer in its place";
            warn(node, message.to_owned());
        }
        if urls.is_any {
            check_secret(scope, &mut warn);
        }
    }
    let mut checked = BTreeSet::new();
    config.applications.iter().for_each(|app| check_files(&app.scope, &mut checked, probe));
}

/// What there is of callbacks in an application.
#[derive(Default)]
struct Urls {
    is_any: bool,
    is_https: bool,
}

fn check_calls(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) -> Urls {
    let (word, mut urls) = (scope.text("notify_format"), Urls::default());
    let format = Format::named(&word);
    for hook in CallbackKind::ALL {
        let Some(node) = scope.find(hook.name()) else { continue };
        let Link::To(url) = node.custom() else { continue };
        urls.is_any = true;
        urls.is_https |= url.is_secure;
        if !format.has(hook) {
            warn(node, format!("it is not called: there is no {} in notify_format {word}", hook.name()));
        }
    }
    if urls.is_any
        && format != Format::Form
        && scope.text("notify_method") == "get"
        && let Some(node) = scope.find("notify_method")
    {
        warn(node, format!("it has no effect: notify_format {word} is sent with post"));
    }
    urls
}

fn check_secret(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) {
    let Some(node) = scope.find("notify_secret") else { return };
    let SecretLine::Secret(secret) = node.custom() else { return };
    if secret.chars().count() < SHORTEST_SECRET {
        warn(node, format!("a secret of less than {SHORTEST_SECRET} characters can be guessed"));
    }
    if is_readable_by_all(Path::new(&*node.file)) {
        let message = "the secret in this file can be read by every user of this machine: chmod o-r";
        warn(node, message.to_owned());
    }
}

/// Warns of files for TLS that the server will not be able to use.
fn check_files(scope: &Scope<'_>, checked: &mut BTreeSet<String>, probe: &mut Probe) {
    for (name, what) in
        [(TRUSTED, "CERTIFICATE"), (CERTIFICATE, "CERTIFICATE"), (CERTIFICATE_KEY, "PRIVATE KEY")]
    {
        let (Some(node), path) = (scope.find(name), scope.text(name)) else { continue };
        if !checked.insert(format!("{}:{} {name}", node.file, node.line)) {
            continue;
        }
        let path = Path::new(&path);
        if let Err(why) = probe.account().judge_reading(path) {
            probe.warn(node, format!("{name} {}: {why}", path.display()));
            continue;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        let is_there = text.lines().any(|line| line.starts_with("-----BEGIN") && line.contains(what));
        if !is_there {
            probe.warn(node, format!("{name} {}: no {what} in PEM in it", path.display()));
        }
        if name == CERTIFICATE_KEY && is_readable_by_all(path) {
            let message = format!("{} can be read by every user of this machine: chmod o-r", path.display());
            probe.warn(node, message);
        }
    }
}
