//! No key, signature or password is written anywhere: not to logs, files and their names, nor to what HTTP serves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use millstream::media::amf::{Object, Value};
use regex_lite::Regex;
use sha2::Sha256;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::{Connection, Reply};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, files_below, run, wait};

/// In the configuration: keys of all streams and of one, and what signatures are made with.
const PUBLISH_KEY: &str = "Pk7vXq2mRt9w";
const CAM_KEY: &str = "Ck4zWn8bJs3d";
const PLAY_KEY: &str = "Lk5yHf1gVe6u";
const CAM_PLAY_KEY: &str = "Dk9aBo0pTi2x";
const PUBLISH_SECRET: &str = "Ss3dKw7qMz5c";
const PLAY_SECRET: &str = "Gs8hNr4tXy1v";
const PASSWORD: &str = "Up2gSk6dVn0j";
/// What clients guess, and what they send over HTTP.
const WRONG_KEY: &str = "Wk2jUc6fQa0e";
const WRONG_PASSWORD: &str = "Wp8mTz4yHc7b";
const WRONG_NAME: &str = "Wn1lEo5iZd9s";
const WRONG_CONNECT: &str = "Wc6rYm3kBx8h";
const WRONG_APP: &str = "Wa9uIv2nKf4t";
const ARGUMENT: &str = "Hq5tGj7wPb3o";
const COOKIE: &str = "Hc0sDx8eLm6z";
const SECRETS: [&str; 14] = [
    PASSWORD,
    WRONG_PASSWORD,
    PUBLISH_KEY,
    CAM_KEY,
    PLAY_KEY,
    CAM_PLAY_KEY,
    PUBLISH_SECRET,
    PLAY_SECRET,
    WRONG_KEY,
    WRONG_NAME,
    WRONG_CONNECT,
    WRONG_APP,
    ARGUMENT,
    COOKIE,
];

/// The most characters that may be shown of a name that may be a key.
const SHOWN: usize = 4;

fn configuration() -> String {
    format!(
        "pid off; error_log stderr debug; error_log FOLDER/error.log trace;
         rtmp {{ log_format all escape=none '$command|$app|$name|$args|$tcurl|$pageurl|$swfurl|$flashver';
             access_log FOLDER/rtmp.log all; access_log FOLDER/rtmp-combined.log; server {{ listen 127.0.0.1:0; application live {{ live on; idle_streams off;
             publish_key {PUBLISH_KEY}; publish_key {CAM_KEY} cam; publish_secret {PUBLISH_SECRET};
             publish_user_file FOLDER/users;
             play_key {PLAY_KEY}; play_key {CAM_PLAY_KEY} cam; play_secret {PLAY_SECRET};
             record all; record_path FOLDER/rec; record_suffix -%s.flv;
             hls on; hls_path FOLDER/hls; hls_fragment 1s; hls_nested on; }} }} }}
         http {{ log_format all '$request|$request_uri|$args|$query_string|$arg_key|$arg_token|$http_referer|'
                 '$http_cookie|$http_authorization|$uri';
             access_log FOLDER/combined.log; access_log FOLDER/all.log all;
             server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }}
                 location /moved {{ return 302 /there?$args; }} }} }}"
    )
}

fn signed(action: &str, secret: &str) -> (String, String) {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hmac.update(format!("{action}\nlive/signed\n{expires}").as_bytes());
    let sig: String = hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("signed?expires={expires}&sig={sig}"), sig)
}

fn url(server: &Server, rest: &str) -> String {
    format!("rtmp://{}/{rest}", server.rtmp())
}

fn ffmpeg_publishes(server: &Server, rest: &str) -> bool {
    run(ffmpeg::command().args(ffmpeg::source(Tracks::Both, 2)).arg(url(server, rest))).status.success()
}

fn ffmpeg_plays(server: &Server, rest: &str) -> bool {
    run(ffmpeg::command().args(["-i", &url(server, rest), "-f", "null", "-"])).status.success()
}

/// Two clients whose `connect` has this application and URL; one publishes a name, and one plays it.
fn asks(server: &Server, app: &str, name: &str) {
    for publishes in [true, false] {
        let mut raw = Raw::handshaken(server.rtmp());
        let object = Object::default().with("app", app).with("tcUrl", url(server, app).as_str());
        let object = object.with("pageUrl", format!("http://h/?key={WRONG_CONNECT}").as_str());
        raw.command("connect", 1.0, 0, &[Value::Object(object)]);
        for command in ["releaseStream", "FCPublish", "FCUnpublish", "FCSubscribe"] {
            raw.command(command, 2.0, 0, &[Value::Null, name.into()]);
        }
        if publishes {
            raw.publish(name);
        } else {
            raw.play(name);
        }
        raw.expect_end();
    }
}

