//! Files over HTTP, and the page: what is served, what is refused, and what neither hurts nor hangs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::common::http::{Connection, get};
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Folder, SOON, Server, wait};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// A server of the folder `www`, with a file beside it that nobody may have.
fn site(directives: &str) -> Server {
    let folder = Folder::new();
    folder.write("secret", "secret");
    folder.write("www/a.txt", "0123456789");
    Server::start_in(
        folder,
        &format!(
            "pid off; http {{ server {{ listen 127.0.0.1:0; location / {{ root FOLDER/www; {directives} }} }} }}"
        ),
    )
}

#[test]
fn files_come_whole_with_their_type_and_length() {
    let server = site("");
    let large = media::noise(1, 3_000_000);
    for (name, contents, mime) in [
        ("a.m3u8", &b"#EXTM3U\n"[..], "application/vnd.apple.mpegurl"),
        ("a-1.ts", &large, "video/mp2t"),
        ("b.flv", b"FLV", "video/x-flv"),
        ("b.mp4", b"mp4", "video/mp4"),
        ("b.html", b"<p>", "text/html"),
        ("noextension", b"?", "text/plain"),
        ("empty.txt", b"", "text/plain"),
        ("with space.txt", b"space", "text/plain"),
        ("sub/folder/c.js", b"js", "text/javascript"),
    ] {
        server.folder.write(&format!("www/{name}"), contents);
        let reply = get(server.http(), &format!("/{}", name.replace(' ', "%20")));
        assert_eq!((reply.status, reply.header("content-type")), (200, mime), "{name}");
        assert!(reply.body == contents, "{name}");
        assert_eq!(reply.header("content-length"), contents.len().to_string(), "{name}");
    }
}

#[test]
fn types_default_type_and_headers_are_those_of_the_configuration() {
    let server = site(
        "types { video/x-own ts; } default_type application/x-other; add_header X-Own value;
         add_header X-Always there always; add_header Cache-Control no-store;",
    );
    server.folder.write("www/a.ts", "ts");
    let reply = get(server.http(), "/a.ts");
    assert_eq!((reply.header("content-type"), reply.header("x-own")), ("video/x-own", "value"));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(get(server.http(), "/a.txt").header("content-type"), "application/x-other");
    let missing = get(server.http(), "/none");
    assert_eq!((missing.status, missing.header("x-own"), missing.header("x-always")), (404, "", "there"));
}

#[test]
fn a_location_is_the_longest_that_fits_or_the_exact_one() {
    let folder = Folder::new();
    for (file, text) in [("a/x", "a"), ("b/x", "b"), ("c/sub/x", "c"), ("exact", "exact")] {
        folder.write(file, text);
    }
    let server = Server::start_in(
        folder,
        "pid off; http { root FOLDER/a; server { listen 127.0.0.1:0;
            location / { } location /b/ { alias FOLDER/b/; } location /sub { root FOLDER/c; }
            location = /x2 { alias FOLDER/exact; } } }",
    );
    for (target, text) in [("/x", "a"), ("/b/x", "b"), ("/sub/x", "c"), ("/x2", "exact")] {
        assert_eq!(get(server.http(), target).text(), text, "{target}");
    }
    assert_eq!(get(server.http(), "/x2/").status, 404);
}

#[test]
fn a_server_without_a_location_is_one() {
    let server = Server::start("http { server { listen 127.0.0.1:0; root FOLDER; default_type a/b; } }");
    let reply = get(server.http(), "/millstream.conf");
    assert_eq!((reply.status, reply.header("content-type")), (200, "a/b"));
    let bare = Server::start("http { server { listen 127.0.0.1:0; } }");
    assert_eq!(get(bare.http(), "/").status, 404);
}

#[test]
fn a_folder_has_an_index_or_is_forbidden_and_needs_its_slash() {
    let server = site("index none.html start.html;");
    server.folder.write("www/sub/start.html", "start");
    server.folder.write("www/bare/file", "");
    let reply = get(server.http(), "/sub/");
    assert_eq!(
        (reply.status, reply.text().as_str(), reply.header("content-type")),
        (200, "start", "text/html")
    );
    let reply = get(server.http(), "/sub?a=b");
    assert_eq!((reply.status, reply.header("location")), (301, "/sub/?a=b"));
    assert_eq!(get(server.http(), "/bare/").status, 403);
    assert_eq!(get(server.http(), "//evil.example/..").status, 403, "the root, not another host");
}

