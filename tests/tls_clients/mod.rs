//! Clients that nobody here wrote, over TLS: OpenSSL in every version and with every suite, curl, ffmpeg, GStreamer, stunnel
//! and haproxy. scripts/interop has those that publish and play whole streams.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod curl;
mod suites;
mod trust;
mod tunnels;

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::common::tls::certificates::Certificates;
use crate::common::{Server, stderr};

/// A server of both protocols, each with and without TLS by these directives; its folder `www` is served. Its log has all that
/// clients do, however often.
fn server(directives: &str) -> Server {
    Server::start(&format!(
        "error_log stderr debug;
         rtmp {{ server {{ listen 127.0.0.1:0; listen 127.0.0.1:0 ssl; {directives} application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; listen 127.0.0.1:0 ssl; {directives} root FOLDER/www; }} }}"
    ))
}

/// The address of HTTPS.
fn https(server: &Server) -> SocketAddr {
    server.addresses("HTTPS")[0]
}

/// The address of RTMPS.
fn rtmps(server: &Server) -> SocketAddr {
    server.addresses("RTMPS")[0]
}

/// An argument of a client that is to trust the authority of these.
fn authority(certificates: &Certificates) -> String {
    certificates.authority().display().to_string()
}

/// Runs a client to its end, which `timeout` brings about if nothing else does. Returns its exit code and all that it says.
fn ask(program: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new("timeout");
    command.args(["20", program]).args(arguments).stdin(Stdio::null());
    let output = command.output().expect("these tests need timeout in the PATH");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

/// The same where it is known that all is well; returns its standard output.
fn succeed(program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("timeout");
    let output = command.args(["20", program]).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", stderr(&output));
    output.stdout
}
