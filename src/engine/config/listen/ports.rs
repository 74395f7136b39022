//! The ports by which the clients of an RTMP server reach it, for the addresses that a page shows.

use crate::conf::{Node, Scope};
use crate::engine::config::listen::Listen;

/// The port of RTMP where `listen` names none.
pub(in crate::engine) const RTMP_PORT: u16 = 1935;

/// The ports of an RTMP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtmpPorts {
    /// The first one.
    pub first: u16,
    /// The first one without TLS.
    pub plain: Option<u16>,
    /// Whether all addresses without TLS are of loopback, which only programs of this machine reach.
    pub is_plain_local: bool,
    /// The first one with TLS.
    pub encrypted: Option<u16>,
}

impl RtmpPorts {
    /// Reads the ports of a server.
    pub(in crate::engine) fn read(scope: &Scope<'_>) -> Self {
        let listens: Vec<Listen> = scope.own("listen").map(Node::custom).collect();
        if listens.is_empty() {
            let plain = Some(RTMP_PORT);
            return Self { first: RTMP_PORT, plain, is_plain_local: false, encrypted: None };
        }
        let (encrypted, plain): (Vec<&Listen>, Vec<_>) =
            listens.iter().partition(|listen| listen.is_encrypted);
        let first = |listens: &[&Listen]| listens.iter().find_map(|listen| listen.port(RTMP_PORT));
        Self {
            first: listens.iter().find_map(|listen| listen.port(RTMP_PORT)).unwrap_or(RTMP_PORT),
            plain: first(&plain),
            is_plain_local: first(&plain).is_some() && plain.iter().all(|listen| listen.is_local()),
            encrypted: first(&encrypted),
        }
    }
}
