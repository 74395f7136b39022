//! What the documents say, and that exporters read them whatever is live.

use serde_json::Value;

use super::consumers::{dated_exporter, simple_exporter, strict_exporter};
use super::get;
use super::tree::Element;
use crate::common::captures::{Capture, Form};
use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::Connection;
use crate::common::media;
use crate::common::player::Client;
use crate::common::{Server, wait};

const CONFIGURATION: &str = "
    rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls; }
                    application closed { } }
           server { listen 127.0.0.1:0; application other { live on; interleave on; } } }
    http { rtmp_stat_stylesheet style/my.xsl; server { listen 127.0.0.1:0;
        location /stat { rtmp_stat all; }
        location /json { rtmp_stat all; rtmp_stat_format json; }
        location /global { rtmp_stat global; }
        location /live { rtmp_stat live; }
        location /clients { rtmp_stat clients; }
        location /files { root FOLDER; } } }";

/// Publishers of each kind of media, and players, one of which waits for a publisher.
fn clients(server: &Server) -> Vec<Client> {
    let rtmp = server.rtmp();
    let mut clients = vec![Client::play(rtmp, "nobody")];
    for (name, tracks) in [("both", Tracks::Both), ("video", Tracks::Video), ("sound", Tracks::Audio)] {
        let mut publisher = Client::publish(rtmp, name);
        publisher.send_all(&ffmpeg::encode(&server.folder, tracks, 2));
        clients.push(publisher);
    }
    let mut publisher = Client::publish(rtmp, "hevc");
    publisher.send_all(&Capture::read("hevc-slices", Form::AsItIs).packets);
    // Nothing is known of this one.
    let silent = Client::publish(rtmp, "silent");
    let other = Client::try_publish(server.rtmp[1], "other", "both").unwrap();
    clients.extend([publisher, silent, other, Client::play(rtmp, "both"), Client::play(rtmp, "both")]);
    clients
}

#[test]
fn exporters_read_the_document_whatever_is_live() {
    let server = Server::start(CONFIGURATION);
    let check = || {
        let document = get(server.http(), "/stat");
        let streams = strict_exporter(&document).unwrap_or_else(|error| panic!("{error}: {document}"));
        let tree = Element::parse(&document);
        assert_eq!(dated_exporter(&tree), Ok(()));
        assert_eq!(simple_exporter(&tree), Ok(streams.len()));
        streams
    };
    assert_eq!(check(), []);
    let clients = clients(&server);
    let of = |name: &str, count| (name.to_owned(), count);
    let expected =
        [("both", 3), ("hevc", 1), ("nobody", 1), ("silent", 1), ("sound", 1), ("video", 1), ("both", 1)];
    let expected = expected.map(|(name, count)| of(name, count));
    wait("all are there", || check() == expected);
    drop(clients);
    wait("none is there", || check().is_empty());
}

