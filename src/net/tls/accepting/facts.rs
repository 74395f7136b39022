//! What the handshake with a client has agreed on.

use rustls::{HandshakeKind, ServerConnection};

use crate::engine::TlsFacts;
use crate::net::tls::names::{name_of_curve, name_of_suite, name_of_version};
use crate::net::tls::server::TlsServer;

/// What a handshake that is complete has agreed on.
pub fn facts_of(connection: &ServerConnection, server: &TlsServer) -> TlsFacts {
    let (verification, client) = server.client(connection.peer_certificates());
    TlsFacts {
        version: connection.protocol_version().map_or("", name_of_version),
        suite: connection.negotiated_cipher_suite().map_or("", |suite| name_of_suite(suite.suite())),
        curve: connection.negotiated_key_exchange_group().map_or("", |group| name_of_curve(group.name())),
        server_name: connection.server_name().map(Into::into),
        is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        verification,
        verifier: server.verifier(),
        client,
    }
}
