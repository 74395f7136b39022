//! What stands between clients and the server: stunnel, for encoders without TLS, and haproxy, which passes on what is
//! encrypted.

use std::net::TcpStream;
use std::path::Path;
use std::process::Child;

use super::*;
use crate::common::media::{video_frame, video_header};
use crate::common::player::Client;
use crate::common::{Folder, free_port, wait};

/// A program that runs for a test.
struct Tunnel(Child);

impl Tunnel {
    /// Starts it, and waits until somebody listens at the address.
    fn start(program: &str, arguments: &[&str], address: SocketAddr) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // These tests need stunnel and haproxy (scripts/install-peers).
        let tunnel = Self(command.spawn().unwrap());
        wait("a tunnel", || TcpStream::connect(address).is_ok());
        tunnel
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that is free now.
fn free() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

/// The settings of stunnel in docs/tls.md, for these addresses and this authority.
fn settings_of_the_guide(from: SocketAddr, to: SocketAddr, trusted: &str) -> String {
    let guide = include_str!("../../docs/tls.md");
    let (_, rest) = guide.split_once("\n    [rtmps]\n").unwrap();
    let block: Vec<_> = rest.lines().map_while(|line| line.strip_prefix("    ")).collect();
    let text = format!("foreground = yes\npid =\n[rtmps]\n{}\n", block.join("\n"));
    let text = text.replace("accept = 1935", &format!("accept = {from}"));
    let text = text
        .replace("tv.example:1936", &format!("localhost:{}", to.port()))
        .replace("tv.example", "localhost");
    text.replace("/etc/ssl/certs/ca-certificates.crt", trusted)
}

#[test]
fn an_encoder_without_tls_publishes_through_stunnel_as_the_guide_sets_it_up() {
    let (certificates, folder) = (Certificates::make(), Folder::new());
    let server = server(&certificates.directives("server"));
    let plain = free();
    let text = settings_of_the_guide(plain, rtmps(&server), &authority(&certificates));
    let file = folder.write("stunnel.conf", text);
    let _tunnel = Tunnel::start("stunnel", &[file.to_str().unwrap()], plain);
    let mut player = Client::play(server.rtmp(), "cam");
    let mut publisher = Client::publish(plain, "cam");
    let sent = [video_header(0), video_frame(0, true, 60_000), video_frame(40, false, 500)];
    publisher.send_all(&sent);
    assert_eq!(player.receive(sent.len()), sent);
    let mut player = Client::play(plain, "cam");
    assert_eq!(player.receive(sent.len()), sent, "what was kept for it");
}

#[test]
fn behind_haproxy_that_passes_tls_on_the_log_has_the_addresses_of_the_clients() {
    let (certificates, folder) = (Certificates::make(), Folder::new());
    let server = Server::start(&format!(
        "http {{ set_real_ip_from 127.0.0.1; access_log FOLDER/access.log;
                 server {{ listen 127.0.0.1:0 ssl proxy_protocol; {} root FOLDER/www; }} }}",
        certificates.directives("server")
    ));
    server.folder.write("www/index.html", "a page");
    let front = free();
    let text = format!(
        "defaults\n mode tcp\n timeout connect 10s\n timeout client 30s\n timeout server 30s\n\
         listen https\n bind {front}\n server millstream {} send-proxy-v2\n",
        https(&server)
    );
    let file = folder.write("haproxy.cfg", text);
    let paths = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
    let program = paths.into_iter().find(|path| Path::new(path).exists()).unwrap_or("haproxy");
    let _proxy = Tunnel::start(program, &["-db", "-f", file.to_str().unwrap()], front);
    let url = format!("https://localhost:{}/index.html", front.port());
    let trust = authority(&certificates);
    let got = succeed("curl", &["-sS", "--interface", "127.0.0.77", "--cacert", &trust, &url]);
    assert_eq!(got, b"a page");
    wait("a line of the access log", || {
        std::fs::read_to_string(server.folder.join("access.log")).is_ok_and(|log| log.contains("127.0.0.77"))
    });
}
