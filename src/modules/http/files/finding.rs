//! What a reader has found for a request, at a path below a folder.

use std::borrow::Cow;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use crate::engine::Lookup;
use crate::engine::files::open_file::OpenFile;
use crate::engine::files::volume::Volume;

use crate::engine::files::lookup::{self, Found};

/// What a reader has found.
#[derive(Debug)]
pub struct Finding {
    base: PathBuf,
    path: String,
    pub found: Result<Found, Errno>,
}

impl Finding {
    /// The work of a reader that finds out what is at `path` below `base`. The path neither begins nor ends with a slash.
    pub fn look_up(base: &Path, path: &str) -> Lookup {
        let (base, path) = (base.to_owned(), path.to_owned());
        Lookup::new(move || {
            let mut found = lookup::find(&base, &path);
            if let Ok(found) = &mut found {
                lookup::read_beginning(found);
            }
            Self { base, path, found }
        })
    }

    pub fn is_of(&self, base: &Path, path: &str) -> bool {
        self.base == base && self.path == path
    }

    /// The folder of the file, and the volume that the file is on; none if no file has been found.
    pub fn volume(&self) -> Option<(Cow<'_, Path>, Volume)> {
        match &self.found {
            Ok(Found::File(file)) => Some((folder(&self.base, &self.path), file.file.volume())),
            Ok(Found::Folder(_)) | Err(_) => None,
        }
    }
}

/// The text of a playlist, as a reader has read it.
#[derive(Debug)]
pub struct PlaylistText(pub Result<Vec<u8>, Errno>);

impl PlaylistText {
    /// The work of a reader that reads the first `length` bytes of a playlist.
    pub fn read(file: Arc<OpenFile>, length: u64) -> Lookup {
        Lookup::new(move || {
            let mut bytes = vec![0; length as usize];
            let read = file.file.read_exact_at(&mut bytes, 0);
            let failed = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            Self(read.map(|()| bytes).map_err(failed))
        })
    }
}

/// The folder in which the last name of a path is looked up.
pub fn folder<'a>(base: &'a Path, path: &str) -> Cow<'a, Path> {
    match path.rsplit_once('/') {
        Some((folders, _)) => base.join(folders).into(),
        None => base.into(),
    }
}
