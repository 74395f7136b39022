//! Handshakes over TLS: hellos that come in any pieces, and peers that break the rules. A client that does neither goes on
//! meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod flood;
mod hellos;
mod oddities;
mod peers;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::common::tls::certificates::Certificates;
use crate::common::{SOON, Server};

/// A server of both protocols, each without TLS and with it, by these directives.
fn server(certificates: &Certificates, directives: &str) -> Server {
    let own = certificates.directives("server");
    let server = Server::start(&format!(
        "error_log stderr debug;
         rtmp {{ server {{ listen 127.0.0.1:0; listen 127.0.0.1:0 ssl; {own} application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; listen 127.0.0.1:0 ssl; {own} {directives} root FOLDER; }} }}"
    ));
    server.folder.write("hello.txt", "hello\n");
    server
}

fn https(server: &Server) -> SocketAddr {
    server.addresses("HTTPS")[0]
}

fn rtmps(server: &Server) -> SocketAddr {
    server.addresses("RTMPS")[0]
}

/// A client's side of TLS that trusts these certificates.
fn client_config(certificates: &Certificates) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates.authority()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// The same for a server of this name.
fn client(certificates: &Certificates, name: &str) -> ClientConnection {
    let config = client_config(certificates);
    ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(SOON)).unwrap();
    tcp.set_write_timeout(Some(SOON)).unwrap();
    tcp
}

/// What a client has to send now.
fn records(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Goes on with a handshake to its end.
fn shake_hands(client: &mut ClientConnection, tcp: &mut TcpStream) {
    while client.is_handshaking() {
        client.complete_io(tcp).expect("the server shakes hands");
    }
}

/// Asks for a file by HTTP over a connection whose handshake is complete.
fn fetch(client: &mut ClientConnection, tcp: &mut TcpStream, path: &str) -> String {
    try_fetch(client, tcp, path).expect("the end is announced")
}

/// The same, also if the handshake is not complete; an error if the server ends it.
fn try_fetch(client: &mut ClientConnection, tcp: &mut TcpStream, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    while client.is_handshaking() {
        client.complete_io(tcp)?;
    }
    let mut stream = rustls::Stream::new(client, tcp);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What comes up to the end of a connection, which must come soon.
fn read_to_end(tcp: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match tcp.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server does not hang up: {error}"),
    }
    bytes
}
