//! Operations by the API.

use serde_json::{Value as Json, json};

use crate::engine::tests::*;
use crate::test_folder::Folder;

const HTTP: &str = "http { error_page 404 /missing; server { listen 127.0.0.1:0;
    location /api { millstream_api act; }
    location /control { rtmp_control all; }
    location = /missing { return 200 \"a page\"; } } }";

fn world(directives: &str) -> World {
    World::configured(
        table(),
        &format!(
            "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; wait_key off;
                application live {{ live on; {directives} }} }} }} {HTTP}"
        ),
    )
}

/// Sends a request, without any step that follows.
fn send(world: &mut World, line: &str, body: &str) -> SessionId {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    let fields = format!("Host: a\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    let fields = if body.is_empty() { "Host: a" } else { &fields };
    world.engine.input(id, format!("{line} HTTP/1.1\r\n{fields}\r\n\r\n{body}").as_bytes(), world.now);
    id
}

/// The status and the body of the answer.
fn answer(world: &mut World, id: SessionId) -> (u16, String) {
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn ask(world: &mut World, line: &str, body: &str) -> (u16, Json) {
    let id = send(world, line, body);
    world.end_turn();
    let (status, body) = answer(world, id);
    world.engine.lost(id, world.now);
    world.end_turn();
    (status, serde_json::from_str(&body).unwrap_or(Json::String(body)))
}

fn note(answer: &Json) -> &str {
    answer["note"].as_str().unwrap_or_default()
}

/// A stream with so many players.
fn watched(players: usize) -> (World, Vec<Client>) {
    let mut world = world("");
    let mut clients = vec![Client::publish(&mut world, "cam")];
    clients.extend((0..players).map(|_| Client::play(&mut world, "cam")));
    (world, clients)
}

#[test]
fn the_players_of_a_stream_are_looked_for_in_steps_and_kicked_together() {
    let (mut world, clients) = watched(600);
    let body = r#"{"who": "players", "ban": "10m"}"#;
    let kick = send(&mut world, "POST /api/streams/live/cam/kick", body);
    let mut steps = 0;
    while world.engine.cx.orders_so_far() == 0 {
        assert!(world.engine.step(world.now));
        steps += 1;
    }
    assert!(steps > 600 / COMPOSED_AT_ONCE, "{steps} steps");
    assert_eq!(world.engine.cx.orders_so_far(), 600);
    world.end_turn();
    let (status, body) = answer(&mut world, kick);
    let told: Json = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["kicked"]), (200, &json!(600)));
    assert_eq!(told["bans"].as_array().map(Vec::len), Some(1), "they have one address");
    assert_eq!(told["bans"][0]["stream"], "live/cam");
    assert!(world.is_open(clients[0].id) && !world.is_open(clients[600].id));
}

