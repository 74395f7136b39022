//! Users and passwords for files: `auth_basic` and `satisfy`, with the answers of nginx by the same configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};

use crate::common::http::{Connection, Reply};
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, is_done_within, millstream, not_tested, run, stderr, wait};

/// Lines for the password "secret", by the user's name: made by `openssl passwd -apr1`, by crypt(3) and by `openssl dgst`.
const USERS: &str = "# staff
apr1:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=:a comment

ssha:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0
sha256:$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.
sha512:$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.
bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a
plain:{PLAIN}secret
";

const NAMES: [&str; 7] = ["apr1", "sha", "ssha", "sha256", "sha512", "bcrypt", "plain"];

/// A line whose password takes some time to verify; it is no password that anybody knows.
const SLOW: &str = "slow:$2y$09$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// What is set in each location beside `satisfy` and the rules.
const LOGINS: [&str; 5] = [
    "",
    "auth_basic off;",
    "auth_basic inner;",
    "auth_basic inner; auth_basic_user_file FOLDER/others;",
    "auth_basic inner; auth_basic_user_file FOLDER/none;",
];

const RULES: [&str; 6] = [
    "",
    "allow 127.0.0.1; deny all;",
    "deny 127.0.0.1; allow all;",
    "deny all;",
    "allow 10.0.0.0/8;",
    "allow all;",
];

const SATISFY: [&str; 3] = ["", "satisfy all;", "satisfy any;"];

/// Error pages, and answers that are given before anybody is asked.
const OTHERS: &str = r#"
    location /plain/ { alias FOLDER/www/; }
    location /page/ { alias FOLDER/www/; error_page 401 /login/a.txt; }
    location /forced/ { alias FOLDER/www/; error_page 401 =200 /login/a.txt; }
    location /guarded/ { alias FOLDER/www/; error_page 401 /plain/a.txt; }
    location /named/ { alias FOLDER/www/; error_page 401 @none; }
    location /login/ { auth_basic off; alias FOLDER/www/; }
    location @none { auth_basic off; return 404; }
    location /returns/ { return 200 here; }
    location /tries/ { root FOLDER/www; try_files $uri /login/a.txt; }
    location /moved/ { rewrite ^ /login/a.txt; }
"#;

/// A server that asks for passwords, with all combinations as locations.
fn combinations(listen: &str) -> String {
    let mut text = OTHERS.to_owned();
    let mut number = 0;
    for satisfy in SATISFY {
        for rules in RULES {
            for login in LOGINS {
                text += &format!("location /{number}/ {{ alias FOLDER/www/; {satisfy} {rules} {login} }}\n");
                number += 1;
            }
        }
    }
    format!(
        "http {{ server {{ listen {listen}; auth_basic \"the outer one\"; auth_basic_user_file FOLDER/users; {text} }} }}"
    )
}

fn paths() -> Vec<String> {
    let count = SATISFY.len() * RULES.len() * LOGINS.len();
    let others = ["plain", "page", "forced", "guarded", "named", "login", "returns", "tries", "moved"];
    let numbers = (0..count).map(|number| number.to_string());
    numbers.chain(others.map(str::to_owned)).map(|name| format!("/{name}/a.txt")).collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("www/a.txt", "text");
    folder.write("www/a.ts", "fragment");
    folder.write("users", USERS);
    folder.write("others", "other:{PLAIN}secret\n");
    folder
}

/// The field for a user and a password, separated by a colon.
fn basic(text: &str) -> String {
    format!("Authorization: Basic {}\r\n", Base64::encode_string(text.as_bytes()))
}

fn ask(address: SocketAddr, path: &str, fields: &str) -> Reply {
    Connection::open(address).request("GET", path, fields)
}

/// Status and challenge of the answer, without the word for UTF-8 that nginx does not have.
fn outcome(reply: &Reply) -> String {
    let challenge = reply.header("www-authenticate").replace(", charset=\"UTF-8\"", "");
    format!("{} {challenge}", reply.status)
}

