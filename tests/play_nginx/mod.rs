//! One configuration and one client: what is said and sent of files is what nginx-rtmp says and sends, but for the
//! differences that one table lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod differences;
mod scenarios;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use differences::{DIFFERENCES, EVERYWHERE};
use scenarios::{SCENARIOS, Step, Until};

use crate::common::media::Packet;
use crate::common::nginx::Nginx;
use crate::common::{Folder, Server, ffmpeg, free_port, not_tested};
use crate::play_files::client::{Heard, Player, age, packets, words};

/// The module of nginx, where Debian has it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

const CONFIGURATION: &str = "rtmp { server { listen ADDRESS;
    application vod { play FOLDER/vod; } application both { live on; play FOLDER/vod; } } }";

/// Makes the files: one picture in 40 ms, a key frame each second, for 8 s.
fn make_files(folder: &Path) {
    let vod = folder.join("vod");
    std::fs::create_dir_all(vod.join("room")).unwrap();
    let mut source = ffmpeg::source(ffmpeg::Tracks::Both, 8);
    source.truncate(source.len() - 2);
    let made = vod.join("cam.mp4");
    ffmpeg::run(ffmpeg::command().args(source).arg(&made));
    let copy = |to: &str, more: &[&str]| {
        let path = vod.join(to);
        ffmpeg::run(ffmpeg::command().arg("-i").arg(&made).args(["-c", "copy"]).args(more).arg(&path));
        age(&path);
    };
    // nginx seeks in FLV where it finds an index.
    copy("cam.flv", &["-flvflags", "add_keyframe_index"]);
    copy("other.flv", &["-an", "-flvflags", "add_keyframe_index"]);
    copy("room/cam.flv", &[]);
    age(&made);
}

/// What is heard after each step of each scenario.
fn hear(address: SocketAddr) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (name, app, buffer, steps) in SCENARIOS {
        let mut client = Client { player: Player::connect(address, app, Some(*buffer)), last: 0 };
        for (number, (step, until)) in steps.iter().enumerate() {
            lines.push((format!("{name}, {}: {step:?}", number + 1), client.act(*step, *until)));
        }
    }
    lines
}

/// A client, and the time of the last frame that it has got.
struct Client {
    player: Player,
    last: u32,
}

impl Client {
    /// Does a step, and hears what follows from it, as a line.
    fn act(&mut self, step: Step, until: Until) -> String {
        match step {
            Step::Play(name, more) => {
                let more: Vec<_> = more.iter().map(|value| value.value()).collect();
                self.player.play(name, &more);
            }
            Step::Play2(name) => self.player.play2(name),
            Step::Seek(to) => self.player.seek(to),
            Step::Pause(is_paused) => self.player.pause(is_paused, f64::from(self.last)),
            Step::Receive(what, wanted) => self.player.receive(what, wanted),
            Step::Buffer(milliseconds) => self.player.buffer(Some(milliseconds)),
            Step::Close => self.player.close(),
            Step::Listen => {}
        }
        let heard = self.listen(until);
        let line = line(&heard, until, self.last);
        self.last = packets(&heard).last().map_or(self.last, |packet| packet.timestamp);
        line
    }

    fn listen(&mut self, until: Until) -> Vec<Heard> {
        let mut heard = Vec::new();
        let limit = match until {
            Until::Quiet | Until::Moment => Duration::from_millis(600),
            _ => Duration::from_secs(4),
        };
        let end = Instant::now() + limit;
        while Instant::now() < end && !until.holds(&heard) {
            match self.player.hear_within(end.saturating_duration_since(Instant::now())) {
                Some(one) => heard.push(one),
                None => break,
            }
        }
        heard
    }
}

