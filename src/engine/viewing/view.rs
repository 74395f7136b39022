//! What a viewer asks for, as the gates and the callbacks see it.

use crate::engine::http::request::HttpRequest;
use crate::engine::peer::Peer;
use crate::engine::viewing::files::HlsFile;
use crate::engine::viewing::identity::{MAX_FIELD, start_of};
use crate::http::path;

/// A request for a file of HLS by a viewer that is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The number that the viewer will have.
    pub id: ViewerId,
    /// The file.
    pub file: HlsFile,
    /// The viewer's address, which a trusted proxy may have told.
    pub peer: Peer,
    /// Whether that is the address of a trusted proxy itself, so that many viewers may be behind it.
    pub is_proxy: bool,
    /// The header field User-Agent, at most 1024 bytes of it.
    pub user_agent: String,
    /// The header field Referer, likewise.
    pub referer: String,
    /// The URL that is asked for, without its query: `http://HOST/hls/cam.m3u8`.
    pub url: String,
}

/// What is known of a request for a file of HLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Admission {
    /// It has not been asked, or the request is for no such file.
    #[default]
    Unasked,
    /// This file may be sent.
    Admitted(HlsFile),
    /// Nothing may be sent.
    TurnedAway,
}

impl View {
    /// The request of a viewer.
    pub(in crate::engine) fn of(request: &HttpRequest, file: HlsFile, id: ViewerId) -> Self {
        let field = |name| request.head.headers.get(name).map_or("", |text| start_of(text, MAX_FIELD));
        Self {
            id,
            file,
            peer: request.peer,
            is_proxy: request.is_of_proxy(),
            user_agent: field("user-agent").to_owned(),
            referer: field("referer").to_owned(),
            url: format!(
                "http://{}{}",
                field("host"),
                start_of(&path::encode(&request.head.path), MAX_FIELD)
            ),
        }
    }

    /// Bytes of memory of its texts.
    pub(in crate::engine) fn texts(&self) -> usize {
        let Self { file, user_agent, referer, url, .. } = self;
        [&file.name, user_agent, referer, url].into_iter().map(String::capacity).sum()
    }
}

/// A viewer in the table. No other has the same, and no session has it as its serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewerId(pub(in crate::engine) u32);

impl ViewerId {
    /// The number by which logs and callbacks know the viewer.
    pub fn serial(self) -> u32 {
        self.0
    }
}
