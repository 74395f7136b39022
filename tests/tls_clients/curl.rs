//! HTTPS as curl asks for it.

use super::*;
use crate::common::free_port;
use crate::common::http::Connection;

/// Bytes in which a piece that is lost, doubled or moved shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at % 251) as u8).collect()
}

#[test]
fn files_ranges_and_heads_come_as_over_plain_http() {
    let certificates = Certificates::make();
    let server = server(&certificates.directives("server"));
    let file = pattern(3_000_000);
    server.folder.write("www/film.mp4", &file);
    server.folder.write("www/index.html", "a page");
    let base = format!("https://localhost:{}", https(&server).port());
    let trust = ["-sS", "--cacert", &authority(&certificates)].map(str::to_owned);
    let get = |more: &[&str]| {
        let arguments: Vec<_> = trust.iter().map(String::as_str).chain(more.iter().copied()).collect();
        succeed("curl", &arguments)
    };
    let film = format!("{base}/film.mp4");
    assert!(get(&[&film]) == file, "the whole file");
    assert!(get(&["--tls-max", "1.2", &film]) == file, "the whole file by TLS 1.2");
    assert!(get(&["-r", "1000000-1999999", &film]) == file[1_000_000..2_000_000], "a range");
    let head = String::from_utf8(get(&["-I", &film])).unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("3000000"), "{head}");
    // On one connection, which is slow to read.
    let both = get(&["--limit-rate", "3M", &film, &format!("{base}/index.html"), "-w", "%{num_connects} "]);
    assert!(both.starts_with(&file) && both.ends_with(b"a page0 "), "{}", both.len());
    let versions = get(&["--http2", "-o", "/dev/null", "-w", "%{http_version} %{scheme}", &film]);
    assert_eq!(String::from_utf8(versions).unwrap().to_lowercase(), "1.1 https");
}

#[test]
fn a_plain_request_at_the_encrypted_port_is_told_so_and_redirects_lead_to_it() {
    let certificates = Certificates::make();
    let server = Server::start(&format!(
        "http {{ server {{ listen 127.0.0.1:{}; return 301 https://$host:$arg_port$uri; }}
                 server {{ listen 127.0.0.1:0 ssl; {} root FOLDER/www; }} }}",
        free_port(),
        certificates.directives("server")
    ));
    server.folder.write("www/folder/index.html", "a page");
    let (encrypted, trust) = (https(&server), authority(&certificates));
    let reply = Connection::open(encrypted).get("/folder/");
    assert_eq!((reply.status, reply.header("connection")), (400, "close"));
    assert!(reply.text().contains("The plain HTTP request was sent to HTTPS port"), "{}", reply.text());
    let url = format!("http://localhost:{}/folder?port={}", server.http().port(), encrypted.port());
    assert_eq!(succeed("curl", &["-sSL", "--cacert", &trust, &url]), b"a page");
}

#[test]
fn a_thousand_requests_on_many_connections_are_all_answered() {
    let certificates = Certificates::make();
    let server = server(&certificates.directives("server"));
    let file = pattern(40_000);
    server.folder.write("www/part.ts", &file);
    let url = format!("https://localhost:{}/part.ts?[1-1000]", https(&server).port());
    let trust = authority(&certificates);
    let got =
        succeed("curl", &["-sS", "-Z", "--parallel-max", "30", "--cacert", &trust, "-w", "%{stderr}", &url]);
    assert_eq!(got.len(), 1000 * file.len());
}
