//! A ladder of three qualities, as conf/examples/ladder.conf makes it with ffmpeg, while everything is interrupted that
//! can be: the publisher, the command, the configuration, the server. Viewers of HLS see nothing but discontinuities,
//! and no process is left.
//!
//! LADDER in the environment is the number of seconds, see scripts/ladder.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::ffmpeg;
use crate::common::hls::Watch;
use crate::common::http::get;
use crate::common::{Folder, Server, free_port, until, wait};

const EXAMPLE: &str = include_str!("../conf/examples/ladder.conf");
const RUNGS: [&str; 3] = ["low", "mid", "high"];
/// The time in which all qualities are there again after an interruption, on a busy machine.
const BACK: Duration = Duration::from_secs(40);
/// The time in which a server's commands have ended, however it has ended: three seconds, and more on a busy machine.
const GONE: Duration = Duration::from_secs(20);

/// What happens to the ladder, in turn.
#[derive(Debug, Clone, Copy)]
enum Interruption {
    PublisherIsKilled,
    Reload,
    LineChanges,
    CommandIsKilled,
    ServerIsKilled,
    ServerStops,
}

const INTERRUPTIONS: [Interruption; 6] = [
    Interruption::PublisherIsKilled,
    Interruption::Reload,
    Interruption::ServerIsKilled,
    Interruption::LineChanges,
    Interruption::CommandIsKilled,
    Interruption::ServerStops,
];

/// A process by its id and the time of its start, since ids are used again.
type Process = (u32, String);

/// The fields of `/proc/PID/stat` behind the name: the state first, then the parent.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split_whitespace().map(str::to_owned).collect())
}

/// All descendants of a process, zombies included.
fn descendants(process: u32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<_> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id: u32| stat(id).map(|fields| (id, fields)))
        .collect();
    loop {
        let is_new = |(id, fields): &&(u32, Vec<String>)| {
            let parent: u32 = fields[1].parse().unwrap();
            let is_below = parent == process || found.iter().any(|(above, _)| *above == parent);
            is_below && found.iter().all(|(known, _)| known != id)
        };
        let Some((id, fields)) = all.iter().find(is_new) else { return found };
        found.push((*id, fields[19].clone()));
    }
}

/// Whether a process has ended. A zombie has, if its parent is not one of ours any more.
fn is_gone((id, start): &Process) -> bool {
    stat(*id).is_none_or(|fields| fields[19] != *start || fields[0] == "Z" && fields[1] == "1")
}

/// The running ffmpeg of the server.
fn command_of(server: &Server) -> Option<Process> {
    let is_ffmpeg = |(id, _): &Process| {
        fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "ffmpeg")
            && stat(*id).is_some_and(|fields| fields[0] != "Z")
    };
    descendants(server.pid()).into_iter().find(is_ffmpeg)
}

/// A quality as a viewer sees it.
#[derive(Default)]
struct Rung {
    watch: Watch,
    /// The number behind its last fragment.
    end: u64,
    /// Its fragments as they were served, by their names in the playlist.
    fragments: HashMap<String, PathBuf>,
}

struct Ladder {
    /// What outlives the servers.
    folder: Folder,
    configuration: String,
    rtmp: u16,
    http: u16,
    server: Option<Server>,
    reloads: usize,
    publisher: Option<Child>,
    rungs: [Rung; 3],
}

