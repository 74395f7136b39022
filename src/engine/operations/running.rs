//! The operations that are under way. Only the data: `waiting.rs` moves them on.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use crate::engine::ids::{SessionId, StreamId};
use crate::engine::operations::operation::RecordResult;

/// The operations that are under way, by the sessions whose requests wait for them.
#[derive(Debug, Default)]
pub(in crate::engine) struct Running(pub(super) HashMap<SessionId, Run>);

/// One operation.
#[derive(Debug)]
pub(super) struct Run {
    pub until: Instant,
    pub state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Recorders are asked, those of the first streams first.
    Asking { streams: std::vec::IntoIter<StreamId>, recorder: Rc<str>, start: bool, results: Results },
    /// All have been asked, and files are waited for.
    Beginning { recorder: Rc<str>, results: Results },
    /// A reload has been asked for. One that is under way has begun before, and may have read an older file.
    Asked,
    /// The reload has begun.
    Reloading,
}

impl Running {
    /// Whether there is none.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(super) type Results = Vec<(StreamId, RecordResult)>;

impl RecordResult {
    /// The outcome if it is not waited for any longer.
    pub(super) fn settled(self) -> Self {
        match self {
            Self::Begins(path) => Self::Done(path),
            other => other,
        }
    }
}