#[test]
fn a_list_that_is_asked_for_after_a_kick_is_without_those_who_are_kicked() {
    let (mut world, _clients) = watched(600);
    let kick = send(&mut world, "POST /api/streams/live/cam/kick", r#"{"who": "players"}"#);
    while !world.engine.has_output(kick) {
        assert!(world.engine.step(world.now));
    }
    assert_eq!(answer(&mut world, kick).0, 200);
    let (_, list) = ask(&mut world, "GET /api/clients", "");
    assert_eq!(list["clients"].as_array().map(Vec::len), Some(1));
    // Nor is one sent that was composed while they were looked for.
    let kick = send(&mut world, "POST /api/streams/live/cam/kick", r#"{"who": "all"}"#);
    let early = send(&mut world, "GET /api/clients", "");
    world.end_turn();
    assert_eq!((answer(&mut world, kick).0, answer(&mut world, early).0), (200, 200));
    let (_, list) = ask(&mut world, "GET /api/clients", "");
    assert_eq!(list["clients"], json!([]));
}

#[test]
fn a_kick_takes_place_though_there_is_no_room_for_its_ban() {
    let (mut world, clients) = watched(0);
    let (now, until) = (world.now.instant, world.now.instant + Duration::from_secs(60));
    for number in 0..MAX_BANS {
        let banned = Banned::parse(&format!("10.0.{}.{}", number / 256, number % 256)).unwrap();
        let ban = Ban { id: 0, banned, stream: None, until, why: String::new(), by: String::new() };
        world.engine.cx.bans.add(ban, now).unwrap();
    }
    let (status, told) = ask(&mut world, "POST /api/streams/live/cam/kick", r#"{"ban": "10m"}"#);
    assert_eq!((status, &told["kicked"], &told["bans"]), (200, &json!(1), &json!([])));
    assert_eq!(note(&told), "addresses that are not banned, as there are 1024 bans: 1");
    assert!(!world.is_open(clients[0].id));
}

#[test]
fn a_client_is_banned_from_all_of_its_streams_and_from_no_others() {
    let mut world = world("");
    let idle = Client::connect(&mut world, "live");
    let kick = |client: &Client| format!("POST /api/clients/{}/kick", client.id.serial());
    let (_, told) = ask(&mut world, &kick(&idle), r#"{"ban": "10m"}"#);
    assert_eq!((&told["kicked"], &told["bans"]), (&json!(1), &json!([])));
    assert!(note(&told).starts_with("a client without a stream is not banned"), "{told}");
    let mut both = Client::publish(&mut world, "a");
    both.command_on(&mut world, 2, &["publish".into(), 3.0.into(), Value::Null, "b".into()]);
    let (_, told) = ask(&mut world, &kick(&both), r#"{"ban": "10m"}"#);
    let streams: Vec<_> = told["bans"].as_array().unwrap().iter().map(|ban| &ban["stream"]).collect();
    assert_eq!(streams, [&json!("live/a"), &json!("live/b")]);
    let mut again = Client::publish(&mut world, "b");
    assert!(again.codes(&mut world).contains(&"NetStream.Publish.Denied".to_owned()));
    let other = Client::publish(&mut world, "c");
    assert!(world.engine.cx.sessions.get(other.id).unwrap().roles.publishes());
}

#[test]
fn an_operator_need_not_wait_for_a_lost_publisher() {
    let mut world = world("publish_grace 60s;");
    let publisher = Client::publish(&mut world, "cam");
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    // nginx does not know such a stream.
    assert_eq!(ask(&mut world, "GET /control/drop/publisher?app=live&name=cam", ""), (200, json!(0)));
    assert_eq!(world.engine.cx.streams.iter().count(), 1);
    let (status, _) = ask(&mut world, "POST /api/streams/live/cam/kick", r#"{"who": "players"}"#);
    assert_eq!((status, world.engine.cx.streams.iter().count()), (404, 1));
    let (status, told) = ask(&mut world, "POST /api/streams/live/cam/kick", "{}");
    assert_eq!((status, &told["kicked"]), (200, &json!(0)));
    assert_eq!(note(&told), "its publisher was lost, and is not waited for any longer");
    assert_eq!(world.engine.cx.streams.iter().count(), 0);
}

#[test]
fn what_has_gone_is_told_in_json_whatever_error_page_says() {
    let mut world = world("");
    let publisher = Client::publish(&mut world, "cam");
    let stream = send(&mut world, "GET /api/streams/live/cam", "");
    let kick = send(&mut world, "POST /api/streams/live/cam/kick", "{}");
    world.engine.disconnected(publisher.id, "", world.now);
    world.end_turn();
    for id in [stream, kick] {
        let (status, body) = answer(&mut world, id);
        assert_eq!(status, 404, "{body}");
        assert!(body.starts_with("{\"error\":"), "{body}");
    }
    for path in ["clients/999", "streams/live/cam", "nothing"] {
        let (status, told) = ask(&mut world, &format!("GET /api/{path}"), "");
        assert!(status == 404 && told["error"].is_string(), "{path}: {told}");
    }
    let (status, told) = ask(&mut world, "GET /apixyz", "");
    assert!(status == 404 && told["error"].is_string(), "{told}");
}

#[test]
fn who_has_started_a_recorder_hears_at_once_that_it_was_stopped_or_the_stream_has_ended() {
    const RECORD: &str = "POST /api/streams/live/cam/record";
    for stops in [true, false] {
        let folder = Folder::new();
        let mut world = world(&format!("record all manual; record_path {};", folder.display()));
        let publisher = Client::publish(&mut world, "cam");
        let start = send(&mut world, RECORD, r#"{"action": "start"}"#);
        world.end_turn();
        assert!(!world.engine.has_output(start), "it waits for a frame");
        if stops {
            assert_eq!(ask(&mut world, RECORD, r#"{"action": "stop"}"#).0, 200);
        } else {
            world.engine.disconnected(publisher.id, "", world.now);
            world.end_turn();
        }
        let (status, body) = answer(&mut world, start);
        assert_eq!(status, 500, "{body}");
        let why = if stops {
            "the recorder was stopped before its file"
        } else {
            "the stream ended before the file"
        };
        assert!(body.contains(why), "{body}");
    }
}
