//! Backends with TLS: which certificates are believed, and what is said about those that are not.

use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::common::backend::python::PythonBackend;
use crate::common::tls::certificates::Certificates;
use crate::common::{SOON, millstream, run, stderr};

/// A server whose publishes a backend decides at this URL, with these directives for TLS.
fn asking(url: &str, of_live: &str) -> Server {
    server("", &format!("on_publish {url}{SECRET}; {of_live}"))
}

/// A publish is granted.
fn is_granted(url: &str, of_live: &str) {
    let server = asking(url, of_live);
    drop(Client::publish(server.rtmp(), &format!("cam{SECRET}")));
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

/// A publish is refused while others go on; the text in the log is one of these.
fn is_refused(url: &str, of_live: &str, whys: &[&str]) {
    let server = asking(url, of_live);
    let mut others = Others::new(&server);
    let said = refused(&server, &format!("cam{SECRET}"));
    assert_eq!(said, (BAD_NAME.to_owned(), NOT_ASKED.to_owned()), "{url} {of_live}");
    let line = server.wait_log(&format!(" closed: publish live/\"cam\" refused: on_publish {url}: "));
    assert!(whys.iter().any(|why| line.contains(&format!("{why} ("))), "{line}");
    server.expect_lines("refused: ", 1);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    others.go_on();
}

fn trust(certificates: &Certificates) -> String {
    format!("ssl_trusted_certificate {};", certificates.authority().display())
}

#[test]
fn a_backend_is_believed_if_its_certificate_is_signed_by_one_who_is_trusted() {
    let certificates = Certificates::make();
    let backend = PythonBackend::with_tls(&certificates, "server");
    for url in [backend.url("/200"), backend.url_by("localhost", "/200"), backend.url("/long")] {
        is_granted(&url, &trust(&certificates));
    }
    assert_eq!(backend.requests()[0].field("key"), "s3cret");
    let why = "its certificate is signed by nobody who is trusted (ssl_trusted_certificate)";
    is_refused(&backend.url("/200"), "", &[why]);
    is_granted(&backend.url("/200"), "ssl_verify off;");
    let backend = PythonBackend::with_tls(&certificates, "expired");
    is_refused(&backend.url("/200"), &trust(&certificates), &["its certificate has expired"]);
    is_granted(&backend.url("/200"), "ssl_verify off;");
    let backend = PythonBackend::with_tls(&certificates, "other");
    for host in ["127.0.0.1", "localhost"] {
        let why = format!("its certificate is for another name than {host}");
        is_refused(&backend.url_by(host, "/200"), &trust(&certificates), &[&why]);
    }
    assert_eq!(backend.requests().len(), 0, "it has heard nothing");
}

#[test]
fn connections_with_tls_are_used_again() {
    let certificates = Certificates::make();
    let backend = PythonBackend::with_tls(&certificates, "server");
    let server = asking(&backend.url("/200"), &trust(&certificates));
    for name in ["a", "b", "c"] {
        drop(Client::publish(server.rtmp(), name));
        server.wait_log(&format!("stops publishing live/{name} "));
    }
    let connections: Vec<_> = backend.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[test]
fn ssl_verify_off_is_warned_of() {
    let server = Server::live("");
    server.configure(&configuration("", "on_publish https://127.0.0.1/; ssl_verify off;"));
    let file = server.folder.join("millstream.conf");
    let output = run(millstream().arg("-t").arg("-c").arg(file));
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("anybody between this server and an https backend can answer in its place"),
        "{said}"
    );
}

#[test]
fn a_certificate_of_its_own_is_shown_where_one_is_asked_for() {
    let certificates = Certificates::make();
    let backend = PythonBackend::for_known_clients(&certificates);
    let url = backend.url("/200");
    let why = "it refuses the certificate of this server, or wants one (CertificateRequired; netcall_ssl_certificate)";
    is_refused(&url, &trust(&certificates), &[why]);
    let file = |name: &str| certificates.certificate(name).display().to_string();
    let own = format!(
        "netcall_ssl_certificate {}; netcall_ssl_certificate_key {};",
        file("client"),
        certificates.key("client").display()
    );
    is_granted(&url, &format!("{} {own}", trust(&certificates)));
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn an_answer_that_ends_with_the_connection_counts_only_if_that_end_is_announced() {
    let certificates = Certificates::make();
    let backend = PythonBackend::with_tls(&certificates, "server");
    is_granted(&backend.url("/until-close"), &trust(&certificates));
    is_refused(
        &backend.url("/cut-off"),
        &trust(&certificates),
        &["the connection was lost in the middle of the answer"],
    );
    assert_eq!(backend.requests().len(), 2, "it is not asked again");
    // Without TLS nobody could tell.
    let backend = PythonBackend::start("HTTP/1.1");
    is_granted(&backend.url("/cut-off"), "");
}

#[test]
fn http_where_https_is_expected_refuses_and_the_other_way_round() {
    let backend = PythonBackend::start("HTTP/1.1");
    let url = backend.url("/200").replace("http:", "https:");
    is_refused(&url, "", &["it does not speak TLS"]);
    assert_eq!(backend.requests().len(), 0);

    let certificates = Certificates::make();
    let backend = PythonBackend::with_tls(&certificates, "server");
    let url = backend.url("/200").replace("https:", "http:");
    is_refused(&url, "", &["no HTTP but TLS", "the connection was closed without an answer"]);
}

#[test]
fn a_handshake_that_hangs_is_given_up_when_its_time_is_over() {
    // The kernel takes the connection, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = server("netcall_timeout 1s;", &format!("on_publish {url};"));
    let mut others = Others::new(&server);
    let begun = Instant::now();
    let mut raw = Raw::connected(server.rtmp(), "live");
    raw.publish("cam");
    others.go_on();
    assert_eq!(refusal(&mut raw), (BAD_NAME.to_owned(), NOT_ASKED.to_owned()));
    assert!(begun.elapsed() < SOON);
    assert_logged(&server, "publish live/\"cam\"", &format!("on_publish {url}: no answer in time"));
    others.go_on();
}
