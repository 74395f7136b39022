//! Real players go on: beyond the end of their link, over a publisher that comes back, and over a restart of the server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{SKEW, expect_refused, link_until, now};
use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::{Connection, get};
use crate::common::media::Packet;
use crate::common::player::Client;
use crate::common::{Folder, Server, free_port, not_tested, until};

/// Where scripts/install-peers puts hls.js and what drives Chromium.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// The names of the streams.
const VARIANTS: [&str; 2] = ["cam_low", "cam_high"];

/// Seconds that are published at once, so that players can begin: more than three fragments.
const BURST: Duration = Duration::from_secs(9);

/// Pictures of which a player cannot have had most in its buffer.
const MORE: u64 = 150;

/// The limit of what takes ten seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Publishes both variants in real time, after a burst.
struct Publisher {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Client>>,
}

impl Publisher {
    fn start(address: SocketAddr, packets: &Arc<Vec<Packet>>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut clients: Vec<_> = VARIANTS.iter().map(|name| Client::publish(address, name)).collect();
        let (packets, over) = (Arc::clone(packets), Arc::clone(&is_over));
        let length = packets.last().expect("media").timestamp + 40;
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            for (round, packet) in (0..).flat_map(|round| packets.iter().map(move |packet| (round, packet))) {
                let mut packet = packet.clone();
                packet.timestamp += round * length;
                let due = Duration::from_millis(packet.timestamp.into()).saturating_sub(BURST);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                if over.load(Ordering::Relaxed) {
                    break;
                }
                clients.iter_mut().for_each(|client| client.send(&packet));
            }
            clients
        });
        Self { is_over, thread }
    }

    /// Sends nothing more. Its connections are those that are returned.
    fn stop(self) -> Vec<Client> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The pictures that each player has shown, and what it has given up for.
#[derive(Default)]
struct Shown(Mutex<HashMap<String, (u64, String)>>);

impl Shown {
    fn note(&self, name: &str, pictures: u64, fault: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), (pictures, fault.to_owned()));
    }

    fn of(&self, name: &str) -> (u64, String) {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// Waits until all these players have shown so many more.
    fn expect_more(&self, names: &[&str], count: u64, what: &str) {
        let goals: Vec<_> = names.iter().map(|name| (*name, self.of(name).0 + count)).collect();
        let is_there = |&(name, goal): &(&str, u64)| {
            let (pictures, fault) = self.of(name);
            assert!(fault.is_empty(), "{what}: {name} has given up after {pictures} pictures: {fault}");
            pictures >= goal
        };
        let deadline = Instant::now() + PATIENCE;
        while !goals.iter().all(is_there) {
            let all = self.0.lock().unwrap();
            assert!(Instant::now() < deadline, "{what}: not {goals:?} but {all:?}");
            drop(all);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A program that plays, which ends with the value.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
}

impl Program {
    /// Starts it; `read` gets each line of its output, and what the program has said at its end.
    fn start(
        command: &mut Command,
        shown: &Arc<Shown>,
        read: impl Fn(&Shown, &str) + Send + 'static,
    ) -> Option<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().ok()?;
        let (lines, input) = (BufReader::new(child.stdout.take().unwrap()), child.stdin.take());
        let shown = Arc::clone(shown);
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| read(&shown, &line)));
        Some(Self { child, input })
    }

    /// Chromium; none if it or what drives it is not here.
    fn chromium(shown: &Arc<Shown>) -> Option<Self> {
        let has_scripts = Path::new(SCRIPTS).join("node_modules/hls.js").is_dir();
        let has_chromium = Command::new("chromium").arg("--version").output().is_ok();
        let mut command = Command::new("node");
        command.arg(format!("{SCRIPTS}/links.mjs"));
        let started = || {
            Self::start(&mut command, shown, |shown, line| {
                let words: Vec<_> = line.splitn(3, ' ').collect();
                if let [name, pictures, rest @ ..] = &words[..]
                    && let Ok(pictures) = pictures.parse()
                {
                    shown.note(name, pictures, rest.first().unwrap_or(&"").trim());
                }
            })
        };
        (has_scripts && has_chromium).then(started)?
    }

    fn ffmpeg(name: &'static str, url: &str, shown: &Arc<Shown>) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-v", "fatal", "-progress", "-", "-i", url]);
        command.args("-map 0:v:0 -c copy -f null -".split(' '));
        let started = Self::start(&mut command, shown, move |shown, line| match line.split_once('=') {
            Some(("frame", count)) => shown.note(name, count.trim().parse().unwrap_or_default(), ""),
            Some(("progress", "end")) => shown.note(name, shown.of(name).0, "it has ended"),
            _ => {}
        });
        started.expect("these tests need ffmpeg in the PATH")
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Chromium is told, so that it removes its files.
        drop(self.input.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
            if std::thread::panicking() {
                break;
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server at these ports that another one can take over from, with its files in a folder that outlives it.
fn server(files: &Folder, [rtmp, http]: [u16; 2]) -> Server {
    let files = files.to_str().unwrap();
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:{rtmp} reuseport; application live {{ live on; publish_grace 20s;
             hls on; hls_path {files}/hls; hls_fragment 3s; hls_playlist_length 30s;
             hls_variant _low; hls_variant _high; play_secret {}; }} }} }}
         http {{ server {{ listen 127.0.0.1:{http} reuseport; location / {{ page on; }}
             location /hls {{ alias {files}/hls; }} }} }}",
        super::SECRET
    ))
}

