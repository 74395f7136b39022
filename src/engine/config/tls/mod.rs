//! TLS of servers: what the configuration says about encrypted connections, per server.
//!
//! The values are plain, so that net can keep what it has loaded by them; the names of suites and curves are
//! OpenSSL's. No file is opened here. Which server a connection belongs to is decided in `engine/tls`.

mod ciphers;
mod curves;
pub(in crate::engine) mod directives;
pub(in crate::engine) mod probe;
pub(in crate::engine) mod settings;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::conf::{Error, Node, Place, Scope};
use crate::engine::config::listen::Listen;
use crate::engine::config::listener::Protocol;
use crate::engine::config::tls::ciphers::Ciphers;
use crate::engine::config::tls::curves::Curves;
use crate::engine::config::tls::settings::{ClientVerification, ServerTls, VerificationMode};
use crate::engine::config::tls::values::{ConfCommand, Versions};

/// The settings of TLS of a server, and where they stand.
#[derive(Debug, Clone)]
pub(in crate::engine) struct PlacedTls {
    pub place: Place,
    pub settings: Arc<ServerTls>,
}

impl PlacedTls {
    /// Reads the settings of a server; none without a certificate. As in nginx, a level with certificates of its own has
    /// none of the outer ones.
    pub fn read(scope: &Scope<'_>, protocol: Protocol) -> Result<Option<Self>, Error> {
        let certificates = pairs(scope)?;
        let rejects = scope.flag("ssl_reject_handshake");
        if certificates.is_empty() && !rejects {
            return check_alone(scope, protocol).map(|()| None);
        }
        let ciphers: Ciphers = scope.custom("ssl_ciphers");
        let versions = scope.custom::<Versions>("ssl_protocols").spoken;
        let settings = ServerTls {
            protocol,
            certificates,
            versions,
            suites: suites(scope, &ciphers),
            prefers_own: scope.flag("ssl_prefer_server_ciphers"),
            curves: scope.custom::<Curves>("ssl_ecdh_curve").names,
            cache: scope.custom("ssl_session_cache"),
            timeout: scope.time("ssl_session_timeout").min(MAX_TIMEOUT),
            tickets: match (protocol, scope.find("ssl_session_tickets")) {
                // OBS with Mbed TLS 3.6.0 ends a connection at which a ticket of TLS 1.3 comes.
                (Protocol::Rtmp, None) => false,
                _ => scope.flag("ssl_session_tickets"),
            },
            clients: read_clients(scope, protocol)?,
            rejects,
        };
        let place = scope.find(CERTIFICATE).map_or_else(|| scope.place("ssl_reject_handshake"), Place::of);
        Ok(Some(Self { place, settings: Arc::new(settings) }))
    }

    /// The same for a server of RTMP, which has its addresses alone.
    pub fn of_rtmp(scope: &Scope<'_>) -> Result<Option<Self>, Error> {
        let tls = Self::read(scope, Protocol::Rtmp)?;
        let encrypted = scope.own("listen").find(|node| node.custom::<Listen>().is_encrypted);
        match (&tls, encrypted) {
            (None, Some(node)) => Err(Self::lack(scope, node)),
            _ => Ok(tls),
        }
    }

    /// The error of a server whose connections are encrypted, and that has no certificate.
    pub fn lack(scope: &Scope<'_>, node: &Node) -> Error {
        let why = format!(
            "no \"{CERTIFICATE}\" for \"listen ... ssl\": name its file, and that of its key with {KEY}"
        );
        Error::at(node, why).for_lack_of(CERTIFICATE, scope)
    }
}

/// The certificates of a server with their keys: the first key belongs to the first certificate, and so on.
fn pairs(scope: &Scope<'_>) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let (certificates, keys) = (scope.all(CERTIFICATE), scope.all(KEY));
    if let Some(alone) = certificates.get(keys.len()) {
        let file = alone.args.first().map_or("", String::as_str);
        let why = match (keys.len(), certificates.len()) {
            (0, _) => format!("no \"{KEY}\" for the certificate \"{file}\""),
            (keys, count) => format!(
                "no \"{KEY}\" for the certificate \"{file}\": here are {count} certificates and {keys} of their keys"
            ),
        };
        return Err(Error::at(alone, why).for_lack_of(KEY, scope));
    }
    let pairs = certificates.into_iter().zip(keys);
    Ok(pairs.map(|(certificate, key)| (certificate.custom(), key.custom())).collect())
}

