//! A restart of the server: who has a playlist goes on with it, since the URIs in it stay what they were.

use std::fs;

use super::{SECRET, expect_refused, guarded, link, publish, some, uris};
use crate::common::http::{Connection, get};
use crate::common::{Folder, Server};

/// A server whose files are in a folder that outlives it.
fn server(files: &Folder, directives: &str) -> Server {
    let files = files.to_str().unwrap();
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; hls on; hls_endlist 0; hls_path {files}/hls;
             hls_fragment 1s; hls_playlist_length 60s; play_secret {SECRET}; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /hls {{ alias {files}/hls; }} }} }}"
    ))
}

#[test]
fn after_a_restart_listed_uris_are_the_same_and_open_what_they_opened() {
    for directives in ["", "hls_nested on;", "hls_token_secret of-the-cluster;"] {
        let files = Folder::new();
        let (link, mut first) = (link("cam"), server(&files, directives));
        let (list, folder) =
            if !directives.contains("nested") { ("cam.m3u8", "") } else { ("cam/index.m3u8", "cam/") };
        publish(&first, "cam", &some());
        let before = guarded(&first, &format!("/hls/{list}?{link}"));
        first.stop();
        let second = server(&files, directives);
        let mut connection = Connection::open(second.http());
        let kept = connection.get("/hls/.millstream-tokens");
        assert!(kept.status != 200, "the secret itself is sent to nobody");
        // The first request is that of a player that has the playlist.
        for uri in uris(&before) {
            assert_eq!(connection.get(&format!("/hls/{folder}{uri}")).status, 200, "{uri}");
        }
        expect_refused(&mut connection, &format!("/hls/{list}"));
        assert_eq!(guarded(&second, &format!("/hls/{list}?{link}")), before);
        publish(&second, "cam", &some());
        let after = guarded(&second, &format!("/hls/{list}?{link}"));
        let (old, new) = (uris(&before), uris(&after));
        assert!(new.len() > old.len() && new.starts_with(&old), "{before}{after}");
        assert!(
            new.iter().all(|uri| get(second.http(), &format!("/hls/{folder}{uri}")).status == 200),
            "{after}"
        );
    }
}

#[test]
fn servers_with_one_secret_take_each_others_tokens_and_others_do_not() {
    let cluster = "hls_token_secret of-the-cluster;";
    let [one, other, alone] = [cluster, cluster, ""].map(|directives| {
        let files = Folder::new();
        (server(&files, directives), files)
    });
    publish(&one.0, "cam", &some());
    // All have the same files.
    for name in one.1.list("hls").iter().filter(|name| name.starts_with("cam")) {
        for (_, files) in [&other, &alone] {
            fs::create_dir_all(files.join("hls")).unwrap();
            fs::copy(one.1.join("hls").join(name), files.join("hls").join(name)).unwrap();
        }
    }
    let listed = uris(&guarded(&one.0, &format!("/hls/cam.m3u8?{}", link("cam"))));
    assert_eq!(uris(&guarded(&other.0, &format!("/hls/cam.m3u8?{}", link("cam")))), listed);
    for uri in listed {
        assert_eq!(get(other.0.http(), &format!("/hls/{uri}")).status, 200, "{uri}");
        expect_refused(&mut Connection::open(alone.0.http()), &format!("/hls/{uri}"));
    }
}
