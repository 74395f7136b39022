//! Opening a recording's file: a new one, or one to go on in. Never one that anybody else writes to, never
//! through a link, and nothing but a regular file.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::names::Names;
use super::resume::{Found, Tail, examine};

/// A file, whatever its names are.
pub type FileId = (u64, u64);

/// The files that are being written, so that none is opened twice.
#[derive(Debug, Default)]
pub struct OpenFiles(HashSet<FileId>);

/// Whether a file that is there already will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Another name is taken.
    Leave,
    /// It is gone on with if it is a recording of the same stream, and smaller than this.
    Append {
        /// Bytes.
        below: u64,
    },
}

/// A file, ready to be written to.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its name.
    pub path: PathBuf,
    /// What is in it already.
    pub tail: Option<Box<Tail>>,
    /// What [`OpenFiles::close`] wants.
    pub id: FileId,
}

impl OpenFiles {
    /// Opens the first file of these names that is not there yet, or may be gone on with.
    pub fn open(
        &mut self,
        names: &Names,
        identity: &str,
        existing: Existing,
        lock: bool,
    ) -> io::Result<Opened> {
        let within = |error: &io::Error| with_path(&names.folder, error);
        fs::create_dir_all(&names.folder).map_err(|error| within(&error))?;
        for path in names.candidates() {
            let opened = match open_new(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match existing {
                    Existing::Leave => None,
                    Existing::Append { below } => self.open_existing(&path, identity, below, lock)?,
                },
                result => Some(
                    result
                        .and_then(|file| new(file, &path, lock))
                        .map_err(|error| with_path(&path, &error))?,
                ),
            };
            if let Some(opened) = opened {
                self.0.insert(opened.id);
                return Ok(opened);
            }
        }
        Err(within(&io::Error::other(format!("too many recordings of {}", names.stem))))
    }

    /// A file is no longer written to.
    pub fn close(&mut self, id: FileId) {
        self.0.remove(&id);
    }

    /// Opens a file to go on in; `None`, with a log line where the reason may surprise, if it is to be left
    /// alone.
    fn open_existing(
        &self,
        path: &Path,
        identity: &str,
        below: u64,
        lock: bool,
    ) -> io::Result<Option<Opened>> {
        let left = |why: &dyn std::fmt::Display| {
            log::warn!("{} is not appended to: {why}", path.display());
            Ok(None)
        };
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) => return left(&error),
        };
        let metadata = file.metadata().map_err(|error| with_path(path, &error))?;
        let id = (metadata.dev(), metadata.ino());
        if !metadata.is_file() {
            return left(&"not a regular file");
        }
        if self.0.contains(&id) || metadata.len() >= below {
            return Ok(None);
        }
        if lock && let Err(error) = lock_file(&file) {
            return left(&error);
        }
        let mut opened = Opened { file, path: path.to_owned(), tail: None, id };
        match examine(&opened.file) {
            Ok(Found::Recording(tail))
                if tail.script.as_ref().is_some_and(|script| !script.is_of(identity)) =>
            {
                return Ok(None);
            }
            Ok(Found::Recording(tail)) => {
                if tail.torn > 0 {
                    log::warn!("{}: a torn end of {} bytes is cut off", path.display(), tail.torn);
                }
                opened.tail = Some(tail);
            }
            Ok(Found::Nothing) => {}
            Ok(Found::Foreign(why)) => return left(&why),
            Err(error) => return left(&error),
        }
        let size = opened.tail.as_ref().map_or(0, |tail| tail.size);
        opened.file.set_len(size).map_err(|error| with_path(path, &error))?;
        Ok(Some(opened))
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).custom_flags(libc::O_CLOEXEC).open(path)
}

fn new(file: File, path: &Path, lock: bool) -> io::Result<Opened> {
    let metadata = file.metadata()?;
    if lock && let Err(error) = lock_file(&file) {
        log::warn!("{} is recorded without a lock: {error}", path.display());
    }
    Ok(Opened { file, path: path.to_owned(), tail: None, id: (metadata.dev(), metadata.ino()) })
}

/// Locks a whole file for writing, as long as it is open. The lock is the open file's and not the process's,
/// or it would be gone as soon as the file has been read over HTTP.
fn lock_file(file: &File) -> io::Result<()> {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map_err(io::Error::from)?;
    Ok(())
}

/// An error that names its file.
pub fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
