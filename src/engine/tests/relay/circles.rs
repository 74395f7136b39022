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
