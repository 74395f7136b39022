//! No way that a configuration leads to a guarded file leads around the credentials.

use std::fs;
use std::os::unix::fs::symlink;

use super::{HLS, expect_private, link, publish, some, uris};
use crate::common::http::{Connection, get};
use crate::common::{Folder, Server};

/// Locations that lead to the files of the stream in different ways. FOLDER/link leads to FOLDER.
const LOCATIONS: &str = r"
    location /hls/ { root FOLDER; }
    location /alias/ { alias FOLDER/hls/; }
    location /dots/ { alias FOLDER/www/../hls/./; }
    location /linked/ { alias FOLDER/link/hls/; }
    location /inside/ { alias FOLDER/www/; }
    location ~ ^/regex/(.*)$ { alias FOLDER/hls/$1; }
    location ~ ^/to-link/(.+)\.(m3u8|ts)$ { alias FOLDER/link/hls/$1.$2; }
    location /tried/ { alias FOLDER/hls/; try_files $uri =404; }
    location /tried-else/ { root FOLDER; try_files /nothing$uri /hls/cam.m3u8$is_args$args; }
    location /hls/cam-0 { root FOLDER; try_files /nothing @files; }
    location @files { root FOLDER; }
    location /index/ { alias FOLDER/hls/; index cam.m3u8; }
    location = /one { alias FOLDER/hls/cam.m3u8; }
    location /pages/ { alias FOLDER/hls/; error_page 403 /www/refused.html; }
    location /page-200/ { alias FOLDER/hls/; error_page 403 =200 /www/refused.html; }
    location /to-itself/ { alias FOLDER/hls/; error_page 403 /hls/cam.m3u8; }
    location /to-segment/ { alias FOLDER/hls/; error_page 403 =200 /hls/cam-0.ts; }
    location /returns/ { error_page 418 = /hls/cam.m3u8$is_args$args; return 418; }
    location /kept/ { alias FOLDER/hls/; expires max; add_header Cache-Control public always; }
    location /typed/ { alias FOLDER/hls/; types { text/plain m3u8 ts; } default_type text/plain; }
    location /www/ { root FOLDER; }
";

/// The ways to the playlist and to a fragment; NAME.EXTENSION stands for the file.
const WAYS: [&str; 11] = [
    "/hls/",
    "/alias/",
    "/dots/",
    "/linked/",
    "/regex/",
    "/to-link/",
    "/tried/",
    "/pages/",
    "/kept/",
    "/typed/",
    "//hls/",
];

fn server() -> Server {
    let folder = Folder::new();
    folder.write("www/refused.html", "refused");
    let path = folder.to_str().unwrap().to_owned();
    symlink(&path, folder.join("link")).unwrap();
    symlink(format!("{path}/hls"), folder.join("www/hls")).unwrap();
    symlink(&path, folder.join("www/link")).unwrap();
    let text = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; {LOCATIONS} }} }}"
    );
    let server = Server::start_in(folder, &text);
    publish(&server, "cam", &some());
    server
}

/// Whether an answer holds anything of a file of the stream.
fn shows_a_file(body: &[u8]) -> bool {
    body.starts_with(b"#EXTM3U") || body.first() == Some(&0x47)
}

#[test]
fn every_way_to_a_guarded_file_asks_for_credentials() {
    let server = server();
    let mut connection = Connection::open(server.http());
    let expected = {
        let reply = connection.get(&format!("/hls/cam.m3u8?{}", link("cam")));
        expect_private(&reply, "the playlist");
        reply.text()
    };
    let first = uris(&expected)[0].clone();
    let fragment = fs::read(server.folder.join("hls/cam-0.ts")).unwrap();
    for way in WAYS {
        for (file, right) in [("cam.m3u8", format!("cam.m3u8?{}", link("cam"))), ("cam-0.ts", first.clone())]
        {
            for query in ["", "?key=x", "?t=AAAAAAAAAAAA"] {
                for fields in ["", "Range: bytes=0-100\r\n", "If-None-Match: \"x\"\r\n"] {
                    let reply = connection.request("GET", &format!("{way}{file}{query}"), fields);
                    assert!(!shows_a_file(&reply.body), "{way}{file}{query}");
                    assert_eq!(
                        (reply.status, reply.header("cache-control")),
                        (403, "no-store"),
                        "{way}{file}{query}"
                    );
                }
            }
            let reply = connection.get(&format!("{way}{right}"));
            assert_eq!(reply.status, 200, "{way}{right}");
            if file == "cam.m3u8" {
                expect_private(&reply, way);
                assert_eq!(reply.text(), expected, "{way}");
            } else {
                assert_eq!(reply.body, fragment, "{way}");
            }
        }
    }
}