#[test]
fn a_range_is_a_part_and_one_beyond_the_end_is_refused() {
    let server = site("");
    let mut connection = Connection::open(server.http());
    for (range, status, body, content_range) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=-2", 206, "89", "bytes 8-9/10"),
        ("bytes=9-9999999999999999999999", 206, "9", "bytes 9-9/10"),
        ("bytes=0-0,2-3", 200, "0123456789", ""),
        ("bytes=3-1", 200, "0123456789", ""),
        ("lines=0-3", 200, "0123456789", ""),
    ] {
        let reply = connection.request("GET", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{range}");
        assert_eq!(reply.header("content-range"), content_range, "{range}");
    }
    let reply = connection.request("GET", "/a.txt", "Range: bytes=10-\r\n");
    assert_eq!((reply.status, reply.header("content-range")), (416, "bytes */10"));
    let reply = connection.request("GET", "/a.txt", "Range: bytes=0-3\r\nIf-Range: \"other\"\r\n");
    assert_eq!(reply.status, 200);
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let server = site("");
    let mut connection = Connection::open(server.http());
    let first = connection.get("/a.txt");
    let (etag, date) = (first.header("etag"), first.header("last-modified"));
    for (fields, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
    ] {
        let reply = connection.request("GET", "/a.txt", &fields);
        assert_eq!(reply.status, status, "{fields}");
        assert!(status != 304 || reply.header("etag") == etag, "{fields}");
    }
    server.folder.write("www/a.txt", "9876543210");
    let reply = connection.request("GET", "/a.txt", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((reply.status, reply.text().as_str()), (200, "9876543210"), "of the same size and second");
}

#[test]
fn head_is_get_without_the_body() {
    let server = site("");
    let mut connection = Connection::open(server.http());
    let (head, whole) = (connection.request("HEAD", "/a.txt", ""), connection.get("/a.txt"));
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
    let lasting = |headers: &[(String, String)]| -> Vec<_> {
        headers.iter().filter(|(name, _)| name != "date").cloned().collect()
    };
    assert_eq!(lasting(&head.headers), lasting(&whole.headers));
    let missing = connection.request("HEAD", "/none", "");
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    assert_eq!(connection.get("/a.txt").status, 200, "the connection is in step");
}

#[test]
fn other_methods_and_bodies_are_refused() {
    let server = site("");
    let mut connection = Connection::open(server.http());
    for method in ["POST", "PUT", "DELETE", "TRACE", "BREW"] {
        let reply = connection.request(method, "/a.txt", "");
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
    }
    let reply = connection.request("POST", "/a.txt", "Content-Length: 5\r\n");
    assert_eq!((reply.status, reply.header("connection")), (413, "close"));
    for fields in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 1, 1\r\n"] {
        let mut connection = Connection::open(server.http());
        assert_eq!(connection.request("GET", "/a.txt", fields).status, 400, "{fields}");
        assert!(connection.is_closed());
    }
    assert_eq!(fs::read(server.folder.join("www/a.txt")).unwrap(), b"0123456789");
}

#[test]
fn any_site_may_play_what_is_streamed() {
    let server = site("");
    server.folder.write("www/a.m3u8", "#EXTM3U\n");
    server.folder.write("www/a-1.ts", "G");
    let mut connection = Connection::open(server.http());
    for file in ["/a.m3u8", "/a-1.ts", "/none.m3u8"] {
        let reply = connection.request("GET", file, "Origin: http://elsewhere.example\r\n");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{file}");
    }
    assert_eq!(connection.get("/a.m3u8").header("cache-control"), "no-cache");
    assert_eq!(connection.get("/a.txt").header("access-control-allow-origin"), "");
    let fields = "Origin: http://e.example\r\nAccess-Control-Request-Method: GET\r\n";
    let reply = connection.request("OPTIONS", "/a.m3u8", fields);
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, "*"));
    assert_eq!(reply.header("access-control-allow-headers"), "Range");
}

#[test]
fn the_usual_preflight_of_nginx_configurations_works() {
    let server = site(
        "if ($request_method = 'OPTIONS') { add_header Access-Control-Allow-Origin http://one.example;
            return 204; }
         add_header Access-Control-Allow-Origin http://one.example;",
    );
    let mut connection = Connection::open(server.http());
    let reply = connection.request("OPTIONS", "/a.txt", "");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, "http://one.example"));
    let reply = connection.get("/a.txt");
    assert_eq!(reply.headers.iter().filter(|(name, _)| name == "access-control-allow-origin").count(), 1);
}

