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

/// Why a start has come to nothing.
const STOPPED_BEFORE: &str = "the recorder was stopped before its file had begun";

impl Recorder {
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// Another publisher has come: what was said of the one before holds only if it was to record.
    pub(super) fn forget_stop(&mut self) {
        self.said = self.said.filter(|said| *said == Said::Start);
    }

    /// The path of the file that it writes, and whether that is certain.
    fn file_path(&self) -> Option<(PathBuf, bool)> {
        match &self.state {
            State::Writing(writing) => {
                let output = writing.current();
                Some((output.likely_path().to_owned(), output.path().is_some()))
            }
            State::Searching(searching) => {
                Some((searching.start.names.candidates().next().unwrap_or_default(), false))
            }
            State::Idle | State::Waiting(_) | State::Full(_) => None,
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
        self.answer_starts(STOPPED_BEFORE);
        // A file that is still searched for gets what waits for it.
        self.stop_searching(STOPPED);
        let path = self.recorder.file_path();
        self.close();
        self.recorder.state = State::Idle;
        path.map_or(RecordResult::Unchanged, |(path, _)| RecordResult::Done(path))
    }

    /// Tells whoever has started the recorder and waits for its file what becomes of that, as nothing follows.
    pub(super) fn answer_starts(&mut self, why: &str) {
        let result = match self.recorder.file_path() {
            Some((_, true)) => return,
            Some((path, false)) => RecordResult::Done(path),
            None if matches!(self.recorder.state, State::Waiting(_)) => RecordResult::Failed(why.to_owned()),
            None => return,
        };
        self.shared.began.push((self.recorder.name.clone(), result));
    }
}
