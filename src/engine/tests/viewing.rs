//! Viewers of HLS in virtual time: who gets a playlist, who is counted, and who has left.

use std::path::Path;

use crate::auth::segment_token::SegmentSigner;
use crate::auth::signature::{Signed, Signer};
use crate::engine::MarkedVersion;
use crate::engine::tests::*;

/// The application `live` with these directives, and the application `open` without any; their files are in memory.
pub(super) fn world(settings: &str) -> World {
    let mut world = World::configured(table(), &config(settings));
    world.engine.start(world.now);
    let list = "#EXTM3U\n#EXTINF:2.000,\ncam-7.ts\n";
    let low = "#EXTM3U\n#EXTINF:2.000,\ncam_low-7.ts\n";
    for (path, text) in [
        ("/x/hls/cam.m3u8", list),
        ("/x/hls/cam_low.m3u8", low),
        ("/x/hls/dog.m3u8", list),
        ("/x/hls/cam-7.ts", "media"),
        ("/x/hls/dog-7.ts", "media"),
        ("/x/open/cam.m3u8", list),
    ] {
        write(&mut world, path, text);
    }
    world
}

fn config(settings: &str) -> String {
    let hls = "live on; hls on; hls_memory on; hls_fragment 2s;";
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0;
            application live {{ {hls} hls_path /x/hls; hls_variant _low; {settings} }}
            application open {{ {hls} hls_path /x/open; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ root /x; }} }} }}"
    )
}

/// Asks for a path, with more fields in the head; the whole answer.
pub(super) fn get_with(world: &mut World, path: &str, fields: &str) -> String {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    world.engine.input(id, head.as_bytes(), world.now);
    world.end_turn();
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.engine.lost(id, world.now);
    world.end_turn();
    answer
}

fn get(world: &mut World, path: &str) -> String {
    get_with(world, path, "")
}

/// A link to a stream of `live`, as a query.
fn link(name: &str, end: u64) -> String {
    let (path, expires) = (format!("live/{name}"), end.to_string());
    let signed = Signed { action: "play", path: &path, expires: &expires, address: None };
    format!("?expires={end}&sig={}", Signer::new("a-secret-of-links").sign(&signed))
}

pub(super) fn status(world: &mut World, path: &str) -> String {
    get(world, path).split(' ').nth(1).unwrap().to_owned()
}

pub(super) fn viewers(world: &World, name: &str) -> usize {
    world.engine.cx.viewing.viewers.of_stream(AppId(0), name)
}

#[test]
fn a_playlist_is_sent_to_who_shows_a_key_and_to_nobody_else() {
    let mut world =
        world("play_key secret-of-all; play_key secret-of-cam cam; play_key secret-of-low cam_low;");
    for (path, expected) in [
        ("/hls/cam.m3u8?key=secret-of-all", "200"),
        ("/hls/dog.m3u8?key=secret-of-all", "200"),
        ("/hls/cam.m3u8?key=secret-of-cam", "200"),
        ("/hls/cam_low.m3u8?key=secret-of-cam", "200"),
        ("/hls/cam_low.m3u8?key=secret-of-low", "200"),
        ("/hls/cam.m3u8?key=secret-of-low", "403"),
        ("/hls/dog.m3u8?key=secret-of-cam", "403"),
        ("/hls/cam.m3u8?key=other", "403"),
        ("/hls/cam.m3u8?t=secret-of-all", "403"),
        ("/hls/cam.m3u8", "403"),
        ("/hls/none.m3u8", "403"),
        ("/hls/none.m3u8?key=secret-of-all", "404"),
        ("/hls/secret-of-cam.m3u8", "403"),
        ("/open/cam.m3u8", "200"),
    ] {
        assert_eq!(status(&mut world, path), expected, "{path}");
    }
    assert_eq!(world.engine.cx.refusals.viewers, 7);
}

