//! Files, folders, ranges and headers, as locations of a configuration serve them.

use std::fs;
use std::io::Read;

use crate::conf::{Scope, Tree, check};
use crate::engine::{Config, Descriptors, Findings, HttpRequest, MemoryFiles, directive_table};
use crate::test_folder::Folder;

use super::*;
use crate::modules::http::template::LinkValues;
use crate::modules::http::{Http, added};
use volumes::Volumes;

struct Site(Folder);

impl Site {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir_all(folder.join("hls/empty")).unwrap();
        for (file, text) in
            [("index.html", "<p>"), ("hls/a.m3u8", "#EXTM3U\n"), ("hls/a-1.ts", "0123456789"), ("zero", "")]
        {
            folder.write(file, text);
        }
        Self(folder)
    }

    /// A location for all paths, with these directives.
    fn settings(&self, directives: &str) -> Settings {
        let root = self.0.display();
        let text = format!("http {{ server {{ root {root}; index none.html index.html; {directives} }} }}");
        let mut tree = Tree::from_text("f", &text).unwrap();
        let table = directive_table(&[Box::<Http>::default()]);
        check(&mut tree, &table).unwrap();
        let config = Config::new(&Scope::root(&tree, &table)).unwrap();
        Settings::read(&config.locations[0], Vec::new()).unwrap()
    }

    fn ask(&self, line: &str, fields: &str) -> HttpReply {
        ask(&self.settings(""), line, fields)
    }
}

fn ask(settings: &Settings, line: &str, fields: &str) -> HttpReply {
    ask_with(settings, (&MemoryFiles::default(), Descriptors::default()), line, fields)
}

