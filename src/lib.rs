//! Millstream: a small, fast live-media server.
//!
//! The modules below stand in dependency order, innermost first; each may use those above it and
//! none below. `tests/layers/` holds them to that.

pub mod conf;
pub mod media;
pub mod syslog;

pub mod http;
pub mod rtmp;

pub mod auth;

pub mod engine;

pub mod modules;
pub mod net;

#[cfg(test)]
mod test_folder;
