//! What docs/http-flv.md says is so: its configuration, its page in Chromium, nginx in front, and what refused players are told.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::{FlvPlayer, Over};
use super::expect_all;
use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::{Connection, get};
use crate::common::media::{Packet, both};
use crate::common::nginx::Nginx;
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, not_tested, stderr, until};

const GUIDE: &str = include_str!("../../docs/http-flv.md");

/// Where scripts/install-peers puts mpegts.js and what drives Chromium.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// The limit of what takes five seconds on a quiet machine, such as to start Chromium.
const PATIENCE: Duration = Duration::from_secs(60);

/// The indented block that follows a line that ends so.
fn block_below(line: &str) -> String {
    let (_, rest) = GUIDE.split_once(&format!("{line}\n\n")).unwrap();
    let code = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    code.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or_default())).collect()
}

/// The page to copy.
fn page() -> &'static str {
    GUIDE.split("```html\n").nth(1).unwrap().split("```").next().unwrap()
}

/// The server of the guide, with its page and mpegts.js in a folder; none if mpegts.js is not on this machine.
fn start() -> Option<Server> {
    let folder = Folder::new();
    let script = Path::new(SCRIPTS).join("node_modules/mpegts.js/dist/mpegts.js");
    folder.write("www/mpegts.js", std::fs::read(script).ok()?);
    folder.write("www/player.html", page());
    let socket = page().replace("location.origin + ", "location.origin.replace(\"http\", \"ws\") + ");
    assert_ne!(socket, page());
    folder.write("www/socket.html", socket);
    let text = block_below("it is one line in a `location`; here is one beside a folder with web pages:");
    let text =
        text.replace("listen 1935;", "listen 127.0.0.1:0;").replace("listen 8080;", "listen 127.0.0.1:0;");
    Some(Server::start_in(folder, &format!("pid off;\n{}", text.replace("/srv/www", "FOLDER/www"))))
}

/// Publishes in real time until it is dropped.
struct Publisher {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    fn start(address: SocketAddr, packets: Vec<Packet>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let (mut client, begun) = (Client::publish(address, "cam"), Instant::now());
            let length = packets.last().expect("media").timestamp + 40;
            for (round, packet) in (0..).flat_map(|round| packets.iter().map(move |packet| (round, packet))) {
                let mut packet = packet.clone();
                packet.timestamp += round * length;
                let due = Duration::from_millis(packet.timestamp.into());
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                if over.load(Ordering::Relaxed) {
                    break;
                }
                client.send(&packet);
            }
            client.finish();
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn the_page_plays_over_http_and_websocket_and_again_after_the_end() {
    let has_chromium = Command::new("chromium").arg("--version").output().is_ok();
    let Some(server) = start().filter(|_| has_chromium) else {
        return not_tested("Chromium, or tests/browser/node_modules/mpegts.js, is not on this machine");
    };
    let packets = ffmpeg::encode(&server.folder, Tracks::Both, 10);
    let watch = |page: &str, pictures: &str| {
        let url = format!("http://{}/{page}", server.http());
        let mut command = Command::new("node");
        command.arg(format!("{SCRIPTS}/shows.mjs")).args([&url, pictures]);
        // It ends by itself.
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{page}: {}", stderr(&output));
    };
    {
        let _publisher = Publisher::start(server.rtmp(), packets.clone());
        watch("player.html", "50");
        server.wait_log("play live/cam over HTTP-FLV");
        watch("socket.html", "50");
        server.wait_log("play live/cam over WebSocket-FLV");
    }
    // It waits for a stream, and connects again when one has ended, of which it cannot have shown so many pictures.
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch("player.html", "50"));
        let waits = |count: usize| {
            let line = "play live/cam over HTTP-FLV, not live yet";
            until("the page waits", PATIENCE, || (server.count_lines(line) >= count).then_some(()));
        };
        waits(1);
        let first = Publisher::start(server.rtmp(), packets.clone());
        server.wait_lines("publish live/cam", 2);
        std::thread::sleep(Duration::from_secs(1));
        drop(first);
        waits(2);
        let second = Publisher::start(server.rtmp(), packets);
        watching.join().unwrap();
        drop(second);
    });
}

#[test]
fn behind_nginx_players_get_the_stream_over_http_and_websocket() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; } } }
         http { set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
             server { listen 127.0.0.1:0; location / { flv_live on; } } }",
    );
    let text = block_below("WebSockets need the first two lines and the fields `Upgrade` and `Connection`:");
    let (folder, address) = (Folder::new(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let text = text.replace("listen 80;", &format!("listen {address};"));
    let text = text.replace("127.0.0.1:8080", &server.http().to_string());
    let own = "access_log off; proxy_temp_path temp; client_body_temp_path body;";
    let Some(_nginx) = Nginx::start(&folder, &format!("events {{ }} http {{ {own} {text} }}"), address)
    else {
        return not_tested("there is no nginx");
    };
    for (name, over) in [("cam", Over::Close), ("cam2", Over::WebSocket)] {
        let mut publisher = Client::publish(server.rtmp(), name);
        let mut player = FlvPlayer::open(address, over, &format!("/live/{name}.flv"));
        player.expect_granted();
        expect_all(&mut publisher, &mut player, &both(0, 1000));
    }
    // Browsers speak HTTP/1.1, and nginx divides what it gets into chunks of its own.
    let reply = Connection::open(address).request("HEAD", "/live/cam.flv", "X-Forwarded-For: 192.0.2.1\r\n");
    assert_eq!((reply.status, reply.header("content-type")), (200, "video/x-flv"));
    // nginx adds the address of its own client behind what that says.
    assert_eq!(server.lines("connect live from 127.0.0.1:0 over ").len(), 2);
}

#[test]
fn what_refused_players_are_told_stands_in_the_guide() {
    let server = Server::start(
        "rtmp { server { listen 127.0.0.1:0; application live { live on; idle_streams off; }
             application waits { live on; } } }
         http { server { listen 127.0.0.1:0; location / { flv_live on; flv_origin https://a.example; } } }",
    );
    let is_told = |text: &str| {
        let text = text.trim_end();
        assert!(GUIDE.contains(&format!("`{text}")), "{text}");
    };
    is_told(&get(server.http(), "/live/cam.flv").text());
    is_told(&get(server.http(), "/x?app=x&stream=cam").text());
    is_told(get(server.http(), "/x?app=x&stream=cam&port=1").text().split(" 1 ").next().unwrap());
    let from_b = "Origin: https://b.example\r\n";
    is_told(&FlvPlayer::open_with(server.http(), Over::Chunks, "/live/cam.flv", from_b).text());
    let line = server.wait_log("flv_origin does not name the page's origin");
    is_told(line.split(": ").nth(1).unwrap().split(',').next().unwrap());
    for (over, fields) in
        [(Over::Chunks, "Sec-WebSocket-Key: x\r\n"), (Over::Close, "Sec-WebSocket-Key: x\r\n")]
    {
        let mut player = FlvPlayer::open_with(server.http(), over, "/live/cam.flv", fields);
        assert_eq!(player.status, 426);
        is_told(player.text().split([';', '\n']).next().unwrap());
    }
}
