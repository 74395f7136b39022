//! The arguments that say which clients are meant: `srv`, `app`, `name`, `addr`, `clientid`.

use std::net::IpAddr;

use super::arguments::{Text, find};
use crate::engine::{AppId, Ctx, Peer, SessionId, Stream, StreamId};

/// The applications of an RTMP server, by name, in the order of the file.
pub type Apps = Vec<(AppId, String)>;

/// Which clients are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The applications.
    apps: Vec<AppId>,
    /// The stream; none for all.
    name: Option<Text>,
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
            Some(text) => text.parse::<usize>().ok()?,
        };
        let app = find(query, "app").filter(|app| !app.is_empty()).map(Text::new);
        let apps = servers.get(server).map(Vec::as_slice);
        // A configuration without any RTMP server has nobody to end.
        let apps = if server == 0 { apps.unwrap_or_default() } else { apps? };
        let is_meant = |(_, name): &&(AppId, String)| app.as_ref().is_none_or(|app| app.is(name));
        let number = |text: &str| text.parse().map_or(ClientNumber::Nobody, ClientNumber::Of);
        Some(Self {
            apps: apps.iter().filter(is_meant).map(|(id, _)| *id).collect(),
            name: find(query, "name").map(Text::new),
            address: find(query, "addr").map(Text::new),
            client: find(query, "clientid").map(number),
        })
    }

    /// The streams that are meant, in the order of their applications and names.
    pub fn streams(&self, cx: &Ctx) -> Vec<StreamId> {
        let place = |stream: &Stream| self.apps.iter().position(|app| *app == stream.app);
        let is_meant = |stream: &&Stream| {
            place(stream).is_some()
                && self.name.as_ref().is_none_or(|name| name.is_stream(stream.name.as_str()))
        };
        let mut found: Vec<_> = cx.streams.iter().filter(is_meant).collect();
        found.sort_by(|one, other| (place(one), one.name.as_str()).cmp(&(place(other), other.name.as_str())));
        found.into_iter().map(|stream| stream.id).collect()
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
            && self.name.as_ref().is_none_or(|text| text.is_stream(name))
    }
}

/// Whether an address is meant, however it is written.
fn is_address(text: &Text, peer: Peer) -> bool {
    let ip = peer.ip();
    text.is(&peer.host()) || ip.is_some() && text.clone().decoded().parse::<IpAddr>().ok() == ip
}
