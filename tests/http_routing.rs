//! The server and location of a request, and what is decided there before any file is looked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use crate::common::http::{Connection, get};
use crate::common::{Folder, SOON, Server, free_port, millstream};

/// A server whose `http` block has these directives; its folder is `www`.
fn site(directives: &str) -> Server {
    let folder = Folder::new();
    for (name, text) in
        [("index.html", "index"), ("a.txt", "a"), ("404.html", "own 404"), ("sub/index.html", "sub")]
    {
        folder.write(&format!("www/{name}"), text);
    }
    Server::start_in(
        folder,
        &format!("pid off; http {{ server {{ listen 127.0.0.1:0; root FOLDER/www; {directives} }} }}"),
    )
}

/// Starts servers that share the address ADDRESS, or its PORT.
fn sharing(servers: &str) -> Server {
    let folder = Folder::new();
    let port = free_port();
    let text = format!("pid off; http {{ {servers} }}").replace("ADDRESS", &format!("127.0.0.1:{port}"));
    let text = text.replace("PORT", &port.to_string());
    let file = folder.write("millstream.conf", text);
    let mut command = millstream();
    command.arg("-c").arg(file);
    Server::spawn(folder, command, 1)
}

fn answer(server: &Server, target: &str) -> (u16, String) {
    let reply = get(server.http(), target);
    (reply.status, reply.text())
}

