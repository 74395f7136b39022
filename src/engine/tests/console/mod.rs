//! What the console is told, in virtual time: `live.json`, `streams.json`, and histories.

mod events;
mod hidden;
mod recordings;

use serde_json::Value as Json;

use crate::engine::tests::*;

fn config(directives: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; gop_cache off; out_queue 512; ping 30m;
            application live {{ live on; publish_grace 20s; publish_conflict replace; {directives} }}
            application hidden {{ live on; play_key 0123456789abcdef; }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} location /b/ {{ page on; }} }} }}"
    )
}

fn world() -> World {
    World::configured(table(), &config(""))
}

/// Asks for a path; the answer is not waited for.
fn ask(world: &mut World, path: &str) -> SessionId {
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(id, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes(), world.now);
    id
}

/// A document, in one piece.
fn get(world: &mut World, path: &str) -> Json {
    let id = ask(world, path);
    serde_json::from_str(&world.good_answer(id)).unwrap()
}

/// The same a second later.
fn get_next(world: &mut World, path: &str) -> Json {
    world.pass(1);
    get(world, path)
}

fn publish_in(world: &mut World, app: &str, name: &str) -> Client {
    let mut client = Client::connect(world, app);
    client.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    client.frame(world, Kind::Video, 0, HEADER);
    client
}

fn lose(world: &mut World, client: &Client) {
    world.engine.lost(client.id, world.now);
    world.end_turn();
}

/// A second of 25 pictures, two of them key frames, and the sound of the first; the time passes.
fn second(world: &mut World, publisher: &mut Client, second: u32) {
    for step in 0..25 {
        let (time, is_key) = (second * 1000 + step * 40, step % 13 == 0);
        publisher.frame(world, Kind::Video, time, if is_key { KEY } else { INTER });
        publisher.receive(world);
        if step == 0 {
            publisher.frame(world, Kind::Audio, time, AUDIO);
        }
        world.pass_time(Duration::from_millis(40));
    }
}

const BYTES: u64 = (2 * KEY.len() + 23 * INTER.len() + AUDIO.len()) as u64;

#[test]
fn a_row_has_the_numbers_of_the_last_whole_second() {
    let mut world = world();
    world.pass(7);
    let mut publisher = Client::publish(&mut world, "cam");
    let _players = [Client::play(&mut world, "cam"), Client::play(&mut world, "cam")];
    second(&mut world, &mut publisher, 0);
    second(&mut world, &mut publisher, 1);
    let live = get(&mut world, "/live.json");
    assert_eq!((&live["server"], live["second"].as_u64()), (&Json::from("Millstream"), Some(8)));
    let row = live["streams"][0].as_array().unwrap();
    let numbers: Vec<_> = row.iter().filter_map(Json::as_u64).collect();
    let id = numbers[0];
    assert_eq!(numbers, [id, 8 * BYTES, 25, 2, 2, 0, 4, 0, 0]);
    assert!(row[1].as_str().is_some_and(|facts| facts.len() == 8));
    let totals = &live["totals"];
    assert_eq!((totals["viewers"].as_u64(), totals["streams"].as_u64()), (Some(2), Some(1)));
    assert_eq!(totals["uptime_ms"].as_u64(), Some(9000));
    assert!(totals["cpu"].is_null() && totals["memory"].as_u64().is_some_and(|bytes| bytes > 0));
    assert_eq!((live["waiting_total"].as_u64(), live.get("detail")), (Some(0), None));
    // A lost publisher is waited for, and nothing comes.
    lose(&mut world, &publisher);
    let row = &get_next(&mut world, "/live.json")["streams"][0];
    assert_eq!((row[2].as_u64(), row[6].as_u64(), row[7].as_u64()), (Some(0), Some(19_000), Some(4)));
}

#[test]
fn a_hundred_streams_take_less_than_eight_kilobytes_and_five_hundred_are_listed() {
    let mut world = world();
    let mut publishers: Vec<_> =
        (0..100).map(|number| Client::publish(&mut world, &format!("camera-{number}"))).collect();
    for publisher in &mut publishers {
        publisher.frame(&mut world, Kind::Video, 0, HEADER);
        publisher.frame(&mut world, Kind::Video, 0, &[KEY, &[0; 60_000]].concat());
    }
    world.pass(1);
    let id = ask(&mut world, "/live.json");
    let text = world.good_answer(id);
    assert!(text.len() < 8000, "{}", text.len());
    let ids: Vec<u64> = serde_json::from_str::<Json>(&text).unwrap()["streams"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row[0].as_u64())
        .collect();
    assert_eq!(ids.len(), 100);
    publishers.extend((100..510).map(|number| Client::publish(&mut world, &format!("camera-{number}"))));
    let live = get_next(&mut world, "/live.json");
    let listed = live["streams"].as_array().unwrap().len();
    assert_eq!((listed, live["totals"]["streams"].as_u64()), (500, Some(510)));
    assert!(ids[..5].iter().all(|id| live["streams"].as_array().unwrap().iter().any(|row| row[0] == *id)));
}

