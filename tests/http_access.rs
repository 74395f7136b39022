//! Access rules, lists of folders, caching, and access logs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::common::http::{Connection, get};
use crate::common::{Folder, Server, millstream, not_tested, run, stderr, wait};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

fn site(http: &str, directives: &str) -> Server {
    let folder = Folder::new();
    folder.write("www/a.txt", "0123456789");
    folder.write("www/a.ts", "fragment");
    folder.write("www/a.m3u8", "#EXTM3U\n");
    Server::start_in(
        folder,
        &format!("pid off; http {{ {http} server {{ listen 127.0.0.1:0; root FOLDER/www; {directives} }} }}"),
    )
}

#[test]
fn the_first_rule_that_fits_decides_who_may_ask() {
    let server = site(
        "deny 127.0.0.1;",
        "location /free/ { allow all; }
         location /inherits/ { }
         location /local/ { allow 127.0.0.0/8; deny all; }
         location /order/ { deny all; allow 127.0.0.1; }
         location /others/ { allow 10.0.0.0/8; allow ::1; deny all; }
         location /six/ { deny 2001:db8::/32; allow unix:; allow 127.0.0.1; deny all; }
         location /returns/ { deny all; return 200 here; }
         location /page/ { page on; }",
    );
    for (target, status) in [
        ("/a.txt", 403),
        ("/free/", 404),
        ("/inherits/", 403),
        ("/local/", 404),
        ("/order/", 403),
        ("/others/", 403),
        ("/six/", 404),
        ("/returns/", 200),
        ("/page/", 403),
        ("/page/streams.json", 403),
    ] {
        assert_eq!(get(server.http(), target).status, status, "{target}");
    }
}

#[test]
fn local_is_who_asks_from_this_machine_for_itself() {
    let server = site("", "location / { allow local; deny all; }");
    for (fields, status) in [
        ("Host: localhost", 200),
        ("Host: 127.0.0.1:8080", 200),
        // A page of the Internet whose name leads to this machine.
        ("Host: example.com", 403),
        ("Host: localhost\r\nX-Forwarded-For: 192.0.2.1", 403),
    ] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET /a.txt HTTP/1.1\r\n{fields}\r\n\r\n"));
        assert_eq!(connection.reply("GET").status, status, "{fields}");
    }
}

#[test]
fn a_client_of_a_unix_socket_is_not_local_as_it_may_be_a_proxy() {
    let configuration = |rules: &str| {
        format!(
            "http {{ server {{ listen 127.0.0.1:0; listen unix:FOLDER/http.sock; root FOLDER;
             location / {{ {rules} deny all; }} }} }}"
        )
    };
    let warns = "warning: local is nobody who comes by unix:";
    for (rules, status) in [("allow local;", 403), ("allow local; allow unix:;", 200)] {
        let server = Server::start(&configuration(rules));
        let mut connection = Connection::open(server.http());
        connection.send("GET /millstream.conf HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(connection.reply("GET").status, 200, "{rules}");
        // So nginx passes on what comes from the Internet, unless it is told to do more.
        let mut socket = UnixStream::connect(server.folder.join("http.sock")).unwrap();
        socket.write_all(b"GET /millstream.conf HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{rules}: {answer}");
        let file = server.folder.join("millstream.conf");
        let said = stderr(&run(millstream().arg("-t").arg("-c").arg(file)));
        assert_eq!(said.contains(warns), status == 403, "{rules}: {said}");
    }
}

