//! Relays as operators see and steer them: the API, `millstream ctl`, metrics, `/control`, the page. Keys are in none of
//! them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::common::http::{Connection, Reply, get};
use crate::common::media::{Packet, both, video_header};
use crate::common::player::Client;
use crate::common::{Server, free_port, millstream, run, stderr, until, wait};

/// What stands for keys, and is never shown.
const KEY: &str = "s3cr3t";

/// A server that others push to and pull from.
fn other() -> Server {
    Server::start("rtmp { server { listen 127.0.0.1:0; application there { live on; } } }")
}

/// A server with everything that shows relays.
fn server(directives: &str) -> Server {
    Server::start(&format!(
        "control_socket FOLDER/control.sock;
         rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; idle_streams on; push_reconnect 300ms; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0;
            location /api {{ millstream_api act; }} location /metrics {{ metrics on; }}
            location /control {{ rtmp_control all; }} location /stat {{ rtmp_stat all; }}
            location /stat.json {{ rtmp_stat all; rtmp_stat_format json; }} location /page/ {{ page on; }} }} }}"
    ))
}

/// A URL of a stream of another server whose name is a key.
fn with_key(other: &Server) -> String {
    format!("rtmp://{}/there/{KEY}?auth={KEY}", other.rtmp())
}

fn ask(server: &Server, method: &str, path: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let mut connection = Connection::open(server.http());
    connection.send(format!(
        "{method} /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    connection.reply(method)
}

fn value(reply: &Reply) -> Value {
    serde_json::from_str(&reply.text()).unwrap()
}

/// The relays that are in a state.
fn in_state(server: &Server, state: &str) -> Vec<Value> {
    let relays = value(&ask(server, "GET", "relays", None))["relays"].take();
    relays.as_array().unwrap().iter().filter(|relay| relay["state"] == state).cloned().collect()
}

fn ctl(server: &Server, words: &str, input: &str) -> Output {
    let mut command = millstream();
    command.arg("ctl").arg("--socket").arg(server.folder.join("control.sock")).args(words.split_whitespace());
    if input.is_empty() {
        return run(&mut command);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(server: &Server, words: &str) -> String {
    let output = ctl(server, words, "");
    assert!(output.status.success(), "{words}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Checks that no output has the key.
fn has_no_key(server: &Server) {
    for path in [
        "/api/relays",
        "/api/streams",
        "/api/clients",
        "/metrics",
        "/stat",
        "/stat.json",
        "/page/streams.json",
    ] {
        let text = get(server.http(), path).text();
        assert!(!text.contains(KEY), "{path}: {text}");
    }
    let log = server.log();
    assert!(!log.contains(KEY), "{log}");
}

#[test]
fn a_push_that_the_api_begins_runs_until_the_api_ends_it() {
    let (other, server) = (other(), server(""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let url = json!({"url": with_key(&other)});
    let begun = ask(&server, "POST", "streams/live/cam/push", Some(url));
    assert_eq!(begun.status, 201, "{}", begun.text());
    let begun = value(&begun);
    assert_eq!(begun["target"], format!("rtmp://{}/there/***", other.rtmp()));
    assert_eq!(
        (&begun["kind"], &begun["source"], &begun["app"]),
        (&json!("push"), &json!("operator"), &json!("live"))
    );
    let running = until("the push runs", crate::common::SOON, || in_state(&server, "running").pop());
    assert!(running["client"].is_u64() && running["last_error"].is_null(), "{running}");
    let mut player = Client::try_play(other.rtmp(), "there", KEY).unwrap();
    assert!(player.receive(10).contains(&video_header(0)));
    // A push is no player of the stream, no client, and counts as one in nginx's document alone.
    let stream = value(&ask(&server, "GET", "streams/live/cam", None));
    assert_eq!((&stream["players"], stream["pushes"].as_array().unwrap().len()), (&json!(0), 1));
    assert_eq!(stream["clients"].as_array().unwrap().len(), 1, "{stream}");
    assert_eq!(ask(&server, "DELETE", &format!("clients/{}", running["client"]), None).status, 409);
    let kick = ask(&server, "POST", "streams/live/cam/kick", Some(json!({"who": "players"})));
    assert_eq!(kick.status, 404, "{}", kick.text());
    has_no_key(&server);
    let document = value(&get(server.http(), "/stat.json"));
    let stream = &document["http-flv"]["servers"][0]["applications"][0]["live"]["streams"][0];
    assert_eq!(
        (&stream["nclients"], &stream["relays"][0]["state"]),
        (&json!(2), &json!("running")),
        "{stream}"
    );
    let page = value(&Connection::open(server.http()).get_local("/page/streams.json"));
    assert_eq!(page["streams"][0]["relays"][0]["target"], running["target"], "{page}");
    let id = running["id"].as_u64().unwrap();
    assert_eq!(value(&ask(&server, "GET", &format!("relays/{id}"), None))["state"], "running");
    assert_eq!(value(&ask(&server, "DELETE", &format!("relays/{id}"), None)), json!({"ended": id}));
    assert_eq!(ask(&server, "GET", &format!("relays/{id}"), None).status, 404);
    other.wait_log("closed");
    server.wait_log(&format!("begins relay {id}: live/cam -> rtmp://{}/there/***", other.rtmp()));
    server.wait_log(&format!("ends relay {id}: "));
    has_no_key(&server);
}

#[test]
fn a_drop_ends_a_pull_but_a_push_by_its_number_only() {
    let other = other();
    let server = server(&format!(
        "push {}; pull rtmp://{}/there/far name=far static;",
        with_key(&other),
        other.rtmp()
    ));
    let mut far = Client::try_publish(other.rtmp(), "there", "far").unwrap();
    far.send_all(&both(0, 2000));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let running = || in_state(&server, "running");
    // The pulled stream is pushed, too.
    wait("all run", || {
        running().iter().any(|relay| relay["kind"] == "pull")
            && running().iter().any(|relay| relay["stream"] == "cam")
    });
    let drop = |target: &str| get(server.http(), &format!("/control/drop/{target}")).text();
    assert_eq!(drop("subscriber?app=live&name=cam"), "0");
    assert_eq!(drop("publisher?app=live&name=far"), "1");
    wait("the pull is over", || running().iter().all(|relay| relay["kind"] == "push"));
    server.wait_log("live/far <- 127.0.0.1");
    server.wait_log(": ended by an operator");
    let push = running().into_iter().find(|relay| relay["stream"] == "cam").unwrap();
    assert_eq!(drop(&format!("client?clientid={}", push["client"])), "1");
    wait("the push is over", || running().is_empty());
}

#[test]
fn orders_that_cannot_be_carried_out_say_why() {
    let server = server("");
    let _publisher = Client::publish(server.rtmp(), "cam");
    for (path, body, status, why) in [
        ("streams/live/none/push", json!({"url": "rtmp://a/b/c"}), 404, "no stream"),
        ("streams/none/cam/pull", json!({"url": "rtmp://a/b/c"}), 404, "no application"),
        ("streams/live/cam/push", json!({"url": "http://a/b/s3cr3t"}), 422, "no URL of rtmp"),
        ("streams/live/cam/push", json!({"url": ""}), 422, ""),
        ("streams/live/cam/push", json!({}), 400, "url"),
        ("streams/live/cam/push", json!({"url": "x".repeat(5000)}), 400, "at most"),
    ] {
        let reply = ask(&server, "POST", path, Some(body.clone()));
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
        let error = value(&reply)["error"].as_str().unwrap().to_owned();
        assert!(error.contains(why) && !error.contains(KEY), "{path} {body}: {error}");
    }
    assert_eq!(ask(&server, "DELETE", "relays/99", None).status, 404);
}

#[test]
fn ctl_begins_lists_and_ends_relays() {
    let (other, server) = (other(), server(""));
    assert_eq!(said(&server, "relays"), "no relays now\n");
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let output = ctl(&server, "push live/cam -", &format!("{}\n", with_key(&other)));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let line = format!("live/cam -> rtmp://{}/there/***", other.rtmp());
    assert!(text.starts_with("relay ") && text.contains(&line), "{text}");
    wait("the push runs", || said(&server, "relays").contains(&format!("{line}  running")));
    let refused = format!("push live/cam rtmp://127.0.0.1:{}/there/{KEY}", free_port());
    said(&server, &refused);
    wait("the other push fails", || said(&server, "relays").contains("waiting, "));
    let table = said(&server, "relays");
    let below: Vec<_> = table.split("\n\n").nth(1).unwrap().lines().collect();
    assert!(below.len() == 1 && below[0].contains("onnection refused"), "{table}");
    assert!(said(&server, "list").contains("waiting, "), "{}", said(&server, "list"));
    assert!(!table.contains(KEY), "{table}");
    let id = table.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(said(&server, &format!("unrelay {id}")), format!("relay {id} is ended\n"));
    let output = ctl(&server, &format!("unrelay {id}"), "");
    assert!(stderr(&output).contains("\"millstream ctl relays\" shows what there is"), "{}", stderr(&output));
    has_no_key(&server);
}

#[test]
fn a_pull_that_the_api_begins_publishes_here_and_a_kick_of_the_publisher_ends_it() {
    let (other, server) = (other(), server(""));
    let mut publisher = Client::try_publish(other.rtmp(), "there", "cam").unwrap();
    publisher.send_all(&both(0, 2000));
    let url = json!({"url": format!("rtmp://{}/there/cam", other.rtmp())});
    let begun = ask(&server, "POST", "streams/live/far/pull", Some(url));
    assert_eq!(begun.status, 201, "{}", begun.text());
    let mut player = Client::play(server.rtmp(), "far");
    assert!(player.receive(10).iter().any(Packet::is_key));
    let stream = value(&ask(&server, "GET", "streams/live/far", None));
    assert_eq!((&stream["pull"]["state"], &stream["players"]), (&json!("running"), &json!(1)), "{stream}");
    assert_eq!(stream["publisher"], stream["pull"]["client"]);
    assert_eq!(ask(&server, "POST", "streams/live/far/kick", None).status, 200);
    wait("the pull is over", || value(&ask(&server, "GET", "relays", None))["relays"] == json!([]));
}

#[test]
fn metrics_tell_how_each_relay_is() {
    let other = other();
    let refused = free_port();
    let server = server(&format!("push {}; push rtmp://127.0.0.1:{refused}/there/{KEY};", with_key(&other)));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let metrics = || get(server.http(), "/metrics").text();
    let labels = |port: u16| {
        format!("{{app=\"live\",stream=\"cam\",kind=\"push\",target=\"rtmp://127.0.0.1:{port}/there/***\"}}")
    };
    let has = |line: &str| metrics().lines().any(|found| found == line);
    let good = labels(other.rtmp().port());
    wait("one runs", || has(&format!("millstream_relay_running{good} 1")));
    wait("one fails", || has("millstream_relays{kind=\"push\",state=\"waiting\"} 1"));
    let text = metrics();
    let number = |start: &str| {
        let line =
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(number(&format!("millstream_relay_bytes_total{good}")) > 10_000.0);
    assert!(number(&format!("millstream_relay_failures{}", labels(refused))) >= 1.0);
    assert!(has("millstream_stream_players{app=\"live\",stream=\"cam\"} 0") && has("millstream_players 0"));
    has_no_key(&server);
}

#[test]
fn sums_of_relays_that_look_alike_do_not_fall_when_one_of_them_ends() {
    let other = other();
    let server = server(&format!("push {0}; push {0}-2;", format!("rtmp://{}/there/{KEY}", other.rtmp())));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let sent = || {
        let text = get(server.http(), "/metrics").text();
        let line =
            text.lines().find(|line| line.starts_with("millstream_relay_bytes_total{")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    wait("both run and have sent", || in_state(&server, "running").len() == 2 && sent() > 20_000);
    let (before, id) = (sent(), in_state(&server, "running")[0]["id"].clone());
    assert_eq!(ask(&server, "DELETE", &format!("relays/{id}"), None).status, 200);
    wait("one is over", || in_state(&server, "running").len() == 1);
    assert!(sent() >= before, "{} < {before}", sent());
    has_no_key(&server);
}

#[test]
fn a_pull_of_an_invented_name_has_no_metrics() {
    let server = server(&format!("pull rtmp://127.0.0.1:{}/there/$name;", free_port()));
    let _player = Client::play(server.rtmp(), "invented");
    wait("it waits", || in_state(&server, "waiting").len() == 1);
    let text = get(server.http(), "/metrics").text();
    assert!(text.contains("millstream_relays{kind=\"pull\",state=\"waiting\"} 1\n"), "{text}");
    assert!(!text.contains("invented"), "{text}");
}

#[test]
fn a_redirect_to_a_url_relays_the_stream_and_its_clients_stay() {
    let (other, server) = (other(), server(""));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    let mut player = Client::play(server.rtmp(), "cam");
    publisher.send_all(&both(0, 2000));
    let control = |target: &str| {
        let reply = get(server.http(), &format!("/control/redirect/{target}"));
        (reply.status, reply.text())
    };
    let url = with_key(&other);
    assert_eq!(control(&format!("publisher?app=live&name=none&newname={url}")).1, "0");
    assert_eq!(control(&format!("publisher?app=live&name=cam&newname={url}")), (200, "1".to_owned()));
    let mut there = Client::try_play(other.rtmp(), "there", KEY).unwrap();
    assert!(there.receive(10).iter().any(Packet::is_key));
    player.receive(10);
    server.wait_log(&format!("redirect publisher app=live name=cam newname=rtmp://{}/***", other.rtmp()));
    // A second one needs a name, if two streams are live.
    let _second = Client::publish(server.rtmp(), "b");
    assert_eq!(control(&format!("publisher?app=live&newname={url}")).0, 500);
    server.wait_log("several streams are meant");
    // Who plays what is published here has it from here; what nobody publishes may be pulled for whoever waits for it.
    assert_eq!(control(&format!("subscriber?app=live&name=cam&newname={url}")).0, 500);
    server.wait_log("the stream is published here, and is not pulled");
    let _waiting = Client::play(server.rtmp(), "far");
    assert_eq!(control(&format!("subscriber?app=live&name=far&newname={url}")), (200, "1".to_owned()));
    has_no_key(&server);
}

#[test]
fn ctl_says_that_it_has_got_no_url() {
    let server = server("");
    let output = ctl(&server, "push live/cam -", "\n");
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("no URL on standard input"), "{said}");
}
