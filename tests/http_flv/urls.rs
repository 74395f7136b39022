//! Which stream a URL means: the families of URLs of other servers, files beside them, methods, and what is refused.

use super::client::{FlvPlayer, OVER_ALL, Over};
use super::{expect_all, flv_configuration, flv_server};
use crate::common::backend::Backend;
use crate::common::http::{Connection, get};
use crate::common::media::{Packet, both, video_only};
use crate::common::player::Client;
use crate::common::{Server, free_port};

#[test]
fn the_urls_of_srs_zlmediakit_and_nginx_http_flv_play_the_same_stream() {
    let server = flv_server("gop_cache off;");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut start = 0;
    for path in [
        "/live/cam.flv",
        "/media/live/cam.flv",
        "/live/cam.live.flv",
        "/?app=live&stream=cam",
        "/anything?x=y&stream=cam&app=live",
        "/live/c%61m.flv?session=1",
    ] {
        for over in OVER_ALL {
            let mut player = FlvPlayer::open(server.http(), over, path);
            player.expect_granted();
            let packets = both(start, 1000);
            publisher.send_all(&packets);
            start += 1000;
            let first = player.media(1).remove(0);
            assert!(packets.iter().any(|packet| packet.payload == first.payload), "{path}: {first:?}");
        }
    }
}

#[test]
fn a_stream_whose_name_ends_in_live_goes_before_the_one_without() {
    let server = flv_server("");
    let mut plain = Client::publish(server.rtmp(), "cam");
    plain.send_all(&video_only(0, 1000));
    FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.live.flv").expect_granted();
    server.wait_log("play live/cam over ");
    let mut other = Client::publish(server.rtmp(), "cam.live");
    other.send_all(&video_only(0, 1000));
    server.wait_log("publish live/cam.live");
    FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.live.flv").expect_granted();
    server.wait_log("play live/cam.live over ");
    FlvPlayer::open(server.http(), Over::WebSocket, "/live/cam.live.live.flv").expect_granted();
    server.wait_lines("play live/cam.live over ", 2);
    FlvPlayer::open(server.http(), Over::WebSocket, "/?app=live&stream=cam.live").expect_granted();
    server.wait_lines("play live/cam.live over ", 3);
}

#[test]
fn a_port_says_which_of_two_servers_with_the_application_is_meant() {
    let ports = [free_port(), free_port()];
    let rtmp =
        ports.map(|port| format!("server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }}"));
    let server = Server::start(&format!(
        "rtmp {{ {} }} http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; }} }} }}",
        rtmp.concat()
    ));
    let at = |port: u16| *server.addresses("RTMP").iter().find(|address| address.port() == port).unwrap();
    // Frames of another time have other bytes.
    let sent = [both(0, 1000), both(40_000, 1000)];
    let mut publishers = ports.map(|port| Client::publish(at(port), "cam"));
    for (publisher, packets) in publishers.iter_mut().zip(&sent) {
        publisher.send_all(packets);
    }
    // The first server is meant where no port is told.
    for (path, number) in [
        ("/live/cam.flv".to_owned(), 0),
        (format!("/live/cam.flv?port={}", ports[0]), 0),
        (format!("/live/cam.flv?port={}", ports[1]), 1),
        (format!("/?app=live&stream=cam&port={}", ports[1]), 1),
    ] {
        let mut player = FlvPlayer::open(server.http(), Over::Chunks, &path);
        player.expect_granted();
        let key = |packets: &[Packet]| packets.iter().find(|packet| packet.is_key()).unwrap().payload.clone();
        assert!(key(&player.media(10)) == key(&sent[number]), "{path}");
    }
    let reply = get(server.http(), &format!("/?app=live&stream=cam&port={}", free_port()));
    assert!(reply.status == 404 && reply.text().starts_with("no RTMP server at port "), "{reply:?}");
}

