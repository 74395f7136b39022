//! Hellos as they come: in any pieces, behind a PROXY header, too long, too old, for no server that is here, or none at all.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::{client, connect, fetch, https, read_to_end, records, rtmps, server, shake_hands};
use crate::common::tls::certificates::Certificates;
use crate::common::{Server, wait};

#[test]
fn a_hello_may_be_split_at_every_position() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut position = 1;
    loop {
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
        let hello = records(&mut client);
        if position >= hello.len() {
            assert!(position > 150, "hellos of {position} bytes");
            return;
        }
        tcp.write_all(&hello[..position]).unwrap();
        thread::sleep(Duration::from_millis(2));
        tcp.write_all(&hello[position..]).unwrap();
        shake_hands(&mut client, &mut tcp);
        position += 1;
    }
}

#[test]
fn a_handshake_and_a_request_may_come_a_byte_at_a_time() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
    while client.is_handshaking() {
        for byte in records(&mut client) {
            tcp.write_all(&[byte]).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
        if client.is_handshaking() {
            client.read_tls(&mut tcp).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    client.writer().write_all(b"GET /hello.txt HTTP/1.0\r\n\r\n").unwrap();
    for byte in records(&mut client) {
        tcp.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    let mut answer = String::new();
    rustls::Stream::new(&mut client, &mut tcp).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nhello\n"), "{answer}");
}

/// Whatever comes in place of a hello: what the client gets, and what the log says.
#[test]
fn what_is_no_hello_gets_an_alert_and_a_line() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let handshake = |message: &[u8]| [&[22, 3, 1, 0, message.len() as u8], message].concat();
    // TLS 1.0, one suite, nothing else.
    let old = [&[1, 0, 0, 43, 3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0, 0, 0]].concat();
    let cases: [(&str, Vec<u8>, &[u8], &str); 5] = [
        (
            "old",
            handshake(&old),
            &[70],
            "its versions of TLS are too old (TLSv1, 1 suites; alert ProtocolVersion)",
        ),
        ("another message", handshake(&[20, 0, 0, 1, 1]), &[], "no TLS: "),
        ("noise in a record", handshake(&[1, 0, 0, 4, 9, 9, 9, 9]), &[50], "no TLS: "),
        ("SSL 2", [&[0x80, 46, 1, 3, 1][..], &[3; 43]].concat(), &[50], "it does not speak TLS"),
        ("a record that is too long", [&[22, 3, 1, 0x50, 0][..], &[1; 300]].concat(), &[], "no TLS: "),
    ];
    for (name, bytes, alerts, line) in cases {
        let lines = server.count_lines("no TLS: ");
        let mut tcp = connect(https(&server));
        tcp.write_all(&bytes).unwrap();
        let answer = read_to_end(&mut tcp);
        if let [alert] = alerts {
            assert_eq!(answer.last(), Some(alert), "{name}: {answer:?}");
        }
        assert!(answer.is_empty() || answer.starts_with(&[21, 3]), "{name}: {answer:?}");
        wait(name, || server.count_lines("no TLS: ") > lines);
        assert!(!server.lines(line).is_empty(), "{name}: {}", server.log());
    }
}

#[test]
fn a_hello_longer_than_16_kib_is_refused() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut tcp = connect(rtmps(&server));
    // One message of 60 000 bytes in many records.
    let first = [&[22, 3, 1, 0x10, 0, 1, 0, 0xea, 0x60, 3, 3][..], &[5; 4090]].concat();
    let more = [&[22, 3, 1, 0x10, 0][..], &[5; 4096]].concat();
    let _ = tcp.write_all(&first);
    for _ in 0..5 {
        let _ = tcp.write_all(&more);
    }
    read_to_end(&mut tcp);
    server.wait_log("its hello is longer than 16384 bytes");
}

#[test]
fn half_a_handshake_ends_after_10_s() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut half = Vec::new();
    for (address, sent) in
        [(https(&server), 0), (https(&server), 100), (rtmps(&server), 100), (rtmps(&server), 9999)]
    {
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(address));
        let hello = records(&mut client);
        tcp.write_all(&hello[..hello.len().min(sent)]).unwrap();
        half.push(tcp);
    }
    thread::sleep(Duration::from_secs(8));
    for tcp in &mut half {
        let mut buffer = [0; 16 * 1024];
        tcp.set_nonblocking(true).unwrap();
        // One of them has been answered.
        let ended = loop {
            match tcp.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        tcp.set_nonblocking(false).unwrap();
        assert!(!ended, "it has ended too early");
    }
    for tcp in &mut half {
        assert_eq!(read_to_end(tcp), [0; 0], "nothing that is no TLS");
    }
}

#[test]
fn a_proxy_header_comes_before_tls() {
    let certificates = Certificates::make();
    let own = certificates.directives("server");
    let server = Server::start(&format!(
        "error_log stderr debug;
         http {{ server {{ listen 127.0.0.1:0 ssl proxy_protocol; {own} set_real_ip_from 127.0.0.1;
             location / {{ return 200 \"$remote_addr $scheme\"; }} }} }}"
    ));
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n";
    for position in 0..=header.len() {
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
        let hello = records(&mut client);
        tcp.write_all(&header[..position]).unwrap();
        thread::sleep(Duration::from_millis(2));
        tcp.write_all(&[&header[position..], &hello].concat()).unwrap();
        shake_hands(&mut client, &mut tcp);
        let answer = fetch(&mut client, &mut tcp, "/");
        assert!(answer.ends_with("\r\n192.0.2.7 https"), "{answer}");
    }
    let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
    tcp.write_all(&records(&mut client)).unwrap();
    assert_eq!(read_to_end(&mut tcp), [0; 0]);
    server.wait_log("does not begin with a PROXY header");
}

#[test]
fn plain_speech_at_a_port_for_tls_is_told_so() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut tcp = connect(https(&server));
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = String::from_utf8(read_to_end(&mut tcp)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("The plain HTTP request was sent to HTTPS port"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    server.wait_log("this is HTTP without TLS, and the port is for HTTPS");
    for (address, first, line) in [
        (rtmps(&server), b"\x03rtmp", "this is RTMP, and the port is for RTMPS"),
        (https(&server), b"\x03rtmp", "this is RTMP, and the port is for HTTPS"),
        (rtmps(&server), b"GET /", "this is HTTP, and the port is for RTMPS"),
        (rtmps(&server), b"\0\0\0\0\0", "this is no TLS, and the port is for RTMPS"),
    ] {
        let closed = server.count_lines("closed: no TLS at a port for it");
        let mut tcp = connect(address);
        tcp.write_all(first).unwrap();
        assert_eq!(read_to_end(&mut tcp), [0; 0], "{line}");
        wait(line, || server.count_lines("closed: no TLS at a port for it") > closed);
    }
}

#[test]
fn a_server_that_is_not_here_is_refused_by_its_name() {
    let certificates = Certificates::make();
    let own = certificates.directives("server");
    let server = Server::start(&format!(
        "error_log stderr debug;
         http {{ server {{ listen 127.0.0.1:0 ssl default_server; ssl_reject_handshake on; }}
                 server {{ listen 127.0.0.1:0 ssl; server_name localhost; {own} }} }}"
    ));
    let (mut client, mut tcp) = (client(&certificates, "nobody.example"), connect(https(&server)));
    tcp.write_all(&records(&mut client)).unwrap();
    assert_eq!(read_to_end(&mut tcp), [21, 3, 3, 0, 2, 2, 112]);
    server.wait_log("no certificate is for the server that it names (TLSv1.3 TLSv1.2, ");
}
