//! HTTPS beside nginx with the same configuration: versions, suites, certificates by server name, variables, certificates
//! of clients, and which configurations `-t` takes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod certbot;
mod judgement;

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::common::nginx::Nginx;
use crate::common::tls::certificates::{Certificates, EXPIRED, Key, VALID, Wanted};
use crate::common::{Folder, Server, free_port, run, stderr};

/// What a request knows of its handshake. nginx has a number for the same certificate, whoever asks.
const KNOWN: &str = "$https $scheme $ssl_protocol $ssl_cipher $ssl_curve $ssl_server_name $ssl_session_reused \
    verify=$ssl_client_verify subject=$ssl_client_s_dn issuer=$ssl_client_i_dn serial=$ssl_client_serial \
    fingerprint=$ssl_client_fingerprint end=$ssl_client_v_end";

/// The servers. Two addresses: at the second one only some suites of TLS 1.2 are spoken, in the server's order.
fn http(made: &Certificates, [first, second]: [SocketAddr; 2]) -> String {
    let authority = made.authority().display().to_string();
    let directives = |name| made.directives(name);
    format!(
        "http {{ access_log off; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers EECDH+AESGCM:EECDH+CHACHA20; ssl_ecdh_curve X25519:prime256v1:secp384r1; ssl_client_certificate {authority};
         server {{ listen {first} ssl; server_name a.example; {} {} return 200 \"a {KNOWN}\"; }}
         server {{ listen {first} ssl; server_name b.example *.b.example; {} return 200 \"b {KNOWN}\"; }}
         server {{ listen {first} ssl; server_name none.example; ssl_reject_handshake on; {} }}
         server {{ listen {first} ssl; server_name shared.example; return 200 \"shared {KNOWN}\"; }}
         server {{ listen {first} ssl; server_name members.example; ssl_verify_client on; {} return 200 \"m {KNOWN}\"; }}
         server {{ listen {first} ssl; server_name maybe.example; ssl_verify_client optional; {}
             return 200 \"maybe {KNOWN}\"; }}
         server {{ listen {first} ssl; server_name any.example; ssl_verify_client optional_no_ca; {}
             return 200 \"any {KNOWN}\"; }}
         server {{ listen {first}; server_name hidden.example; ssl_verify_client on; return 200 \"hidden\"; }}
         server {{ listen {second} ssl; {} ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on;
             ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305:EECDH+AES128+AESGCM:!aNULL;
             error_page 497 https://$host/moved$request_uri; return 200 \"second {KNOWN}\"; }} }}",
        directives("a"),
        directives("a-rsa"),
        directives("b"),
        directives("a"),
        directives("members"),
        directives("members"),
        directives("members"),
        directives("a-rsa"),
    )
}

/// Both servers with the same certificates.
struct Both {
    made: Certificates,
    own: [SocketAddr; 2],
    nginx: [SocketAddr; 2],
    _server: Server,
    _nginx: Nginx,
    _folder: Folder,
}

impl Both {
    fn start() -> Self {
        let made = certificates();
        let at = || -> [SocketAddr; 2] { [0; 2].map(|_| ([127, 0, 0, 1], free_port()).into()) };
        let (own, nginx, folder) = (at(), at(), Folder::new());
        let text = format!("events {{ }} {}", http(&made, nginx));
        let running = Nginx::start(&folder, &text, nginx[0]).expect("this test needs nginx");
        let server = Server::start(&http(&made, own));
        Self { made, own, nginx, _server: server, _nginx: running, _folder: folder }
    }

    /// What both answer, which must be the same; `ask` gets the addresses.
    fn agree(&self, what: &str, ask: impl Fn([SocketAddr; 2]) -> String) -> String {
        let [own, nginx] = [ask(self.own), ask(self.nginx)];
        let same = |text: &str, of: [SocketAddr; 2]| text.replace(&of[0].port().to_string(), "PORT");
        assert_eq!(same(&own, self.own), same(&nginx, self.nginx), "{what}");
        own
    }
}

fn certificates() -> Certificates {
    let made = Certificates::empty();
    made.sign(&Wanted::new("a", "DNS:a.example"));
    made.sign(&Wanted { key: Key::Rsa2048, ..Wanted::new("a-rsa", "DNS:a.example") });
    made.sign(&Wanted::new("b", "DNS:b.example,DNS:*.b.example"));
    made.sign(&Wanted::new("members", "DNS:members.example"));
    made.sign(&Wanted { time: VALID, ..Wanted::new("client", "DNS:client.example") });
    made.sign(&Wanted { time: EXPIRED, ..Wanted::new("old", "DNS:client.example") });
    made
}

/// What `openssl s_client` says of a handshake: the lines that a server decides, or the alert that ends it.
fn handshake(address: SocketAddr, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-connect", &address.to_string()]);
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    let said = stderr(&run(&mut command));
    let decided =
        ["Protocol version:", "Ciphersuite:", "Peer certificate:", "Signature type:", "Server Temp Key:"];
    let lines: Vec<_> =
        said.lines().filter(|line| decided.iter().any(|begin| line.starts_with(begin))).collect();
    match said.split_once(":SSL alert number ") {
        Some((_, alert)) => format!("alert {}", alert.lines().next().unwrap_or_default()),
        None => lines.join("; "),
    }
}

/// Status and text that curl gets, of an error only what it says.
fn curl(made: &Certificates, address: SocketAddr, name: &str, arguments: &[&str]) -> String {
    let port = address.port();
    let mut command = Command::new("curl");
    command.args(["-sS", "-k", "--http1.1", "-w", "\n%{http_code} %{redirect_url}", "--resolve"]);
    command.arg(format!("{name}:{port}:127.0.0.1")).args(arguments).current_dir(made.folder());
    if !arguments.iter().any(|argument| argument.starts_with("http")) {
        command.arg(format!("https://{name}:{port}/x?y"));
    }
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
    let told = match body.split("<center>").nth(2) {
        Some(rest) if rest.starts_with("nginx/") => "a page",
        Some(rest) => rest.split('<').next().unwrap_or_default(),
        None if body.starts_with('<') => "a page",
        None => body,
    };
    format!("{status} {told}")
}

#[test]
fn handshakes_end_as_with_nginx() {
    let both = Both::start();
    for (which, arguments, part) in [
        (0, "-servername a.example", "CN = a"),
        (0, "-noservername", "CN = a"),
        (0, "-servername unknown.example", "CN = a"),
        (0, "-servername B.example", "CN = b"),
        (0, "-servername x.b.example", "CN = b"),
        (0, "-servername shared.example", "CN = a"),
        (0, "-servername none.example", "alert 112"),
        (0, "-servername a.example -tls1_2", "TLSv1.2"),
        (0, "-servername a.example -tls1_3", "TLSv1.3"),
        (0, "-servername a.example -tls1_1 -cipher DEFAULT@SECLEVEL=0", "alert 70"),
        (0, "-servername a.example -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "CN = a-rsa"),
        (0, "-servername a.example -sigalgs RSA-PSS+SHA256", "CN = a-rsa"),
        (0, "-servername a.example -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "CHACHA20"),
        (0, "-servername a.example -curves P-256", "ECDH, prime256v1"),
        (0, "-servername a.example -curves P-384", "secp384r1"),
        (0, "-servername a.example -curves P-521", "alert 40"),
        (0, "-servername a.example -tls1_2 -cipher AES128-SHA", "alert 40"),
        (1, "", "CHACHA20"),
        (1, "-cipher ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305", "CHACHA20"),
        (1, "-cipher ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "AES128"),
        (1, "-cipher ECDHE-RSA-AES256-GCM-SHA384", "alert 40"),
        (1, "-tls1_3", "alert 70"),
    ] {
        let said = both.agree(arguments, |addresses| handshake(addresses[which], arguments));
        assert!(said.contains(part), "{arguments}: {said}");
    }
}

#[test]
fn requests_know_the_same_of_their_handshakes_as_with_nginx() {
    let both = Both::start();
    let ask = |what: &str, name: &str, arguments: &[&str]| {
        both.agree(what, |addresses| curl(&both.made, addresses[0], name, arguments))
    };
    let tls12 = ["--tls-max", "1.2"];
    let said = ask("TLS 1.3", "a.example", &[]);
    assert!(
        said.contains("a on https TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 a.example . verify=NONE"),
        "{said}"
    );
    assert!(ask("TLS 1.2", "b.example", &tls12).contains("b on https TLSv1.2 ECDHE-ECDSA"));
    assert!(ask("a shared certificate", "shared.example", &[]).starts_with("200  shared on"));
    assert!(
        ask("another host than the one of the handshake", "b.example", &["-H", "Host: a.example"])
            .starts_with("200  a on https")
    );
    both.agree("HTTP without TLS", |[first, _]| {
        curl(&both.made, first, "a.example", &[&format!("http://a.example:{}/", first.port())])
    });
    let led = both.agree("HTTP without TLS, which is led on", |[_, second]| {
        curl(&both.made, second, "c.example", &[&format!("http://c.example:{}/p?q", second.port())])
    });
    assert!(led.starts_with("302 https://c.example/moved/p?q"), "{led}");
}

#[test]
fn clients_with_certificates_and_without_get_the_same_as_from_nginx() {
    let both = Both::start();
    let own = ["--cert", "client.pem", "--key", "client.key"];
    let old = ["--cert", "old.pem", "--key", "old.key"];
    let bad = ["--cert", "bad.pem", "--key", "bad.key"];
    both.made.openssl("req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bad -keyout bad.key -out bad.pem
         -addext basicConstraints=critical,CA:FALSE");
    for (name, certificate, status) in [
        ("members.example", &own[..], "200  m on https"),
        ("members.example", &[], "400  No required SSL certificate was sent"),
        ("members.example", &bad, "400  The SSL certificate error"),
        ("members.example", &old, "400  The SSL certificate error"),
        ("maybe.example", &own, "200  maybe on https"),
        ("maybe.example", &[], "200  maybe on https"),
        ("maybe.example", &bad, "400  The SSL certificate error"),
        ("any.example", &own, "200  any on https"),
        ("any.example", &[], "200  any on https"),
        ("any.example", &bad, "200  any on https"),
        ("any.example", &old, "400  The SSL certificate error"),
        ("a.example", &own, "200  a on https"),
        // It has no certificate, so that the handshake is that of another server, which asks for none.
        ("hidden.example", &own, "400  No required SSL certificate was sent"),
        ("hidden.example", &[], "400  No required SSL certificate was sent"),
    ] {
        for version in ["1.2", "1.3"] {
            let arguments = [certificate, &["--tls-max", version]].concat();
            let said = both.agree(&format!("{name} {certificate:?} {version}"), |addresses| {
                curl(&both.made, addresses[0], name, &arguments)
            });
            assert!(said.starts_with(status), "{name} {certificate:?} {version}: {said}");
        }
    }
    let elsewhere =
        both.agree("a server that wants certificates, by the handshake of another", |addresses| {
            let said = curl(&both.made, addresses[0], "b.example", &["-H", "Host: members.example"]);
            said.split(' ').next().unwrap_or_default().to_owned()
        });
    assert_eq!(elsewhere, "421");
}
