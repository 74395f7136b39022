//! What `-t` says about TLS without opening a file: directives without effect, and what differs from nginx.

use crate::conf::{FindingKind, Node, Scope};
use crate::engine::config::Config;
use crate::engine::config::listen::Listen;
use crate::engine::config::listener::{Listener, Protocol};
use crate::engine::config::probe::Probe;
use crate::engine::config::tls::MAX_TIMEOUT;
use crate::engine::config::tls::ciphers::Ciphers;
use crate::engine::config::tls::curves::Curves;
use crate::engine::config::tls::values::{ConfCommand, Versions};
use crate::engine::http::locations::LocationKind;

/// Checks all servers.
pub(in crate::engine) fn check(config: &Config<'_>, probe: &mut Probe) {
    let web = config.locations.iter().filter(|location| location.kind == LocationKind::Server);
    let web = web.filter(|location| !location.is_control).map(|location| (&location.scope, Protocol::Http));
    for (scope, protocol) in web.chain(config.rtmp_servers.iter().map(|scope| (scope, Protocol::Rtmp))) {
        let all = protocol == Protocol::Http && scope.flag("ssl");
        if let Some(node) = scope.find("ssl").filter(|_| all) {
            let message =
                "\"ssl on\" is the old spelling: write ssl into the listen lines, such as \"listen 443 ssl\"";
            probe.tell(node, FindingKind::Ignored, message);
        }
        let is_encrypted = all || scope.own("listen").any(|node| is_encrypted_by(node, protocol, config));
        if is_encrypted {
            check_versions(scope, probe);
            check_lists(scope, probe);
            check_pairs(scope, probe);
            check_timeout(scope, probe);
        } else if let Some(node) = scope.own("ssl_certificate").next() {
            probe.warn(node, "it has no effect, as no \"listen\" of this server has \"ssl\"");
        }
        check_clients((scope, protocol, all), config, probe);
        // Servers of RTMP share no address.
        if !all && protocol == Protocol::Http {
            check_addresses(config, scope, probe);
        }
        check_http2(scope, probe);
    }
}

fn check_versions(scope: &Scope<'_>, probe: &mut Probe) {
    if let Some(node) = scope.find("ssl_protocols") {
        let old = node.custom::<Versions>().old;
        if !old.is_empty() {
            let message =
                format!("{} is not spoken, whatever is written: TLS 1.2 and 1.3 are", old.join(" "));
            probe.tell(node, FindingKind::Ignored, message);
        }
    }
    if let Some(node) = scope.find("ssl_early_data").filter(|_| scope.flag("ssl_early_data")) {
        probe.warn(node, "early data are never taken, since others could repeat them: it stays off");
    }
    for node in scope.all("ssl_conf_command") {
        if node.custom::<ConfCommand>() == ConfCommand::Other {
            let name = node.args.first().map_or("", String::as_str);
            let message = format!("\"ssl_conf_command {name}\" is accepted and means nothing here");
            probe.tell(node, FindingKind::Ignored, message);
        }
    }
}

fn check_lists(scope: &Scope<'_>, probe: &mut Probe) {
    if let Some(node) = scope.find("ssl_ciphers") {
        let ciphers: Ciphers = node.custom();
        tell_of_missing(node, "suite", (&ciphers.missing, &ciphers.suites), probe);
    }
    if let Some(node) = scope.find("ssl_ecdh_curve") {
        let curves: Curves = node.custom();
        tell_of_missing(node, "curve", (&curves.missing, &curves.names), probe);
    }
}

/// Names what a list has that is not there, and what is left of it.
fn tell_of_missing(node: &Node, what: &str, (missing, left): (&[String], &[&str]), probe: &mut Probe) {
    if missing.is_empty() {
        return;
    }
    let shown: Vec<_> = missing.iter().take(MAX_SHOWN).map(|name| name.escape_debug().to_string()).collect();
    let more = match missing.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!("there is no {what} {}{more}; left are {}", shown.join(", "), left.join(", "));
    probe.tell(node, FindingKind::Ignored, message);
}

