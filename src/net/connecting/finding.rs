//! What a thread finds for new connections.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::ClientTls;
use crate::net::tls::client::TlsClient;

/// The result of a call that may block, made by a thread.
#[derive(Debug)]
pub enum Finding {
    /// The addresses of a name, without ports, or why there are none.
    Addresses(String, Result<Vec<SocketAddr>, String>),
    /// What clients with these settings need for TLS, or what is wrong with its files.
    Client(Arc<ClientTls>, Result<TlsClient, String>),
}
