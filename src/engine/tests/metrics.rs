//! What locations with metrics, health and stub_status answer, in virtual time.

use std::collections::BTreeSet;

use crate::engine::tests::*;

const LOCATIONS: &str = "
    http { server { listen 127.0.0.1:0; stub_status;
        location /metrics { metrics on; }
        location /live { health live; }
        location /ready { health ready; }
        location /basic_status { stub_status on; }
        location /none { return 204; }
    } }";

fn world() -> World {
    World::configured(table(), &format!("{CONFIG} {LOCATIONS}"))
}

fn open(world: &mut World) -> SessionId {
    world.engine.accept(1, ENDS, world.now).unwrap()
}

/// Asks over a connection. Returns head and body.
fn ask(world: &mut World, id: SessionId, method: &str, path: &str) -> (String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    world.engine.input(id, request.as_bytes(), world.now);
    world.end_turn();
    let text = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.end_turn();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn get(world: &mut World, path: &str) -> (String, String) {
    let id = open(world);
    ask(world, id, "GET", path)
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("millstream_{sample} ")));
    line.map(str::to_owned)
}

#[test]
fn metrics_tell_what_streams_and_the_server_do() {
    let mut world = world();
    let mut publisher = Client::publish(&mut world, "a");
    let player = Client::play(&mut world, "a");
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    for time in 0..4 {
        publisher.frame(&mut world, Kind::Video, time * 1000, KEY);
        publisher.frame(&mut world, Kind::Audio, time * 1000 + 20, AUDIO);
        world.pass(1);
    }
    let waiting = world.queue(player.id).len();
    let (head, text) = get(&mut world, "/metrics");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    let received = stream_bytes(&world);
    for (sample, expected) in [
        ("connections{protocol=\"rtmp\"}", "2"),
        ("connections{protocol=\"http\"}", "1"),
        ("streams{state=\"live\"}", "1"),
        ("players", "1"),
        ("publishes_total", "1"),
        ("frames_received_total", "9"),
        ("stream_published{app=\"live\",stream=\"a\"}", "1"),
        ("stream_received_bytes_total{app=\"live\",stream=\"a\"}", &received),
        ("stream_frames_total{app=\"live\",stream=\"a\",kind=\"video\"}", "5"),
        ("stream_frames_total{app=\"live\",stream=\"a\",kind=\"audio\"}", "4"),
        ("stream_frame_rate_hertz{app=\"live\",stream=\"a\"}", "1"),
        ("stream_key_frame_interval_seconds{app=\"live\",stream=\"a\"}", "1"),
        ("stream_audio_lead_seconds{app=\"live\",stream=\"a\"}", "0.02"),
        ("stream_players{app=\"live\",stream=\"a\"}", "1"),
        ("stream_queue_messages{app=\"live\",stream=\"a\"}", &waiting.to_string()),
        ("turn_seconds_bucket{le=\"+Inf\"}", "0"),
        ("draining", "0"),
    ] {
        assert_eq!(value(&text, sample).as_deref(), Some(expected), "{sample}");
    }
}

fn stream_bytes(world: &World) -> String {
    world.engine.cx.streams.iter().next().unwrap().bytes_in.to_string()
}

#[test]
fn a_stream_that_has_lost_its_publisher_is_still_told_and_one_without_is_not() {
    let mut world = World::configured(
        table(),
        &format!("{} {LOCATIONS}", CONFIG.replace("live on;", "live on; publish_grace 30s;")),
    );
    let publisher = Client::publish(&mut world, "a");
    let _waits = Client::play(&mut world, "idle");
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    let (_, text) = get(&mut world, "/metrics");
    let states =
        ["live", "grace", "idle"].map(|state| value(&text, &format!("streams{{state=\"{state}\"}}")));
    assert_eq!(states.map(Option::unwrap), ["0", "1", "1"]);
    assert_eq!(value(&text, "stream_published{app=\"live\",stream=\"a\"}").unwrap(), "0");
    assert!(!text.contains("stream=\"idle\""));
}

#[test]
fn of_many_streams_the_first_500_by_name_have_metrics_of_their_own() {
    let mut world = world();
    let publishers: Vec<_> =
        (0..503).rev().map(|number| Client::publish(&mut world, &format!("cam{number:03}"))).collect();
    assert_eq!(publishers.len(), 503);
    let (_, text) = get(&mut world, "/metrics");
    assert_eq!(value(&text, "streams{state=\"live\"}").unwrap(), "503");
    assert_eq!(value(&text, "streams_left_out").unwrap(), "3");
    let named =
        |number: u32| text.contains(&format!("stream_players{{app=\"live\",stream=\"cam{number:03}\"}}"));
    assert!((0..500).all(named) && !(500..503).any(named));
}

