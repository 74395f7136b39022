//! Relays with servers that nobody here wrote as the other end: what arrives decodes to the pictures that were published.
//! The servers are installed by scripts/install-peers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod ffmpeg_server;
mod nginx_rtmp;
mod node_media_server;
mod stunnel;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::ffmpeg::{self, Strictness, Tracks};
use crate::common::{Folder, Server, free_port, wait};

/// A program that ends with the value.
struct Program(Child);

impl Program {
    /// Starts a server, and waits until it listens.
    fn listening(command: &mut Command, address: SocketAddr) -> Self {
        let program = Self(command.stdin(Stdio::null()).spawn().unwrap());
        wait("a server", || TcpStream::connect(address).is_ok());
        program
    }

    /// Waits for its end.
    fn finish(&mut self, what: &str) {
        wait(what, || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that is free now.
fn free() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

/// A file with a picture and a tone, of so many seconds.
fn clip(folder: &Folder, seconds: u32) -> String {
    let file = folder.join("clip.flv");
    ffmpeg::run(ffmpeg::command().args(ffmpeg::source(Tracks::Both, seconds)).arg(&file));
    file.display().to_string()
}

/// A server that has an application `live` with these directives, and its API.
fn relaying(directives: &str) -> Server {
    Server::start(&format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; push_reconnect 300ms; pull_reconnect 300ms; \
         {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /api {{ millstream_api act; }} location /stat {{ rtmp_stat all; }} }} }}"
    ))
}

/// FFmpeg, which publishes a file as if it were live.
fn publish(clip: &str, url: &str) -> Program {
    let mut command = ffmpeg::command();
    let arguments = ["-re", "-i", clip, "-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize", url];
    Program(ffmpeg::spawn(command.args(arguments)))
}

/// FFmpeg, which plays into a file until the stream ends, or for so many seconds.
fn record(url: &str, file: &Path, seconds: Option<&str>) -> Program {
    let mut command = ffmpeg::command();
    command.args(["-rw_timeout", "15000000", "-i", url, "-c", "copy"]);
    seconds.iter().for_each(|seconds| _ = command.args(["-t", seconds]));
    Program(ffmpeg::spawn(command.arg(file)))
}

/// Checks that a file has all pictures of another one, and nothing else; it may lack some at its end if it was cut there.
fn has_the_pictures_of(file: &Path, clip: &str) {
    let digest = |input: &str| ffmpeg::digest(input, Strictness::Explode);
    assert_eq!(digest(file.to_str().unwrap()), digest(clip));
}

/// Checks that a file decodes, and has so many pictures at least.
fn has_pictures(file: &Path, least: usize) {
    let found = ffmpeg::frames(file.to_str().unwrap(), Strictness::Explode);
    let count: usize = found.pictures.iter().map(|(count, _)| count).sum();
    assert!(count >= least && found.sound >= least, "{found:?}");
}
