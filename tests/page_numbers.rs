//! The numbers of the console against the real binary: `live.json` and `streams.json`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::http::{Connection, get};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{SOON, Server, until, wait};

const CONFIGURATION: &str =
    "rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 30s;
        hls on; hls_path FOLDER/hls; hls_nested on; hls_fragment 1s; hls_variant _low; hls_variant _high;
        record all; record_path FOLDER; } } }
    http { server { listen 127.0.0.1:0; location /page/ { page on; } location /hls { root FOLDER; }
        location /flv { flv_live on; } } }";

fn value(server: &Server, path: &str) -> Value {
    let reply = get(server.http(), path);
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{path}");
    assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
    serde_json::from_str(&reply.text()).unwrap()
}

fn live(server: &Server) -> Value {
    value(server, "/page/live.json")
}

#[test]
fn the_numbers_of_a_server_and_of_its_streams_are_told() {
    let server = Server::start(CONFIGURATION);
    let (run, first) = (live(&server)["run"].clone(), live(&server));
    assert_eq!((&first["server"], &first["totals"]["streams"]), (&json!("Millstream"), &json!(0)));
    let memory = first["totals"]["memory"].as_u64().unwrap();
    assert!((1 << 20..1 << 30).contains(&memory), "{memory}");
    let mut publisher = Client::publish(server.rtmp(), "cam_low");
    publisher.send_all(&both(0, 3000));
    let _player = Client::play(server.rtmp(), "cam_low");
    let row = until("a row has all that came in one second", SOON, || {
        let row = live(&server)["streams"][0].as_array()?.clone();
        (row[5] == 1 && row[7].as_u64()? > 0).then_some(row)
    });
    assert_eq!(row.len(), 10);
    let streams = value(&server, "/page/streams.json");
    let stream = &streams["streams"][0];
    assert_eq!((&streams["run"], &streams["shared"]), (&run, &first["shared"]));
    assert_eq!((&stream["id"], &stream["name"]), (&row[0], &json!("cam_low")));
    let (base, master) = (&stream["base"], &stream["master"]);
    assert_eq!((base, master), (&json!("cam"), &json!("/hls/cam.m3u8")));
    assert_eq!(stream["flv"], "/flv/live/cam_low.flv");
    let (video, audio) = (stream["codecs"]["video"].as_str().unwrap(), &stream["codecs"]["audio"]);
    assert!(video.starts_with("avc1.") && video.len() == 11, "{video}");
    assert_eq!(audio, "mp4a.40.2");
    wait("the recording has its bytes", || live(&server)["streams"][0][9].as_u64() > Some(0));
    let recording = &value(&server, "/page/streams.json")["streams"][0]["recordings"][0];
    assert_eq!((&recording["file"], &recording["state"]), (&json!("cam_low.flv"), &json!("recording")));
    let detail = until("a player is counted", SOON, || {
        let live = value(&server, "/page/live.json?of=live%2Fcam_low");
        let detail = live["detail"].clone();
        (detail["players"][0] == json!({"protocol": "RTMP", "count": 1})).then_some(detail)
    });
    assert_eq!(detail["tracks"][1], json!({"kind": "audio", "number": 0, "codec": "AAC"}));
    let events = detail["events"].to_string();
    assert!(events.contains("A publisher has begun.") && !events.contains("127.0.0.1"), "{events}");
}

#[test]
fn a_question_about_one_stream_has_the_rows_of_its_variants_alone() {
    let server = Server::start(CONFIGURATION);
    let _publishers = ["cam", "cam_low", "other"].map(|name| Client::publish(server.rtmp(), name));
    wait("all are live", || live(&server)["totals"]["streams"] == 3);
    let all = live(&server)["streams"].clone();
    let told = |of: &str| {
        let told = value(&server, &format!("/page/live.json?of={of}"));
        assert_eq!(told["totals"]["streams"], 3, "{of}");
        let ids: Vec<_> = told["streams"].as_array().unwrap().iter().map(|row| row[0].clone()).collect();
        (ids, told["detail"]["of"].clone(), told["detail"]["id"].clone())
    };
    let id = |place: usize| all[place][0].clone();
    assert_eq!(told("live/cam"), (vec![id(0), id(1)], json!("live/cam"), id(0)));
    assert_eq!(told("live/cam_low"), (vec![id(0), id(1)], json!("live/cam_low"), id(1)));
    assert_eq!(told("live/cam_high"), (vec![id(0), id(1)], Value::Null, Value::Null), "it need not be live");
    assert_eq!(told("live/other"), (vec![id(2)], json!("live/other"), id(2)));
    assert_eq!(told("nothing/cam"), (Vec::new(), Value::Null, Value::Null));
}

