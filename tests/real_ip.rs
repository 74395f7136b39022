//! HTTP clients behind a proxy that tells their addresses in a header field: as nginx finds them by the same directives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use crate::common::http::Connection;
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, millstream, not_tested, run, stderr};

/// Directives of a server behind trusted proxies.
const SERVERS: [&str; 5] = [
    "",
    "real_ip_header X-Forwarded-For;",
    "real_ip_header X-Forwarded-For; real_ip_recursive on;",
    "real_ip_header X-Own;",
    "set_real_ip_from 10.9.0.0/16;",
];

const LOCATIONS: &str = r#"
    location / { return 200 "$remote_addr $remote_port $realip_remote_addr"; }
    location /rules { allow 192.0.2.0/24; deny all; error_page 403 =200 /denied; }
    location /denied { return 200 denied; }
"#;

/// The header fields of the requests.
const FIELDS: [&str; 15] = [
    "",
    "X-Forwarded-For: 192.0.2.7",
    "X-Forwarded-For: 192.0.2.7, 10.0.0.2",
    "X-Forwarded-For: 1.1.1.1, 192.0.2.7,10.0.0.2 , 10.0.0.3",
    "X-Forwarded-For: 10.0.0.2, 10.0.0.3",
    "X-Forwarded-For: nobody, 10.0.0.2",
    "X-Forwarded-For: nobody",
    "X-Forwarded-For: 192.0.2.7:80",
    "X-Forwarded-For: 2001:db8::1",
    "X-Forwarded-For: [2001:db8::1]:80",
    "X-Forwarded-For: 192.0.2.7,",
    "X-Forwarded-For:",
    "X-Real-IP: 192.0.2.8:81",
    "X-Real-IP: 192.0.2.8",
    "X-Own: 192.0.2.9",
];

fn answers(address: SocketAddr) -> Vec<String> {
    let ask = |path: &str, field: &str| {
        let fields = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
        let mut connection = Connection::open(address);
        let own = connection.stream().local_addr().unwrap().port().to_string();
        let reply = connection.request("GET", path, &fields);
        // The rules let it go on to a file that is not there, whatever page a server has for that.
        let text = if reply.status == 404 { "404".to_owned() } else { reply.text().replace(&own, "PORT") };
        format!("{path} {field:?}: {text}")
    };
    ["/", "/rules"].iter().flat_map(|path| FIELDS.iter().map(move |field| ask(path, field))).collect()
}

#[test]
fn the_real_address_is_the_one_that_nginx_finds() {
    const TRUSTED: &str = "set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8;";
    for server in SERVERS {
        let text = |address: &str, first: &str| {
            format!("{first} http {{ {TRUSTED} server {{ listen {address}; {server} {LOCATIONS} }} }}")
        };
        let own = answers(Server::start(&text("127.0.0.1:0", "")).http());
        assert!(own.len() == 2 * FIELDS.len() && own[0].contains(": 127.0.0.1 PORT 127.0.0.1"), "{own:?}");
        let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
        match Nginx::start(&folder, &text(&address.to_string(), "events { }"), address) {
            Some(_nginx) => assert_eq!(own, answers(address), "{server}"),
            None => return not_tested("nginx is not on this machine"),
        }
    }
}

#[test]
fn a_field_of_somebody_who_is_not_trusted_changes_nothing() {
    let server = Server::start(
        "http { set_real_ip_from 127.0.0.9; real_ip_header X-Forwarded-For;
                server { listen 127.0.0.1:0; return 200 $remote_addr; } }",
    );
    let reply = Connection::open(server.http()).request("GET", "/", "X-Forwarded-For: 192.0.2.7\r\n");
    assert_eq!(reply.text(), "127.0.0.1");
}

#[test]
fn the_test_warns_of_fields_that_nobody_is_believed_in_and_of_trust_in_everybody() {
    let folder = Folder::new();
    let file = folder.write(
        "c.conf",
        "http { server { listen 127.0.0.1:0;
            real_ip_header X-Forwarded-For;
            location /a { set_real_ip_from 0.0.0.0/0; } location /b { } } }",
    );
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(&file)));
    for expected in [
        "c.conf:2: warning: \"real_ip_header\" is read for no client: write set_real_ip_from",
        "c.conf:3: warning: everybody may claim any address: name the proxies only",
    ] {
        assert_eq!(said.matches(expected).count(), 1, "{said}");
    }
}