#[test]
fn a_live_stream_goes_before_a_file_and_a_file_before_waiting() {
    let server = flv_server_with_files("");
    server.folder.write("live/cam.flv", "a recording");
    server.folder.write("live/other.flv", "another one");
    assert_eq!(get(server.http(), "/live/cam.flv").text(), "a recording");
    assert_eq!(get(server.http(), "/live/cam.flv?onlyaudio=1").text(), "a recording");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.flv");
    player.expect_granted();
    expect_all(&mut publisher, &mut player, &both(0, 1000));
    assert_eq!(get(server.http(), "/live/other.flv").text(), "another one");
    // A file cannot be sent over a WebSocket.
    FlvPlayer::open(server.http(), Over::WebSocket, "/live/other.flv").expect_granted();
    publisher.finish();
    server.wait_log("stops publishing live/cam");
    assert_eq!(get(server.http(), "/live/cam.flv").text(), "a recording");
}

/// A server whose location has files, too.
fn flv_server_with_files(app: &str) -> Server {
    Server::start(&flv_configuration(app, "root FOLDER;"))
}

#[test]
fn a_player_waits_for_a_stream_that_nobody_publishes_unless_it_must_not() {
    for server in [flv_server(""), flv_server_with_files("")] {
        for over in OVER_ALL {
            let name = format!("later{over:?}");
            let mut player = FlvPlayer::open(server.http(), over, &format!("/live/{name}.flv"));
            player.expect_granted();
            let mut publisher = Client::publish(server.rtmp(), &name);
            expect_all(&mut publisher, &mut player, &both(7000, 1000));
        }
    }
    for server in [flv_server("idle_streams off;"), flv_server_with_files("idle_streams off;")] {
        for over in OVER_ALL {
            let mut player = FlvPlayer::open(server.http(), over, "/live/later.flv");
            assert_eq!((player.status, player.text().as_str()), (404, "nobody publishes this stream\n"));
        }
        server.wait_lines("play live/later refused: nobody publishes it", 3);
    }
}

