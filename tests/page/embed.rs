//! The player alone, for the frames of other pages; which pages may show it; and the heads of what the page sends.

use super::{ask, value};
use crate::common::Server;
use crate::common::http::{Connection, get};

/// Pages at "/", and at "/watch/" with this for the frames of others.
fn server(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0;
             application live {{ live on; hls on; hls_path FOLDER/hls; }}
             application \"rooms/<b>'x\" {{ live on; }}
             application off {{ }} }} }}
         http {{ server {{ listen 127.0.0.1:0; set_real_ip_from 127.0.0.1;
             location / {{ page on; flv_live on; }}
             location /watch/ {{ page on; {directives} }}
             location /hls/ {{ root FOLDER; }} }} }}"
    ))
}

/// What a policy says of frames.
fn ancestors(policy: &str) -> &str {
    policy.rsplit_once("frame-ancestors ").map_or(policy, |(_, sources)| sources)
}

#[test]
fn a_stream_has_a_page_with_the_player_whether_it_is_live_or_not() {
    let server = server("");
    let reply = get(server.http(), "/embed/live/caf%C3%A9%20tv?key=s3cret");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = reply.text();
    for part in [
        "<title>live/café tv</title>",
        "data-name=\"live/café tv\"",
        "data-flv=\"/live/caf%C3%A9%20tv.flv\"",
        "data-hls=\"/hls/caf%C3%A9%20tv.m3u8\"",
        "src=\"../../embed.js\"",
        "href=\"../../embed.css\"",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("s3cret"), "the query is for the script: {page}");
    let below = get(server.http(), "/watch/embed/live/cam").text();
    assert!(below.contains("\"../../embed.js\""), "{below}");
    // A page with a stylesheet, a script and the modules of that.
    for path in ["/embed.js", "/embed.css", "/watch/embed.js", "/player/player.js"] {
        assert_eq!(get(server.http(), path).status, 200, "{path}");
    }
}

#[test]
fn hostile_names_have_no_page_or_stand_in_it_as_text() {
    let server = server("");
    let long = format!("/embed/live/{}", "x".repeat(129));
    for path in [
        "/embed/live/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/embed/live/a%22b",
        "/embed/live/a%27b",
        "/embed/live/%3Cb%3E",
        "/embed/live/a%26b",
        "/embed/live/.hidden",
        "/embed/live/-option",
        "/embed/live/",
        "/embed/live",
        "/embed/",
        "/embed/off/cam",
        "/embed/none/cam",
        "/embed/live/%E2%80%8B",
        "/embed/live/%E2%80%AEcam",
        "/embed/live/x/../../../../live/../none/cam",
        &long,
    ] {
        let status = get(server.http(), path).status;
        // An encoded slash is refused with the head.
        assert!([404, 400].contains(&status), "{path}: {status}");
    }
    for path in ["/embed/live/%00", "/embed/live/%2e%2e/%2e%2e/%2e%2e/x", "/embed/live/%ff"] {
        assert_eq!(Connection::open(server.http()).get(path).status, 400, "{path}");
    }
    let longest = format!("/embed/live/{}", "x".repeat(10 << 10));
    assert!([400, 404, 414, 431].contains(&Connection::open(server.http()).get(&longest).status));
    let page = get(server.http(), "/embed/rooms/%3Cb%3E'x/cam").text();
    assert!(page.contains("<title>rooms/&lt;b&gt;&#39;x/cam</title>"), "{page}");
    assert!(page.contains("data-flv=\"/rooms/%3Cb%3E&#39;x/cam.flv\""), "{page}");
    assert!(
        page.contains("\"../../../embed.js\"") && !page.contains("<b>") && !page.contains("data-hls"),
        "{page}"
    );
}

#[test]
fn only_the_player_stands_in_frames_and_only_in_those_of_the_pages_that_are_named() {
    for (directives, sources) in [
        ("", "'self'"),
        ("page_embed self;", "'self'"),
        ("page_embed none;", "'none'"),
        ("page_embed any;", "*"),
        (
            "page_embed https://A.example https://*.b.example:8443;",
            "'self' https://a.example https://*.b.example:8443",
        ),
    ] {
        let server = server(directives);
        let policy = |path: &str| get(server.http(), path).header("content-security-policy").to_owned();
        assert_eq!(ancestors(&policy("/watch/embed/live/cam")), sources, "{directives}");
        let embed = &value(&get(server.http(), "/watch/streams.json"))["embed"];
        let told: Vec<_> = embed.as_array().unwrap().iter().map(|source| source.as_str().unwrap()).collect();
        assert_eq!(told.join(" "), sources);
        for path in
            ["/watch/", "/watch/page.js", "/watch/streams.json", "/watch/live.json", "/watch/qr.svg?text=a"]
        {
            assert_eq!(ancestors(&policy(path)), "'none'", "{path}");
        }
        assert_eq!(ancestors(&policy("/embed/live/cam")), "'self'", "each location has its own");
    }
}

#[test]
fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let server = server("page_embed https://a.example;");
    for path in ["/", "/page.js", "/page.css", "/embed/live/cam", "/watch/embed/live/cam"] {
        let first = get(server.http(), path);
        let etag = first.header("etag");
        assert!(etag.starts_with('"') && first.header("cache-control") == "no-cache", "{first:?}");
        let again = ask(server.http(), "192.0.2.7", path, &format!("If-None-Match: {etag}\r\n"));
        assert_eq!((again.status, again.header("etag"), again.body.len()), (304, etag, 0), "{path}");
        let changed = ask(server.http(), "192.0.2.7", path, "If-None-Match: \"other\"\r\n");
        assert_eq!((changed.status, changed.body.len()), (200, first.body.len()), "{path}");
    }
    let tags = ["/embed/live/cam", "/watch/embed/live/cam"]
        .map(|path| get(server.http(), path).header("etag").to_owned());
    assert_ne!(tags[0], tags[1], "the policy belongs to what a browser keeps");
    let head = Connection::open(server.http()).request("HEAD", "/embed/live/cam", "");
    assert_eq!((head.status, head.header("etag")), (200, tags[0].as_str()));
}

#[test]
fn a_text_has_a_qr_code() {
    let server = server("");
    let reply = get(server.http(), "/qr.svg?text=http%3A%2F%2Flocalhost%3A8080%2F%23live%2Fcam");
    assert_eq!((reply.status, reply.header("content-type")), (200, "image/svg+xml"));
    assert_eq!(reply.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert!(reply.text().starts_with("<svg xmlns=") && reply.header("cache-control").contains("max-age"));
    for (query, status) in [
        (format!("text={}", "%C3%A9".repeat(150)), 200),
        (format!("text={}", "x".repeat(301)), 400),
        ("text=%0A".to_owned(), 400),
        (String::new(), 400),
    ] {
        assert_eq!(get(server.http(), &format!("/qr.svg?{query}")).status, status, "{query}");
    }
}
