//! What the API tells, in virtual time.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::engine::tests::*;
use crate::test_folder::Folder;

const API: &str = "http { server { listen 127.0.0.1:0; location /api/ { millstream_api on; } } }";

fn world() -> World {
    World::configured(table(), &format!("{CONFIG} {API}"))
}

/// Asks for a path below that of the API. Returns the status and the answer.
fn ask(world: &mut World, path: &str) -> (u16, Json) {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(id, format!("GET /api/{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), world.now);
    world.end_turn();
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.engine.disconnected(id, "", world.now);
    world.end_turn();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Type: application/json"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

fn get(world: &mut World, path: &str) -> Json {
    // What was asked for a moment ago is not composed again.
    world.pass(1);
    let (status, answer) = ask(world, path);
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A second of pictures with sound.
fn send(world: &mut World, publisher: &mut Client, start: u32) {
    for step in 0..25 {
        publisher.frame(world, Kind::Video, start + step * 40, if step == 0 { KEY } else { INTER });
        publisher.frame(world, Kind::Audio, start + step * 40, AUDIO);
        world.pass_time(Duration::from_millis(40));
    }
}

fn publish(world: &mut World, name: &str) -> Client {
    let mut publisher = Client::publish(world, name);
    publisher.frame(world, Kind::Video, 0, HEADER);
    publisher.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    publisher
}

#[test]
fn a_stream_is_told_with_its_media_its_queues_and_its_clients() {
    let mut world = world();
    let mut publisher = publish(&mut world, "cam");
    let player = Client::play(&mut world, "cam");
    (0..3).for_each(|second| send(&mut world, &mut publisher, second * 1000));
    let (_, stream) = ask(&mut world, "streams/live/cam");
    for (field, expected) in [
        ("app", json!("live")),
        ("name", json!("cam")),
        ("state", json!("live")),
        ("publisher", json!(publisher.id.serial())),
        ("publish_type", json!("live")),
        ("ends_in_ms", Json::Null),
        ("timestamp_jumps", json!(0)),
        ("audio_gaps", json!(0)),
        ("audio_lead_ms", json!(0)),
        ("players", json!(1)),
        ("viewers", json!(0)),
        ("hls", Json::Null),
        ("recordings", json!([])),
    ] {
        assert_eq!(stream[field], expected, "{field}");
    }
    let video = &stream["video"];
    assert_eq!((&video["codec"], &video["frames"]), (&json!("H.264"), &json!(76)));
    assert_eq!(video["key_interval_ms"], json!(1000));
    assert!((video["frame_rate"].as_f64().unwrap() - 25.0).abs() < 1.0, "{video}");
    let audio = &stream["audio"];
    assert_eq!((&audio["codec"], &audio["profile"]), (&json!("AAC"), &json!("LC")));
    let tracks = json!([
        { "kind": "video", "number": 0, "codec": "H.264" },
        { "kind": "audio", "number": 0, "codec": "AAC" },
    ]);
    assert_eq!(stream["tracks"], tracks);
    let dropped = world.player(player.id).dropped();
    assert!(dropped > 0);
    assert_eq!(stream["dropped"], json!(dropped));
    assert_eq!(stream["longest_queue"]["messages"], json!(world.queue(player.id).len()));
    let clients = stream["clients"].as_array().unwrap();
    assert_eq!(clients.len(), 2);
    assert_eq!(clients[0]["roles"], json!([{ "role": "publish", "app": "live", "stream": "cam" }]));
    assert_eq!(clients[1]["roles"][0]["dropped"], json!(dropped));
    let streams = get(&mut world, "streams");
    assert_eq!(streams["streams"].as_array().unwrap().len(), 1);
    assert_eq!(streams["streams"][0]["name"], "cam");
}

#[test]
fn the_group_of_pictures_for_new_players_is_told() {
    let mut world = World::configured(table(), &format!("{} {API}", CONFIG.replace("gop_cache off;", "")));
    let mut publisher = publish(&mut world, "cam");
    send(&mut world, &mut publisher, 0);
    let stream = get(&mut world, "streams/live/cam");
    let bytes = KEY.len() + 24 * INTER.len() + 25 * AUDIO.len();
    assert_eq!(stream["gop"], json!({ "frames": 50, "bytes": bytes, "length_ms": 960 }));
}

#[test]
fn streams_come_by_application_and_name_and_tell_whether_their_publisher_is_lost() {
    let config = CONFIG.replace("live on;", "live on; publish_grace 30s;");
    let mut world = World::configured(table(), &format!("{config} {API}"));
    let (_b, a) = (publish(&mut world, "b"), publish(&mut world, "a"));
    let _waits = Client::play(&mut world, "c");
    world.engine.lost(a.id, world.now);
    world.end_turn();
    let streams = get(&mut world, "streams");
    let told: Vec<_> = streams["streams"].as_array().unwrap().iter().collect();
    let states: Vec<_> = told.iter().map(|stream| (&stream["name"], &stream["state"])).collect();
    let (a, b, c) = (json!("a"), json!("b"), json!("c"));
    assert_eq!(states, [(&a, &json!("lost")), (&b, &json!("live")), (&c, &json!("idle"))]);
    assert_eq!((&told[0]["publisher"], &told[0]["ends_in_ms"]), (&Json::Null, &json!(29_000)));
    assert_eq!(told[2]["video"], Json::Null);
}

#[test]
fn clients_are_told_without_their_secrets() {
    let mut world = world();
    let mut client = Client::open(&mut world);
    client.connect_with(
        &mut world,
        &[
            ("app", "live?token=SECRET"),
            ("flashVer", "FMLE/3.0"),
            ("tcUrl", "rtmp://user:SECRET@host/live?token=SECRET"),
            ("pageUrl", "https://page/a?b=SECRET"),
        ],
    );
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "cam?key=SECRET".into()]);
    let clients = get(&mut world, "clients");
    let one = get(&mut world, &format!("clients/{}", client.id.serial()));
    assert!(!clients.to_string().contains("SECRET"), "{clients}");
    assert_eq!(clients["viewers_left_out"], 0);
    let told = &clients["clients"][0];
    for (field, expected) in [
        ("id", json!(client.id.serial())),
        ("protocol", json!("rtmp")),
        ("address", json!("192.0.2.1:5000")),
        ("app", json!("live")),
        ("flash_ver", json!("FMLE/3.0")),
        ("tc_url", json!("rtmp://host/live")),
        ("page_url", json!("https://page/a")),
        ("roles", json!([{ "role": "publish", "app": "live", "stream": "cam" }])),
    ] {
        assert_eq!((&told[field], &one[field]), (&expected, &expected), "{field}");
    }
}

#[test]
fn viewers_of_hls_are_clients_too() {
    let config = "rtmp { server { listen 127.0.0.1:0; application live {
            live on; hls on; hls_path /x/hls; hls_memory on; hls_fragment 1s; } } }
        http { server { listen 127.0.0.1:0; location /api/ { millstream_api on; } location / { root /x; } } }";
    let mut world = World::configured(table(), config);
    let mut publisher = publish(&mut world, "cam");
    (0..4).for_each(|second| send(&mut world, &mut publisher, second * 1000));
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(id, b"GET /hls/cam.m3u8 HTTP/1.1\r\nHost: a\r\n\r\n", world.now);
    world.end_turn();
    assert!(world.take(id, usize::MAX).concat().starts_with(b"HTTP/1.1 200 "));
    world.end_turn();
    let clients = get(&mut world, "clients");
    let viewer = &clients["clients"][1];
    let silent = viewer["silent_ms"].as_u64().unwrap();
    assert!((900..=1100).contains(&silent), "{viewer}");
    let expected =
        json!({ "id": viewer["id"], "protocol": "hls", "app": "live", "stream": "cam", "silent_ms": silent });
    assert_eq!(*viewer, expected);
    let one = get(&mut world, &format!("clients/{}", viewer["id"]));
    assert_eq!(one["protocol"], "hls");
    let stream = get(&mut world, "streams/live/cam");
    assert_eq!((&stream["viewers"], &stream["hls"]["failing"]), (&json!(1), &Json::Null));
    assert!(stream["hls"]["fragments"].as_u64().unwrap() >= 3, "{}", stream["hls"]);
}

