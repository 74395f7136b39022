//! The lookup of a file for a request: place by place, name by name. In folders it is made by a reader; one that has come to
//! a server goes back to the loop, which has the file fetched.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use crate::engine::files::lookup::{self, Found};
use crate::engine::{Descriptors, Refusal};
use crate::http::Url;
use crate::media::file::{Demuxer, FileError, Window};

use super::names::candidates;
use super::reading::seek_behind;
use super::remote::{Coming, RemoteFile, Terms};
use super::settings::{Place, Settings};
use super::source::PlayedFile;

/// A file that has been opened for a request.
#[derive(Debug)]
pub struct Opened {
    pub file: PlayedFile,
    pub demuxer: Demuxer,
    /// What a request asks for.
    pub wanted: Wanted,
    /// How much media its client buffers if it does not tell it.
    pub buffer: Duration,
    /// Whether it takes the place of the file before with the same media (`play2`), from the key frame at `at` on.
    pub continues: bool,
    /// Milliseconds.
    pub at: u64,
}

/// The part of a file that is asked for, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    pub start: u64,
    pub duration: Option<u64>,
}

/// What a reader has found.
#[derive(Debug)]
pub enum Outcome {
    /// The file.
    Opened(Box<Opened>),
    /// There is none, or it cannot be played.
    Refused(Refusal),
    /// The next file to be tried is on another server, or enough of it has not come from there.
    Remote(Box<Opening>),
    /// What has come from another server is no file that can be played: what is next is tried.
    Skipped(Box<Opening>),
}

/// Who asks, which other servers are told but for the label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asker {
    /// The address of the client.
    pub address: String,
    /// The client and its request, for the log.
    pub label: String,
    /// Its arguments.
    pub args: String,
}

/// The lookup of a file.
#[derive(Debug)]
pub struct Opening {
    places: Arc<[Place]>,
    names: Vec<String>,
    /// The number of the place and name that are tried next: names of the first place, then those of the second.
    next: usize,
    descriptors: Descriptors,
    wanted: Wanted,
    /// The time that the file before has come to, if this one takes its place with the same media.
    behind: Option<u64>,
    buffer: Duration,
    asker: Asker,
    terms: Option<Terms>,
    /// A file on another server may be there, but could not be fetched.
    has_failed: bool,
}

impl Opening {
    /// The lookup of what a client has sent.
    pub fn new(
        settings: &Settings,
        (sent, asker): (&str, Asker),
        (wanted, behind): (Wanted, Option<u64>),
        descriptors: Descriptors,
    ) -> Self {
        let (places, names) = (Arc::clone(&settings.places), candidates(sent));
        let (buffer, terms) = (settings.buffer, settings.terms.clone());
        Self { places, names, next: 0, descriptors, wanted, behind, buffer, asker, terms, has_failed: false }
    }

    /// Looks for it in folders.
    pub fn run(mut self) -> Outcome {
        while let Some((place, name)) = self.next() {
            match place {
                Place::Remote(_) => return Outcome::Remote(Box::new(self)),
                Place::Folder(folder) => match lookup::find(folder, name) {
                    Ok(Found::File(found)) => {
                        if !self.descriptors.may_download(found.file.file.as_raw_fd()) {
                            return Outcome::Refused(Refusal::of_request(
                                "too many files are open; try again soon",
                            ));
                        }
                        let file =
                            PlayedFile { file: found.file, path: folder.join(name).into(), coming: None };
                        return self.open(file);
                    }
                    Ok(Found::Folder(_)) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                    Err(errno) => {
                        log::warn!("{}: {}/{name}: {}", self.asker.label, folder.display(), errno.desc());
                    }
                },
            }
            self.skip();
        }
        Outcome::Refused(if self.has_failed {
            Refusal::of_request("the file cannot be fetched now; try again soon")
        } else {
            Refusal::not_found("no such file")
        })
    }

    /// Opens the file that it waits for, if enough of it has come.
    pub fn open_coming(self: Box<Self>, coming: &Arc<Coming>) -> Outcome {
        let (Some(file), Some((Place::Remote(url), name))) = (coming.file(), self.next()) else {
            return Outcome::Remote(self);
        };
        let file = PlayedFile {
            file: Arc::clone(file),
            path: Path::new(&shown(url, name)).into(),
            coming: Some(Arc::clone(coming)),
        };
        self.open(file)
    }

    /// The file on another server that is tried next, and how it is fetched. None if a folder is next, or nothing.
    pub fn remote(&mut self) -> Option<(RemoteFile, Terms)> {
        loop {
            let Some((Place::Remote(url), name)) = self.next() else { return None };
            let asker = (self.asker.address.as_str(), self.asker.args.as_str());
            if let Some(found) = RemoteFile::new(url, name, asker).zip(self.terms.clone()) {
                return Some(found);
            }
            self.skip();
        }
    }

    /// Leaves out what would be tried next, as it could not be fetched.
    pub fn skip_failed(&mut self) {
        self.has_failed = true;
        self.skip();
    }

    /// Leaves out what would be tried next.
    pub fn skip(&mut self) {
        self.next += 1;
    }

    /// The place and the name that are tried next.
    fn next(&self) -> Option<(&Place, &str)> {
        let place = self.places.get(self.next.checked_div(self.names.len())?)?;
        let name = self.names.get(self.next.checked_rem(self.names.len())?)?;
        Some((place, name))
    }

    fn open(mut self, file: PlayedFile) -> Outcome {
        let (mut source, mut window) = (file.on_disk(), Window::default());
        let opened = Demuxer::open(&mut source, &mut window).and_then(|mut demuxer| {
            let at = self.behind.map(|time| seek_behind(&mut demuxer, &mut source, &mut window, time));
            Ok((demuxer, at.transpose()?))
        });
        match opened {
            Ok((demuxer, at)) => {
                file.coming.iter().for_each(|coming| coming.forget_wanted());
                let Self { wanted, buffer, .. } = self;
                let (continues, at) = (at.is_some(), at.unwrap_or_default());
                Outcome::Opened(Box::new(Opened { file, demuxer, wanted, buffer, continues, at }))
            }
            Err(error) if error.would_block() || file.is_short() => Outcome::Remote(Box::new(self)),
            Err(error) if file.coming.is_some() => {
                log::warn!("{}: {}: {error}", self.asker.label, file.path.display());
                self.skip_failed();
                Outcome::Skipped(Box::new(self))
            }
            Err(FileError::Broken(why)) => {
                log::warn!("{}: {}: {why}", self.asker.label, file.path.display());
                Outcome::Refused(Refusal::of_request(format!("the file cannot be played: {why}")))
            }
            Err(FileError::Io(error)) => {
                log::warn!("{}: {}: {error}", self.asker.label, file.path.display());
                Outcome::Refused(Refusal::of_request("the file cannot be read"))
            }
        }
    }
}

/// A file of another server for the log, without user, password and query.
fn shown(url: &Url, name: &str) -> String {
    let folder = url.target.split('?').next().unwrap_or_default();
    format!("{}{}/{name}", url.authority(), folder.trim_end_matches('/'))
}
