//! Certificates that are renewed while the server runs: without a signal, by a reload, by a user who may not read the key;
//! and what the server says about those that it cannot use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::common::tls::certificates::{Certificates, HERE, Wanted};
use crate::common::tls::transport::{Pipe, Target};
use crate::common::{Folder, Server, millstream, not_tested, run, stderr, until};

/// Files are looked at once a minute, when a handshake comes.
const RENEWAL: Duration = Duration::from_secs(90);

/// The certificate that a client is shown.
fn shown(address: SocketAddr, made: &Certificates) -> Vec<u8> {
    let target = Target::tls(address, made);
    match Pipe::over(TcpStream::connect(address).unwrap(), &target) {
        Pipe::Tls(stream) => stream.conn.peer_certificates().unwrap()[0].to_vec(),
        Pipe::Tcp(_) | Pipe::Served(_) => panic!("no TLS of a client"),
    }
}

fn own(file: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(file).unwrap().to_vec()
}

fn authority(names: &[&str]) -> Certificates {
    let made = Certificates::empty();
    names.iter().for_each(|name| drop(made.sign(&Wanted::new(name, HERE))));
    made
}

/// Servers of RTMPS and HTTPS with these certificates.
fn rtmps_and_https(made: &Certificates, rtmps: &str, https: &str) -> String {
    format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0 ssl; {} application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0 ssl; {} location / {{ root FOLDER; }} }} }}",
        made.directives(rtmps),
        made.directives(https)
    )
}

/// One server takes about a minute; all that can be waited for at the same time is in this test.
#[test]
fn a_renewed_certificate_is_used_without_a_signal_and_one_that_cannot_be_used_changes_nothing() {
    let made = authority(&["good", "bad", "next"]);
    let server = Server::start_in(Folder::new(), &rtmps_and_https(&made, "good", "bad"));
    let (rtmps, https) = (server.rtmp(), server.http());
    let before = own(&made.certificate("bad"));
    assert_eq!(shown(rtmps, &made), own(&made.certificate("good")));
    // As certbot does: the files of the new one are renamed over the old ones.
    for (next, good) in
        [(made.key("next"), made.key("good")), (made.certificate("next"), made.certificate("good"))]
    {
        fs::rename(next, good).unwrap();
    }
    let text = fs::read_to_string(made.certificate("bad")).unwrap();
    fs::write(made.certificate("bad"), &text[..text.len() / 2]).unwrap();
    let after = own(&made.certificate("good"));
    until("the new certificate is shown", RENEWAL, || (shown(rtmps, &made) == after).then_some(()));
    server.wait_log(&format!(
        "[info] ssl_certificate {} has changed, and is in use from the next handshake on",
        made.certificate("good").display()
    ));
    until("the bad one is told", Duration::from_secs(20), || {
        assert_eq!(shown(https, &made), before);
        (server.count_lines("is no whole PEM file: its end is missing; what was read before stays in use")
            > 0)
        .then_some(())
    });
    // It is told once.
    (0..20).for_each(|_| assert_eq!(shown(https, &made), before));
    server.expect_lines("[warn]", 1);
}

#[test]
fn a_reload_reads_all_certificates_again_and_fails_for_those_that_cannot_be_used() {
    let made = authority(&["a", "b"]);
    let configuration = rtmps_and_https(&made, "a", "b");
    let server = Server::start_in(Folder::new(), &configuration);
    let (rtmps, https) = (server.rtmp(), server.http());
    let before = own(&made.certificate("b"));
    made.sign(&Wanted::new("a", HERE));
    server.reload(&configuration, 1);
    assert_eq!(shown(rtmps, &made), own(&made.certificate("a")));
    // The configuration stays as it is, and so does what is in use, or it changes: both are errors.
    fs::copy(made.key("a"), made.key("b")).unwrap();
    fs::write(made.key("c"), "").unwrap();
    fs::copy(made.certificate("a"), made.certificate("c")).unwrap();
    let other = format!("the key in {} is that of another certificate", made.key("b").display());
    let empty = format!("ssl_certificate_key {}: no key in it", made.key("c").display());
    for (count, names, why, line) in [(1, ["a", "b"], other, 2), (2, ["c", "a"], empty, 1)] {
        server.configure(&rtmps_and_https(&made, names[0], names[1]));
        server.signal(Signal::SIGHUP);
        let said = server.wait_log(&why);
        assert!(said.contains(&format!("millstream.conf:{line}: ")), "{said}");
        server.wait_lines("is not reloaded; nothing changes", count);
        assert_eq!(shown(rtmps, &made), own(&made.certificate("a")));
        assert_eq!(shown(https, &made), before);
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_an_error_of_the_test_and_of_the_start() {
    let made = authority(&["a", "b"]);
    let (folder, text) = (Folder::new(), rtmps_and_https(&made, "a", "b").replace("FOLDER", "/tmp"));
    let file = folder.write("c.conf", text);
    fs::copy(made.key("a"), made.key("b")).unwrap();
    let why = format!("the key in {} is that of another certificate", made.key("b").display());
    for options in [&["-t"][..], &[]] {
        let output = run(millstream().args(options).arg("-c").arg(&file));
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(&why) && said.contains("c.conf:2: "), "{said}");
        // Nothing says before that it is served.
        assert!(!said.contains(" serves "), "{said}");
    }
    made.sign(&Wanted { time: ["20200101000000Z", "20210101000000Z"], ..Wanted::new("b", HERE) });
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(&file)));
    let why = format!(
        "c.conf:2: warning: ssl_certificate {}: the certificate has expired",
        made.certificate("b").display()
    );
    assert!(said.contains(&why) && said.contains("test successful"), "{said}");
}

#[test]
fn a_key_that_only_root_may_read_serves_after_the_user_has_changed_and_stays_over_a_reload() {
    if !geteuid().is_root() {
        return not_tested("only root becomes another user");
    }
    let made = authority(&["a"]);
    let (folder, served) = (Folder::new(), rtmps_and_https(&made, "a", "a"));
    let socket = folder.join("control.sock");
    let configuration = format!("user nobody; control_socket {}; {served}", socket.display());
    let server = Server::start_in(folder, &configuration);
    server.wait_log(&format!(
        "ssl_certificate_key {}: it is read at the start, but user \"nobody\" may not read it",
        made.key("a").display()
    ));
    assert_eq!(shown(server.http(), &made), own(&made.certificate("a")));
    server.reload(&configuration, 1);
    let why = format!(
        "ssl_certificate_key {}: Permission denied (os error 13): let a group",
        made.key("a").display()
    );
    let line = server.wait_log(&why);
    assert!(line.ends_with("; what was read before stays in use"), "{line}");
    // Both servers have it.
    assert_eq!(server.count_lines(&why), 1);
    assert_eq!(shown(server.http(), &made), own(&made.certificate("a")));
    let said = run(millstream().args(["ctl", "--socket"]).arg(socket).arg("reload"));
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && text.starts_with("reloaded ") && text.contains("\nwarning: "), "{text}");
    assert!(text.contains(&why), "{text}");
}
