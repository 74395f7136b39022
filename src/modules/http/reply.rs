//! The answer to a request for a file.

use std::fs::File;
use std::time::UNIX_EPOCH;

use nix::errno::Errno;

use crate::engine::{Body, HttpReply, MemoryFiles};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, Selection};
use crate::http::{Method, Request, ResponseHead, mime, path, response};

use super::lookup::{self, Content, Found};
use super::settings::{AddedHeader, Settings};

const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// How long a fragment may be kept: for every player of the same moment, behind any proxy. Fragment
/// names are not used twice.
const FRAGMENT_CACHE: &str = "max-age=60";

/// How long a browser may remember that it may ask; no browser keeps it for longer than a day.
const PREFLIGHT_SECONDS: &str = "86400";

/// The statuses that get every `add_header`.
const ADDED_TO: [u16; 10] = [200, 201, 204, 206, 301, 302, 303, 304, 307, 308];

/// Answers a request in a location that serves files.
pub fn answer(settings: &Settings, request: &Request, memory: &MemoryFiles) -> HttpReply {
    if let (Method::Options, Some(preflight)) = (&request.method, &settings.preflight) {
        let added = if preflight.added.is_empty() { &settings.added } else { &preflight.added };
        let head = with_added(added, request, ResponseHead::new(preflight.status));
        return HttpReply { head, body: Body::Empty };
    }
    let reply = match request.method {
        Method::Get | Method::Head => get(settings, request, memory),
        Method::Options => options(settings, request),
        Method::Other(_) => {
            let mut reply = error(405);
            reply.head = reply.head.with("Allow", ALLOWED);
            reply
        }
    };
    HttpReply {
        head: with_added(&settings.added, request, with_defaults(settings, request, reply.head)),
        ..reply
    }
}

/// What is streamed, and so may be asked for by a player on any site.
fn is_stream(path: &str) -> bool {
    mime::extension(path).is_some_and(|e| e.eq_ignore_ascii_case("m3u8") || e.eq_ignore_ascii_case("ts"))
}

fn get(settings: &Settings, request: &Request, memory: &MemoryFiles) -> HttpReply {
    let path = request.path.as_str();
    let Some((base, rest)) = settings.folder.split(path) else { return error(404) };
    if path.ends_with('/') {
        let names = settings.index.iter();
        let mut found =
            names.map(|name| (name, lookup::find_in_memory(memory, base, &[rest, name].concat())));
        if let Some((name, Some(file))) = found.find(|(_, file)| file.is_some()) {
            return send(file, settings.mime(name), request);
        }
    } else if let Some(file) = lookup::find_in_memory(memory, base, rest) {
        return send(file, settings.mime(path), request);
    }
    match lookup::find(base, rest) {
        Ok(Found::File(_)) if path.ends_with('/') && !rest.is_empty() => error(404),
        Ok(Found::File(file)) => send(file, settings.mime(path), request),
        Ok(Found::Folder(_)) if !path.ends_with('/') => redirect(request),
        Ok(Found::Folder(folder)) => index(settings, &folder, request),
        Err(errno) => failure(path, errno),
    }
}

fn index(settings: &Settings, folder: &File, request: &Request) -> HttpReply {
    for name in &settings.index {
        match lookup::find_in(folder, name) {
            Ok(Found::File(file)) => return send(file, settings.mime(name), request),
            Ok(Found::Folder(_)) | Err(Errno::ENOENT) => {}
            Err(errno) => return failure(&request.path, errno),
        }
    }
    error(403)
}

/// To the same path with a slash. It has no empty segments, so it cannot name another host.
fn redirect(request: &Request) -> HttpReply {
    let mut location = path::encode(&request.path) + "/";
    if !request.query.is_empty() && request.query.is_ascii() {
        location.extend(["?", &request.query]);
    }
    let mut reply = error(301);
    reply.head = reply.head.with("Location", location);
    reply
}

fn options(settings: &Settings, request: &Request) -> HttpReply {
    let mut head = ResponseHead::new(204).with("Allow", ALLOWED);
    if is_stream(&request.path) && !settings.adds("Access-Control-Allow-Origin") {
        head = head
            .with("Access-Control-Allow-Methods", ALLOWED)
            .with("Access-Control-Allow-Headers", "Range")
            .with("Access-Control-Max-Age", PREFLIGHT_SECONDS);
    }
    HttpReply { head, body: Body::Empty }
}

