//! What is told of a client: a session of RTMP, or a viewer of HLS.

use serde::Serialize;

use super::parts::{Queue, address, ms_since};
use crate::engine::{Ctx, Player, Session, SessionRole, Stream, TrackState, ViewerFacts};
use crate::media::Kind;

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Rtmp,
    Hls,
}

/// A session of RTMP, which publishes, plays, both, or is about to.
#[derive(Debug, Serialize)]
pub struct ClientFacts<'a> {
    id: u32,
    protocol: Protocol,
    address: String,
    app: &'a str,
    connected_ms: u64,
    /// Since its last byte.
    silent_ms: u64,
    bytes_in: u64,
    bytes_out: u64,
    queue: Queue,
    flash_ver: &'a str,
    tc_url: String,
    page_url: &'a str,
    swf_url: &'a str,
    roles: Vec<Role<'a>>,
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
    protocol: Protocol,
    app: &'a str,
    stream: &'a str,
    /// Since it has asked for a playlist.
    silent_ms: u64,
}

impl<'a> ClientFacts<'a> {
    /// None for a session that is not connected to an application.
    pub fn of(cx: &'a Ctx, session: &'a Session) -> Option<Self> {
        let (client, now) = (session.client()?, cx.now.instant);
        let app = cx.app_of(session.id).and_then(|app| cx.apps.get(app)).map_or("", |app| &app.name);
        Some(Self {
            id: session.id.serial(),
            protocol: Protocol::Rtmp,
            address: address(session.peer),
            app,
            connected_ms: ms_since(Some(session.opened), now),
            silent_ms: ms_since(Some(session.last_input), now),
            bytes_in: session.bytes_in,
            bytes_out: session.bytes_out,
            queue: Queue::of(session),
            flash_ver: client.flash_ver(),
            tc_url: connected_url(client.tc_url(), app),
            page_url: without_arguments(client.page_url()),
            swf_url: without_arguments(client.swf_url()),
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
            paused: player.is_paused(),
            dropped: player.dropped(),
            video: track(player.track(Kind::Video)),
            audio: track(player.track(Kind::Audio)),
        }
    }
}

impl<'a> ViewerJson<'a> {
    pub fn new(cx: &'a Ctx, viewer: &'a ViewerFacts) -> Self {
        Self {
            id: viewer.id.serial(),
            protocol: Protocol::Hls,
            app: cx.apps.get(viewer.app).map_or("", |app| &app.name),
            stream: &viewer.name,
            silent_ms: ms_since(viewer.seen, cx.now.instant),
        }
    }
}

fn track(state: TrackState) -> &'static str {
    match state {
        TrackState::Waiting => "waiting",
        TrackState::Running => "running",
        TrackState::Off => "off",
    }
}

/// A URL without what may be secret arguments.
fn without_arguments(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The URL that a client has connected to: scheme, host and application. What stands in place of the application may be
/// a key, and what stands before the host a password.
fn connected_url(url: &str, app: &str) -> String {
    let Some((scheme, rest)) = without_arguments(url).split_once("://") else { return String::new() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.trim_end_matches('/');
    let shown = if path == app || path.is_empty() { path } else { "***" };
    format!("{scheme}://{host}/{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_arguments_nor_keys_nor_passwords_of_a_url_are_told() {
        for (url, shown) in [
            ("rtmp://host/live", "rtmp://host/live"),
            ("rtmp://host:1936/live/", "rtmp://host:1936/live"),
            ("rtmp://host/live?key=secret", "rtmp://host/live"),
            ("rtmp://host/live#secret", "rtmp://host/live"),
            ("rtmp://user:secret@host/live", "rtmp://host/live"),
            ("rtmp://host/secret", "rtmp://host/***"),
            ("rtmp://host/live/secret", "rtmp://host/***"),
            ("rtmp://host", "rtmp://host/"),
            ("nonsense", ""),
            ("", ""),
        ] {
            assert_eq!(connected_url(url, "live"), shown);
        }
        assert_eq!(without_arguments("http://page/a?token=secret"), "http://page/a");
    }
}
