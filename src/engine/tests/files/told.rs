//! What statistics, the API, metrics, the log and `rtmp_control` tell of files that are played, and can do about them.

use serde_json::{Value as Json, json};

use super::*;

const HTTP: &str = "http { server { listen 127.0.0.1:0;
    location /stat { rtmp_stat all; }
    location /live { rtmp_stat live clients; }
    location /json { rtmp_stat all; rtmp_stat_format json; }
    location /metrics { metrics on; }
    location /control { rtmp_control all; }
    location /api/ { millstream_api act; } } }";

/// A client that has been sent the first two seconds of a film.
fn watched() -> (Theatre, Client) {
    let mut theatre = Theatre::with(HTTP, "live on; FILES");
    let mut client = theatre.play("a/film", &[]);
    theatre.lose(&client);
    theatre.write("a/film.flv", &film(10));
    client = theatre.play("a/film", &[]);
    theatre.heard(&mut client);
    (theatre, client)
}

/// The status and the body of an answer.
fn ask(theatre: &mut Theatre, line: &str, body: &str) -> (String, String) {
    // Nothing that was composed a moment ago is kept.
    theatre.world.pass(1);
    let id = theatre.world.engine.accept(1, ENDS, theatre.world.now).unwrap();
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}");
    theatre.world.engine.input(id, request.as_bytes(), theatre.world.now);
    theatre.world.end_turn();
    let text = String::from_utf8(theatre.world.take(id, usize::MAX).concat()).unwrap();
    theatre.lose_id(id);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

fn get(theatre: &mut Theatre, path: &str) -> String {
    let (status, body) = ask(theatre, &format!("GET {path}"), "");
    assert_eq!(status, "200", "{body}");
    body
}

fn json_of(theatre: &mut Theatre, path: &str) -> Json {
    serde_json::from_str(&get(theatre, path)).unwrap()
}

impl Theatre {
    fn lose_id(&mut self, id: SessionId) {
        self.world.engine.lost(id, self.world.now);
        self.world.end_turn();
    }
}

