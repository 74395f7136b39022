//! What callbacks tell of a client and of the server, whatever has happened.

use crate::engine::{ClientProtocol, Peer, View};

/// What callbacks tell of a client. It is the same in all of its callbacks, but for the application's name, which
/// the answer to `on_connect` may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFacts {
    /// What it speaks.
    pub protocol: Protocol,
    /// The name of the application.
    pub app: String,
    /// Name and version of the client's software; over HTTP, the header field User-Agent.
    pub flash_ver: String,
    /// The URL that the client was told to connect to, without its arguments; of a viewer, that of the playlist.
    pub tc_url: String,
    /// The page that a player in a browser stands in; over HTTP, the header field Referer.
    pub page_url: String,
    /// The file that such a player was loaded from.
    pub swf_url: String,
    /// The arguments of the connect, behind "?" in the application's name.
    pub args: String,
    /// The client's address; none if nothing is known of the client any more.
    pub peer: Option<Peer>,
    /// The number of the session or of the viewer, as the log shows it.
    pub client_id: u32,
    /// When the session began, in milliseconds. Only the lowest 32 bits count, as in nginx-rtmp.
    pub epoch_ms: u32,
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// That of a session, which is sent the media.
    Session(ClientProtocol),
    /// HLS over HTTP, in which clients only play.
    Hls,
}

impl Protocol {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Session(protocol) => protocol.word(),
            Self::Hls => View::PROTOCOL,
        }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Self::Session(ClientProtocol::Rtmp)
    }
}

/// What SRS's and MediaMTX's callbacks tell of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// SRS's name of the server: "vid-" and digits. Another one at each start.
    pub server_id: String,
    /// SRS's name of this run of the server.
    pub service_id: String,
    /// The folder that the process works in.
    pub folder: String,
    /// Another number at each start: what makes MediaMTX's ids of clients differ from those of the run before.
    pub seed: u64,
}

impl ServerFacts {
    /// The facts of a server that works in a folder, with ids made from a random number.
    pub fn new(seed: u64, folder: String) -> Self {
        let id = |number: u64| format!("vid-{:07x}", number & 0x0fff_ffff);
        Self { server_id: id(seed), service_id: id(seed >> 28), folder, seed }
    }
}
