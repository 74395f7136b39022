//! What certificates say, beside what openssl says; what `-t` says; and the certificates of clients.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::examination::{examine_tls, others_warning};
use super::judge::Judge;
use super::made::{Maker, Pair, chain, client, settings, shake_hands};
use super::{Certificate, KeyKind};
use crate::engine::{Account, ClientVerification, Verification, VerificationMode};
use crate::net::tls::names;
use crate::net::tls::reasons::describe_client;
use crate::net::tls::server::TlsServer;

/// What `openssl x509` says.
fn said(pair: &Pair, option: &[&str]) -> String {
    let output =
        Command::new("openssl").args(["x509", "-noout", "-in"]).arg(&pair.certificate).args(option).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn what_is_shown_of_a_certificate_is_what_openssl_shows() {
    let maker = Maker::new();
    let authority = maker.make(
        "authority",
        &["-subj", "/C=DE/ST=Th\u{fc}ringen/O=A, \"B\" + C/emailAddress=a@b.example", "-utf8"],
    );
    let pair = maker.signed(
        &authority,
        "a",
        &[
            "-subj",
            "/DC=example/OU=#1/CN= cam 1 /serialNumber=78/L=a;b/UID=u/1.2.3.4=x",
            "-set_serial",
            "0x0fedcba987",
        ],
    );
    for pair in [&authority, &pair] {
        let chain = chain(pair);
        let shown = Certificate::read(&chain[0]).unwrap().of_client();
        assert_eq!(*shown.subject, said(pair, &["-subject", "-nameopt", "RFC2253"]));
        assert_eq!(*shown.issuer, said(pair, &["-issuer", "-nameopt", "RFC2253"]));
        assert_eq!(*shown.serial, said(pair, &["-serial"]));
        assert_eq!(*shown.starts, said(pair, &["-startdate"]));
        assert_eq!(*shown.ends, said(pair, &["-enddate"]));
        let fingerprint = said(pair, &["-fingerprint", "-sha1"]).replace(':', "").to_lowercase();
        assert_eq!(*shown.fingerprint, fingerprint);
    }
}

#[test]
fn keys_and_names_are_found() {
    let maker = Maker::new();
    let names = "subjectAltName=DNS:A.example,DNS:*.b.example,IP:127.0.0.1,IP:::1,email:a@b.example";
    for (kind, options) in [
        (KeyKind::P256, &[][..]),
        (KeyKind::P384, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"]),
        (KeyKind::Rsa(3072), &["-newkey", "rsa:3072"]),
        (KeyKind::Ed25519, &["-newkey", "ed25519"]),
        (KeyKind::Other, &["-newkey", "ed448"]),
    ] {
        let chain = chain(&maker.make("a", &[options, &["-addext", names]].concat()));
        let found = Certificate::read(&chain[0]).unwrap();
        assert_eq!(found.key, kind);
        assert_eq!(found.names, ["a.example", "*.b.example", "127.0.0.1", "::1"]);
        for (name, is_for) in [
            ("A.Example", true),
            ("c.b.example", true),
            ("b.example", false),
            ("d.c.b.example", false),
            ("*.b.example", true),
        ] {
            assert_eq!(found.is_for(name), is_for, "{name}");
        }
        // Cut off anywhere.
        assert!((0..chain[0].len()).all(|end| Certificate::read(&chain[0][..end]).is_none()));
    }
}

fn warnings(maker: &Maker, pair: &Pair, names: &[&str]) -> Vec<String> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let found = examine_tls(&settings(&[pair]), &names, &Account::Own);
    assert_eq!(found.error, None);
    let folder = format!("{}/", maker.0.display());
    found.warnings.iter().map(|warning| warning.replace(&folder, "")).collect()
}

#[test]
fn what_will_be_wrong_is_said_before() {
    let maker = Maker::new();
    let names = ["-addext", "subjectAltName=DNS:a.example"];
    let authority = maker.authority("authority");
    let make = |options: &[&str]| maker.signed(&authority, "a", &[&names, options].concat());
    assert_eq!(warnings(&maker, &make(&["-days", "15"]), &["a.example", "localhost", "_"]), [""; 0]);

    let found = warnings(&maker, &make(&["-days", "3"]), &["a.example", "b.example"]);
    assert!(found[0].starts_with("ssl_certificate a.pem: the certificate expires in 2 days ("), "{found:?}");
    assert_eq!(
        found[1],
        "ssl_certificate a.pem: the certificate is for a.example, not for b.example (server_name)"
    );
    assert_eq!(found.len(), 2);

    let found = warnings(&maker, &make(&["-newkey", "rsa:4096", "-days", "30"]), &[]);
    assert!(found[0].contains("an RSA key of 4096 bits takes about 8 times as long"), "{found:?}");
    let access = ["-days", "30", "-addext", "authorityInfoAccess=caIssuers;URI:http://a.example/a"];
    let found = warnings(&maker, &make(&access), &[]);
    assert!(
        found[0].contains(
            "only the certificate itself in the file, without that of its authority (CN=authority)"
        ),
        "{found:?}"
    );

    let pair = make(&["-days", "30"]);
    let whole = [&pair, &maker.authority("other")].map(|pair| fs::read_to_string(&pair.certificate).unwrap());
    fs::write(&pair.certificate, whole.concat()).unwrap();
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o644)).unwrap();
    let found = warnings(&maker, &pair, &[]);
    assert!(found[0].contains("certificate 2 in the file has not signed the one before it"), "{found:?}");
    assert!(
        found[1]
            .starts_with("ssl_certificate_key a.key: every user of this machine may read the key (mode 644)"),
        "{found:?}"
    );
    let found = warnings(&maker, &maker.authority("b"), &["b.example"]);
    assert!(found[1].contains("the certificate has no names (subjectAltName)"), "{found:?}");
}

