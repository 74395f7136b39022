//! What a viewer asks for, as the gates and the callbacks see it.

use crate::engine::peer::Peer;
use crate::engine::viewing::files::HlsFile;

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

impl View {
    /// The word for the protocol of viewers, for programs.
    pub const PROTOCOL: &'static str = "hls";

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