#[test]
fn what_names_no_stream_is_answered_as_without_flv_live_or_says_why() {
    let server = flv_server_with_files("");
    server.folder.write("page.html", "a page");
    assert_eq!(get(server.http(), "/page.html?app=live").text(), "a page");
    for path in ["/none.html", "/live/cam", "/live/cam.FLV"] {
        let reply = get(server.http(), path);
        assert!(reply.status == 404 && reply.text().contains("<h1>404"), "{path}: {reply:?}");
    }
    for (path, why) in [
        ("/x?app=none&stream=cam", "there is no application \"none\" with live streams"),
        ("/x?app=live&stream=", "the stream has no name"),
        ("/x?stream=cam", "app=APPLICATION is missing beside stream="),
        ("/none/cam.flv", "there is no application \"none\" with live streams"),
        ("/cam.flv", "the path names no application: it is /APPLICATION/NAME.flv"),
        ("/live/.flv", "the stream has no name"),
        ("/live/cam.flv/", "behind .flv there is a slash too many"),
        ("/live/cam.flv?port=x", "no RTMP server at port x has an application \"live\""),
    ] {
        let reply = get(server.http(), path);
        assert_eq!((reply.status, reply.text()), (404, format!("{why}\n")), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
    }
    for path in ["/live/-x.flv", "/live/a%3Fb.flv", "/x?app=live&stream=..%2Fx"] {
        let reply = get(server.http(), path);
        assert!(reply.status == 404, "{path}: {reply:?}");
    }
    // This location has no streams.
    assert_eq!(get(server.http(), "/told/live/cam.flv").status, 404);
}

#[test]
fn head_tells_what_get_would_begin_with() {
    let server = flv_server("");
    let _publisher = Client::publish(server.rtmp(), "cam");
    for path in ["/live/cam.flv", "/?app=live&stream=cam", "/live/waits.flv"] {
        let mut connection = Connection::open(server.http());
        let reply = connection.request("HEAD", path, "");
        assert_eq!((reply.status, reply.header("content-type")), (200, "video/x-flv"), "{path}");
        assert_eq!((reply.header("transfer-encoding"), reply.header("content-length")), ("chunked", ""));
        assert_eq!((reply.header("cache-control"), reply.header("connection")), ("no-store", "close"));
        assert!(connection.is_closed());
    }
    let mut connection = Connection::open(server.http());
    connection.send("HEAD /live/cam.flv HTTP/1.0\r\n\r\n");
    let reply = connection.head();
    assert_eq!(
        (reply.status, reply.header("transfer-encoding"), reply.header("content-length")),
        (200, "", "")
    );
    let strict = flv_server("idle_streams off;");
    let reply = Connection::open(strict.http()).request("HEAD", "/live/none.flv", "");
    assert_eq!((reply.status, reply.header("content-type")), (404, "text/plain; charset=utf-8"));
    assert_eq!(server.lines("play live/"), Vec::<String>::new());
}

#[test]
fn head_tells_nothing_of_streams_that_not_everybody_may_play() {
    let on_connect = "on_connect http://127.0.0.1:1/;";
    for (of_server, rules) in [
        ("", "play_key 0123456789abcdef;"),
        ("", "deny play 192.0.2.0/24;"),
        ("", "on_play http://127.0.0.1:1/;"),
        (on_connect, ""),
    ] {
        let text = flv_configuration(&format!("idle_streams off; {rules}"), "");
        let server = Server::start(&text.replace("application", &format!("{of_server} application")));
        let _publisher = of_server.is_empty().then(|| Client::publish(server.rtmp(), "there"));
        let heads = ["there", "none"].map(|name| {
            let path = format!("/live/{name}.flv");
            let mut reply = Connection::open(server.http()).request("HEAD", &path, "");
            reply.headers.retain(|(name, _)| name != "date");
            (reply.status, reply.headers)
        });
        assert_eq!(heads[0], heads[1], "{of_server} {rules}");
        assert_eq!(heads[0].0, 200, "{of_server} {rules}");
    }
}

#[test]
fn other_methods_are_refused_and_the_allowed_ones_named() {
    let server = flv_server("");
    for method in ["PUT", "DELETE", "PATCH", "FOO"] {
        let reply = Connection::open(server.http()).request(method, "/live/cam.flv", "");
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
    let reply = Connection::open(server.http()).request("POST", "/live/cam.flv", "Content-Length: 0\r\n");
    assert_eq!(reply.status, 405);
}

#[test]
fn whoever_a_location_does_not_let_pass_gets_no_stream() {
    for (location, fields, status) in [
        ("if ($request_method = GET) { return 404; }", "", 404),
        ("return 404;", "", 404),
        ("internal;", "", 404),
        ("deny all;", "", 403),
        ("secure_link_secret s3cr3t; if ($secure_link = \"\") { return 404; }", "", 404),
        ("auth_basic x; auth_basic_user_file FOLDER/users;", "", 401),
        ("error_page 404 /none.html; deny all;", "", 403),
    ] {
        let server = flv_server_at(location);
        server.folder.write("users", "");
        let mut publisher = Client::publish(server.rtmp(), "cam");
        publisher.send_all(&both(0, 400));
        for name in ["cam", "waits"] {
            let path = format!("/live/{name}.flv");
            let reply = Connection::open(server.http()).request("GET", &path, fields);
            assert_eq!(reply.status, status, "{location} {path}: {reply:?}");
            let player = FlvPlayer::open(server.http(), Over::WebSocket, &path);
            assert_eq!(player.status, status, "{location} {path}");
        }
        assert_eq!(server.lines(" play live/"), Vec::<String>::new(), "{location}");
    }
}

#[test]
fn the_log_says_why_there_is_no_stream() {
    let server = flv_server("");
    get(server.http(), "/none/cam.flv?key=SECRET");
    server
        .wait_log("GET /none/cam.flv is not there (404): there is no application \"none\" with live streams");
    assert_eq!(server.lines("SECRET"), Vec::<String>::new());
}

#[test]
fn a_live_stream_goes_before_try_files() {
    let server = flv_server_at("root FOLDER; try_files $uri /index.html;");
    server.folder.write("index.html", "an index");
    server.folder.write("live/file.flv", "a file");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.flv");
    player.expect_granted();
    expect_all(&mut publisher, &mut player, &both(0, 1000));
    assert_eq!(get(server.http(), "/live/file.flv").text(), "a file");
    assert_eq!(get(server.http(), "/live/none.flv").text(), "an index");
    assert_eq!(get(server.http(), "/?app=live&stream=none").text(), "an index");
    FlvPlayer::open(server.http(), Over::Chunks, "/?app=live&stream=cam").expect_granted();
    // No file is the answer to a handshake.
    FlvPlayer::open(server.http(), Over::WebSocket, "/live/none.flv").expect_granted();
    let reply = Connection::open(server.http()).request("OPTIONS", "/live/cam.flv", "");
    assert_eq!(reply.status, 204);
}

#[test]
fn where_try_files_finds_nothing_the_player_waits() {
    let server = flv_server_at("root FOLDER; try_files $uri =404;");
    server.folder.write("live/file.flv", "a file");
    let mut player = FlvPlayer::open(server.http(), Over::Chunks, "/live/later.flv");
    player.expect_granted();
    let mut publisher = Client::publish(server.rtmp(), "later");
    expect_all(&mut publisher, &mut player, &both(0, 1000));
    assert_eq!(get(server.http(), "/live/file.flv").text(), "a file");
    assert_eq!(get(server.http(), "/none.html").status, 404);
}

#[test]
fn a_page_that_is_asked_for_with_the_name_of_its_stream_is_a_page() {
    let server = flv_server_at("root FOLDER;");
    server.folder.write("player.html", "a page");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    assert_eq!(get(server.http(), "/player.html?app=live&stream=cam").text(), "a page");
    for path in ["/none.html?app=live&stream=cam", "/live?app=live&stream=cam", "/?app=live&stream=cam"] {
        FlvPlayer::open(server.http(), Over::Chunks, path).expect_granted();
    }
    FlvPlayer::open(server.http(), Over::WebSocket, "/player.html?app=live&stream=cam").expect_granted();
}

#[test]
fn no_cache_keeps_a_stream_whatever_expires_says() {
    let server = flv_server_at("root FOLDER; expires 1d;");
    server.folder.write("page.html", "a page");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    for method in ["GET", "HEAD"] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("{method} /live/cam.flv HTTP/1.1\r\nHost: a\r\n\r\n"));
        let reply = connection.head();
        assert_eq!((reply.header("cache-control"), reply.header("expires")), ("no-store", ""), "{method}");
    }
    assert_eq!(get(server.http(), "/page.html").header("cache-control"), "max-age=86400");
}