#[test]
fn more_players_than_a_step_takes_are_all_looked_at() {
    let mut world = world();
    let mut publisher = Client::publish(&mut world, "a");
    let mut players: Vec<_> = (0..600).map(|_| Client::play(&mut world, "a")).collect();
    publisher.frame(&mut world, Kind::Video, 0, HEADER);
    publisher.frame(&mut world, Kind::Video, 0, KEY);
    // Only the last one has not read.
    let last = players.pop().unwrap();
    players.iter_mut().for_each(|player| {
        player.media(&mut world);
    });
    let waiting = world.queue(last.id).len().to_string();
    let (_, text) = get(&mut world, "/metrics");
    assert_eq!(value(&text, "stream_queue_messages{app=\"live\",stream=\"a\"}"), Some(waiting));
    assert_eq!(value(&text, "stream_players{app=\"live\",stream=\"a\"}").unwrap(), "600");
}

#[test]
fn each_metric_is_documented_and_has_help_and_type_once_and_its_samples_behind_them() {
    let mut world = world();
    let _publishers = [Client::publish(&mut world, "a"), Client::publish(&mut world, "b")];
    let (_, text) = get(&mut world, "/metrics");
    let (mut seen, mut current) = (BTreeSet::new(), String::new());
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", name, ..] => {
                assert!(seen.insert(name.to_owned()), "{name} comes twice");
                assert!(line.ends_with('.'), "{line}");
                current = name.to_owned();
            }
            ["#", "TYPE", name, "counter"] => assert!(name == current && name.ends_with("_total"), "{line}"),
            ["#", "TYPE", name, _] => assert!(name == current && !name.ends_with("_total"), "{line}"),
            _ => assert!(line.starts_with(&current), "{line} behind {current}"),
        }
    }
    assert!(seen.len() > 40, "{seen:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/statistics.md");
    let document = std::fs::read_to_string(path).unwrap();
    seen.retain(|name| !document.contains(&format!("`{name}`")));
    assert!(seen.is_empty(), "docs/statistics.md does not have {seen:?}");
}

#[test]
fn names_are_escaped_in_labels() {
    let mut world = world();
    let _publisher = Client::publish(&mut world, "caf\u{e9}, (1) \u{65e5}\u{672c}");
    let (_, text) = get(&mut world, "/metrics");
    assert!(text.contains("stream_players{app=\"live\",stream=\"caf\u{e9}, (1) \u{65e5}\u{672c}\"} 0\n"));
}

#[test]
fn stub_status_has_the_words_of_nginx() {
    let mut world = world();
    let _client = Client::connect(&mut world, "live");
    let (idle, new) = (open(&mut world), open(&mut world));
    ask(&mut world, idle, "GET", "/none");
    let id = open(&mut world);
    let (head, text) = ask(&mut world, id, "GET", "/basic_status");
    assert!(head.contains("Content-Type: text/plain\r\n"), "{head}");
    let expected = "Active connections: 4 \nserver accepts handled requests\n 4 4 2 \n\
                    Reading: 1 Writing: 1 Waiting: 1 \n";
    assert_eq!(text, expected);
    assert!(world.is_open(new));
}

#[test]
fn stub_status_in_a_server_is_for_paths_of_no_location() {
    let mut world = world();
    assert!(get(&mut world, "/other").1.starts_with("Active connections: "));
    assert!(get(&mut world, "/none").0.starts_with("HTTP/1.1 204 "));
}

#[test]
fn a_server_that_drains_lives_and_is_not_ready() {
    let mut world = world();
    let _publisher = Client::publish(&mut world, "a");
    let ids = [open(&mut world), open(&mut world)];
    for (id, path) in ids.into_iter().zip(["/live", "/ready"]) {
        let (head, text) = ask(&mut world, id, "GET", path);
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("Cache-Control: no-store"), "{head}");
        assert_eq!(text, "ok\n");
    }
    let ids = [open(&mut world), open(&mut world)];
    for id in ids {
        // They are busy, so they are not closed.
        world.engine.input(id, b"GET /", world.now);
    }
    world.engine.cx.phase = ctx::Phase::Draining;
    let asked: Vec<_> = ids
        .into_iter()
        .zip(["live", "ready"])
        .map(|(id, path)| {
            world.engine.input(id, format!("{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), world.now);
            world.end_turn();
            String::from_utf8(world.take(id, usize::MAX).concat()).unwrap()
        })
        .collect();
    assert!(asked[0].starts_with("HTTP/1.1 200 ") && asked[0].ends_with("ok\n"));
    assert!(asked[1].starts_with("HTTP/1.1 503 ") && asked[1].ends_with("draining\n"), "{}", asked[1]);
}

#[test]
fn only_get_and_head_are_answered() {
    let mut world = world();
    for path in ["/metrics", "/live", "/basic_status"] {
        let id = open(&mut world);
        let (head, _) = ask(&mut world, id, "POST", path);
        assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("Allow: GET, HEAD"), "{head}");
        let id = open(&mut world);
        let (head, body) = ask(&mut world, id, "HEAD", path);
        assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head}");
    }
}

#[test]
fn a_location_answers_with_one_of_them() {
    let config = "http { server { location / { metrics on; health live; } } }";
    let modules = table();
    let mut tree = Tree::from_text("test", config).unwrap();
    let table = directive_table(&modules);
    conf::check(&mut tree, &table).unwrap();
    let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
    let errors = Engine::new(&Scope::root(&tree, &table), modules, 7, now).err().unwrap();
    assert!(errors.to_string().contains("this location answers with metrics already"), "{errors}");
}
