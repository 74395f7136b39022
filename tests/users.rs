//! Users and passwords: in arguments, and as encoders send them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use millstream::media::amf::{Object, Value};

use crate::common::ffmpeg::{self, Tracks};
use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, is_done_within, millstream, not_tested, run, stderr};

/// Lines for the password "secret", by the user's name: made by `openssl passwd -apr1`, by crypt(3) and by `openssl dgst`.
const USERS: &str = "# staff
apr1:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=

ssha:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0
sha256:$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.
sha512:$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.
bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a
plain:{PLAIN}secret
";

const NAMES: [&str; 7] = ["apr1", "sha", "ssha", "sha256", "sha512", "bcrypt", "plain"];

/// A line whose password takes some time to verify; it is no password that anybody knows.
const SLOW: &str = "slow:$2y$09$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

const STARTED: &str = "NetStream.Publish.Start";
const REFUSED: &str = "NetStream.Publish.Unauthorized";
const ENCODER: &str = "FMLE/3.0 (compatible; FMSc/1.0)";

/// A server with a file of users, and these directives.
fn server(users: &str, directives: &str) -> Server {
    let folder = Folder::new();
    folder.write("users", users);
    let live = format!("application live {{ live on; {directives} }}");
    Server::start_in(folder, &format!("pid off; rtmp {{ server {{ listen 127.0.0.1:0; {live} }} }}"))
}

/// Tries to publish a name, perhaps with arguments behind it: code and description of the answer.
fn publish(server: &Server, app: &str, name: &str) -> (String, String) {
    let mut raw = Raw::connected(server.rtmp(), app);
    raw.publish(name);
    raw.status()
}

/// The answer to a connect: its name, and the description.
fn connect(server: &Server, app: &str, flash_ver: &str) -> (String, String) {
    let mut raw = Raw::handshaken(server.rtmp());
    let url = format!("rtmp://test/{app}");
    let object = Object::default().with("app", app).with("tcUrl", url.as_str()).with("flashVer", flash_ver);
    raw.command("connect", 1.0, 0, &[Value::Object(object)]);
    let (name, values) = raw.command_answer();
    let information = values[1].as_object().unwrap();
    (name, information.str("description").unwrap_or_default().to_owned())
}

/// Publishes a second of video by ffmpeg, to the user's part of a URL.
fn ffmpeg_publishes(server: &Server, user: &str, name: &str) -> Output {
    let url = format!("rtmp://{user}{}/live/{name}", server.rtmp());
    ffmpeg::command().args(ffmpeg::source(Tracks::Video, 1)).arg(url).output().unwrap()
}

#[test]
fn users_of_each_format_publish_with_their_passwords_alone() {
    let server = server(USERS, "publish_user_file FOLDER/users;");
    for user in NAMES {
        let (code, _) = publish(&server, "live", &format!("{user}?user={user}&pass=secret"));
        assert_eq!(code, STARTED, "{user}");
        let (code, why) = publish(&server, "live", &format!("x?user={user}&pass=wrongword"));
        assert_eq!((code.as_str(), why.as_str()), (REFUSED, "wrong user or password"), "{user}");
    }
    let (code, why) = publish(&server, "live", "x?user=nobody&pass=secret");
    assert_eq!((code.as_str(), why.as_str()), (REFUSED, "wrong user or password"));
    let (code, why) = publish(&server, "live", "x");
    assert_eq!(code, REFUSED);
    assert!(
        why.starts_with("user and password are missing: publish to rtmp://HOST/live/NAME?user="),
        "{why}"
    );
    let (code, _) = publish(&server, "live?user=plain&pass=%73ecret", "y");
    assert_eq!(code, STARTED, "in the arguments of the connect");
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("wrongword"), "{log}");
}

#[test]
fn users_and_keys_each_open_and_players_are_asked_apart() {
    let server =
        server(USERS, "publish_key KEY; publish_user_file FOLDER/users; play_user_file FOLDER/users;");
    assert_eq!(publish(&server, "live", "a?key=KEY").0, STARTED);
    assert_eq!(publish(&server, "live", "b?key=WRONG&user=plain&pass=secret").0, STARTED);
    assert_eq!(publish(&server, "live", "c?key=WRONG").0, REFUSED);
    assert!(Client::try_play(server.rtmp(), "live", "a").is_err());
    assert!(Client::try_play(server.rtmp(), "live", "a?user=plain&pass=secret").is_ok());
}