#[test]
fn a_connection_stays_for_more_requests_unless_told_otherwise() {
    let server = site("");
    let mut connection = Connection::open(server.http());
    for _ in 0..100 {
        let reply = connection.get("/a.txt");
        assert_eq!((reply.status, reply.header("connection")), (200, "keep-alive"));
    }
    assert_eq!(connection.get("/none").status, 404);
    assert_eq!(connection.request("GET", "/a.txt", "Connection: close\r\n").status, 200);
    assert!(connection.is_closed());
    let mut old = Connection::open(server.http());
    old.send("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(old.reply("GET").text(), "0123456789");
    assert!(old.is_closed());
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let server = site("");
    let names: Vec<_> = (0..200).map(|number| format!("n{number}.txt")).collect();
    for name in &names {
        server.folder.write(&format!("www/{name}"), name);
    }
    let mut connection = Connection::open(server.http());
    let request = |name: &String| format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(names.iter().map(request).collect::<String>());
    for name in &names {
        assert_eq!(connection.reply("GET").text(), *name);
    }
}

#[test]
fn a_request_cut_anywhere_is_still_one() {
    let server = site("");
    let request = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut connection = Connection::open(server.http());
    connection.stream().set_nodelay(true).unwrap();
    for cut in 1..request.len() {
        connection.send(&request[..cut]);
        std::thread::sleep(Duration::from_millis(1));
        connection.send(&request[cut..]);
        assert_eq!(connection.reply("GET").status, 200, "cut at {cut}");
    }
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let server = site("");
    let www = server.folder.join("www");
    symlink("../secret", www.join("link")).unwrap();
    symlink("..", www.join("up")).unwrap();
    symlink("/", www.join("all")).unwrap();
    server.folder.write("www/.hidden", "secret");
    server.folder.write("www/.git/config", "secret");
    for target in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/..%2Fsecret",
        "/..%5csecret",
        "/..\\secret",
        "/a/../../secret",
        "/./../secret",
        "//../secret",
        "/%2e%2e%2fsecret",
        "/%252e%252e/secret",
        "/a.txt%00",
        "/%00",
        "/a.txt/../../secret",
        "/link",
        "/up/secret",
        "/all/etc/passwd",
        "/.hidden",
        "/.git/config",
        "/a.txt/",
        "/a.txt/x",
        "/%ff",
        "/%",
        "secret",
        "http://test/../secret",
        "file:///etc/passwd",
    ] {
        let reply = get(server.http(), target);
        assert!((400..=404).contains(&reply.status), "{target}: {}", reply.status);
        assert!(!reply.text().contains("secret") || reply.text().contains(target), "{target}");
    }
    assert_eq!(get(server.http(), "/sub/../a.txt").text(), "0123456789");
}

#[test]
fn a_fifo_or_a_device_in_the_folder_stops_nothing() {
    let server = site("");
    mkfifo(&server.folder.join("www/fifo.ts"), Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(server.folder.join("www/socket")).unwrap();
    assert_eq!(get(server.http(), "/fifo.ts").status, 403);
    assert_eq!(get(server.http(), "/socket").status, 403);
    assert_eq!(get(server.http(), "/a.txt").status, 200);
}

#[test]
fn a_file_that_is_replaced_or_cut_while_it_is_sent_harms_nobody_else() {
    let server = site("");
    let path = server.folder.write("www/large.ts", media::noise(1, 20_000_000));
    let mut connection = Connection::open(server.http());
    connection.send("GET /large.ts HTTP/1.1\r\nHost: a\r\n\r\n");
    wait("some of it is on the way", || connection.stream().peek(&mut [0; 1000]).unwrap() == 1000);
    fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap();
    assert_eq!(get(server.http(), "/large.ts").body.len(), 10);
    let mut received = Vec::new();
    let mut stream = connection.stream();
    let _ = std::io::Read::read_to_end(&mut stream, &mut received);
    assert!(received.len() < 20_000_000, "the connection ends, for the length cannot be kept");
}

#[test]
fn the_page_shows_what_is_live() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls; }
            application quiet { } } }
         http { server { listen 127.0.0.1:0; location / { page on; }
            location /tv { alias FOLDER/hls; } } }",
    );
    let mut connection = Connection::open(server.http());
    let page = connection.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    for part in ["/page.js", "/page.css"] {
        assert_eq!(connection.get(part).status, 200, "{part}");
    }
    assert!(connection.get("/streams.json").text().contains("\"total\":0,"));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::both(0, 1000));
    let _player = Client::play(server.rtmp(), "cam");
    wait("the stream is listed with its codecs and player", || {
        let text = connection.get("/streams.json").text();

        let facts =
            ["\"name\":\"cam\"", "\"width\":160,\"height\":120", "\"sample_rate\":44100", "\"players\":1"];
        facts.iter().all(|fact| text.contains(fact))
    });
    let reply = connection.get("/streams.json");
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(reply.text().contains("\"hls\":\"/tv/cam.m3u8\""), "{}", reply.text());
    assert!(!reply.text().contains("quiet"), "{}", reply.text());
    drop(publisher);
    wait("the stream is gone", || connection.get("/streams.json").text().contains("\"total\":0,"));
    assert_eq!(connection.get("/other").status, 404);
    assert_eq!(connection.request("POST", "/streams.json", "").status, 405);
}