#[test]
fn a_viewer_of_hls_counts_as_a_viewer() {
    let server = Server::start(CONFIGURATION);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 4000));
    wait("the playlist is there", || get(server.http(), "/hls/cam/index.m3u8").status == 200);
    wait("its viewer counts", || {
        let live = value(&server, "/page/live.json?of=live/cam");
        live["streams"][0][5] == 1 && live["detail"]["players"] == json!([{"protocol": "HLS", "count": 1}])
    });
    wait("it is in the history", || {
        let streams = value(&server, "/page/streams.json");
        streams["streams"][0]["history"]["viewers"].as_array().is_some_and(|all| all.contains(&json!(1)))
    });
}

#[test]
fn a_restart_is_another_run_and_a_reload_is_not() {
    let server = Server::start(CONFIGURATION);
    let before = live(&server);
    server.reload(&CONFIGURATION.replace("application live", "application other"), 1);
    until("the applications have changed", SOON, || {
        let after = live(&server);
        (after["shared"] != before["shared"] && after["run"] == before["run"]).then_some(())
    });
    let other = Server::start(CONFIGURATION);
    let other = live(&other);
    assert_eq!(other["shared"], before["shared"]);
    assert_ne!(other["run"], before["run"]);
}

#[test]
fn hostile_questions_are_answered_shortly() {
    let server = Server::start(CONFIGURATION);
    let _publisher = Client::publish(server.rtmp(), "cam");
    let numbers: Vec<_> = (0..1_000_000).map(|number| number.to_string()).collect();
    let target = format!("/page/streams.json?ids={}", numbers.join(","));
    let mut connection = Connection::open(server.http());
    connection.begin(&target[..64 << 10]);
    let status = connection.reply("GET").status;
    assert!((400..500).contains(&status), "{status}");
    for target in [
        &target[..4000],
        "/page/streams.json?ids=%00%ff,-1,1e9,%31",
        "/page/live.json?of=live/%00",
        "/page/live.json?of=%2f%2f%2f&of=live/cam",
        &format!("/page/live.json?of=live/{}", "%F0%9F%98%80".repeat(300)),
        "/page/live.json?token=x&of",
    ] {
        let mut connection = Connection::open(server.http());
        let reply = connection.get(target);
        assert_eq!(reply.status, 200, "{target}");
        let told: Value = serde_json::from_str(&reply.text()).unwrap();
        assert!(told.get("detail").is_none_or(Value::is_null), "{target}");
    }
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.request("POST", "/page/live.json", "").status, 405);
}

#[test]
fn two_hundred_pages_cost_one_answer() {
    let server = Server::start(CONFIGURATION);
    let _publishers = ["a", "b", "c"].map(|name| Client::publish(server.rtmp(), name));
    let mut pages: Vec<_> = (0..200).map(|_| Connection::open(server.http())).collect();
    let replies: Vec<_> = pages.iter_mut().map(|page| page.get("/page/live.json")).collect();
    let mut tags: Vec<_> = replies.iter().map(|reply| reply.header("etag").to_owned()).collect();
    tags.dedup();
    assert!(tags.len() < 20 && !tags[0].is_empty(), "{} answers", tags.len());
    std::thread::sleep(Duration::from_millis(1100));
    let changed = pages[0].request("GET", "/page/live.json", &format!("If-None-Match: {}\r\n", tags[0]));
    assert_eq!(changed.status, 200, "another second has other bytes");
}