#[test]
fn statistics_have_a_part_for_files_with_all_that_exporters_read_of_streams() {
    let (mut theatre, client) = watched();
    let document = get(&mut theatre, "/stat");
    let (_, play) = document.split_once("</live>\r\n<play>\r\n").unwrap();
    let (play, behind) = play.split_once("</play>\r\n").unwrap();
    assert!(behind.starts_with("</application>"), "{document}");
    assert!(play.starts_with("<stream>\r\n<name>a~film</name>\r\n<time>"), "{play}");
    for zero in ["bw_in", "bytes_in", "bw_audio", "bw_video"] {
        assert!(play.contains(&format!("<{zero}>0</{zero}>")), "{play}");
    }
    let number = |name: &str| {
        let (_, rest) = play.split_once(&format!("<{name}>")).unwrap();
        rest.split('<').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(number("bytes_out") > 800 && number("bw_out") > 0, "{play}");
    assert_eq!(number("id"), u64::from(client.id.serial()));
    assert!(is_due(number("timestamp") as u32, 3000), "{play}");
    assert!(play.contains("<codec>H264</codec>") && play.contains("<codec>AAC</codec>"), "{play}");
    assert!(
        play.contains("<nclients>1</nclients>\r\n<active/>\r\n</stream>\r\n<nclients>1</nclients>"),
        "{play}"
    );
    let live = get(&mut theatre, "/live");
    assert!(!live.contains("<play>") && !live.contains("a~film"), "{live}");
    theatre.lose(&client);
    let document = get(&mut theatre, "/stat");
    assert!(document.contains("<play>\r\n<nclients>0</nclients>\r\n</play>"), "{document}");
    assert_eq!(document.matches("<play>").count(), 1, "the other application plays no files");
}

#[test]
fn statistics_in_json_have_the_files_too() {
    let (mut theatre, client) = watched();
    let document = json_of(&mut theatre, "/json");
    let apps = &document["http-flv"]["servers"][0]["applications"];
    let [vod, other] = apps.as_array().unwrap().as_slice() else { panic!("{apps}") };
    assert_eq!(vod["live"], json!({"streams": [], "nclients": 0}));
    assert_eq!((&vod["play"]["nclients"], other.get("play")), (&json!(1), None));
    let file = &vod["play"]["streams"][0];
    assert_eq!(
        (&file["name"], &file["bytes_in"], &file["active"]),
        (&json!("a~film"), &json!(0), &json!(true))
    );
    assert_eq!(file["clients"][0]["id"], client.id.serial());
}

#[test]
fn the_api_lists_files_as_streams_of_their_own_state() {
    let (mut theatre, mut client) = watched();
    let _waiting = theatre.play("cam", &[]);
    let streams = json_of(&mut theatre, "/api/streams");
    let states: Vec<_> =
        streams["streams"].as_array().unwrap().iter().map(|one| (&one["name"], &one["state"])).collect();
    assert_eq!(states, [(&json!("cam"), &json!("idle")), (&json!("a~film"), &json!("file"))]);
    theatre.command(&mut client, "pause", &[true.into()]);
    theatre.command(&mut client, "receiveAudio", &[false.into()]);
    let file = json_of(&mut theatre, "/api/streams/vod/a~film");
    for (field, expected) in [
        ("/publisher", Json::Null),
        ("/players", json!(1)),
        ("/viewers", json!(0)),
        ("/bytes_in", json!(0)),
        ("/video/codec", json!("H.264")),
        ("/audio/codec", json!("AAC")),
        ("/clients/0/roles/0/paused", json!(true)),
        ("/clients/0/roles/0/video", json!("running")),
        ("/clients/0/roles/0/audio", json!("off")),
    ] {
        assert_eq!(file.pointer(field), Some(&expected), "{field}: {file}");
    }
    let time = file.pointer("/clients/0/roles/0/file_ms").and_then(Json::as_u64);
    assert!(is_due(time.map(|time| time as u32), 3000), "{file}");
    let status = json_of(&mut theatre, "/api/status");
    assert_eq!((&status["streams"]["file"], &status["streams"]["idle"]), (&json!(1), &json!(1)));
    assert_eq!((&status["players"], &status["applications"][0]["streams"]), (&json!(2), &json!(0)));
}

#[test]
fn players_of_files_are_kicked_by_the_api_and_not_redirected() {
    let (mut theatre, client) = watched();
    let (status, why) = ask(
        &mut theatre,
        &format!("POST /api/clients/{}/redirect", client.id.serial()),
        r#"{"name": "cam"}"#,
    );
    assert!(status == "409" && why.contains("plays a file"), "{why}");
    let (status, _) =
        ask(&mut theatre, "POST /api/streams/vod/a~film/kick", r#"{"who": "players", "ban": "1m"}"#);
    assert_eq!((status.as_str(), theatre.world.is_open(client.id)), ("200", false));
    let mut banned = theatre.play("a/film", &[]);
    assert_eq!(theatre.news(&mut banned), ["Play.Failed"]);
    let other = theatre.play("film", &[]);
    let (status, _) = ask(&mut theatre, &format!("DELETE /api/clients/{}", other.id.serial()), "");
    assert_eq!((status.as_str(), theatre.world.is_open(other.id)), ("200", false));
    let (status, _) = ask(&mut theatre, "GET /api/streams/vod/film", "");
    assert_eq!(status, "404");
}

#[test]
fn control_drops_players_of_files_and_leaves_them_where_they_are_else() {
    let (mut theatre, client) = watched();
    let number = client.id.serial();
    for (path, count) in [
        ("drop/publisher?app=vod&name=a~film".to_owned(), "0"),
        ("drop/subscriber?app=other".to_owned(), "0"),
        ("redirect/subscriber?app=vod&newname=cam".to_owned(), "0"),
        ("drop/client?app=vod&name=a~film".to_owned(), "1"),
    ] {
        assert_eq!(get(&mut theatre, &format!("/control/{path}")), count, "{path}");
    }
    assert!(!theatre.world.is_open(client.id));
    let client = theatre.play("film", &[]);
    assert_eq!(get(&mut theatre, &format!("/control/drop/client?app=vod&clientid={number}")), "0");
    assert_eq!(get(&mut theatre, "/control/drop/subscriber?app=vod"), "1");
    assert!(!theatre.world.is_open(client.id));
}

#[test]
fn metrics_count_players_of_files_by_application_and_name_no_file() {
    let (mut theatre, client) = watched();
    let metrics = get(&mut theatre, "/metrics");
    let value = |metrics: &str, name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("millstream_{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {metrics}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!((value(&metrics, "players"), value(&metrics, "file_players{app=\"vod\"}")), (1, 1));
    let sent = value(&metrics, "file_sent_bytes_total{app=\"vod\"}");
    assert!(sent > 800, "{sent}");
    assert!(!metrics.contains("film") && !metrics.contains("file_players{app=\"other\"}"), "{metrics}");
    theatre.lose(&client);
    // A reload does not begin anew.
    theatre.reload(HTTP, "live on; FILES");
    let metrics = get(&mut theatre, "/metrics");
    assert_eq!(value(&metrics, "file_players{app=\"vod\"}"), 0);
    assert_eq!(value(&metrics, "file_sent_bytes_total{app=\"vod\"}"), sent);
}

#[test]
fn the_access_log_has_the_canonical_name_and_never_a_key() {
    let directives =
        "FILES access_log FOLDER/a.log short; play_key SECRETKEY a~film; play_key OTHERSECRET b;";
    let mut theatre = Theatre::new("FILES");
    let text = config(&theatre.folder, "", directives)
        .replace("rtmp {", "rtmp { log_format short \"$command $app/$name $bytes_sent\";");
    theatre.world.reload(&text);
    theatre.write("a/film.flv", &film(1));
    for name in
        ["flv:a/film?key=SECRETKEY", "a/film?key=WRONG", "SECRETKEY", "b?key=OTHERSECRET", "WRONGSECRET"]
    {
        let mut client = theatre.play(name, &[]);
        theatre.heard(&mut client);
        theatre.lose(&client);
    }
    theatre.world.pass(2);
    let log = fs::read_to_string(theatre.folder.join("a.log")).unwrap();
    assert!(!log.contains("SECRET"), "{log}");
    let lines: Vec<_> = log.lines().collect();
    let [played, wrong, key, missing, unknown] = lines.as_slice() else { panic!("{log}") };
    for played in [played, key] {
        let bytes: u64 = played.strip_prefix("PLAY vod/a~film ").unwrap().parse().unwrap();
        assert!(bytes > 1500, "{log}");
    }
    assert!(wrong.starts_with("PLAY vod/a~fi... "), "{log}");
    assert!(missing.starts_with("PLAY vod/b "), "{log}");
    assert!(unknown.starts_with("PLAY vod/WRON... "), "{log}");
}