/// Checks that a server with encrypted addresses of its own has a certificate if it asks for those of clients. One that
/// shares the encrypted address of another is asked for by that one's handshakes.
fn check_alone(scope: &Scope<'_>, protocol: Protocol) -> Result<(), Error> {
    let asks = scope.find(VERIFY).filter(|_| scope.text(VERIFY) != "off");
    let is_encrypted = protocol == Protocol::Http && scope.flag("ssl")
        || scope.own("listen").any(|node| node.custom::<Listen>().is_encrypted);
    match asks.filter(|_| is_encrypted) {
        None => Ok(()),
        Some(node) => {
            let why = format!("\"{VERIFY}\" needs \"{CERTIFICATE}\" in the same server, or around it");
            Err(Error::at(node, why).for_lack_of(CERTIFICATE, scope))
        }
    }
}

/// All names of suites and of curves that settings may have, for a test of net.
#[cfg(test)]
pub fn all_names() -> (Vec<&'static str>, Vec<&'static str>) {
    (ciphers::all_names(), curves::all_names())
}

/// The suites of both versions; none if there are all in the usual order.
fn suites(scope: &Scope<'_>, ciphers: &Ciphers) -> Vec<&'static str> {
    let commands = scope.all("ssl_conf_command").into_iter().rev().map(Node::custom::<ConfCommand>);
    let newest = commands.filter_map(|command| match command {
        ConfCommand::Suites(suites) => Some(suites),
        ConfCommand::Other => None,
    });
    match newest.into_iter().next() {
        None if ciphers.is_usual() => Vec::new(),
        newest => {
            let newest = newest.unwrap_or_else(|| ciphers::TLS13.to_vec());
            newest.into_iter().chain(ciphers.suites.iter().copied()).collect()
        }
    }
}

/// How a server verifies the certificates of clients, whether it has one of its own or not.
pub(in crate::engine) fn read_clients(
    scope: &Scope<'_>,
    protocol: Protocol,
) -> Result<ClientVerification, Error> {
    let mode = match scope.text(VERIFY).as_str() {
        "on" => VerificationMode::On,
        "optional" => VerificationMode::Optional,
        "optional_no_ca" => VerificationMode::OptionalNoCa,
        _ => VerificationMode::Off,
    };
    if mode == VerificationMode::Off {
        return Ok(ClientVerification::default());
    }
    // nginx verifies clients by it as well. In RTMP it is for backends.
    let others = scope.all_of(&["ssl_trusted_certificate"]).first().copied();
    if let Some(node) = others.filter(|_| protocol == Protocol::Http) {
        let why = format!(
            "clients are verified by \"{AUTHORITIES}\" alone: put the certificates of this file into that one, too, and \
             leave this out"
        );
        return Err(Error::at(node, why));
    }
    let authorities = scope.find(AUTHORITIES).map(Node::custom);
    if authorities.is_none() && matches!(mode, VerificationMode::On | VerificationMode::Optional) {
        let why = format!(
            "\"{VERIFY}\" needs \"{AUTHORITIES}\": the file of the certificates that may have signed those of clients"
        );
        return Err(Error::in_place(scope.place(VERIFY), why).for_lack_of(AUTHORITIES, scope));
    }
    let depth = u8::try_from(scope.number("ssl_verify_depth")).unwrap_or(u8::MAX);
    Ok(ClientVerification { mode, authorities, depth })
}

/// The longest time for which a client may refer to an earlier handshake: keys of tickets are changed after it.
pub(in crate::engine) const MAX_TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);

const CERTIFICATE: &str = "ssl_certificate";
const KEY: &str = "ssl_certificate_key";
const AUTHORITIES: &str = "ssl_client_certificate";
const VERIFY: &str = "ssl_verify_client";
