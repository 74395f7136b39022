//! Who may publish and play, asked of the real server: rules, keys, signatures, and where nothing of them is seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::get;
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, files_below, millstream, run, stderr, wait};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const UNAUTHORIZED: &str = "NetStream.Publish.Unauthorized";
const PLAY_FAILED: &str = "NetStream.Play.Failed";

/// A server with recordings, HLS and a page, and these directives in its application.
fn everything(directives: &str) -> String {
    format!(
        "pid off; error_log stderr debug;
         rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; record all; record_path FOLDER/rec;
             hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_nested on; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }} }} }}"
    )
}

/// Publishes, and waits until the server knows that the publisher has left: the next one may have the same name.
fn try_publish(server: &Server, app: &str, name: &str) -> Result<(), String> {
    let before = server.count_lines("stops publishing");
    let publisher = Client::try_publish(server.rtmp(), app, name)?;
    drop(publisher);
    server.wait_lines("stops publishing", before + 1);
    Ok(())
}

fn try_play(server: &Server, app: &str, name: &str) -> Result<(), String> {
    Client::try_play(server.rtmp(), app, name).map(drop)
}

fn signature(secret: &str, text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The seconds since 1970, and some more.
fn in_seconds(more: i64) -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + more
}

#[test]
fn rules_decide_by_action_and_address() {
    for (rules, publish, play) in [
        ("", true, true),
        ("deny publish all;", false, true),
        ("allow publish 10.0.0.0/8; deny publish all;", false, true),
        ("allow publish 127.0.0.0/8; deny publish all; deny play 127.0.0.1;", true, false),
        ("allow ::1; deny all;", false, false),
        ("allow unix:; deny all;", false, false),
    ] {
        let server = Server::live(rules);
        let refused = |may: bool, code: &str| if may { Ok(()) } else { Err(code.to_owned()) };
        assert_eq!(try_publish(&server, "live", "a"), refused(publish, UNAUTHORIZED), "{rules}");
        assert_eq!(try_play(&server, "live", "a"), refused(play, PLAY_FAILED), "{rules}");
    }
}

