//! Peers that break the rules after the handshake, or leave without a word.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use super::{client, connect, https, read_to_end, rtmps, server, shake_hands};
use crate::common::media;
use crate::common::player::Client;
use crate::common::tls::certificates::Certificates;
use crate::common::tls::transport::Target;
use crate::common::wait;

/// Bytes that come in place of a record when all is well, and what the log says.
#[test]
fn a_record_that_is_too_long_or_cannot_be_decrypted_ends_the_connection() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let long = [&[23, 3, 3, 0x48, 1][..], &[1; 18_433]].concat();
    let noise = [&[23, 3, 3, 0, 100][..], &[1; 100]].concat();
    let plain = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    for (bytes, line) in [
        (long, "it sends what is no TLS (MessageTooLarge)"),
        (noise, "it sends a record that cannot be decrypted"),
        (plain, "it does not speak TLS"),
    ] {
        let before = server.count_lines(line);
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
        shake_hands(&mut client, &mut tcp);
        let _ = tcp.write_all(&bytes);
        read_to_end(&mut tcp);
        wait(line, || server.count_lines(line) > before);
    }
}

#[test]
fn renegotiation_is_refused() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let mut command = Command::new("timeout");
    command.args(["20", "openssl", "s_client", "-tls1_2", "-connect", &https(&server).to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("this test needs openssl and timeout in the PATH");
    let mut input = child.stdin.take().unwrap();
    // A line that is only this asks for another handshake.
    input.write_all(b"R\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation"), "{said}");
    drop(input);
    drop(Client::publish(server.rtmp(), "next"));
}

#[test]
fn a_publisher_and_a_player_that_leave_without_a_word_have_left() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    let target = Target::tls(rtmps(&server), &certificates);
    let mut publisher = Client::publish(&target, "cam");
    let mut player = Client::play(&target, "cam");
    let packets = media::video_only(0, 500);
    publisher.send_all(&packets);
    assert_eq!(player.receive(packets.len()), packets);
    drop(player);
    server.wait_log("stops playing live/cam");
    drop(publisher);
    server.wait_log("stops publishing live/cam");
    server.wait_lines("closed: the client has left", 1);
}

#[test]
fn a_slow_client_gets_the_last_record_of_an_answer() {
    let certificates = Certificates::make();
    let server = server(&certificates, "");
    for size in [100_000, 400_000, 3_000_000] {
        server.folder.write("file.bin", vec![7; size]);
        let (mut client, mut tcp) = (client(&certificates, "localhost"), connect(https(&server)));
        setsockopt(&tcp, RcvBuf, &8192).unwrap();
        shake_hands(&mut client, &mut tcp);
        let mut stream = rustls::Stream::new(&mut client, &mut tcp);
        stream.write_all(b"GET /file.bin HTTP/1.0\r\n\r\n").unwrap();
        // Most of it is read in time; then nothing is, for longer than the server waits for the end of a connection.
        let mut answer = vec![0; size - 60_000];
        stream.read_exact(&mut answer).unwrap();
        thread::sleep(Duration::from_secs(3));
        stream.read_to_end(&mut answer).expect("the end is announced");
        assert!(answer.len() > size, "{} of {size} bytes", answer.len());
    }
}