#[test]
fn each_stream_says_what_its_media_are() {
    let server = Server::start(CONFIGURATION);
    let _clients = clients(&server);
    let media = |name: &str| {
        let tree = Element::parse(&get(server.http(), "/stat"));
        let meta = tree.stream("live", name)?.at("meta")?.clone();
        let texts = |track: &str| {
            meta.at(track)
                .unwrap()
                .children
                .iter()
                .map(|child| child.text.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        Some([texts("video"), texts("audio")])
    };
    for (name, video, audio) in [
        ("both", "160 120 25 H264 Main 64 1.1", "AAC LC 1 44100"),
        ("video", "160 120 25 H264 Main 64 1.1", "  0 0"),
        ("sound", "0 0 0  0 0 0.0", "AAC LC 1 44100"),
        ("hevc", "", ""),
    ] {
        wait(name, || media(name).is_some());
        let found = media(name).unwrap();
        if name == "hevc" {
            assert!(found[0].contains(" H265 Main 0 ") && !found[0].ends_with(" 0.0"), "{found:?}");
        } else {
            assert_eq!(found, [video, audio], "{name}");
        }
    }
    assert_eq!(media("silent"), None);
    assert_eq!(media("nobody"), None);
}

#[test]
fn the_words_choose_the_parts_as_in_nginx() {
    let server = Server::start(CONFIGURATION);
    let _clients = clients(&server);
    wait("all are there", || get(server.http(), "/stat").matches("<client>").count() == 9);
    let names = |target: &str| {
        let tree = Element::parse(&get(server.http(), target));
        let app = tree.at("server/application").unwrap();
        let live = app.at("live").map(|live| live.names().len());
        let clients = app.at("live/stream").map(|stream| stream.all("client").count());
        (app.names().join(" "), live, clients, tree.all("server").count())
    };
    assert_eq!(names("/stat"), ("name live".to_owned(), Some(8), Some(3), 1));
    assert_eq!(names("/live"), ("name live".to_owned(), Some(8), Some(0), 1));
    for target in ["/global", "/clients"] {
        assert_eq!(names(target), ("name".to_owned(), None, None, 1));
    }
    let tree = Element::parse(&get(server.http(), "/live"));
    assert_eq!(tree.stream("live", "both").unwrap().text_at("nclients"), "3");
    assert_eq!(tree.at("server/application/live/nclients").unwrap().text, "8");
    assert!(
        get(server.http(), "/stat").contains("<?xml-stylesheet type=\"text/xsl\" href=\"style/my.xsl\" ?>")
    );
    // Any method is answered, a location does not inherit the statistics, and an answer is shared.
    let mut connection = Connection::open(server.http());
    let reply = connection.request("POST", "/stat", "Content-Length: 0\r\n");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/xml"));
    assert_eq!(connection.get("/files/x").status, 404);
    let length = connection.get("/global").header("content-length").to_owned();
    assert_eq!(connection.request("HEAD", "/global", "").header("content-length"), length);
}

#[test]
fn the_json_is_well_formed_and_has_the_same_numbers() {
    let server = Server::start(CONFIGURATION);
    assert!(serde_json::from_str::<Value>(&get(server.http(), "/json")).is_ok());
    let _clients = clients(&server);
    wait("all are there", || get(server.http(), "/stat").matches("<client>").count() == 9);
    // An answer is kept for half a second.
    wait("all are there, in JSON", || get(server.http(), "/json").matches("\"flashver\"").count() == 9);
    let document: Value = serde_json::from_str(&get(server.http(), "/json")).unwrap();
    let root = &document["http-flv"];
    let servers = root["servers"].as_array().unwrap();
    let ports: Vec<_> = servers.iter().map(|server| server["port"].as_u64().unwrap()).collect();
    assert_eq!(ports.len(), 2);
    let apps = servers[0]["applications"].as_array().unwrap();
    assert_eq!((&apps[0]["name"], &apps[1]["name"]), (&"live".into(), &"closed".into()));
    let live = &apps[0]["live"];
    assert_eq!((&live["nclients"], &live["nhls"]), (&8.into(), &0.into()));
    let both = &live["streams"][0];
    assert_eq!(
        (&both["name"], &both["nclients"], &both["active"]),
        (&"both".into(), &3.into(), &true.into())
    );
    assert_eq!(both["clients"].as_array().unwrap().len(), 3);
    assert_eq!(both["meta"]["video"]["height"], 120);
    assert_eq!(both["meta"]["audio"]["codec"], "AAC");
    assert_eq!(both["records"], Value::Array(Vec::new()));
    let tree = Element::parse(&get(server.http(), "/stat"));
    let stream = tree.stream("live", "both").unwrap();
    assert_eq!(both["bytes_in"].to_string(), stream.text_at("bytes_in"));
    assert!(root["uptime"].is_u64() && root["bytes_in"].as_u64() > Some(1000));
}

#[test]
fn viewers_of_hls_are_counted_beside_the_clients() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; hls on; hls_path FOLDER/hls; hls_fragment 1s; }
                         application plain { live on; } } }
         http { server { listen 127.0.0.1:0; location /hls { alias FOLDER/hls; } location /stat { rtmp_stat all; } } }",
    );
    let mut publisher = Client::publish(server.rtmp(), "cam");
    publisher.send_all(&media::video_only(0, 5000));
    let _plain = Client::try_publish(server.rtmp(), "plain", "cam").unwrap();
    wait("the playlist", || Connection::open(server.http()).get("/hls/cam.m3u8").status == 200);
    let tree = || Element::parse(&get(server.http(), "/stat"));
    wait("the viewer", || tree().stream("live", "cam").is_some_and(|stream| stream.text_at("nhls") == "1"));
    let tree = tree();
    assert_eq!(tree.stream("live", "cam").unwrap().text_at("nclients"), "1");
    assert_eq!(tree.text_at("server/application/live/nhls"), "1");
    assert!(tree.stream("plain", "cam").is_some_and(|stream| stream.at("nhls").is_none()));
}
