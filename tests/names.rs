//! Names of streams: in any language, whichever way a client splits their address, and safe on the disk, in URLs
//! and in the log.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;

use millstream::media::amf::{Object, Value};
use nix::sys::signal::Signal;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::get;
use crate::common::media;
use crate::common::player::Client;
use crate::common::raw::Raw;
use crate::common::{Folder, Server, hls, wait};

/// Percent-encodes what a URL cannot have.
fn escaped(name: &str) -> String {
    millstream::http::path::encode(name)
}

#[test]
fn a_name_in_any_language_is_one_stream_one_file_and_one_url() {
    let recorded = "record all; record_path FOLDER/rec; hls on; hls_path FOLDER/hls; hls_fragment 1s;";
    let server = Server::live(recorded);
    for (published, played, name) in [
        ("мой поток", "%D0%BC%D0%BE%D0%B9%20%D0%BF%D0%BE%D1%82%D0%BE%D0%BA", "мой поток"),
        ("☃ [x] (2), 50+1!", "mp4:☃ [x] (2), 50+1!", "☃ [x] (2), 50+1!"),
        ("cafe\u{301}", "caf\u{e9}", "caf\u{e9}"),
        ("house/room/cam", "house~room~cam", "house~room~cam"),
    ] {
        let mut player = Client::play(server.rtmp(), played);
        let packets = media::video_only(0, 4000);
        let mut publisher = Client::publish(server.rtmp(), published);
        publisher.send_all(&packets);
        assert!(player.receive(packets.len()) == packets, "{name}");
        publisher.finish();
        assert!(server.folder.join(format!("rec/{name}.flv")).is_file(), "{name}");
        assert!(server.folder.join(format!("hls/{name}.m3u8")).is_file(), "{name}");
        let list = hls::playlist(&get(server.http(), &format!("/hls/{}.m3u8", escaped(name))).body);
        assert!(list.segments.iter().all(|segment| segment.uri.starts_with(&escaped(name))), "{list:?}");
        hls::fragments(server.http(), "/hls", &list);
        // A client that does not encode what it asks for.
        let raw = get(server.http(), &format!("/hls/{}.m3u8", name.replace(' ', "%20")));
        assert_eq!(raw.status, 200, "{name}");
        server.wait_log(&format!("publish live/{}", name.replace(' ', "%20")));
    }
}

#[test]
fn nested_playlists_keys_and_variants_have_names_in_any_language() {
    let server = Server::live(
        "hls on; hls_path FOLDER/hls; hls_nested on; hls_keys on; hls_fragment 1s; hls_variant _низ BANDWIDTH=1;",
    );
    let list = {
        let mut publisher = Client::publish(server.rtmp(), "мой поток_низ");
        publisher.send_all(&media::video_only(0, 4000));
        publisher.finish();
        get(server.http(), &format!("/hls/{}/index.m3u8", escaped("мой поток_низ"))).text()
    };
    let key = list.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a key");
    let key = get(server.http(), &format!("/hls/{}/{key}", escaped("мой поток_низ")));
    assert_eq!((key.status, key.body.len()), (200, 16));
    let master = get(server.http(), &format!("/hls/{}.m3u8", escaped("мой поток"))).text();
    assert!(master.contains(&format!("\n{}/index.m3u8\n", escaped("мой поток_низ"))), "{master}");
}

#[test]
fn files_of_such_a_name_from_an_earlier_run_are_deleted() {
    let folder = Folder::new();
    let path = folder.to_str().unwrap();
    let configuration = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{
             live on; hls on; hls_path {path}/hls; hls_fragment 500ms; hls_playlist_length 500ms;
             hls_endlist 0; }} }} }}"
    );
    let server = Server::start(&configuration);
    let mut publisher = Client::publish(server.rtmp(), "мой поток");
    publisher.send_all(&media::video_only(0, 4000));
    wait("a playlist", || folder.join("hls/мой поток.m3u8").exists());
    server.signal(Signal::SIGKILL);
    drop(server);
    let ledger = fs::read_to_string(folder.join("hls/.millstream-hls")).unwrap();
    assert_eq!(ledger, "+ flat %D0%BC%D0%BE%D0%B9%20%D0%BF%D0%BE%D1%82%D0%BE%D0%BA\n");
    let _server = Server::start(&configuration);
    wait("the removal of all files", || folder.list("hls").is_empty());
}

