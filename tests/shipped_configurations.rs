//! The configurations in conf/: each is good, and a server with it serves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use millstream::conf::{Scope, Tree, check};
use millstream::engine::{self, Engine};
use millstream::{modules, net};

use crate::common::http::{Connection, get};
use crate::common::player::{Client, relay};
use crate::common::tls::certificates::{Certificates, Wanted};
use crate::common::tls::transport::Target;
use crate::common::{Folder, Server, media, run, wait};

/// Every configuration in the repository.
fn configurations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let entries = [&folder, &folder.join("examples")].map(|folder| fs::read_dir(folder).unwrap());
    let files = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "conf")).collect();
    assert!(files.len() > 3, "{files:?}");
    files
}

#[test]
fn every_configuration_in_the_repository_is_good() {
    let table = engine::directive_table(&modules::table());
    for file in configurations() {
        let mut tree = Tree::load(&file).unwrap();
        check(&mut tree, &table).unwrap();
        let engine = Engine::new(&Scope::root(&tree, &table), modules::table(), 0, net::now());
        assert_eq!(engine.err(), None, "{}", file.display());
    }
}

/// Examples of who may publish: each has a test of its own, below, in callbacks_guide.rs or in ladder.rs.
const FOR_SOME: [&str; 7] = [
    "keys.conf",
    "private-publish-public-hls.conf",
    "behind-proxy.conf",
    "callbacks.conf",
    "viewers.conf",
    "ladder.conf",
    "tls.conf",
];

fn is_for_some(file: &Path) -> bool {
    FOR_SOME.iter().any(|name| file.ends_with(name))
}

/// The path of an example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/examples").join(name)
}

/// A server with an example, in this folder.
fn start(folder: Folder, name: &str) -> Server {
    let text = tamed(&fs::read_to_string(example(name)).unwrap());
    Server::start_in(folder, &format!("pid off;\n{text}"))
}

/// Whether a publisher is refused for what it is, or has not shown, and not for its name.
fn is_refused(address: SocketAddr, name: &str) -> bool {
    Client::try_publish(address, "live", name).is_err_and(|code| code != "NetStream.Publish.BadName")
}

/// Publishes under a name, or a key; a player of the stream gets everything.
fn publish(address: SocketAddr, name: &str, stream: &str) {
    let mut publisher = Client::try_publish(address, "live", name).unwrap();
    let mut players = [Client::play(address, stream)];
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets], "{stream}");
}

/// The text with every port 0 on the loopback, and every path in FOLDER.
pub fn tamed(text: &str) -> String {
    let tame = |line: &str| {
        let words: Vec<_> = line.trim().trim_end_matches(';').split_whitespace().collect();
        match words.as_slice() {
            ["listen", address, ..] if address.starts_with('[') => "listen [::1]:0;".to_owned(),
            ["listen", .., "ssl"] => "listen 127.0.0.1:0 ssl;".to_owned(),
            ["listen", .., "proxy_protocol"] => "listen 127.0.0.1:0 proxy_protocol;".to_owned(),
            ["listen", ..] => "listen 127.0.0.1:0;".to_owned(),
            ["pid" | "daemon" | "user" | "error_log", ..] => String::new(),
            [name @ ("record_path" | "hls_path" | "root" | "alias"), path] => {
                format!("{name} FOLDER/{};", path.trim_start_matches('/'))
            }
            _ => line.to_owned(),
        }
    };
    text.lines().map(|line| tame(line) + "\n").collect()
}

#[test]
fn every_configuration_in_the_repository_that_is_open_to_all_serves() {
    let texts = configurations().into_iter().map(|file| (fs::read_to_string(&file).unwrap(), file));
    for (text, file) in texts.filter(|(_, file)| !is_for_some(file)) {
        let text = tamed(&text);
        let mut server = Server::start(&text);
        let app = if text.contains("application live") { "live" } else { panic!("{}", file.display()) };
        let mut players = [Client::try_play(server.rtmp(), app, "cam").unwrap()];
        let mut publisher = Client::try_publish(server.rtmp(), app, "cam").unwrap();
        let packets = media::video_only(0, 500);
        assert_eq!(relay(&mut publisher, &mut players, &packets), [packets], "{}", file.display());
        if let Some(&address) = server.http.first() {
            assert!(get(address, "/").status < 500, "{}", file.display());
        }
        drop((publisher, players));
        server.stop();
    }
}

