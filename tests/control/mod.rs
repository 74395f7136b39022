//! `rtmp_control`: the answers of nginx-rtmp, and what the clients see of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside_nginx;
mod browser;
mod clients;
mod many;
mod recorders;
mod refusals;

use std::net::SocketAddr;
use std::process::Child;

use crate::common::ffmpeg::{self, Tracks};
use crate::common::http::get;

/// A program that ends with the value.
pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// FFmpeg, which publishes for a minute.
pub fn publish(address: SocketAddr, path: &str) -> Program {
    let mut command = ffmpeg::command();
    command.arg("-re").args(ffmpeg::source(Tracks::Both, 60)).arg(format!("rtmp://{address}/{path}"));
    Program(ffmpeg::spawn(&mut command))
}

/// The status and the body of an answer; the page of an error counts as none.
pub fn ask(address: SocketAddr, target: &str) -> String {
    let reply = get(address, target);
    match reply.status {
        200 => format!("200 {}", reply.text()),
        status => status.to_string(),
    }
}
