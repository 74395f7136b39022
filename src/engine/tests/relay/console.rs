//! What the console is told of relays.

use serde_json::Value as Json;

use super::*;

/// What is told of live/cam, to a client at this address.
fn told(pair: &mut Pair, host: [u8; 4]) -> Json {
    told_by(pair, host, "Host: localhost\r\n")
}

/// The same by a request with these fields.
fn told_by(pair: &mut Pair, host: [u8; 4], fields: &str) -> Json {
    pair.pass(1000);
    let peer = Peer::Internet(SocketAddr::new(IpAddr::V4(host.into()), 5000));
    let id = pair.here.engine.accept(1, (peer, ENDS.1), pair.here.now).unwrap();
    let request = format!("GET /live.json?of=live/cam HTTP/1.0\r\n{fields}\r\n");
    pair.here.engine.input(id, request.as_bytes(), pair.here.now);
    pair.here.end_turn();
    let answer = String::from_utf8(pair.here.take(id, usize::MAX).concat()).unwrap();
    pair.here.end_turn();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn texts(live: &Json) -> Vec<&str> {
    live["detail"]["events"].as_array().unwrap().iter().filter_map(|event| event["text"].as_str()).collect()
}

#[test]
fn a_push_is_told_with_its_target_to_this_machine_only() {
    let page = format!("{PATIENT} http {{ server {{ listen 127.0.0.1:0; location / {{ page on; }} }} }}");
    let mut pair = Pair::configured(&page, PATIENT);
    let _publisher = publisher(&mut pair);
    let id = pair.push("cam", to(&[target("other")]));
    let (local, other) = (told(&mut pair, [127, 0, 0, 1]), told(&mut pair, [192, 0, 2, 7]));
    assert_eq!(texts(&local)[0], "The push to rtmp://there/live/*** has begun.");
    assert_eq!(texts(&other)[0], "A push to another server has begun.");
    assert_eq!(local["detail"]["relays"][0]["target"], "rtmp://there/live/***");
    assert_eq!(other["detail"]["relays"], Json::Array(Vec::new()));
    for fields in ["Host: localhost\r\nX-Forwarded-For: 192.0.2.7\r\n", "Host: rebound.example\r\n"] {
        let other = told_by(&mut pair, [127, 0, 0, 1], fields);
        assert_eq!(texts(&other)[0], "A push to another server has begun.", "{fields}");
        assert_eq!(other["detail"]["relays"], Json::Array(Vec::new()), "{fields}");
    }
    pair.is_up = Some(false);
    pair.cut();
    // It is told once, however often it is tried.
    pair.pass(60_000);
    let (local, other) = (told(&mut pair, [127, 0, 0, 1]), told(&mut pair, [192, 0, 2, 7]));
    let failed = |live: &Json| texts(live).iter().filter(|text| text.contains("has failed")).count();
    assert_eq!((failed(&local), failed(&other)), (1, 1), "{local} {other}");
    assert!(texts(&local)[0].starts_with("The push to rtmp://there/live/*** has failed: "));
    assert_eq!(texts(&other)[0], "A push to another server has failed. The log says why.");
    pair.here.engine.cx.end_relay(id, "no more");
    assert_eq!(texts(&told(&mut pair, [192, 0, 2, 7]))[0], "A push to another server has ended.");
}
