//! A recording that a reader has found for a request.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use nix::errno::Errno;

use crate::engine::Lookup;
use crate::engine::files::lookup::{self, DiskFile, Found as FoundPath};

use super::head::{Head, Media};
use super::recorders::Recorder;

/// What a reader has found at a path.
#[derive(Debug)]
pub struct Finding {
    path: PathBuf,
    pub found: Result<Found, Errno>,
}

/// A recording.
#[derive(Debug, Clone)]
pub struct Found {
    pub stream: String,
    pub media: Media,
    pub file: DiskFile,
}

impl Finding {
    /// The work of a reader that looks for a file of a recorder of an application.
    pub fn look_up(app: &str, recorder: &Recorder, file: &str) -> Lookup {
        let (app, recorder, file) = (app.to_owned(), recorder.clone(), file.to_owned());
        Lookup::new(move || Self { path: recorder.folder.join(&file), found: find(&app, &recorder, &file) })
    }

    pub fn is_of(&self, recorder: &Recorder, file: &str) -> bool {
        self.path == recorder.folder.join(file)
    }
}

fn find(app: &str, recorder: &Recorder, name: &str) -> Result<Found, Errno> {
    if name.contains('/') || !lookup::is_plain(name) {
        return Err(Errno::ENOENT);
    }
    let FoundPath::File(file) = lookup::find(&recorder.folder, name)? else { return Err(Errno::ENOENT) };
    let head = Head::read(&file.file.file).map_err(|error| errno(&error))?;
    let stream = recorder.stream_of(app, name, &head).ok_or(Errno::ENOENT)?;
    Ok(Found { stream: stream.as_str().to_owned(), media: head.media, file })
}

pub fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

impl Found {
    /// Which version of the file it is: when it was changed last, and its bytes.
    pub fn version(&self) -> String {
        let age = self.file.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{:x}.{:x}-{:x}", age.as_secs(), age.subsec_nanos(), self.file.length)
    }

    /// When it was changed last, seconds since 1970.
    pub fn modified(&self) -> u64 {
        self.file.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
