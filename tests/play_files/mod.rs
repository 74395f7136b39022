//! Files played over RTMP: what a client is told, and that it is sent what is in the file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod answers;
mod changes;
pub mod client;
mod lists;
mod live;
mod lookup;
mod pace;
mod parts;
mod reports;

use crate::common::media::{self, Packet};
use crate::common::{Folder, Server};
use client::write_old;

/// A server with an application `vod` that plays what is in `vod`.
fn server(files: &[(&str, &[Packet])]) -> Server {
    server_with("", files)
}

/// The same with more directives in the application.
fn server_with(directives: &str, files: &[(&str, &[Packet])]) -> Server {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("vod")).unwrap();
    for (name, packets) in files {
        write_old(&folder.join("vod").join(name), packets);
    }
    let text = format!(
        "pid off; rtmp {{ server {{ listen 127.0.0.1:0; application vod {{ play FOLDER/vod; {directives} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location /stat {{ rtmp_stat all; }} }} }}"
    );
    Server::start_in(folder, &text)
}

/// So many seconds of picture and sound, with both headers first: a key frame each second.
fn clip(seconds: u32) -> Vec<Packet> {
    media::both(0, seconds * 1000)
}

/// The place of the key frame at a time.
fn key_at(packets: &[Packet], time: u32) -> usize {
    packets.iter().position(|packet| packet.is_key() && packet.timestamp == time).unwrap()
}

/// Those that are no headers.
fn frames(packets: &[Packet]) -> Vec<Packet> {
    packets.iter().filter(|packet| !packet.is_header()).cloned().collect()
}

/// Both headers with a time.
fn headers(time: u32) -> Vec<Packet> {
    vec![media::video_header(time), media::audio_header(time)]
}