#[test]
fn a_wrong_key_counts_whatever_comes_of_the_password_beside_it_and_no_key_becomes_a_name() {
    let server =
        server(USERS, "publish_key DOORKEY22 door; play_key VIEWKEY22 hall; publish_user_file FOLDER/users;");
    assert_eq!(publish(&server, "live", "x?key=GUESS&user=nobody&pass=x").0, REFUSED);
    server.wait_log("127.0.0.1: wrong key for publish live/");
    server.wait_log("127.0.0.1: wrong user or password for publish live/");
    assert_eq!(publish(&server, "live", "DOORKEY22?key=nope&user=plain&pass=secret").0, STARTED);
    server.wait_log("publish live/door");
    assert_eq!(publish(&server, "live", "VIEWKEY22?user=plain&pass=secret").0, STARTED);
    server.wait_log("publish live/key-VIEW");
    let log = server.log();
    assert!(!log.contains("KEY22"), "{log}");
}

#[test]
fn a_changed_file_needs_no_reload_and_one_that_is_gone_refuses_all_and_is_logged() {
    let server = server("ann:{PLAIN}one\nbob:none", "publish_user_file FOLDER/users;");
    assert_eq!(publish(&server, "live", "a?user=ann&pass=one").0, STARTED);
    server.folder.write("users", "ann:{PLAIN}two\nbob:none");
    assert_eq!(publish(&server, "live", "b?user=ann&pass=one").0, REFUSED);
    assert_eq!(publish(&server, "live", "c?user=ann&pass=two").0, STARTED);
    let (_, why) = publish(&server, "live", "d?user=bob&pass=none");
    assert_eq!(why, "the server cannot check passwords now; its log says why");
    server.wait_log("users:2: the password is kept in no known format");
    fs::remove_file(server.folder.join("users")).unwrap();
    let (_, why) = publish(&server, "live", "e?user=ann&pass=two");
    assert_eq!(why, "the server cannot check passwords now; its log says why");
    server.wait_log("users: No such file or directory");
}

#[test]
fn passwords_that_take_long_hold_up_nobody_else_and_only_some_of_them_wait() {
    let server = server(&format!("{SLOW}{USERS}"), "publish_user_file FOLDER/users;");
    let mut publisher = Client::publish(server.rtmp(), "cam?user=plain&pass=secret");
    let mut player = Client::play(server.rtmp(), "cam");
    let mut clients: Vec<_> = (0..32).map(|_| Raw::connected(server.rtmp(), "live")).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.publish(&format!("x{number}?user=slow&pass=wrongword"));
    }
    publisher.send(&media::video_header(0));
    let mut number = 0;
    is_done_within(Duration::from_millis(100), || {
        let begin = Instant::now();
        publisher.send(&media::video_frame(number * 40, number == 0, 100));
        number += 1;
        player.packet().unwrap();
        begin.elapsed()
    });
    let whys: Vec<_> = clients.iter_mut().map(|client| client.status().1).collect();
    let count = |text: &str| whys.iter().filter(|why| *why == text).count();
    let (wrong, busy) =
        (count("wrong user or password"), count("too many passwords are being checked; try again"));
    assert!(wrong >= 1 && busy >= 1 && wrong + busy == 32, "{whys:?}");
}

#[test]
fn ffmpeg_authenticates_as_adobe_has_it() {
    let server = server(
        "ann:{PLAIN}secret\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "publish_user_file FOLDER/users adobe;",
    );
    let output = ffmpeg_publishes(&server, "ann:secret@", "right");
    assert!(output.status.success(), "{}", stderr(&output));
    server.wait_log("publish live/right");
    for (user, name, said) in [
        ("ann:wrongword@", "wrong", "Incorrect username/password"),
        ("eve:secret@", "unknown", "Incorrect username/password"),
        ("sha:secret@", "hashed", "Incorrect username/password"),
        ("", "none", "No credentials set"),
    ] {
        let output = ffmpeg_publishes(&server, user, name);
        assert!(!output.status.success() && stderr(&output).contains(said), "{}", stderr(&output));
    }
    let (code, _) = publish(&server, "live?user=ann&pass=secret", "arguments");
    assert_eq!(code, STARTED);
    let log = server.log();
    assert!(!log.contains("secret") && !log.contains("wrongword") && !log.contains("salt="), "{log}");
}