fn outcomes(address: SocketAddr) -> Vec<String> {
    let shown = ["".to_owned(), basic("plain:secret"), basic("plain:wrong"), basic("other:secret")];
    let mut outcomes = Vec::new();
    let mut connection = Connection::open(address);
    for path in paths() {
        for fields in &shown {
            let reply = connection.request("GET", &path, fields);
            outcomes.push(format!("{path} {fields:?}: {}", outcome(&reply)));
            if reply.header("connection") == "close" {
                connection = Connection::open(address);
            }
        }
    }
    let user = |name: &str| basic(&format!("{name}:secret"));
    let fields = NAMES.iter().map(|name| user(name)).chain([
        user("nobody"),
        user("# staff"),
        user("sha512 "),
        basic("apr1:secrets"),
        basic("bcrypt:"),
        basic("plain"),
        basic(":secret"),
        "Authorization: basic   cGxhaW46c2VjcmV0\r\n".to_owned(),
        "Authorization: Basic cGxhaW46c2VjcmV0=x\r\n".to_owned(),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: Basic *\r\n".to_owned(),
        "Authorization: Bearer cGxhaW46c2VjcmV0\r\n".to_owned(),
    ]);
    for fields in fields {
        for method in ["GET", "HEAD"] {
            let reply = Connection::open(address).request(method, "/plain/a.txt", &fields);
            outcomes.push(format!("{method} {fields:?}: {}", outcome(&reply)));
        }
    }
    outcomes
}

#[test]
fn passwords_and_addresses_are_judged_as_nginx_judges_them() {
    let server = Server::start_in(folder(), &format!("pid off; {}", combinations("127.0.0.1:0")));
    let own = outcomes(server.http());
    let count = |status: &str| own.iter().filter(|outcome| outcome.contains(&format!(": {status} "))).count();
    let counts = ["200", "401", "403"].map(count);
    assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
    let (folder, address) = (folder(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = combinations(&address.to_string()).replace("FOLDER", folder.to_str().unwrap());
    match Nginx::start(&folder, &format!("events {{ }} {text}"), address) {
        Some(_nginx) => assert_eq!(own, outcomes(address)),
        None => not_tested("nginx is not on this machine"),
    }
}

/// A server whose files want a password, behind a proxy at the loopback address, since that itself is never slowed.
fn site(users: &str, settings: &str) -> Server {
    let folder = folder();
    folder.write("users", users);
    Server::start_in(
        folder,
        &format!(
            "pid off; http {{ log_format f '$remote_addr $remote_user [$http_authorization] $status'; access_log FOLDER/access.log f;
             server {{ listen 127.0.0.1:0; set_real_ip_from 127.0.0.1; root FOLDER/www;
             auth_basic Members; auth_basic_user_file FOLDER/users; {settings} }} }}"
        ),
    )
}

fn status(server: &Server, from: &str, shown: &str) -> u16 {
    ask(server.http(), "/a.txt", &format!("X-Real-IP: {from}\r\n{}", basic(shown))).status
}

