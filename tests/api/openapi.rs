//! docs/openapi.json: a validator has nothing against it, and the server answers as it says.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{ACT, ask, server, value};
use crate::common::http::{Reply, get};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{Folder, Server, wait};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

fn description() -> Value {
    serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

#[test]
fn a_validator_has_nothing_against_the_description() {
    let mut command = Command::new("python3");
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/python");
    command.args(["-m", "openapi_spec_validator", FILE]).env("PYTHONPATH", packages);
    let output =
        command.output().expect("these tests need python3; scripts/install-peers installs its packages");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// What is wrong with a value, by the parts of JSON Schema that the description uses.
fn fault(value: &Value, schema: &Value, all: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let found = all.pointer(name.trim_start_matches('#')).ok_or_else(|| format!("no {name}"))?;
        return fault(value, found, all);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let faults: Vec<_> = choices.iter().filter_map(|one| fault(value, one, all).err()).collect();
            return if faults.len() < choices.len() { Ok(()) } else { Err(faults.join("; or ")) };
        }
    }
    let is_of = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => vec![kind.as_str().ok_or_else(|| format!("no type: {schema}"))?],
    };
    if !kinds.iter().any(|kind| is_of(kind)) {
        return Err(format!("{value} is none of {kinds:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    for element in value.as_array().into_iter().flatten() {
        fault(element, &schema["items"], all)?;
    }
    let Some(fields) = value.as_object() else { return Ok(()) };
    for (name, field) in fields {
        let schema = schema["properties"].get(name).ok_or_else(|| format!("\"{name}\" is not described"))?;
        fault(field, schema, all).map_err(|why| format!("{name}: {why}"))?;
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing: Vec<_> = required.filter(|name| !fields.contains_key(*name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are missing")) }
}

/// Checks that an answer is as the description has it for a method, a path and its status.
fn check(all: &Value, (method, path): (&str, &str), reply: &Reply) {
    let operation = &all["paths"][path][method.to_ascii_lowercase()];
    let mut response = &operation["responses"][reply.status.to_string()];
    assert!(response.is_object(), "{method} {path} has no {}: {}", reply.status, reply.text());
    if let Some(name) = response["$ref"].as_str() {
        response = all.pointer(name.trim_start_matches('#')).unwrap();
    }
    let schema = &response["content"]["application/json"]["schema"];
    if let Err(why) = fault(&value(reply), schema, all) {
        panic!("{method} {path} {}: {why}: {}", reply.status, reply.text());
    }
}

/// A server with a publisher, players and HLS.
fn busy_server() -> (Server, Client, Vec<Client>) {
    let folder = Folder::new();
    fs::create_dir(folder.join("rec")).unwrap();
    let server = Server::start_in(
        folder,
        "pid off; rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls;
            recorder daily { record all manual; record_path FOLDER/rec; } } } }
         http { server { listen 127.0.0.1:0; location /hls/ { root FOLDER; }
            location /api { millstream_api on; api_token ops act-0123456789abcdef act; } } }",
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_metadata(640);
    let mut players: Vec<_> = (0..2).map(|_| Client::play(server.rtmp(), "cam")).collect();
    publisher.send_all(&both(0, 10_000));
    players[0].receive(10);
    wait("a playlist", || get(server.http(), "/hls/cam.m3u8").status == 200);
    (server, publisher, players)
}

/// Begins relays, reads them, and ends one.
fn call_relays(call: &mut impl FnMut(&str, &str, &str, Option<Value>) -> Value) {
    let url = json!({"url": "rtmp://127.0.0.1:9/live/key"});
    call("POST", "/streams/{app}/{name}/push", "/streams/live/cam/push", Some(url.clone()));
    let pull = call("POST", "/streams/{app}/{name}/pull", "/streams/live/far/pull", Some(url));
    call("GET", "/streams", "/streams", None);
    call("GET", "/relays", "/relays", None);
    call("GET", "/relays/{id}", &format!("/relays/{}", pull["id"]), None);
    call("DELETE", "/relays/{id}", &format!("/relays/{}", pull["id"]), None);
}

#[test]
fn the_server_answers_each_request_as_the_description_says() {
    let (server, _publisher, _players) = busy_server();
    let all = description();
    let mut done = BTreeSet::new();
    let mut call = |method: &str, template: &str, path: &str, body: Option<Value>| {
        let reply = ask(server.http(), method, &format!("/api{path}"), ACT, body.as_ref());
        check(&all, (method, template), &reply);
        done.insert(format!("{method} {template}"));
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
        value(&reply)
    };
    let listed: Vec<_> = call("GET", "/", "/", None)["requests"].as_array().unwrap().clone();
    call("GET", "/status", "/status", None);
    call("GET", "/streams", "/streams", None);
    call("GET", "/streams/{app}/{name}", "/streams/live/cam", None);
    let clients = call("GET", "/clients", "/clients", None);
    let id_of = |role: &str| {
        let mut clients = clients["clients"].as_array().unwrap().iter();
        clients.find(|client| client["roles"][0]["role"] == role).unwrap()["id"].to_string()
    };
    let (first, second) = (id_of("play"), id_of("publish"));
    call("GET", "/clients/{id}", &format!("/clients/{first}"), None);
    call(
        "POST",
        "/streams/{app}/{name}/record",
        "/streams/live/cam/record",
        Some(json!({"action": "start", "recorder": "daily"})),
    );
    call("GET", "/recorders", "/recorders", None);
    call_relays(&mut call);
    call("DELETE", "/clients/{id}", &format!("/clients/{first}"), None);
    call(
        "POST",
        "/clients/{id}/redirect",
        &format!("/clients/{second}/redirect"),
        Some(json!({"name": "b"})),
    );
    wait("the other stream", || get(server.http(), "/api/").status == 401 && server.log().contains("live/b"));
    call("POST", "/streams/{app}/{name}/kick", "/streams/live/cam/kick", Some(json!({"who": "players"})));
    call(
        "POST",
        "/clients/{id}/kick",
        &format!("/clients/{second}/kick"),
        Some(json!({"ban": "10m", "why": "over"})),
    );
    call(
        "POST",
        "/bans",
        "/bans",
        Some(json!({"address": "192.0.2.7", "time": "10m", "stream": "live/cam"})),
    );
    call("GET", "/bans", "/bans", None);
    call("DELETE", "/bans/{id}", "/bans/1", None);
    call("POST", "/reload", "/reload", None);
    let described = all["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .keys()
            .map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), done);
    // The list that the API gives of itself has the same, but for its own path.
    let listed = listed.iter().filter_map(Value::as_str).map(|line| {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.replace("APP", "{app}").replace("NAME", "{name}").replace("ID", "{id}");
        format!("{method} /{path}")
    });
    let own = done.iter().filter(|line| *line != "GET /").cloned().collect::<BTreeSet<_>>();
    assert_eq!(listed.collect::<BTreeSet<_>>(), own);
}

#[test]
fn errors_are_as_the_description_says() {
    let server = server();
    let all = description();
    for (method, template, path, body, status) in [
        ("GET", "/clients/{id}", "/clients/999", None, 404),
        ("GET", "/streams/{app}/{name}", "/streams/live/cam", None, 404),
        ("POST", "/bans", "/bans", Some(json!({"address": "x", "time": 1})), 400),
        ("POST", "/clients/{id}/kick", "/clients/1/kick", Some(json!({"x": 1})), 400),
        ("DELETE", "/bans/{id}", "/bans/1", None, 404),
        ("GET", "/relays/{id}", "/relays/1", None, 404),
        ("DELETE", "/relays/{id}", "/relays/1", None, 404),
        (
            "POST",
            "/streams/{app}/{name}/push",
            "/streams/live/cam/push",
            Some(json!({"url": "rtmp://a/b/c"})),
            404,
        ),
        (
            "POST",
            "/streams/{app}/{name}/pull",
            "/streams/no/cam/pull",
            Some(json!({"url": "rtmp://a/b/c"})),
            404,
        ),
        (
            "POST",
            "/streams/{app}/{name}/pull",
            "/streams/live/cam/pull",
            Some(json!({"url": "http://a/b/c"})),
            422,
        ),
    ] {
        let reply = ask(server.http(), method, &format!("/open{path}"), "", body.as_ref());
        assert_eq!(reply.status, status, "{path}");
        check(&all, (method, template), &reply);
    }
    check(&all, ("GET", "/status"), &ask(server.http(), "GET", "/keys/status", "", None));
    check(&all, ("POST", "/reload"), &ask(server.http(), "POST", "/told/reload", "", None));
}