#[test]
fn all_who_see_the_same_get_the_same_bytes() {
    let mut world = world();
    let _publisher = Client::publish(&mut world, "cam");
    world.pass(2);
    let ids = ["/live.json", "/live.json?x=1", "/live.json?of=live/cam", "/live.json?of=live%2Fcam&y"]
        .map(|path| ask(&mut world, path));
    let answers = ids.map(|id| world.good_answer(id));
    assert_eq!((&answers[0], &answers[2]), (&answers[1], &answers[3]));
    assert_ne!(answers[0], answers[2]);
}

#[test]
fn the_digest_of_the_facts_changes_with_them_and_not_otherwise() {
    let mut world = world();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    second(&mut world, &mut publisher, 0);
    let facts = |world: &mut World| get(world, "/live.json")["streams"][0][1].as_str().unwrap().to_owned();
    let first = facts(&mut world);
    let mut players = vec![Client::play(&mut world, "cam")];
    for number in 1..4 {
        second(&mut world, &mut publisher, number);
        assert_eq!(facts(&mut world), first, "second {number}");
        players.push(Client::play(&mut world, "cam"));
    }
    let streams = get(&mut world, "/streams.json");
    assert_eq!(streams["streams"][0]["facts"].as_str(), Some(first.as_str()));
    publisher.frame(&mut world, Kind::Audio, 4000, AUDIO_HEADER);
    world.pass(1);
    let second = facts(&mut world);
    assert_ne!(second, first);
    // The next stream of the name is another one, though it has the same players and codecs.
    publisher.command(&mut world, &["closeStream".into(), 0.0.into(), Value::Null]);
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    world.pass(1);
    assert_ne!(facts(&mut world), second);
}

#[test]
fn what_stands_beside_the_streams_changes_with_the_configuration() {
    let mut world = world();
    let (live, streams) = (get(&mut world, "/live.json"), get(&mut world, "/streams.json"));
    for name in ["run", "shared", "second"] {
        assert_eq!(live[name], streams[name], "{name}");
    }
    assert_eq!((&streams["sees_all"], &streams["api"]), (&Json::Bool(false), &Json::Null));
    assert_eq!(streams["embed"], serde_json::json!(["'self'"]));
    world.reload(&config("").replace("application hidden", "application other"));
    let next = get_next(&mut world, "/live.json");
    assert_ne!(next["shared"], live["shared"]);
    assert_eq!(next["run"], live["run"]);
}

#[test]
fn who_comes_late_sees_the_last_minute_at_once() {
    let mut world = world();
    let mut publisher = Client::publish(&mut world, "cam");
    for number in 0..3 {
        second(&mut world, &mut publisher, number);
    }
    let history = |world: &mut World| get(world, "/streams.json")["streams"][0]["history"].clone();
    let young = history(&mut world);
    assert_eq!((&young["second"], &young["pictures"]), (&2.into(), &serde_json::json!([25, 25, 25])));
    assert_eq!(young["bits"], serde_json::json!([8 * BYTES, 8 * BYTES, 8 * BYTES]));
    let _player = Client::play(&mut world, "cam");
    for number in 3..70 {
        second(&mut world, &mut publisher, number);
    }
    let whole = history(&mut world);
    for name in ["bits", "pictures", "keys", "viewers"] {
        assert_eq!(whole[name].as_array().unwrap().len(), 60, "{name}");
    }
    assert_eq!(
        (&whole["second"], &whole["keys"][59], &whole["viewers"][0]),
        (&69.into(), &2.into(), &1.into())
    );
    lose(&mut world, &publisher);
    world.pass(5);
    let silent = history(&mut world);
    assert_eq!(silent["pictures"].as_array().unwrap()[53..], [25, 25, 0, 0, 0, 0, 0].map(Json::from));
}

#[test]
fn streams_that_not_everybody_may_play_are_told_to_nobody() {
    let mut world = world();
    let _publishers = [publish_in(&mut world, "hidden", "secret"), publish_in(&mut world, "live", "open")];
    world.pass(2);
    for path in ["/live.json", "/streams.json", "/live.json?of=hidden/secret", "/streams.json?ids=1,2,3"] {
        let id = ask(&mut world, path);
        let text = world.good_answer(id);
        let told: Json = serde_json::from_str(&text).unwrap();
        assert!(!text.contains("secret"), "{path}: {text}");
        let only_some = path.contains('?');
        assert_eq!(told["streams"].as_array().unwrap().len(), usize::from(!only_some), "{path}");
        assert!(told.get("detail").is_none_or(Json::is_null));
    }
    assert_eq!(get(&mut world, "/live.json")["totals"]["streams"], 1);
    assert_eq!(get(&mut world, "/streams.json")["total"], 1);
}