#[test]
fn statistics_that_everybody_can_read_are_warned_of() {
    let folder = Folder::new();
    let warns = |listen: &str, location: &str| {
        let text = format!(
            "pid off; http {{ server {{ listen {listen}; location / {{ return 404; }}\nlocation /a {{ {location} }} }} }}"
        );
        let output = run(millstream().arg("-t").arg("-c").arg(folder.write("a.conf", text)));
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output).contains("a.conf:2: warning: everybody may read the names of all streams")
    };
    for shown in ["rtmp_stat all;", "metrics on;", "api_views srs;"] {
        assert!(warns("0.0.0.0:0", shown), "{shown}");
        assert!(warns("0.0.0.0:0", &format!("{shown} allow local;")), "{shown}");
        assert!(!warns("0.0.0.0:0", &format!("{shown} allow local; deny all;")), "{shown}");
        // No other machine reaches that.
        assert!(!warns("127.0.0.1:0", shown), "{shown}");
    }
    for harmless in ["metrics off;", "health live;", "stub_status;"] {
        assert!(!warns("0.0.0.0:0", harmless), "{harmless}");
    }
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket_is_one_of_ipv4() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return not_tested("there is no IPv6 on this machine");
    }
    let server = Server::start(
        "http { server { listen [::]:0 ipv6only=off; allow 127.0.0.1; deny all; return 200 $remote_addr;
            location / { root FOLDER; } } server { listen [::1]:0; location / { allow ::1; deny all; root FOLDER; } } }",
    );
    let reply = get(([127, 0, 0, 1], server.http[0].port()).into(), "/millstream.conf");
    assert_eq!((reply.status, reply.text().as_str()), (200, "127.0.0.1"));
    assert_eq!(get(server.http[1], "/millstream.conf").status, 200);
}

#[test]
fn a_folder_is_listed_with_what_is_served_of_it() {
    let server = site(
        "autoindex on;",
        "location /json/ { alias FOLDER/www/; autoindex_format json; }
        location /round/ { alias FOLDER/www/; autoindex_exact_size off; autoindex_localtime on; }
        location /off/ { alias FOLDER/www/; autoindex off; }",
    );
    server.folder.write("www/sub/index.html", "index");
    server.folder.write("www/.hidden", "");
    server.folder.write("www/hidden\nfrom URLs", "");
    server.folder.write("www/hidden\\from URLs", "");
    server.folder.write("www/<b>&.txt", "x");
    server.folder.write("www/large", vec![0; 3000]);
    symlink("a.txt", server.folder.join("www/link")).unwrap();
    mkfifo(&server.folder.join("www/fifo"), Mode::S_IRWXU).unwrap();
    let reply = get(server.http(), "/");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = reply.text();
    for part in
        ["<h1>Index of /</h1>", "<a href=\"./a.txt\">a.txt</a>", "<a href=\"./sub/\">sub/</a>", " 3000\n"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("<a href=\"./%3Cb%3E&amp;.txt\">&lt;b&gt;&amp;.txt</a>"), "{text}");
    let (_, list) = text.split_once("<pre>").unwrap();
    for kept_back in ["hidden", "link", "fifo", "../", "<b>"] {
        assert!(!list.contains(kept_back), "{kept_back}: {text}");
    }
    assert_eq!(get(server.http(), "/sub/").text(), "index");
    let json = get(server.http(), "/json/");
    assert_eq!(json.header("content-type"), "application/json");
    assert!(json.text().contains("{\"name\":\"a.txt\",\"type\":\"file\",\"mtime\":\""), "{}", json.text());
    assert!(get(server.http(), "/round/").text().contains(" 3K\n"));
    assert_eq!(get(server.http(), "/off/").status, 403);
}

#[test]
fn a_folder_of_thousands_is_listed_up_to_a_limit_and_in_order() {
    let server = site("autoindex on; autoindex_format json;", "");
    for number in 0..4200 {
        server.folder.write(&format!("www/many/{number:04}.ts"), "");
    }
    (0..300).for_each(|number| drop(server.folder.write(&format!("www/some/{number:04}.ts"), "x")));
    let mut connection = Connection::open(server.http());
    // Both are asked for at once, and answered in this order.
    connection.send("GET /many/ HTTP/1.1\r\nHost: a\r\n\r\nGET /some/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.reply("GET").text().matches("\"name\"").count(), 4096);
    let text = connection.reply("GET").text();
    let names: Vec<_> = text.lines().filter_map(|line| line.split('"').nth(3)).collect();
    assert_eq!(names, (0..300).map(|number| format!("{number:04}.ts")).collect::<Vec<_>>());
    assert_eq!(connection.request("HEAD", "/some/", "").header("x-content-type-options"), "nosniff");
}

