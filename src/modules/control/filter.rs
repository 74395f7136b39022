//! The arguments that say which clients are meant: `srv`, `app`, `name`, `addr`, `clientid`.

use std::net::IpAddr;

use super::arguments::{Text, find};
use crate::engine::{AppId, Ctx, Peer, SessionId, Stream, StreamId, StreamName};

/// The applications of an RTMP server, by name, in the order of the file.
pub type Apps = Vec<(AppId, String)>;

/// Which clients are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The applications.
    apps: Vec<AppId>,
    /// The names of the stream; none for all streams.
    names: Option<Vec<StreamName>>,
    /// The address of the client; none for all.
    address: Option<Text>,
    /// The number of the client by which statistics and logs know it; none for all.
    pub client: Option<ClientNumber>,
}

/// The number of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientNumber {
    /// What was given is no number: nobody has it.
    Nobody,
    Of(u32),
}

impl Filter {
    /// None if there is no such server: without `srv` it is the first one, as in nginx.
    pub fn read(query: &str, servers: &[Apps]) -> Option<Self> {
        let server = match find(query, "srv") {
            None => 0,
            Some(text) => usize::try_from(number(text)?).ok()?,
        };
        let app = find(query, "app").filter(|app| !app.is_empty()).map(Text::new);
        let apps = servers.get(server).map(Vec::as_slice);
        // A configuration without any RTMP server has nobody to end.
        let apps = if server == 0 { apps.unwrap_or_default() } else { apps? };
        let is_meant = |(_, name): &&(AppId, String)| app.as_ref().is_none_or(|app| app.is(name));
        let client = |text: &str| number(text).map_or(ClientNumber::Nobody, ClientNumber::Of);
        Some(Self {
            apps: apps.iter().filter(is_meant).map(|(id, _)| *id).collect(),
            names: find(query, "name").map(|name| Text::new(name).streams()),
            address: find(query, "addr").map(Text::new),
            client: find(query, "clientid").map(client),
        })
    }

    /// The files that are meant, if somebody plays them.
    pub fn files(&self, cx: &Ctx) -> Vec<StreamId> {
        let is_named = |stream: &Stream| self.names.as_ref().is_none_or(|names| names.contains(&stream.name));
        let files = cx.streams.files().filter(|stream| self.apps.contains(&stream.app));
        files.filter(|stream| is_named(stream)).map(|stream| stream.id).collect()
    }

    /// The streams that are meant, in the order of their applications and names.
    pub fn streams(&self, cx: &Ctx) -> Vec<StreamId> {
        if let Some(names) = &self.names {
            let of = |app| names.iter().filter_map(move |name| cx.streams.find(app, name));
            return self.apps.iter().flat_map(|app| of(*app)).map(|stream| stream.id).collect();
        }
        let place = |stream: &Stream| self.apps.iter().position(|app| *app == stream.app);
        let placed = cx.streams.iter().filter_map(|stream| Some(((place(stream)?, &stream.name), stream.id)));
        let mut found: Vec<_> = placed.collect();
        found.sort_unstable_by(|((place, name), _), (other, _)| {
            (place, name.as_str()).cmp(&(&other.0, other.1.as_str()))
        });
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether the client of a session is meant.
    pub fn is_client(&self, cx: &Ctx, id: SessionId) -> bool {
        let is_number = match self.client {
            None => true,
            Some(ClientNumber::Nobody) => false,
            Some(ClientNumber::Of(number)) => number == id.serial(),
        };
        let is_at = |peer: Peer| self.address.as_ref().is_none_or(|address| is_address(address, peer));
        is_number && cx.sessions.get(id).is_some_and(|session| is_at(session.peer))
    }

    /// Whether a viewer of HLS who watches this is meant. The address of a viewer is not known.
    pub fn is_viewer(&self, app: AppId, name: &str) -> bool {
        self.address.is_none()
            && self.apps.contains(&app)
            && self.names.as_ref().is_none_or(|names| names.iter().any(|meant| meant.as_str() == name))
    }
}

/// A number as nginx reads it: digits alone.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether an address is meant, however it is written.
fn is_address(text: &Text, peer: Peer) -> bool {
    let ip = peer.ip();
    text.is(&peer.host()) || ip.is_some() && text.clone().decoded().parse::<IpAddr>().ok() == ip
}
