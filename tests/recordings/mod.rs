//! The recordings of an application over HTTP: what is listed, the files as they are, and folders that change or are large.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod access;
mod vod;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::http::{Connection, Reply, get};
use crate::common::player::Client;
use crate::common::{Folder, Server, flv, media, millstream, run, stderr, wait};

/// A server with an application that records into the folder "rec", with further directives, and its recordings at "/".
fn server_in(folder: Folder, directives: &str) -> Server {
    Server::start_in(
        folder,
        &format!(
            "pid off;
             rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; record all; record_path FOLDER/rec; {directives} }} }} }}
             http {{ server {{ listen 127.0.0.1:0; location / {{ page on; record_browse on; }} }} }}"
        ),
    )
}

/// The same with these files in "rec".
fn server_of(files: &[(&str, Vec<u8>)]) -> Server {
    let folder = Folder::new();
    fs::create_dir(folder.join("rec")).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join("rec").join(name), bytes).unwrap();
    }
    server_in(folder, "")
}

/// A file as nginx-rtmp leaves it.
fn plain_flv() -> Vec<u8> {
    let folder = Folder::new();
    let path = folder.join("plain.flv");
    flv::write(&path, &media::both(0, 3000));
    fs::read(path).unwrap()
}

fn list(server: SocketAddr, query: &str) -> Value {
    document(&get(server, &format!("/recordings.json?{query}")))
}

fn document(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{reply:?}");
    serde_json::from_str(&reply.text()).unwrap()
}