#[test]
fn logs_have_users_who_are_right_and_those_who_guess_and_no_passwords() {
    let server = site(USERS, "location /free/ { satisfy any; allow all; alias FOLDER/www/; }");
    for _ in 0..10 {
        assert_eq!(status(&server, "192.0.2.7", "plain:wrongword"), 401);
    }
    let slowed = ask(server.http(), "/a.txt", &format!("X-Real-IP: 192.0.2.7\r\n{}", basic("plain:secret")));
    assert_eq!((slowed.status, slowed.header("cache-control")), (429, "no-store"));
    assert!((1..=5).contains(&slowed.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(status(&server, "192.0.2.8", "apr1:secret"), 200);
    let reply =
        ask(server.http(), "/free/a.txt", &format!("X-Real-IP: 192.0.2.9\r\n{}", basic("mistyped:x")));
    assert_eq!(reply.status, 200);
    server.wait_log(" 192.0.2.7: wrong user or password for get /a.txt; 10 wrong ones from this address");
    let path =
        ask(server.http(), "/a%22%1Bb?key=hidden", &format!("X-Real-IP: 192.0.2.9\r\n{}", basic("x:y")));
    assert_eq!(path.status, 400, "control characters are in no path");
    let path = ask(server.http(), "/a%22b?key=hidden", &format!("X-Real-IP: 192.0.2.9\r\n{}", basic("x:y")));
    assert_eq!(path.status, 401);
    server.wait_log(" 192.0.2.9: wrong user or password for get /a\\\"b; 1 wrong one from this address");
    wait("the access log", || {
        let log = fs::read_to_string(server.folder.join("access.log")).unwrap_or_default();
        log.contains("192.0.2.8 apr1 [***] 200\n")
            && log.contains("192.0.2.7 - [***] 401\n")
            && log.contains("192.0.2.7 - [***] 429\n")
            && log.contains("192.0.2.9 - [***] 200\n")
    });
    let logs = server.log() + &fs::read_to_string(server.folder.join("access.log")).unwrap();
    for secret in ["wrongword", "secret", "hidden", "mistyped", "cGxhaW46"] {
        assert!(!logs.contains(secret), "{secret}: {logs}");
    }
}

#[test]
fn passwords_that_take_long_hold_up_nobody_else_and_only_some_of_them_wait() {
    let server = site(&format!("{SLOW}{USERS}"), "location /free/ { auth_basic off; alias FOLDER/www/; }");
    assert_eq!(ask(server.http(), "/a.txt", &basic("plain:secret")).status, 200);
    let mut clients: Vec<_> = (0..40).map(|_| Connection::open(server.http())).collect();
    for client in &mut clients {
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{}\r\n", basic("slow:wrongword")));
    }
    let mut other = Connection::open(server.http());
    for fields in [String::new(), basic("plain:secret")] {
        is_done_within(Duration::from_millis(100), || {
            let begin = Instant::now();
            assert_eq!(other.request("GET", "/free/a.txt", &fields).status, 200);
            begin.elapsed()
        });
    }
    is_done_within(Duration::from_millis(100), || {
        let begin = Instant::now();
        let reply = other.request("GET", "/a.txt", &basic("plain:secret"));
        assert_eq!(reply.status, 200, "it is remembered");
        begin.elapsed()
    });
    let replies: Vec<_> = clients.iter_mut().map(|client| client.reply("GET")).collect();
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert!(count(401) >= 16 && count(503) >= 1 && count(401) + count(503) == 40, "{replies:?}");
    let busy = replies.iter().find(|reply| reply.status == 503).unwrap();
    assert_eq!(busy.header("retry-after"), "2");
    server.wait_log("/a.txt: refused, since too many requests wait for the check of a password");
}

#[test]
fn a_changed_file_needs_no_reload_and_one_that_cannot_be_used_lets_nobody_in() {
    let server = site("ann:{PLAIN}one\nbob:none\n", "");
    let from = "192.0.2.7";
    assert_eq!(status(&server, from, "ann:one"), 200);
    server.folder.write("users", "ann:{PLAIN}two\nbob:none\n");
    assert_eq!(status(&server, from, "ann:two"), 200);
    assert_eq!(status(&server, from, "ann:three"), 401);
    assert_eq!(status(&server, from, "bob:none"), 500);
    server.wait_log("auth_basic_user_file, get /a.txt: ");
    server.wait_log("users:2: the password is kept in no known format");
    fs::remove_file(server.folder.join("users")).unwrap();
    assert_eq!(status(&server, from, "ann:four"), 403);
    server.wait_log("users: No such file or directory");
    fs::create_dir(server.folder.join("users")).unwrap();
    assert_eq!(status(&server, from, "ann:five"), 500);
    server.wait_log("users: it is no regular file");
}

#[test]
fn what_is_sent_to_who_has_shown_a_password_is_not_kept_for_others_by_caches() {
    let server = site(USERS, "location /set/ { alias FOLDER/www/; expires 1h; }");
    let control = |path: &str, fields: &str| {
        let reply = ask(server.http(), path, fields);
        (reply.status, reply.header("cache-control").to_owned())
    };
    let (right, of) = (basic("plain:secret"), |status, control: &str| (status, control.to_owned()));
    assert_eq!(control("/a.ts", &right), of(200, "private, max-age=60, immutable"));
    assert_eq!(
        control("/a.ts", &format!("Range: bytes=0-1\r\n{right}")),
        of(206, "private, max-age=60, immutable")
    );
    // RFC 9111, section 3.5: an answer to a request with Authorization is kept only if it says more than that.
    assert_eq!(control("/set/a.ts", &right), of(200, "max-age=3600"));
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = format!(
        "events {{ }} http {{ proxy_cache_path {}/cache keys_zone=z:1m; server {{ listen {address}; proxy_cache z;
         location / {{ proxy_pass http://{}; }} }} }}",
        folder.display(),
        server.http()
    );
    let Some(_nginx) = Nginx::start(&folder, &text, address) else {
        return not_tested("nginx is not on this machine");
    };
    for (fields, status) in [("", 401), (right.as_str(), 200), ("", 401), (right.as_str(), 200)] {
        assert_eq!(ask(address, "/a.ts", fields).status, status, "{fields}");
    }
}

#[test]
fn files_of_users_are_checked_before_the_start() {
    let folder = Folder::new();
    let costly = "cid:$2y$13$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
    let users = folder.write("users", format!("ann:secret\nbob:{{PLAIN}}b\n{costly}\n"));
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    folder.write("empty", "# nobody\n");
    let test = |server: &str| {
        let server = server.replace("FOLDER", folder.to_str().unwrap());
        let text = format!("http {{ server {{ listen 127.0.0.1:0;\n{server} }} }}");
        let output = run(millstream().arg("-t").arg("-c").arg(folder.write("c.conf", text)));
        (output.status.success(), stderr(&output))
    };
    let (passes, said) = test(
        "auth_basic x; auth_basic_user_file FOLDER/users;
         location /a { auth_basic_user_file FOLDER/users; }
         location /b { auth_basic_user_file FOLDER/none; }
         location /c { auth_basic_user_file FOLDER/empty; }
         location /d { auth_basic off; auth_basic_user_file FOLDER/other; }",
    );
    let (path, none) = (users.display(), folder.join("none"));
    for warning in [
        format!("c.conf:2: warning: {path}:1: the password is kept in no known format"),
        format!("c.conf:2: warning: {path}:3: "),
        format!("c.conf:2: warning: {path} can be read by every user of this machine"),
        format!("c.conf:4: warning: auth_basic_user_file {}: No such file or directory", none.display()),
        format!("{} has no user, so nobody is let in", folder.join("empty").display()),
    ] {
        assert_eq!(said.matches(&warning).count(), 1, "{warning}\n{said}");
    }
    assert!(
        passes && !said.contains("secret") && !said.contains("abcdef") && !said.contains("other"),
        "{said}"
    );
    let (_, said) = test("auth_basic_user_file FOLDER/users; location /a { }");
    let warning = "c.conf:2: warning: nobody is asked for a password: write auth_basic \"REALM\"; beside it";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    let (passes, said) = test("location /a { auth_basic x; }\nlocation /b { auth_basic y; }");
    assert!(!passes, "{said}");
    for line in [2, 3] {
        let error = format!("c.conf:{line}: \"auth_basic\" asks for a password, and there is no");
        assert_eq!(said.matches(&error).count(), 1, "{said}");
    }
    let (_, said) = test("location /a { auth_request /b; } auth_delay 1s;");
    assert!(said.contains("\"auth_request\" is nginx's") && said.contains("use auth_basic"), "{said}");
}

#[test]
fn ffmpeg_plays_hls_with_the_password_of_its_url() {
    let server = site(USERS, "");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x120:rate=10",
            "-t",
            "3",
            "-c:v",
            "libx264",
        ])
        .args(["-g", "10", "-f", "hls", "-hls_time", "1", "-hls_list_size", "0"])
        .arg(server.folder.join("www/cam.m3u8"))
        .stdin(Stdio::null())
        .output();
    let Ok(made) = made else { return not_tested("ffmpeg is not on this machine") };
    assert!(made.status.success(), "{}", stderr(&made));
    let plays = |user: &str| {
        let url = format!("http://{user}{}/cam.m3u8", server.http());
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-i", &url, "-f", "null", "-"]).stdin(Stdio::null());
        command.output().unwrap()
    };
    let output = plays("bcrypt:secret@");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
    assert!(!plays("").status.success());
    assert!(!plays("bcrypt:wrong@").status.success());
}
