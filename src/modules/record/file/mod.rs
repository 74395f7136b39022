//! The file of a recording, as the writer's jobs have it.
//!
//! The loop gathers tags and gives them away in pieces; see `output`. Every piece ends with a whole tag. The file's
//! first tag is written anew, in place, once a minute and when the file is closed.

pub(super) mod contents;
pub(super) mod examination;
pub(super) mod names;
pub(super) mod open;
pub(super) mod piece;
mod scan;
pub(super) mod script;
pub(super) mod search;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::files::with_path;
use examination::Tail;
use open::{OpenMark, Opened, id_of};
use piece::{Ending, Piece};
use script::FileStage;

/// A file that is being written. It has to be closed: dropped, it is as after a crash.
#[derive(Debug)]
pub struct RecordingFile {
    file: File,
    path: PathBuf,
    mark: OpenMark,
    /// The stream, as log lines name it.
    stream: String,
    /// Bytes that are kept. Invariant: they end with a whole tag.
    written: u64,
    /// The time of the last of these tags, milliseconds.
    time: u64,
    /// Bytes behind them, which the first piece replaces.
    torn: u64,
    state: FileState,
}

/// A file that has been finished.
#[derive(Debug)]
pub struct Finished {
    /// Its path at the beginning.
    pub path: PathBuf,
    /// Of media, with what was there before.
    pub length: Duration,
    /// Bytes.
    pub size: u64,
}

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// At its path.
    Kept,
    /// Somewhere else: its name has been changed, or that of a folder above it, and another may have its path.
    Moved,
    /// Nowhere: it has been removed.
    Removed,
    /// It has lost a part of what was written, by another program: to write behind that would leave a hole.
    Truncated,
    /// On its file system a path does not lead to what is written, so it cannot be found out.
    Unknown,
    /// Writing to it has failed. It ends with what had been written before.
    Failed,
}

impl RecordingFile {
    /// The file, and what is known of the recording in it.
    pub fn new(opened: Opened, stream: String) -> (Self, Option<Box<Tail>>) {
        let Opened { file, path, tail, mark } = opened;
        let (written, time) = tail.as_ref().map_or((0, 0), |tail| (tail.size, tail.time));
        let torn = file.metadata().map_or(0, |file| file.len().saturating_sub(written));
        let mut recording = Self { file, path, mark, stream, written, time, torn, state: FileState::Kept };
        recording.state = match recording.locate() {
            // It was just opened by its path.
            FileState::Moved => FileState::Unknown,
            state => state,
        };
        (recording, tail)
    }

    /// Writes a piece behind what is there, unless the file is lost. If that fails, the file is cut back to what had
    /// been written, and gets no more pieces. Returns the state of the file if that has changed.
    pub fn write(&mut self, piece: &Piece) -> io::Result<Option<FileState>> {
        let before = self.state;
        if piece.looks && before == FileState::Kept {
            self.state = self.locate();
        }
        if !self.state.is_lost() && self.is_truncated() {
            self.state = FileState::Truncated;
        }
        if !self.state.is_lost()
            && let Err(error) = self.put(piece)
        {
            self.state = FileState::Failed;
            return Err(with_path(&self.path, &error));
        }
        Ok((self.state != before).then_some(self.state))
    }

    /// Closes the file: its head gets what is in it now. One that another program has truncated is left as it is.
    pub fn close(mut self, ending: Ending) -> io::Result<Option<Finished>> {
        let Ending { piece, script, mut contents } = ending;
        let written = self.write(&piece);
        if self.state == FileState::Truncated {
            return Ok(None);
        }
        contents.cut(self.written, self.time);
        let head = script.map(|script| script.head(&contents, self.written, FileStage::Complete));
        let result = self.file.write_all_at(&head.unwrap_or_default(), 0);
        written?;
        result.map_err(|error| with_path(&self.path, &error))?;
        let (length, size) = (Duration::from_millis(contents.duration), self.written);
        Ok(Some(Finished { path: self.path, length, size }))
    }

    /// Closes a file in which nothing has been recorded, and removes it if there is nothing in it.
    pub fn discard(self) -> io::Result<()> {
        // Another file may have its path.
        let is_empty = self.written == 0 && self.locate() == FileState::Kept;
        if is_empty { std::fs::remove_file(&self.path) } else { Ok(()) }
    }

    /// The open file of a recording in which nothing needs to be written any more.
    pub fn into_lost(self) -> File {
        self.file
    }

    /// True if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.written == 0 && self.torn == 0
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stream, as log lines name it.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    fn put(&mut self, piece: &Piece) -> io::Result<()> {
        if !piece.tags.is_empty() {
            self.cut_torn_end()?;
            if let Err(error) = self.file.write_all_at(&piece.tags, self.written) {
                self.cut();
                return Err(error);
            }
            (self.written, self.time) = (self.written + piece.tags.len() as u64, piece.time);
        }
        piece.head.as_ref().map_or(Ok(()), |head| self.file.write_all_at(head, 0))
    }

    fn cut_torn_end(&mut self) -> io::Result<()> {
        let torn = std::mem::take(&mut self.torn);
        if torn == 0 {
            return Ok(());
        }
        if self.written > 0 {
            log::warn!("{}: {}: a torn end of {torn} bytes is cut off", self.stream, self.path.display());
        }
        self.file.set_len(self.written)
    }

    /// Cuts the file back to its last whole tag.
    fn cut(&self) {
        if let Err(error) = self.file.set_len(self.written) {
            log::error!("{} may end with half a tag: {error}", self.path.display());
        }
    }

    fn is_truncated(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() < self.written)
    }

    /// Looks for the file. If it cannot be looked at now, it counts as kept.
    fn locate(&self) -> FileState {
        if self.file.metadata().is_ok_and(|file| file.nlink() == 0) {
            return FileState::Removed;
        }
        match std::fs::symlink_metadata(&self.path) {
            Ok(there) if id_of(&there) != self.mark.id() => FileState::Moved,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                FileState::Moved
            }
            Ok(_) | Err(_) => FileState::Kept,
        }
    }
}

impl FileState {
    /// True if nothing more is written to the file.
    fn is_lost(self) -> bool {
        matches!(self, Self::Removed | Self::Truncated | Self::Failed)
    }
}