/// The files and streams of a list.
fn rows(document: &Value) -> Vec<(String, String)> {
    let rows = document["recordings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (text(&row["file"]), text(&row["stream"]))).collect()
}

fn url(document: &Value, name: &str) -> String {
    document["recordings"][0][name].as_str().unwrap().to_owned()
}

fn publish(server: &Server, name: &str) -> Client {
    let mut publisher = Client::publish(server.rtmp(), name);
    publisher.send_all(&media::both(0, 3000));
    publisher
}

fn age(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn a_recording_is_listed_when_it_is_finished_and_sent_whole_and_in_parts() {
    let server = server_in(Folder::new(), "record_unique on;");
    assert_eq!(list(server.http(), "app=live")["total"], 0, "there is no folder yet");
    let mut publisher = publish(&server, "cam");
    server.wait_log("is recorded to");
    assert_eq!(list(server.http(), "app=live")["total"], 0, "it is being written");
    let [name] = &server.folder.list("rec")[..] else { panic!("one file") };
    assert_eq!(get(server.http(), &format!("/recordings/live/{name}")).status, 404);
    publisher.finish();
    server.wait_log("is finished");
    let listed = list(server.http(), "app=live");
    let row = &listed["recordings"][0];
    assert_eq!(rows(&listed), [(name.clone(), "cam".to_owned())]);
    assert_eq!(
        (&row["recorder"], &row["media"], &row["duration_ms"]),
        (&"".into(), &"flv".into(), &2995.into())
    );
    let bytes = fs::read(server.folder.join("rec").join(name)).unwrap();
    assert_eq!(row["bytes"], bytes.len());
    assert!(row["began"].as_str().unwrap().ends_with('Z'), "{row}");
    assert_eq!(rows(&list(server.http(), "app=live&stream=cam")).len(), 1);
    assert_eq!(rows(&list(server.http(), "app=live&stream=ca")).len(), 0);
    assert_eq!(get(server.http(), "/recordings.json?app=other").status, 404);
    let whole = get(server.http(), &url(&listed, "url"));
    assert_eq!((whole.header("content-type"), &whole.body), ("video/x-flv", &bytes));
    let etag = whole.header("etag").to_owned();
    let mut connection = Connection::open(server.http());
    let part = connection.request("GET", &url(&listed, "url"), "Range: bytes=100-199\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[100..200]));
    let again = connection.request("GET", &url(&listed, "url"), &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    let beyond = connection.request("GET", &url(&listed, "url"), "Range: bytes=99999999-\r\n");
    assert_eq!(beyond.status, 416);
    assert_eq!(
        connection.request("HEAD", &url(&listed, "url"), "").header("content-length"),
        bytes.len().to_string()
    );
    assert_eq!(connection.request("DELETE", &url(&listed, "url"), "").status, 405);
}

#[test]
fn files_of_other_programs_belong_to_the_stream_in_their_names() {
    let mp4 = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2".to_vec();
    let server = server_of(&[
        ("cam.flv", plain_flv()),
        ("cam.mp4", mp4),
        ("мой поток.flv", plain_flv()),
        ("a[b]=~+&x.flv", plain_flv()),
        ("a[b]=~+,x.flv", plain_flv()),
        ("empty.flv", Vec::new()),
        ("text.flv", b"no recording".to_vec()),
        ("cam.flv.bak", plain_flv()),
        (".hidden.flv", plain_flv()),
        ("..flv", plain_flv()),
    ]);
    fs::create_dir(server.folder.join("rec/folder.flv")).unwrap();
    std::os::unix::fs::symlink("cam.flv", server.folder.join("rec/link.flv")).unwrap();
    nix::unistd::mkfifo(&server.folder.join("rec/fifo.flv"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(server.folder.join("outside.flv"), plain_flv()).unwrap();
    let listed = list(server.http(), "app=live");
    let mut found = rows(&listed);
    found.sort();
    let expected = [
        ("a[b]=~+,x.flv", "a[b]=~+,x"),
        ("cam.flv", "cam"),
        ("cam.mp4", "cam"),
        ("мой поток.flv", "мой поток"),
    ];
    assert_eq!(found, expected.map(|(file, stream)| (file.to_owned(), stream.to_owned())));
    assert_eq!(listed["total"], 4);
    for row in listed["recordings"].as_array().unwrap() {
        let reply = get(server.http(), row["url"].as_str().unwrap());
        assert_eq!(reply.status, 200, "{row}");
    }
    for path in [
        "link.flv",
        "fifo.flv",
        "folder.flv",
        "text.flv",
        "empty.flv",
        ".hidden.flv",
        "..flv",
        "cam.flv.bak",
        "none.flv",
        "a[b]=~+&x.flv",
        "../outside.flv",
        "%2e%2e/outside.flv",
        "..%2foutside.flv",
        "cam.flv%00",
        "",
    ] {
        let reply = get(server.http(), &format!("/recordings/live/{path}"));
        assert!([400, 404].contains(&reply.status), "{path}: {}", reply.status);
    }
}

#[test]
fn each_recorder_has_its_own_files_and_a_shared_folder_tells_by_the_heads_alone() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0;
             application live { live on; record all; record_path FOLDER/rec;
                 recorder hd { record all; record_path FOLDER/rec; record_suffix .hd.flv; } }
             application tv { live on; record all; record_path FOLDER/rec; }
         } }
         http { server { listen 127.0.0.1:0; location /shelf { record_browse on; } } }",
    );
    publish(&server, "cam").finish();
    server.wait_lines("is finished", 2);
    fs::write(server.folder.join("rec/foreign.flv"), plain_flv()).unwrap();
    let listed = document(&get(server.http(), "/shelf/recordings.json?app=live"));
    let mut found = rows(&listed);
    found.sort();
    assert_eq!(
        found,
        [("cam.flv", "cam"), ("hd/cam.hd.flv", "cam")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    for (path, status) in [
        ("live/cam.flv", 200),
        ("live/hd/cam.hd.flv", 200),
        ("live/cam.hd.flv", 404),
        ("live/hd/cam.flv", 404),
        ("live/foreign.flv", 404),
        ("tv/cam.flv", 404),
    ] {
        assert_eq!(get(server.http(), &format!("/shelf/recordings/{path}")).status, status, "{path}");
    }
    assert_eq!(document(&get(server.http(), "/shelf/recordings.json?app=tv"))["total"], 0);
}

#[test]
fn ten_thousand_files_are_listed_soon_and_hold_nobody_up() {
    let server = server_of(&[]);
    let (folder, bytes) = (server.folder.join("rec"), plain_flv());
    for number in 0..10_000 {
        fs::write(folder.join(format!("camera-{number:05}.flv")), &bytes).unwrap();
    }
    for number in 0..3 {
        age(&folder.join(format!("camera-{number:05}.flv")), 3600);
    }
    let address = server.http();
    let begun = Instant::now();
    let lister = std::thread::spawn(move || list(address, "app=live"));
    let mut slowest = Duration::ZERO;
    while !lister.is_finished() {
        let asked = Instant::now();
        assert_eq!(get(server.http(), "/live.json").status, 200);
        slowest = slowest.max(asked.elapsed());
    }
    let listed = lister.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert_eq!((rows(&listed).len(), &listed["total"]), (500, &10_000.into()));
    assert!(!rows(&listed).iter().any(|(file, _)| file == "camera-00000.flv"), "older ones are left out");
    let old = list(server.http(), "app=live&stream=camera-00000");
    assert_eq!((rows(&old).len(), &old["total"]), (1, &1.into()));
}

#[test]
fn the_test_of_a_configuration_warns_of_recordings_that_are_none_or_for_nobody() {
    let folder = Folder::new();
    let tested = |application: &str, server: &str, location: &str| {
        let configuration = format!(
            "pid off; rtmp {{ server {{ listen 127.0.0.1:0; {application} }} }}
             http {{ server {{ listen 127.0.0.1:0; {server} location {location} {{ record_browse on; }} }} }}"
        );
        let path = folder.write("test.conf", configuration);
        let output = run(millstream().arg("-t").arg("-c").arg(path));
        (output.status.success(), stderr(&output))
    };
    let records = "application live { live on; record all; record_path /tmp; }";
    let asked = "on_connect http://127.0.0.1:9/; application live { live on; record all; record_path /tmp; }";
    let api = "location /api/ { millstream_api on; api_token look read-0123456789abcdef; }";
    let warns = |(is_good, said): (bool, String), what: &str| is_good && said.contains(what);
    assert!(warns(tested("application live { live on; }", "", "/"), "no application records"));
    assert!(warns(tested(asked, "", "/"), "shows nothing to anybody"));
    for (application, server) in [(records, ""), (asked, api)] {
        let (is_good, said) = tested(application, server, "/");
        assert!(is_good && !said.contains("record_browse"), "{said}");
    }
    let (is_good, said) = tested(records, "", "= /one");
    assert!(!is_good && said.contains("beginning of a path"), "{said}");
}

#[test]
fn a_file_that_is_replaced_cut_or_deleted_ends_in_an_answer() {
    let long = || {
        let folder = Folder::new();
        let path = folder.join("long.flv");
        flv::write(&path, &media::both(0, 60_000));
        fs::read(path).unwrap()
    };
    let server = server_of(&[("cam.flv", long())]);
    let path = server.folder.join("rec/cam.flv");
    let before = get(server.http(), "/recordings/live/cam.flv/index.m3u8");
    let segment = before.text().lines().find(|line| line.contains(".ts")).unwrap().to_owned();
    let segment = format!("/recordings/live/cam.flv/{segment}");
    assert_eq!(get(server.http(), &segment).status, 200);
    // Whoever reads the file goes on with it.
    let mut slow = Connection::open_narrow(server.http());
    slow.begin("/recordings/live/cam.flv");
    fs::remove_file(&path).unwrap();
    assert_eq!(get(server.http(), &segment).status, 404);
    fs::write(&path, plain_flv()).unwrap();
    assert_eq!(get(server.http(), &segment).status, 404, "another version");
    let after = get(server.http(), "/recordings/live/cam.flv/index.m3u8");
    assert!(after.text().contains("#EXTINF:2.9"), "{}", after.text());
    assert_eq!(slow.reply("GET").body.len(), long().len());
    for length in [0, 3, 13, 20, 400, 3000] {
        fs::write(&path, &long()[..length]).unwrap();
        let list = get(server.http(), "/recordings/live/cam.flv/index.m3u8");
        let media = get(server.http(), "/recordings/live/cam.flv/0-6000.ts");
        for reply in [list, media] {
            assert!([200, 404, 415].contains(&reply.status), "{length}: {reply:?}");
        }
    }
    wait("the descriptors are closed", || server.descriptors() < 40);
}
