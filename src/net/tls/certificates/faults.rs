//! What is said of files that cannot be used.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::made::{Maker, Pair, settings};
use crate::engine::ServerTls;
use crate::net::tls::server::TlsServer;

fn fault(settings: &ServerTls) -> String {
    TlsServer::load(settings).unwrap_err()
}

#[test]
fn what_cannot_be_used_is_told_with_its_directive_and_file() {
    let maker = Maker::new();
    let (a, b) = (maker.make("a", &[]), maker.make("b", &[]));
    let shown = |why: &str| why.replace(&format!("{}/", maker.0.display()), "");
    let pair = |certificate: &Pair, key: &Pair| Pair {
        certificate: certificate.certificate.clone(),
        key: key.key.clone(),
    };
    let why = shown(&fault(&settings(&[&pair(&a, &b)])));
    assert_eq!(why, "ssl_certificate a.pem: the key in b.key is that of another certificate");

    let [own, other] = [&a, &b].map(|pair| fs::read_to_string(&pair.certificate).unwrap());
    fs::write(&a.certificate, format!("{other}{own}")).unwrap();
    let why = shown(&fault(&settings(&[&a])));
    assert!(
        why.starts_with("ssl_certificate a.pem: its own certificate has to be the first one in the file"),
        "{why}"
    );

    for (contents, expected) in [
        (String::new(), "no certificate in it: it is empty"),
        (format!("\u{feff}{own}"), "no certificate in it: it begins with a byte order mark"),
        (own.repeat(200), "200 certificates of "),
        (own[..own.len() - 40].to_owned(), "is no whole PEM file: its end is missing"),
        (own.replace("MII", "MIJ"), "the certificate cannot be read"),
        (own.replace("MII", "!!!"), "is no PEM file"),
    ] {
        fs::write(&a.certificate, contents).unwrap();
        let why = shown(&fault(&settings(&[&a])));
        assert!(why.starts_with(&format!("ssl_certificate a.pem: {expected}")), "{why}");
    }
    symlink("nowhere", maker.0.join("link.key")).unwrap();
    let link = pair(&b, &Pair { key: maker.0.join("link.key"), ..b.clone() });
    assert!(shown(&fault(&settings(&[&link]))).ends_with("it is a link to a file that is not there"));
    let missing = pair(&b, &Pair { key: maker.0.join("c.key"), ..b.clone() });
    assert!(shown(&fault(&settings(&[&missing]))).starts_with("ssl_certificate_key c.key: No such file"));
}

/// Makes a file by openssl of a certificate and its key.
fn made_by_openssl(arguments: &str, pair: &Pair, file: &Path) {
    let mut command = Command::new("openssl");
    for argument in arguments.split_whitespace() {
        match argument {
            "CERTIFICATE" => command.arg(&pair.certificate),
            "KEY" => command.arg(&pair.key),
            _ => command.arg(argument),
        };
    }
    let made = command.arg("-out").arg(file).output().unwrap();
    assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn files_in_other_formats_are_told_with_what_makes_pem_of_them() {
    let maker = Maker::new();
    let (own, file) = (maker.make("own", &[]), maker.0.join("other"));
    for (arguments, of_certificate, of_key) in [
        ("x509 -in CERTIFICATE -outform DER", "it is DER, not PEM: \"openssl x509 -inform DER", "exchanged?"),
        ("x509 -in CERTIFICATE -trustout", "format of OpenSSL's own", "exchanged?"),
        ("pkey -in KEY", "exchanged?", ""),
        ("pkey -in KEY -outform DER", "a binary format", "it is DER, not PEM: \"openssl pkey -inform DER"),
        ("pkey -in KEY -pubout", "", "only the public half"),
        ("crl2pkcs7 -nocrl -certfile CERTIFICATE", "openssl pkcs7 -print_certs -in ", ""),
        (
            "crl2pkcs7 -nocrl -certfile CERTIFICATE -outform DER",
            "openssl pkcs7 -inform DER -print_certs -in ",
            "",
        ),
        (
            "pkcs12 -export -in CERTIFICATE -inkey KEY -passout pass:x",
            "it is PKCS#12, not PEM: \"openssl pkcs12 -in ",
            "-nocerts -nodes -out NEW",
        ),
        ("req -new -key KEY -subj /CN=own", "it is a request for a certificate (CSR)", "(CSR)"),
    ] {
        made_by_openssl(arguments, &own, &file);
        let why = fault(&settings(&[&Pair { certificate: file.clone(), ..own.clone() }]));
        let start = format!("ssl_certificate {}: no certificate in it", file.display());
        assert!(why.starts_with(&start) && why.contains(of_certificate), "{arguments}: {why}");
        let why = TlsServer::load(&settings(&[&Pair { key: file.clone(), ..own.clone() }]));
        match why {
            Ok(_) => assert_eq!(arguments, "pkey -in KEY"),
            Err(why) => {
                let start = format!("ssl_certificate_key {}: no key in it", file.display());
                assert!(why.starts_with(&start) && why.contains(of_key), "{arguments}: {why}");
            }
        }
    }
}

#[test]
fn keys_that_cannot_be_used_are_told_with_what_to_do() {
    let maker = Maker::new();
    for (options, expected) in [
        (&["-newkey", "rsa:1024"][..], "an RSA key of 1024 bits cannot be used"),
        (&["-newkey", "ed448"], "a key of this kind cannot be used: take ECDSA"),
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"], "a key of this kind cannot be used"),
    ] {
        let why = fault(&settings(&[&maker.make("a", options)]));
        assert!(why.contains(&format!("a.key: {expected}")), "{why}");
    }
    let pair = maker.make("a", &[]);
    for option in ["-aes128", "-aes256"] {
        let locked = maker.0.join("locked.key");
        let mut command = Command::new("openssl");
        command.arg(if option == "-aes128" { "ec" } else { "pkey" }).arg("-in").arg(&pair.key);
        command.args([option, "-passout", "pass:secret", "-out"]).arg(&locked);
        assert!(command.output().unwrap().status.success());
        let why = fault(&settings(&[&Pair { key: locked, ..pair.clone() }]));
        assert!(
            why.contains("locked.key: the key has a password") && why.contains("openssl pkey -in"),
            "{why}"
        );
    }
}
