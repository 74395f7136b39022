//! Warnings about relays that most likely do not do what is meant.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::conf::{Node, Place};
use crate::engine::{Application, Config, Probe, RelayKind, is_readable_by_all};

use super::edge::Origins;
use super::line::Line;
use super::line::services::Service;
use super::lookup::directory::Directory;
use super::settings::{leads_here, own_addresses};

/// Warns of what stands in the applications of a configuration, once for each line.
pub fn check(config: &Config<'_>, probe: &mut Probe) {
    let own = own_addresses(config);
    let mut warned = BTreeSet::new();
    for app in &config.applications {
        let mut warn = |node: &Node, message: String| {
            if warned.insert((node.file.clone(), node.line, message.clone())) {
                probe.warn(node, message);
            }
        };
        for (node, line) in lines(app) {
            check_way(app, (node, &line), leads_here(&line.url, &own), &mut warn);
            check_service(node, &line, &mut warn);
            check_secrets(node, &line, &mut warn);
            if line.url.is_secure {
                check_certificate(app, (node, &line), &mut warn);
            }
        }
        check_unused(app, &mut warn);
        check_tls(app, probe);
    }
}

/// The lines of an application.
fn lines<'t>(app: &Application<'t>) -> Vec<(&'t Node, Line)> {
    let own = |name: &'static str| app.scope.own(name);
    let mut found: Vec<_> = own("push").chain(own("pull")).map(|node| (node, node.custom())).collect();
    for node in own("edge") {
        let Origins { pulls, .. } = node.custom();
        found.extend(pulls.into_iter().map(|line| (node, line)));
    }
    found
}

/// Warns of a stream that would be pushed or pulled to the application in which it is.
fn check_way(
    app: &Application<'_>,
    (node, line): (&Node, &Line),
    is_here: bool,
    warn: &mut impl FnMut(&Node, String),
) {
    if is_here && !line.url.is_secure && line.keeps_application(&app.name) {
        let message = format!(
            "\"{}\" leads back into this application of this very server, which refuses it as a circle, also under other \
             names: relay to another application",
            node.name
        );
        warn(node, message);
    }
}

/// Warns of what the known services refuse.
fn check_service(node: &Node, line: &Line, warn: &mut impl FnMut(&Node, String)) {
    let Some(service) = Service::of_host(&line.url.host) else { return };
    if service.name == "Facebook" && !line.url.is_secure {
        warn(node, "Facebook takes RTMP over TLS only: write rtmps://".to_owned());
    }
    if line.kind == RelayKind::Push && line.takes_own_name() {
        let message = format!(
            "the push to {} has no stream key: the stream would be published under its name here; write {}/{}/KEY",
            service.name,
            line.url.place(),
            service.app
        );
        warn(node, message);
    }
}

/// Warns of keys and passwords that others can read.
fn check_secrets(node: &Node, line: &Line, warn: &mut impl FnMut(&Node, String)) {
    let has_key =
        line.kind == RelayKind::Push && Service::of_host(&line.url.host).is_some() && line.has_key();
    let has_password = line.url.login.as_ref().is_some_and(|login| !login.password.is_empty());
    let what = match (has_key, has_password) {
        (_, true) => "password",
        (true, false) => "stream key",
        (false, false) => return,
    };
    if is_readable_by_all(Path::new(&*node.file)) {
        let message = format!(
            "the {what} in the URL of \"{}\" can be read by every user of this machine: chmod o-r, or put it in a file of \
             its own that is included",
            node.name
        );
        warn(node, message);
    }
}

/// Warns of certificates that are not verified, or hardly can be.
fn check_certificate(
    app: &Application<'_>,
    (node, line): (&Node, &Line),
    warn: &mut impl FnMut(&Node, String),
) {
    if line.fingerprint.is_some() {
        return;
    }
    let place = line.url.place();
    if !app.features.client_tls.verify {
        let message = format!(
            "\"{}\": the certificate of {place} is not verified: anybody between this server and it can take the stream; \
             write fingerprint=",
            node.name
        );
        warn(node, message);
    } else if line.url.host.parse::<IpAddr>().is_ok() && app.features.client_tls.trusted.is_none() {
        let message = format!(
            "\"{}\": hardly any certificate is for an address, such as that of {place}: write its name, or fingerprint=",
            node.name
        );
        warn(node, message);
    }
}

/// Warns of directives that have no effect.
fn check_unused(app: &Application<'_>, warn: &mut impl FnMut(&Node, String)) {
    let scope = &app.scope;
    let has_edge = scope.own("edge").next().is_some();
    let is_origin = |node: &&Node| node.args == ["origin"];
    if let Some(node) = scope.own("edge_auth").next().filter(is_origin).filter(|_| !has_edge) {
        warn(node, "\"edge_auth\" has no effect: the application has no \"edge\"".to_owned());
    }
    if let Some(node) =
        scope.own("origin_lookup").next().filter(|node| node.custom::<Directory>() != Directory::Off)
        && has_edge
    {
        warn(
            node,
            "\"origin_lookup\" asks about publishes only: the \"edge\" says where to play from".to_owned(),
        );
    }
}

/// Has net read the files of TLS.
fn check_tls(app: &Application<'_>, probe: &mut Probe) {
    let secure = lines(app).into_iter().find(|(_, line)| line.url.is_secure);
    if let Some((node, _)) = secure
        && app.features.client_tls.trusted.is_some()
        && !probe.tls.iter().any(|(_, other)| *other == app.features.client_tls)
    {
        probe.tls.push((Place::of(node), Arc::clone(&app.features.client_tls)));
    }
}
