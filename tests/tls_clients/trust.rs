//! Certificates that clients do not accept: each client says why, and so does the log.

use super::*;
use crate::common::tls::certificates::{HERE, Wanted};

/// What is wrong with a certificate of the server, and how that is said by OpenSSL's client, by curl and by ffmpeg's library.
struct Wrong {
    certificate: &'static str,
    openssl: &'static str,
    curl: &'static str,
    ffmpeg: &'static str,
    /// What the alerts of those say in the log.
    logged: &'static str,
}

const WRONGS: [Wrong; 3] = [
    Wrong {
        certificate: "unknown",
        openssl: "unable to get local issuer certificate",
        curl: "unable to get local issuer certificate",
        ffmpeg: "Peer certificate failed verification",
        logged: "UnknownCA",
    },
    Wrong {
        certificate: "expired",
        openssl: "certificate has expired",
        curl: "certificate has expired",
        ffmpeg: "Peer certificate failed verification",
        logged: "CertificateExpired",
    },
    Wrong {
        certificate: "other",
        openssl: "hostname mismatch",
        curl: "no alternative certificate subject name matches target host name 'localhost'",
        ffmpeg: "does not match hostname",
        logged: "BadCertificate",
    },
];

/// Certificates, of which `unknown` is by another authority.
fn certificates() -> (Certificates, Certificates) {
    let others = Certificates::empty();
    others.sign(&Wanted::new("unknown", HERE));
    (Certificates::make(), others)
}

#[test]
fn clients_refuse_a_certificate_that_is_not_trusted_has_expired_or_is_for_another_name() {
    let (certificates, others) = certificates();
    let trusted = authority(&certificates);
    for wrong in WRONGS {
        let by = if wrong.certificate == "unknown" { &others } else { &certificates };
        let server = server(&by.directives(wrong.certificate));
        server.folder.write("www/index.html", "a page");
        let (http, rtmp) = (https(&server), rtmps(&server));

        let verify = ["-verify_return_error", "-verify_hostname", "localhost", "-CAfile", &trusted];
        let connect = rtmp.to_string();
        let (code, said) = ask("openssl", &[&["s_client", "-connect", &connect][..], &verify].concat());
        assert!(code != 0 && said.contains(wrong.openssl), "{said}");
        server.wait_log(&format!("it refuses the certificate of this server ({}) (", wrong.logged));

        let url = format!("https://localhost:{}/index.html", http.port());
        let (code, said) = ask("curl", &["-sS", "--cacert", &trusted, &url]);
        assert!(code == 60 && said.contains(wrong.curl), "{code}: {said}");
        assert_eq!(succeed("curl", &["-sSk", &url]), b"a page");

        let url = format!("rtmps://localhost:{}/live/cam", rtmp.port());
        let play = ["-hide_banner", "-tls_verify", "1", "-ca_file", &trusted, "-i", &url];
        let (code, said) = ask("ffmpeg", &play);
        assert!(code != 0 && said.contains(wrong.ffmpeg), "{said}");

        // GStreamer trusts whom the system trusts, which is none of these.
        let pipeline = ["-q", "rtmp2src", &format!("location={url}"), "!", "fakesink"].map(str::to_owned);
        let (code, said) = ask("gst-launch-1.0", &pipeline.each_ref().map(String::as_str));
        assert!(code != 0 && said.contains("Unacceptable TLS certificate"), "{said}");
    }
}

#[test]
fn certificates_between_the_servers_and_the_authority_have_to_be_in_its_file() {
    let certificates = Certificates::empty();
    certificates.intermediate("between");
    certificates.sign(&Wanted { by: "between", ..Wanted::new("leaf", HERE) });
    let (trusted, chain) = (authority(&certificates), certificates.chain(&["leaf", "between"]));
    let get = |server: &Server| {
        server.folder.write("www/index.html", "a page");
        let url = format!("https://localhost:{}/index.html", https(server).port());
        ask("curl", &["-sS", "--cacert", &trusted, &url])
    };
    let whole = format!(
        "ssl_certificate {}; ssl_certificate_key {};",
        chain.display(),
        certificates.key("leaf").display()
    );
    assert_eq!(get(&server(&whole)), (0, "a page".to_owned()));
    let (code, said) = get(&server(&certificates.directives("leaf")));
    assert!(code == 60 && said.contains("unable to get local issuer certificate"), "{said}");
}
