//! Warnings about callbacks that most likely do not do what is meant.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use crate::conf::{Node, Place, Scope};
use crate::engine::{Application, Config, Probe, Protocol, is_readable_by_all};
use crate::http::Url;

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
        let links = links(scope);
        check_format(app, &links, &mut warn);
        for (node, url) in &links {
            check_url(node, url, &mut warn);
            if !is_get(scope) && leads_here(url, config) {
                let get = if is_form(scope) { "" } else { "notify_format form\" and \"" };
                let advice = format!("this server, which takes no POST: write \"{get}notify_method get\"");
                warn(node, format!("\"{}\" leads to {advice}", node.name));
            }
        }
        if has_https(scope) {
            check_verification(scope, &mut warn);
        }
        if !links.is_empty() {
            check_secret(scope, &mut warn);
        }
    }
    check_sessions(config, &mut warn);
    let are_https = |app: &&Application<'_>| has_https(&app.scope);
    config.applications.iter().filter(are_https).for_each(|app| check_tls(&app.scope, probe));
}

/// The callbacks of an application.
fn links<'t>(scope: &Scope<'t>) -> Vec<(&'t Node, Url)> {
    let nodes = CallbackKind::ALL.into_iter().filter_map(|kind| scope.find(kind.name()));
    let links = nodes.filter_map(|node| match node.custom() {
        Link::Off => None,
        Link::To(url) => Some((node, url)),
    });
    links.collect()
}

/// Whether an application has a callback over https.
fn has_https(scope: &Scope<'_>) -> bool {
    links(scope).iter().any(|(_, url)| url.is_secure)
}

fn is_form(scope: &Scope<'_>) -> bool {
    Format::named(&scope.text("notify_format")) == Format::Form
}

/// Whether the fields of calls stand in the URL.
fn is_get(scope: &Scope<'_>) -> bool {
    is_form(scope) && scope.text("notify_method").eq_ignore_ascii_case("get")
}

/// Warns of callbacks that are not called, as the format has none for them, and of a method that does not count.
fn check_format(app: &Application<'_>, links: &[(&Node, Url)], warn: &mut impl FnMut(&Node, String)) {
    let word = app.scope.text("notify_format");
    let format = Format::named(&word);
    // For a callback of the server, the format of the application alone may be the reason.
    let is_own = app.scope.own("notify_format").next().is_some();
    for (node, _) in links {
        let is_called =
            CallbackKind::ALL.into_iter().any(|kind| kind.name() == node.name && format.has(kind));
        if !is_called {
            let name = &node.name;
            let is_outer = app.scope.own(name).next().is_none();
            let whom = if is_own && is_outer {
                format!(" for the application \"{}\"", app.name)
            } else {
                String::new()
            };
            warn(node, format!("\"{name}\" is not called{whom}: \"notify_format {word}\" has no such call"));
        }
    }
    if !links.is_empty()
        && format != Format::Form
        && app.scope.text("notify_method").eq_ignore_ascii_case("get")
        && let Some(node) = app.scope.find("notify_method")
    {
        let message =
            format!("\"notify_method get\" has no effect: \"notify_format {word}\" is sent with post");
        warn(node, message);
    }
}

/// Warns of applications whose viewers are to be asked about (`hls_sessions on`) and no backend is asked or told.
fn check_sessions(config: &Config<'_>, warn: &mut impl FnMut(&Node, String)) {
    let with_sessions = config.applications.iter().filter_map(|app| {
        let hls = app.features.hls.as_ref().filter(|hls| hls.sessions)?;
        Some((hls.sessions_node, has_viewer_call(&app.scope)))
    });
    let with_sessions: Vec<_> = with_sessions.collect();
    for (node, _) in &with_sessions {
        // A line of the server is for all of its applications: one for which it counts is enough.
        let is_of_line = |other: &&Node| (&other.file, other.line) == (&node.file, node.line);
        if !with_sessions.iter().any(|(other, has_call)| is_of_line(other) && *has_call) {
            let names = "\"on_play\", \"on_play_done\" or \"on_done\"";
            warn(node, format!("\"hls_sessions on\" asks nobody and tells nobody: write {names} beside it"));
        }
    }
}

