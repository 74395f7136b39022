//! What people and programs see of players over HTTP and WebSocket: the API, ctl, the statistics of nginx, the views of
//! other servers, metrics, and the logs.

use std::fs;

use serde_json::Value;

use super::client::{FlvPlayer, Over};
use super::flv_configuration;
use crate::common::http::get;
use crate::common::media::both;
use crate::common::player::Client;
use crate::common::{Server, free_port, wait};

const FIELDS: &str =
    "User-Agent: Mozilla/5.0 (tests)\r\nReferer: https://site.example/watch?token=secret3\r\n";

/// A stream with a player over HTTP, one over WebSocket, and one over RTMP.
fn start(app: &str) -> (Server, Client, [FlvPlayer; 2], Client) {
    let server = Server::start(&format!(
        "error_log stderr debug; {}",
        flv_configuration(&format!("{app} access_log FOLDER/rtmp.log;"), "access_log FOLDER/http.log;")
    ));
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&both(0, 1000));
    let players = [Over::Chunks, Over::WebSocket].map(|over| {
        let path = "/live/cam.flv?token=secret1&x=secret2";
        let mut player = FlvPlayer::open_with(server.http(), over, path, FIELDS);
        player.expect_granted();
        player.media(10);
        player
    });
    let rtmp = Client::play(server.rtmp(), "cam");
    (server, publisher, players, rtmp)
}

fn json(server: &Server, target: &str) -> Value {
    serde_json::from_str(&get(server.http(), target).text()).unwrap()
}

fn by_protocol<'a>(clients: &'a Value, protocol: &str) -> &'a Value {
    let mut found = clients.as_array().unwrap().iter().filter(|client| client["protocol"] == protocol);
    let client = found.next().unwrap_or_else(|| panic!("no {protocol} in {clients}"));
    assert!(found.next().is_none() || protocol == "rtmp");
    client
}

#[test]
fn the_api_tells_of_each_player_what_it_speaks() {
    let (server, _publisher, mut players, _rtmp) = start("");
    let clients = json(&server, "/told/clients");
    for protocol in ["http-flv", "websocket-flv"] {
        let client = by_protocol(&clients["clients"], protocol);
        assert_eq!(client["app"], "live");
        assert_eq!(client["flash_ver"], "Mozilla/5.0 (tests)");
        assert_eq!(client["tc_url"], format!("http://{}/live", server.http()));
        assert_eq!(client["page_url"], "https://site.example/watch");
        let role = &client["roles"][0];
        assert_eq!(
            (&role["role"], &role["app"], &role["stream"]),
            (&"play".into(), &"live".into(), &"cam".into())
        );
        assert_eq!((&role["video"], &role["audio"]), (&"running".into(), &"running".into()));
        assert!(client["bytes_out"].as_u64().unwrap() > 1000);
        let one = json(&server, &format!("/told/clients/{}", client["id"]));
        assert_eq!(one["protocol"], protocol);
    }
    by_protocol(&clients["clients"], "rtmp");
    let stream = json(&server, "/told/streams/live/cam");
    assert_eq!((&stream["players"], &stream["viewers"]), (&3.into(), &0.into()));
    assert_eq!(stream["clients"].as_array().unwrap().len(), 4);
    let status = json(&server, "/told/status");
    assert_eq!((&status["players"], &status["plays"]), (&3.into(), &3.into()));
    assert!(!clients.to_string().contains("secret"), "{clients}");

    // It is kicked as any other.
    let id = &by_protocol(&clients["clients"], "websocket-flv")["id"];
    let mut connection = crate::common::http::Connection::open(server.http());
    connection.send(format!(
        "DELETE /told/clients/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"
    ));
    let reply = connection.reply("DELETE");
    assert_eq!(reply.status, 200, "{}", reply.text());
    players[1].expect_closed();
    wait("it has gone", || json(&server, "/told/streams/live/cam")["players"] == 2);
}

#[test]
fn other_servers_tools_see_them_as_players() {
    let (server, _publisher, _players, _rtmp) = start("");
    let xml = get(server.http(), "/stat").text();
    assert_eq!(xml.matches("<client>").count(), 4, "{xml}");
    assert_eq!(
        xml.matches("<flashver>Mozilla/5.0 (tests)</flashver><pageurl>https://site.example/watch</pageurl>")
            .count(),
        2
    );
    let stat = json(&server, "/json");
    let stream = &stat["http-flv"]["servers"][0]["applications"][0]["live"]["streams"][0];
    assert_eq!((&stream["nclients"], stream["clients"].as_array().unwrap().len()), (&4.into(), 4), "{stat}");
    assert!(
        stream["clients"]
            .as_array()
            .unwrap()
            .iter()
            .any(|client| client["pageurl"] == "https://site.example/watch")
    );

    let srs = json(&server, "/api/v1/clients");
    let types: Vec<_> =
        srs["clients"].as_array().unwrap().iter().map(|client| client["type"].as_str().unwrap()).collect();
    let count = |kind: &str| types.iter().filter(|known| **known == kind).count();
    assert_eq!([count("fmle-publish"), count("rtmp-play"), count("flv-play")], [1, 1, 2]);
    assert_eq!(json(&server, "/api/v1/streams")["streams"][0]["clients"], 4);

    let path = json(&server, "/v3/paths/get/live/cam");
    let readers = path["readers"].as_array().unwrap();
    let count = |kind: &str| readers.iter().filter(|reader| reader["type"] == kind).count();
    assert_eq!([count("rtmpConn"), count("flvConn")], [1, 2], "{path}");
    for text in [xml, stat.to_string(), srs.to_string(), path.to_string()] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn metrics_count_them() {
    let (server, mut publisher, players, _rtmp) = start("");
    let metrics = get(server.http(), "/metrics").text();
    for line in [
        "millstream_players 3",
        "millstream_flv_players{protocol=\"http-flv\"} 1",
        "millstream_flv_players{protocol=\"websocket-flv\"} 1",
        "millstream_plays_total 3",
        "millstream_stream_players{app=\"live\",stream=\"cam\"} 3",
        "millstream_application_clients{app=\"live\"} 4",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "{line} in {metrics}");
    }
    drop(players);
    publisher.send_all(&both(1000, 200));
    wait("they have gone", || {
        let text = get(server.http(), "/metrics").text();
        text.contains("millstream_players 1\n")
            && text.contains("millstream_flv_players{protocol=\"http-flv\"} 0\n")
            && text.contains("millstream_application_clients{app=\"live\"} 2\n")
    });
}