fn publish_and_play(server: &Server) -> [String; 2] {
    assert!(ffmpeg_publishes(server, &format!("live/{CAM_KEY}")));
    assert!(ffmpeg_publishes(server, &format!("live/other?key={PUBLISH_KEY}")));
    let [(publish, publish_sig), (play, play_sig)] =
        [("publish", PUBLISH_SECRET), ("play", PLAY_SECRET)].map(|(action, secret)| signed(action, secret));
    let mut publisher = Client::try_publish(server.rtmp(), "live", &publish).unwrap();
    let player = url(server, &format!("live/signed?key={PLAY_KEY}"));
    let mut player = ffmpeg::spawn(ffmpeg::command().args(["-i", &player, "-f", "null", "-"]));
    server.wait_log("play live/signed");
    Client::try_play(server.rtmp(), "live", &play).unwrap();
    publisher.send_all(&ffmpeg::encode(&server.folder, Tracks::Both, 3));
    publisher.finish();
    wait("the player ends with the stream", || player.try_wait().unwrap().is_some());
    assert!(player.wait().unwrap().success());
    let mut cam = Client::try_publish(server.rtmp(), &format!("live?key={CAM_KEY}"), "cam").unwrap();
    cam.send_all(&both(0, 3000));
    for name in [CAM_PLAY_KEY, &format!("cam?key={CAM_PLAY_KEY}")] {
        Client::try_play(server.rtmp(), "live", name).unwrap();
    }
    Client::try_publish(server.rtmp(), "live", &format!("door?user=u&pass={PASSWORD}")).unwrap();
    for wrong in [format!("live/{WRONG_NAME}"), format!("live/cam?key={WRONG_KEY}")] {
        assert!(!ffmpeg_publishes(server, &wrong) && !ffmpeg_plays(server, &wrong), "{wrong}");
    }
    for (app, name) in [
        (&*format!("live?key={WRONG_CONNECT}"), "cam"),
        (&*format!("live/{WRONG_NAME}"), ""),
        (WRONG_APP, ""),
        (&*format!("live/x?token={WRONG_CONNECT}"), WRONG_NAME),
        ("live", WRONG_NAME),
        ("live", &format!("{WRONG_NAME}?user=u&pass={WRONG_PASSWORD}")),
        (&format!("live?user=u&pass={WRONG_PASSWORD}"), "door"),
        ("live", &format!("\u{1}{WRONG_NAME}")),
        ("live", &format!("{WRONG_NAME}%zz")),
        ("live", &format!("cam?sig={WRONG_KEY}&expires={WRONG_KEY}")),
        ("live", &format!("{}?key={WRONG_KEY}", WRONG_NAME.repeat(100))),
    ] {
        asks(server, app, name);
    }
    [publish_sig, play_sig]
}

/// The answers to requests with keys in all places.
fn request(server: &Server) -> Vec<(String, Reply)> {
    let fields = format!(
        "Referer: http://h/p?key={ARGUMENT}\r\nCookie: session={COOKIE}\r\nAuthorization: Basic {COOKIE}\r\n"
    );
    let targets =
        ["/", "/page.js", "/streams.json", "/none", "/hls/signed/index.m3u8", "/hls/", "/hls/none.ts"];
    let targets = targets.map(|path| format!("{path}?token=1&key={ARGUMENT}&{ARGUMENT}"));
    let mut connection = Connection::open(server.http());
    let moved = connection.request("GET", &format!("/moved?key={ARGUMENT}"), &fields);
    assert_eq!(moved.header("location").split_once("/there").unwrap().1, format!("?key={ARGUMENT}"));
    targets.into_iter().map(|target| (target.clone(), connection.request("GET", &target, &fields))).collect()
}

/// What no text may have: what would be too much of a secret.
fn parts(secrets: &[&'static str], signatures: &[String]) -> Vec<String> {
    let of_secrets = secrets.iter().flat_map(|secret| [&secret[..=SHOWN], &secret[SHOWN..]]);
    // Short pieces of hexadecimal numbers stand anywhere.
    let of_signatures = signatures.iter().flat_map(|signature| [&signature[..16], &signature[48..]]);
    of_secrets.chain(of_signatures).map(str::to_owned).collect()
}

fn leak<'a>(text: &[u8], parts: &'a [String]) -> Option<&'a String> {
    parts.iter().find(|part| text.windows(part.len()).any(|window| window == part.as_bytes()))
}

