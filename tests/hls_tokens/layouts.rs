//! Tokens in all layouts, on a disk and in memory, with URIs that lead elsewhere; and playlists without them where
//! nothing is guarded.

use std::fs;

use super::{HLS, expect_refused, guarded, keys, link, publish, some, uris};
use crate::common::Server;
use crate::common::http::{Connection, get};
use crate::common::ts::{Counters, parse};

/// How files are laid out: the directives, and the paths of a stream's playlist, and of the folder of its files.
const LAYOUTS: [(&str, &str, &str); 4] = [
    ("", "NAME.m3u8", ""),
    ("hls_memory on;", "NAME.m3u8", ""),
    ("hls_nested on;", "NAME/index.m3u8", "NAME/"),
    ("hls_nested on; hls_memory on;", "NAME/index.m3u8", "NAME/"),
];

/// All layouts: a server each.
fn each_layout(directives: &str, test: impl Fn(&Server, &dyn Fn(&str) -> String, &dyn Fn(&str) -> String)) {
    for (layout, playlist, folder) in LAYOUTS {
        let server = Server::live(&format!("{HLS} {layout} {directives}"));
        let path = |pattern: &str, name: &str| format!("/hls/{}", pattern.replace("NAME", name));
        test(&server, &|name| path(playlist, name), &|name| path(folder, name));
    }
}