#[test]
fn answers_say_how_long_caches_may_keep_them() {
    let server = site(
        "",
        "location /own/ { alias FOLDER/www/; expires 1h; add_header Cache-Control public; }
         location /not/ { alias FOLDER/www/; expires -1; } location /max/ { alias FOLDER/www/; expires max; }
         location ~* ^/re/(.*\\.ts)$ { alias FOLDER/www/$1; expires 1d; }",
    );
    let control = |target: &str| -> Vec<String> {
        let reply = get(server.http(), target);
        let fields = reply.headers.into_iter().filter(|(name, _)| name == "cache-control");
        fields.map(|(_, value)| value).collect()
    };
    assert_eq!(control("/a.m3u8"), ["no-cache"]);
    assert_eq!(control("/a.ts"), ["max-age=60, immutable"]);
    assert_eq!(control("/none.ts"), ["no-cache"], "it may come");
    assert_eq!(control("/a.txt"), [""; 0]);
    assert_eq!(control("/own/a.ts"), ["max-age=3600", "public"]);
    assert_eq!(control("/not/a.txt"), ["no-cache"]);
    assert_eq!(control("/max/a.txt"), ["max-age=315360000"]);
    assert_eq!(control("/re/a.ts"), ["max-age=86400"]);
    assert_eq!(get(server.http(), "/max/a.txt").header("expires"), "Thu, 31 Dec 2037 23:55:55 GMT");
    let mut connection = Connection::open(server.http());
    let etag = connection.get("/a.m3u8").header("etag").to_owned();
    let reply = connection.request("GET", "/a.m3u8", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((reply.status, reply.header("cache-control")), (304, "no-cache"));
}

fn log_of(server: &Server, name: &str, lines: usize) -> Vec<String> {
    let path = server.folder.join(name);
    let read = || fs::read_to_string(&path).unwrap_or_default();
    wait(&format!("{lines} lines in {name}"), || read().lines().count() >= lines);
    read().lines().map(str::to_owned).collect()
}

#[test]
fn every_answer_has_its_line_in_the_log() {
    let server = site(
        "log_format own '$status $body_bytes_sent $request_method $uri $arg_x $http_x $connection_requests' ' $server_port';
         log_format j escape=json '{\"agent\":\"$http_user_agent\",\"time\":$request_time}';
         access_log FOLDER/combined.log; access_log FOLDER/own.log own buffer=32k flush=1m;",
        "location /off { access_log off; return 200; }
         location /json { access_log FOLDER/json.log j; return 200 json; }",
    );
    let mut connection = Connection::open(server.http());
    connection.request("GET", "/a.txt?x=1", "X: y\r\nReferer: http://r\r\nUser-Agent: \"q\"\\\u{e9}\r\n");
    connection.request("HEAD", "/a.txt", "");
    connection.request("GET", "/a.txt", "Range: bytes=0-2\r\n");
    connection.get("/off");
    connection.request("GET", "/json", "User-Agent: \"q\"\\\u{9b}1m\r\n");
    let missing = connection.get("/none").body.len();
    let mut strange = Connection::open(server.http());
    strange.send("NONSENSE\r\n\r\n");
    let refused = strange.reply("GET").body.len();
    let port = server.http().port();
    assert_eq!(
        log_of(&server, "own.log", 5),
        [
            format!("200 10 GET /a.txt 1 y 1 {port}"),
            format!("200 0 HEAD /a.txt - - 2 {port}"),
            format!("206 3 GET /a.txt - - 3 {port}"),
            format!("404 {missing} GET /none - - 6 {port}"),
            format!("400 {refused} - / - - 1 {port}"),
        ]
    );
    let combined = log_of(&server, "combined.log", 5);
    let (start, end) = combined[0].split_once(" [").unwrap();
    let (time, end) = end.split_once("] ").unwrap();
    assert_eq!(start, "127.0.0.1 - -");
    assert!(time.len() == 26 && time.as_bytes()[2] == b'/' && time.as_bytes()[20] == b' ', "{time}");
    assert_eq!(end, "\"GET /a.txt?x=*** HTTP/1.1\" 200 10 \"http://r\" \"\\x22q\\x22\\x5C\\xC3\\xA9\"");
    assert!(combined[4].ends_with(&format!("\"-\" 400 {refused} \"-\" \"-\"")), "{}", combined[4]);
    let json = log_of(&server, "json.log", 1);
    let escaped = r#"{"agent":"\"q\"\\\u009b1m","time":0.0"#;
    assert!(json[0].starts_with(escaped), "a terminal obeys U+009B: {}", json[0]);
}

#[test]
fn the_log_has_what_was_sent_and_not_what_was_asked_for() {
    let server = site(
        "log_format own '$status $body_bytes_sent $request_completion'; access_log FOLDER/own.log own;",
        "",
    );
    server.folder.write("www/large.ts", vec![0; 30_000_000]);
    let mut connection = Connection::open(server.http());
    connection.send("GET /large.ts HTTP/1.1\r\nHost: a\r\n\r\n");
    wait("some of it is on the way", || connection.stream().peek(&mut [0; 1000]).unwrap() == 1000);
    drop(connection);
    let line = log_of(&server, "own.log", 1).remove(0);
    let sent: u64 = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(line.starts_with("200 ") && line.ends_with(" -") && (1..30_000_000).contains(&sent), "{line}");
}

#[test]
fn a_log_that_is_moved_away_is_begun_anew_and_the_last_lines_are_written_at_the_end() {
    let mut server = site("log_format own $uri; access_log FOLDER/own.log own;", "");
    get(server.http(), "/1");
    log_of(&server, "own.log", 1);
    fs::rename(server.folder.join("own.log"), server.folder.join("own.log.1")).unwrap();
    get(server.http(), "/2");
    assert_eq!(log_of(&server, "own.log", 1), ["/2"]);
    assert_eq!(fs::read_to_string(server.folder.join("own.log.1")).unwrap(), "/1\n");
    get(server.http(), "/3");
    server.stop();
    assert_eq!(fs::read_to_string(server.folder.join("own.log")).unwrap(), "/2\n/3\n");
}

#[test]
fn a_log_that_nobody_reads_or_that_is_full_stops_nothing() {
    let folder = Folder::new();
    folder.write("www/a.txt", "a");
    let fifo = folder.join("fifo.log");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let reader = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let server = Server::start_in(
        folder,
        "pid off; http { access_log FOLDER/fifo.log; server { listen 127.0.0.1:0; root FOLDER/www; }
            server { listen 127.0.0.1:0; access_log /dev/full; root FOLDER/www; } }",
    );
    let agent = format!("User-Agent: {}\r\n", "x".repeat(7000));
    for address in server.http.clone() {
        let mut connection = Connection::open(address);
        for _ in 0..100 {
            assert_eq!(connection.request("GET", "/a.txt", &agent).status, 200);
        }
    }
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(get(server.http(), "/a.txt").status, 200);
    server.wait_log("lines lost");
    assert!(server.lines("access log").len() <= 2, "{}", server.log());
    drop(reader);
}

#[test]
fn a_log_or_format_that_cannot_be_is_a_mistake_in_its_line() {
    let folder = Folder::new();
    for (line, expected) in [
        ("access_log /dev/null/all;", ":2: access log /dev/null/all: Not a directory"),
        ("access_log FOLDER/x main;", ":2: no log_format \"main\""),
        ("log_format combined x;", ":2: \"log_format\" takes name"),
        ("log_format a $nope;", "variable \"$nope\" is not known here"),
        ("log_format a x; log_format a y;", ":2: log_format \"a\" stands here twice"),
    ] {
        let line = line.replace("FOLDER", folder.to_str().unwrap());
        let file = folder.write("c.conf", format!("http {{\n{line}\nserver {{ listen 127.0.0.1:0; }} }}"));
        let output = run(millstream().args(["-t", "-c"]).arg(&file));
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(expected), "{line}: {said}");
    }
}
