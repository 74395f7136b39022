//! What actions do to clients: publishers, players and viewers.

use serde_json::json;

use super::{ask, error, server, value};
use crate::common::http::{Connection, get};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{Folder, Server, wait};

#[test]
fn a_stream_and_a_client_are_told_by_name_and_number() {
    let server = server();
    let publisher = Client::publish(server.rtmp(), "café tv");
    let streams = value(&ask(server.http(), "GET", "/told/streams", "", None));
    let (name, id) = (&streams["streams"][0]["name"], &streams["streams"][0]["publisher"]);
    assert_eq!(name, "café tv");
    let stream = value(&ask(server.http(), "GET", "/told/streams/live/caf%C3%A9%20tv", "", None));
    assert_eq!(stream["name"], *name);
    let client = value(&ask(server.http(), "GET", &format!("/told/clients/{id}"), "", None));
    assert_eq!(client["roles"][0]["stream"], *name);
    // Kicked by its name, with the ban on that stream alone.
    let kick = json!({"ban": 600, "why": "off air"});
    let reply = ask(server.http(), "POST", "/open/streams/live/caf%C3%A9%20tv/kick", "", Some(&kick));
    let kicked = value(&reply);
    assert_eq!((reply.status, &kicked["kicked"]), (200, &json!(1)));
    let ban = &kicked["bans"][0];
    assert_eq!(
        (&ban["address"], &ban["stream"], &ban["ends_in"]),
        (&json!("127.0.0.1"), &json!("live/café tv"), &json!(600))
    );
    wait("the end of the stream", || {
        value(&ask(server.http(), "GET", "/told/streams", "", None))["streams"] == json!([])
    });
    drop(publisher);
    assert!(Client::try_publish(server.rtmp(), "live", "café tv").is_err());
    assert!(Client::try_play(server.rtmp(), "live", "café tv").is_err());
    let other = Client::publish(server.rtmp(), "other");
    drop(other);
    let lifted = ask(server.http(), "DELETE", &format!("/open/bans/{}", ban["id"]), "", None);
    assert_eq!(lifted.status, 200);
    drop(Client::publish(server.rtmp(), "café tv"));
}

#[test]
fn a_stream_is_ended_for_all_of_its_clients() {
    let server = server();
    let _publisher = Client::publish(server.rtmp(), "cam");
    let mut players: Vec<_> = (0..3).map(|_| Client::play(server.rtmp(), "cam")).collect();
    let kick =
        |who: &str| ask(server.http(), "POST", "/open/streams/live/cam/kick", "", Some(&json!({"who": who})));
    assert_eq!(error(&kick("viewers")).0, 404);
    assert_eq!(value(&kick("all"))["kicked"], 4);
    players.iter_mut().for_each(|player| drop(player.receive_rest()));
    wait("the end of all", || {
        value(&ask(server.http(), "GET", "/told/clients", "", None))["clients"] == json!([])
    });
}

#[test]
fn a_viewer_that_is_kicked_is_refused_for_a_while() {
    let server = server();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 20_000));
    wait("a playlist", || get(server.http(), "/hls/cam.m3u8").status == 200);
    let watch = |agent: &str| {
        let fields = format!("User-Agent: {agent}\r\n");
        Connection::open(server.http()).request("GET", "/hls/cam.m3u8", &fields).status
    };
    assert_eq!((watch("one"), watch("two")), (200, 200));
    let clients = value(&ask(server.http(), "GET", "/told/clients", "", None));
    let viewers = clients["clients"].as_array().unwrap().iter().filter(|client| client["protocol"] == "hls");
    let ids: Vec<_> = viewers.map(|viewer| viewer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{clients}");
    for (before, id) in ids.into_iter().enumerate() {
        let reply = ask(server.http(), "DELETE", &format!("/open/clients/{id}"), "", None);
        assert_eq!(value(&reply)["kicked"], 1);
        wait("the refusals", || {
            [watch("one"), watch("two"), get(server.http(), "/hls/cam.m3u8").status]
                .iter()
                .filter(|status| **status == 403)
                .count()
                == before + 1
        });
    }
    drop(publisher);
}

#[test]
fn a_banned_address_gets_no_playlist() {
    let server = server();
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 20_000));
    wait("a playlist", || get(server.http(), "/hls/cam.m3u8").status == 200);
    let ban = json!({"address": "127.0.0.1", "time": "10m", "stream": "live/cam"});
    assert_eq!(ask(server.http(), "POST", "/open/bans", "", Some(&ban)).status, 201);
    let nowhere = json!({"address": "127.0.0.1", "time": "10m", "stream": "nowhere/cam"});
    assert_eq!(ask(server.http(), "POST", "/open/bans", "", Some(&nowhere)).status, 400);
    let watch = || {
        let fields = "User-Agent: another\r\n";
        Connection::open(server.http()).request("GET", "/hls/cam.m3u8", fields).status
    };
    assert_eq!(watch(), 403);
    assert_eq!(ask(server.http(), "DELETE", "/open/bans/1", "", None).status, 200);
    wait("the playlist", || watch() == 200);
    drop(publisher);
}

#[test]
fn a_client_is_redirected_only_if_it_has_a_stream() {
    let server = server();
    let _publisher = Client::publish(server.rtmp(), "cam");
    let redirect = |id: &str, name: &str| {
        let body = json!({"name": name});
        ask(server.http(), "POST", &format!("/open/clients/{id}/redirect"), "", Some(&body))
    };
    assert_eq!(error(&redirect("1", "../x")).0, 400);
    assert_eq!(error(&redirect("999", "other")).0, 404);
    assert_eq!(redirect("1", "other").status, 202);
    wait("the other stream", || {
        value(&ask(server.http(), "GET", "/told/streams", "", None))["streams"][0]["name"] == "other"
    });
}

#[test]
fn a_ban_of_a_proxy_would_be_one_of_all_behind_it_so_there_is_none() {
    let server = Server::start_in(
        Folder::new(),
        "pid off; rtmp { server { listen 127.0.0.1:0; set_real_ip_from 127.0.0.1; application live { live on; } } }
         http { server { listen 127.0.0.1:0; location /open { millstream_api act; } } }",
    );
    let _publisher = Client::publish(server.rtmp(), "cam");
    let reply = ask(server.http(), "POST", "/open/streams/live/cam/kick", "", Some(&json!({"ban": "1h"})));
    let kicked = value(&reply);
    assert_eq!((&kicked["kicked"], &kicked["bans"]), (&json!(1), &json!([])));
    assert!(kicked["note"].as_str().unwrap().contains("behind a trusted proxy"), "{kicked}");
}
