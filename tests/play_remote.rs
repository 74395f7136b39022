//! Files of other servers that are played over RTMP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::backend::{Answer, Backend, Request};
use crate::common::media::{self, Packet};
use crate::common::{Folder, Server, ffmpeg, flv, wait};
use crate::play_files::client::{ALL, Heard, Player, packets, words};

/// A server whose application plays what is at these places.
fn server(places: &str, directives: &str) -> Server {
    server_in(Folder::new(), places, directives)
}

fn server_in(folder: Folder, places: &str, directives: &str) -> Server {
    fs::create_dir_all(folder.join("vod")).unwrap();
    let text = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application vod {{
         play {places}; play_temp_path FOLDER/temp; {directives} }} }} }}"
    );
    Server::start_in(folder, &text)
}

/// So many seconds of picture and sound, as packets and as a file.
fn clip(seconds: u32) -> (Vec<Packet>, Vec<u8>) {
    let packets = media::both(0, seconds * 1000);
    let folder = Folder::new();
    let path = folder.join("clip.flv");
    flv::write(&path, &packets);
    (packets, fs::read(path).unwrap())
}

fn head(status: u16, length: usize, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nETag: \"1\"\r\n{fields}\r\n").into_bytes()
}

/// What a server with ranges answers.
fn ranged(request: &Request, file: &[u8]) -> Answer {
    let from = request.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
    let Some(from) = from else {
        return Answer::CutOff([head(200, file.len(), "Accept-Ranges: bytes\r\n"), file.to_vec()].concat());
    };
    assert_eq!(request.header("if-range"), "\"1\"");
    let (from, length): (usize, _) = (from.parse().unwrap(), file.len());
    let range = format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1);
    Answer::CutOff([head(206, length - from, &range), file[from..].to_vec()].concat())
}

/// A backend that has one file.
fn backend(path: &'static str, file: &[u8]) -> Backend {
    let file = file.to_vec();
    Backend::start(move |request| match request.path() == path {
        true => ranged(request, &file),
        false => Answer::Status(404),
    })
}

/// Plays a whole file.
fn play(server: &Server, name: &str) -> Vec<Packet> {
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play(name, &[]);
    packets(&player.hear_until("Play.Stop"))
}

/// The word by which a play is refused, or ended.
fn refusal(server: &Server, name: &str) -> String {
    let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
    player.play(name, &[]);
    let is_refusal = |word: &String| ["NotFound", "Fail", "Invalid"].iter().any(|end| word.contains(end));
    std::iter::from_fn(|| player.try_next()).filter_map(|heard| heard.word()).find(is_refusal).unwrap()
}

fn targets(backend: &Backend) -> Vec<String> {
    backend.requests().into_iter().map(|request| request.target).collect()
}

#[test]
fn a_file_of_another_server_is_sent_as_it_is() {
    let (expected, file) = clip(20);
    let backend = backend("/files/room/cam.flv", &file);
    let server = server(&backend.url("/files"), "");
    assert!(play(&server, "flv:room/cam?key=a&b") == expected);
    let request = &backend.requests()[0];
    assert_eq!(request.target, "/files/room/cam.flv?addr=127.0.0.1&key=a&b");
    assert_eq!((request.header("range"), request.header("accept-encoding")), ("", "identity"));
    assert_eq!(server.folder.list("temp").len(), 0, "it has no name");
}

#[test]
fn names_are_tried_one_after_the_other_and_then_the_next_place() {
    let (expected, file) = clip(2);
    let (first, second) = (Backend::always(404), backend("/x/cam", &file));
    let server = server(&format!("{} FOLDER/vod {}", first.url("/"), second.url("/x/")), "");
    assert!(play(&server, "cam") == expected);
    let query = "?addr=127.0.0.1";
    assert_eq!(targets(&first), ["/cam.flv", "/cam.mp4", "/cam"].map(|path| [path, query].concat()));
    assert_eq!(targets(&second), ["/x/cam.flv", "/x/cam.mp4", "/x/cam"].map(|path| [path, query].concat()));
    assert_eq!(refusal(&server, "other.flv"), "Play.StreamNotFound");
    let before = second.requests().len();
    for name in ["../cam.flv", "a/../../cam.flv", ".cam.flv"] {
        refusal(&server, name);
    }
    assert_eq!(second.requests().len(), before, "nothing is asked for that leads elsewhere");
}