fn ask_with(
    settings: &Settings,
    (memory, descriptors): (&MemoryFiles, Descriptors),
    line: &str,
    fields: &str,
) -> HttpReply {
    let request = HttpRequest::for_test(&format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let view = TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
    let mut volumes = Volumes::default();
    let mut reply = answer(settings, &view, (memory, descriptors), &mut volumes);
    // Without readers, as the volume is known now.
    if !volumes.is_empty() {
        reply = answer(settings, &view, (memory, descriptors), &mut volumes);
    }
    added::apply(&mut reply.head, settings.added_for(&request.head), settings.expires, &view);
    reply
}

fn answer(
    settings: &Settings,
    view: &TemplateValues<'_>,
    (memory, descriptors): (&MemoryFiles, Descriptors),
    volumes: &mut Volumes,
) -> HttpReply {
    let mut findings = Findings::default();
    loop {
        let sources = Sources::of(memory, descriptors, (&*volumes, &findings));
        match serve(settings, view, &sources, &view.request.head.path) {
            Answer::Reply(reply) => return reply,
            Answer::Wait(lookup) => findings.add(lookup.find()),
            Answer::Later(_) => panic!("a list of a folder"),
            other => panic!("{other:?}"),
        }
        volumes.learn(&findings);
    }
}

fn status(reply: &HttpReply) -> u16 {
    reply.head.status
}

fn body(reply: HttpReply) -> String {
    match reply.body {
        Body::Empty | Body::Live => String::new(),
        Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Memory { extent, offset, length, .. } => {
            String::from_utf8(extent.read(offset, length as usize).unwrap()).unwrap()
        }
        Body::File { file, offset, length } => {
            let mut text = String::new();
            (&file.file).read_to_string(&mut text).unwrap();
            text[offset as usize..][..length as usize].to_owned()
        }
    }
}

#[test]
fn a_file_is_sent_with_its_type_and_validators() {
    let site = Site::new();
    let reply = site.ask("GET /hls/a.m3u8", "");
    assert_eq!(status(&reply), 200);
    let get = |name| reply.head.get(name);
    assert_eq!(get("content-type"), Some("application/vnd.apple.mpegurl"));
    assert_eq!(get("cache-control"), Some("no-cache"));
    assert_eq!(get("access-control-allow-origin"), Some("*"));
    assert_eq!(get("x-content-type-options"), Some("nosniff"));
    assert_eq!(get("accept-ranges"), Some("none"));
    assert!(get("last-modified").is_some_and(|date| date.ends_with(" GMT")));
    assert!(get("etag").is_some_and(|etag| etag.ends_with("-8\"")));
    assert_eq!(body(reply), "#EXTM3U\n");
    assert_eq!(body(site.ask("GET /hls/a.m3u8", "Range: bytes=0-3\r\n")), "#EXTM3U\n", "a playlist is whole");
    let reply = site.ask("GET /zero", "");
    assert_eq!((status(&reply), reply.head.get("access-control-allow-origin")), (200, None));
}

#[test]
fn a_file_in_memory_is_served_like_one_on_the_disk_and_before_it() {
    let site = Site::new();
    let mut memory = MemoryFiles::default();
    let modified = UNIX_EPOCH + std::time::Duration::new(784_111_777, 5);
    for (path, text) in [("hls/a-1.ts", "memory"), ("hls/deep/index.html", "deep"), ("hls/.x.ts", "hidden")] {
        memory.put(site.0.join(path), text.as_bytes(), modified).unwrap();
    }
    let settings = site.settings("");
    let ask = |line: &str, fields: &str| ask_with(&settings, (&memory, Descriptors::default()), line, fields);
    let reply = ask("GET /hls/a-1.ts", "");
    assert_eq!((status(&reply), reply.head.get("content-type")), (200, Some("video/mp2t")));
    assert_eq!(reply.head.get("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let etag = reply.head.get("etag").unwrap().to_owned();
    assert_eq!(body(reply), "memory");
    assert_eq!(status(&ask("GET /hls/a-1.ts", &format!("If-None-Match: {etag}\r\n"))), 304);
    let part = ask("GET /hls/a-1.ts", "Range: bytes=1-2\r\n");
    assert_eq!((part.head.get("content-range"), part.body.len()), (Some("bytes 1-2/6"), 2));
    assert_eq!(body(ask("GET /hls/deep/", "")), "deep");
    assert_eq!(status(&ask("GET /hls/.x.ts", "")), 404);
    assert_eq!(body(ask("GET /hls/a.m3u8", "")), "#EXTM3U\n", "what is on the disk is still there");
}

#[test]
fn a_folder_is_its_index_or_a_redirect_or_forbidden() {
    let site = Site::new();
    let reply = site.ask("GET /", "");
    assert_eq!((status(&reply), reply.head.get("content-type")), (200, Some("text/html")));
    assert_eq!(body(reply), "<p>");
    let location = |target: &str| {
        let reply = site.ask(&format!("GET {target}"), "");
        (status(&reply), reply.head.get("location").unwrap_or_default().to_owned())
    };
    assert_eq!(location("/hls"), (301, "/hls/".to_owned()));
    assert_eq!(location("//hls?a=1"), (301, "/hls/?a=1".to_owned()));
    assert_eq!(location("/hls/"), (403, String::new()));
    assert_eq!(location("/none"), (404, String::new()));
    assert_eq!(location("/none/"), (404, String::new()));
    assert_eq!(location("/zero/"), (404, String::new()));
    assert_eq!(location("//evil.example/.."), (200, String::new()));
}

#[test]
fn the_methods_are_get_head_and_options() {
    let site = Site::new();
    let reply = site.ask("HEAD /hls/a-1.ts", "Range: bytes=0-1\r\n");
    assert_eq!((status(&reply), reply.body.len()), (200, 10));
    for method in ["POST", "DELETE", "TRACE", "get"] {
        let reply = site.ask(&format!("{method} /zero"), "");
        assert_eq!((status(&reply), reply.head.get("allow")), (405, Some(ALLOWED)));
    }
    let reply = site.ask("OPTIONS /zero", "");
    assert_eq!((status(&reply), reply.head.get("allow")), (204, Some(ALLOWED)));
    assert_eq!(reply.head.get("access-control-allow-methods"), None);
}

#[test]
fn ranges_are_parts_or_416() {
    let site = Site::new();
    let reply = |path: &str, range: &str| site.ask(&format!("GET {path}"), &format!("Range: {range}\r\n"));
    let part = reply("/hls/a-1.ts", "bytes=2-4");
    assert_eq!((status(&part), part.head.get("content-range")), (206, Some("bytes 2-4/10")));
    assert_eq!(body(part), "234");
    assert_eq!(body(reply("/hls/a-1.ts", "bytes=-1")), "9");
    assert_eq!(body(reply("/hls/a-1.ts", "bytes=8-99")), "89");
    let beyond = reply("/hls/a-1.ts", "bytes=10-");
    assert_eq!((status(&beyond), beyond.head.get("content-range")), (416, Some("bytes */10")));
    assert_eq!(status(&reply("/zero", "bytes=0-0")), 416);
    assert_eq!(status(&reply("/hls/a-1.ts", "bytes=0-1,3-4")), 200);
    let other = site.ask("GET /hls/a-1.ts", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n");
    assert_eq!((status(&other), other.body.len()), (200, 10));
}

#[test]
fn a_current_copy_is_not_sent_again() {
    let site = Site::new();
    let first = site.ask("GET /hls/a.m3u8", "");
    let etag = first.head.get("etag").unwrap();
    let reply = site.ask("GET /hls/a.m3u8", &format!("If-None-Match: {etag}\r\nRange: bytes=0-1\r\n"));
    assert_eq!((status(&reply), reply.head.get("etag"), reply.body.len()), (304, Some(etag), 0));
    assert_eq!(reply.head.get("cache-control"), Some("no-cache"));
    assert_eq!(status(&site.ask("GET /hls/a.m3u8", "If-Match: \"x\"\r\n")), 412);
    let first = site.ask("GET /hls/a-1.ts", "");
    let etag = first.head.get("etag").unwrap();
    let part = site.ask("GET /hls/a-1.ts", &format!("If-Range: {etag}\r\nRange: bytes=0-1\r\n"));
    assert_eq!(status(&part), 206);
}

#[test]
fn a_playlist_of_the_same_second_and_size_is_sent_again() {
    let site = Site::new();
    let tag = || site.ask("GET /hls/a.m3u8", "").head.get("etag").unwrap().to_owned();
    let at = |nanoseconds| {
        let file = fs::File::options().write(true).open(site.0.join("hls/a.m3u8")).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::new(5, nanoseconds)).unwrap();
        tag()
    };
    assert_ne!(at(1), at(2));
}

#[test]
fn a_player_on_another_site_may_ask_even_for_what_is_not_there() {
    let site = Site::new();
    let reply = site.ask("OPTIONS /hls/a.m3u8", "Origin: http://b\r\n");
    assert_eq!(reply.head.get("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.head.get("access-control-allow-headers"), Some("Range"));
    assert_eq!(reply.head.get("access-control-max-age"), Some(PREFLIGHT_SECONDS));
    let missing = site.ask("GET /hls/b.m3u8", "");
    assert_eq!((status(&missing), missing.head.get("access-control-allow-origin")), (404, Some("*")));
}

#[test]
fn added_headers_take_the_place_of_our_own() {
    let site = Site::new();
    let settings = site.settings(
        "add_header Access-Control-Allow-Origin $http_origin; add_header cache-control no-store;
         add_header X-All 1 always; add_header X-Empty $http_x;",
    );
    let all = |reply: &HttpReply, name: &str| {
        let fields = reply.head.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let reply = ask(&settings, "GET /hls/a.m3u8", "Origin: http://b\r\n");
    assert_eq!(all(&reply, "access-control-allow-origin"), ["http://b"]);
    assert_eq!(all(&reply, "cache-control"), ["no-store"]);
    assert_eq!(all(&reply, "x-all"), ["1"]);
    assert!(all(&reply, "x-empty").is_empty() && all(&reply, "access-control-expose-headers").is_empty());
    let missing = ask(&settings, "GET /hls/b.m3u8", "Origin: http://b\r\n");
    assert_eq!(all(&missing, "x-all"), ["1"]);
    assert!(all(&missing, "access-control-allow-origin").is_empty());
    let preflight = ask(&settings, "OPTIONS /hls/a.m3u8", "Origin: http://b\r\n");
    assert_eq!(all(&preflight, "access-control-allow-origin"), ["http://b"]);
    assert!(all(&preflight, "access-control-max-age").is_empty());
}

#[test]
fn a_large_file_and_a_list_need_a_descriptor_and_a_small_file_does_not() {
    let site = Site::new();
    fs::write(site.0.join("hls/large.ts"), vec![7; 9000]).unwrap();
    let none = (&MemoryFiles::default(), Descriptors::new(0));
    let (plain, listed) = (site.settings(""), site.settings("autoindex on;"));
    for (settings, line, expected) in [
        (&plain, "GET /hls/large.ts", 503),
        (&plain, "HEAD /hls/large.ts", 200),
        (&plain, "GET /hls/a.m3u8", 200),
        (&plain, "GET /", 200),
        (&listed, "GET /hls/", 503),
    ] {
        let reply = ask_with(settings, none, line, "");
        assert_eq!(status(&reply), expected, "{line}");
        assert_eq!(reply.head.get("Retry-After").is_some(), expected == 503, "{line}");
    }
    assert_eq!(status(&ask_with(&plain, none, "GET /hls/large.ts", "Range: bytes=0-99\r\n")), 206);
}

#[test]
fn a_list_that_waits_for_its_turn_holds_no_descriptor() {
    let site = Site::new();
    let settings = site.settings("autoindex on;");
    let request = HttpRequest::for_test("GET /hls/ HTTP/1.1\r\nHost: a\r\n\r\n");
    let view = TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
    let (memory, mut findings) = (MemoryFiles::default(), Findings::default());
    let mut lists = Vec::new();
    let volumes = Volumes::default();
    while lists.len() < 9 {
        let sources = Sources::of(&memory, Descriptors::default(), (&volumes, &findings));
        match serve(&settings, &view, &sources, "/hls/") {
            Answer::Later(list) => lists.push(list),
            Answer::Wait(lookup) => findings.add(lookup.find()),
            Answer::Reply(reply) => panic!("{reply:?}"),
            other => panic!("{other:?}"),
        }
    }
    let open =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let folder = fs::canonicalize(site.0.join("hls")).unwrap();
    assert_eq!(open.filter(|path| *path == folder).count(), 0);
}

/// The number of lookups for a request when no volume is known, and the answer after them.
fn ask_cold(settings: &Settings, line: &str) -> (usize, Route) {
    let request = HttpRequest::for_test(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let view = TemplateValues { request: &request, server_name: "", done: None, link: LinkValues::None };
    let (memory, volumes, mut findings) = (MemoryFiles::default(), Volumes::default(), Findings::default());
    loop {
        let sources = Sources::of(&memory, Descriptors::default(), (&volumes, &findings));
        let route = match &settings.try_files {
            Some(try_files) => serve_first(try_files, settings, &view, &sources),
            None => serve(settings, &view, &sources, &request.head.path).into(),
        };
        let Route::Wait(lookup) = route else { return (findings.len(), route) };
        findings.add(lookup.find());
    }
}

#[test]
fn what_is_on_an_unknown_volume_is_looked_up_once_and_answered_like_the_rest() {
    let site = Site::new();
    for (directives, line, lookups, expected) in [
        ("", "GET /hls/a.m3u8", 1, 200),
        ("", "HEAD /hls/a-1.ts", 1, 200),
        ("", "GET /none", 1, 404),
        ("", "GET /hls", 1, 301),
        ("", "GET /", 3, 200),
        ("", "GET /hls/", 3, 403),
        ("", "GET /zero/", 1, 404),
        ("", "DELETE /zero", 0, 405),
        ("try_files /none $uri /zero =404;", "GET /hls/a-1.ts", 2, 200),
        ("try_files /none $uri/ =404;", "GET /hls", 2, 301),
        ("try_files /none /none =410;", "GET /hls", 1, 410),
    ] {
        let (found, Route::Reply(reply)) = ask_cold(&site.settings(directives), line) else {
            panic!("{line}")
        };
        assert_eq!((found, reply.head.status), (lookups, expected), "{directives} {line}");
    }
    let small = ask_cold(&site.settings(""), "GET /hls/a-1.ts");
    let Route::Reply(reply) = small.1 else { panic!() };
    assert_eq!(body(reply), "0123456789");
}
