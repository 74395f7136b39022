//! What is not sent: polling without credentials, with others' and with old ones, and tokens of other files.

use super::{HLS, SECRET, expect_refused, guarded, keys, link, link_until, now, publish, some, uris};
use crate::common::http::{Connection, Reply};
use crate::common::{Server, wait};

/// The headers that may not depend on whether a stream is there.
fn told(reply: &Reply) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let headers = reply.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (reply.status, headers, reply.body.clone())
}

#[test]
fn without_right_credentials_nothing_is_sent_and_nothing_told() {
    let server = Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {HLS} hls_keys on; play_key the-key; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /hls {{ alias FOLDER/hls; }} }} }}"
    ));
    publish(&server, "cam", &some());
    publish(&server, "door", &some());
    let [cam, door] = ["cam", "door"].map(link);
    let expired = link_until("cam", now() - 31);
    let (until, sig) = cam.split_once("&sig=").unwrap();
    let playlists = [
        String::new(),
        format!("?{door}"),
        format!("?{expired}"),
        format!("?{until}"),
        format!("?sig={sig}"),
        format!("?expires=4102444800&sig={sig}"),
        "?key=another-key".to_owned(),
        "?key=".to_owned(),
        "?user=the-key&pass=the-key".to_owned(),
        "?t=AAAAAAAAAAAA".to_owned(),
    ];
    let mut connection = Connection::open(server.http());
    for query in &playlists {
        let known = told(&expect_refused(&mut connection, &format!("/hls/cam.m3u8{query}")));
        let unknown = told(&expect_refused(&mut connection, &format!("/hls/nothing.m3u8{query}")));
        assert_eq!(known, unknown, "{query:?} tells whether the stream is there");
    }
    let [ours, others] = [("cam", &cam), ("door", &door)]
        .map(|(name, link)| guarded(&server, &format!("/hls/{name}.m3u8?{link}")));
    let (first, second, of_door) = (&uris(&ours)[0], &uris(&ours)[1], &uris(&others)[0]);
    let (key, key_of_door) = (&keys(&ours)[0], &keys(&others)[0]);
    let token = |uri: &str| uri.split_once('?').expect("a token").1.to_owned();
    let [other_segment, other_stream, of_key, of_other_key] =
        [second, of_door, key, key_of_door].map(|uri| token(uri));
    let wrong = ["", "?t=", "?t=AAAAAAAAAAAA"].map(str::to_owned);
    let others = [&other_segment, &other_stream, &of_key, &of_other_key].map(|token| format!("?{token}"));
    let more = [
        format!("?{door}"),
        format!("?{expired}"),
        format!("?{}x", token(first)),
        format!("?T{}", &token(first)[1..]),
    ];
    for query in wrong.iter().chain(&others).chain(&more) {
        let known = told(&expect_refused(&mut connection, &format!("/hls/cam-0.ts{query}")));
        let unknown = told(&expect_refused(&mut connection, &format!("/hls/nothing-0.ts{query}")));
        assert_eq!(known, unknown, "{query:?} tells whether the stream is there");
    }
    for query in ["".to_owned(), format!("?{}", token(first)), format!("?{of_other_key}")] {
        expect_refused(&mut connection, &format!("/hls/cam-0.key{query}"));
    }
    expect_no_other_way(&mut connection);
    // With a token, and to who shows credentials, they are sent.
    for target in [first, key] {
        assert_eq!(connection.get(&format!("/hls/{target}")).status, 200, "{target}");
    }
    assert_eq!(connection.get(&format!("/hls/cam-0.ts?{cam}")).status, 200);
    assert_eq!(connection.get("/hls/cam.m3u8?key=the-key").status, 200);
    let log = server.log();
    assert!(!log.contains(SECRET) && !log.contains(sig) && !log.contains("the-key"), "{log}");
    assert!(!log.contains(&token(first)), "{log}");
    server.wait_log(" view live/cam refused: ");
    server.wait_log("wrong signature for view live/cam");
    expect_counted(&server, &mut connection);
}

