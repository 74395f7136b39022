//! What a thread finds for new connections.

use std::net::SocketAddr;

/// The result of a call that may block, made by a thread.
#[derive(Debug)]
pub enum Finding {
    /// The addresses of a name, without ports, or why there are none.
    Addresses(String, Result<Vec<SocketAddr>, String>),
}
