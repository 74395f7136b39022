//! Warnings about callbacks that most likely do not do what is meant.

use std::collections::BTreeSet;
use std::path::Path;

use crate::conf::{Node, Place, Scope};
use crate::engine::{Application, Config, Probe, is_readable_by_all};

use super::event::CallbackKind;
use super::format::Format;
use super::settings::{CERTIFICATE, CERTIFICATE_KEY, Link, SecretLine, TRUSTED, tls_settings};

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
        let has_calls = check_calls(scope, &mut warn);
        if has_https(scope)
            && !scope.flag("ssl_verify")
            && let Some(node) = scope.find("ssl_verify")
        {
            let message = "anybody between this server and an https backend can answer in its place";
            warn(node, message.to_owned());
        }
        if has_calls {
            check_secret(scope, &mut warn);
        }
    }
    let are_https = |app: &&Application<'_>| has_https(&app.scope);
    config.applications.iter().filter(are_https).for_each(|app| check_tls(&app.scope, probe));
}

/// Whether an application has a callback over https.
fn has_https(scope: &Scope<'_>) -> bool {
    let links = CallbackKind::ALL.into_iter().filter_map(|kind| scope.find(kind.name()).map(Node::custom));
    links.into_iter().any(|link| matches!(link, Link::To(url) if url.is_secure))
}

/// Warns of callbacks that are not called as they are written. Returns whether there are any.
fn check_calls(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) -> bool {
    let (word, mut has_calls) = (scope.text("notify_format"), false);
    let format = Format::named(&word);
    for kind in CallbackKind::ALL {
        let Some(node) = scope.find(kind.name()) else { continue };
        if matches!(node.custom(), Link::Off) {
            continue;
        }
        has_calls = true;
        if !format.has(kind) {
            warn(node, format!("it is not called: there is no {} in notify_format {word}", kind.name()));
        }
    }
    if has_calls
        && format != Format::Form
        && scope.text("notify_method").eq_ignore_ascii_case("get")
        && let Some(node) = scope.find("notify_method")
    {
        warn(node, format!("it has no effect: notify_format {word} is sent with post"));
    }
    has_calls
}

fn check_secret(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) {
    let Some(node) = scope.find("notify_secret") else { return };
    let SecretLine::Secret(secret) = node.custom() else { return };
    if secret.starts_with("CHANGE-ME") {
        warn(
            node,
            "this is the secret of an example, which everybody knows: openssl rand -hex 16 makes one"
                .to_owned(),
        );
    } else if secret.chars().count() < SHORTEST_SECRET {
        warn(node, format!("a secret of less than {SHORTEST_SECRET} characters can be guessed"));
    }
    if is_readable_by_all(Path::new(&*node.file)) {
        let message = "the secret in this file can be read by every user of this machine: chmod o-r";
        warn(node, message.to_owned());
    }
}

/// Warns of files for TLS that the account which serves cannot read, and of a key that others can. What is in the files
/// is checked by net.
fn check_tls(scope: &Scope<'_>, probe: &mut Probe) {
    let nodes = [TRUSTED, CERTIFICATE, CERTIFICATE_KEY].into_iter().filter_map(|name| scope.find(name));
    let mut can_be_read = true;
    for node in nodes.clone() {
        let path = Path::new(node.args.first().map_or("", String::as_str));
        if let Err(why) = probe.account().judge_reading(path) {
            probe.warn(node, format!("{} {}: {why}", node.name, path.display()));
            can_be_read = false;
        } else if node.name == CERTIFICATE_KEY && is_readable_by_all(path) {
            let message = format!("{} can be read by every user of this machine: chmod o-r", path.display());
            probe.warn(node, message);
        }
    }
    if let (true, Ok(settings)) = (can_be_read, tls_settings(scope)) {
        let place = nodes.map(Place::of).next().unwrap_or_else(|| Place::of(scope.node()));
        if !probe.tls.iter().any(|(_, other)| *other == settings) {
            probe.tls.push((place, settings));
        }
    }
}
