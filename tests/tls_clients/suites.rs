//! Which versions, suites and curves OpenSSL's client can agree on with the server, and what it is refused.

use super::*;
use crate::common::tls::certificates::{HERE, Key, Wanted};
use crate::common::tls::openssl::{s_client, value};
use crate::common::{SOON, until};

/// What docs/tls.md lists, by the kind of key.
const TLS12: [(Key, [&str; 3]); 2] = [
    (
        Key::P256,
        ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    ),
    (
        Key::Rsa2048,
        ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
    ),
];
const TLS13: [&str; 3] = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
const CURVES: [(&str, &str); 3] =
    [("X25519", "X25519"), ("prime256v1", "ECDH, prime256v1"), ("secp384r1", "ECDH, secp384r1")];

const GET: &str = "GET /index.html HTTP/1.0\r\n\r\n";

/// What is asked for over HTTPS is served, by a certificate that is verified, and with these two of OpenSSL's lines.
fn is_served(server: &Server, certificates: &Certificates, arguments: &str, lines: &[(&str, &str)]) {
    let verified =
        format!("{arguments} -servername localhost -verify_return_error -CAfile {}", authority(certificates));
    let said = s_client(https(server), &verified, GET);
    assert!(said.contains("HTTP/1.0 200") || said.contains("HTTP/1.1 200"), "{arguments}: {said}");
    assert!(said.contains("a page"), "{arguments}: {said}");
    assert!(said.contains("Verification: OK"), "{arguments}: {said}");
    for (name, expected) in lines {
        assert!(value(&said, name).starts_with(expected), "{arguments}: {name}: {said}");
    }
}

/// A certificate with such a key, and a server that shows it.
fn showing(key: Key) -> (Certificates, Server) {
    let certificates = Certificates::empty();
    certificates.sign(&Wanted { key, ..Wanted::new("server", HERE) });
    let server = server(&certificates.directives("server"));
    server.folder.write("www/index.html", "a page");
    (certificates, server)
}

#[test]
fn every_suite_and_curve_of_the_guide_is_spoken_with_either_kind_of_key() {
    for (key, suites) in TLS12 {
        let (certificates, server) = showing(key);
        for suite in suites {
            let lines = [("Protocol", "TLSv1.2"), ("Cipher", suite)];
            is_served(&server, &certificates, &format!("-tls1_2 -cipher {suite}"), &lines);
        }
        for suite in TLS13 {
            let said = format!("New, TLSv1.3, Cipher is {suite}");
            let arguments = format!("-tls1_3 -ciphersuites {suite}");
            is_served(&server, &certificates, &arguments, &[]);
            let verified = format!("{arguments} -servername localhost -CAfile {}", authority(&certificates));
            assert!(s_client(https(&server), &verified, GET).contains(&said), "{suite}");
        }
        // By TLS 1.2, the curves are also those of keys.
        let versions = if key == Key::P256 { &["-tls1_3"][..] } else { &["-tls1_2", "-tls1_3"] };
        for (curve, shown) in CURVES {
            for version in versions {
                let lines = [("Server Temp Key", shown)];
                is_served(&server, &certificates, &format!("{version} -curves {curve}"), &lines);
            }
        }
    }
}