/// The names of the players, by whether their link ends while they play.
const ENDING: [&str; 3] = ["hls-js-ending", "video-ending", "ffmpeg-ending"];
const LASTING: [&str; 3] = ["hls-js-lasting", "video-lasting", "ffmpeg-lasting"];

#[test]
fn players_go_on_beyond_the_end_of_their_links_and_over_a_reconnect_and_a_restart() {
    let shown = Arc::new(Shown::default());
    let Some(mut chromium) = Program::chromium(&shown) else {
        return not_tested("Chromium, or tests/browser/node_modules, is not on this machine");
    };
    let (files, ports) = (Folder::new(), [free_port(), free_port()]);
    let packets = Arc::new(ffmpeg::encode(&files, Tracks::Both, 12));
    let mut first = server(&files, ports);
    until("the page is there", PATIENCE, || shown.0.lock().unwrap().contains_key("ready").then_some(()));
    let publisher = Publisher::start(first.rtmp(), &packets);
    let url_of = |list: &str, expires: u64| {
        format!("http://{}/hls/{list}.m3u8?{}", first.http(), link_until("cam", expires))
    };
    let url = |expires: u64| url_of("cam", expires);
    let lasting = now() + 3600;
    until("fragments of both", PATIENCE, || {
        let lists = VARIANTS.map(|name| {
            get(first.http(), &format!("/hls/{name}.m3u8?{}", link_until("cam", lasting))).text()
        });
        lists.iter().all(|list| list.matches("#EXTINF").count() >= 3).then_some(())
    });
    // Each player has a link of its own, so that no other player keeps it alive.
    let end = now() + 13 - SKEW;
    let mut programs = Vec::new();
    for (names, expires) in [(ENDING, end - 2), (LASTING, lasting + 1)] {
        // Chromium's own player cannot change to a variant whose fragments have other numbers, so it gets one variant.
        for (name, kind, list, number) in [(names[0], "hls-js", "cam", 0), (names[1], "video", "cam_low", 1)]
        {
            chromium.say(&format!("{name} {kind} {}", url_of(list, expires + number)));
        }
        programs.push(Program::ffmpeg(names[2], &url(expires + 2), &shown));
    }
    let codecs = ffmpeg::probe(&url(lasting + 4));
    assert_eq!(codecs, ["h264", "aac", "h264", "aac"]);
    let all = [ENDING, LASTING].concat();
    shown.expect_more(&all, 1, "at the start");
    until("the links end", PATIENCE, || (now() > end + SKEW).then_some(()));
    // For others, even a link that none of the players has shown.
    let late = format!("/hls/cam.m3u8?{}", link_until("cam", end - 3));
    expect_refused(&mut Connection::open(first.http()), &late);
    drop(publisher.stop());
    first.wait_lines("the name is kept for 20 s", 2);
    let publisher = Publisher::start(first.rtmp(), &packets);
    shown.expect_more(&all, MORE, "beyond the end of the links, over a reconnect");
    let before = get(first.http(), &format!("/hls/cam_low.m3u8?{}", link_until("cam", lasting))).text();
    assert!(before.contains("#EXT-X-DISCONTINUITY\n"), "{before}");
    // Somebody listens all the time.
    let second = server(&files, ports);
    let connections = publisher.stop();
    first.stop();
    drop(connections);
    let _publisher = Publisher::start(second.rtmp(), &packets);
    shown.expect_more(&LASTING, MORE, "over a restart");
    expect_refused(&mut Connection::open(second.http()), &late);
}