#[test]
fn a_head_that_does_not_end_closes_the_connection_after_ten_seconds() {
    let server = site("");
    let begun = Instant::now();
    let mut silent = Connection::open(server.http());
    let mut half = Connection::open(server.http());
    half.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
    let mut second = Connection::open(server.http());
    assert_eq!(second.get("/a.txt").status, 200);
    second.send("GE");
    let trickle = Connection::open(server.http());
    trickle.stream().set_nonblocking(true).unwrap();
    // Bytes that go on coming do not buy time.
    wait("the slow one is told and hung up on", || {
        let _ = trickle.stream().write(b"G");
        std::thread::sleep(Duration::from_millis(90));
        match trickle.stream().peek(&mut [0; 12]) {
            Ok(_) => true,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    });
    for connection in [&mut half, &mut second] {
        let reply = connection.reply("GET");
        assert_eq!((reply.status, reply.header("connection")), (408, "close"));
    }
    for connection in [&mut silent, &mut half, &mut second] {
        assert!(connection.is_closed());
    }
    let took = begun.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(9) + SOON).contains(&took), "{took:?}");
    assert_eq!(get(server.http(), "/a.txt").status, 200);
}

#[test]
fn ten_thousand_requests_whose_answers_nobody_reads_stay_bounded() {
    const COUNT: usize = 10_000;
    let server = site("");
    server.folder.write("www/b.ts", media::noise(1, 3000));
    assert_eq!(get(server.http(), "/b.ts").status, 200);
    let before = server.resident();
    let mut connection = Connection::open(server.http());
    let mut writer = connection.stream().try_clone().unwrap();
    let sends = std::thread::spawn(move || {
        let request = "GET /b.ts HTTP/1.1\r\nHost: test\r\nUser-Agent: one that does not read\r\n\r\n";
        (0..COUNT).for_each(|_| writer.write_all(request.as_bytes()).unwrap());
    });
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..20 {
        assert_eq!(get(server.http(), "/a.txt").status, 200, "others are served");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 1000, "{grown} kB for one client");
    // It was only slow: everything is answered in the end.
    for number in 0..COUNT {
        let reply = connection.reply("GET");
        assert_eq!((reply.status, reply.body.len()), (200, 3000), "{number}");
    }
    sends.join().unwrap();
}

#[test]
fn nonsense_is_answered_once_and_closes_the_connection() {
    let server = site("");
    for (bytes, status) in [
        ("\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        ("\x03\x00\x00\x00", 400),
        ("NONSENSE\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        let mut connection = Connection::open(server.http());
        connection.send(bytes);
        assert_eq!(connection.reply("GET").status, status, "{bytes:?}");
        assert!(connection.is_closed(), "{bytes:?}");
    }
    let mut connection = Connection::open(server.http());
    connection.send(format!("GET /{} HTTP/1.1\r\n", "a".repeat(10_000)));
    assert_eq!(connection.reply("GET").status, 414);
    let mut connection = Connection::open(server.http());
    connection.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(10_000)));
    assert_eq!(connection.reply("GET").status, 431);
    assert!(server.log().lines().count() < 5, "strangers are no news: {}", server.log());
}
