//! What a client that may not play a stream learns of it: nothing, in no document, and by no number that grows.

use super::*;

const CONFIG: &str = "rtmp { server { listen 127.0.0.1:0; gop_cache off; out_queue 512; ping 30m;
    application open { live on; publish_grace 20s; }
    application called { live on; publish_grace 20s; on_play http://127.0.0.1:9/; }
    application denied { live on; publish_grace 20s; deny play 192.0.2.0/24; }
    application keyed { live on; publish_grace 20s; play_key 0123456789abcdef; } } }
    http { server { listen 127.0.0.1:0; location / { page on; } } }";
const HIDDEN: [&str; 3] = ["called", "denied", "keyed"];
const DOCUMENTS: [&str; 6] = [
    "/live.json",
    "/streams.json",
    "/live.json?of=open/cam",
    "/live.json?of=HIDDEN/secret",
    "/streams.json?ids=1,2,3,4,5,6,7,8",
    "/thumbnails/HIDDEN/secret.mp4",
];

/// A document as a client gets it, without what differs from one process to the next.
fn document(world: &mut World, path: &str) -> String {
    let id = ask(world, path);
    world.end_turn();
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.end_turn();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap();
    let Ok(mut json) = serde_json::from_str::<Json>(body) else { return format!("{status} {body}") };
    for (place, name) in [("", "run"), ("/totals", "cpu"), ("/totals", "memory"), ("/detail", "id")] {
        if let Some(fields) = json.pointer_mut(place).and_then(Json::as_object_mut) {
            fields.remove(name);
        }
    }
    for row in json["streams"].as_array_mut().unwrap() {
        let id = if row.is_array() { "/0" } else { "/id" };
        *row.pointer_mut(id).unwrap() = Json::Null;
    }
    format!("{status} {json}")
}

/// All documents, while hidden streams begin, live and end, or there are none.
fn documents(with_hidden: bool) -> Vec<String> {
    let (mut world, mut told) = (World::configured(table(), CONFIG), Vec::new());
    let tell = |world: &mut World, told: &mut Vec<String>| {
        for path in DOCUMENTS {
            for app in HIDDEN.iter().filter(|app| path.contains("HIDDEN") || **app == HIDDEN[0]) {
                told.push(document(world, &path.replace("HIDDEN", app)));
            }
        }
    };
    let hidden = |world: &mut World| {
        let apps = HIDDEN.iter().filter(|_| with_hidden);
        apps.map(|app| publish_in(world, app, "secret")).collect::<Vec<_>>()
    };
    let mut early = hidden(&mut world);
    let mut open = publish_in(&mut world, "open", "cam");
    for number in 0..4 {
        for step in 0..4 {
            for client in early.iter_mut().chain([&mut open]) {
                client.frame(&mut world, Kind::Video, number * 1000 + step * 250, KEY);
                client.receive(&mut world);
            }
            world.pass_time(Duration::from_millis(250));
        }
        tell(&mut world, &mut told);
    }
    // Their ends are waited for.
    early.iter().for_each(|client| lose(&mut world, client));
    let (now, ids) = (world.now.instant, world.engine.cx.app_order.clone());
    for app in ids.into_iter().filter(|_| with_hidden) {
        let name = world.engine.cx.apps.get(app).unwrap().name.clone();
        if name != "open" {
            world.engine.cx.awaited.add(app, "secret", now + Duration::from_secs(60), now);
        }
    }
    world.pass(1);
    tell(&mut world, &mut told);
    world.pass(30);
    tell(&mut world, &mut told);
    told
}

#[test]
fn streams_that_ask_for_something_are_in_no_document_and_move_no_number() {
    let (with, without) = (documents(true), documents(false));
    assert_eq!(with.len(), without.len());
    for (with, without) in with.iter().zip(&without) {
        assert_eq!(with, without);
        assert!(!with.contains("secret"), "{with}");
    }
    assert!(with[0].contains("bits_in") && with.iter().any(|text| text.contains(" 404 ")), "{}", with[0]);
}
