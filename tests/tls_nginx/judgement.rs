//! Configurations that nginx takes are taken, and those that it refuses are refused.

use std::process::{Command, Stdio};

use super::certificates;
use crate::common::tls::certificates::Certificates;
use crate::common::{Folder, free_port, millstream, run, stderr};

/// Whether each is accepted. A and B stand for the directives of a certificate, CERT and KEY for files, CA for the authority,
/// PORT for a port.
const CASES: &[(&str, bool)] = &[
    ("server { listen PORT ssl; A }", true),
    ("server { listen PORT ssl; }", false),
    ("server { listen PORT ssl; ssl_certificate CERT; }", false),
    ("server { listen PORT ssl; ssl_certificate_key KEY; }", false),
    ("A server { listen PORT ssl; }", true),
    ("ssl_certificate CERT; server { listen PORT ssl; ssl_certificate_key KEY; }", true),
    ("A server { listen PORT ssl; B B }", true),
    ("A server { listen PORT ssl; ssl_certificate CERT; }", true),
    ("A server { listen PORT ssl; ssl_certificate CERT; ssl_certificate CERT; }", false),
    ("server { listen PORT ssl; A } server { listen PORT ssl; server_name b; }", true),
    ("server { listen PORT ssl; } server { listen PORT ssl; server_name b; A }", false),
    ("server { listen PORT ssl; } server { listen PORT ssl default_server; server_name b; A }", true),
    ("server { listen PORT ssl; ssl_reject_handshake on; }", true),
    (
        "server { listen PORT ssl; ssl_reject_handshake on; } server { listen PORT ssl; server_name b; A }",
        true,
    ),
    (
        "server { listen PORT ssl; ssl_reject_handshake on; } server { listen PORT ssl; server_name b; }",
        false,
    ),
    ("server { listen PORT; } server { listen PORT ssl; server_name b; }", false),
    ("server { listen PORT; A } server { listen PORT ssl; server_name b; }", true),
    ("server { listen PORT; ssl_certificate CERT; }", false),
    ("server { listen PORT ssl http2; A }", true),
    ("server { listen PORT ssl; A ssl_verify_client on; }", false),
    ("server { listen PORT ssl; A ssl_verify_client on; ssl_client_certificate CA; }", true),
    ("server { listen PORT ssl; A ssl_verify_client optional_no_ca; }", true),
    ("server { listen PORT ssl; A ssl_ciphers HIGH:!aNULL; ssl_prefer_server_ciphers on; }", true),
    ("server { listen PORT ssl; A ssl_ciphers NOTHING; }", false),
    ("server { listen PORT ssl; A ssl_protocols TLSv1 TLSv1.1 TLSv1.2; }", true),
    ("server { listen PORT ssl; A ssl_protocols TLSv9; }", false),
    ("server { listen PORT ssl; A ssl_ecdh_curve prime256v1:secp384r1; }", true),
    ("server { listen PORT ssl; A ssl_ecdh_curve nonsense; }", false),
    ("server { listen PORT ssl; A ssl_session_cache shared:SSL:10m; ssl_session_timeout 1d; }", true),
    ("server { listen PORT ssl; A ssl_session_cache shared:SSL; }", false),
    ("server { listen PORT ssl; A ssl_session_tickets off; ssl_buffer_size 4k; ssl_verify_depth 2; }", true),
    ("server { listen PORT ssl; A ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; }", true),
    (
        "server { listen PORT ssl; A ssl_stapling on; ssl_stapling_verify on; ssl_trusted_certificate CA; }",
        true,
    ),
    ("server { listen PORT ssl; A location / { ssl_certificate CERT; } }", false),
    ("server { listen PORT ssl; A ssl_early_data off; }", true),
    ("server { listen PORT ssl; A ssl_reject_handshake maybe; }", false),
    ("server { listen PORT ssl; ssl_certificate KEY; ssl_certificate_key KEY; }", false),
    ("server { listen PORT ssl; ssl_certificate CERT; ssl_certificate_key CERT; }", false),
    ("server { listen PORT ssl; ssl_certificate /nowhere; ssl_certificate_key KEY; }", false),
];

fn written(case: &str, made: &Certificates, port: u16) -> String {
    let path = |path: std::path::PathBuf| path.display().to_string();
    let words = [
        ("A ", made.directives("a") + " "),
        ("B ", made.directives("b") + " "),
        ("CERT", path(made.certificate("a"))),
        ("KEY", path(made.key("a"))),
        ("CA;", path(made.authority()) + ";"),
        ("PORT", format!("127.0.0.1:{port}")),
    ];
    let text = words.iter().fold(case.to_owned(), |text, (word, value)| text.replace(word, value));
    format!("http {{ access_log off; {text} }}")
}

#[test]
fn what_nginx_takes_is_taken_and_what_it_refuses_is_refused() {
    let made = certificates();
    let (folder, port) = (Folder::new(), free_port());
    for (case, is_good) in CASES {
        let http = written(case, &made, port);
        let file =
            folder.write("nginx.conf", format!("pid nginx.pid; error_log nginx.log; events {{ }} {http}"));
        let mut nginx = Command::new("nginx");
        nginx.arg("-t").arg("-p").arg(&*folder).arg("-c").arg(file).stdin(Stdio::null());
        let said = nginx.output().expect("this test needs nginx");
        assert_eq!(said.status.success(), *is_good, "nginx of {case}: {}", stderr(&said));

        let file = folder.write("own.conf", format!("pid off; {http}"));
        let said = run(millstream().arg("-t").arg("-c").arg(file));
        assert_eq!(said.status.success(), *is_good, "{case}: {}", stderr(&said));
    }
}
