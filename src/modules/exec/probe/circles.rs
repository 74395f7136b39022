//! Warnings about commands that start themselves: they publish to an application for which they run.

use std::net::{IpAddr, Ipv6Addr};

use crate::conf::Node;
use crate::engine::{Config, Probe};

use crate::modules::exec::line::Kind;
use crate::modules::exec::settings::{read, written};

/// What URLs of streams begin with.
const SCHEMES: &[&str] = &["rtmp://", "rtmps://"];

/// Warns of commands that start themselves.
pub fn check_circles(config: &Config<'_>, probe: &mut Probe) {
    let mut told: Vec<&Node> = Vec::new();
    for app in &config.applications {
        for (node, options) in written(&app.scope) {
            let Ok(line) = read(&app.scope, node, options) else { continue };
            let is_known = told.iter().any(|other| std::ptr::eq(*other, node));
            let begins =
                matches!(line.kind, Kind::Push | Kind::Publish | Kind::PublishDone) && line.is_for_all();
            if begins && !is_known && publishes_to(&node.args, &app.name) {
                told.push(node);
                let message = format!(
                    "the command publishes to the application \"{}\", for which it runs: each of its streams starts it again",
                    app.name
                );
                probe.warn(node, message);
            }
        }
    }
}

/// Whether a command publishes to an application of this machine. Words of a shell's code are looked at, too.
fn publishes_to(words: &[String], app: &str) -> bool {
    let is_between = |c: char| c.is_whitespace() || "'\"|;&()<>".contains(c);
    let words: Vec<_> =
        words.iter().flat_map(|word| word.split(is_between)).filter(|word| !word.is_empty()).collect();
    let behind = words.iter().skip(1).zip(&words).filter(|(_, before)| **before != "-i");
    let mut places = behind.filter_map(|(word, _)| {
        let (begin, scheme) = SCHEMES.iter().find_map(|scheme| Some((word.find(scheme)?, *scheme)))?;
        word.get(begin + scheme.len()..)?.split_once('/')
    });
    places.any(|(host, path)| {
        let first = path.split(['/', '?']).next().unwrap_or_default();
        is_here(host) && ["$app", "${app}", "$MILLSTREAM_APP", "${MILLSTREAM_APP}", app].contains(&first)
    })
}

/// Whether a host, perhaps with a port, is this machine.
fn is_here(host: &str) -> bool {
    let address = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match address.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_unspecified(),
        Ok(IpAddr::V6(address)) => address == Ipv6Addr::LOCALHOST || address == Ipv6Addr::UNSPECIFIED,
        Err(_) => address == "localhost",
    }
}