#[test]
fn a_playlist_for_one_viewer_is_kept_by_no_cache_whatever_the_configuration_says() {
    let cached = "root /x; expires 1h; add_header Cache-Control public always;";
    let mut world = world("play_key secret-of-all;");
    world.reload(&config("play_key secret-of-all;").replace("root /x;", cached));
    for (path, control) in [
        ("/hls/cam.m3u8?key=secret-of-all", "private, no-store"),
        ("/hls/cam.m3u8", "no-store"),
        ("/open/cam.m3u8", "public"),
    ] {
        let answer = get(&mut world, path);
        let controls: Vec<_> = answer.lines().filter(|line| line.starts_with("Cache-Control")).collect();
        assert_eq!(controls.last().unwrap(), &format!("Cache-Control: {control}"), "{answer}");
        assert!(path.starts_with("/open") || controls.len() == 1 && !answer.contains("Expires"), "{answer}");
        assert_eq!(answer.contains("ETag"), path.starts_with("/open"), "{answer}");
    }
}

/// Has another text in the place of a file in memory.
fn write(world: &mut World, path: &str, text: &str) {
    let memory = &mut world.engine.cx.memory;
    let draft = memory.begin_draft(None).unwrap();
    memory.append(&draft, text.as_bytes(), 0).unwrap();
    memory.publish(draft, path.into(), world.now.wall, Duration::from_secs(86_400));
}

/// Has a text in the place of what is kept for all viewers of the playlist of `cam`.
fn keep(world: &mut World, text: &str) {
    let cx = &mut world.engine.cx;
    let path = Path::new("/x/hls/cam.m3u8");
    let (memory, file) = (cx.memory.get(path).unwrap(), cx.viewing.file(path).unwrap());
    let marks = cx.viewing.marks(&file, "").unwrap();
    let version = MarkedVersion::new(&file, &marks, (memory.modified, memory.body().len()));
    assert!(cx.viewing.marked.find(&version).is_some(), "it has been kept");
    cx.viewing.marked.keep(version, text.as_bytes().into());
}

