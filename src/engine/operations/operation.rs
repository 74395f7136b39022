//! Operations for which an HTTP request waits, and their outcomes. Only the types.

use std::path::PathBuf;

use crate::engine::ids::StreamId;
use crate::engine::relay::state::{RelayId, RelayOrder};

/// What a module asks of the engine before it can answer an HTTP request
/// ([`Answer::Operate`](crate::engine::Answer::Operate)). The outcome is an [`OperationResult`] among the findings of the
/// request, with which the module is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// To start or stop a recorder of these streams.
    Record {
        /// The streams.
        streams: Vec<StreamId>,
        /// The name of the recorder; empty for that of the application.
        recorder: String,
        /// Whether it is started.
        start: bool,
    },
    /// To add or to end a relay.
    Relay(RelayOrder),
    /// To read the configuration again and to adopt it.
    Reload,
}

/// The outcome of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationResult {
    /// That of each stream, in their order. A stream that has ended meanwhile is left out.
    Record(Vec<(StreamId, RecordResult)>),
    /// The relay, or why there is none.
    Relay(Result<RelayId, String>),
    /// What has changed, or why nothing has.
    Reload(Result<String, String>),
    /// Nothing has been done, as too many operations are under way.
    Busy,
}

/// The outcome of starting or stopping a recorder of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordResult {
    /// The stream has no recorder of this name.
    NoRecorder,
    /// It records already, or does not record.
    Unchanged,
    /// It has begun or ended this file.
    Done(PathBuf),
    /// It begins this file, unless one of this name is there. [`Ctx::recording_began`](crate::engine::Ctx::recording_began) tells the outcome, for which the
    /// engine waits a while.
    Begins(PathBuf),
    /// No file can be begun, for this reason.
    Failed(String),
}