#[test]
fn what_is_broken_or_slow_is_refused_and_the_log_says_what_the_client_offers() {
    let (_certificates, server) = showing(Key::Rsa2048);
    let refused = [
        ("-tls1 -cipher DEFAULT:@SECLEVEL=0", "protocol version", "its versions of TLS are too old (TLSv1, "),
        (
            "-tls1_1 -cipher DEFAULT:@SECLEVEL=0",
            "protocol version",
            "its versions of TLS are too old (TLSv1.1, ",
        ),
        ("-tls1_2 -cipher ECDHE-RSA-AES128-SHA", "handshake failure", "ECDHE-RSA-AES128-SHA"),
        ("-tls1_2 -cipher AES128-GCM-SHA256", "handshake failure", "AES128-GCM-SHA256"),
        ("-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", "handshake failure", "DHE-RSA-AES128-GCM-SHA256"),
        ("-tls1_2 -cipher AECDH-AES128-SHA:@SECLEVEL=0", "handshake failure", "0xc018"),
        (
            "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
            "handshake failure",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        ("-tls1_3 -curves secp521r1", "handshake failure", "curve (ssl_ecdh_curve)"),
    ];
    for (arguments, alert, logged) in refused {
        for (address, name) in [(https(&server), "pages.example"), (rtmps(&server), "streams.example")] {
            let line =
                |line: &String| line.contains(" closed: ") && line.contains(&format!(", for {name}; alert "));
            let lines = || server.lines("no TLS: ").into_iter().filter(line).collect::<Vec<_>>();
            let before = lines().len();
            let said = s_client(address, &format!("{arguments} -servername {name}"), "");
            assert!(said.contains(&format!("alert {alert}")), "{arguments}: {said}");
            let lines =
                until("a line of the log", SOON, || Some(lines()).filter(|lines| lines.len() > before));
            assert!(
                lines[before..].iter().all(|line| line.contains(logged)),
                "{arguments}: {logged}: {lines:?}"
            );
        }
    }
    assert!(s_client(https(&server), "-servername localhost", GET).contains("a page"), "others are served");
}

#[test]
fn a_list_that_was_made_for_nginx_leaves_what_there_is() {
    let certificates = Certificates::empty();
    certificates.sign(&Wanted { key: Key::Rsa2048, ..Wanted::new("server", HERE) });
    let mozilla = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
                   ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
                   DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
    let own = format!(
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {mozilla}; ssl_prefer_server_ciphers on; {}",
        certificates.directives("server")
    );
    let server = server(&own);
    server.folder.write("www/index.html", "a page");
    let lines = [("Cipher", "ECDHE-RSA-AES128-GCM-SHA256")];
    is_served(&server, &certificates, "-tls1_2", &lines);
}

#[test]
fn http_1_1_is_what_is_agreed_on_and_a_client_that_only_knows_others_is_refused() {
    let (certificates, server) = showing(Key::P256);
    is_served(&server, &certificates, "-alpn h2,http/1.1", &[("ALPN protocol", "http/1.1")]);
    let said = s_client(https(&server), "-alpn h2 -servername localhost", GET);
    assert!(said.contains("alert no application protocol"), "{said}");
    server.wait_log("it speaks none of the protocols of HTTP that are here (ALPN) (TLSv1.3 TLSv1.2");
    is_served(&server, &certificates, "", &[]);
    // A player that speaks HTTP to RTMPS is told so in the log, and OpenSSL shows what was agreed on.
    for arguments in ["-alpn h2,http/1.1", "-alpn rtmp", ""] {
        let said = s_client(rtmps(&server), &format!("{arguments} -servername localhost"), GET);
        assert!(said.contains("No ALPN negotiated"), "{arguments}: {said}");
    }
    server.wait_lines("closed: not RTMP but HTTP", 3);
}

#[test]
fn handshakes_are_shortened_over_https_and_no_tickets_are_sent_over_rtmps() {
    let (certificates, server) = showing(Key::P256);
    let kept = certificates.folder().join("kept");
    for version in ["-tls1_2", "-tls1_3"] {
        let first = format!("{version} -servername localhost -sess_out {}", kept.display());
        assert!(s_client(https(&server), &first, GET).contains("a page"));
        let again = format!("{version} -servername localhost -sess_in {}", kept.display());
        let said = s_client(https(&server), &again, GET);
        assert!(said.contains("Reused, TLSv1"), "{version}: {said}");
        let said = s_client(rtmps(&server), &format!("{version} -servername localhost"), GET);
        assert!(
            !said.contains("New Session Ticket") && !said.contains("TLS session ticket:"),
            "{version}: {said}"
        );
    }
    let with_tickets =
        super::server(&format!("ssl_session_tickets on; {}", certificates.directives("server")));
    let said = s_client(rtmps(&with_tickets), "-tls1_3 -servername localhost", GET);
    assert!(said.contains("New Session Ticket"), "{said}");
}

#[test]
fn nothing_that_was_attacked_in_the_past_is_there() {
    let (_certificates, server) = showing(Key::P256);
    let said = s_client(https(&server), "-tls1_2 -servername localhost", GET);
    for safe in ["Secure Renegotiation IS supported", "Compression: NONE", "Extended master secret: yes"] {
        assert!(said.contains(safe), "{safe}: {said}");
    }
    // A client that has tried a newer version before, and was kept from it.
    let said = s_client(https(&server), "-tls1_2 -fallback_scsv -servername localhost", GET);
    assert!(said.contains("inappropriate fallback"), "{said}");
    let said = s_client(https(&server), "-status -servername localhost", GET);
    assert!(said.contains("OCSP response: no response sent"), "{said}");
    let said = s_client(https(&server), "-tls1_3 -servername localhost", GET);
    assert!(said.contains("Max Early Data: 0"), "{said}");
}
