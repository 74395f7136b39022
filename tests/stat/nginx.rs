//! The same streams on nginx-rtmp and on Millstream: the documents are the same element by element, but for the
//! differences that one table lists.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::get;
use super::tree::Element;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::nginx::Nginx;
use crate::common::player::{Client, relay};
use crate::common::{Folder, Server, free_port, not_tested, wait};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

const CONFIGURATION: &str = "
    rtmp { server { listen FIRST; application live { live on; } application closed { } } }
    http { access_log off; server { listen SECOND;
        location /stat { rtmp_stat all; } location /live { rtmp_stat live; } location /global { rtmp_stat global; } } }";

/// Elements whose values depend on the process, the clock or the order of connections. Their presence is compared.
const VARYING: &[&str] = &[
    "nginx_version",
    "nginx_rtmp_version",
    "built",
    "pid",
    "uptime",
    "time",
    "id",
    // nginx's are of the last ten whole seconds.
    "bw_in",
    "bw_out",
    "bw_audio",
    "bw_video",
    // Bytes of connections depend on chunk sizes.
    "rtmp/bytes_in",
    "rtmp/bytes_out",
    "naccepted",
    // nginx has the time of the last message, and not the newest.
    "timestamp",
    // What an encoder sends goes on.
    "rtmp/server/application live/live/stream encoder/bytes_in",
    "rtmp/server/application live/live/stream encoder/client/avsync",
    // nginx cuts it after 31 bytes.
    "rtmp/server/application live/live/stream encoder/client/flashver",
    // nginx takes it from metadata alone, which this publisher does not send.
    "rtmp/server/application live/live/stream both/meta/video/frame_rate",
    "rtmp/server/application live/live/stream video/meta/video/frame_rate",
    // nginx compares the times of both tracks also where there is only one.
    "rtmp/server/application live/live/stream video/client/avsync",
    "rtmp/server/application live/live/stream sound/client/avsync",
];

/// Where Millstream differs: the path below the server's applications or the root, what nginx has, what Millstream has.
/// None is no element.
const DIFFERENCES: &[(&str, Option<&str>, Option<&str>)] = &[
    // Debian's nginx does not say it; an exporter insists on it.
    ("rtmp/compiler", None, Some("rustc")),
    // An exporter insists on `live` in every application.
    ("rtmp/server/application closed/live/nclients", None, Some("0")),
    // Exporters and scene switchers insist on all elements of both tracks.
    ("rtmp/server/application live/live/stream video/meta/audio", Some(""), None),
    ("rtmp/server/application live/live/stream video/meta/audio/codec", None, Some("")),
    ("rtmp/server/application live/live/stream video/meta/audio/profile", None, Some("")),
    ("rtmp/server/application live/live/stream video/meta/audio/channels", None, Some("0")),
    ("rtmp/server/application live/live/stream video/meta/audio/sample_rate", None, Some("0")),
    ("rtmp/server/application live/live/stream sound/meta/video/codec", None, Some("")),
    ("rtmp/server/application live/live/stream sound/meta/video/profile", None, Some("0")),
    ("rtmp/server/application live/live/stream sound/meta/video/compat", None, Some("0")),
    ("rtmp/server/application live/live/stream sound/meta/video/level", None, Some("0.0")),
];

/// The streams: name, tracks, players.
const STREAMS: [(&str, Tracks, usize); 3] =
    [("both", Tracks::Both, 2), ("video", Tracks::Video, 1), ("sound", Tracks::Audio, 0)];

