//! Metrics as Prometheus sees them, and the dashboard that shows them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::http::{Connection, get};
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{Folder, Server, wait};

const CONFIGURATION: &str = "
    pid off;
    rtmp { server { listen 127.0.0.1:0; application live {
        live on; record all; record_path FOLDER/rec; hls on; hls_path FOLDER/hls; hls_fragment 1s; } } }
    http { server { listen 127.0.0.1:0;
        location /metrics { metrics on; }
        location /local { metrics on; allow local; deny all; }
        location /status { stub_status; }
        location /healthz { health live; }
        location /readyz { health ready; } } }";

fn server() -> Server {
    let folder = Folder::new();
    fs::create_dir(folder.join("rec")).unwrap();
    Server::start_in(folder, CONFIGURATION)
}

/// What `promtool check metrics` says of a text; nothing if it has nothing to say.
fn promtool(text: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8(said).unwrap()
}

/// The names of the metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let server = server();
    assert_eq!(promtool(&get(server.http(), "/metrics").text()), "", "without any stream");
    let mut publisher = Client::publish(server.rtmp(), "caf\u{e9} [1]");
    let mut player = Client::play(server.rtmp(), "caf\u{e9} [1]");
    publisher.send_all(&both(0, 4000));
    player.receive(100);
    let sample = "millstream_stream_hls_fragments_total{app=\"live\",stream=\"caf\u{e9} [1]\"} ";
    let recorders =
        "millstream_stream_recorders{app=\"live\",stream=\"caf\u{e9} [1]\",state=\"recording\"} 1\n";
    wait("fragments and a recording", || {
        let text = get(server.http(), "/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix(sample));
        text.contains(recorders) && value.is_some_and(|count| count.parse::<u32>().unwrap() > 2)
    });
    let text = get(server.http(), "/metrics").text();
    assert_eq!(promtool(&text), "");
    for line in [
        recorders,
        "millstream_stream_players{app=\"live\",stream=\"caf\u{e9} [1]\"} 1\n",
        "millstream_http_responses_total{class=\"2xx\"} ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let turns = text.lines().find_map(|line| line.strip_prefix("millstream_turn_seconds_count ")).unwrap();
    assert!(turns.parse::<u64>().unwrap() > 10);
    drop(publisher);
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let server = server();
    let there = names(&get(server.http(), "/metrics").text());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grafana.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut shown = BTreeSet::new();
    collect(&dashboard, &mut shown);
    let unknown: Vec<_> = shown.difference(&there).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(shown.len() > 25, "{shown:?}");
    // What is not in a graph is the server's start and version, and totals of what graphs show in parts.
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
}

/// Adds the metrics that the texts of a document name.
fn collect(value: &Value, shown: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
            let metrics = words.filter(|word| word.starts_with("millstream_"));
            shown.extend(metrics.map(|metric| metric.trim_end_matches("_bucket").to_owned()));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, shown)),
        Value::Object(values) => values.values().for_each(|value| collect(value, shown)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_server_says_that_it_lives_and_is_ready_and_how_many_connections_it_has() {
    let server = server();
    for path in ["/healthz", "/readyz"] {
        let reply = get(server.http(), path);
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok\n"));
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let mut connection = Connection::open(server.http());
    connection.get("/healthz");
    let text = connection.get("/status").text();
    let lines: Vec<_> = text.split('\n').collect();
    assert!(lines[0].starts_with("Active connections: ") && lines[0].ends_with(' '), "{text}");
    assert_eq!(lines[1], "server accepts handled requests");
    assert_eq!(lines[2].split(' ').filter(|word| word.parse::<u64>().is_ok()).count(), 3, "{text}");
    assert!(lines[3].starts_with("Reading: ") && lines[3].ends_with(' ') && lines[4].is_empty(), "{text}");
}

#[test]
fn metrics_can_be_for_programs_of_this_machine_only() {
    let server = server();
    for (fields, status) in [("", 200), ("X-Forwarded-For: 192.0.2.1\r\n", 403)] {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET /local HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"));
        assert_eq!(connection.reply("GET").status, status, "{fields}");
    }
}
