//! What an operator has a recorder do: start or stop, whatever its `record` says.
//!
//! A recorder that was started records until it is stopped or the stream ends, also from the next publisher. One that was
//! stopped stays so until it is started or another publisher comes.

use std::path::PathBuf;

use super::retry::Retry;
use super::{Recorder, RecorderAt, Said, State};
use crate::engine::{RecordResult, Stream};
use crate::modules::record::wait::Wait;

/// The reason to give up a repair.
const STOPPED: &str = "it was stopped before it was repaired";

impl Recorder {
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// Another publisher has come: what was said of the one before holds only if it was to record.
    pub(super) fn forget_stop(&mut self) {
        self.said = self.said.filter(|said| *said == Said::Start);
    }

    fn file_path(&self) -> Option<PathBuf> {
        match &self.state {
            State::Writing(writing) => writing.current().path().map(ToOwned::to_owned),
            State::Idle | State::Waiting(_) | State::Searching(_) | State::Full(_) => None,
        }
    }
}

impl RecorderAt<'_> {
    /// Starts it. Its file begins with the next frame or the next key frame, and has the time of now in its name.
    pub fn start_by_operator(&mut self, stream: &Stream) -> RecordResult {
        self.note_publisher(stream);
        self.recorder.said = Some(Said::Start);
        let is_failing = self.recorder.retry.has_failed();
        match self.recorder.state {
            State::Idle => {
                self.recorder.appends = self.settings.append;
                self.recorder.state = State::Waiting(Wait::default());
            }
            // The cause may be gone: it is tried at once.
            State::Waiting(_) if is_failing => {}
            State::Waiting(_) | State::Searching(_) | State::Writing(_) | State::Full(_) => {
                return RecordResult::Unchanged;
            }
        }
        self.recorder.retry = Retry::default();
        let names = self.settings.names(self.recorder.stream.as_str(), self.now.wall);
        let path = names.candidates().next().unwrap_or_default();
        self.recorder.names = Some(names);
        RecordResult::Begins(path)
    }

    /// Stops it, and ends its file.
    pub fn stop_by_operator(&mut self, stream: &Stream) -> RecordResult {
        self.note_publisher(stream);
        self.recorder.said = Some(Said::Stop);
        self.recorder.names = None;
        // A file that is still searched for gets what waits for it.
        self.stop_searching(STOPPED);
        let has_file = matches!(self.recorder.state, State::Writing(_));
        let path = self.recorder.file_path();
        self.close();
        self.recorder.state = State::Idle;
        match path {
            Some(path) => RecordResult::Done(path),
            None if has_file => {
                let names = self.settings.names(stream.name.as_str(), self.now.wall);
                names.candidates().next().map_or(RecordResult::Unchanged, RecordResult::Done)
            }
            None => RecordResult::Unchanged,
        }
    }
}
