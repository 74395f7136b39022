//! What a thread finds for new connections.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::{ClientTls, ServerTls};
use crate::net::tls::client::TlsClient;
use crate::net::tls::servers::Seen;

/// The result of a call that may block, made by a thread.
#[derive(Debug)]
pub enum Finding {
    /// The addresses of a name, without ports, or why there are none.
    Addresses(String, Result<Vec<SocketAddr>, String>),
    /// What clients with these settings need for TLS, or what is wrong with its files.
    Client(Arc<ClientTls>, Result<TlsClient, String>),
    /// Whether the files of a server with these settings have changed, or why nobody has looked.
    Server(Arc<ServerTls>, Result<Seen, String>),
}
