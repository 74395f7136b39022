//! What a stream's outputs tell of themselves, for statistics: its recordings and its HLS.
//!
//! Recordings are written into the stream by the module that records; HLS is asked through
//! [`Sink::status`](crate::engine::Sink::status). Nothing here decides anything.

use std::path::PathBuf;
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