#[test]
fn with_the_example_of_keys_each_key_publishes_its_stream_and_no_other() {
    let folder = Folder::new();
    let keys = folder.write("publish.keys", fs::read(example("publish.keys")).unwrap());
    fs::set_permissions(keys, Permissions::from_mode(0o600)).unwrap();
    let server = start(folder, "keys.conf");
    publish(server.rtmp(), "CHANGE-ME-1", "door");
    publish(server.rtmp(), "garden?key=CHANGE-ME-2", "garden");
    publish(server.rtmp(), "hall?key=CHANGE-ME-3", "hall");
    for wrong in ["door", "CHANGE-ME-4", "CHANGE-ME-3", "garden?key=CHANGE-ME-1", "hall?key=CHANGE-ME-2"] {
        assert!(is_refused(server.rtmp(), wrong), "{wrong}");
    }
    assert!(!server.log().contains("CHANGE-ME-"), "{}", server.log());
    let warnings = server.log().matches("this is the key of an example, which everybody knows").count();
    assert_eq!(warnings, 3, "{}", server.log());
}

#[test]
fn with_the_example_of_private_publishing_the_key_publishes_and_everybody_watches_hls() {
    let server = start(Folder::new(), "private-publish-public-hls.conf");
    let (rtmp, http) = (server.rtmp(), server.http());
    assert!(is_refused(rtmp, "cam") && is_refused(rtmp, "cam?key=OTHER"));
    let mut publisher = Client::publish(rtmp, "cam?key=CHANGE-ME");
    publisher.send_all(&media::video_only(0, 5000));
    wait("the playlist", || get(http, "/hls/cam.m3u8").status == 200);
    let page = get(http, "/streams.json").text();
    assert!(page.contains("\"cam\"") && !page.contains("CHANGE-ME"), "{page}");
    assert!(!server.log().contains("CHANGE-ME"), "{}", server.log());
}

/// The target of the link that the program of the recipe "A paid live stream" makes.
fn link_of_the_recipe() -> String {
    let recipes = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md")).unwrap();
    let (_, rest) = recipes.split_once("\n    secret=CHANGE-ME-2\n").unwrap();
    let program = rest.lines().map_while(|line| line.strip_prefix("    "));
    let program = ["secret=CHANGE-ME-2"].into_iter().chain(program).collect::<Vec<_>>().join("\n");
    let output = run(Command::new("sh").args(["-c", &program]));
    let link = String::from_utf8(output.stdout).unwrap();
    link.trim().strip_prefix("http://tv.example").unwrap().to_owned()
}

#[test]
fn with_the_example_of_viewers_the_link_of_the_recipe_opens_hls_and_nothing_else_does() {
    let server = start(Folder::new(), "viewers.conf");
    let (rtmp, http) = (server.rtmp(), server.http());
    assert!(is_refused(rtmp, "cam"));
    let mut publisher = Client::publish(rtmp, "cam?key=CHANGE-ME-1");
    publisher.send_all(&media::video_only(0, 5000));
    let link = link_of_the_recipe();
    wait("the playlist", || get(http, &link).status == 200);
    let playlist = get(http, &link).text();
    let fragment = playlist.lines().find(|line| line.starts_with("cam-")).unwrap();
    assert_eq!(get(http, &format!("/hls/{fragment}")).status, 200, "{fragment}");
    for closed in ["/hls/cam.m3u8", "/hls/cam-0.ts", &link.replace("/cam.", "/other."), &format!("{link}0")] {
        assert_eq!(get(http, closed).status, 403, "{closed}");
    }
    assert!(!server.log().contains("CHANGE-ME"), "{}", server.log());
}

/// A load balancer for one connection: it sends `header` to the server, and then what the client sends.
fn balancer(server: SocketAddr, header: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (client, mut server) = (listener.accept().unwrap().0, TcpStream::connect(server).unwrap());
        server.write_all(header.as_bytes()).unwrap();
        let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || pass_on(server, client));
        pass_on(ends.0, ends.1);
    });
    address
}