#[test]
fn recorders_are_told_with_their_files() {
    let folder = Folder::new();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on;
            recorder all {{ record all; record_path {0}; }}
            recorder hand {{ record all manual; record_path {0}; record_suffix .hand.flv; }} }} }} }} {API}",
        folder.display()
    );
    let mut world = World::configured(table(), &config);
    let mut publisher = publish(&mut world, "cam");
    (0..3).for_each(|second| send(&mut world, &mut publisher, second * 1000));
    let recorders = get(&mut world, "recorders");
    let (all, hand) = (&recorders["recorders"][0], &recorders["recorders"][1]);
    assert_eq!(
        (&all["app"], &all["stream"], &all["recorder"]),
        (&json!("live"), &json!("cam"), &json!("all"))
    );
    assert_eq!(
        (&all["manual"], &all["state"], &all["why"]),
        (&json!(false), &json!("recording"), &Json::Null)
    );
    assert_eq!(all["path"], json!(folder.join("cam.flv").display().to_string()));
    assert!(
        all["bytes"].as_u64().unwrap() > 500 && all["since"].as_str().unwrap().starts_with("1970-01-01T")
    );
    assert_eq!(
        (&hand["manual"], &hand["state"], &hand["path"]),
        (&json!(true), &json!("stopped"), &Json::Null)
    );
    let stream = get(&mut world, "streams/live/cam");
    assert_eq!(stream["recordings"][0]["recorder"], "all");
}