fn is_token(argument: &str) -> bool {
    argument.strip_prefix("t=").is_some_and(|token| {
        token.len() == 12 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

#[test]
fn a_token_opens_its_file_in_every_layout_on_a_disk_and_in_memory() {
    each_layout("", |server, playlist, folder| {
        publish(server, "cam", &some());
        let (link, mut connection) = (link("cam"), Connection::open(server.http()));
        expect_refused(&mut connection, &playlist("cam"));
        let text = guarded(server, &format!("{}?{link}", playlist("cam")));
        assert!(!text.contains("sig="), "{text}");
        let (listed, mut counters) = (uris(&text), Counters::default());
        assert!(listed.len() >= 3, "{text}");
        for uri in &listed {
            let (path, query) = uri.split_once('?').expect("a token");
            assert!(is_token(query), "{uri}");
            let reply = connection.get(&format!("{}{uri}", folder("cam")));
            let kept = reply.header("cache-control");
            assert_eq!((reply.status, kept), (200, "max-age=60, immutable"), "{uri}");
            parse(&reply.body, &mut counters);
            expect_refused(&mut connection, &format!("{}{path}", folder("cam")));
        }
        let other =
            guarded(server, &format!("{}?{}", playlist("cam"), super::link_until("cam", super::now() + 60)));
        assert_eq!(other, text, "all viewers see the same");
    });
}

#[test]
fn variants_carry_the_link_and_keys_have_tokens_in_every_layout() {
    each_layout(
        "hls_keys on; hls_fragments_per_key 2; hls_variant _low; hls_variant _high;",
        |server, playlist, folder| {
            for name in ["cam_low", "cam_high"] {
                publish(server, name, &some());
            }
            let (link, mut connection) = (link("cam"), Connection::open(server.http()));
            let master = guarded(server, &format!("/hls/cam.m3u8?a=b&{link}&_HLS_msn=1&_="));
            let variants = uris(&master);
            let expected = ["cam_low", "cam_high"].map(|name| format!("{}?a=b&{link}", playlist(name)));
            assert_eq!(variants.iter().map(|uri| format!("/hls/{uri}")).collect::<Vec<_>>(), expected);
            for (variant, name) in expected.iter().zip(["cam_low", "cam_high"]) {
                expect_refused(&mut connection, &playlist(name));
                let text = guarded(server, variant);
                let keys = keys(&text);
                assert!(keys.len() >= 2 && !text.contains("sig="), "{text}");
                for key in &keys {
                    assert!(is_token(key.split_once('?').expect("a token").1), "{key}");
                    assert_eq!(connection.get(&format!("{}{key}", folder(name))).body.len(), 16);
                }
                for uri in uris(&text) {
                    assert_eq!(connection.get(&format!("{}{uri}", folder(name))).status, 200, "{uri}");
                }
            }
        },
    );
}

#[test]
fn no_token_goes_to_another_host_and_a_path_of_this_one_gets_one() {
    let elsewhere = ["https://cdn.example/a", "//cdn.example/a", "HTTPS://cdn.example/a"];
    for base in elsewhere {
        each_layout(
            &format!("hls_keys on; hls_variant _low; hls_base_url {base}/; hls_key_url {base}/k/;"),
            |server, playlist, _| {
                publish(server, "cam_low", &some());
                let link = link("cam");
                let text = guarded(server, &format!("{}?{link}", playlist("cam_low")));
                let master = guarded(server, &format!("/hls/cam.m3u8?{link}"));
                let all = [uris(&text), keys(&text), uris(&master)].concat();
                assert!(
                    all.len() >= 5 && all.iter().all(|uri| uri.starts_with(base) && !uri.contains('?')),
                    "{all:?}"
                );
            },
        );
    }
    each_layout("hls_keys on; hls_base_url /hls/; hls_key_url /hls/;", |server, playlist, folder| {
        publish(server, "cam", &some());
        let text = guarded(server, &format!("{}?{}", playlist("cam"), link("cam")));
        for uri in [uris(&text), keys(&text)].concat() {
            assert!(uri.starts_with("/hls/") && is_token(uri.split_once('?').expect("a token").1), "{uri}");
            // The names in nested lists are those in the stream's folder.
            let at = uri.replace("/hls/", &folder("cam"));
            assert_eq!(
                get(server.http(), if at.contains("/cam/cam/") { &uri } else { &at }).status,
                200,
                "{uri}"
            );
        }
    });
}

#[test]
fn a_playlist_with_tokens_has_the_headers_of_any_other_however_long_it_is() {
    let server = Server::live(HLS);
    for count in [1, 1000] {
        let entries: String = (0..count).map(|number| format!("#EXTINF:1.0,\nold-{number}.ts\n")).collect();
        server.folder.write("hls/old.m3u8", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{entries}"));
        let reply = get(server.http(), &format!("/hls/old.m3u8?{}", link("old")));
        assert_eq!((reply.status, uris(&reply.text()).len()), (200, count));
        assert!(uris(&reply.text()).iter().all(|uri| is_token(uri.split_once('?').expect("a token").1)));
        for (name, value) in [
            ("content-type", "application/vnd.apple.mpegurl"),
            ("access-control-allow-origin", "*"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, no-store"),
        ] {
            assert_eq!(reply.header(name), value, "{name} of {count} entries");
        }
    }
}

#[test]
fn without_credentials_in_the_configuration_playlists_are_the_files_on_the_disk() {
    let open = HLS.replace("play_secret links-are-made-with-this;", "");
    let server = Server::live(&format!("{open} hls_keys on; hls_variant _low;"));
    publish(&server, "cam_low", &some());
    let mut connection = Connection::open(server.http());
    for name in ["cam_low.m3u8", "cam.m3u8"] {
        for query in ["", "?key=k&expires=1&sig=x&t=y"] {
            let reply = connection.get(&format!("/hls/{name}{query}"));
            assert_eq!((reply.status, reply.header("cache-control")), (200, "no-cache"), "{name}");
            assert_eq!(reply.body, fs::read(server.folder.join("hls").join(name)).unwrap(), "{name}");
            let etag = format!("If-None-Match: {}\r\n", reply.header("etag"));
            assert!(!reply.header("last-modified").is_empty());
            assert_eq!(
                connection.request("GET", &format!("/hls/{name}{query}"), &etag).status,
                304,
                "{name}"
            );
        }
    }
    let text = get(server.http(), "/hls/cam_low.m3u8").text();
    for uri in [uris(&text), keys(&text)].concat() {
        assert!(!uri.contains('?'), "{uri}");
        for query in ["", "?t=", "?t=AAAAAAAAAAAA"] {
            assert_eq!(connection.get(&format!("/hls/{uri}{query}")).status, 200, "{uri}{query}");
        }
    }
}
