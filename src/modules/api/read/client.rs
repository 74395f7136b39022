//! What is told of a client: a session that publishes or plays, or a viewer of HLS.

use std::borrow::Cow;

use serde::Serialize;

use super::parts::{Queue, address, ms_since};
use crate::auth::mask;
use crate::engine::{Ctx, Player, Session, SessionRole, Stream, TrackState, View, ViewerFacts};
use crate::media::Kind;

/// A session of RTMP, which publishes, plays, both, or is about to; or one of HTTP, which plays.
#[derive(Debug, Serialize)]
pub struct ClientFacts<'a> {
    id: u32,
    /// The word of its [`ClientProtocol`](crate::engine::ClientProtocol).
    protocol: &'static str,
    address: String,
    /// Of an encrypted connection only.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    app: &'a str,
    connected_ms: u64,
    /// Since its last byte.
    silent_ms: u64,
    bytes_in: u64,
    bytes_out: u64,
    queue: Queue,
    flash_ver: &'a str,
    tc_url: String,
    page_url: Cow<'a, str>,
    swf_url: Cow<'a, str>,
    roles: Vec<Role<'a>>,
}

/// How a connection is encrypted.
#[derive(Debug, Serialize)]
struct Tls {
    version: &'static str,
    suite: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Role<'a> {
    Publish {
        app: &'a str,
        stream: &'a str,
    },
    Play {
        app: &'a str,
        stream: &'a str,
        since_ms: u64,
        /// Of a player of a file: the time of the media that it has been sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        file_ms: Option<u64>,
        paused: bool,
        /// Frames that it has not got, as it was too slow.
        dropped: u64,
        video: &'static str,
        audio: &'static str,
    },
}

/// A viewer of HLS.
#[derive(Debug, Serialize)]
pub struct ViewerJson<'a> {
    id: u32,
    protocol: &'static str,
    app: &'a str,
    stream: &'a str,
    /// Since it has asked for a playlist.
    silent_ms: u64,
}

impl<'a> ClientFacts<'a> {
    /// None for a session that is not connected to an application, or not any more, and for one of a relay.
    pub fn of(cx: &'a Ctx, session: &'a Session) -> Option<Self> {
        let is_there = !session.is_relay() && !session.is_ending();
        let (client, now) = (session.client().filter(|_| is_there)?, cx.now.instant);
        let app = cx.app_of(session.id).and_then(|app| cx.apps.get(app)).map_or("", |app| &app.name);
        Some(Self {
            id: session.id.serial(),
            protocol: session.client_protocol().word(),
            address: address(session.peer),
            tls: session.tls.as_deref().map(|facts| Tls { version: facts.version, suite: facts.suite }),
            app,
            connected_ms: ms_since(Some(session.opened), now),
            silent_ms: ms_since(Some(session.last_input), now),
            bytes_in: session.bytes_in,
            bytes_out: session.bytes_out,
            queue: Queue::of(session),
            flash_ver: client.flash_ver(),
            tc_url: mask::connected(client.tc_url(), app),
            page_url: mask::page(client.page_url()),
            swf_url: mask::page(client.swf_url()),
            roles: session.roles().iter().filter_map(|role| Role::of(cx, role)).collect(),
        })
    }
}

impl<'a> Role<'a> {
    fn of(cx: &'a Ctx, role: &SessionRole) -> Option<Self> {
        let stream = cx.streams.get(role.stream())?;
        let app = cx.apps.get(stream.app).map_or("", |app| app.name.as_str());
        Some(match role {
            SessionRole::Publisher { .. } => Self::Publish { app, stream: stream.name.as_str() },
            SessionRole::Player(player) => Self::play(cx, app, stream, player),
        })
    }

    fn play(cx: &Ctx, app: &'a str, stream: &'a Stream, player: &Player) -> Self {
        Self::Play {
            app,
            stream: stream.name.as_str(),
            since_ms: ms_since(Some(player.joined_at()), cx.now.instant),
            file_ms: player.file_time(),
            paused: player.is_paused(),
            dropped: player.dropped(),
            video: track(player, Kind::Video),
            audio: track(player, Kind::Audio),
        }
    }
}

impl<'a> ViewerJson<'a> {
    pub fn new(cx: &'a Ctx, viewer: &'a ViewerFacts) -> Self {
        Self {
            id: viewer.id.serial(),
            protocol: View::PROTOCOL,
            app: cx.apps.get(viewer.app).map_or("", |app| &app.name),
            stream: &viewer.name,
            silent_ms: ms_since(viewer.seen, cx.now.instant),
        }
    }
}

fn track(player: &Player, kind: Kind) -> &'static str {
    match player.track(kind) {
        // A file waits for nothing.
        TrackState::Waiting if player.is_of_file() => "running",
        TrackState::Waiting => "waiting",
        TrackState::Running => "running",
        TrackState::Off => "off",
    }
}
