//! TLS: the only code that names rustls.
//!
//! `stream.rs` is an encrypted connection, for either side; `client.rs` and `server.rs` are what the two sides need for
//! one, of files that threads read (`certificates/`); `overhead.rs` limits what has no data in it; `clients.rs` and `servers.rs` are the tables of those, which
//! belong to the loop (`stamps.rs`: whether the files have changed); `resumption.rs` is what shortens the next handshake;
//! `verifier.rs` says which certificates a client trusts; `names.rs` has OpenSSL's names; `reasons.rs` says what is wrong,
//! in words for the log.

pub mod accepting;
pub mod certificates;
pub mod client;
pub mod clients;
pub mod names;
mod overhead;
mod reasons;
mod resumption;
mod server;
pub mod servers;
mod stamps;
pub mod stream;
#[cfg(test)]
mod tests;
mod verifier;