#[test]
fn who_is_refused_is_told_why_and_leaves_nothing() {
    let server = Server::start_in(
        Folder::new(),
        &everything("publish_key s3cret-of-cam cam; allow publish 127.0.0.1; deny publish all;"),
    );
    for (name, text) in [
        ("cam", "a key is missing: publish to rtmp://HOST/live/NAME?key=KEY"),
        ("cam?key=guess", "wrong key"),
        ("guess", "wrong stream key"),
        ("other?key=s3cret-of-cam", "the key is for another stream"),
    ] {
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.publish(name);
        assert_eq!(raw.status(), (UNAUTHORIZED.to_owned(), text.to_owned()), "{name}");
        raw.expect_end();
        server.wait_log(&format!("refused: {text}"));
    }
    for folder in ["rec", "hls"] {
        assert_eq!(files_below(&server.folder.join(folder)), [], "{folder}");
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_key_in_place_of_the_name_is_seen_nowhere() {
    const KEY: &str = "s3cret-of-cam";
    let server = Server::start_in(Folder::new(), &everything(&format!("publish_key {KEY} cam;")));
    let url = format!("rtmp://{}/live/{KEY}", server.rtmp());
    ffmpeg::run(ffmpeg::command().args(ffmpeg::source(Tracks::Both, 3)).arg(url));
    server.wait_log("stops publishing live/cam");
    let mut publisher = Client::try_publish(server.rtmp(), "live", &format!("cam?key={KEY}")).unwrap();
    publisher.send_all(&both(0, 2000));
    let list = "/hls/cam/index.m3u8";
    wait("the playlist is there", || get(server.http(), list).status == 200);
    let pages = ["/", "/streams.json", list];
    let pages = pages.map(|path| (path.to_owned(), get(server.http(), path)));
    assert!(pages[1].1.text().contains("cam"), "{}", pages[1].1.text());
    drop(publisher);
    server.wait_lines("stops publishing live/cam", 2);
    let written: Vec<_> =
        files_below(&server.folder).into_iter().filter(|(path, _)| !path.ends_with(".conf")).collect();
    assert!(written.iter().any(|(path, _)| path.ends_with("rec/cam.flv")), "a recording has the name");
    let log = ("the log".to_owned(), server.log().into_bytes());
    let pages = pages.into_iter().map(|(path, reply)| (path, reply.body));
    for (what, content) in written.into_iter().chain(pages).chain([log]) {
        let is_there = content.windows(KEY.len()).any(|part| part == KEY.as_bytes());
        assert!(!is_there && !what.contains(KEY), "{what}");
    }
}

#[test]
fn a_key_is_taken_from_the_arguments_of_the_stream_or_of_the_connect() {
    let server = Server::live("publish_key k1; play_key k2;");
    for (app, publish, play) in [
        ("live", "a?key=k1", "a?key=k2"),
        ("live?key=k1", "a", "a?key=k2"),
        ("live?key=k2", "a?key=k1", "a"),
        ("live?x=1&key=k1", "a?y=2", "a?key=k2&y=2"),
    ] {
        assert_eq!(try_publish(&server, app, publish), Ok(()), "{app} {publish}");
        assert_eq!(try_play(&server, app, play), Ok(()), "{app} {play}");
    }
    for (app, name) in
        [("live", "a"), ("live?key=k2", "a"), ("live", "a?key=k2"), ("live?key=k1", "a?key=k3")]
    {
        assert_eq!(try_publish(&server, app, name), Err(UNAUTHORIZED.to_owned()), "{app} {name}");
    }
    for (app, name) in [("live", "a"), ("live?key=k1", "a"), ("live", "a?key=k1")] {
        assert_eq!(try_play(&server, app, name), Err(PLAY_FAILED.to_owned()), "{app} {name}");
    }
}

#[test]
fn a_signed_link_opens_until_it_expires() {
    let server = Server::live(
        "publish_secret old-secret; publish_secret new-secret; play_secret play-secret address;",
    );
    let link = |secret: &str, action: &str, expires: i64, end: &str| {
        format!(
            "cam?expires={expires}&sig={}",
            signature(secret, &format!("{action}\nlive/cam\n{expires}{end}"))
        )
    };
    let (soon, past) = (in_seconds(600), in_seconds(-600));
    for (count, secret) in (1..).zip(["old-secret", "new-secret"]) {
        assert_eq!(try_publish(&server, "live", &link(secret, "publish", soon, "")), Ok(()), "{secret}");
        server.wait_lines("stops publishing live/cam", count);
    }
    for wrong in [
        link("old-secret", "publish", past, ""),
        link("old-secret", "play", soon, ""),
        link("other-secret", "publish", soon, ""),
        "cam".to_owned(),
    ] {
        assert_eq!(try_publish(&server, "live", &wrong), Err(UNAUTHORIZED.to_owned()), "{wrong}");
    }
    server.wait_log("refused: the link expired 6");
    assert_eq!(try_play(&server, "live", &link("play-secret", "play", soon, "\n127.0.0.1")), Ok(()));
    for end in ["", "\n127.0.0.2"] {
        let wrong = link("play-secret", "play", soon, end);
        assert_eq!(try_play(&server, "live", &wrong), Err(PLAY_FAILED.to_owned()));
    }
}

#[test]
fn a_reload_changes_keys_at_once_and_a_running_publisher_goes_on() {
    let config = |key: &str| {
        format!("pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {key} }} }} }}")
    };
    let server = Server::start_in(Folder::new(), &config("publish_key first-key cam;"));
    let mut publisher = Client::try_publish(server.rtmp(), "live", "first-key").unwrap();
    let mut player = Client::play(server.rtmp(), "cam");
    server.reload(&config("publish_key next-key door;"), 1);
    assert_eq!(try_publish(&server, "live", "first-key"), Err(UNAUTHORIZED.to_owned()));
    assert_eq!(try_publish(&server, "live", "next-key"), Ok(()));
    let media = both(0, 200);
    publisher.send_all(&media);
    assert_eq!(player.receive(media.len()).len(), media.len());
    server.reload(&config("deny publish all;"), 2);
    assert_eq!(try_publish(&server, "live", "next-key"), Err(UNAUTHORIZED.to_owned()));
    let more = both(200, 200);
    publisher.send_all(&more);
    assert_eq!(player.receive(more.len()).len(), more.len());
}

/// What the test of a configuration says, with the mode of the file.
fn said(text: &str, mode: u32) -> String {
    let folder = Folder::new();
    let file = folder.write("c.conf", text);
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let said = stderr(&run(millstream().current_dir(&*folder).arg("-t").arg("-c").arg(file)));
    said.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn keys_that_every_user_can_read_get_one_warning() {
    let config = |directives: &str| {
        format!(
            "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on;\n{directives} }} }} }}"
        )
    };
    const WARNING: &str =
        "c.conf:2: warning: the keys in this file can be read by every user of this machine";
    for directives in ["publish_key s3cret-one; play_key s3cret-two;", "play_secret s3cret-one;"] {
        let said_of = |mode| said(&config(directives), mode);
        assert_eq!(said_of(0o644).matches(WARNING).count(), 1, "{}", said_of(0o644));
        assert!(!said_of(0o640).contains("warning"), "{}", said_of(0o640));
        assert!(!said_of(0o644).contains("s3cret"));
    }
    for directives in ["publish_key off;", "allow all;"] {
        assert!(!said(&config(directives), 0o644).contains("warning"), "{directives}");
    }
}

#[test]
fn a_rule_that_never_decides_gets_a_warning() {
    let config = "pid off; rtmp { server { listen 127.0.0.1:0; deny all; application live { live on;
        deny publish all;\n allow publish 10.0.0.1; allow all; } application b { live on; } } }";
    let said = said(config, 0o644);
    let expected = "c.conf:3: warning: it never decides: \"deny\" in line 2 stands before it";
    assert_eq!((said.matches(expected).count(), said.matches("warning").count()), (1, 1), "{said}");
}

#[test]
fn faults_in_keys_are_told_without_them() {
    for (line, message) in [
        ("publish_key s3cret a b;", "\"publish_key\" takes SECRET [NAME]|off: 3 arguments"),
        ("publish_key s3cret a;\npublish_key s3cret b;", "stands in this block for another stream"),
        ("publish_key s3cret a/b;", "the second word is not a name that streams can have"),
        ("publish_key;", "\"publish_key\" takes SECRET [NAME]|off: a key is missing"),
        ("publish_secret s3cret s3cret;", "the second word can only be address"),
        ("publish_secret s3cret1; publish_secret s3cret2; publish_secret s3cret3;", "more than 2"),
        (
            "publish_key s3cret\nlive on;",
            "\"publish_key\" takes SECRET [NAME]|off: 3 arguments; is a \";\" missing?",
        ),
    ] {
        let said = said(&format!("rtmp {{ server {{ application live {{ {line} }} }} }}"), 0o600);
        assert!(said.contains(message) && !said.contains("s3cret"), "{line}: {said}");
    }
}
