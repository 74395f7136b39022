//! HTTP-FLV and WebSocket-FLV, one subject a file; `client` has a player that is strict about every byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod bytes;
mod client;
mod cors;
mod guide;
mod hostile;
mod players;
mod reload;
mod statistics;
mod urls;
mod websocket;

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};

use crate::common::Server;
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use client::FlvPlayer;

/// A server with an application `live`, and its streams by HTTP.
fn flv_server(app: &str) -> Server {
    Server::start(&flv_configuration(app, ""))
}

/// The configuration of such a server; `location` has further directives.
fn flv_configuration(app: &str, location: &str) -> String {
    format!(
        "rtmp {{ server {{ listen 127.0.0.1:0; application live {{ live on; {app} }} }} }}
         http {{ server {{ listen 127.0.0.1:0; location / {{ flv_live on; {location} }}
             location /told/ {{ millstream_api act; }} location /metrics {{ metrics on; }} location /stat {{ rtmp_stat all; }}
             location /json {{ rtmp_stat all; rtmp_stat_format json; }}
             location /api/ {{ api_views srs; }} location /v3/ {{ api_views mediamtx; }} }} }}"
    )
}

/// A connection whose socket is prepared before it connects.
fn connect_with(address: SocketAddr, prepare: impl FnOnce(&OwnedFd)) -> TcpStream {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    prepare(&socket);
    connect(socket.as_raw_fd(), &SockaddrStorage::from(address)).unwrap();
    socket.into()
}

/// The packets of a track, without what the server may send again when it begins: its header alone once.
fn track(packets: &[Packet], kind: u8) -> Vec<Packet> {
    media::track(packets, kind)
}

/// Publishes packets, and checks that a player gets each track of them, with times that begin at 0.
fn expect_all(publisher: &mut Client, player: &mut FlvPlayer, packets: &[Packet]) {
    let start = packets[0].timestamp;
    publisher.send_all(packets);
    let received = player.media(packets.len());
    for kind in [8, 9] {
        let mut sent = track(packets, kind);
        sent.iter_mut().for_each(|packet| packet.timestamp -= start);
        assert_eq!(track(&received, kind), sent, "track {kind}");
    }
}