#[test]
fn certificates_that_are_for_something_else_or_have_expired_are_named() {
    let maker = Maker::new();
    let names = ["-addext", "subjectAltName=DNS:a.example", "-days", "30"];
    let authority = maker.make("authority", &[&names[..], &["-addext", "basicConstraints=CA:TRUE"]].concat());
    let found = warnings(&maker, &authority, &[]);
    assert!(found.len() == 1 && found[0].contains("that of an authority (CA:TRUE)"), "{found:?}");
    for (usage, is_odd) in [
        ("clientAuth", true),
        ("emailProtection,clientAuth", true),
        ("clientAuth,serverAuth", false),
        ("anyExtendedKeyUsage", false),
    ] {
        let usage = format!("extendedKeyUsage={usage}");
        let pair = maker.signed(&authority, "a", &[&names[..], &["-addext", &usage]].concat());
        let found = warnings(&maker, &pair, &[]);
        assert_eq!(found.len(), usize::from(is_odd), "{usage}: {found:?}");
        assert!(
            found.iter().all(|found| found.contains("is not for servers (extendedKeyUsage")),
            "{found:?}"
        );
    }
    let expired = |name, days| Certificate { ends: date(days), ..Certificate::read(name).unwrap() };
    let own = chain(&maker.signed(&authority, "a", &names));
    let above = chain(&authority);
    let warning = others_warning(&[expired(&above[0], 1), expired(&own[0], -1)], date(0));
    assert!(
        warning
            .is_some_and(|warning| warning.contains("certificate 3 in the file, one of an authority, has"))
    );
    assert_eq!(others_warning(&[expired(&above[0], 1)], date(0)), None);
}

/// Some days after the beginning of a year.
fn date(days: i64) -> jiff::civil::DateTime {
    jiff::civil::date(2030, 1, 1).at(0, 0, 0, 0).saturating_add(jiff::Span::new().days(days))
}

#[test]
fn a_file_that_the_later_user_may_not_read_is_named() {
    let maker = Maker::new();
    let pair = maker.make("a", &["-days", "30", "-addext", "subjectAltName=DNS:a.example"]);
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
    let account = Account::Other { name: "nobody".into(), user: 65534, groups: vec![65534] };
    let found = examine_tls(&settings(&[&pair]), &[], &account).warnings;
    let why = "it is read at the start, but user \"nobody\" may not read it";
    assert!(found.iter().any(|found| found.contains(&format!("{}: {why}", pair.key.display()))), "{found:?}");
}

#[test]
fn what_cannot_be_read_is_said_once_and_with_its_file() {
    let maker = Maker::new();
    let pair = maker.make("a", &["-addext", "subjectAltName=DNS:a.example", "-days", "30"]);
    fs::write(&pair.certificate, "").unwrap();
    let found = examine_tls(&settings(&[&pair]), &[], &Account::Own);
    let error = format!("ssl_certificate {}: no certificate in it: it is empty", pair.certificate.display());
    assert_eq!((found.error, found.warnings), (Some(error), Vec::new()));
}

