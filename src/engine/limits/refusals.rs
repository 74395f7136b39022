//! Counts of refusals since the start of the server, by the limit that was exceeded.
//!
//! Each is counted where it is decided: connections in `admission.rs`, downloads in the module `http`, publishers in
//! `rtmp/dismissal.rs`. The page shows them. Nothing here refuses anything.

/// Refusals by the limit that was exceeded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// Connections over a `max_connections` of all, a protocol or an RTMP server.
    pub connections: u64,
    /// Connections over a `max_connections_per_address`.
    pub per_address: u64,
    /// Connections for which no descriptor was left.
    pub descriptors: u64,
    /// RTMP clients over their application's `max_connections`.
    pub clients: u64,
    /// Downloads for which no descriptor was left.
    pub downloads: u64,
    /// Wrong keys, signatures and passwords.
    pub wrong_keys: u64,
    /// Tries that were refused unseen, as their addresses had shown too many wrong keys.
    pub slowed: u64,
    /// Requests of viewers of HLS that were answered with 403 or 503.
    pub viewers: u64,
    /// Publishers over a limit of what may be published.
    pub publishers: u64,
}