/// Passes on what comes until its end, or until nobody takes it.
fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn with_the_example_behind_a_proxy_rules_and_log_have_the_addresses_of_the_clients() {
    let server = start(Folder::new(), "behind-proxy.conf");
    let inside = "PROXY TCP4 192.0.2.7 198.51.100.1 50007 1935\r\n";
    let outside = "PROXY TCP4 203.0.113.9 198.51.100.1 50009 1935\r\n";
    let publisher = Client::publish(balancer(server.rtmp(), inside), "cam");
    server.wait_log("connect live from 192.0.2.7:50007");
    assert!(is_refused(balancer(server.rtmp(), outside), "other"));
    drop(Client::play(balancer(server.rtmp(), outside), "cam"));
    drop(publisher);

    for (client, status) in [("192.0.2.7", 200), ("203.0.113.9", 403), ("192.0.2.7, 203.0.113.9", 403)] {
        let mut connection = Connection::open(server.http());
        let reply = connection.request("GET", "/", &format!("X-Forwarded-For: {client}\r\n"));
        assert_eq!(reply.status, status, "{client}");
    }
    assert_eq!(get(server.http(), "/").status, 403);
}

#[test]
fn with_the_example_of_tls_encoders_publish_over_rtmps_and_browsers_are_led_to_https() {
    let certificates = Certificates::empty();
    certificates.sign(&Wanted::new("live.example.com", "DNS:live.example.com,IP:127.0.0.1"));
    let name = "live.example.com";
    let [certificate, key] = [certificates.certificate(name), certificates.key(name)];
    let text = tamed(&fs::read_to_string(example("tls.conf")).unwrap());
    let folder = "/etc/letsencrypt/live/live.example.com";
    let text = text
        .replace(&format!("{folder}/fullchain.pem"), &certificate.display().to_string())
        .replace(&format!("{folder}/privkey.pem"), &key.display().to_string());
    let server = Server::start_in(Folder::new(), &format!("pid off;\n{text}"));
    let [rtmps, rtmp] = [server.rtmp[0], server.rtmp[1]];
    let mut publisher = Client::try_publish(Target::tls(rtmps, &certificates), "live", "cam").unwrap();
    let mut players = [Client::play(rtmp, "cam")];
    let packets = media::video_only(0, 500);
    assert_eq!(relay(&mut publisher, &mut players, &packets), [packets]);

    let [http, https] = [server.http[0], server.http[1]];
    let mut connection = Connection::open(http);
    connection.send("GET /a?b HTTP/1.1\r\nHost: live.example.com\r\n\r\n");
    let reply = connection.reply("GET");
    assert_eq!((reply.status, reply.header("location")), (301, "https://live.example.com/a?b"));
    let url = format!("https://{https}/streams.json");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert"]).arg(certificates.authority()).arg(url);
    let said = run(&mut curl);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("\"rtmps_port\":0") && text.contains("\"name\":\"cam\""), "{text}");
}

#[test]
fn the_built_in_configuration_tells_statistics_to_programs_of_this_machine_only() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/millstream.conf")).unwrap();
    let server = Server::start(&tamed(&text));
    let ask = |target: &str, host: &str, fields: &str| {
        let mut connection = Connection::open(server.http());
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
        connection.reply("GET")
    };
    let (closed, local) = (["/stat", "/metrics", "/healthz", "/readyz", "/api"], "127.0.0.1");
    for target in closed {
        assert_eq!(ask(target, local, "").status, 200, "{target}");
        assert_eq!(ask(target, "localhost:8080", "").status, 200, "{target}");
        // Through a proxy of this machine, and from a page that has its name point here.
        assert_eq!(ask(target, local, "X-Forwarded-For: 192.0.2.7\r\n").status, 403, "{target}");
        assert_eq!(ask(target, "evil.example", "").status, 403, "{target}");
    }
    assert!(ask("/stat", local, "").text().contains("type=\"text/css\" href=\"stat.css\""));
    assert!(ask("/stat.css", local, "").text().contains("prefers-color-scheme"));
}
