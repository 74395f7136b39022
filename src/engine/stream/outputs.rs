//! What a stream's outputs tell of themselves, for statistics: its recordings and its HLS.
//!
//! Recordings are written into the stream by the module that records; HLS is asked through
//! [`Sink::status`](crate::engine::Sink::status). Nothing here decides anything.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One recorder of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingStatus {
    /// The name of the recorder; empty for the one of the application itself.
    pub recorder: String,
    /// Whether it is started and stopped by an operator (`manual`).
    pub is_manual: bool,
    /// The file, or the last one.
    pub path: Option<PathBuf>,
    /// When the file began.
    pub since: Option<SystemTime>,
    /// Bytes of the file so far.
    pub size: u64,
    /// Frames in the file so far.
    pub frames: u64,
    /// What it does.
    pub state: RecordingState,
}

impl RecordingStatus {
    /// The name of the file, or of the last one, without its folder; empty if there has been none.
    pub fn file_name(&self) -> String {
        let name = self.path.as_deref().and_then(Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// What a recorder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingState {
    /// It writes a file.
    Recording,
    /// It has begun, and waits for a frame to begin its file with.
    Waiting,
    /// It cannot write, for this reason, and tries again.
    Failing(String),
    /// It does not record now.
    Stopped,
}

impl RecordingState {
    /// Its word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Waiting => "waiting",
            Self::Failing(_) => "failing",
            Self::Stopped => "stopped",
        }
    }
}

/// The HLS output of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HlsStatus {
    /// Fragments that were cut since the output began.
    pub fragments: u64,
    /// Fragments in the list now.
    pub listed: usize,
    /// When the last one was cut.
    pub last: Option<SystemTime>,
    /// Bytes of all fragments that were cut.
    pub bytes: u64,
    /// Why nothing can be written now.
    pub failing: Option<String>,
}
