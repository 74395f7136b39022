//! Servers whose applications have the same names, in statistics for tools that know streams by nothing else.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::engine::tests::*;

const CONFIG: &str = "
    rtmp {
        server { listen 127.0.0.1:0; application live { live on; publish_grace 10s; hls on; hls_path /none; } }
        server { listen 127.0.0.1:0; application live { live on; publish_grace 10s; } application other { live on; } }
    }
    http { server { listen 127.0.0.1:0;
        location / { api_views srs mediamtx; }
        location /nms/ { api_views node-media-server; }
        location /metrics { metrics on; }
        location /stat { rtmp_stat all; }
        location /json { rtmp_stat all; rtmp_stat_format json; }
        location /millstream/ { millstream_api on; } } }";

/// The number of the listener for HTTP.
const HTTP: usize = 2;

fn publish(world: &mut World, listener: usize, name: &str) -> Client {
    let mut client = Client::open_at(world, listener);
    client.connect_with(world, &[("app", "live"), ("tcUrl", "rtmp://me:hidden@host/live?key=hidden")]);
    client.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    client.frame(world, Kind::Video, 0, HEADER);
    client
}

/// The same stream in both servers, and another one in each of them.
fn start() -> (World, [Client; 4]) {
    let mut world = World::configured(table(), CONFIG);
    let clients = [(1, "cam"), (0, "cam"), (1, "second"), (0, "first")]
        .map(|(listener, name)| publish(&mut world, listener, name));
    (world, clients)
}

fn get(world: &mut World, path: &str) -> String {
    world.pass(1);
    let id = world.engine.accept(HTTP, ENDS, world.now).unwrap();
    world.engine.input(id, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes(), world.now);
    world.end_turn();
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    world.end_turn();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    body.to_owned()
}

fn json(world: &mut World, path: &str) -> Json {
    serde_json::from_str(&get(world, path)).unwrap()
}

/// A field of all entries of a list.
fn all(list: &Json, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn xml_has_an_application_once_with_each_name_of_a_stream_once() {
    let (mut world, clients) = start();
    let document = get(&mut world, "/stat");
    let names: Vec<_> =
        document.split("<name>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(names, ["live", "cam", "first", "second", "other"], "{document}");
    assert!(
        document.contains(&format!("<client><id>{}</id>", clients[1].id.serial())),
        "that of the first server"
    );
    assert!(document.contains("<nclients>3</nclients>\r\n<nhls>0</nhls>\r\n</live>"), "{document}");
    // One with an encoder is shown, whatever server it is in.
    world.engine.lost(clients[1].id, world.now);
    world.end_turn();
    let document = get(&mut world, "/stat");
    assert!(document.contains(&format!("<client><id>{}</id>", clients[0].id.serial())), "{document}");
    let servers = json(&mut world, "/json")["http-flv"]["servers"].clone();
    let streams = |server: usize| all(&servers[server]["applications"][0]["live"]["streams"], "name");
    assert_eq!((streams(0), streams(1)), (vec!["first".into()], vec!["cam".into(), "second".into()]));
}

#[test]
fn metrics_have_each_series_once() {
    let (mut world, _clients) = start();
    let text = get(&mut world, "/metrics");
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(seen.insert(line.rsplit_once(' ').unwrap().0), "{line} comes twice");
    }
    for sample in ["application_clients{app=\"live\"} 4", "streams{state=\"live\"} 4", "streams_left_out 1"] {
        assert!(text.contains(&format!("millstream_{sample}\n")), "{sample}: {text}");
    }
    // An application that the configuration has no more is there until its clients have left.
    world.reload(
        &CONFIG.replace(
            "application live { live on; publish_grace 10s; } application other",
            "application other",
        ),
    );
    let text = get(&mut world, "/metrics");
    assert_eq!(text.matches("millstream_application_clients{app=\"live\"}").count(), 1, "{text}");
}

#[test]
fn views_have_each_name_once() {
    let (mut world, clients) = start();
    let streams = json(&mut world, "/api/v1/streams");
    assert_eq!(all(&streams["streams"], "id"), ["live/cam", "live/first", "live/second"]);
    let paths = json(&mut world, "/v3/paths/list");
    assert_eq!(all(&paths["items"], "name"), ["live/cam", "live/first", "live/second"]);
    assert_eq!(paths["itemCount"], 3);
    let id = |client: &Client| client.id.serial().to_string();
    let one = json(&mut world, "/v3/paths/get/live/cam");
    assert_eq!((&one["name"], &one["source"]["id"]), (&"live/cam".into(), &id(&clients[1]).into()));
    let text = get(&mut world, "/nms/api/streams");
    assert_eq!((text.matches("\"live\":{").count(), text.matches("\"cam\":{").count()), (1, 1), "{text}");
    let one = json(&mut world, "/nms/api/streams/live/second");
    assert_eq!((&one["isLive"], &one["viewers"]), (&true.into(), &0.into()));
}

#[test]
fn the_api_lists_all_of_them() {
    let (mut world, _clients) = start();
    let streams = json(&mut world, "/millstream/streams");
    assert_eq!(all(&streams["streams"], "name"), ["cam", "first", "cam", "second"]);
}

#[test]
fn tools_of_srs_get_the_fields_that_they_insist_on_and_no_secret() {
    let (mut world, _clients) = start();
    for path in ["/api/v1/versions", "/api/v1/summaries", "/api/v1/streams", "/api/v1/clients"] {
        let answer = json(&mut world, path);
        assert!(answer["service"].is_string() && answer["server"].is_string(), "{path}: {answer}");
        assert_eq!(answer["pid"], std::process::id().to_string(), "{path}");
        assert!(!answer.to_string().contains("hidden"), "{answer}");
    }
    for (path, list) in [("/api/v1/streams", "streams"), ("/api/v1/clients", "clients")] {
        assert_eq!(json(&mut world, path)[list][0]["tcUrl"], "rtmp://host/live");
    }
}

#[test]
fn a_key_in_place_of_an_application_is_in_no_view() {
    let mut world = World::configured(table(), CONFIG);
    let mut client = Client::open(&mut world);
    client.connect_with(&mut world, &[("app", "live"), ("tcUrl", "rtmp://host/live/hidden")]);
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "cam".into()]);
    assert_eq!(json(&mut world, "/api/v1/clients")["clients"][0]["tcUrl"], "rtmp://host/***");
}
