//! The lookup of a file for a request, by a reader: folder by folder, name by name.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use crate::engine::files::lookup::{self, Found};
use crate::engine::{Descriptors, Refusal};
use crate::media::file::{Demuxer, FileError, Window};

use super::names::candidates;
use super::reading::seek_behind;
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
pub type Outcome = Result<Box<Opened>, Refusal>;

/// The lookup of a file.
#[derive(Debug)]
pub struct Opening {
    places: Arc<[Place]>,
    names: Vec<String>,
    descriptors: Descriptors,
    wanted: Wanted,
    /// The time that the file before has come to, if this one takes its place with the same media.
    behind: Option<u64>,
    buffer: Duration,
}

impl Opening {
    /// The lookup of what a client has sent.
    pub fn new(
        settings: &Settings,
        sent: &str,
        (wanted, behind): (Wanted, Option<u64>),
        descriptors: Descriptors,
    ) -> Self {
        let (places, names) = (Arc::clone(&settings.places), candidates(sent));
        Self { places, names, descriptors, wanted, behind, buffer: settings.buffer }
    }

    /// Looks for it.
    pub fn run(self) -> Outcome {
        for place in self.places.iter() {
            let Place::Folder(folder) = place;
            for name in &self.names {
                match lookup::find(folder, name) {
                    Ok(Found::File(found)) => {
                        if !self.descriptors.may_download(found.file.file.as_raw_fd()) {
                            return Err(Refusal::of_request("too many files are open; try again soon"));
                        }
                        return self.open(PlayedFile { file: found.file, path: name.as_str().into() });
                    }
                    Ok(Found::Folder(_)) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
                    Err(errno) => log::warn!("play {}/{name}: {}", folder.display(), errno.desc()),
                }
            }
        }
        Err(Refusal::not_found("no such file"))
    }

    fn open(&self, file: PlayedFile) -> Outcome {
        let (mut source, mut window) = (file.on_disk(), Window::default());
        let opened = Demuxer::open(&mut source, &mut window).and_then(|mut demuxer| {
            let at = self.behind.map(|time| seek_behind(&mut demuxer, &mut source, &mut window, time));
            Ok((demuxer, at.transpose()?))
        });
        match opened {
            Ok((demuxer, at)) => {
                let Self { wanted, buffer, .. } = *self;
                let (continues, at) = (at.is_some(), at.unwrap_or_default());
                Ok(Box::new(Opened { file, demuxer, wanted, buffer, continues, at }))
            }
            Err(FileError::Broken(why)) => {
                log::warn!("play {}: {why}", file.path);
                Err(Refusal::of_request(format!("the file cannot be played: {why}")))
            }
            Err(FileError::Io(error)) => {
                log::warn!("play {}: {error}", file.path);
                Err(Refusal::of_request("the file cannot be read"))
            }
        }
    }
}
