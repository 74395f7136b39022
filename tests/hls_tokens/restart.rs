//! A restart of the server: who has a playlist goes on with it, since the URIs in it stay what they were.

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
    for directives in ["", "hls_nested on;"] {
        let files = Folder::new();
        let (link, mut first) = (link("cam"), server(&files, directives));
        let (list, folder) =
            if directives.is_empty() { ("cam.m3u8", "") } else { ("cam/index.m3u8", "cam/") };
        publish(&first, "cam", &some());
        let before = guarded(&first, &format!("/hls/{list}?{link}"));
        first.stop();
        let second = server(&files, directives);
        let mut connection = Connection::open(second.http());
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
