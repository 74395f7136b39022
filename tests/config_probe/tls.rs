//! What `-t` says of TLS, beside the certificates themselves.

use super::test_in;
use crate::common::Folder;

#[test]
fn certificates_of_clients_that_nobody_is_asked_for_are_told() {
    let folder = Folder::new();
    for name in ["a.pem", "a.key"] {
        folder.write(name, "");
    }
    // The files are looked at after all else, and are no certificates.
    let said = |servers: &str| {
        let text = format!(
            "http {{ ssl_client_certificate FOLDER/a.pem;\nserver {{ listen 127.0.0.1:8443 ssl; \
             ssl_certificate FOLDER/a.pem; ssl_certificate_key FOLDER/a.key; }}\n{servers}\n}}"
        );
        test_in(&folder, &text).1
    };
    let plain = "server { listen 127.0.0.1:8081;\nssl_verify_client on; }";
    let message = "nobody is asked for a certificate at \"listen 127.0.0.1:8081\", which has no ssl";
    assert!(said(plain).contains(&format!("c.conf:4: warning: {message}")), "{}", said(plain));
    let shared = "server { listen 127.0.0.1:8443; server_name b;\nssl_verify_client on; }";
    assert!(
        said(shared).contains("c.conf:4: warning: this server has no ssl_certificate"),
        "{}",
        said(shared)
    );
    assert!(
        said(shared).contains("c.conf:3: warning: connections to 127.0.0.1:8443 are encrypted"),
        "{}",
        said(shared)
    );
    let covered = "server { listen 8443; server_name c; ssl_certificate FOLDER/a.pem; ssl_certificate_key FOLDER/a.key; }\n\
                   server { listen 127.0.0.1:8443; server_name b; }";
    assert!(
        said(covered).contains("c.conf:4: warning: connections to 127.0.0.1:8443 are encrypted"),
        "{}",
        said(covered)
    );
}

#[test]
fn what_tls_has_not_is_an_error_or_told() {
    let folder = Folder::new();
    const PAIR: &str = "ssl_certificate FOLDER/a.pem; ssl_certificate_key FOLDER/a.key;";
    for (server, expected) in [
        (
            "listen unix:/run/x.sock ssl;",
            "c.conf:2: unix:/run/x.sock: TLS is not spoken at Unix sockets: leave ssl out",
        ),
        ("ssl on; listen unix:/run/x.sock;", "TLS is not spoken at Unix sockets"),
        (
            "listen 127.0.0.1:8443 ssl; ssl_client_certificate FOLDER/a.pem; ssl_verify_client on;\n\
             ssl_trusted_certificate FOLDER/b.pem;",
            "c.conf:3: clients are verified by \"ssl_client_certificate\" alone: put the certificates of this file into that",
        ),
    ] {
        let (is_good, said) = test_in(&folder, &format!("http {{\nserver {{ {PAIR} {server} }} }}"));
        assert!(!is_good && said.contains(expected), "{server}: {said}");
    }
    let told = "listen 127.0.0.1:8443 ssl http2; ssl_protocols TLSv1 TLSv1.2; ssl_ecdh_curve X25519:sect571r1; \
                ssl_session_timeout 1d; ssl_ciphers DHE-RSA-AES128-SHA:HIGH;";
    let (_, said) = test_in(&folder, &format!("http {{\nserver {{ {PAIR} {told} }} }}"));
    for part in [
        "\"http2\" is accepted, and HTTP/1.1 is spoken",
        "TLSv1 is not spoken",
        "there is no curve sect571r1",
        "it counts as 6h",
        "there is no suite DHE-RSA-AES128-SHA",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