#[test]
fn a_file_is_played_while_it_comes_and_once_for_all() {
    let (expected, file) = clip(30);
    let whole = file.clone();
    let backend = Backend::start(move |request| {
        let second = whole.len() / 2;
        match request.header("range") {
            "" => Answer::Parts(vec![
                (Duration::ZERO, head(200, whole.len(), "")),
                (Duration::ZERO, whole[..second].to_vec()),
                (Duration::from_millis(1500), whole[second..].to_vec()),
            ]),
            other => panic!("{other}"),
        }
    });
    let server = server(&backend.url("/"), "");
    let mut players: Vec<_> = (0..3)
        .map(|_| {
            let mut player = Player::connect(server.rtmp(), "vod", Some(ALL));
            player.play("cam.flv", &[]);
            assert_eq!(player.packets(10), expected[..10]);
            player
        })
        .collect();
    // The others read later.
    let heard = players[0].hear_until("Play.Stop");
    assert!(packets(&heard) == expected[10..]);
    assert!(heard.contains(&Heard::Dry), "{:?}", words(&heard));
    for player in &mut players[1..] {
        assert!(packets(&player.hear_until("Play.Stop")) == expected[10..]);
    }
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn the_rest_is_asked_for_when_the_connection_is_lost() {
    let (expected, file) = clip(30);
    let count = AtomicUsize::new(0);
    for has_ranges in [true, false] {
        count.store(0, Ordering::SeqCst);
        let (whole, count) = (file.clone(), Arc::new(AtomicUsize::new(0)));
        let backend = Backend::start(move |request| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            if !has_ranges && number > 0 {
                assert!(!request.header("range").is_empty());
                return Answer::CutOff([head(200, whole.len(), ""), whole.clone()].concat());
            }
            match ranged(request, &whole) {
                Answer::CutOff(bytes) if number < 2 => Answer::CutOff(bytes[..bytes.len() / 2].to_vec()),
                answer => answer,
            }
        });
        let server = server(&backend.url("/"), "");
        assert!(play(&server, "cam.flv") == expected, "{has_ranges}");
        assert_eq!(backend.requests().len(), if has_ranges { 3 } else { 2 });
    }
}

#[test]
fn a_file_that_has_changed_is_not_sent_as_the_rest_of_another() {
    let (_, file) = clip(30);
    let backend = Backend::start(move |request| match request.header("range") {
        "" => Answer::CutOff([head(200, file.len(), ""), file[..file.len() / 2].to_vec()].concat()),
        _ => Answer::CutOff([b"HTTP/1.1 200 x\r\nETag: \"2\"\r\n\r\n", &file[..]].concat()),
    });
    let server = server(&backend.url("/"), "");
    assert_eq!(refusal(&server, "cam.flv"), "Play.FileStructureInvalid");
    server.wait_log("the file has changed on its server");
}

#[test]
fn a_file_without_a_length_is_played_as_one_that_grows() {
    let (expected, file) = clip(10);
    let chunks = |file: &[u8]| {
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        file.chunks(5000).map(chunk).collect::<Vec<_>>().concat()
    };
    let head = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (first, rest) = file.split_at(file.len() / 2);
    let parts = vec![
        (Duration::ZERO, [&head[..], &chunks(first)].concat()),
        (Duration::from_millis(700), [&chunks(rest)[..], b"0\r\n\r\n"].concat()),
    ];
    let backend = Backend::start(move |_| Answer::Parts(parts.clone()));
    let server = server(&backend.url("/"), "");
    assert!(play(&server, "cam.flv") == expected);
}

#[test]
fn redirects_are_followed_without_the_password_for_another_server() {
    let (expected, file) = clip(2);
    let last = backend("/real.flv", &file);
    let (to, count) = (last.url("/real.flv"), AtomicUsize::new(0));
    let first = Backend::start(move |request| {
        assert!(request.header("authorization").starts_with("Basic "));
        match (request.path(), count.fetch_add(1, Ordering::SeqCst)) {
            ("/round.flv", _) => Answer::Location(302, "/round.flv".into()),
            ("/cam.flv", _) => Answer::Location(302, "b/cam.flv?x=y".into()),
            _ => Answer::Location(307, to.clone()),
        }
    });
    let url = first.url("/").replace("http://", "http://user:secret@");
    let server = server(&url, "");
    assert!(play(&server, "cam.flv") == expected);
    assert_eq!(targets(&first), ["/cam.flv?addr=127.0.0.1", "/b/cam.flv?x=y"]);
    assert_eq!(last.requests()[0].header("authorization"), "");
    assert_eq!(refusal(&server, "round.flv"), "Play.Failed");
    server.wait_log("more than 3 redirects");
    assert!(!server.log().contains("secret"));
}