#[test]
fn gstreamer_authenticates_as_adobe_has_it() {
    let has_sink = Command::new("gst-inspect-1.0").arg("rtmp2sink").stdout(Stdio::null()).status();
    if !has_sink.is_ok_and(|status| status.success()) {
        return not_tested("there is no rtmp2sink of GStreamer");
    }
    let server = server("ann:{PLAIN}secret", "publish_user_file FOLDER/users adobe;");
    let publishes = |password: &str, name: &str| {
        let location = format!("location=rtmp://{}/live/{name}", server.rtmp());
        let pipeline = "audiotestsrc num-buffers=20 ! voaacenc ! flvmux streamable=true ! rtmp2sink";
        let fallback = "videotestsrc num-buffers=20 ! x264enc ! flvmux streamable=true ! rtmp2sink";
        [pipeline, fallback].iter().any(|pipeline| {
            let mut command = Command::new("gst-launch-1.0");
            command.arg("-q").args(pipeline.split(' ')).arg(&location);
            command.args(["username=ann", &format!("password={password}")]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().unwrap().success()
        })
    };
    assert!(publishes("secret", "right"), "{}", server.log());
    server.wait_log("publish live/right");
    assert!(!publishes("wrongword", "wrong"));
    server.wait_log("connect live refused: wrong user or password");
}

#[test]
fn adobe_asks_encoders_alone_and_challenges_users_who_are_not_there() {
    let server = server("ann:{PLAIN}secret", "publish_key KEY; publish_user_file FOLDER/users adobe;");
    let (name, why) = connect(&server, "live", ENCODER);
    assert_eq!(name, "_error");
    assert_eq!(why, "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ");
    for (app, flash_ver) in [
        ("live", "LNX 9,0,124,2"),
        ("live", ""),
        ("live?key=KEY", ENCODER),
        ("live?user=ann&pass=secret", ENCODER),
    ] {
        assert_eq!(connect(&server, app, flash_ver).0, "_result", "{app} {flash_ver}");
    }
    for user in ["ann", "eve"] {
        let (_, why) = connect(&server, &format!("live?authmod=adobe&user={user}"), ENCODER);
        assert!(why.contains(&format!("?reason=needauth&user={user}&salt=")), "{why}");
        let app = format!("live?authmod=adobe&user={user}&challenge=00000000&response=AAAA&opaque=0");
        let (name, why) = connect(&server, &app, ENCODER);
        assert_eq!(name, "_error");
        assert_eq!(why, "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed");
    }
}

#[test]
fn a_file_of_users_is_checked_before_the_start() {
    let folder = Folder::new();
    let users = folder.write("users", "ann:secret\nbob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\ncid:{PLAIN}c\n");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let path = users.display();
    let live = format!("live on; publish_user_file {path} adobe; play_user_file {path}.none;");
    let text = format!("rtmp {{ server {{ listen 127.0.0.1:0;\napplication live {{ {live} }} }} }}");
    let said = stderr(&run(millstream().arg("-t").arg("-c").arg(folder.write("millstream.conf", &text))));
    for warning in [
        format!("{path} can be read by every user of this machine"),
        format!("{path}:1: the password is kept in no known format"),
        format!(
            "{path}: adobe needs the password itself, {{PLAIN}}PASSWORD; not for it are \"bob\" (line 2, {{SHA}})"
        ),
        format!("play_user_file {path}.none: No such file or directory"),
    ] {
        assert!(said.contains(&warning), "{warning}\n{said}");
    }
    assert!(!said.contains("secret") && !said.contains("5en6"), "{said}");
}
