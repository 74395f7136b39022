//! nginx-rtmp's statistics of an engine, in virtual time.

use crate::engine::tests::*;

const CONFIG: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 10s; } } }
    http { server { listen 127.0.0.1:0; location /stat { rtmp_stat all; }
        location /json { rtmp_stat all; rtmp_stat_format json; } } }";

fn world() -> World {
    World::configured(table(), CONFIG)
}

/// A document, in one piece.
fn get(world: &mut World, path: &str) -> String {
    // Nothing that was composed a moment ago is kept.
    world.pass(1);
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(id, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes(), world.now);
    world.good_answer(id)
}

/// Publishes with a key frame and a sound.
fn publish(world: &mut World, name: &str) -> Client {
    let mut client = Client::publish(world, name);
    client.frame(world, Kind::Video, 0, HEADER);
    client.frame(world, Kind::Video, 0, KEY);
    client.frame(world, Kind::Audio, 0, AUDIO_HEADER);
    client.frame(world, Kind::Audio, 30, AUDIO);
    client
}

#[test]
fn a_lost_encoder_is_gone_at_once_and_its_stream_stays_while_somebody_watches() {
    let mut world = world();
    let publisher = publish(&mut world, "cam");
    let player = Client::play(&mut world, "cam");
    let document = get(&mut world, "/stat");
    assert!(
        document.contains("<nclients>2</nclients>\r\n<publishing/>\r\n<active/>\r\n</stream>"),
        "{document}"
    );
    assert!(
        document.contains("<avsync>30</avsync>") && document.contains("<codec>H264</codec>"),
        "{document}"
    );
    world.engine.lost(publisher.id, world.now);
    world.end_turn();
    let document = get(&mut world, "/stat");
    assert!(
        document.contains("<name>cam</name>") && document.contains("<nclients>1</nclients>"),
        "{document}"
    );
    for gone in ["publishing", "active", "<meta>"] {
        assert!(!document.contains(gone), "{gone}: {document}");
    }
    assert!(document.contains("<bytes_in>"), "{document}");
    world.engine.lost(player.id, world.now);
    world.end_turn();
    assert!(world.engine.cx.streams.iter().any(|stream| stream.grace_until().is_some()));
    for path in ["/stat", "/json"] {
        let document = get(&mut world, path);
        assert!(!document.contains("cam"), "a stream in its grace without a client is left out: {document}");
    }
}

/// Publishes as an encoder whose name is these bytes, which may be no UTF-8.
fn publish_as(world: &mut World, flash_ver: &[u8], name: &str) -> Client {
    let mut client = Client::open(world);
    let (stand_in, mut bytes) = ("Q".repeat(flash_ver.len()), Vec::new());
    let object = Object::default().with("app", "live").with("flashVer", stand_in.as_str());
    let connect = amf0::encode_all(&["connect".into(), 1.0.into(), Value::Object(object)]);
    write_message(&mut bytes, 128, 3, (MessageType::CommandAmf0, 0, 0), &connect);
    let start = bytes.windows(flash_ver.len()).position(|part| part == stand_in.as_bytes()).unwrap();
    bytes[start..start + flash_ver.len()].copy_from_slice(flash_ver);
    client.send(world, &[[3].as_slice(), &[0; 2 * 1536], &bytes].concat());
    client.command(world, &["publish".into(), 2.0.into(), Value::Null, name.into()]);
    client
}

#[test]
fn the_texts_of_a_client_cannot_change_a_document() {
    let mut world = world();
    let mut client = Client::open(&mut world);
    let evil = "</client>]]><script>alert(\"'&\0\u{1b}[31m\u{9b}\u{ffff})</script>";
    client.connect_with(
        &mut world,
        &[
            ("app", "live"),
            ("flashVer", evil),
            ("pageUrl", "javascript:alert(1)"),
            ("swfUrl", "https://a/<b>?key=secret"),
        ],
    );
    for name in ["Käse", "东京", "студия", "قناة", "채널", "😀]]"] {
        let mut other = Client::connect(&mut world, "live");
        other.command(&mut world, &["play".into(), 2.0.into(), Value::Null, name.into()]);
    }
    client.command(&mut world, &["publish".into(), 2.0.into(), Value::Null, "a [b]]".into()]);
    publish_as(&mut world, &[0xff, b'<', 0xc3, 0x28, 0xed, 0xa0, 0x80], "broken");
    let xml = get(&mut world, "/stat");
    let json = get(&mut world, "/json");
    for document in [&xml, &json] {
        assert!(!document.contains("javascript") && !document.contains("secret"), "{document}");
        assert!(!document.contains(|c: char| c.is_control() && c != '\r' && c != '\n'), "{document:?}");
        for name in ["Käse", "东京", "студия", "قناة", "채널", "😀]]", "a [b]]"] {
            assert!(document.contains(name), "{name}: {document}");
        }
    }
    let flash_ver = "<flashver>&lt;/client&gt;]]&gt;&lt;script&gt;alert(&quot;&#39;&amp;  [31m  )&lt;/script&gt;</flashver>";
    assert!(xml.contains(flash_ver) && xml.contains("<swfurl>https://a/&lt;b&gt;</swfurl>"), "{xml}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let streams = value["http-flv"]["servers"][0]["applications"][0]["live"]["streams"].as_array().unwrap();
    let publisher = streams.iter().find(|stream| stream["name"] == "a [b]]").unwrap();
    assert!(xml.contains("<flashver>\u{fffd}&lt;\u{fffd}("), "{xml}");
    assert_eq!(publisher["clients"][0]["flashver"], evil);
    assert_eq!(publisher["clients"][0]["pageurl"], "");
}

#[test]
fn thousands_of_clients_take_many_steps_between_which_others_are_served() {
    let mut world = world();
    let _publishers = ["a", "b"].map(|name| publish(&mut world, name));
    for _ in 0..600 {
        Client::play(&mut world, "a");
    }
    let id = world.engine.accept(1, ENDS, world.now).unwrap();
    world.engine.input(id, b"GET /stat HTTP/1.0\r\n\r\n", world.now);
    let mut steps = 0;
    while world.engine.step(world.now) {
        steps += usize::from(!world.engine.cx.work.composing.is_empty());
    }
    assert!((3..20).contains(&steps), "{steps} steps");
    let answer = String::from_utf8(world.take(id, usize::MAX).concat()).unwrap();
    assert_eq!(answer.matches("<client>").count(), 602);
    assert!(answer.contains("<nclients>602</nclients>\r\n</live>"), "{}", &answer[..500]);
}

#[test]
fn the_json_tells_the_recorders_of_each_application() {
    let config = CONFIG.replace(
        "publish_grace 10s;",
        "record all; record_path /none; recorder key { record keyframes manual; record_interval 90s; record_suffix -%d.flv; }",
    );
    let mut world = World::configured(table(), &config);
    let document: serde_json::Value = serde_json::from_str(&get(&mut world, "/json")).unwrap();
    let recorders = &document["http-flv"]["servers"][0]["applications"][0]["recorders"];
    let recorder = |id: &str, flags: &[&str], interval: u64, suffix: &str| {
        serde_json::json!({
            "id": id, "flags": flags, "unique": false, "append": false, "lock_file": false, "notify": false,
            "path": "/none", "max_size": 0, "max_frames": 0, "interval": interval, "suffix": suffix,
        })
    };
    let lists = [
        recorder("", &["video", "audio"], 0, ".flv"),
        recorder("key", &["keyframes", "manual"], 90_000, "-%d.flv"),
    ];
    assert_eq!(*recorders, serde_json::json!({"count": 2, "lists": lists}));
}