impl Ladder {
    fn new() -> Self {
        let (folder, [rtmp, http]) = (Folder::new(), [free_port(), free_port()]);
        let mut configuration = EXAMPLE.to_owned();
        for (from, to) in [
            ("listen 1935", format!("listen 127.0.0.1:{rtmp}")),
            ("listen 8080", format!("listen 127.0.0.1:{http}")),
            ("rtmp://localhost/", format!("rtmp://127.0.0.1:{rtmp}/")),
            ("/tmp/millstream", folder.display().to_string()),
            // A small picture and short fragments, for a machine that has other things to do.
            ("-i rtmp", "-analyzeduration 1000000 -i rtmp".to_owned()),
            ("veryfast", "ultrafast -tune zerolatency".to_owned()),
            ("n_forced*2", "n_forced*1".to_owned()),
            ("scale=-2:360", "scale=-2:90".to_owned()),
            ("scale=-2:720", "scale=-2:120".to_owned()),
            ("hls_fragment 2s", "hls_fragment 1s".to_owned()),
            ("application src {", "application src { respawn_timeout 500ms;".to_owned()),
        ] {
            assert!(configuration.contains(from), "the example has no {from:?} any more");
            configuration = configuration.replace(from, &to);
        }
        let configuration = format!("pid off; {configuration}");
        let rungs = std::array::from_fn(|_| Rung::default());
        let mut ladder =
            Self { folder, configuration, rtmp, http, server: None, reloads: 0, publisher: None, rungs };
        ladder.start();
        ladder
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn start(&mut self) {
        (self.server, self.reloads) = (Some(Server::start_in(Folder::new(), &self.configuration)), 0);
        self.publish();
    }

    /// Begins to publish the test picture in real time.
    fn publish(&mut self) {
        let mut command = ffmpeg::command();
        command.args(
            "-re -f lavfi -i testsrc=size=320x180:rate=10 -re -f lavfi -i sine=sample_rate=44100".split(' '),
        );
        command.args("-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 10".split(' '));
        command.args("-c:a aac -b:a 32k -f flv".split(' '));
        command.arg(format!("rtmp://127.0.0.1:{}/src/cam", self.rtmp));
        command.stderr(Stdio::null()).stdout(Stdio::null());
        self.publisher = Some(ffmpeg::spawn(&mut command));
    }

    fn kill_publisher(&mut self) {
        if let Some(mut publisher) = self.publisher.take() {
            publisher.kill().unwrap();
            publisher.wait().unwrap();
        }
    }

    /// Looks at all qualities once: what a playlist lists can be fetched, and follows from what it has listed before.
    fn look(&mut self) {
        for (rung, name) in self.rungs.iter_mut().zip(RUNGS) {
            let address = ([127, 0, 0, 1], self.http).into();
            let playlist = get(address, &format!("/hls/cam_{name}.m3u8"));
            if playlist.status != 200 {
                continue;
            }
            let list = rung.watch.see(&playlist.body);
            rung.end = list.media_sequence + list.segments.len() as u64;
            for segment in list.segments {
                if rung.fragments.contains_key(&segment.uri) {
                    continue;
                }
                let reply = get(address, &format!("/hls/{}", segment.uri));
                assert_eq!(reply.status, 200, "{}", segment.uri);
                let path = self.folder.write(&format!("seen/{name}/{}", segment.uri), &reply.body);
                rung.fragments.insert(segment.uri, path);
            }
        }
    }

    /// Waits until each quality has two more fragments, and the master playlist has all qualities.
    fn continues(&mut self, after: &str) {
        // What has been finished meanwhile does not count.
        self.look();
        let before: Vec<_> = self.rungs.iter().map(|rung| rung.end).collect();
        until(&format!("all qualities continue after: {after}"), BACK, || {
            self.look();
            let mut ends = self.rungs.iter().zip(&before);
            ends.all(|(rung, before)| rung.end >= before + 2).then_some(())
        });
        let master = get(([127, 0, 0, 1], self.http).into(), "/hls/cam.m3u8").text();
        assert!(RUNGS.iter().all(|name| master.contains(&format!("cam_{name}"))), "{master}");
        let server = self.server();
        let has_zombie = |(id, _): &Process| stat(*id).is_some_and(|fields| fields[0] == "Z");
        wait("no zombie", || !descendants(server.pid()).iter().any(has_zombie));
        // One launcher and one ffmpeg, however often it has been started.
        wait("one command", || descendants(server.pid()).len() == 2);
    }

    fn interrupt(&mut self, how: Interruption) {
        let command = until("the command runs", BACK, || command_of(self.server()));
        match how {
            Interruption::PublisherIsKilled => {
                self.kill_publisher();
                until("the command has ended", GONE, || is_gone(&command).then_some(()));
                self.publish();
            }
            Interruption::Reload => {
                self.reload();
                assert_eq!(command_of(self.server()), Some(command), "it runs on");
            }
            Interruption::LineChanges => {
                let [a, b] = ["-b:v 600k", "-b:v 500k"];
                let (from, to) = if self.configuration.contains(a) { (a, b) } else { (b, a) };
                self.configuration = self.configuration.replace(from, to);
                self.reload();
                until("the command has ended", GONE, || is_gone(&command).then_some(()));
            }
            Interruption::CommandIsKilled => {
                kill(Pid::from_raw(command.0.cast_signed()), Signal::SIGKILL).unwrap();
                until("the command has ended", GONE, || is_gone(&command).then_some(()));
            }
            Interruption::ServerIsKilled => self.end_server(Signal::SIGKILL),
            Interruption::ServerStops => self.end_server(Signal::SIGTERM),
        }
        if self.server.is_none() {
            self.start();
        }
    }

    fn reload(&mut self) {
        self.reloads += 1;
        self.server().reload(&self.configuration, self.reloads);
    }

    /// Ends the server and the publisher: nothing that the server has started is left.
    fn end_server(&mut self, signal: Signal) {
        let mut server = self.server.take().unwrap();
        let below = descendants(server.pid());
        server.signal(signal);
        server.wait_exit(GONE);
        until("all that the server has started has ended", GONE, || below.iter().all(is_gone).then_some(()));
        self.kill_publisher();
    }

    /// Each fragment that was served decodes by itself.
    fn decode(&self) -> usize {
        let all: Vec<_> = self.rungs.iter().flat_map(|rung| rung.fragments.values()).collect();
        for fragment in &all {
            ffmpeg::decode(fragment.to_str().unwrap());
        }
        all.len()
    }
}

impl Drop for Ladder {
    fn drop(&mut self) {
        if let Some(mut publisher) = self.publisher.take() {
            let _ = publisher.kill();
            let _ = publisher.wait();
        }
    }
}

#[test]
fn a_ladder_continues_whatever_is_interrupted_and_leaves_no_process() {
    let seconds = std::env::var("LADDER").ok().map_or(0, |seconds| seconds.parse().unwrap());
    let (begun, mut ladder) = (Instant::now(), Ladder::new());
    ladder.continues("the start");
    for how in INTERRUPTIONS.into_iter().cycle() {
        println!("{:3} s: {how:?}", begun.elapsed().as_secs());
        ladder.interrupt(how);
        ladder.continues(&format!("{how:?}"));
        // Each at least once.
        if matches!(how, Interruption::ServerStops) && begun.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
    ladder.end_server(Signal::SIGTERM);
    println!("{:3} s: {} fragments are decoded", begun.elapsed().as_secs(), ladder.decode());
}
