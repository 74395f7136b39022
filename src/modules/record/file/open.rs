//! Opening a recording's file. Never one that anybody else writes to, never through a link, and nothing but
//! a regular file.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::examination::Tail;
use super::names::Names;
use crate::engine::files::{create_new, with_path};

/// A file by device and inode, whatever its names are.
pub type FileId = (u64, u64);

/// The files that are being written or repaired, so that none is opened twice. Each is one for as long as its mark lives,
/// so a job that panics leaves none here.
#[derive(Debug, Default)]
pub struct OpenFiles(HashMap<FileId, Weak<FileId>>);

/// Marks a file as open.
#[derive(Debug)]
pub struct OpenMark(Arc<FileId>);

/// A file, ready to be written to.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub path: PathBuf,
    /// The recording that is in it already.
    pub tail: Option<Box<Tail>>,
    pub mark: OpenMark,
}

impl OpenMark {
    /// The device and inode of the file.
    pub fn id(&self) -> FileId {
        *self.0
    }
}

impl OpenFiles {
    /// Makes the first file of these names that is not there yet.
    pub fn create(&mut self, names: &Names, lock: bool) -> io::Result<Opened> {
        names.make_folder()?;
        for path in names.candidates() {
            if let Some(opened) = self.create_at(&path, lock)? {
                return Ok(opened);
            }
        }
        Err(names.used_up())
    }

    /// Makes a file; `None` if there is one of that name.
    pub fn create_at(&mut self, path: &Path, lock: bool) -> io::Result<Option<Opened>> {
        let file = match create_new(path, 0o666) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(with_path(path, &error)),
        };
        let id = id_of(&file.metadata().map_err(|error| with_path(path, &error))?);
        if lock && let Err(error) = lock_file(&file) {
            log::warn!("{} is recorded without a lock: {error}", path.display());
        }
        Ok(Some(Opened { file, path: path.to_owned(), tail: None, mark: self.mark(id) }))
    }

    /// Adds a file that is written to from now on; `None` if it is already.
    pub fn open(&mut self, id: FileId) -> Option<OpenMark> {
        (!self.contains(id)).then(|| self.mark(id))
    }

    pub fn contains(&self, id: FileId) -> bool {
        self.0.get(&id).is_some_and(is_open)
    }

    pub fn is_empty(&self) -> bool {
        !self.0.values().any(is_open)
    }

    fn mark(&mut self, id: FileId) -> OpenMark {
        if let Some(mark) = self.0.get(&id).and_then(Weak::upgrade) {
            return OpenMark(mark);
        }
        self.0.retain(|_, mark| is_open(mark));
        let mark = Arc::new(id);
        self.0.insert(id, Arc::downgrade(&mark));
        OpenMark(mark)
    }
}

fn is_open(mark: &Weak<FileId>) -> bool {
    mark.strong_count() > 0
}

pub fn id_of(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// Locks a whole file for writing, as long as it is open. The lock is the open file's and not the process's,
/// or it would be gone as soon as the file has been read over HTTP.
pub fn lock_file(file: &File) -> io::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&WHOLE))?;
    Ok(())
}

/// True if another program has locked the file; false where there are no locks.
pub fn is_locked(file: &File) -> bool {
    let mut lock = WHOLE;
    let asked = fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && lock.l_type != libc::F_UNLCK as libc::c_short
}

/// A write lock of a whole file.
const WHOLE: libc::flock = libc::flock {
    l_type: libc::F_WRLCK as libc::c_short,
    l_whence: libc::SEEK_SET as libc::c_short,
    l_start: 0,
    l_len: 0,
    l_pid: 0,
};

impl Names {
    /// Makes the folder, with those above it, if it is missing.
    pub fn make_folder(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder).map_err(|error| with_path(&self.folder, &error))
    }

    pub fn used_up(&self) -> io::Error {
        let error = io::Error::other(format!("too many recordings of {}", self.stem));
        with_path(&self.folder, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_open_for_as_long_as_its_mark_lives() {
        let mut files = OpenFiles::default();
        let mark = files.open((1, 2)).unwrap();
        assert!(files.open((1, 2)).is_none() && files.contains((1, 2)) && !files.is_empty());
        let job = std::panic::AssertUnwindSafe(move || std::panic::resume_unwind(Box::new(mark)));
        drop(std::panic::catch_unwind(job).unwrap_err());
        assert!(files.is_empty() && files.open((1, 2)).is_some());
    }
}
