//! Notices: what one module announces to all of them.
//!
//! [`Ctx::announce`](super::Ctx::announce) queues one, and [`Module::on_notice`](super::Module::on_notice) gets it in a
//! step of its own, so no hook runs inside another.

pub(in crate::engine) mod last_publishers;

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::ids::AppId;
use crate::engine::stream::name::StreamName;

/// The most notices that wait. They are delivered before anything else ends, so many wait only if one hook announces
/// that many.
pub(super) const MAX_NOTICES: usize = 1024;

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A recording is finished: nothing more is written to its file.
    Recorded(Recording),
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The application of its stream.
    pub app: AppId,
    /// The name of its stream, which may have ended.
    pub stream: StreamName,
    /// The name of its `recorder` block; empty for the application's own recorder.
    pub recorder: String,
    /// The path at which the file was opened.
    pub path: PathBuf,
    /// The length of its media, with what the file had before.
    pub length: Duration,
    /// The size of the file, in bytes.
    pub size: u64,
}