#[test]
fn what_cannot_be_had_is_refused_and_the_log_says_why() {
    let (expected, file) = clip(2);
    for (answer, why) in [
        (Answer::Raw(head(200, 2 << 20, "")), "it has 2097152 bytes, more than play_temp_size has room for"),
        (Answer::Raw(head(200, 100, "Content-Encoding: gzip\r\n")), "the file is encoded (gzip)"),
        (Answer::Status(500), "the server answers 500"),
        (Answer::Raw(b"nonsense\r\n\r\n".to_vec()), "no HTTP"),
        (Answer::Closes, "closed without an answer"),
        (Answer::Raw(head(206, 100, "Content-Range: bytes 5-6/7\r\n")), "a part that nobody has asked for"),
    ] {
        let bad = Backend::start(move |_| answer.clone());
        let good = backend("/cam.flv", &file);
        let places = [bad.url("/"), good.url("/")].join(" ");
        let server = server(&places, "play_temp_size 1m;");
        assert!(play(&server, "cam.flv") == expected, "{why}");
        server.wait_log(why);
        wait("the connection is closed", || bad.open() == 0);
    }
    let long = Backend::start(|_| Answer::UntilClose(200, "x".repeat(3 << 20)));
    let server = server(&long.url("/"), "play_temp_size 1m;");
    refusal(&server, "cam.flv");
    server.wait_log("it has more bytes than play_temp_size has room for");
}

#[test]
fn a_server_that_sends_less_than_it_says_is_given_up_in_the_end() {
    let (_, file) = clip(30);
    let backend =
        Backend::start(move |_| Answer::CutOff([head(200, file.len() + 1000, ""), file.clone()].concat()));
    let server = server(&backend.url("/"), "");
    assert_eq!(refusal(&server, "cam.flv"), "Play.FileStructureInvalid");
    assert_eq!(backend.requests().len(), 4);
}

#[test]
fn a_whole_file_is_kept_and_found_there_the_next_time() {
    let (expected, file) = clip(5);
    let backend = backend("/a/cam.flv", &file);
    let server = server(&backend.url("/"), "play_local_path FOLDER/kept;");
    assert!(play(&server, "a/cam") == expected);
    let kept = server.folder.join("kept/a/cam.flv");
    wait("the file is kept", || kept.exists());
    assert!(fs::read(&kept).unwrap() == file);
    let before = backend.requests().len();
    assert!(play(&server, "a/cam") == expected);
    assert_eq!(backend.requests().len(), before);
    assert_eq!(server.folder.list("kept"), ["a"]);
}

/// A clip whose tables are behind so much media that they are not waited for.
fn long_mp4(folder: &Path) -> Vec<u8> {
    let path = folder.join("clip.mp4");
    let source = "testsrc2=size=160x120:rate=10:duration=4";
    let arguments = ["-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", "10", "-f", "mp4"];
    ffmpeg::run(ffmpeg::command().args(arguments).arg(&path));
    let file = fs::read(path).unwrap();
    let find = |kind: &[u8]| file.windows(4).position(|four| four == kind).unwrap() - 4;
    let (data, tables) = (find(b"mdat"), find(b"moov"));
    assert!(data < tables);
    let padding = 12 << 20;
    let length = (tables - data + padding) as u32;
    [&file[..data], &length.to_be_bytes(), &file[data + 4..tables], &vec![0; padding], &file[tables..]]
        .concat()
}

#[test]
fn the_tables_of_an_mp4_file_are_fetched_before_its_media() {
    let folder = Folder::new();
    let file = long_mp4(&folder);
    let length = file.len();
    let backend = Backend::start(move |request| match request.header("range") {
        // The rest would come too late.
        "" => Answer::Raw([head(200, length, "Accept-Ranges: bytes\r\n"), file[..100_000].to_vec()].concat()),
        _ => ranged(request, &file),
    });
    let server = server(&backend.url("/"), "");
    let sent = play(&server, "cam.mp4");
    assert_eq!(sent.iter().filter(|packet| packet.kind == 9 && !packet.is_header()).count(), 40);
    let ranges: Vec<_> =
        backend.requests().iter().map(|request| request.header("range").to_owned()).collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    let from =
        |range: &String| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap();
    assert!(from(&ranges[1]) > 12 << 20 && from(&ranges[2]) == 100_000, "{ranges:?}");
}