#[test]
fn only_the_streams_whose_numbers_are_asked_for_are_told() {
    let mut world = world();
    let _publishers = ["a", "b", "c"].map(|name| Client::publish(&mut world, name));
    let live = get(&mut world, "/live.json");
    let id = |place: usize| live["streams"][place][0].as_u64().unwrap();
    let path = format!("/streams.json?ids={},{},{},x,,99999999999999", id(2), id(0), id(0));
    let told = get(&mut world, &path);
    let names: Vec<_> =
        told["streams"].as_array().unwrap().iter().filter_map(|stream| stream["name"].as_str()).collect();
    assert_eq!((names, &told["total"]), (vec!["a", "c"], &3.into()));
    for (path, count) in [("/streams.json?ids=", 0), ("/streams.json?ids", 0), ("/streams.json?id=1", 3)] {
        assert_eq!(get(&mut world, path)["streams"].as_array().unwrap().len(), count, "{path}");
    }
}

#[test]
fn a_stream_that_is_not_there_has_no_detail_however_it_is_asked_for() {
    let mut world = world();
    let _publisher = Client::publish(&mut world, "cam");
    let many = (0..300).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    for path in [
        "/live.json?of=",
        "/live.json?of=live",
        "/live.json?of=live/",
        "/live.json?of=live/other",
        "/live.json?of=live/cam%00",
        "/live.json?of=live/%2e%2e/cam",
        "/live.json?of=%ff%zz",
        &format!("/live.json?of={}", "a".repeat(3000)),
        &format!("/live.json?of={many}&ids={many}"),
    ] {
        let live = get(&mut world, path);
        assert_eq!((&live["detail"], live["streams"].as_array().unwrap().len()), (&Json::Null, 0), "{path}");
        assert_eq!(live["totals"]["streams"], 1, "{path}");
    }
    assert_eq!(world.engine.shared.kept().0, 2, "those that can be no names share one answer");
    let some = get(&mut world, &format!("/streams.json?ids={many}"));
    assert_eq!(some["streams"].as_array().unwrap().len(), 0, "numbers of streams are not guessed");
}

#[test]
fn numbers_of_pictures_go_on_with_the_next_publisher_and_are_the_streams_own() {
    let mut world = world();
    let mut others = publish_in(&mut world, "hidden", "secret");
    let mut publisher = Client::publish(&mut world, "cam");
    second(&mut world, &mut others, 0);
    second(&mut world, &mut publisher, 1);
    second(&mut world, &mut others, 2);
    let number = |world: &mut World| get_next(world, "/live.json")["streams"][0][7].as_u64();
    assert_eq!(number(&mut world), Some(2));
    let before = get(&mut world, "/live.json")["streams"][0][0].clone();
    lose(&mut world, &publisher);
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    assert_eq!(number(&mut world), Some(0), "there is none of this one yet");
    second(&mut world, &mut publisher, 3);
    assert_eq!((number(&mut world), &get(&mut world, "/live.json")["streams"][0][0]), (Some(4), &before));
}

#[test]
fn the_path_without_its_slash_leads_to_the_page_with_the_query() {
    let mut world = World::configured(table(), &config("").replace("/b/", "/b"));
    for (path, location) in [("/b", "/b/"), ("/b?key=a%2Fb", "/b/?key=a%2Fb")] {
        let id = ask(&mut world, path);
        world.end_turn();
        let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
        assert!(answer.contains(&format!("Location: {location}\r\n")), "{answer}");
    }
}

#[test]
fn without_a_page_nothing_is_kept_of_streams() {
    let without = config("").replace("page on;", "");
    let mut world = World::configured(table(), &without);
    let mut publisher = Client::publish(&mut world, "cam");
    let kept =
        |world: &World| world.engine.cx.streams.iter().map(|stream| stream.history.seconds().0.count()).sum();
    let seconds = |world: &mut World, publisher: &mut Client, from: u32| -> usize {
        (from..from + 3).for_each(|number| second(world, publisher, number));
        kept(world)
    };
    assert_eq!(seconds(&mut world, &mut publisher, 0), 0);
    world.reload(&config(""));
    assert!(seconds(&mut world, &mut publisher, 3) >= 2);
    world.reload(&without);
    assert_eq!(kept(&world), 0usize);
    assert_eq!(seconds(&mut world, &mut publisher, 6), 0);
}

#[test]
fn the_detail_has_players_by_protocol_and_the_tracks() {
    let mut world = world();
    let mut publisher = Client::publish(&mut world, "cam");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Audio, 0, AUDIO_HEADER);
    let _players = [(); 300].map(|()| Client::play(&mut world, "cam"));
    second(&mut world, &mut publisher, 0);
    let detail = &get(&mut world, "/live.json?of=live/cam")["detail"];
    assert_eq!(detail["players"], serde_json::json!([{"protocol": "RTMP", "count": 300}]));
    let track = |kind, codec| serde_json::json!({"kind": kind, "number": 0, "codec": codec});
    assert_eq!(detail["tracks"], Json::from(vec![track("video", "H.264"), track("audio", "AAC")]));
    assert_eq!((&detail["key_interval_ms"], &detail["audio_lead_ms"]), (&Json::Null, &(-960).into()));
    assert_eq!((&detail["uptime_ms"], &detail["dropped"]), (&1000.into(), &0.into()));
}
