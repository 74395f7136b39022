//! Recordings: publishers that pace themselves, and a server on a disk of its own.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::media;
use super::player::Client;
use super::{Folder, Server};

/// Publishes a picture every 40 ms, a key frame every second, until `done` or for 5 s.
pub fn publish_until(publisher: &mut Client, start: u32, mut done: impl FnMut() -> bool) {
    for number in 0..125 {
        publisher.send(&media::video_frame(start + number * 40, number % 25 == 0, 5000));
        std::thread::sleep(Duration::from_millis(40));
        if done() {
            return;
        }
    }
    assert!(done(), "not within 5 s");
}

/// A server that records to `rec` with these directives, started by a shell script that ends with `exec "$0" -c "$1"`.
pub fn spawn(program: &[&str], script: &str, directives: &str) -> Server {
    let folder = Folder::new();
    let configuration = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application live {{
            live on; record all; record_path rec; {directives} }} }} }}"
    );
    let file = folder.write("millstream.conf", configuration);
    fs::create_dir(folder.join("rec")).unwrap();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args([script, env!("CARGO_BIN_EXE_millstream")]);
    command.arg(file).current_dir(&*folder).env_remove("RUST_LOG");
    Server::spawn(folder, command, 1)
}

/// A server whose `rec` is a disk of 1 MiB, which only it sees; `None` where that is not permitted. The shell does
/// something there before.
pub fn spawn_on_small_disk(directives: &str, before: &str) -> Option<Server> {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        return None;
    }
    let script = format!("mount -t tmpfs -o size=1m tmpfs rec && {before} exec \"$0\" -c \"$1\"");
    Some(spawn(&["unshare", "-rm", "sh", "-c"], &script, directives))
}
