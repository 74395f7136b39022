//! One configuration and the same clients: the lines are those of nginx-rtmp, but for the differences that are written
//! down with each scenario.

use std::net::SocketAddr;
use std::path::Path;

use super::client::Step::{self, *};
use super::client::act;
use super::lines;
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, free_port, wait};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

const CONFIGURATION: &str = "rtmp {
    log_format fields '$connection|$remote_addr|$app|$flashver|$swfurl|$tcurl|$pageurl|$command|$name|$args|'
                      '${bytes_sent}|$bytes_received|$time_local|$msec|$session_time|$session_readable_time|';
    log_format short '$app $command';
    access_log FOLDER/fields.log fields;
    access_log FOLDER/combined.log;
    server {
        listen ADDRESS;
        application live { live on; }
        application closed { live on; deny publish all; deny play all; }
        application own { live on; access_log FOLDER/own.log short; access_log FOLDER/own2.log combined; }
        application off { live on; access_log off; }
        application both { live on; access_log off; access_log FOLDER/both.log; }
    }
}";

/// The names of the fields of `fields`.
const FIELDS: [&str; 16] = [
    "connection",
    "remote_addr",
    "app",
    "flashver",
    "swfurl",
    "tcurl",
    "pageurl",
    "command",
    "name",
    "args",
    "bytes_sent",
    "bytes_received",
    "time_local",
    "msec",
    "session_time",
    "session_readable_time",
];

/// A server that refuses hangs up, and may have read more or less of what comes behind.
const REFUSED: Difference = ("bytes_received", ANY, ANY);
const ANY: &str = "*";

