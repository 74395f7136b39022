//! `allow` and `deny` give the same verdicts as nginx-rtmp by the same configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::raw::Raw;
use crate::common::{Folder, Server, free_port, not_tested, wait};
use millstream::media::amf::Value;
use millstream::rtmp::message::MessageType;

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// The rules of a server, and those of each of its applications.
const RULES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "",
            "allow all;",
            "deny all;",
            "deny publish all;",
            "deny play all;",
            "allow 127.0.0.1; deny all;",
            "deny 127.0.0.1; allow all;",
            "deny 127.0.0.1;",
            "allow publish 127.0.0.1; deny publish all;",
            "allow publish 127.0.0.2; allow play 127.0.0.3; deny all;",
            "allow publish 127.0.0.0/28; deny publish all; allow play 127.0.9.0/24; deny play all;",
            "deny 127.0.9.7/24; allow play all; deny publish 127.0.0.0/8;",
            "allow ::1; deny all;",
            "deny ::1;",
            "deny publish ::/0; deny play 0.0.0.0/0;",
            "allow publish all; deny all;",
            "deny all; allow all;",
        ],
    ),
    (
        "allow publish 127.0.0.2; deny publish all; allow play 127.0.9.0/24;",
        &[
            "",
            "deny 127.0.0.2;",
            "allow 127.0.0.1;",
            "deny play all;",
            "allow play all;",
            "allow ::1; deny play all;",
        ],
    ),
];

/// The rules around all servers.
const OUTER: &str = "deny play 127.0.0.3; allow publish 127.0.9.1;";

const SOURCES: &[&str] = &["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.9.1", "::1"];

/// The block `rtmp`, whose servers listen on these ports of each host.
fn rtmp(ports: &[u16], hosts: &[&str]) -> String {
    let server = |((rules, applications), port): (&(&str, &[&str]), &u16)| {
        let applications = applications.iter().enumerate();
        let applications: String = applications
            .map(|(index, rules)| format!("application a{index} {{ live on; {rules} }} "))
            .collect();
        let listen: String = hosts.iter().map(|host| format!("listen {host}:{port};\n")).collect();
        format!("server {{\n{listen}{rules} {applications} }}")
    };
    let servers: Vec<_> = RULES.iter().zip(ports).map(server).collect();
    format!("rtmp {{ {OUTER} {} }}", servers.join("\n"))
}

/// A running nginx.
struct Nginx {
    child: Child,
    _folder: Folder,
}

impl Nginx {
    fn start(rtmp: &str) -> Self {
        let folder = Folder::new();
        let path = folder.display();
        let text = format!(
            "load_module {MODULE}; daemon off; master_process off; pid {path}/pid; error_log {path}/log;
             events {{ }} {rtmp}"
        );
        let file = folder.write("nginx.conf", text);
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file).arg("-p").arg(&*folder);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a client that publishes or plays is heard afterwards; a server that denies hangs up.
fn is_allowed(address: SocketAddr, source: IpAddr, app: &str, verb: &str) -> bool {
    const ASKED_AFTERWARDS: f64 = 77.0;
    let mut raw = Raw::open_from(source, address).shake_hands();
    raw.connect(app);
    raw.command("createStream", 2.0, 0, &[Value::Null]);
    raw.command(verb, 0.0, 1, &[Value::Null, "cam".into(), "live".into()]);
    raw.command("createStream", ASKED_AFTERWARDS, 0, &[Value::Null]);
    while let Some(message) = raw.message() {
        let is_answer =
            |values: Vec<Value>| values.get(1).and_then(Value::as_number) == Some(ASKED_AFTERWARDS);
        if message.type_id == MessageType::CommandAmf0 as u8
            && millstream::media::amf::amf0::decode(message.payload()).is_ok_and(is_answer)
        {
            return true;
        }
    }
    false
}

/// The verdicts of servers at these addresses: for each a line with those for all applications and sources.
fn verdicts(addresses: &dyn Fn(usize, bool) -> SocketAddr, sources: &[IpAddr]) -> Vec<String> {
    let mut lines = Vec::new();
    for (server, (outer, applications)) in RULES.iter().enumerate() {
        for (index, rules) in applications.iter().enumerate() {
            for source in sources {
                let address = addresses(server, source.is_ipv4());
                let [publish, play] =
                    ["publish", "play"].map(|verb| is_allowed(address, *source, &format!("a{index}"), verb));
                lines.push(format!("{outer} | {rules} | {source}: publish {publish}, play {play}"));
            }
        }
    }
    lines
}

#[test]
fn the_same_rules_decide_as_in_nginx_rtmp() {
    let has_nginx = Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok();
    if !has_nginx || !Path::new(MODULE).exists() {
        return not_tested("nginx with its RTMP module is not installed");
    }
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let hosts: &[_] = if has_ipv6 { &["127.0.0.1", "[::1]"] } else { &["127.0.0.1"] };
    let sources: Vec<IpAddr> = SOURCES.iter().map(|source| source.parse().unwrap()).collect();
    let sources: Vec<_> = sources.into_iter().filter(|source| has_ipv6 || source.is_ipv4()).collect();
    let ports: Vec<_> = RULES.iter().map(|_| free_port()).collect();
    let at = |port: u16, is_ipv4: bool| -> SocketAddr {
        if is_ipv4 { ([127, 0, 0, 1], port).into() } else { (std::net::Ipv6Addr::LOCALHOST, port).into() }
    };
    let of_nginx = {
        let _nginx = Nginx::start(&rtmp(&ports, hosts));
        wait("nginx listens", || ports.iter().all(|port| TcpStream::connect(at(*port, true)).is_ok()));
        verdicts(&|server, is_ipv4| at(ports[server], is_ipv4), &sources)
    };
    let _server = Server::start(&rtmp(&ports, hosts));
    let own = verdicts(&|server, is_ipv4| at(ports[server], is_ipv4), &sources);
    let (allowed, denied) = (
        own.iter().filter(|line| line.contains("true")).count(),
        own.iter().filter(|line| line.contains("false")).count(),
    );
    assert!(allowed > 40 && denied > 40, "{allowed} and {denied}: {own:#?}");
    assert_eq!(own, of_nginx);
}