/// Other ways to ask for the playlist or a fragment.
fn expect_no_other_way(connection: &mut Connection) {
    for (method, fields) in [("HEAD", ""), ("GET", "Range: bytes=0-1\r\n"), ("GET", "If-None-Match: *\r\n")] {
        for target in ["/hls/cam.m3u8", "/hls/cam-0.ts"] {
            assert_eq!(connection.request(method, target, fields).status, 403, "{method} {target} {fields}");
        }
    }
    for target in
        ["/hls//cam.m3u8", "/hls/./cam.m3u8", "/hls/%63am.m3u8", "/hls/x/../cam.m3u8", "/hls/cam.M3U8"]
    {
        assert_ne!(connection.get(target).status, 200, "{target}");
    }
}

/// All refusals are counted, and the tries among them.
fn expect_counted(server: &Server, connection: &mut Connection) {
    let counts = || Connection::open(server.http()).get_local("/streams.json").text();
    let count = |name: &str| -> u64 {
        let text = counts();
        text.split_once(&format!("\"{name}\":")).unwrap().1.split([',', '}']).next().unwrap().parse().unwrap()
    };
    let before = count("viewers");
    for target in
        ["/hls/cam.m3u8", "/hls/nothing.m3u8?key=another", "/hls/cam-0.ts", "/hls/cam-0.key?t=AAAAAAAAAAAA"]
    {
        expect_refused(connection, target);
    }
    wait("they are counted", || count("viewers") == before + 4);
    assert!(before >= 50 && count("wrong_keys") >= 4, "{}", counts());
}

#[test]
fn a_link_for_one_variant_opens_no_other_and_no_master_playlist() {
    let server = Server::live(&format!("{HLS} hls_variant _low; hls_variant _high;"));
    for name in ["cam_low", "cam_high"] {
        publish(&server, name, &some());
    }
    let (all, low) = (link("cam"), link("cam_low"));
    let mut connection = Connection::open(server.http());
    let refused = |connection: &mut Connection| {
        for target in ["cam.m3u8", "cam_high.m3u8", "cam_high-0.ts"] {
            expect_refused(connection, &format!("/hls/{target}?{low}"));
        }
    };
    guarded(&server, &format!("/hls/cam_low.m3u8?{low}"));
    // Its viewer watches now, and may do nothing more than before.
    refused(&mut connection);
    guarded(&server, &format!("/hls/cam_low.m3u8?{low}"));
    for target in ["cam.m3u8", "cam_low.m3u8", "cam_high.m3u8"] {
        guarded(&server, &format!("/hls/{target}?{all}"));
    }
}

#[test]
fn a_link_for_one_address_opens_nothing_at_another_while_it_is_used() {
    let server = Server::live(&HLS.replace("with-this;", "with-this address;"));
    publish(&server, "cam", &some());
    let expires = now() + 3600;
    let query = super::link_for("cam", expires, Some("127.0.0.1"));
    let target = format!("/hls/cam.m3u8?{query}");
    guarded(&server, &target);
    let mut elsewhere = Connection::open_from([127, 0, 0, 2], server.http());
    expect_refused(&mut elsewhere, &target);
    guarded(&server, &target);
}

#[test]
fn who_shows_nothing_is_not_taken_for_a_viewer_at_the_same_address() {
    let server = Server::live(&HLS.replace("play_secret links-are-made-with-this;", "play_key the-key;"));
    publish(&server, "cam", &some());
    let mut connection = Connection::open(server.http());
    for query in ["key=the-key", "key=the%2dkey", "a=b&key=the-key", "key=the-key&key=other"] {
        assert_eq!(connection.get(&format!("/hls/cam.m3u8?{query}")).status, 200, "{query}");
        for other in ["", "?a=b", "?key=other", "?key=other&key=the-key", "?%6bey=the-key", "?key%3dthe-key"]
        {
            expect_refused(&mut connection, &format!("/hls/cam.m3u8{other}"));
        }
    }
}
