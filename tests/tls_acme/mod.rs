//! Certificates as people get them: certbot asks pebble, a small authority for tests, which fetches the answer to its challenge
//! from the server, as docs/tls.md sets it up; and renews.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::tls::certificates::Certificates;
use crate::common::tls::openssl::s_client;
use crate::common::{Folder, Server, free_port, run, stderr, wait};

const NAME: &str = "tv.example";

/// pebble, and a DNS server for it that leads every name to this machine.
struct Authority {
    programs: Vec<Child>,
    folder: Folder,
    certificates: Certificates,
    address: SocketAddr,
    management: SocketAddr,
}

fn local() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

impl Authority {
    /// One that looks for answers at this port in place of 80.
    fn start(http_port: u16) -> Self {
        let (address, management, names) = (local(), local(), local());
        let mut authority = Self {
            programs: Vec::new(),
            folder: Folder::new(),
            certificates: Certificates::make(),
            address,
            management,
        };
        let (certificate, key) =
            (authority.certificates.certificate("server"), authority.certificates.key("server"));
        let settings = serde_json::json!({"pebble": {
            "listenAddress": address, "managementListenAddress": management, "httpPort": http_port, "tlsPort": free_port(),
            "certificate": certificate, "privateKey": key, "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        let file = authority.folder.write("pebble.json", settings.to_string());
        let names = names.to_string();
        let mut dns = Command::new("pebble-challtestsrv");
        dns.args([
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-dns01",
            &names,
            "-http01",
            "",
            "-https01",
            "",
        ]);
        dns.args(["-tlsalpn01", "", "-management", &local().to_string()]);
        authority.run(&mut dns);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(file).args(["-dnsserver", &names]);
        authority.run(pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0"));
        wait("pebble listens", || TcpStream::connect(authority.address).is_ok());
        wait("its DNS server listens", || TcpStream::connect(&names).is_ok());
        authority
    }

    fn run(&mut self, command: &mut Command) {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // These tests need pebble (scripts/install-peers).
        self.programs.push(command.spawn().unwrap());
    }

    /// Runs certbot, which has its files in this folder.
    fn certbot(&self, own: &Folder, arguments: &[&str]) {
        let mut command = Command::new("certbot");
        command.args(arguments).args([
            "-n",
            "--server",
            &format!("https://localhost:{}/dir", self.address.port()),
        ]);
        for (option, folder) in [("--config-dir", "etc"), ("--work-dir", "work"), ("--logs-dir", "logs")] {
            command.arg(option).arg(own.join(folder));
        }
        let output =
            run(command.env("REQUESTS_CA_BUNDLE", self.certificates.authority()).stdin(Stdio::null()));
        assert!(output.status.success(), "{}", stderr(&output));
    }

    /// The certificate by which it signs.
    fn root(&self) -> PathBuf {
        let url = format!("https://localhost:{}/roots/0", self.management.port());
        let file = self.folder.join("root.pem");
        let mut command = Command::new("curl");
        command.arg("-sSf").arg("--cacert").arg(self.certificates.authority()).arg("-o").arg(&file).arg(url);
        assert!(run(&mut command).status.success());
        file
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// What the guide has in its first configuration, and with these lines, in its second.
fn configuration(port: u16, encrypted: &str) -> String {
    format!(
        "pid off;
         http {{
             server {{
                 listen 127.0.0.1:{port}; server_name {NAME};
                 location /.well-known/acme-challenge/ {{ root FOLDER/acme; }}
                 location / {{ return 301 https://$host$request_uri; }}
             }}
             {encrypted}
         }}"
    )
}

/// The serial number of the certificate that is shown, which is by this authority.
fn serial(address: SocketAddr, root: &Path) -> String {
    let arguments =
        format!("-servername {NAME} -verify_return_error -verify_hostname {NAME} -CAfile {}", root.display());
    let said = s_client(address, &arguments, "GET / HTTP/1.0\r\n\r\n");
    assert!(said.contains("Verification: OK") && said.contains("it is there"), "{said}");
    let (_, rest) = said.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    rest.split_once("-----END").unwrap().0.to_owned()
}

#[test]
fn certbot_gets_a_certificate_through_the_server_and_renews_it() {
    let (own, port) = (Folder::new(), free_port());
    let authority = Authority::start(port);
    let server = Server::start_in(Folder::new(), &configuration(port, ""));
    let webroot = server.folder.join("acme");
    std::fs::create_dir(&webroot).unwrap();
    let webroot = webroot.to_str().unwrap();
    let issue =
        ["certonly", "--agree-tos", "-m", "nobody@tv.example", "--webroot", "-w", webroot, "-d", NAME];
    authority.certbot(&own, &issue);

    let live = own.join("etc/live").join(NAME);
    let encrypted = format!(
        "server {{ listen 127.0.0.1:0 ssl; server_name {NAME}; return 200 'it is there';
             ssl_certificate {0}/fullchain.pem; ssl_certificate_key {0}/privkey.pem; }}",
        live.display()
    );
    server.reload(&configuration(port, &encrypted), 1);
    let (address, root) = (server.addresses("HTTPS")[0], authority.root());
    let first = serial(address, &root);
    assert_eq!(serial(address, &root), first);

    authority.certbot(&own, &["renew", "--force-renewal", "--no-random-sleep-on-renew"]);
    // The server would see it by itself within a minute.
    server.reload(&configuration(port, &encrypted), 2);
    assert_ne!(serial(address, &root), first);
}
