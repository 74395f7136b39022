//! What a thread finds for new connections.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::{ClientTls, ServerTls};
use crate::net::tls::client::TlsClient;
use crate::net::tls::servers::Seen;

/// Who connects. Relays have their own lookups: other servers may send them to names whose lookups take long, and clients
/// wait for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A call to a backend.
    Call,
    /// A relay, or a trial of one.
    Relay,
}

/// The result of a call that may block, made by a thread.
#[derive(Debug)]
pub enum Finding {
    /// The addresses of a name, without ports, or why there are none; and who has asked.
    Addresses(Asker, String, Result<Vec<SocketAddr>, String>),
    /// What clients with these settings need for TLS, or what is wrong with its files.
    Client(Arc<ClientTls>, Result<TlsClient, String>),
    /// Whether the files of a server with these settings have changed, or why nobody has looked.
    Server(Arc<ServerTls>, Result<Seen, String>),
}