#[test]
fn the_documents_are_those_of_nginx_rtmp() {
    if !Path::new(MODULE).exists() {
        return not_tested("nginx with its RTMP module is not installed");
    }
    let folder = Folder::new();
    let [rtmp, http] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = CONFIGURATION.replace("FIRST", &rtmp.to_string()).replace("SECOND", &http.to_string());
    let _nginx = Nginx::start(&folder, &format!("load_module {MODULE}; events {{ }} {text}"), http).unwrap();
    let text = CONFIGURATION.replace("FIRST", "127.0.0.1:0").replace("SECOND", "127.0.0.1:0");
    let server = Server::start(&text);
    let places = [(rtmp, http), (server.rtmp(), server.http())];
    let mut clients = Vec::new();
    for (name, tracks, players) in STREAMS {
        let packets = ffmpeg::encode(&folder, tracks, 3);
        for (rtmp, _) in places {
            let mut publisher = Client::publish(rtmp, name);
            let mut all: Vec<_> = (0..players).map(|_| Client::play(rtmp, name)).collect();
            relay(&mut publisher, &mut all, &packets);
            clients.push(publisher);
            clients.extend(all);
        }
    }
    for (rtmp, _) in places {
        clients.push(Client::play(rtmp, "nobody"));
    }
    let targets = places.map(|(rtmp, _)| format!("[f=flv]rtmp://{rtmp}/live/encoder")).join("|");
    let mut arguments = ffmpeg::source(Tracks::Both, 60);
    arguments.truncate(arguments.len() - 2);
    let tee = ["-map", "0", "-map", "1", "-flags", "+global_header", "-f", "tee", &targets];
    // It ends with its servers if the test fails.
    let mut encoder = ffmpeg::spawn(ffmpeg::command().arg("-re").args(arguments).args(tee));
    wait("all are there", || {
        places.iter().all(|(_, http)| {
            get(*http, "/stat").matches("<client>").count() == 8
                && get(*http, "/stat").matches("<meta>").count() == 4
        })
    });
    std::thread::sleep(Duration::from_secs(1));
    for target in ["/stat", "/live", "/global"] {
        let [theirs, ours] = places.map(|(_, http)| lines(&get(http, target)));
        let (theirs, missing) = without(&theirs, |(_, theirs, _)| *theirs);
        let (ours, added) = without(&ours, |(.., ours)| *ours);
        let only = |lines: &[String], others: &[String]| -> Vec<String> {
            lines.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        let (more, less) = (only(&ours, &theirs), only(&theirs, &ours));
        assert!(ours == theirs, "{target}: only ours {more:#?}, only nginx's {less:#?}");
        if target == "/stat" {
            assert_eq!(
                (missing.len(), added.len()),
                (1, 10),
                "all differences are there: {missing:?} {added:?}"
            );
        }
    }
    encoder.kill().unwrap();
    encoder.wait().unwrap();
}

/// The lines but for those of one side of the differences, which are returned too.
fn without(
    lines: &[String],
    side: impl Fn(&(&str, Option<&'static str>, Option<&'static str>)) -> Option<&'static str>,
) -> (Vec<String>, Vec<String>) {
    let expected = DIFFERENCES.iter().filter_map(|row| side(row).map(|value| format!("{} = {value}", row.0)));
    let expected: Vec<_> = expected.collect();
    let (differing, same) = lines.iter().cloned().partition(|line| expected.contains(line));
    (same, differing)
}

/// The elements of a document in order, one a line: the path, and the value unless it varies.
fn lines(document: &str) -> Vec<String> {
    let mut lines = Vec::new();
    flatten(&Element::parse(document), "", &mut lines);
    lines
}

fn flatten(element: &Element, above: &str, lines: &mut Vec<String>) {
    let is_named = matches!(element.name.as_str(), "application" | "stream");
    let label =
        if is_named { format!("{} {}", element.name, element.text_at("name")) } else { element.name.clone() };
    let path = format!("{above}{label}");
    let varies = |known: &str| known == element.name || known == path;
    if element.children.is_empty() {
        let value = if VARYING.iter().any(|known| varies(known)) { "*" } else { &element.text };
        lines.push(format!("{path} = {value}"));
    }
    let mut children: Vec<_> = element.children.iter().collect();
    // nginx has streams by the hash of their names, and clients by the time of their coming, the latest first.
    let rank = |child: &&Element| match child.name.as_str() {
        "stream" => Some((false, child.text_at("name").to_owned())),
        "client" => Some((child.at("publishing").is_none(), String::new())),
        _ => None,
    };
    for kind in ["stream", "client"] {
        let at: Vec<_> = (0..children.len()).filter(|index| children[*index].name == kind).collect();
        let mut sorted: Vec<_> = at.iter().map(|index| children[*index]).collect();
        sorted.sort_by_key(|child| rank(child));
        at.iter().zip(sorted).for_each(|(index, child)| children[*index] = child);
    }
    children.iter().for_each(|child| flatten(child, &format!("{path}/"), lines));
}
