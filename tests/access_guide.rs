//! The programs in docs/access.md that make links: each link opens what it is for, and none that has expired does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::common::http::get;
use crate::common::player::Client;
use crate::common::{Server, not_tested, run, stderr};

/// A line of the guide, the interpreter of the program below it, and the option behind which the program is passed.
const LANGUAGES: [(&str, &str, &str); 4] = [
    ("sh, with openssl:", "sh", "-c"),
    ("Python:", "python3", "-c"),
    ("PHP:", "php", "-r"),
    ("JavaScript, with Node.js:", "node", "-e"),
];

/// The guide.
fn guide() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/access.md")).unwrap()
}

/// The indented block that follows a line of the guide.
fn block_below(line: &str) -> String {
    let guide = guide();
    let (_, rest) = guide.split_once(&format!("\n{line}\n\n")).unwrap();
    let code = rest.lines().map_while(|line| line.strip_prefix("    "));
    code.map(|line| format!("{line}\n")).collect()
}

/// The link that a program of the guide prints, whose link is good for so many seconds; none if this machine cannot run it.
fn link((line, interpreter, option): (&str, &str, &str), seconds: i32) -> Option<String> {
    let mut command = Command::new(interpreter);
    if !command.arg("--version").output().is_ok_and(|output| output.status.success()) && interpreter != "sh" {
        not_tested(&format!("{interpreter} is not installed"));
        return None;
    }
    let program = block_below(line);
    assert_eq!(program.matches(" 3600").count(), 1, "{program}");
    let program = program.replace("<?php\n", "").replace(" 3600", &format!(" {seconds}"));
    let output = run(Command::new(interpreter).args([option, &program]));
    assert!(output.status.success(), "{interpreter}: {}", stderr(&output));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Plays what a link leads to; the code of a refusal is the error.
fn play(address: SocketAddr, link: &str) -> Result<Client, String> {
    let (app, name) = link.strip_prefix("rtmp://SERVER/").unwrap().split_once('/').unwrap();
    Client::try_play(address, app, name)
}

#[test]
fn the_programs_of_the_guide_make_links_that_open_the_stream_until_they_expire() {
    let server = Server::live("play_secret CHANGE-ME;");
    let _publisher = Client::publish(server.rtmp(), "cam");
    for language in LANGUAGES {
        let Some(good) = link(language, 3600) else { continue };
        play(server.rtmp(), &good).unwrap_or_else(|code| panic!("{language:?}: {code}: {good}"));
        let refused = |link: &str| play(server.rtmp(), link).err().unwrap_or_default();
        let expired = link(language, -60).unwrap();
        assert_eq!(refused(&expired), "NetStream.Play.Failed", "{language:?}: {expired}");
        assert_eq!(refused(&good.replace("/cam?", "/other?")), "NetStream.Play.Failed", "{language:?}");
    }
    server.wait_log("the link expired");
    assert!(!server.log().contains("CHANGE-ME"), "{}", server.log());
}

#[test]
fn the_program_of_the_guide_for_files_makes_links_that_open_the_file_until_they_expire() {
    let location = guide();
    let (_, rest) = location.split_once("        secure_link ").unwrap();
    let directives = rest.split_once("    }\n").unwrap().0;
    let server = Server::start(&format!(
        "http {{ server {{ listen 127.0.0.1:0; location /rec {{ alias FOLDER/rec; secure_link {directives} }} }} }}"
    ));
    server.folder.write("rec/cam.flv", "a recording");
    let program = ("and the link to `/rec/cam.flv` is made so:", "sh", "-c");
    let target = |seconds| {
        let link = link(program, seconds).unwrap();
        link.strip_prefix("http://SERVER:8080").unwrap().to_owned()
    };
    let good = get(server.http(), &target(3600));
    assert_eq!((good.status, good.text().as_str()), (200, "a recording"));
    assert_ne!(get(server.http(), &target(-60)).status, 200);
    assert_ne!(get(server.http(), &target(3600).replace("md5=", "md5=x")).status, 200);
    assert_ne!(get(server.http(), "/rec/cam.flv").status, 200);
}