#[test]
fn pages_of_errors_and_indexes_are_no_ways_around_credentials() {
    let server = server();
    let mut connection = Connection::open(server.http());
    for target in [
        "/tried-else/x",
        "/index/",
        "/one",
        "/page-200/cam.m3u8",
        "/page-200/cam-0.ts",
        "/to-itself/cam.m3u8",
        "/to-itself/cam-0.ts",
        "/to-segment/cam.m3u8",
        "/to-segment/cam-0.ts",
        "/returns/x",
    ] {
        for query in ["", "?key=x", "?t=AAAAAAAAAAAA"] {
            let reply = connection.get(&format!("{target}{query}"));
            assert!(!shows_a_file(&reply.body), "{target}{query}: {}", reply.status);
            assert_eq!(reply.header("cache-control"), "no-store", "{target}{query}: {reply:?}");
        }
    }
    // Below the folder of a location no link is followed.
    for target in ["/inside/hls/cam.m3u8", "/inside/link/hls/cam.m3u8", "/inside/link/hls/cam-0.ts"] {
        assert_eq!(connection.get(&format!("{target}?{}", link("cam"))).status, 404, "{target}");
    }
    assert_eq!(get(server.http(), "/pages/cam.m3u8").text(), "refused");
    for target in ["/tried-else/x", "/index/", "/one", "/returns/x"] {
        let reply = connection.get(&format!("{target}?{}", link("cam")));
        assert_eq!(reply.status, 200, "{target}");
        expect_private(&reply, target);
        assert!(uris(&reply.text()).iter().all(|uri| uri.contains("?t=")), "{target}: {}", reply.text());
    }
}

#[test]
fn a_file_in_memory_is_guarded_on_every_way_to_it() {
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} hls_memory on; hls_nested on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0;
            location /hls/ {{ root FOLDER; index index.m3u8; }}
            location /alias/ {{ alias FOLDER/hls/; }}
            location ~ ^/regex/(.*)$ {{ alias FOLDER/hls/$1; }}
            location /tried/ {{ alias FOLDER/hls/; try_files $uri $uri/index.m3u8 =404; }}
            location /else/ {{ root FOLDER; try_files /nothing /hls/cam/index.m3u8$is_args$args; }} }} }}"
    ));
    publish(&server, "cam", &some());
    let list = get(server.http(), &format!("/hls/cam/index.m3u8?{}", link("cam"))).text();
    let fragment = uris(&list)[0].split('?').next().unwrap().to_owned();
    let mut connection = Connection::open(server.http());
    for target in [
        "/hls/cam/",
        "/hls/cam/index.m3u8",
        "/hls/cam/FRAGMENT",
        "/alias/cam/index.m3u8",
        "/alias/cam/FRAGMENT",
        "/regex/cam/index.m3u8",
        "/regex/cam/FRAGMENT",
        "/tried/cam/index.m3u8",
        "/tried/cam/FRAGMENT",
        "/tried/cam",
        "/else/x",
    ] {
        let target = target.replace("FRAGMENT", &fragment);
        for query in ["", "?key=x", "?t=AAAAAAAAAAAA"] {
            let reply = connection.get(&format!("{target}{query}"));
            assert_eq!((reply.status, reply.header("cache-control")), (403, "no-store"), "{target}{query}");
            assert!(!shows_a_file(&reply.body), "{target}{query}");
        }
        assert_eq!(connection.get(&format!("{target}?{}", link("cam"))).status, 200, "{target}");
    }
}