/// A server with one location.
fn flv_server_at(location: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; {location} }} }} }}"
    ))
}

#[test]
fn a_named_location_and_an_error_page_may_have_the_stream() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
         http { server { listen 127.0.0.1:0; root FOLDER;
             location / { try_files $uri @live; }
             location @live { flv_live on; }
             location = /missing.html { return 200 \"missing\"; }
             location /own/ { flv_live on; error_page 404 =200 /missing.html; } } }",
    );
    server.folder.write("live/file.flv", "a file");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = FlvPlayer::open(server.http(), Over::Chunks, "/live/cam.flv");
    player.expect_granted();
    expect_all(&mut publisher, &mut player, &both(0, 1000));
    assert_eq!(get(server.http(), "/live/file.flv").text(), "a file");
    assert_eq!(get(server.http(), "/own/none.html").text(), "missing");
    FlvPlayer::open(server.http(), Over::Chunks, "/own/live/cam.flv").expect_granted();
}

#[test]
fn a_backend_gets_the_arguments_that_are_not_for_the_server() {
    let backend = Backend::always(200);
    let server = flv_server(&format!("on_play {}; notify_method get;", backend.url("/play")));
    let path = "/live/cam.flv?token=a%20b&onlyvideo=1&port=&user=me&app=x";
    FlvPlayer::open(server.http(), Over::Chunks, path).expect_granted();
    let target = backend.requests()[0].target.clone();
    assert!(target.contains("token=a%20b&user=me") && !target.contains("onlyvideo"), "{target}");
}

#[test]
fn one_track_is_sent_to_who_asks_for_one() {
    let server = flv_server("");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    for (query, kind, flags) in [("onlyaudio=1", 8, 4), ("onlyvideo=1", 9, 1), ("onlyaudio", 8, 4)] {
        for over in OVER_ALL {
            let mut player = FlvPlayer::open(server.http(), over, &format!("/live/cam.flv?{query}"));
            player.expect_granted();
            assert_eq!(player.flags(), flags, "{query}");
            let packets = player.media(5);
            assert!(packets.iter().all(|packet| packet.kind == kind), "{query}: {packets:?}");
        }
    }
}