/// Whether an application has a callback that is called for viewers.
fn has_viewer_call(scope: &Scope<'_>) -> bool {
    let format = Format::named(&scope.text("notify_format"));
    let kinds = [CallbackKind::Play, CallbackKind::PlayDone, CallbackKind::Done];
    let names = kinds.into_iter().filter(|kind| format.has(*kind)).map(CallbackKind::name);
    let links = links(scope);
    names.into_iter().any(|name| links.iter().any(|(node, _)| node.name == name))
}

/// Warns of what looks like a variable in a URL, and of a password that others can read.
fn check_url(node: &Node, url: &Url, warn: &mut impl FnMut(&Node, String)) {
    let name = &node.name;
    let written = node.args.first().map_or("", String::as_str);
    if let Some(variable) = variable(written) {
        let message =
            format!("{variable} in the URL of \"{name}\" is sent as it is: there are no variables here");
        warn(node, message);
    }
    if url.user_info.as_ref().is_some_and(|user| user.contains(':'))
        && is_readable_by_all(Path::new(&*node.file))
    {
        let message = format!(
            "the password in the URL of \"{name}\" can be read by every user of this machine: chmod o-r, or put it \
             in a file of its own that is included"
        );
        warn(node, message);
    }
}

/// The first variable in a text, such as `$app`. Braces are those of a template, which the configuration's check knows.
fn variable(text: &str) -> Option<&str> {
    let text = text.get(text.find('$')?..)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.char_indices().skip(1).find(|(_, c)| !is_name(*c)).map_or(text.len(), |(at, _)| at);
    text.get(..end).filter(|variable| variable.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic()))
}

/// Whether a URL leads to an HTTP port of this very server: one of this machine, or of an address that it listens on.
fn leads_here(url: &Url, config: &Config<'_>) -> bool {
    let addresses = config.listeners.iter().filter(|listener| listener.protocol == Protocol::Http);
    let addresses = addresses.filter(|listener| listener.is_encrypted() == url.is_secure);
    let mut addresses = addresses.filter_map(|listener| listener.address.internet());
    let host = url.host.parse::<IpAddr>().ok();
    let is_local = url.host == "localhost" || host.is_some_and(|host| host.is_loopback());
    addresses.any(|address| {
        let ip = address.ip();
        let is_reached = is_local && (ip.is_unspecified() || ip.is_loopback()) || host == Some(ip);
        address.port() == url.port && is_reached
    })
}

fn check_verification(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) {
    let Some(node) = scope.find("ssl_verify").filter(|_| !scope.flag("ssl_verify")) else { return };
    let message =
        "\"ssl_verify off\": anybody between this server and an https backend can answer in its place";
    warn(node, message.to_owned());
    if let Some(node) = scope.find(TRUSTED) {
        warn(node, format!("\"{TRUSTED}\" has no effect: \"ssl_verify off\" takes any certificate"));
    }
}

fn check_secret(scope: &Scope<'_>, warn: &mut impl FnMut(&Node, String)) {
    let Some(node) = scope.find("notify_secret") else { return };
    let SecretLine::Secret(secret) = node.custom() else { return };
    if secret.starts_with("CHANGE-ME") {
        warn(
            node,
            "the \"notify_secret\" is that of an example, which everybody knows: openssl rand -hex 16 makes one"
                .to_owned(),
        );
    } else if secret.chars().count() < SHORTEST_SECRET {
        warn(
            node,
            format!("the \"notify_secret\" has less than {SHORTEST_SECRET} characters, and can be guessed"),
        );
    }
    if is_readable_by_all(Path::new(&*node.file)) {
        let message =
            "the \"notify_secret\" in this file can be read by every user of this machine: chmod o-r";
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