#[test]
fn both_access_logs_have_a_line_for_each_player_with_the_bytes_that_it_got() {
    let (server, mut publisher, mut players, _rtmp) = start("");
    let mut got = [0; 2];
    publisher.finish();
    for (player, got) in players.iter_mut().zip(&mut got) {
        player.rest();
        player.expect_end();
        *got = player.received();
    }
    let line = |file: &str, what: &str, count: usize| {
        let mut lines = Vec::new();
        wait(&format!("{count} lines in {file}"), || {
            let text = fs::read_to_string(server.folder.join(file)).unwrap_or_default();
            lines = text.lines().filter(|line| line.contains(what)).map(str::to_owned).collect();
            lines.len() >= count
        });
        lines
    };
    let rtmp = line("rtmp.log", "PLAY \"live\" \"cam\"", 2);
    for line in rtmp.iter().filter(|line| line.contains("Mozilla")) {
        assert!(
            line.starts_with("127.0.0.1 ")
                && line.contains("\"https://site.example/watch\" \"Mozilla/5.0 (tests)\""),
            "{line}"
        );
        assert!(line.contains("\"token=***&x=***\""), "{line}");
        let sent: u64 = line.split(" - ").nth(1).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        // The last chunk or the close frame may be sent behind it.
        assert!(got.iter().any(|got| (sent..sent + 40).contains(got)), "{line}: {got:?}");
    }
    let http = line("http.log", "/live/cam.flv", 2);
    assert_eq!(http.len(), 2);
    for (line, status) in http.iter().zip([" 200 ", " 101 "]) {
        assert!(line.contains(status) || http[0].contains(" 101 "), "{http:?}");
        assert!(!line.contains(" 0 \"https"), "bytes of the body are counted: {line}");
    }
    let log = server.log();
    let text = [rtmp, http, vec![log]].concat().join("\n");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_page_names_the_urls_of_streams() {
    let second = free_port();
    let server = Server::start(&(format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; }} application tv {{ live on; }} }}
                server {{ listen 127.0.0.1:{second}; application live {{ live on; }} }} }}"
    ) + "
         http { server { listen 127.0.0.1:0;
             location / { page on; flv_live on; }
             location /tv/ { root FOLDER; }
             location /flv/ { flv_live on; } }
           server { listen 127.0.0.1:0; location / { page on; flv_live on; } location ~ [.]flv$ { return 403; } } }"));
    let publishers = [
        Client::try_publish(server.rtmp[0], "live", "a b"),
        Client::try_publish(server.rtmp[0], "tv", "cam"),
        Client::try_publish(server.rtmp[1], "live", "cam"),
    ];
    let streams = |site: usize| {
        let text = get(server.http[site], "/streams.json").text();
        let list = serde_json::from_str::<Value>(&text).unwrap();
        list["streams"].as_array().unwrap().iter().map(|stream| stream["flv"].clone()).collect::<Vec<_>>()
    };
    wait("all are listed", || streams(0).len() == 3);
    let expected =
        ["/live/a%20b.flv".to_owned(), format!("/live/cam.flv?port={second}"), "/flv/tv/cam.flv".to_owned()];
    assert_eq!(streams(0), expected);
    assert_eq!(streams(1), [Value::Null, Value::Null, Value::Null], "an expression has them all");
    let mut publishers = publishers.map(Result::unwrap);
    for (url, publisher) in expected.iter().zip([0, 2, 1]) {
        let mut player = FlvPlayer::open(server.http(), Over::Chunks, url);
        player.expect_granted();
        publishers[publisher].send_all(&both(0, 500));
        assert_eq!(player.flags(), 5, "{url}");
    }
}

#[test]
fn commands_for_players_run_for_them() {
    let server = Server::start(&flv_configuration(
        "exec_play sh -c 'echo $app $name $addr $pageurl $flashver >> FOLDER/played'; exec_play_done sh -c 'echo gone $name >> FOLDER/played';",
        "",
    ));
    let player = FlvPlayer::open_with(
        server.http(),
        Over::WebSocket,
        "/live/cam.flv",
        "User-Agent: tests\r\nReferer: http://site/a\r\n",
    );
    player.expect_granted();
    let text = || fs::read_to_string(server.folder.join("played")).unwrap_or_default();
    wait("the command runs", || text() == "live cam 127.0.0.1 http://site/a tests\n");
    drop(player);
    wait("the command of the end runs", || text().ends_with("\ngone cam\n"));
}