/// What was heard, in a line.
fn line(heard: &[Heard], until: Until, last: u32) -> String {
    let frames: Vec<_> = packets(heard).into_iter().filter(|packet| !packet.is_header()).collect();
    let pictures: Vec<&Packet> = frames.iter().filter(|packet| packet.kind == 9).collect();
    let facts = match until {
        Until::Stop => format!(" | {} pictures, {} sounds", pictures.len(), frames.len() - pictures.len()),
        Until::End => {
            format!(" | {}", if frames.len() > pictures.len() { "with sound" } else { "without sound" })
        }
        Until::Picture => {
            let first = pictures.first().map(|picture| (picture.timestamp, picture.is_key()));
            format!(" | {first:?}")
        }
        Until::Further => match frames.first() {
            Some(frame) if frame.timestamp < last => " | from before".into(),
            Some(_) => " | from there".into(),
            None => String::new(),
        },
        Until::Quiet | Until::Moment | Until::Metadata | Until::Status(_) => String::new(),
    };
    let mut said = words(heard);
    // What was on its way comes before an answer, or not.
    match until {
        Until::Status(_) | Until::Metadata => said.retain(|word| word != "media"),
        Until::Moment if said.len() > 1 && said[0] == "media" => drop(said.remove(0)),
        _ => {}
    }
    format!("{}{facts}", said.join(" "))
}

#[test]
fn what_is_said_and_sent_of_files_is_what_nginx_rtmp_says_and_sends() {
    let Some((_nginx, theirs)) = start_nginx() else { return };
    let server = start_server();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| hear(theirs));
        (hear(server.rtmp()), theirs.join().unwrap())
    });
    let mut faults = Vec::new();
    for ((step, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        let expected = EVERYWHERE.iter().fold(theirs.clone(), |line, (from, to, _)| line.replace(from, to));
        let difference = DIFFERENCES.iter().find(|(at, ..)| at == step);
        let is_fine = match difference {
            Some((_, their_line, our_line, _)) => their_line == theirs && our_line == ours,
            None => expected == *ours,
        };
        if !is_fine {
            faults.push(format!("{step}\n    nginx {theirs:?}\n    ours  {ours:?}"));
        }
    }
    let unused = DIFFERENCES.iter().filter(|(at, ..)| !ours.iter().any(|(step, _)| step == at));
    faults.extend(unused.map(|(at, ..)| format!("{at}: no such step")));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_file_is_sent_as_far_ahead_as_by_nginx_rtmp() {
    let Some((_nginx, theirs)) = start_nginx() else { return };
    let server = start_server();
    let come = |address: SocketAddr, buffer: Option<u32>| {
        let mut player = Player::connect(address, "vod", buffer);
        player.play("cam", &[]);
        player.packets(1);
        let heard = packets(&player.hear_for(Duration::from_secs(1)));
        heard.iter().map(|packet| packet.timestamp).max().unwrap()
    };
    for buffer in [None, Some(100), Some(3000)] {
        let times = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| come(theirs, buffer));
            [come(server.rtmp(), buffer), theirs.join().unwrap()]
        });
        assert!(times[0].abs_diff(times[1]) < 1000, "buffer {buffer:?}: {times:?} ms");
    }
}

fn start_server() -> Server {
    let folder = Folder::new();
    make_files(&folder);
    let text = CONFIGURATION.replace("ADDRESS", "127.0.0.1:0");
    Server::start_in(folder, &format!("pid off; {text}"))
}

/// nginx, in a folder of its own; none where it is not installed.
fn start_nginx() -> Option<((Nginx, Folder), SocketAddr)> {
    if !Path::new(MODULE).exists() {
        not_tested("nginx with its RTMP module is not installed");
        return None;
    }
    let folder = Folder::new();
    make_files(&folder);
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = CONFIGURATION.replace("ADDRESS", &address.to_string());
    let text = text.replace("FOLDER", folder.to_str().unwrap());
    let user = if nix::unistd::getuid().is_root() { "user root;" } else { "" };
    let nginx = Nginx::start(&folder, &format!("{user} load_module {MODULE}; events {{ }} {text}"), address)?;
    Some(((nginx, folder), address))
}
