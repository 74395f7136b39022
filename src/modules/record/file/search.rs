//! The search for a file to append to, in short steps: name by name, and through what a crash has left of a
//! file. Nothing is changed in a file; a torn end is cut off when the first frames are written behind it.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::examination::{Examination, Found, Refusal};
use super::names::Names;
use super::open::{OpenFiles, OpenMark, Opened, id_of, lock_file};
use crate::engine::files::open;
use crate::modules::record::settings::Settings;

/// Names tried in a step. Each may cost the reading of a head, 0.1 ms or with many properties 0.5 ms.
const NAMES_A_STEP: usize = 8;
/// Bytes that are gone through for one recording; then the next free name is taken. Four times what is
/// behind a head that was written here.
const MAX_SCAN: u64 = 64 << 20;

#[derive(Debug)]
pub struct Search {
    names: Names,
    /// The number of names that have been tried.
    tried: usize,
    /// The file that is being examined.
    candidate: Option<Examined>,
    scanned: u64,
    /// The stream, as log lines name it.
    stream: String,
    identity: String,
    /// The size at which a file is full, bytes.
    max_size: u64,
    lock: bool,
    /// The level of the log line on a file that is not appended to.
    level: log::Level,
}

/// A file that may be appended to: it counts as open, and is locked if it is to be.
#[derive(Debug)]
struct Examined {
    file: File,
    path: PathBuf,
    mark: OpenMark,
    examination: Examination,
}

impl Examined {
    fn open(self, found: Found) -> Opened {
        let tail = match found {
            Found::Nothing => None,
            Found::Recording(tail) => Some(tail),
        };
        Opened { file: self.file, path: self.path, tail, mark: self.mark }
    }
}

impl Search {
    /// A search for a stream's recording among these names.
    pub fn new(names: Names, settings: &Settings, stream: String, level: log::Level) -> Self {
        Self {
            names,
            tried: 0,
            candidate: None,
            scanned: 0,
            identity: settings.identity(&stream),
            stream,
            max_size: if settings.limits.size == 0 { u64::MAX } else { settings.limits.size },
            lock: settings.lock,
            level,
        }
    }

    /// The stream, as log lines name it.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Goes one step further. Returns the file once there is one: one to append to, or the first free name.
    pub fn step(&mut self, files: &mut OpenFiles) -> io::Result<Option<Opened>> {
        if let Some(candidate) = self.candidate.take() {
            return self.examine(candidate, files);
        }
        self.names.make_folder()?;
        for path in self.names.candidates().skip(self.tried).take(NAMES_A_STEP).collect::<Vec<_>>() {
            self.tried += 1;
            if let Some(opened) = files.create_at(&path, self.lock)? {
                return Ok(Some(opened));
            }
            let Some(candidate) = self.candidate(path, files) else { continue };
            let opened = self.examine(candidate, files)?;
            if opened.is_some() || self.candidate.is_some() {
                return Ok(opened);
            }
        }
        if self.tried >= self.names.candidates().count() { Err(self.names.used_up()) } else { Ok(None) }
    }

    /// Leaves the file that is being examined as it was found.
    pub fn abandon(&self, why: &str) {
        if let Some(candidate) = &self.candidate {
            self.log_refusal(&candidate.path, &why);
        }
    }

    /// Opens a file that is there; `None` if it is not to be appended to.
    fn candidate(&self, path: PathBuf, files: &mut OpenFiles) -> Option<Examined> {
        let opened = open(File::options().read(true).write(true), &path);
        let (file, metadata) = opened.inspect_err(|error| self.log_refusal(&path, error)).ok()?;
        if metadata.len() >= self.max_size {
            return None;
        }
        let mark = files.open(id_of(&metadata))?;
        let locked = if self.lock { lock_file(&file) } else { Ok(()) };
        let examined = locked.and_then(|()| Examination::begin(&file, &self.identity));
        match examined {
            Ok(Ok(examination)) => return Some(Examined { file, path, mark, examination }),
            Ok(Err(Refusal::AnotherRecording)) => {}
            Ok(Err(Refusal::Foreign(why))) => self.log_refusal(&path, &why),
            Err(error) => self.log_refusal(&path, &error),
        }
        None
    }

    /// Examines a file for one step, and opens it if that was the last. If there is more to do, it stays the
    /// candidate.
    fn examine(&mut self, mut candidate: Examined, files: &mut OpenFiles) -> io::Result<Option<Opened>> {
        let before = candidate.examination.scanned();
        let result = candidate.examination.step(&candidate.file);
        self.scanned += candidate.examination.scanned() - before;
        match result {
            Ok(None) if self.scanned >= MAX_SCAN => {
                self.log_refusal(&candidate.path, &"it takes too long to repair it");
                return files.create(&self.names, self.lock).map(Some);
            }
            Ok(None) => {
                if before == 0 && self.scanned > 0 {
                    let (stream, path) = (&self.stream, candidate.path.display());
                    log::info!("{stream}: {path} was not finished; it is repaired before it is appended to");
                }
                self.candidate = Some(candidate);
            }
            Ok(Some(Ok(_))) if is_removed(&candidate.file) => {
                self.log_refusal(&candidate.path, &"it has been removed");
                return files.create(&self.names, self.lock).map(Some);
            }
            Ok(Some(Ok(found))) => return Ok(Some(candidate.open(found))),
            Ok(Some(Err(why))) => self.log_refusal(&candidate.path, &why),
            Err(error) => self.log_refusal(&candidate.path, &error),
        }
        Ok(None)
    }

    fn log_refusal(&self, path: &Path, why: &dyn Display) {
        log::log!(self.level, "{}: {} is not appended to: {why}", self.stream, path.display());
    }
}

fn is_removed(file: &File) -> bool {
    file.metadata().is_ok_and(|file| file.nlink() == 0)
}