/// A file, a part of it, or that there is no need to send it.
fn send(content: Content, mime: &str, request: &Request) -> HttpReply {
    let size = content.body.len();
    let age = content.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = age.as_secs();
    // Two playlists of one second may have the same size, so the tag has all of the time.
    let etag = format!("\"{modified:x}.{:x}-{size:x}\"", age.subsec_nanos());
    let head = |status| {
        ResponseHead::new(status)
            .with("ETag", etag.as_str())
            .with("Last-Modified", conditional::format_date(modified))
    };
    match conditional::evaluate(&request.headers, &etag, modified) {
        Outcome::Proceed => {}
        Outcome::NotModified => return HttpReply { head: head(304), body: Body::Empty },
        Outcome::Failed => return error(412),
    }
    let range = request.headers.get("range").filter(|_| request.method == Method::Get);
    let selection = match range {
        Some(range) if conditional::range_holds(&request.headers, &etag, modified) => {
            range::select(range, size)
        }
        _ => Selection::Whole,
    };
    let head = |status| head(status).with("Content-Type", mime).with("Accept-Ranges", "bytes");
    match selection {
        Selection::Whole => HttpReply { head: head(200), body: content.body },
        Selection::Part { first, last } => {
            let head = head(206).with("Content-Range", format!("bytes {first}-{last}/{size}"));
            HttpReply { head, body: content.body.part(first, last - first + 1) }
        }
        Selection::Unsatisfiable => {
            let mut reply = error(416);
            reply.head = reply.head.with("Content-Range", format!("bytes */{size}"));
            reply
        }
    }
}

/// The status for what a lookup says.
fn failure(path: &str, errno: Errno) -> HttpReply {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::EINVAL => error(404),
        Errno::EACCES | Errno::EPERM | Errno::ELOOP | Errno::ENXIO => error(403),
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => {
            log::warn!("{path}: {errno}");
            error(503)
        }
        _ => {
            log::error!("{path}: {errno}");
            error(500)
        }
    }
}

fn error(status: u16) -> HttpReply {
    let (head, page) = response::error_page(status);
    HttpReply { head, body: Body::Bytes(page.into()) }
}

/// The headers of our own that the configuration does not set.
fn with_defaults(settings: &Settings, request: &Request, head: ResponseHead) -> ResponseHead {
    let (status, stream) = (head.status, is_stream(&request.path));
    let playlist = mime::extension(&request.path).is_some_and(|e| e.eq_ignore_ascii_case("m3u8"));
    let mut head = head;
    let mut default = |name: &'static str, value: &str| {
        if !settings.adds(name) && head.get(name).is_none() {
            head.headers.push((name.into(), value.to_owned()));
        }
    };
    default("X-Content-Type-Options", "nosniff");
    if stream && !settings.adds("Access-Control-Allow-Origin") {
        default("Access-Control-Allow-Origin", "*");
        default("Access-Control-Expose-Headers", "Content-Length, Content-Range");
    }
    if playlist {
        default("Cache-Control", "no-cache");
    } else if stream && matches!(status, 200 | 206 | 304) {
        default("Cache-Control", FRAGMENT_CACHE);
    }
    head
}

