//! Clients behind a proxy: PROXY headers of our own, of nginx and of haproxy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::http::{Connection, get};
use crate::common::player::{Client, relay};
use crate::common::raw::Raw;
use crate::common::{Folder, SOON, Server, free_port, media, millstream, not_tested, run, stderr, wait};

/// A server that trusts the proxy 127.0.0.3, for RTMP and HTTP.
fn server() -> Server {
    Server::start(
        "error_log stderr debug;
         rtmp { server { listen 127.0.0.1:0 proxy_protocol; set_real_ip_from 127.0.0.3; application live { live on; } } }
         http { server { listen 127.0.0.1:0 proxy_protocol; set_real_ip_from 127.0.0.3; access_log FOLDER/access.log;
                         return 200 $remote_addr; } }",
    )
}

/// A program that a test has started, and ends.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Proxy {
    /// Starts a proxy; none if it is not on this machine.
    fn start(command: &mut Command, address: SocketAddr) -> Option<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let proxy = Self(child);
        wait("the proxy listens", || TcpStream::connect(address).is_ok());
        Some(proxy)
    }

    /// nginx, which sends headers of version 1.
    fn nginx(folder: &Folder, ways: &[(SocketAddr, SocketAddr)]) -> Option<Self> {
        let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        if !Path::new(module).exists() {
            return None;
        }
        let servers: String = ways
            .iter()
            .map(|(own, to)| {
                format!(
                    "server {{ listen {own}; proxy_pass {to}; proxy_bind 127.0.0.3; proxy_protocol on; }}\n"
                )
            })
            .collect();
        let text = format!(
            "load_module {module}; daemon off; master_process off; pid nginx.pid; error_log nginx.log;
             events {{ }} stream {{ {servers} }}"
        );
        let file = folder.write("nginx.conf", text);
        let mut command = Command::new("nginx");
        Self::start(command.arg("-p").arg(&**folder).arg("-c").arg(file), ways[0].0)
    }

    /// haproxy, which sends headers of version 2.
    fn haproxy(folder: &Folder, ways: &[(SocketAddr, SocketAddr)]) -> Option<Self> {
        let mut text =
            "defaults\n mode tcp\n timeout connect 9s\n timeout client 90s\n timeout server 90s\n".to_owned();
        for (number, (own, to)) in ways.iter().enumerate() {
            let to = format!("server a {to} send-proxy-v2 source 127.0.0.3");
            text.push_str(&format!("listen l{number}\n bind {own}\n {to}\n"));
        }
        let file = folder.write("haproxy.cfg", text);
        let program = ["haproxy", "/usr/sbin/haproxy"]
            .into_iter()
            .find(|program| Command::new(program).arg("-v").stdout(Stdio::null()).status().is_ok())?;
        Self::start(Command::new(program).arg("-db").arg("-f").arg(file), ways[0].0)
    }
}

/// Publishes, plays and asks through a proxy, and looks for the addresses of the clients.
fn try_through(start: impl Fn(&Folder, &[(SocketAddr, SocketAddr)]) -> Option<Proxy>) -> bool {
    let server = server();
    let [rtmp, http]: [SocketAddr; 2] = [(); 2].map(|()| ([127, 0, 0, 1], free_port()).into());
    let Some(_proxy) = start(&server.folder, &[(rtmp, server.rtmp()), (http, server.http())]) else {
        return false;
    };
    let mut players = [Client::play(rtmp, "cam")];
    let mut publisher = Client::publish(rtmp, "cam");
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);
    for client in [&publisher, &players[0]] {
        server.wait_log(&format!("comes from {}, by the proxy 127.0.0.3:", client.address()));
    }
    assert_eq!(get(http, "/a").text(), "127.0.0.1");
    let log = || std::fs::read_to_string(server.folder.join("access.log")).unwrap_or_default();
    wait("the access log", || log().starts_with("127.0.0.1 - - ["));
    true
}

#[test]
fn behind_nginx_the_log_and_the_access_log_have_the_addresses_of_the_clients() {
    if !try_through(Proxy::nginx) {
        not_tested("nginx with its stream module is not on this machine");
    }
}