#[test]
fn no_secret_is_in_a_log_a_file_a_name_or_an_answer() {
    let folder = Folder::new();
    let users = folder.write("users", format!("u:{{PLAIN}}{PASSWORD}"));
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >stdout.txt", env!("CARGO_BIN_EXE_millstream")]);
    shell.env_remove("RUST_LOG").env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    let mut server = Server::start_with(shell, folder, &configuration());
    let configuration = server.folder.join("millstream.conf");
    let signatures = publish_and_play(&server);
    let answers = request(&server);
    assert!(answers[2].1.text().contains("\"wrong_keys\":"), "{}", answers[2].1.text());
    wait("the access log is written", || {
        fs::read_to_string(server.folder.join("all.log")).is_ok_and(|log| log.lines().count() > answers.len())
    });
    server.stop();
    for own in [configuration, users] {
        fs::remove_file(own).unwrap();
    }

    let log = server.log();
    for line in [
        "publish live/cam",
        "play live/cam",
        "publish live/signed",
        "refused: wrong stream key",
        "refused: wrong key",
        "refused: wrong signature",
        "wrong user or password for publish live/\"door\"; 1 wrong one from this address",
        "live/\"Wn1l...\" (12 characters)",
        "/none?token=***&key=***&*** 404",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
    let written = files_below(&server.folder);
    for file in [
        "rec/cam-",
        "hls/",
        "error.log",
        "combined.log",
        "all.log",
        "rtmp.log",
        "rtmp-combined.log",
        "stdout.txt",
    ] {
        assert!(written.iter().any(|(path, _)| path.contains(file)), "{file}");
    }
    let bodies = answers.into_iter().map(|(target, reply)| {
        (
            target.split('?').next().unwrap().to_owned(),
            [format!("{:?}", reply.headers).into(), reply.body].concat(),
        )
    });
    let secrets = parts(&SECRETS, &signatures);
    for (what, content) in
        written.into_iter().chain(bodies).chain([("standard error".to_owned(), log.into())])
    {
        assert_eq!(leak(&content, &secrets), None, "{what}: {}", String::from_utf8_lossy(&content));
        assert_eq!(leak(what.as_bytes(), &secrets), None, "{what}");
    }
}

#[test]
fn the_filter_in_the_documents_finds_the_line_of_each_wrong_key_and_no_other() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/log.md")).unwrap();
    let filter = document.lines().find_map(|line| line.trim().strip_prefix("failregex = ")).unwrap();
    // fail2ban cuts off the time, and puts an address in place of the word.
    let filter = Regex::new(&filter.replace("<ADDR>", "(?P<address>[0-9A-Fa-f.:]+)")).unwrap();
    let keys = format!("publish_key {CAM_KEY} cam; play_key {PLAY_KEY}; publish_secret {PUBLISH_SECRET};");
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {keys} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; auth_basic x; auth_basic_user_file FOLDER/millstream.conf;
            location /api {{ auth_basic off; millstream_api on; api_token a 0123456789abcdef; }} }} }}"
    ));
    for wrong in ["cam?key=a", "a-guess", "cam?sig=1&expires=2"] {
        Client::try_publish(server.rtmp(), "live", wrong).err().unwrap();
    }
    Client::try_play(server.rtmp(), "live", "cam?key=a").err().unwrap();
    let mut browser = Connection::open(server.http());
    assert_eq!(browser.request("OPTIONS", "/a%20b?x", "Authorization: Basic YW5uOng=\r\n").status, 401);
    assert_eq!(browser.request("GET", "/api/status", "Authorization: Bearer a-guess\r\n").status, 401);
    Client::try_publish(server.rtmp(), "live", "cam").err().unwrap();
    Client::try_publish(server.rtmp(), "live", CAM_KEY).unwrap();
    server.wait_log("publish live/cam");
    let found = |line: &str| {
        let (_, rest) = line.split_at_checked("2026/11/28 15:04:25".len())?;
        Some((filter.captures(rest)?.name("address")?.as_str().to_owned(), rest.to_owned()))
    };
    let found: Vec<_> = server.log().lines().filter_map(found).collect();
    let ends = found.iter().map(|(_, line)| line.split_once(": ").unwrap().1);
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            "wrong key for publish live/\"cam\"; 1 wrong one from this address",
            "wrong stream key for publish live/\"a-gu...\" (7 characters); 1 wrong one from this address",
            "wrong signature for publish live/\"cam\"; 1 wrong one from this address",
            "wrong key for play live/\"cam\"; 1 wrong one from this address",
            "wrong user or password for get /a b; 1 wrong one from this address",
            "wrong token for get /api/status; 1 wrong one from this address",
        ]
    );
    assert!(found.iter().all(|(address, _)| address == "127.0.0.1"));
    // As rsyslogd writes them, and as fail2ban reads them from the journal.
    for header in [" stage millstream:", " stage millstream[4711]:"] {
        assert!(found.iter().all(|(_, line)| filter.is_match(&format!("{header}{line}"))), "{header}");
    }
    assert!(!filter.is_match(&format!(" stage sshd:{}", found[0].1)));
}