/// The headers that the configuration adds, in place of those of the same name.
fn with_added(headers: &[AddedHeader], request: &Request, mut head: ResponseHead) -> ResponseHead {
    let applies = |always| always || ADDED_TO.contains(&head.status);
    let added: Vec<_> = headers.iter().filter(|added| applies(added.always)).collect();
    head.headers.retain(|(name, _)| !added.iter().any(|added| added.name.eq_ignore_ascii_case(name)));
    for header in added {
        let value = header.value(request);
        if !value.is_empty() {
            head = head.with(header.name.clone(), value);
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::super::preflight::Preflight;
    use super::super::settings::Folder;
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::path::PathBuf;

    struct Site(PathBuf);

    impl Site {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("millstream-reply-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("hls/empty")).unwrap();
            for (file, text) in [
                ("index.html", "<p>"),
                ("hls/a.m3u8", "#EXTM3U\n"),
                ("hls/a-1.ts", "0123456789"),
                ("zero", ""),
            ] {
                fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }

        fn settings(&self, headers: &[&[&str]]) -> Settings {
            Settings {
                folder: Folder::Root(self.0.clone()),
                index: vec!["none.html".into(), "index.html".into()],
                types: None,
                default_type: "text/plain".into(),
                added: headers.iter().copied().map(added).collect(),
                preflight: None,
            }
        }

        fn ask(&self, line: &str, fields: &str) -> HttpReply {
            ask(&self.settings(&[]), line, fields)
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn added(args: &[&str]) -> AddedHeader {
        AddedHeader::parse(&args.iter().map(|&a| a.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn ask(settings: &Settings, line: &str, fields: &str) -> HttpReply {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        answer(settings, &Request::parse(head.as_bytes()).unwrap(), &MemoryFiles::default())
    }

    fn status(reply: &HttpReply) -> u16 {
        reply.head.status
    }

    fn body(reply: HttpReply) -> String {
        match reply.body {
            Body::Empty => String::new(),
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Part(_) => panic!("a part of a file in memory"),
            Body::File { mut file, offset, length } => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                text[offset as usize..][..length as usize].to_owned()
            }
        }
    }

    #[test]
    fn a_file_is_sent_with_its_type_and_validators() {
        let site = Site::new("file");
        let reply = site.ask("GET /hls/a.m3u8", "");
        assert_eq!(status(&reply), 200);
        let get = |name| reply.head.get(name);
        assert_eq!(get("content-type"), Some("application/vnd.apple.mpegurl"));
        assert_eq!(get("cache-control"), Some("no-cache"));
        assert_eq!(get("access-control-allow-origin"), Some("*"));
        assert_eq!(get("x-content-type-options"), Some("nosniff"));
        assert_eq!(get("accept-ranges"), Some("bytes"));
        assert!(get("last-modified").is_some_and(|date| date.ends_with(" GMT")));
        assert!(get("etag").is_some_and(|etag| etag.ends_with("-8\"")));
        assert_eq!(body(reply), "#EXTM3U\n");
        let reply = site.ask("GET /zero", "");
        assert_eq!((status(&reply), reply.head.get("access-control-allow-origin")), (200, None));
    }

    #[test]
    fn a_file_in_memory_is_served_like_one_on_the_disk_and_before_it() {
        let site = Site::new("memory");
        let mut memory = MemoryFiles::default();
        let modified = UNIX_EPOCH + std::time::Duration::new(784_111_777, 5);
        for (path, text) in
            [("hls/a-1.ts", "memory"), ("hls/deep/index.html", "deep"), ("hls/.x.ts", "hidden")]
        {
            memory.put(site.0.join(path), text.as_bytes().into(), modified);
        }
        let ask = |line: &str, fields: &str| {
            let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            answer(&site.settings(&[]), &Request::parse(head.as_bytes()).unwrap(), &memory)
        };
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
        let site = Site::new("folder");
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
        let site = Site::new("methods");
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
        let site = Site::new("ranges");
        let reply =
            |path: &str, range: &str| site.ask(&format!("GET {path}"), &format!("Range: {range}\r\n"));
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
        let site = Site::new("conditional");
        let first = site.ask("GET /hls/a.m3u8", "");
        let etag = first.head.get("etag").unwrap();
        let reply = site.ask("GET /hls/a.m3u8", &format!("If-None-Match: {etag}\r\nRange: bytes=0-1\r\n"));
        assert_eq!((status(&reply), reply.head.get("etag"), reply.body.len()), (304, Some(etag), 0));
        assert_eq!(reply.head.get("cache-control"), Some("no-cache"));
        assert_eq!(status(&site.ask("GET /hls/a.m3u8", "If-Match: \"x\"\r\n")), 412);
        let part = site.ask("GET /hls/a.m3u8", &format!("If-Range: {etag}\r\nRange: bytes=0-1\r\n"));
        assert_eq!(status(&part), 206);
    }

    #[test]
    fn a_playlist_of_the_same_second_and_size_is_sent_again() {
        let site = Site::new("second");
        let tag = || site.ask("GET /hls/a.m3u8", "").head.get("etag").unwrap().to_owned();
        let at = |nanoseconds| {
            let file = File::options().write(true).open(site.0.join("hls/a.m3u8")).unwrap();
            file.set_modified(UNIX_EPOCH + std::time::Duration::new(5, nanoseconds)).unwrap();
            tag()
        };
        assert_ne!(at(1), at(2));
    }

    #[test]
    fn a_player_on_another_site_may_ask_even_for_what_is_not_there() {
        let site = Site::new("cors");
        let reply = site.ask("OPTIONS /hls/a.m3u8", "Origin: http://b\r\n");
        assert_eq!(reply.head.get("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.head.get("access-control-allow-headers"), Some("Range"));
        assert_eq!(reply.head.get("access-control-max-age"), Some(PREFLIGHT_SECONDS));
        let missing = site.ask("GET /hls/b.m3u8", "");
        assert_eq!((status(&missing), missing.head.get("access-control-allow-origin")), (404, Some("*")));
    }

    #[test]
    fn added_headers_take_the_place_of_our_own() {
        let site = Site::new("added");
        let settings = site.settings(&[
            &["Access-Control-Allow-Origin", "$http_origin"],
            &["cache-control", "no-store"],
            &["X-All", "1", "always"],
            &["X-Empty", "$http_x"],
        ]);
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
    fn a_configured_preflight_is_the_whole_answer_to_options() {
        let site = Site::new("preflight");
        let mut settings = site.settings(&[&["X-Outer", "1"]]);
        let inner = [added(&["Access-Control-Allow-Origin", "*"]), added(&["Content-Length", "0"])];
        settings.preflight = Some(Preflight { status: 204, added: inner.to_vec() });
        let reply = ask(&settings, "OPTIONS /hls/a.m3u8", "");
        assert_eq!(status(&reply), 204);
        assert_eq!(reply.head.headers, [("Access-Control-Allow-Origin".into(), "*".to_owned())]);
        settings.preflight = Some(Preflight { status: 200, added: Vec::new() });
        assert_eq!(ask(&settings, "OPTIONS /zero", "").head.get("x-outer"), Some("1"));
        assert_eq!(ask(&settings, "GET /zero", "").head.get("content-type"), Some("text/plain"));
    }
}
