//! The files of all recordings, as the writer's jobs have them. Each method is one job.
//!
//! Once the server serves, only jobs look in here: the loop has `DiskJobs`, and gets a [`Report`] of what it has to
//! know. Jobs are done in the order in which they were added, so each sees what those before it have made.

pub(super) mod jobs;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use super::file::examination::Tail;
use super::file::names::Names;
use super::file::open::OpenFiles;
use super::file::piece::{Ending, Piece};
use super::file::script::Script;
use super::file::search::Search;
use super::file::{FileState, Finished, RecordingFile};
use super::retention::{InUse, Retention, RetentionStatus, Step};
use crate::engine::files::with_path;
use crate::engine::{Buffers, Handle, Now};

/// The file of one recording, or the search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileKey(pub u64);

#[derive(Debug, Default)]
pub struct Disk {
    /// The files that are being written or repaired.
    pub(super) open: OpenFiles,
    searches: HashMap<FileKey, Search>,
    files: HashMap<FileKey, RecordingFile>,
    pub(super) retention: Retention,
    buffers: Buffers,
}

/// The disk, for those that add jobs.
#[derive(Debug)]
pub struct SharedDisk {
    pub disk: Handle<Disk>,
    buffers: Buffers,
}

/// The file that a recording begins in.
#[derive(Debug)]
pub enum Source {
    /// A new one.
    New(NewFile),
    /// The one that its search has found.
    Found,
}

/// What a new file needs.
#[derive(Debug)]
pub struct NewFile {
    pub names: Names,
    pub lock: bool,
    /// The stream, as log lines name it.
    pub stream: String,
}

/// What has become of a job.
#[derive(Debug)]
pub struct Report {
    /// The token of the stream.
    pub stream: u64,
    pub key: FileKey,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    /// The search has to go on.
    Searching,
    /// The search has ended; the recording in the file that it has found, if it is one to append to.
    Found(Option<Box<Tail>>),
    /// The file of this path has its first frames.
    Begun(PathBuf),
    /// There is no file to record to.
    NotOpened(io::Error),
    /// A piece could not be written; no more are.
    NotWritten(io::Error),
    /// The file is not as it was left.
    Changed(FileState),
    /// The file is closed; none if there is nothing to tell of it.
    Closed(Option<Finished>),
    /// Whether the disk has room for the beginning of a file.
    HasRoom(bool),
}

impl SharedDisk {
    pub fn new(disk: Disk) -> Self {
        Self { buffers: disk.buffers.clone(), disk: Handle::new(disk) }
    }
}

impl Disk {
    /// Begins a search for a file to append to.
    fn begin_search(&mut self, key: FileKey, search: Search) -> Outcome {
        self.searches.insert(key, search);
        self.search(key).unwrap_or(Outcome::Searching)
    }

    /// Takes a search one step further.
    fn search(&mut self, key: FileKey) -> Option<Outcome> {
        let search = self.searches.get_mut(&key)?;
        let found = search.step(&mut self.open);
        if let Ok(None) = found {
            return Some(Outcome::Searching);
        }
        let stream = self.searches.remove(&key)?.stream().to_owned();
        Some(match found.transpose()? {
            Ok(opened) => {
                let (file, tail) = RecordingFile::new(opened, stream);
                self.files.insert(key, file);
                Outcome::Found(tail)
            }
            Err(error) => Outcome::NotOpened(error),
        })
    }

    /// Gives a search up, and leaves the file that it is examining, or has found, as it was.
    fn abandon_search(&mut self, key: FileKey, why: &str) {
        if let Some(search) = self.searches.remove(&key) {
            search.abandon(why);
        } else if let Some(file) = self.files.remove(&key) {
            if file.is_empty() {
                return discard(file);
            }
            log::warn!("{}: {} is not appended to: {why}", file.stream(), file.path().display());
        }
    }

    /// Begins a recording with its first frames, so that there is room for more than the name of its file. The file is
    /// kept for what comes next only then.
    fn begin(&mut self, key: FileKey, source: Source, piece: Piece) -> Option<Outcome> {
        let mut file = match source {
            Source::New(new) => match self.open.create(&new.names, new.lock) {
                Ok(opened) => RecordingFile::new(opened, new.stream).0,
                Err(error) => return Some(Outcome::NotOpened(error)),
            },
            Source::Found => self.files.remove(&key)?,
        };
        let written = file.write(&piece);
        self.buffers.give(piece.tags);
        let error = match written {
            Ok(None) => {
                let path = file.path().to_owned();
                self.files.insert(key, file);
                return Some(Outcome::Begun(path));
            }
            Ok(Some(_)) => with_path(file.path(), &io::Error::other("another program has truncated it")),
            Err(error) => error,
        };
        discard(file);
        Some(Outcome::NotWritten(error))
    }

    /// Closes the file of a recording that has failed, if a job has left it open.
    fn discard(&mut self, key: FileKey) -> Outcome {
        self.files.remove(&key).into_iter().for_each(discard);
        Outcome::Closed(None)
    }

    /// Writes the next piece of a recording.
    fn write(&mut self, key: FileKey, piece: Piece) -> Option<Outcome> {
        let written = self.files.get_mut(&key)?.write(&piece);
        self.buffers.give(piece.tags);
        match written {
            Ok(state) => state.map(Outcome::Changed),
            Err(error) => Some(Outcome::NotWritten(error)),
        }
    }

    /// Finishes a recording; an error is logged at `level`.
    fn close(&mut self, key: FileKey, ending: Ending, level: log::Level) -> Outcome {
        let Some(file) = self.files.remove(&key) else { return Outcome::Closed(None) };
        let stream = file.stream().to_owned();
        let finished = file.close(ending);
        if self.open.is_empty() {
            self.buffers.clear();
        }
        Outcome::Closed(finished.unwrap_or_else(|error| {
            log::log!(level, "{stream}: recording not finished: {error}");
            None
        }))
    }

    /// Lets go of a file that another program has removed or truncated.
    fn release(&mut self, key: FileKey) {
        if let Some(file) = self.files.remove(&key) {
            self.retention.release(file.into_lost());
        }
    }

    /// Begins to delete recordings, where that is due.
    fn check_retention(&mut self, now: Now) -> RetentionStatus {
        self.retention.begin_passes(now);
        self.retention.status(now, &self.open)
    }

    /// Takes the deletions one step further, but for recordings with these identities. After the last step it looks
    /// whether more is due.
    fn step_retention(&mut self, now: Now, awaited: &[String]) -> RetentionStatus {
        let is_awaited = |script: &Script| awaited.iter().any(|identity| script.may_be_of(identity));
        let in_use = InUse { files: &self.open, is_awaited: &is_awaited };
        let has_deleted = self.retention.step(now, &in_use) == Step::Deleted;
        if !self.retention.is_running() {
            self.retention.begin_passes(now);
        }
        RetentionStatus { has_deleted, ..self.retention.status(now, &self.open) }
    }
}

/// Nothing has been recorded, so no recording is finished, whatever the file had before.
fn discard(file: RecordingFile) {
    let stream = file.stream().to_owned();
    file.discard().unwrap_or_else(|error| log::debug!("{stream}: {error}"));
}
