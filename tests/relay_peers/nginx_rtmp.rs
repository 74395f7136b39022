//! nginx with nginx-rtmp.

use super::*;
use crate::common::http::get;
use crate::common::nginx::Nginx;

/// nginx, which records what is published to its application `app`.
fn nginx(folder: &Folder, directives: &str) -> (Nginx, SocketAddr) {
    let address = free();
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so; user root; events {{ }}
         rtmp {{ server {{ listen {address}; application app {{ live on; wait_key on; record all; record_path {}; record_unique off;
             {directives} }} }} }}",
        folder.display()
    );
    (Nginx::start(folder, &text, address).unwrap(), address)
}

#[test]
fn what_is_pushed_to_nginx_rtmp_is_recorded_there_picture_by_picture() {
    let folder = Folder::new();
    let clip = clip(&folder, 3);
    let (_nginx, address) = nginx(&folder, "");
    let server = relaying(&format!("push rtmp://{address}/app/copy-of-$name;"));
    publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp())).finish("the end of the publisher");
    server.wait_log(&format!("live/cam -> {address}: the relay ends"));
    let file = folder.join("copy-of-cam.flv");
    wait("nginx has finished its file", || ffmpeg_is_fine(&file));
    has_the_pictures_of(&file, &clip);
}

fn ffmpeg_is_fine(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|facts| facts.len() > 20_000)
}

#[test]
fn a_stream_of_nginx_rtmp_is_played_here_as_long_as_somebody_does() {
    let folder = Folder::new();
    let clip = clip(&folder, 8);
    let (_nginx, address) = nginx(&folder, "");
    let server = relaying(&format!("pull rtmp://{address}/app; pull_linger 1s;"));
    let _publisher = publish(&clip, &format!("rtmp://{address}/app/cam"));
    let file = folder.join("played.flv");
    record(&format!("rtmp://{}/live/cam", server.rtmp()), &file, Some("3")).finish("the end of the player");
    has_pictures(&file, 40);
    server.wait_log("live/cam <- 127.0.0.1");
    server.wait_log("the relay ends");
    let relays = get(server.http(), "/api/relays").text();
    assert!(relays.contains("\"relays\":[]"), "{relays}");
}

#[test]
fn nginx_rtmp_pulls_from_here_and_pushes_to_here_as_before() {
    let folder = Folder::new();
    let clip = clip(&folder, 6);
    let server = relaying("");
    let (_nginx, address) = nginx(&folder, &format!("pull rtmp://{}/live;", server.rtmp()));
    let _publisher = publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp()));
    server.wait_log("publish live/cam");
    let file = folder.join("played.flv");
    record(&format!("rtmp://{address}/app/cam"), &file, Some("2")).finish("the end of the player");
    has_pictures(&file, 40);
}

#[test]
fn a_target_that_comes_back_gets_the_stream_again() {
    let folder = Folder::new();
    let clip = clip(&folder, 15);
    let address = free();
    let server = relaying(&format!("push rtmp://{address}/app;"));
    let _publisher = publish(&clip, &format!("rtmp://{}/live/cam", server.rtmp()));
    server.wait_log("live/cam -> 127.0.0.1");
    server.wait_log("next try in");
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so; user root; events {{ }}
         rtmp {{ server {{ listen {address}; application app {{ live on; }} }} }}"
    );
    let nginx = Nginx::start(&folder, &text, address).unwrap();
    server.wait_lines("the relay runs", 1);
    drop(nginx);
    server.wait_lines("next try in", 2);
    let _nginx = Nginx::start(&folder, &text, address).unwrap();
    server.wait_lines("the relay runs", 2);
    let file = folder.join("played.flv");
    // nginx keeps no frames for players, so the first pictures are missing.
    record(&format!("rtmp://{address}/app/cam"), &file, Some("3")).finish("the end of the player");
    has_pictures(&file, 20);
    let relays = get(server.http(), "/api/relays").text();
    assert!(relays.contains("\"state\":\"running\"") && relays.contains("\"reconnects\":1"), "{relays}");
    let document = get(server.http(), "/stat").text();
    for part in ["<flashver>ngx-local-relay</flashver>", "<relay><kind>push</kind>", "<nclients>2</nclients>"]
    {
        assert!(document.contains(part), "{part}: {document}");
    }
}
