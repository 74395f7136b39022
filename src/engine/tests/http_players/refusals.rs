//! Requests for live streams that are refused: by what status, and with which reason.

use super::*;

fn refused(world: &mut World, path: &str) -> (String, String) {
    let mut client = HttpClient::get(world, path);
    let (status, head) = client.head(world);
    assert!(head.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{head}");
    (status, String::from_utf8(client.received).unwrap())
}

#[test]
fn a_stream_that_nobody_publishes_is_not_found_where_players_may_not_wait() {
    let mut world = world("idle_streams off;");
    let (status, why) = refused(&mut world, "/live/a.flv");
    assert_eq!((&*status, &*why), ("HTTP/1.1 404 Not Found", "nobody publishes this stream\n"));
    let _publisher = publisher(&mut world);
    assert_eq!(HttpClient::get(&mut world, "/live/a.flv").head(&mut world).0, "HTTP/1.1 200 OK");
}

#[test]
fn rules_of_access_and_keys_refuse_a_player_as_one_of_rtmp() {
    for (directives, path) in
        [("deny play all;", "/live/a.flv"), ("play_key right;", "/live/a.flv?key=wrong")]
    {
        let mut world = world(directives);
        let (status, _) = refused(&mut world, path);
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{directives}");
    }
    let mut world = world("play_key right;");
    assert_eq!(HttpClient::get(&mut world, "/live/a.flv?key=right").head(&mut world).0, "HTTP/1.1 200 OK");
}

#[test]
fn a_full_application_and_one_that_is_not_live_refuse_players_for_now() {
    let mut world = world("max_connections 1;");
    let first = HttpClient::get(&mut world, "/live/a.flv");
    let (status, why) = refused(&mut world, "/live/a.flv");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(why, "live is full (max_connections 1)\n");
    world.engine.lost(first.id, world.now);
    world.end_turn();
    assert_eq!(HttpClient::get(&mut world, "/live/a.flv").head(&mut world).0, "HTTP/1.1 200 OK");
}

#[test]
fn a_name_that_no_stream_has_is_not_found() {
    let mut world = world("");
    let (status, _) = refused(&mut world, "/live/.hidden.flv");
    assert_eq!(status, "HTTP/1.1 404 Not Found");
}

#[test]
fn a_refused_connection_counts_for_nobody_and_is_closed_if_it_was_let_in() {
    let mut world = world("deny play all;");
    let mut client = HttpClient::get(&mut world, "/live/a.flv");
    client.read(&mut world);
    assert!(!client.is_open(&world));
    world.engine.lost(client.id, world.now);
    world.pass(60);
    assert_eq!(world.engine.session_count(), 0);
    let app = world.engine.cx.app_order[0];
    assert_eq!(world.engine.cx.apps.get(app).unwrap().clients, 0);
}

#[test]
fn a_request_behind_an_answer_that_is_still_sent_waits_for_that() {
    let mut world = world("");
    let _publisher = publisher(&mut world);
    let two = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /live/a.flv HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = HttpClient::ask(&mut world, two);
    world.end_turn();
    assert!(world.engine.cx.streams.iter().all(|stream| stream.players.is_empty()));
    client.received.extend(world.take(client.id, 100).concat());
    world.end_turn();
    client.read(&mut world);
    client.read(&mut world);
    let answers = String::from_utf8_lossy(&client.received).into_owned();
    assert!(answers.starts_with("HTTP/1.1 404") && answers.contains("HTTP/1.1 200"), "{answers}");
    assert!(answers.contains("FLV\u{1}"), "{answers}");
}

#[test]
fn what_a_refused_client_has_shown_is_not_shown_by_the_next_request() {
    let mut world = world("play_key right; max_connections 1;");
    let first = HttpClient::get(&mut world, "/live/a.flv?key=right");
    let mut second = HttpClient::get(&mut world, "/live/a.flv?key=right");
    let (status, head) = second.head(&mut world);
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(head.contains("Connection: close"), "{head}");
    assert!(!second.is_open(&world));
    world.engine.lost(first.id, world.now);
    world.end_turn();
}

#[test]
fn a_player_behind_a_proxy_counts_for_its_own_address() {
    let config = configuration("").replace(
        "http {",
        "http { max_connections_per_address 2; set_real_ip_from 192.0.2.1; real_ip_header X-Forwarded-For;",
    );
    let mut world = World::configured(table(), &config);
    let mut statuses = |address: &str, count: usize| {
        let head = format!("GET /live/a.flv HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\r\n");
        let mut ask = || HttpClient::ask(&mut world, &head).head(&mut world).0[9..12].to_owned();
        (0..count).map(|_| ask()).collect::<Vec<_>>()
    };
    assert_eq!(statuses("198.51.100.1", 3), ["200", "200", "503"]);
    assert_eq!(statuses("198.51.100.2", 1), ["200"]);
}
