//! rtmp_stat, as the programs read it that are made for nginx-rtmp's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod consumers;
mod documents;
mod nginx;
mod scenes;
mod stylesheets;
mod tree;

use std::net::SocketAddr;

use crate::common::http::Connection;

/// A document, which must be there.
fn get(address: SocketAddr, target: &str) -> String {
    let reply = Connection::open(address).get(target);
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    reply.text()
}