fn own(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[test]
fn a_location_is_exact_or_firm_or_an_expression_or_the_longest_beginning() {
    let server = site(
        "location / { return 200 root; } location = / { return 200 exact; } location /img/ { return 200 prefix; }
         location ^~ /img/firm/ { return 200 firm; } location ~ \\.png$ { return 200 regex; }
         location ~* \\.(gif|jpe?g)$ { return 200 \"any-$1\"; } location ~* ^/img/.*\\.GIF$ { return 200 late; }",
    );
    for (target, text) in [
        ("/", "exact"),
        ("/?a", "exact"),
        ("/x", "root"),
        ("/img/x", "prefix"),
        ("/img/x.png", "regex"),
        ("/img/x.PNG", "prefix"),
        ("/img/firm/x.png", "firm"),
        ("/img/x.JPG", "any-JPG"),
        ("/%69mg/x.gif", "any-gif"),
        ("/img/../x", "root"),
    ] {
        assert_eq!(answer(&server, target), own(200, text), "{target}");
    }
}

#[test]
fn the_host_chooses_among_the_servers_of_an_address() {
    let server = sharing(
        "server { listen ADDRESS; return 200 first; }
         server { listen ADDRESS; server_name example.com www.example.*; return 200 $server_name; }
         server { listen ADDRESS; server_name *.example.com; return 200 below; }
         server { listen ADDRESS default_server; server_name _; return 200 default; }
         server { listen ADDRESS; server_name ~^cam\\d+\\.; return 200 \"regex $host\"; }",
    );
    for (host, text) in [
        ("example.com", "example.com"),
        ("EXAMPLE.com:80", "example.com"),
        ("www.example.net", "example.com"),
        ("a.example.com", "below"),
        ("cam1.net", "regex cam1.net"),
        ("unknown", "default"),
        ("127.0.0.1", "default"),
        ("", "default"),
    ] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(connection.reply("GET").text(), text, "{host}");
    }
    let mut connection = Connection::open(server.http());
    connection.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(connection.reply("GET").text(), "default");
    let mut connection = Connection::open(server.http());
    assert_eq!(
        connection.get("http://example.com/").text(),
        "example.com",
        "the target goes before the field"
    );
}

#[test]
fn an_address_beside_all_addresses_has_its_own_servers() {
    let server = sharing(
        "server { listen PORT; return 200 \"all $server_addr $server_port\"; }
         server { listen 127.0.0.2:PORT; return 200 own; }
         server { listen 127.0.0.2:PORT; server_name example.com; return 200 \"$server_name $server_addr\"; }",
    );
    let port = server.http().port();
    let ask = |address: [u8; 4], host: &str| {
        let mut connection = Connection::open((address, port).into());
        connection.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        connection.reply("GET").text()
    };
    assert_eq!(ask([127, 0, 0, 1], "example.com"), format!("all 127.0.0.1 {port}"));
    assert_eq!(ask([127, 0, 0, 2], "a"), "own");
    assert_eq!(ask([127, 0, 0, 2], "example.com"), "example.com 127.0.0.2");
}

#[test]
fn a_return_answers_with_a_status_a_text_or_an_address() {
    let server = site(
        "default_type application/x-own;
         location /status { return 403; } location /empty { return 204; } location /text { return 200 \"a $uri\\n\"; }
         location /crossdomain.xml { return 200 '<policy/>'; } location /gone { return 410 'gone'; }
         location /to { return 301 /a.txt; } location /away { return https://other.example$request_uri; }
         location /307 { return 307 http://$host/x; } location /hang { return 444; }",
    );
    for (target, status, text, mime) in [
        ("/text/x", 200, "a /text/x\n", "application/x-own"),
        ("/crossdomain.xml", 200, "<policy/>", "text/xml"),
        ("/gone", 410, "gone", "application/x-own"),
        ("/empty", 204, "", ""),
    ] {
        let reply = get(server.http(), target);
        let found = (reply.status, reply.text(), reply.header("content-type"));
        assert_eq!(found, (status, text.to_owned(), mime), "{target}");
    }
    for (target, status, location) in [
        ("/to", 301, "/a.txt"),
        ("/away?x=%20y", 302, "https://other.example/away?x=%20y"),
        ("/307", 307, "http://test/x"),
    ] {
        let reply = get(server.http(), target);
        assert_eq!((reply.status, reply.header("location")), (status, location), "{target}");
    }
    assert_eq!(get(server.http(), "/status").status, 403);
    let mut hung = Connection::open(server.http());
    hung.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(hung.is_closed());
    let whole = site("return 301 http://new.example$request_uri; location /a.txt { }");
    let reply = get(whole.http(), "/a.txt?b");
    assert_eq!((reply.status, reply.header("location")), (301, "http://new.example/a.txt?b"));
}

#[test]
fn an_error_page_is_sent_with_the_errors_status_or_another() {
    let server = site(
        "error_page 404 /404.html; error_page 403 = /a.txt;
         location /empty/ { error_page 404 =200 /a.txt; }
         location /away/ { error_page 404 http://other.example/x; } location /moved/ { error_page 404 =301 /a.txt; }
         location /named/ { error_page 404 = @named; } location @named { return 200 \"named $uri\"; }
         location /missing/ { error_page 404 /nothing.html; }
         location /post/ { error_page 405 =200 $uri; root FOLDER/www; }
         location /denied/ { deny all; }
         location = /404.html { internal; }",
    );
    server.folder.write("www/post/x", "posted");
    for (target, status, text) in [
        ("/none", 404, "own 404"),
        ("/empty/x", 200, "a"),
        ("/named/x", 200, "named /named/x"),
        ("/denied/x", 200, "a"),
        ("/moved/x", 301, "a"),
        ("/404.html", 404, "own 404"),
    ] {
        assert_eq!(answer(&server, target), own(status, text), "{target}");
    }
    let reply = get(server.http(), "/missing/x");
    assert!(reply.status == 404 && reply.text().contains("<h1>404 Not Found</h1>"), "{reply:?}");
    let reply = get(server.http(), "/away/x");
    assert_eq!((reply.status, reply.header("location")), (302, "http://other.example/x"));
    let mut connection = Connection::open(server.http());
    let reply = connection.request("POST", "/post/x", "");
    assert_eq!((reply.status, reply.text()), own(200, "posted"));
    let reply = connection.request("HEAD", "/none", "");
    assert_eq!((reply.status, reply.header("content-length")), (404, "7"));
    let reply = connection.request("GET", "/none", "Range: bytes=0-0\r\nIf-None-Match: *\r\n");
    assert_eq!((reply.status, reply.text()), own(404, "own 404"), "an error is whole");
}

#[test]
fn try_files_takes_the_first_that_is_there() {
    let server = site(
        "location / { try_files $uri $uri/ /index.html; } location /strict { try_files $uri =404; }
         location /odd { try_files $uri =410; } location /named { try_files /none$uri @named; }
         location @named { return 200 \"named $uri?$args\"; }
         location /moved { try_files /other/$arg_f =404; }
         location /alias/ { alias FOLDER/www/sub/; try_files $uri =404; }
         location /circle { try_files /none /circle; }",
    );
    server.folder.write("www/other/x", "other");
    for (target, status, text) in [
        ("/a.txt", 200, "a"),
        ("/sub/", 200, "sub"),
        ("/none/at/all", 200, "index"),
        ("/named?b", 200, "named /named?b"),
        ("/moved?f=x", 200, "other"),
        ("/alias/index.html", 200, "sub"),
    ] {
        assert_eq!(answer(&server, target), own(status, text), "{target}");
    }
    for (target, status) in [
        ("/strict/x", 404),
        ("/odd/x", 410),
        ("/moved?f=../../secret", 404),
        ("/moved?f=", 404),
        ("/circle", 500),
    ] {
        assert_eq!(get(server.http(), target).status, status, "{target}");
    }
    server.wait_log("internal redirects");
    let reply = get(server.http(), "/sub?a=b");
    assert_eq!((reply.status, reply.header("location")), (301, "/sub/?a=b"), "its links are those of /sub/");
}

#[test]
fn an_alias_in_an_expression_is_made_of_what_was_caught() {
    let server = site(
        "location ~ ^/live/([^/]+)/([a-z]+\\.txt)$ { alias FOLDER/www/$1/$2; }
         location ~ ^/up/(.+)$ { alias FOLDER/www/$1; }",
    );
    server.folder.write("secret", "secret");
    server.folder.write("www/cam/b.txt", "b");
    assert_eq!(answer(&server, "/live/cam/b.txt"), own(200, "b"));
    assert_eq!(get(server.http(), "/live/cam/c.txt").status, 404);
    for target in ["/up/..%2fsecret", "/up/x/..%2f..%2fsecret", "/up/.x", "/up/..a"] {
        assert!(matches!(get(server.http(), target).status, 400 | 404), "{target}");
    }
}

#[test]
fn a_root_may_have_the_host_in_it_and_stays_where_it_is() {
    let folder = Folder::new();
    folder.write("hosts/one.example/x", "one");
    folder.write("x", "secret");
    let server =
        Server::start_in(folder, "pid off; http { server { listen 127.0.0.1:0; root FOLDER/hosts/$host; } }");
    for (host, status) in
        [("one.example", 200), ("two.example", 404), ("..", 404), (".", 404), ("..:80", 404)]
    {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(connection.reply("GET").status, status, "{host}");
    }
}

#[test]
fn conditions_are_on_the_method() {
    let server = site(
        "location / { add_header X-Outer 1;
             if ($request_method = 'POST') { add_header X-If post; return 200 posted; }
             if ($request_method !~ ^(GET|HEAD|OPTIONS)$) { return 405; }
             if ($request_method = GET) { add_header X-If get; } }
         location /444 { if ($request_method = HEAD) { return 444; } return 200 fine; }",
    );
    let mut connection = Connection::open(server.http());
    let reply = connection.request("POST", "/", "");
    assert_eq!(
        (reply.text().as_str(), reply.header("x-if"), reply.header("x-outer")),
        ("posted", "post", "")
    );
    let reply = connection.get("/a.txt");
    assert_eq!((reply.text().as_str(), reply.header("x-if"), reply.header("x-outer")), ("a", "get", ""));
    let reply = connection.request("HEAD", "/a.txt", "");
    assert_eq!((reply.status, reply.header("x-outer")), (200, "1"));
    assert_eq!(connection.request("DELETE", "/a.txt", "").status, 405);
    assert_eq!(connection.get("/444").text(), "fine");
    connection.send("HEAD /444 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(connection.is_closed());
}

#[test]
fn a_connection_stays_as_long_as_keepalive_timeout_says() {
    let server = site(
        "keepalive_timeout 1s; location /never { keepalive_timeout 0; root FOLDER/www; }
         location /told { keepalive_timeout 65 60; return 200 told; }",
    );
    let mut connection = Connection::open(server.http());
    let reply = connection.get("/told");
    assert_eq!((reply.header("connection"), reply.header("keep-alive")), ("keep-alive", "timeout=60"));
    // Before the request, so a busy machine makes the time longer only.
    let begun = Instant::now();
    let reply = connection.get("/a.txt");
    assert_eq!((reply.header("connection"), reply.header("keep-alive")), ("keep-alive", ""));
    assert!(connection.is_closed());
    let took = begun.elapsed();
    assert!((Duration::from_secs(1)..SOON).contains(&took), "{took:?}");
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.get("/never").header("connection"), "close");
    assert!(connection.is_closed());
}
