//! A real browser: pages of other sites cannot have the server act, a page of its own can.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::common::player::Client;
use crate::common::{Folder, Server, not_tested, stderr};

/// Where scripts/install-peers puts what drives Chromium.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// What somebody who operates the server may have put beside it.
const PANEL: &str = "<!doctype html><script>fetch('/control/drop/client?name=nobody')</script>";

/// An address of this machine that is not loopback, where browsers do not say which site a request is for.
fn address() -> Option<String> {
    // Nothing is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.200:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string())
}

#[test]
fn pages_of_other_sites_cannot_act_at_an_address_without_tls_where_browsers_say_little() {
    if !Path::new(SCRIPTS).join("node_modules/puppeteer-core").is_dir()
        || Command::new("chromium").arg("--version").output().is_err()
    {
        return not_tested("Chromium, or tests/browser/node_modules, is not on this machine");
    }
    let Some(address) = address() else { return not_tested("this machine has no address but loopback") };
    let folder = Folder::new();
    folder.write("panel.html", PANEL);
    let server = Server::start_in(
        folder,
        &format!(
            "pid off;
            rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; }} }} }}
            http {{ server {{ listen {address}:0;
                location / {{ root FOLDER; }}
                location /control {{ rtmp_control all; }} }} }}"
        ),
    );
    let mut client = Client::publish(server.rtmp(), "cam");
    let base = format!("http://{}", server.http());
    let mut command = Command::new("node");
    command.args([&format!("{SCRIPTS}/cross-site.mjs"), &base, "/control/drop/client"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    let attempts = said.lines().filter(|line| line.starts_with("tried: ")).count();
    assert!(attempts > 10, "{said}");
    server.wait_log("drop client name=nobody (clients: 0)");
    assert_eq!(server.count_lines("may not drop here"), attempts, "{said}");
    assert_eq!(server.count_lines("drop client (clients"), 0);
    client.send_metadata(1);
}