#[test]
fn behind_haproxy_the_log_and_the_access_log_have_the_addresses_of_the_clients() {
    if !try_through(Proxy::haproxy) {
        not_tested("haproxy is not on this machine");
    }
}

#[test]
fn a_header_in_pieces_is_read_and_that_of_a_stranger_is_ignored() {
    let server = server();
    let mut connection = Connection::open(server.http());
    connection.stream().set_nodelay(true).unwrap();
    for byte in b"PROXY TCP4 192.0.2.9 127.0.0.1 5000 80\r\n" {
        connection.send([*byte]);
    }
    assert_eq!(connection.get("/a").text(), "127.0.0.1", "127.0.0.1 is not trusted");
    let mut stream = TcpStream::connect(server.rtmp()).unwrap();
    stream.write_all(b"PROXY UNKNOWN\r\n\x03").unwrap();
    stream.write_all(&[0; 1536]).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut answer = [0];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [3], "the handshake");
}

#[test]
fn behind_a_proxy_that_passes_connections_on_a_field_of_the_request_is_believed_only_where_it_is_named() {
    let server = Server::start(
        "http { server { listen 127.0.0.1:0 proxy_protocol; set_real_ip_from 127.0.0.0/8;
                location / { return 200 $remote_addr; }
                location /named { real_ip_header X-Real-IP; return 200 $remote_addr; } } }",
    );
    for (path, address) in [("/", "127.0.0.9"), ("/named", "192.0.2.7")] {
        let mut connection = Connection::open(server.http());
        connection.send("PROXY TCP4 127.0.0.9 127.0.0.1 5000 80\r\n");
        let reply = connection.request("GET", path, "X-Real-IP: 192.0.2.7\r\n");
        assert_eq!(reply.text(), address, "{path}");
    }
}

#[test]
fn a_connection_that_does_not_begin_with_a_header_is_closed_and_the_log_says_why() {
    let server = server();
    for (address, bytes) in [
        (server.rtmp(), vec![3; 1537]),
        (server.http(), b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (server.http(), [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()),
        (server.rtmp(), b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec()),
    ] {
        let mut raw = Raw::open(address);
        raw.send_bytes(&bytes);
        raw.expect_end();
    }
    server.wait_log("127.0.0.1: the connection does not begin with a PROXY header, which the port demands");
    server.wait_log("[debug]");
}

#[test]
fn after_a_reload_new_connections_need_a_header_or_need_none() {
    let text = |option: &str| {
        format!("pid off; http {{ server {{ listen 127.0.0.1:0 {option}; return 200 $remote_addr; }} }}")
    };
    let server = Server::start_in(Folder::new(), &text(""));
    let mut old = Connection::open(server.http());
    assert_eq!(old.get("/").status, 200);
    server.reload(&text("proxy_protocol"), 1);
    assert_eq!(old.get("/").status, 200);
    let mut raw = Raw::open(server.http());
    raw.send_bytes(b"GET / HTTP/1.1\r\n\r\n");
    raw.expect_end();
    server.reload(&text(""), 2);
    assert_eq!(get(server.http(), "/").status, 200);
}

#[test]
fn servers_of_an_address_agree_and_a_listener_that_believes_nobody_gets_a_warning() {
    let tested = |text: &str| {
        let folder = Folder::new();
        let file = folder.write("c.conf", text);
        let output = run(millstream().arg("-t").arg("-c").arg(&file));
        (output.status.success(), stderr(&output))
    };
    let (is_good, said) = tested("rtmp { server { listen 127.0.0.1:0 proxy_protocol; } }");
    let expected = "warning: the addresses of clients that proxies tell at 127.0.0.1:0 are not believed: ";
    assert!(is_good && said.contains(expected), "{said}");
    let port = free_port();
    let (is_good, said) = tested(&format!(
        "http {{ server {{ listen 127.0.0.1:{port} proxy_protocol; }}
                server {{ listen 127.0.0.1:{port}; server_name a; }} }}"
    ));
    let expected = format!("127.0.0.1:{port} is listened on with proxy_protocol and without");
    assert!(!is_good && said.contains(&expected), "{said}");
}
