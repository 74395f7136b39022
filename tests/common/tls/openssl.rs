//! OpenSSL's client, which says all about a connection.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Seconds after which it is ended; most connections end at once.
const PATIENCE: &str = "20";

/// Connects, sends something, and returns what OpenSSL says, with what it receives until the server closes the connection.
pub fn s_client(address: SocketAddr, arguments: &str, input: &str) -> String {
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "openssl", "s_client", "-ign_eof", "-connect", &address.to_string()]);
    command.args(arguments.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("these tests need openssl and timeout in the PATH");
    // One that has ended already says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The value of a line of that, such as `Cipher`; "" if there is none.
pub fn value<'a>(said: &'a str, name: &str) -> &'a str {
    let lines =
        said.lines().filter_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix(':'));
    lines.map(str::trim).next().unwrap_or_default()
}