fn check_timeout(scope: &Scope<'_>, probe: &mut Probe) {
    let time = scope.time("ssl_session_timeout");
    if let Some(node) = scope.find("ssl_session_timeout").filter(|_| time > MAX_TIMEOUT) {
        probe.tell(
            node,
            FindingKind::Ignored,
            "it counts as 6h: the keys of tickets are changed after that time",
        );
    }
}

/// Warns where clients are not asked for the certificates that a server wants: at addresses without TLS, and where another
/// server's certificate is shown.
fn check_clients(
    (scope, protocol, all): (&Scope<'_>, Protocol, bool),
    config: &Config<'_>,
    probe: &mut Probe,
) {
    let mode = scope.text("ssl_verify_client");
    let Some(node) = scope.find("ssl_verify_client").filter(|_| mode != "off") else { return };
    let mut listens = scope.own("listen");
    let plain = listens.find(|listen| !all && !is_encrypted_by(listen, protocol, config));
    if let Some(plain) = plain {
        let address = plain.args.first().map_or("", String::as_str);
        let message = format!("nobody is asked for a certificate at \"listen {address}\", which has no ssl");
        probe.warn(node, message);
    }
    let has_own = scope.find("ssl_certificate").is_some() || scope.flag("ssl_reject_handshake");
    if plain.is_none() && !has_own && protocol == Protocol::Http {
        let message = "this server has no ssl_certificate, so its handshakes are those of the default server of its \
                       address: if that one does not ask clients for the same certificates, none of them gets in here";
        probe.warn(node, message);
    }
}

fn check_pairs(scope: &Scope<'_>, probe: &mut Probe) {
    let (certificates, keys) = (scope.all("ssl_certificate"), scope.all("ssl_certificate_key"));
    if let Some(node) = keys.get(certificates.len()).filter(|_| !certificates.is_empty()) {
        probe
            .warn(node, "this key belongs to no certificate: the first key is that of the first certificate");
    }
}

/// Warns of a `listen` without `ssl` whose address is encrypted, as that of another server says so.
fn check_addresses(config: &Config<'_>, scope: &Scope<'_>, probe: &mut Probe) {
    for node in scope.own("listen") {
        if node.custom::<Listen>().is_encrypted {
            continue;
        }
        if is_at_encrypted(node, Protocol::Http, config) {
            let address = node.args.first().map_or("", String::as_str);
            let message = format!(
                "connections to {address} are encrypted, as another server says so: write ssl here, too"
            );
            probe.warn(node, message);
        }
    }
}

/// Whether the connections to an address of a `listen` are encrypted.
fn is_encrypted_by(node: &Node, protocol: Protocol, config: &Config<'_>) -> bool {
    node.custom::<Listen>().is_encrypted || is_at_encrypted(node, protocol, config)
}

/// Whether a `listen` shares an address with others whose connections are encrypted.
fn is_at_encrypted(node: &Node, protocol: Protocol, config: &Config<'_>) -> bool {
    // A port that is left out is the usual one of HTTP: servers of RTMP share no address.
    let mut addresses = node.custom::<Listen>().resolve(80).unwrap_or_default();
    // Each gets another one.
    addresses.retain(|address| address.port() != Some(0));
    let is_it = |listener: &Listener| {
        let is_own = addresses.iter().any(|address| listener.accepts(address));
        // One that a wildcard covers is a part of its listener.
        let mut served = addresses.iter().map(|address| listener.served_at(address));
        listener.protocol == protocol && is_own && served.any(|served| served.is_encrypted)
    };
    config.listeners.iter().any(is_it)
}

fn check_http2(scope: &Scope<'_>, probe: &mut Probe) {
    let spoken = "HTTP/1.1 is spoken, which clients of HTTP/2 speak as well";
    for node in scope.own("listen").filter(|node| node.args.iter().any(|arg| arg == "http2")) {
        probe.tell(node, FindingKind::Ignored, format!("\"http2\" is accepted, and {spoken}"));
    }
}

/// The most names in one message.
const MAX_SHOWN: usize = 8;