/// A field with another value than nginx's: the values of both.
type Difference = (&'static str, &'static str, &'static str);

/// What a client does, how many lines that makes in fields.log, and the differences.
const SCENARIOS: &[(&[Step], usize, &[Difference])] = &[
    (&[Open], 0, &[]),
    (&[ShakeHands], 0, &[]),
    (&[Connect("live")], 1, &[]),
    (&[Connect("none")], 0, &[]),
    (&[Connect("live"), Publish("cam"), Send], 1, &[]),
    (&[Connect("live"), Publish("cam"), Send, Delete], 1, &[]),
    (&[Connect("live"), Play("nothing")], 1, &[]),
    (&[Connect("live"), Play("first"), Publish("second")], 1, &[]),
    (&[Connect("live"), Publish("first"), Delete, Publish("second"), Send], 1, &[]),
    (&[Connect("live"), Publish("cam"), Send, Wait(2100)], 1, &[]),
    // Secrets are not shown.
    (
        &[Connect("live"), Publish("cam?token=SECRET&b"), Send],
        1,
        &[("args", "token=SECRET&b", "token=***&***")],
    ),
    (&[Connect("live?token=SECRET"), Publish("cam")], 1, &[]),
    (
        &[ConnectWith("live", ["rtmp://u:SECRET@host/live?a=SECRET", "http://site/page?a=SECRET", ""])],
        1,
        &[
            ("tcurl", "rtmp://u:SECRET@host/live?a=SECRET", "rtmp://host/live"),
            ("pageurl", "http://site/page?a=SECRET", "http://site/page"),
        ],
    ),
    // Names of any script stay, but can neither forge nor hide anything.
    (&[Connect("live"), Publish("Straße東京-привет")], 1, &[]),
    (&[Connect("live"), Publish("עברית 12")], 1, &[("name", "עברית 12", "עברית\u{200e} 12")]),
    (&[Connect("live"), Publish("a\"b")], 1, &[REFUSED, ("name", "a\"b", "a\\x22b")]),
    (
        &[Connect("live"), Publish("\u{202e}gpj.mac")],
        1,
        &[REFUSED, ("name", "\u{202e}gpj.mac", "\\xE2\\x80\\xAEgpj.mac")],
    ),
    (
        &[ConnectWith("live", ["rtmp://host/live", "", "a\\\u{1b}[2J"])],
        1,
        &[("flashver", "a\\\u{1b}[2J", "a\\x5C\\x1B[2J")],
    ),
    // A slash would be a folder.
    (&[Connect("live"), Publish("a/b")], 1, &[("name", "a/b", "a~b")]),
    // Those that are refused have said what they want.
    (&[Connect("closed"), Publish("cam?a=1")], 1, &[REFUSED, ("args", "a=1", "a=***")]),
    (&[Connect("closed"), Play("cam")], 1, &[REFUSED]),
    (&[Connect("own"), Publish("cam")], 0, &[]),
    (&[Connect("off"), Publish("cam")], 0, &[]),
    (&[Connect("both"), Publish("cam")], 0, &[]),
    // nginx cuts it after 31 bytes; the URL has the port.
    (&[Ffmpeg("live/tool")], 1, &[("flashver", ANY, ANY), ("tcurl", ANY, ANY)]),
];

/// The fields of each client's line in fields.log, and the other logs at the end.
type Logs = (Vec<Vec<String>>, Vec<(&'static str, Vec<String>)>);

/// Has all clients act at a server, one after the other.
fn logs(address: SocketAddr, folder: &Path) -> Logs {
    SCENARIOS.iter().for_each(|(steps, ..)| act(address, steps));
    let count = SCENARIOS.iter().map(|(_, count, _)| count).sum();
    let fields = |line: String| -> Vec<String> { line.split('|').map(str::to_owned).collect() };
    let all: Vec<_> = lines(folder, "fields.log", count).into_iter().map(fields).collect();
    assert_eq!(all.len(), count, "{all:#?}");
    assert!(all.iter().all(|fields| fields.len() == FIELDS.len() + 1), "{all:#?}");
    let others = [("own.log", 1), ("own2.log", 1), ("combined.log", all.len())];
    let others = others.map(|(name, count)| (name, lines(folder, name, count)));
    wait("nothing more is written", || !folder.join("both.log").metadata().is_ok_and(|both| both.len() > 0));
    (all, others.to_vec())
}

/// The logs of nginx.
fn logs_of_nginx() -> Logs {
    assert!(Path::new(MODULE).exists(), "nginx's RTMP module is missing: scripts/install-peers");
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text =
        CONFIGURATION.replace("FOLDER", folder.to_str().unwrap()).replace("ADDRESS", &address.to_string());
    let _nginx = Nginx::start(&folder, &format!("load_module {MODULE}; events {{ }} {text}"), address)
        .expect("nginx is missing: scripts/install-peers");
    logs(address, &folder)
}

/// Whether a field that differs from run to run looks alike.
fn is_alike(field: &str, one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().map_err(|_| format!("{field}: {text}")).unwrap();
    // What servers send differs a little: their chunks, and what they answer beside the streams.
    let sent = |text: &str| number(text) > 100.0 && number(text) < 5000.0;
    match field {
        "connection" => number(one) > 0.0 && number(other) > 0.0,
        "bytes_sent" => sent(one) && sent(other),
        "msec" => (number(one) - number(other)).abs() < 300.0 && one.len() == other.len(),
        "time_local" => {
            let shape = |text: &str| {
                text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>()
            };
            shape(one) == shape(other)
        }
        "session_time" => (number(one) - number(other)).abs() <= 1.0,
        "session_readable_time" => {
            (number(one.trim_end_matches('s')) - number(other.trim_end_matches('s'))).abs() <= 1.0
        }
        _ => one == other,
    }
}

#[test]
fn the_lines_are_those_of_nginx_rtmp() {
    let (theirs, their_others) = logs_of_nginx();
    let text = format!("pid off; events {{ }} {}", CONFIGURATION.replace("ADDRESS", "127.0.0.1:0"));
    let server = Server::start_in(Folder::new(), &text);
    let (ours, our_others) = logs(server.rtmp(), &server.folder);
    let logged = SCENARIOS.iter().filter(|(_, count, _)| *count > 0);
    for ((steps, _, differences), (theirs, ours)) in logged.zip(theirs.iter().zip(&ours)) {
        for (field, (theirs, ours)) in FIELDS.iter().zip(theirs.iter().zip(ours)) {
            match differences.iter().find(|(name, ..)| name == field) {
                Some((_, ANY, ANY)) => {}
                Some((_, nginx, own)) => {
                    assert_eq!((theirs.as_str(), ours.as_str()), (*nginx, *own), "{steps:?}");
                }
                None => assert!(
                    is_alike(field, theirs, ours),
                    "{steps:?}: {field}: {theirs:?} of nginx, {ours:?}"
                ),
            }
        }
    }
    let plain = |line: &String| -> String {
        let (address, rest) = line.split_once(' ').unwrap();
        // From the command to the arguments, and the flash version.
        let fields: Vec<_> = rest.split('"').collect();
        let command = fields[0].split("] ").last().unwrap_or_default();
        format!(
            "{address} {command} {:?}",
            (fields.get(1), fields.get(3), fields.get(5), fields.get(7), fields.len())
        )
    };
    for ((name, theirs), (_, ours)) in their_others.iter().zip(&our_others) {
        assert_eq!(theirs.len(), ours.len(), "{name}");
        let is_as_nginx = |line: &String| !["***", "\\x", "\u{200e}"].iter().any(|part| line.contains(part));
        if *name == "own.log" {
            assert_eq!(theirs, ours);
        } else {
            for (ours, theirs) in ours.iter().zip(theirs).filter(|(ours, _)| is_as_nginx(ours)) {
                let theirs = theirs.replace("a/b", "a~b").replace("?a=SECRET", "");
                assert_eq!(plain(&theirs), plain(ours), "{name}");
            }
        }
    }
}