#[test]
fn a_playlist_is_marked_once_for_all_viewers_until_it_or_the_secret_changes() {
    let settings = "play_key secret-of-all; play_key secret-of-cam cam; hls_token_secret a-secret-of-tokens;";
    let mut world = world(settings);
    let token = |secret: &str, file: &str| SegmentSigner::new(secret.as_bytes()).token("live/cam", file);
    let body = |world: &mut World, key: &str| {
        let answer = get(world, &format!("/hls/cam.m3u8?key={key}"));
        assert!(answer.contains("Cache-Control: private, no-store\r\n"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let expected = |secret, number: u32| {
        let file = format!("{number}.ts");
        format!("#EXTM3U\n#EXTINF:2.000,\ncam-{file}?t={}\n", token(secret, &file))
    };
    assert_eq!(body(&mut world, "secret-of-all"), expected("a-secret-of-tokens", 7));
    keep(&mut world, "kept");
    for key in ["secret-of-all", "secret-of-cam"] {
        assert_eq!(body(&mut world, key), "kept");
    }
    // A text of the same length, a moment later.
    world.now.wall += Duration::from_nanos(1);
    write(&mut world, "/x/hls/cam.m3u8", "#EXTM3U\n#EXTINF:2.000,\ncam-8.ts\n");
    assert_eq!(body(&mut world, "secret-of-all"), expected("a-secret-of-tokens", 8));
    keep(&mut world, "kept");
    world.reload(&config(&settings.replace("a-secret-of-tokens", "another-secret-of")));
    assert_eq!(body(&mut world, "secret-of-all"), expected("another-secret-of", 8));
    assert_eq!(status(&mut world, "/hls/cam.m3u8?key=other"), "403");
}

#[test]
fn a_master_playlist_has_the_query_of_each_viewer_and_nobody_elses() {
    let mut world = world("play_key secret-of-all; play_key secret-of-cam cam;");
    write(&mut world, "/x/hls/cam.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ncam_low.m3u8\n");
    for key in ["secret-of-all", "secret-of-cam", "secret-of-all"] {
        let answer = get(&mut world, &format!("/hls/cam.m3u8?key={key}"));
        assert!(answer.ends_with(&format!("cam_low.m3u8?key={key}\n")), "{answer}");
    }
}

#[test]
fn viewers_who_ask_for_a_long_playlist_at_once_have_it_marked_once() {
    let mut world = world("play_key secret-of-all;");
    let entry = |number: usize| format!("#EXTINF:2.000,\ncam-{number}.ts\n");
    let text: String = std::iter::once("#EXTM3U\n".to_owned()).chain((0..1000).map(entry)).collect();
    write(&mut world, "/x/hls/cam.m3u8", &text);
    let clients: Vec<_> = (1..=20)
        .map(|_| {
            let id = world.engine.accept(1, ENDS, world.now).unwrap();
            let head = "GET /hls/cam.m3u8?key=secret-of-all HTTP/1.1\r\nHost: a\r\n\r\n";
            world.engine.input(id, head.as_bytes(), world.now);
            id
        })
        .collect();
    world.end_turn();
    let answers: Vec<_> =
        clients.iter().map(|id| String::from_utf8(world.take(*id, usize::MAX).concat()).unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.matches(".ts?t=").count() == 1000));
    // Nobody's text but the last one's is another.
    let kept = &world.engine.cx.viewing.marked;
    assert_eq!(kept.kept_so_far(), 1);
}

#[test]
fn a_segment_is_sent_to_who_shows_its_token_or_a_key() {
    let mut world = world("play_key secret-of-all; hls_token_secret a-secret-of-tokens;");
    let answer = get(&mut world, "/hls/cam.m3u8?key=secret-of-all");
    let uri = answer.lines().find(|line| line.starts_with("cam-7.ts?t=")).unwrap().to_owned();
    let token = SegmentSigner::new(b"a-secret-of-tokens").token("live/cam", "7.ts");
    assert_eq!(uri, format!("cam-7.ts?t={token}"));
    for (path, expected) in [
        (format!("/hls/{uri}"), "200"),
        ("/hls/cam-7.ts".into(), "403"),
        (format!("/hls/dog-7.ts?t={token}"), "403"),
        (format!("/hls/cam-8.ts?t={token}"), "403"),
        (format!("/hls/cam-8.ts?t={}", SegmentSigner::new(b"other").token("live/cam", "8.ts")), "403"),
        ("/hls/cam-7.ts?t=".into(), "403"),
        ("/hls/cam-7.ts?t=x&key=secret-of-all".into(), "200"),
        ("/hls/cam-7.ts?t=x&key=other".into(), "403"),
        ("/hls/cam-7.ts?key=secret-of-all".into(), "200"),
        ("/hls/cam-07.ts?t=x".into(), "403"),
    ] {
        assert_eq!(status(&mut world, &path), expected, "{path}");
    }
    assert!(get(&mut world, "/hls/cam-7.ts?key=secret-of-all").contains("max-age=60"));
}

#[test]
fn who_began_with_a_link_continues_beyond_its_end_as_long_as_it_polls() {
    let mut world = world("play_secret a-secret-of-links;");
    // The link is good for 30 s more than it says.
    let of_cam = link("cam", 10);
    let list = format!("/hls/cam_low.m3u8{of_cam}");
    assert_eq!(status(&mut world, &format!("/hls/cam.m3u8{of_cam}")), "200");
    for _ in 0..40 {
        world.pass(5);
        assert_eq!(status(&mut world, &list), "200");
    }
    assert_eq!(status(&mut world, &format!("/hls/dog.m3u8{of_cam}")), "403");
    world.pass(7);
    assert_eq!(status(&mut world, &list), "403", "it has been quiet for three target durations");
    assert_eq!(status(&mut world, &format!("/hls/dog.m3u8{}", link("dog", 10))), "403");
    assert_eq!(status(&mut world, &format!("/hls/dog.m3u8{}", link("dog", 1000))), "200");
}

#[test]
fn viewers_are_counted_by_address_and_program_or_by_the_session_that_a_player_names() {
    let mut world = world("");
    for (fields, count) in [
        ("User-Agent: a\r\n", 1),
        ("User-Agent: a\r\n", 1),
        ("User-Agent: b\r\n", 2),
        ("User-Agent: b\r\nX-Playback-Session-Id: 1\r\n", 3),
        ("User-Agent: c\r\nX-Playback-Session-Id: 1\r\n", 3),
        ("", 4),
    ] {
        get_with(&mut world, "/hls/cam.m3u8", fields);
        assert_eq!(viewers(&world, "cam"), count, "{fields}");
    }
    get(&mut world, "/hls/cam-7.ts");
    get(&mut world, "/hls/dog.m3u8");
    assert_eq!((viewers(&world, "cam"), viewers(&world, "dog")), (4, 1), "segments count nobody");
    get(&mut world, "/hls/cam_low.m3u8");
    assert_eq!((viewers(&world, "cam"), viewers(&world, "cam_low")), (3, 1), "variants are one viewer");
    world.pass(5);
    get(&mut world, "/hls/cam_low.m3u8");
    world.pass(2);
    assert_eq!((viewers(&world, "cam"), viewers(&world, "cam_low")), (0, 1));
    world.pass(5);
    assert!(world.engine.cx.viewing.viewers.is_empty());
}

#[test]
fn viewers_with_one_key_are_told_apart_and_those_with_one_link_are_not() {
    let mut world = world("play_key secret-of-all; play_secret a-secret-of-links;");
    for agent in ["a", "b"] {
        get_with(&mut world, "/hls/cam.m3u8?key=secret-of-all", &format!("User-Agent: {agent}\r\n"));
    }
    assert_eq!(viewers(&world, "cam"), 2);
    for agent in ["a", "b"] {
        let path = format!("/hls/dog.m3u8{}&_={agent}", link("dog", 1000));
        get_with(&mut world, &path, &format!("User-Agent: {agent}\r\n"));
    }
    assert_eq!(viewers(&world, "dog"), 1);
}

#[test]
fn viewers_beyond_a_limit_get_503_until_others_have_left() {
    let mut world = world("hls_max_viewers 3; hls_max_viewers_per_address 2;");
    let watch = |world: &mut World, agent: &str| {
        let answer = get_with(world, "/hls/cam.m3u8", &format!("User-Agent: {agent}\r\n"));
        (answer.split(' ').nth(1).unwrap().to_owned(), answer.contains("Retry-After"))
    };
    assert_eq!(watch(&mut world, "a"), ("200".into(), false));
    assert_eq!(watch(&mut world, "b"), ("200".into(), false));
    assert_eq!(watch(&mut world, "c"), ("503".into(), true));
    assert_eq!(watch(&mut world, "a"), ("200".into(), false));
    world.pass(7);
    assert_eq!(watch(&mut world, "c"), ("200".into(), false));
}

#[test]
fn a_guess_is_slowed_and_a_wrong_key_of_one_viewer_is_judged_once_in_ten_seconds() {
    let mut world = world("play_key secret-of-all;");
    for _ in 0..20 {
        assert_eq!(status(&mut world, "/hls/cam.m3u8?key=stale"), "403");
    }
    assert_eq!(world.engine.cx.refusals.wrong_keys, 1, "a player that polls is no guess");
    for number in 0..9 {
        assert_eq!(status(&mut world, &format!("/hls/cam.m3u8?key=guess{number}")), "403");
    }
    assert_eq!(status(&mut world, "/hls/cam.m3u8?key=secret-of-all"), "503", "the address is slowed");
    world.pass(6);
    assert_eq!(status(&mut world, "/hls/cam.m3u8?key=secret-of-all"), "200");
}

#[test]
fn what_is_watched_is_watched_on_over_a_reload() {
    let mut world = world("play_key secret-of-all;");
    let list = "/hls/cam.m3u8?key=secret-of-all";
    assert_eq!(status(&mut world, list), "200");
    world.reload(&config("play_key another-secret;"));
    assert_eq!(status(&mut world, list), "200", "it has begun before");
    assert_eq!(status(&mut world, "/hls/dog.m3u8?key=secret-of-all"), "403");
    assert_eq!(status(&mut world, "/hls/dog.m3u8?key=another-secret"), "200");
    world.reload(&config(""));
    assert!(get(&mut world, "/hls/dog.m3u8").contains("\ncam-7.ts\n"), "without keys there are no tokens");
}

#[test]
fn a_signature_that_nobody_asks_for_makes_nobody_known_elsewhere() {
    let mut world = world("play_key secret-of-all;");
    for (agent, count) in [("a", 1), ("b", 2)] {
        let fields = format!("User-Agent: {agent}\r\n");
        get_with(&mut world, "/hls/cam.m3u8?key=secret-of-all&expires=1&sig=x", &fields);
        assert_eq!(viewers(&world, "cam"), count);
    }
}

#[test]
fn who_watches_an_open_application_has_to_show_a_key_once_it_is_guarded() {
    let mut world = world("");
    assert_eq!(status(&mut world, "/hls/cam.m3u8"), "200");
    world.reload(&config("play_key secret-of-all;"));
    assert_eq!(status(&mut world, "/hls/cam.m3u8"), "403");
}

#[test]
fn files_of_before_a_reload_are_guarded_as_they_were() {
    let mut world = world("play_key secret-of-all;");
    for settings in [
        config("play_key secret-of-all;").replace("hls_path /x/hls;", "hls_path /x/new;"),
        config("play_key secret-of-all; hls_nested on;"),
        config("play_key secret-of-all;").replace("live on; hls on; hls_memory on;", "live on; hls off;"),
    ] {
        world.reload(&settings);
        for path in ["/hls/cam.m3u8", "/hls/cam-7.ts"] {
            assert_eq!(status(&mut world, path), "403", "{path} with {settings}");
        }
    }
}

#[test]
fn viewers_with_other_times_to_be_quiet_do_not_multiply_the_checks() {
    let mut world = world("");
    world.reload(
        &config("").replace("hls_fragment 2s; hls_path /x/open;", "hls_fragment 4s; hls_path /x/open;"),
    );
    for round in 0..50 {
        get_with(&mut world, "/hls/cam.m3u8", &format!("User-Agent: a{round}\r\n"));
        get_with(&mut world, "/open/cam.m3u8", &format!("User-Agent: b{round}\r\n"));
        world.pass(3);
    }
    world.pass(30);
    assert!(world.engine.cx.viewing.viewers.is_empty());
    let mut expired = 0;
    get(&mut world, "/hls/cam.m3u8");
    for _ in 0..200 {
        world.now = Now { instant: world.now.instant + Duration::from_millis(100), ..world.now };
        while world.engine.expire(world.now) {
            expired += 1;
        }
    }
    assert!(expired < 5, "{expired} timers");
}

#[test]
fn a_playlist_of_try_files_and_an_error_page_are_guarded_too() {
    let mut world = world("play_key secret-of-all;");
    let idioms = "location / { root /x; } location /try { root /x; try_files /hls/none.m3u8 /hls/cam.m3u8 =404; }
        location /page { root /x; error_page 404 /hls/cam.m3u8; }
        location /args { root /x; error_page 404 /hls/cam.m3u8$is_args$args; }
        location /off { root /x; error_page 404 =200 /open/cam.m3u8; } location /no { root /x; error_page 403 =200 /open/cam.m3u8; }";
    world.reload(&config("play_key secret-of-all;").replace("location / { root /x; }", idioms));
    for (path, expected, text) in [
        ("/try", "403", "Forbidden"),
        ("/try?key=secret-of-all", "200", "cam-7.ts?t="),
        ("/page/none", "403", "Forbidden"),
        ("/page/none?key=secret-of-all", "403", "Forbidden"),
        ("/args/none?key=secret-of-all", "404", "cam-7.ts?t="),
        ("/off/none", "200", "cam-7.ts\n"),
    ] {
        let answer = get(&mut world, path);
        assert!(answer.contains(text) && answer.contains(&format!(" {expected} ")), "{path}: {answer}");
    }
}
