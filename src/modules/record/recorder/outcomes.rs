//! What a recorder does when a job for one of its files is done, or has failed.

use std::io;
use std::path::PathBuf;

use super::retry::Retry;
use super::{ENDED, Next, RecordEvent, RecorderAt, State};
use crate::engine::RecordResult;
use crate::modules::record::disk::{FileKey, Outcome, Source};
use crate::modules::record::file::FileState;
use crate::modules::record::file::examination::Tail;
use crate::modules::record::wait::{Beginning, Wait};

impl RecorderAt<'_> {
    /// Takes the outcome of a job for a file of the recorder's.
    pub fn report(&mut self, key: FileKey, outcome: Outcome) {
        match outcome {
            Outcome::Searching => self.continue_search(key),
            Outcome::Found(tail) => self.end_search(tail),
            Outcome::Begun(path) => self.begun(key, path),
            Outcome::NotOpened(error) => self.failed(key, &error, Beginning::CachedGroup),
            Outcome::NotWritten(error) => self.not_written(key, &error),
            Outcome::Changed(state) => self.changed(key, state),
            Outcome::HasRoom(has_room) => self.recorder.retry.answer(has_room, self.now.instant),
            Outcome::Closed(_) => {}
        }
        if self.recorder.has_ended {
            self.close();
        }
    }

    /// A job for a file of the recorder's has panicked.
    pub fn recover(&mut self, key: FileKey, error: &io::Error) {
        if self.recorder.retry.awaits(key) {
            self.retry_later(error);
        } else if self.recorder.is_searching() {
            // The same search would panic again.
            self.stop_searching("of a fault of the server");
        } else {
            self.not_written(key, error);
        }
        if self.recorder.has_ended {
            self.close();
        }
    }

    fn continue_search(&mut self, key: FileKey) {
        let State::Searching(searching) = &mut self.recorder.state else { return };
        searching.steps += 1;
        if self.recorder.has_ended && searching.is_long() {
            self.stop_searching(ENDED);
        } else {
            self.disk.search(key);
        }
    }

    /// Records to the file that a search has found or made.
    fn end_search(&mut self, tail: Option<Box<Tail>>) {
        if let Some(searching) = self.take_searching() {
            self.write_to(searching.start, Source::Found, tail);
        }
    }

    /// A file has its first frames.
    fn begun(&mut self, key: FileKey, path: PathBuf) {
        let State::Writing(writing) = &self.recorder.state else { return };
        if writing.is_next(key) {
            self.take_next();
        }
        let State::Writing(writing) = &mut self.recorder.state else { return };
        let goes_on = if writing.output.is_appended() { ", behind what is there" } else { "" };
        log::info!("{} is recorded to {}{goes_on}", self.recorder.label, path.display());
        self.shared.began.push((self.recorder.name.clone(), RecordResult::Done(path.clone())));
        writing.output.begun(path);
        self.events.push(RecordEvent::Started);
        self.recorder.appends = false;
        self.recorder.retry = Retry::default();
        self.recorder.last_error = None;
        self.shared.needs_room = true;
    }

    /// A piece could not be written.
    fn not_written(&mut self, key: FileKey, error: &io::Error) {
        let State::Writing(writing) = &self.recorder.state else { return };
        // What limits the size of a file would end each that begins with as much.
        let is_first = writing.output.path().is_none();
        let from = if is_first { Beginning::KeyFrame } else { Beginning::CachedGroup };
        self.failed(key, error, from);
    }

    /// There is no file, or nothing more is written to it.
    fn failed(&mut self, key: FileKey, error: &io::Error, from: Beginning) {
        let State::Writing(writing) = &mut self.recorder.state else { return self.fail(error, from) };
        if writing.is_next(key) {
            self.keep_present(error);
        } else if writing.next.is_some() {
            self.retry_later(error);
            self.take_next();
        } else {
            self.fail(error, from);
        }
    }

    /// The next file cannot be made: the present one gets the frames that were for it.
    fn keep_present(&mut self, error: &io::Error) {
        let State::Writing(writing) = &mut self.recorder.state else { return };
        let Some(Next { output, held }) = writing.next.take() else { return };
        self.disk.discard(output.key());
        self.retry_later(error);
        held.frames.iter().for_each(|frame| self.add(frame));
    }

    /// A file has been removed, moved or truncated. What is written to a removed or truncated file is lost, so another
    /// begins at once, with the cached group; a moved one is written up to the next key frame, so nothing is lost.
    fn changed(&mut self, key: FileKey, state: FileState) {
        let State::Writing(writing) = &mut self.recorder.state else { return };
        let label = &self.recorder.label;
        let path = writing.output.path().unwrap_or(std::path::Path::new("a file")).display();
        let how = match state {
            FileState::Removed => "removed",
            FileState::Truncated => "truncated by another program",
            FileState::Kept | FileState::Moved | FileState::Unknown | FileState::Failed => {
                log::info!("{label}: {path} has been moved away; the next key frame begins another file");
                return writing.output.moved();
            }
        };
        log::warn!("{label}: {path} has been {how} while it was recorded; another file is begun");
        self.shared.lost.push(key);
        self.events.push(RecordEvent::Stopped);
        match writing.next.take() {
            Some(Next { output, .. }) => writing.output = output,
            None => self.recorder.state = State::Waiting(Wait::default()),
        }
    }
}
