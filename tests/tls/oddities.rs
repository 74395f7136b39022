//! Handshakes that take another way: a second hello, data that is sent early, clients that leave while they wait, and a
//! reload meanwhile.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

use super::{
    client, client_config, connect, fetch, https, read_to_end, records, rtmps, server, shake_hands, try_fetch,
};
use crate::common::tls::certificates::Certificates;
use crate::common::{Server, free_port, wait};

/// A client's side of a connection to localhost.
fn localhost(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap()
}

#[test]
fn a_second_hello_is_answered_also_if_it_comes_a_byte_at_a_time() {
    let certificates = Certificates::make();
    // The key of the first hello is for another curve.
    let server = server(&certificates, "ssl_ecdh_curve secp384r1;");
    for is_slow in [false, true] {
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
        tcp.write_all(&records(&mut client)).unwrap();
        while !client.wants_write() {
            client.read_tls(&mut tcp).unwrap();
            client.process_new_packets().unwrap();
        }
        let second = records(&mut client);
        for piece in second.chunks(if is_slow { 1 } else { second.len() }) {
            tcp.write_all(piece).unwrap();
            thread::sleep(Duration::from_micros(300));
        }
        shake_hands(&mut client, &mut tcp);
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
        let answer = fetch(&mut client, &mut tcp, "/hello.txt");
        assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
    }
}

/// A handshake in memory with another server that takes data early, as it was here before.
fn meet_another(certificates: &Certificates, config: &Arc<ClientConfig>) {
    let chain = CertificateDer::pem_file_iter(certificates.certificate("server")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.key("server")).unwrap();
    let provider = Arc::clone(config.crypto_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_no_client_auth();
    let mut other = builder.with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
    other.max_early_data_size = 16 * 1024;
    let (mut other, mut client) = (ServerConnection::new(Arc::new(other)).unwrap(), localhost(config));
    for _ in 0..4 {
        other.read_tls(&mut &records(&mut client)[..]).unwrap();
        other.process_new_packets().unwrap();
        let mut bytes = Vec::new();
        while other.wants_write() {
            other.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets().unwrap();
    }
}

#[test]
fn data_that_a_client_sends_early_is_left_out_or_ends_the_handshake_at_once_if_it_is_much() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    for size in [1, 1000, 2000, 4000, 9000, 16_000] {
        let mut config = client_config(&certificates);
        config.enable_early_data = true;
        let config = Arc::new(config);
        meet_another(&certificates, &config);
        let (mut client, mut tcp) = (localhost(&config), connect(https(&server)));
        client.early_data().expect("the other server takes it").write_all(&vec![b'x'; size]).unwrap();
        tcp.write_all(&records(&mut client)).unwrap();
        match try_fetch(&mut client, &mut tcp, "/hello.txt") {
            Ok(answer) => assert!(answer.ends_with("\r\n\r\nhello\n"), "{size}: {answer}"),
            // rustls leaves out only so much, by the pieces in which it comes. The client is told, and may try again without.
            Err(why) => {
                assert!(size > 8000 && why.kind() != ErrorKind::WouldBlock, "{size}: {why}");
                server.wait_log("it sends a record that cannot be decrypted");
            }
        }
        assert!(!client.is_early_data_accepted());
    }
}

#[test]
fn clients_that_leave_while_their_hellos_wait_are_no_obstacle_and_no_failures() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let hello = records(&mut client(&certificates, "localhost"));
    for address in [https(&server), rtmps(&server)] {
        for _ in 0..200 {
            let mut tcp = connect(address);
            tcp.write_all(&hello).unwrap();
        }
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(address));
        shake_hands(&mut client, &mut tcp);
    }
    wait("all have left", || server.count_lines("closed: ") >= 400);
    assert_eq!(server.count_lines("no TLS: "), 0, "{}", server.log());
}

#[test]
fn a_client_that_leaves_in_its_handshake_may_not_accept_the_certificate() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let hello = records(&mut client(&certificates, "localhost"));
    let mut tcp = connect(rtmps(&server));
    tcp.write_all(&hello).unwrap();
    assert!(tcp.read(&mut [0; 4096]).unwrap() > 0);
    drop(tcp);
    server.wait_log("left in the handshake without a word: it may not accept the certificate (");
    server.wait_log(", for localhost)");
    assert_eq!(server.count_lines("no TLS: "), 0, "{}", server.log());
}

#[test]
fn a_client_that_leaves_right_after_its_handshake_may_not_accept_the_certificate() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    for address in [https(&server), rtmps(&server)] {
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(address));
        shake_hands(&mut client, &mut tcp);
        // So that it is not reset.
        thread::sleep(Duration::from_millis(50));
    }
    let line = "left after the handshake without a word: it may not accept the certificate of localhost";
    server.wait_log(line);
    let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
    shake_hands(&mut client, &mut tcp);
    fetch(&mut client, &mut tcp, "/hello.txt");
    assert!(server.count_lines(line) <= 2, "{}", server.log());
}

#[test]
fn a_request_without_tls_of_any_size_is_answered_also_if_its_client_sends_nothing_more() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    for (size, is_half_closed) in [(10, false), (10, true), (30_000, false), (30_000, true)] {
        let mut tcp = connect(https(&server));
        let body = "x".repeat(size);
        let request = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n{body}");
        tcp.write_all(request.as_bytes()).unwrap();
        if is_half_closed {
            tcp.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let answer = String::from_utf8(read_to_end(&mut tcp)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{size} {is_half_closed}: {answer}");
    }
}

#[test]
fn a_reload_may_add_and_remove_tls_while_connections_are_open() {
    let certificates = Certificates::make();
    let (port, own) = (free_port(), certificates.directives("server"));
    let configuration = |ssl: &str| {
        format!(
            "error_log stderr debug;
             http {{ server {{ listen 127.0.0.1:{port}{ssl}; {own} location / {{ return 200 \"$scheme\"; }} }} }}"
        )
    };
    let plain = |address| {
        let mut tcp = connect(address);
        tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8(read_to_end(&mut tcp)).unwrap()
    };
    let server = Server::start(&configuration(""));
    let address = ([127, 0, 0, 1], port).into();
    let mut early = connect(address);
    early.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    assert!(plain(address).ends_with("\r\n\r\nhttp"));
    server.reload(&configuration(" ssl"), 1);
    early.write_all(b"Connection: close\r\n\r\n").unwrap();
    let answer = String::from_utf8(read_to_end(&mut early)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert!(plain(address).starts_with("HTTP/1.1 400 "));
    let (mut kept, mut tcp) = (client(&certificates, "localhost"), connect(address));
    shake_hands(&mut kept, &mut tcp);
    let (mut half, mut half_tcp) = (client(&certificates, "localhost"), connect(address));
    let hello = records(&mut half);
    half_tcp.write_all(&hello[..100]).unwrap();
    thread::sleep(Duration::from_millis(50));
    server.reload(&configuration(""), 2);
    let answer = fetch(&mut kept, &mut tcp, "/");
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    // Its address has no certificate any more: it is refused, or served as it began.
    let _ = half_tcp.write_all(&hello[100..]);
    let mut first = [0; 1];
    assert!(half_tcp.read(&mut first).unwrap_or_default() == 0 || [21, 22].contains(&first[0]));
    assert!(plain(address).ends_with("\r\n\r\nhttp"));
}
