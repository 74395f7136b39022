//! The views for tools of SRS, MediaMTX and node-media-server, by what such tools read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use serde::Deserialize;
use serde_json::Value;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::Connection;
use crate::common::player::{Client, relay};
use crate::common::{Server, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; publish_grace 20s; } application other { live on; } } }
    http { server { listen 127.0.0.1:0;
        location / { api_views srs mediamtx; }
        location /nms/ { api_views node-media-server; } } }";

fn get(address: SocketAddr, target: &str) -> Value {
    let reply = Connection::open(address).get(target);
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{target}");
    serde_json::from_slice(&reply.body).unwrap()
}

/// A server with a publisher of `live/cam`, its player, and a player that waits for another stream.
fn start() -> (Server, Client, Vec<Client>) {
    let server = Server::start(CONFIGURATION);
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut players = vec![Client::play(server.rtmp(), "cam")];
    relay(&mut publisher, &mut players, &ffmpeg::encode(&server.folder, Tracks::Both, 2));
    players.push(Client::try_play(server.rtmp(), "other", "none").unwrap());
    let is_there = || get(server.http(), "/api/v1/clients")["clients"].as_array().unwrap().len() == 3;
    wait("all are there", is_there);
    wait("each has its view", || {
        get(server.http(), "/api/v1/streams")["streams"].as_array().unwrap().len() == 2
    });
    (server, publisher, players)
}

#[test]
fn tools_for_srs_read_streams_and_clients() {
    let (server, publisher, _players) = start();
    let streams = get(server.http(), "/api/v1/streams");
    assert_eq!(streams["code"], 0);
    let cam = &streams["streams"][0];
    assert_eq!((&cam["name"], &cam["app"], &cam["clients"]), (&"cam".into(), &"live".into(), &2.into()));
    assert_eq!(cam["publish"]["active"], true);
    assert_eq!((&cam["video"]["codec"], &cam["video"]["height"]), (&"H264".into(), &120.into()));
    assert_eq!((&cam["audio"]["codec"], &cam["audio"]["sample_rate"]), (&"AAC".into(), &44100.into()));
    assert!(cam["recv_bytes"].as_u64() > Some(1000) && cam["kbps"]["recv_30s"].is_u64());
    let none = &streams["streams"][1];
    assert_eq!((&none["video"], &none["publish"]["active"]), (&Value::Null, &false.into()));
    let clients = get(server.http(), "/api/v1/clients");
    assert_eq!(clients["clients"][0]["id"], cam["publish"]["cid"]);
    let types = clients["clients"].as_array().unwrap().iter().map(|client| client["type"].as_str().unwrap());
    assert_eq!(types.collect::<Vec<_>>(), ["fmle-publish", "rtmp-play", "rtmp-play"]);
    assert_eq!(get(server.http(), "/api/v1/versions")["data"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        get(server.http(), "/api/v1/summaries")["data"]["system"]["srs_recv_bytes"].as_u64() > Some(1000)
    );
    drop(publisher);
    wait("the encoder is lost", || {
        get(server.http(), "/api/v1/streams")["streams"][0]["publish"]["active"] == false
    });
    let mut connection = Connection::open(server.http());
    assert_eq!(connection.request("DELETE", "/api/v1/clients", "").status, 405);
    assert_eq!(connection.get("/api/v1/vhosts").status, 404);
    assert_eq!(connection.get("/api/streams").status, 404, "only the views that are named");
}

#[test]
fn tools_for_mediamtx_read_paths() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Path {
        name: String,
        ready: bool,
        ready_time: Option<String>,
        source: Option<Value>,
        tracks: Vec<String>,
        bytes_received: u64,
        bytes_sent: u64,
        readers: Vec<Value>,
    }
    let (server, publisher, _players) = start();
    let path = |target: &str| -> Path { serde_json::from_value(get(server.http(), target)).unwrap() };
    let cam = path("/v3/paths/get/live/cam");
    assert_eq!((cam.name.as_str(), cam.ready, cam.readers.len()), ("live/cam", true, 1));
    assert_eq!(cam.tracks, ["H264", "MPEG-4 Audio"]);
    assert!(
        cam.ready_time.is_some_and(|time| time.ends_with('Z')) && cam.source.unwrap()["type"] == "rtmpConn"
    );
    assert!(cam.bytes_received > 1000 && cam.bytes_sent > 1000);
    let list = get(server.http(), "/v3/paths/list");
    assert_eq!((&list["itemCount"], &list["pageCount"]), (&2.into(), &1.into()));
    assert_eq!(list["items"][1]["name"], "other/none");
    assert_eq!(list["items"][1]["readers"].as_array().unwrap().len(), 1);
    let missing = Connection::open(server.http()).get("/v3/paths/get/live/nobody");
    assert_eq!(
        (missing.status, missing.text().as_str()),
        (404, r#"{"status":"error","error":"path not found"}"#)
    );
    drop(publisher);
    wait("the encoder is lost", || !path("/v3/paths/get/live/cam").ready);
}

#[test]
fn tools_for_node_media_server_read_streams_below_the_location() {
    let (server, publisher, _players) = start();
    let all = get(server.http(), "/nms/api/streams");
    let cam = &all["live"]["cam"];
    assert_eq!(cam["publisher"]["video"]["codec"], "H264");
    assert_eq!(cam["subscribers"].as_array().unwrap().len(), 1);
    assert_eq!(all["other"]["none"]["publisher"], Value::Null);
    let one = get(server.http(), "/nms/api/streams/live/cam");
    assert_eq!((&one["isLive"], &one["viewers"]), (&true.into(), &1.into()));
    assert!(one["duration"].is_u64() && one["bitrate"].is_u64());
    assert_eq!(get(server.http(), "/nms/api/streams/live/nobody")["isLive"], false);
    drop(publisher);
    wait("the encoder is lost", || get(server.http(), "/nms/api/streams/live/cam")["isLive"] == false);
}