#[test]
fn recordings_of_such_names_are_appended_to_and_only_their_own() {
    let server = Server::live("record all; record_path FOLDER/rec; record_append on;");
    let size = |name: &str| fs::metadata(server.folder.join("rec").join(name)).map_or(0, |facts| facts.len());
    for _ in 0..2 {
        for name in ["мой поток", "мой поток.1", "мой"] {
            let before = size(&format!("{name}.flv"));
            let mut publisher = Client::publish(server.rtmp(), name);
            publisher.send_all(&media::video_only(0, 1000));
            publisher.finish();
            assert!(size(&format!("{name}.flv")) > before, "{name}");
        }
    }
    assert_eq!(server.folder.list("rec"), ["мой поток.1.flv", "мой поток.flv", "мой.flv"]);
}

#[test]
fn a_refused_name_forges_nothing_in_the_log() {
    let server = Server::live("");
    let forged = "x\n2026/01/01 00:00:00 [error] #1 closed: all is lost\u{202e}";
    assert!(Client::try_publish(server.rtmp(), "live", forged).is_err());
    server.wait_log("no control characters such as U+000A");
    let log = server.log();
    assert!(
        log.contains(
            r#"publish live/"x\n2026/01/01 00:00:00 [error] #1 closed: all is lost\u{202e}" refused: "#
        ),
        "{log}"
    );
    assert!(
        !log.contains('\u{202e}') && !log.lines().any(|line| line.starts_with("2026/01/01 00:00:00 [error]"))
    );
    let _publisher = Client::publish(server.rtmp(), "a (300 frames)");
    server.wait_log("publish live/a%20(300%20frames)");
}

#[test]
fn a_name_that_is_read_from_right_to_left_turns_nothing_in_the_logs() {
    let mut server = Server::live(
        "access_log FOLDER/a.log; log_format j escape=json '{\"n\":\"$name\"}'; access_log FOLDER/a.json j;
         exec_publish echo $name 12;",
    );
    for name in ["ערוץ", "قناة"] {
        drop(Client::publish(server.rtmp(), name));
        // Behind the name stands a mark, before whatever else.
        let marked = format!("{name}\u{200e}");
        server.wait_log(&format!("publish live/{marked}"));
        server.wait_log(&format!("stops publishing live/{marked} after "));
        server.wait_log(&format!("exec_publish of live/{marked}: echo: {marked} 12"));
    }
    server.stop();
    let lines = fs::read_to_string(server.folder.join("a.log")).unwrap();
    for (line, name) in lines.lines().zip(["ערוץ", "قناة"]) {
        assert!(line.contains(&format!(" PUBLISH \"live\" \"{name}\u{200e}\" \"\" - ")), "{line}");
    }
    let json = fs::read_to_string(server.folder.join("a.json")).unwrap();
    assert!(json.is_ascii(), "{json}");
    let names = json.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["n"].as_str().unwrap().to_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["ערוץ", "قناة"]);
}

#[test]
fn tokens_of_4000_bytes_are_taken_and_longer_ones_than_8192_refused_with_an_answer() {
    let server = Server::live("");
    let connect = |token: usize| {
        let mut raw = Raw::handshaken(server.rtmp());
        let url = format!("rtmp://host/live?token={}", "j".repeat(token));
        let app = url.trim_start_matches("rtmp://host/").to_owned();
        let object = Object::default().with("app", app.as_str()).with("tcUrl", url.as_str());
        raw.command("connect", 1.0, 0, &[Value::Object(object)]);
        raw
    };
    let mut raw = connect(4096);
    assert_eq!(raw.command_answer().0, "_result");
    raw.publish(&format!("cam?token={}", "j".repeat(4096)));
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    let mut raw = connect(9000);
    let (code, why) = raw.status();
    assert_eq!(code, "NetConnection.Connect.Rejected");
    assert!(why.ends_with("and at most 8192 are taken"), "{why}");
    raw.expect_end();
    for (command, code) in [("publish", "NetStream.Publish.BadName"), ("play", "NetStream.Play.Failed")] {
        let mut raw = Raw::connected(server.rtmp(), "live");
        raw.command(command, 0.0, 1, &[Value::Null, "j".repeat(9000).as_str().into()]);
        let (told, why) = raw.status();
        assert_eq!((told.as_str(), why.ends_with("and at most 8192 are taken")), (code, true), "{why}");
        raw.expect_end();
    }
    server.wait_log("connect refused: tcUrl has 9023 bytes, and at most 8192 are taken");
    server.wait_log(
        "publish live refused: the stream name with its arguments has 9000 bytes, and at most 8192 are taken",
    );
}

