//! Viewers of HLS show what players show: links, keys and tokens over real sockets, with programs that nobody here wrote.
//!
//! `access::` tests which credentials open what over RTMP; here it is what viewers get, how caches and players take it,
//! and that no way through the locations of a configuration leads around it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod apple;
mod behind_nginx;
mod layouts;
mod locations;
mod players;
mod refusals;
mod restart;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::Server;
use crate::common::http::{Connection, Reply, get};
use crate::common::media::{self, Packet};
use crate::common::player::Client;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret of the links.
const SECRET: &str = "links-are-made-with-this";

/// HLS whose playlists hold all of a short stream, for who shows a link.
const HLS: &str = "hls on; hls_endlist 0; hls_path FOLDER/hls; hls_fragment 1s; hls_playlist_length 60s;
    play_secret links-are-made-with-this;";

/// Seconds for which a link is taken beyond its end: clocks may differ by that much.
const SKEW: u64 = 30;

/// The seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The arguments of a link to `live/NAME` that says it is valid until then.
fn link_until(name: &str, expires: u64) -> String {
    link_for(name, expires, None)
}

/// The same for a client at one address.
fn link_for(name: &str, expires: u64, address: Option<&str>) -> String {
    let address = address.map(|address| format!("\n{address}")).unwrap_or_default();
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.update(format!("play\nlive/{name}\n{expires}{address}").as_bytes());
    let sig: String = hmac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("expires={expires}&sig={sig}")
}

/// The arguments of a link to `live/NAME` that is valid for an hour.
fn link(name: &str) -> String {
    link_until(name, now() + 3600)
}

/// Publishes a whole stream faster than real time: its playlist is finished when this returns.
fn publish(server: &Server, name: &str, packets: &[Packet]) {
    let mut publisher = Client::publish(server.rtmp(), name);
    publisher.send_all(packets);
    publisher.finish();
}

/// A few seconds of media.
fn some() -> Vec<Packet> {
    media::both(0, 4000)
}

/// The URIs of fragments or playlists that a playlist lists, as they stand there.
fn uris(playlist: &str) -> Vec<String> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The URIs of keys in a playlist.
fn keys(playlist: &str) -> Vec<String> {
    let quoted = |line: &str| Some(line.split_once("URI=\"")?.1.split_once('"')?.0.to_owned());
    let mut found: Vec<_> =
        playlist.lines().filter(|line| line.starts_with("#EXT-X-KEY:")).filter_map(quoted).collect();
    found.dedup();
    found
}

/// A guarded playlist, which only its viewer may keep, and only for a moment.
fn guarded(server: &Server, target: &str) -> String {
    let reply = get(server.http(), target);
    assert_eq!(reply.status, 200, "{target}: {}", server.log());
    expect_private(&reply, target);
    reply.text()
}

fn expect_private(reply: &Reply, target: &str) {
    assert_eq!(reply.header("cache-control"), "private, no-store", "{target}");
    for header in ["etag", "last-modified", "expires", "set-cookie"] {
        assert_eq!(reply.header(header), "", "{header} of {target}");
    }
}

/// A refusal, which nobody may keep and which says nothing of what is there.
fn expect_refused(connection: &mut Connection, target: &str) -> Reply {
    let reply = connection.get(target);
    assert_eq!(reply.status, 403, "{target}");
    assert_eq!(reply.header("cache-control"), "no-store", "{target}");
    for header in ["etag", "last-modified", "expires", "set-cookie", "location"] {
        assert_eq!(reply.header(header), "", "{header} of {target}");
    }
    reply
}