#[test]
fn the_status_has_the_numbers_of_the_server() {
    let mut world = world();
    let mut publisher = publish(&mut world, "cam");
    let mut player = Client::play(&mut world, "cam");
    for second in 0..4 {
        send(&mut world, &mut publisher, second * 1000);
        player.media(&mut world);
    }
    let (_, status) = ask(&mut world, "status");
    let (totals, now) = (&world.engine.cx.totals, world.now.instant);
    for (pointer, expected) in [
        ("/server", json!("Millstream")),
        ("/started", json!("1970-01-01T00:00:00Z")),
        ("/uptime_ms", json!(4000)),
        ("/draining", json!(false)),
        ("/connections/rtmp", json!(2)),
        ("/connections/rtmp_accepted", json!(2)),
        ("/streams", json!({ "live": 1, "lost": 0, "idle": 0, "file": 0 })),
        ("/players", json!(1)),
        ("/publishes", json!(1)),
        ("/plays", json!(1)),
        ("/frames/received", json!(totals.frames_in)),
        ("/frames/sent", json!(totals.frames_out)),
        ("/traffic/bits_in_per_second", json!(8 * totals.bytes_in.per_second(now))),
        ("/errors/lost_publishers", json!(0)),
        ("/http/requests", json!(1)),
    ] {
        assert_eq!(status.pointer(pointer), Some(&expected), "{pointer}");
    }
    let apps = json!([
        { "name": "live", "clients": 2, "viewers": 0, "streams": 1 },
        { "name": "closed", "clients": 0, "viewers": 0, "streams": 0 },
    ]);
    assert_eq!(status["applications"], apps);
}

#[test]
fn what_is_not_there_is_404_with_a_reason() {
    let mut world = world();
    for path in ["streams/live/none", "streams/none/cam", "clients/4000000", "streams/live/%22%3C"] {
        let (status, answer) = ask(&mut world, path);
        assert_eq!(status, 404, "{path}");
        assert!(answer["error"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
    }
}

#[test]
fn thousands_of_clients_are_told_in_steps_and_each_once() {
    let mut world = world();
    let mut publisher = publish(&mut world, "cam");
    let players: Vec<_> = (0..700).map(|_| Client::play(&mut world, "cam")).collect();
    send(&mut world, &mut publisher, 0);
    for path in ["clients", "streams/live/cam"] {
        let answer = get(&mut world, path);
        let mut ids: Vec<_> = answer["clients"]
            .as_array()
            .unwrap()
            .iter()
            .map(|client| client["id"].as_u64().unwrap())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), players.len() + 1, "{path}");
    }
    let last = players.last().unwrap().id.serial();
    assert_eq!(get(&mut world, &format!("clients/{last}"))["roles"][0]["role"], "play");
}

#[test]
fn names_of_every_script_are_told_as_they_are() {
    let mut world = world();
    for name in
        ["caf\u{e9} (1)", "\u{43a}\u{430}\u{43c}\u{435}\u{440}\u{430}", "\u{65e5}\u{672c}", "\u{645}\u{62d}"]
    {
        let _publisher = publish(&mut world, name);
        let all = get(&mut world, "streams");
        let streams = all["streams"].as_array().unwrap();
        assert!(streams.iter().any(|stream| stream["name"] == name), "{name}");
    }
}

/// Adds the names of all fields of a value.
fn collect(value: &Json, fields: &mut BTreeSet<String>) {
    match value {
        Json::Object(object) => object.iter().for_each(|(name, value)| {
            fields.insert(name.clone());
            collect(value, fields);
        }),
        Json::Array(elements) => elements.iter().for_each(|element| collect(element, fields)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let folder = Folder::new();
    let config = format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; record all; record_path {};
            hls on; hls_path /x/hls; hls_memory on; }} }} }} {API}",
        folder.display()
    );
    let mut world = World::configured(table(), &config);
    let mut publisher = publish(&mut world, "cam");
    let _player = Client::play(&mut world, "cam");
    send(&mut world, &mut publisher, 0);
    let mut fields = BTreeSet::new();
    for path in ["status", "streams/live/cam", "streams", "clients", "recorders"] {
        collect(&get(&mut world, path), &mut fields);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/statistics.md");
    let text = std::fs::read_to_string(path).unwrap();
    fields.retain(|field| !text.contains(&format!("`{field}`")));
    assert!(fields.is_empty(), "docs/statistics.md does not have {fields:?}");
}