/// Publishes two seconds by FFmpeg to an address of the server, and waits until the name is live.
fn ffmpeg_publishes(server: &Server, options: &[&str], address: &str, name: &str) {
    let url = format!("rtmp://{}/{address}", server.rtmp());
    let arguments = ffmpeg::source(Tracks::Video, 2);
    ffmpeg::run(ffmpeg::command().args(arguments).args(options).arg(&url));
    wait_published(server, name);
}

fn wait_published(server: &Server, name: &str) {
    let end = format!(" publish live/{name}");
    wait(&end, || server.lines(&end).iter().any(|line| line.ends_with(&end)));
}

#[test]
fn ffmpeg_publishes_to_addresses_of_all_kinds() {
    let server = Server::live("");
    // FFmpeg itself takes no more than some 1000 bytes of a URL.
    let jwt = "j".repeat(4000);
    let (key, url) =
        (format!("token?jwt={jwt}"), format!("rtmp://{}/live?jwt={}", server.rtmp(), &jwt[..900]));
    for (options, address, name) in [
        // For FFmpeg, options follow a blank in its URLs.
        (&[][..], "live/мой%20поток", "мой%20поток"),
        (&["-rtmp_playpath", "мой поток 2"], "live", "мой%20поток%202"),
        (&[], "live/name.mp4", "name.mp4"),
        (&[], "live/mp4:named.mp4", "named.mp4"),
        (&[], "live/house/room/cam", "house~room~cam"),
        (&[], "live/a%20b", "a%20b"),
        (&["-rtmp_playpath", &key], "live", "token"),
        (&["-rtmp_tcurl", &url], "live/tc", "tc"),
    ] {
        ffmpeg_publishes(&server, options, address, name);
    }
}

#[test]
fn a_key_alone_is_a_stream_where_the_server_says_so() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; stream_from_app live; application live { live on; } } }",
    );
    ffmpeg_publishes(&server, &[], "KEY", "KEY");
    let mut raw = Raw::connected(server.rtmp(), "other");
    raw.publish("?token=1");
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    wait_published(&server, "other");
    let mut raw = Raw::connected(server.rtmp(), "other");
    raw.play("cam");
    let (code, why) = raw.status();
    assert_eq!(code, "NetStream.Play.Failed");
    assert_eq!(
        why,
        "the application names the stream already (stream_from_app): the stream name must be empty"
    );
}

#[test]
fn an_empty_key_behind_an_instance_is_the_stream_of_the_whole_url() {
    let server = Server::live("");
    let mut player = Client::play(server.rtmp(), "a3");
    let mut raw = Raw::connected(server.rtmp(), "live/a3");
    raw.publish("?key=secret");
    assert_eq!(raw.status().0, "NetStream.Publish.Start");
    let packets = media::video_only(0, 200);
    packets.iter().for_each(|packet| raw.send_packet(packet));
    assert!(player.receive(packets.len()) == packets);
    wait_published(&server, "a3");
}

#[test]
fn streams_json_has_such_names_and_their_addresses() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls; } } }
         http { server { listen 127.0.0.1:0; location / { page on; root FOLDER; } } }",
    );
    let _publisher = Client::publish(server.rtmp(), "мой [поток]");
    let list = get(server.http(), "/streams.json").text();
    assert!(list.contains(r#""name":"мой [поток]""#), "{list}");
    assert!(list.contains(&format!("\"hls\":\"/hls/{}.m3u8\"", escaped("мой [поток]"))), "{list}");
}
