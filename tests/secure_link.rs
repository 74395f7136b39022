//! Links that only who has a secret can make: judged as nginx judges them by the same configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::process::Command;

use crate::common::http::get;
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, millstream, not_tested, run, stderr};

const LOCATIONS: &str = r#"
    location /s/ {
        secure_link $arg_md5,$arg_expires;
        secure_link_md5 "$secure_link_expires$uri$remote_addr secret";
        if ($secure_link = "") { return 403; }
        if ($secure_link = "0") { return 410; }
        return 200 "$secure_link until $secure_link_expires";
    }
    location /plain/ {
        secure_link $arg_md5;
        secure_link_md5 "$uri secret";
        if ($secure_link != "1") { return 403; }
        return 200 right;
    }
    location /p/ {
        secure_link_secret secret;
        if ($secure_link = "") { return 403; }
        rewrite ^ /files/$secure_link;
    }
    location /files/ { internal; return 200 "found $uri"; }
    location /half/ { secure_link $arg_md5; return 200 "half $secure_link"; }
"#;

const RIGHT: u64 = 2_147_483_647;

/// An MD5 of openssl, in base64url.
fn md5(text: &str) -> String {
    let script = "printf %s \"$1\" | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =";
    let output = Command::new("sh").args(["-c", script, "sh", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn hex(text: &str) -> String {
    let script = "printf %s \"$1\" | openssl md5 -r | cut -c1-32";
    let output = Command::new("sh").args(["-c", script, "sh", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn paths() -> Vec<String> {
    let link = |path: &str, expires: &str| md5(&format!("{expires}{path}127.0.0.1 secret"));
    let (right, end) = (link("/s/a.flv", &RIGHT.to_string()), RIGHT);
    let expired = link("/s/a.flv", "1");
    let plain = md5("/plain/a secret");
    let word = hex("a.flvsecret");
    vec![
        format!("/s/a.flv?md5={right}&expires={end}"),
        format!("/s/a.flv?expires={end}&md5={right}&x=y"),
        format!("/s/a.flv?md5={right}==&expires={end}"),
        format!("/s/b.flv?md5={right}&expires={end}"),
        format!("/s/a.flv?md5={right}x&expires={end}"),
        format!("/s/a.flv?md5={}&expires={end}", right.to_lowercase()),
        format!("/s/a.flv?md5={right}&expires={}", end - 1),
        format!("/s/a.flv?md5={right}"),
        format!("/s/a.flv?md5={right}&expires=-1"),
        format!("/s/a.flv?md5={expired}&expires=1"),
        "/s/a.flv?md5=&expires=".to_owned(),
        "/s/a.flv".to_owned(),
        format!("/plain/a?md5={plain}"),
        format!("/plain/a?md5={plain}&md5=x"),
        format!("/plain/a?md5=x&md5={plain}"),
        format!("/plain/b?md5={plain}"),
        format!("/p/{word}/a.flv"),
        format!("/p/{}/a.flv", word.to_uppercase()),
        format!("/p/{word}/b.flv"),
        format!("/p/{word}/"),
        format!("/p/{word}"),
        "/p/a.flv".to_owned(),
        format!("/half/a?md5={plain}"),
    ]
}

fn answers(address: SocketAddr) -> Vec<String> {
    let answer = |path: String| {
        let reply = get(address, &path);
        let text = if reply.status == 200 { reply.text() } else { String::new() };
        format!("{path}: {} {text}", reply.status)
    };
    paths().into_iter().map(answer).collect()
}

#[test]
fn links_are_judged_as_nginx_judges_them() {
    let text =
        |listen: &str, first: &str| format!("{first} http {{ server {{ listen {listen}; {LOCATIONS} }} }}");
    let own = answers(Server::start(&text("127.0.0.1:0", "")).http());
    let ends = |end: &str| own.iter().filter(|answer| answer.ends_with(end)).count();
    assert_eq!((ends(": 410 "), ends(": 200 found /files/a.flv")), (1, 2), "{own:#?}");
    assert!(own[0].ends_with(": 200 1 until 2147483647"), "{}", own[0]);
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    match Nginx::start(&folder, &text(&address.to_string(), "events { }"), address) {
        Some(_nginx) => assert_eq!(own, answers(address)),
        None => not_tested("nginx is not on this machine"),
    }
}

#[test]
fn the_test_warns_where_no_link_is_refused_and_never_shows_the_secret() {
    let folder = Folder::new();
    let file = folder.write(
        "c.conf",
        "http { server { listen 127.0.0.1:0;
            location /a { secure_link $arg_md5; }
            location /b { secure_link $arg_md5; secure_link_md5 \"$uri hush\"; }
            location /c { secure_link_secret hush; return 200 $secure_link; } } }",
    );
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(&file)));
    for expected in [
        "c.conf:2: warning: without \"secure_link_md5\" it has no effect: every link is taken",
        "c.conf:3: warning: no link is refused: write if ($secure_link = \"\") { return 403; }",
        "c.conf:3: warning: the secret can be read by every user of this machine: chmod o-r",
    ] {
        assert_eq!(said.matches(expected).count(), 1, "{said}");
    }
    let file = folder.write("d.conf", "http { server { listen 127.0.0.1:0; secure_link_md5 $uri hush; } }");
    let said_of_mistake = stderr(&run(millstream().arg("-t").arg("-c").arg(&file)));
    assert!(said_of_mistake.contains("one text, in quotes if it has blanks"), "{said_of_mistake}");
    assert!(!said.contains("hush") && !said_of_mistake.contains("hush"), "{said} {said_of_mistake}");
}
