//! Streams that would travel in a circle, and servers that send a relay elsewhere.

use super::*;

/// The path that the server there has been told.
fn path(pair: &Pair) -> String {
    let there = pair.links.last().unwrap().there.unwrap();
    pair.there.engine.cx.sessions.get(there).unwrap().rtmp().unwrap().relay_path.to_string()
}

#[test]
fn a_server_is_told_where_a_stream_comes_from() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    let own = path(&pair);
    assert_eq!(own.len(), 16);
    let mut relay = Client::open(&mut pair.here);
    let before = "00000000000000aa";
    relay.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", before)]);
    relay.command(&mut pair.here, &["publish".into(), 2.0.into(), Value::Null, "far".into()]);
    pair.push("far", to(&[target("farther")]));
    assert_eq!(path(&pair), format!("{before},{own}"));
    let mut edge = Client::open(&mut pair.here);
    edge.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", before)]);
    let _source = source(&mut pair);
    let (app, name) = (pair.app(), StreamName::new("pulled").unwrap());
    pair.here.engine.cx.start_pull(app, &name, to(&[target("origin")])).unwrap();
    edge.command(&mut pair.here, &["play".into(), 2.0.into(), Value::Null, "pulled".into()]);
    pair.run();
    assert_eq!(path(&pair), format!("{before},{own}"));
}

#[test]
fn a_stream_that_has_come_through_this_server_is_refused() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    let own = path(&pair);
    let refused = |pair: &mut Pair, path: &str| {
        let mut client = Client::open(&mut pair.here);
        client.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", path)]);
        client.codes(&mut pair.here).iter().any(|code| code == "NetConnection.Connect.Rejected")
    };
    assert!(refused(&mut pair, &own));
    assert!(refused(&mut pair, &format!("00000000000000aa,{own}")));
    assert!(refused(&mut pair, &["00000000000000aa"; 8].join(",")));
    assert!(!refused(&mut pair, &["00000000000000aa"; 7].join(",")));
    assert!(!refused(&mut pair, "no path"));
}

#[test]
fn a_relay_that_is_refused_for_a_circle_says_so() {
    let mut pair = Pair::new();
    // The same id as this server has.
    pair.there = World::seeded(table(), PATIENT, 1);
    pair.there.now = pair.here.now;
    let _publisher = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    let news = pair.news();
    assert!(
        news[0].starts_with("refused: ") && news[0].contains("has come through this server already"),
        "{news:?}"
    );
}

/// A client that says that its stream has come through these.
fn from(pair: &mut Pair, path: &str) -> Client {
    let mut client = Client::open(&mut pair.here);
    client.connect_with(&mut pair.here, &[("app", "live"), ("relayPath", path)]);
    client
}

#[test]
fn no_player_keeps_a_stream_from_others_by_the_path_that_he_tells() {
    let mut pair = Pair::with_origin(PATIENT);
    let _source = source(&mut pair);
    let mut liar = from(&mut pair, &["00000000000000aa"; 7].join(","));
    liar.command(&mut pair.here, &["play".into(), 2.0.into(), Value::Null, "cam".into()]);
    let mut player = Client::play(&mut pair.here, "cam");
    pair.pull("cam", to(&[target("origin")]));
    assert_eq!((path(&pair).len(), player.media(&mut pair.here).len()), (16, 2));
}

#[test]
fn each_application_of_a_server_is_another_place_on_the_way() {
    let config = PATIENT.replace("application live", "application other { live on; } application live");
    let mut pair = Pair::new();
    pair.here = World::seeded(table(), &config, 1);
    let apps: Vec<_> = pair.here.engine.cx.apps_in_order();
    let ids: Vec<_> = apps.iter().map(|app| pair.here.engine.cx.relays.id_of(*app)).collect();
    let refused = |pair: &mut Pair, app: &str, path: &str| {
        let mut client = Client::open(&mut pair.here);
        client.connect_with(&mut pair.here, &[("app", app), ("relayPath", path)]);
        client.codes(&mut pair.here).iter().any(|code| code == "NetConnection.Connect.Rejected")
    };
    let names: Vec<_> =
        apps.iter().map(|app| pair.here.engine.cx.apps.get(*app).unwrap().name.clone()).collect();
    for (own, name) in ids.iter().zip(&names) {
        for id in &ids {
            assert_eq!(refused(&mut pair, name, id), id == own);
        }
    }
}

#[test]
fn a_push_tells_the_way_of_the_publisher_who_has_taken_its_stream_over() {
    let config = PATIENT.replace("live on;", "live on; publish_conflict replace;");
    let mut pair = Pair::configured(&config, PATIENT);
    let _first = publisher(&mut pair);
    pair.push("cam", to(&[target("other")]));
    let own = path(&pair);
    let mut second = from(&mut pair, "00000000000000aa");
    second.command(&mut pair.here, &["publish".into(), 2.0.into(), Value::Null, "cam".into()]);
    pair.cut();
    pair.pass(1100);
    assert_eq!(path(&pair), format!("00000000000000aa,{own}"));
}

#[test]
fn a_target_of_a_backend_or_a_directory_sends_a_relay_to_no_other_server() {
    for source in [RelaySource::Callback, RelaySource::Lookup] {
        let mut pair = Pair::new();
        let _publisher = publisher(&mut pair);
        pair.push("cam", RelaySpec { source, ..to(&[target("other")]) });
        ask_to_reconnect(&mut pair, "rtmp://127.0.0.1:6379/live");
        ask_to_reconnect(&mut pair, "rtmp://there:6379/live");
        assert_eq!(pair.connects, 1);
        ask_to_reconnect(&mut pair, "rtmp://there/live");
        assert_eq!(pair.connects, 2, "it may be asked to come anew");
    }
}

/// Has the server there ask a relay to connect anew, to this URL.
fn ask_to_reconnect(pair: &mut Pair, url: &str) {
    let code = "NetConnection.Connect.ReconnectRequest";
    let info = Object::default().with("level", "status").with("code", code).with("tcUrl", url);
    let values = ["onStatus".into(), 0.0.into(), Value::Null, Value::Object(info)];
    let mut bytes = Vec::new();
    let payload = amf0::encode_all(&values);
    write_message(&mut bytes, 4096, 3, (MessageType::CommandAmf0, 0, 0), &payload);
    let here = pair.links.last().unwrap().here.unwrap();
    pair.here.engine.input(here, &bytes, pair.here.now);
    pair.run();
}

#[test]
fn a_relay_that_is_asked_to_connects_anew_at_once_but_not_again_and_again() {
    let mut pair = Pair::new();
    let _publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    ask_to_reconnect(&mut pair, "");
    assert_eq!(pair.news(), ["began", "began"]);
    assert_eq!((pair.connects, pair.relay(id).failures), (2, 0));
    assert!(is_live(&pair.there, "other"));
    ask_to_reconnect(&mut pair, "rtmp://elsewhere.example:1936/live");
    let session = pair.relay(id).session.unwrap();
    let destination = pair.here.engine.destination(session).unwrap();
    assert_eq!((destination.host.as_str(), destination.port), ("elsewhere.example", 1936));
    ask_to_reconnect(&mut pair, "rtmps://elsewhere.example/live");
    assert_eq!(pair.connects, 3, "not with TLS");
    for _ in 0..5 {
        ask_to_reconnect(&mut pair, "");
    }
    assert_eq!(pair.connects, 6, "five times in a minute");
    assert_eq!(pair.relay(id).state, RelayState::Running);
}