#[test]
fn who_shows_too_much_is_refused_before_anything_is_verified() {
    let maker = Maker::new();
    let authority = maker.authority("authority");
    let mut settings = settings(&[&maker.make("a", &[])]);
    let authorities = Some(authority.certificate.clone());
    settings.clients = ClientVerification { mode: VerificationMode::Optional, authorities, depth: 1 };
    let server = TlsServer::load(&settings).unwrap();
    let own = maker.signed(&authority, "own", &[]);
    let whole = fs::read_to_string(&own.certificate).unwrap();
    let others: Vec<_> = (0..6).map(|number| maker.authority(&format!("other{number}"))).collect();
    let twins: Vec<_> =
        (0..3).map(|number| maker.make(&format!("twin{number}"), &["-subj", "/CN=twin"])).collect();
    let long = maker.make("long", &["-addext", &format!("nsComment={}", "x".repeat(9000))]);
    let result = |own: &Pair, others: &[&Pair]| {
        let texts = others.iter().map(|pair| fs::read_to_string(&pair.certificate).unwrap());
        let own_text = if own.certificate.ends_with("own.pem") {
            whole.clone()
        } else {
            fs::read_to_string(&own.certificate).unwrap()
        };
        let shown = Pair { certificate: maker.0.join("shown.pem"), key: own.key.clone() };
        fs::write(&shown.certificate, own_text + &texts.collect::<String>()).unwrap();
        let found = shake_hands(&server, &Arc::new(client(&[], Some(&shown))));
        found
            .map(|(found, _)| server.client(found.peer_certificates()).0)
            .map_err(|error| describe_client(&error))
    };
    let all: Vec<_> = others.iter().collect();
    let twins: Vec<_> = twins.iter().collect();
    let refused = |why: &str| Err(format!("its certificate is refused (it has shown {why})"));
    assert_eq!(result(&own, &[]), Ok(Verification::Success));
    assert_eq!(result(&own, &[&authority]), Ok(Verification::Success), "its root as well");
    assert_eq!(result(&own, &[&authority; 20]), Ok(Verification::Success), "one again and again");
    assert_eq!(result(&own, &all[..5]), Ok(Verification::Success));
    assert_eq!(result(&own, &all), refused("too many certificates"));
    assert_eq!(result(&own, &twins[..2]), Ok(Verification::Success));
    assert_eq!(result(&own, &twins), refused("too many certificates of one name"));
    assert_eq!(result(&long, &[]), refused("certificates that are too long"));
}

#[test]
fn of_the_names_in_a_certificate_the_beginning_is_kept() {
    let maker = Maker::new();
    let name: String = (0..40).map(|number| format!("/OU={}{number}", "\u{1}".repeat(60))).collect();
    let long = maker.make("long", &["-subj", &name]);
    let chain = chain(&long);
    let found = Certificate::read(&chain[0]).unwrap().of_client();
    assert_eq!((found.subject.len(), found.issuer.len()), (1024, 1024));
    assert!(found.subject.starts_with("OU=\\01\\01"), "{}", found.subject);
}

#[test]
fn certificates_of_clients_are_judged_in_the_words_of_openssl() {
    let maker = Maker::new();
    let (authority, other) = (maker.authority("authority"), maker.authority("other"));
    let middle = maker.make(
        "middle",
        &[
            "-CA",
            authority.certificate.to_str().unwrap(),
            "-CAkey",
            authority.key.to_str().unwrap(),
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ],
    );
    let below = maker.signed(&middle, "below", &[]);
    let shown = |pairs: &[&Pair]| pairs.iter().flat_map(|pair| chain(pair)).collect::<Vec<_>>();
    let judge = |depth| {
        let authorities = Some(authority.certificate.clone());
        let clients = ClientVerification { mode: VerificationMode::On, authorities, depth };
        Judge::load(&clients, &Arc::new(names::provider(&[], &[]))).unwrap().unwrap()
    };
    let (judge, strict) = (judge(1), judge(0));
    let later = UnixTime::now().as_secs() + 7 * 24 * 3600;
    let later = UnixTime::since_unix_epoch(Duration::from_secs(later));
    let failed = |why: &str| Verification::Failed(why.into());
    let untrusted = |why: &str| Verification::Untrusted(why.into());

    let good = shown(&[&maker.signed(&authority, "good", &["-addext", "extendedKeyUsage=clientAuth"])]);
    assert_eq!(judge.judge(&good, UnixTime::now()), Verification::Success);
    assert_eq!(judge.judge(&good, later), failed("certificate has expired"));
    assert_eq!(judge.judge(&[], UnixTime::now()), Verification::None);
    assert_eq!(judge.judge(&shown(&[&authority]), UnixTime::now()), Verification::Success);
    assert_eq!(judge.judge(&shown(&[&other]), UnixTime::now()), untrusted("self-signed certificate"));
    let unknown = maker.signed(&other, "unknown", &[]);
    assert_eq!(
        judge.judge(&shown(&[&unknown]), UnixTime::now()),
        untrusted("unable to verify the first certificate")
    );
    assert_eq!(
        judge.judge(&shown(&[&unknown, &other]), UnixTime::now()),
        untrusted("self-signed certificate in certificate chain")
    );
    let for_servers = maker.signed(&authority, "servers", &["-addext", "extendedKeyUsage=serverAuth"]);
    assert_eq!(
        judge.judge(&shown(&[&for_servers]), UnixTime::now()),
        failed("unsuitable certificate purpose")
    );
    assert_eq!(judge.judge(&shown(&[&below, &middle]), UnixTime::now()), Verification::Success);
    assert_eq!(
        strict.judge(&shown(&[&below, &middle]), UnixTime::now()),
        failed("certificate chain too long")
    );
}
