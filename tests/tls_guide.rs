//! The commands and configurations of docs/tls.md, run as they stand there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use crate::common::tls::openssl::s_client;
use crate::common::{Folder, Server, millstream, run, stderr};

const GUIDE: &str = include_str!("../docs/tls.md");

/// The indented block that follows a line that ends so.
fn block_below(line: &str) -> String {
    let (_, rest) = GUIDE.split_once(&format!("{line}\n\n")).unwrap();
    let code = rest.lines().map_while(|line| line.strip_prefix("    "));
    code.map(|line| format!("{line}\n")).collect()
}

/// Makes the authority and the certificate of the guide in a folder.
fn make_certificate(folder: &Folder) {
    let commands = block_below("a certificate by it for the names and addresses that clients use:");
    let output = run(Command::new("sh").args(["-ec", &commands]).current_dir(&**folder));
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn the_certificate_that_the_guide_makes_is_served_and_trusted() {
    let folder = Folder::new();
    make_certificate(&folder);
    let server = Server::start_in(
        folder,
        "pid off;
         rtmp { server { listen 127.0.0.1:0 ssl; ssl_certificate FOLDER/studio.pem; ssl_certificate_key FOLDER/studio.key;
             application live { live on; } } }",
    );
    let trust = server.folder.join("ca.pem");
    for name in ["localhost", "studio.lan"] {
        let arguments = format!(
            "-servername {name} -verify_hostname {name} -verify_return_error -CAfile {}",
            trust.display()
        );
        let said = s_client(server.addresses("RTMPS")[0], &arguments, "GET / HTTP/1.0\r\n\r\n");
        assert!(said.contains("Verification: OK"), "{said}");
    }
}

/// The parts of the first configuration of the guide, put together as it says, with the paths and ports of this test.
fn configuration() -> String {
    let plain = block_below("This is `/etc/millstream.conf`:");
    let of_rtmp = block_below("In the `server` of `rtmp`, below `listen 1935;`:");
    let of_http = block_below("and in `http`, a second server:");
    let whole = plain.replacen("listen 1935;", &format!("listen 1935;\n{of_rtmp}"), 1);
    let whole = whole.replacen("http {\n", &format!("http {{\n{of_http}"), 1);
    assert_eq!(whole.matches("ssl;").count(), 2, "{whole}");
    let whole = whole.replace("/etc/letsencrypt/live/tv.example/fullchain.pem", "FOLDER/studio.pem");
    let whole = whole.replace("/etc/letsencrypt/live/tv.example/privkey.pem", "FOLDER/studio.key");
    let whole = whole.replace("/tmp/millstream/hls", "FOLDER/hls").replace("/var/www/acme", "FOLDER/acme");
    let whole = whole.replace("CHANGE-ME", "0123456789abcdef0123").replace("tv.example", "studio.lan");
    let ports =
        ["1935", "1936 ssl", "80", "443 ssl"].map(|port| (format!("listen {port};"), port.split_once(' ')));
    ports.iter().fold(format!("pid off;\n{whole}"), |text, (listen, option)| {
        assert!(text.contains(listen), "{listen}: {text}");
        text.replace(listen, if option.is_some() { "listen 127.0.0.1:0 ssl;" } else { "listen 127.0.0.1:0;" })
    })
}

#[test]
fn the_configuration_of_the_guide_is_good_and_serves() {
    let folder = Folder::new();
    make_certificate(&folder);
    let server = Server::start_in(folder, &configuration());
    let file = server.folder.join("millstream.conf");
    let output = run(millstream().arg("-t").arg("-c").arg(&file));
    let said = stderr(&output);
    let unexpected: Vec<_> =
        said.lines().filter(|line| line.contains("warning:") && line.contains("ssl")).collect();
    assert!(output.status.success() && unexpected.is_empty(), "{said}");
    let trust = server.folder.join("ca.pem");
    let arguments = format!("-servername studio.lan -verify_return_error -CAfile {}", trust.display());
    let said =
        s_client(server.addresses("HTTPS")[0], &arguments, "GET / HTTP/1.0\r\nHost: studio.lan\r\n\r\n");
    assert!(said.contains("HTTP/1.1 200") && said.contains("Millstream"), "{said}");
    assert_eq!(server.addresses("RTMPS").len(), 1);
}
