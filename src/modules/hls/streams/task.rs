//! What is done with the files of a stream that has ended: in memory at once, on the disk by a job. It is decided before
//! what may be done; so tasks that are done one after the other have the result that they would have had at once.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::ledger::{Entry, Ledger};
use super::ledgers;
use crate::engine::Handle;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Files, disk};
use crate::modules::hls::playlist::found::Found;
use crate::modules::hls::playlist::master;
use crate::modules::hls::settings::Cleanup;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Finds out how long the playlist is.
    Measure,
    /// Adds EXT-X-ENDLIST to the playlist.
    End,
    /// Removes so many files; with the last one, all else that is left of the stream.
    Remove { most: usize },
}

/// Whether the master playlist may be written: its path may be that of another stream by now, or of another
/// application's master playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterPath {
    Own,
    Taken,
}

#[derive(Debug)]
pub struct Task {
    pub naming: Naming,
    pub act: Act,
    /// The files that are still to be removed, once that has begun; the playlist is the last.
    pub left: Handle<Vec<PathBuf>>,
    /// The date of the playlist if another server may be writing it.
    pub written: Option<SystemTime>,
    pub master: MasterPath,
    pub ledger: Option<Handle<Ledger>>,
    pub wall: SystemTime,
}

/// The result of a task. `listed` is the duration of the playlist, `written` its date if another server may be writing
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Measured {
        listed: Duration,
    },
    /// Nothing was done: the playlist has changed since the start, so an earlier run of the server still writes it.
    OtherServer {
        written: Option<SystemTime>,
        listed: Duration,
    },
    Ended {
        written: Option<SystemTime>,
        listed: Duration,
    },
    /// Some files are left.
    Left,
    Removed,
}

impl Task {
    pub fn run(self, files: &mut Files<'_>) -> Outcome {
        if let Some(before) = self.written {
            let written = disk::modified(&self.naming.playlist());
            if written != Some(before) {
                log::info!("{}: hls files are not removed: another server writes them", self.naming.label());
                return Outcome::OtherServer { written, listed: listed(&self.naming, files) };
            }
        }
        match self.act {
            Act::Measure => Outcome::Measured { listed: listed(&self.naming, files) },
            Act::End => self.end(files),
            Act::Remove { most } => self.remove(most, files),
        }
    }

    fn end(&self, files: &mut Files<'_>) -> Outcome {
        let listed = end_playlist(&self.naming, files, self.wall);
        if self.naming.settings().cleanup == Cleanup::Keep {
            self.remove_from_ledger();
        }
        let written = self.written.and_then(|_| disk::modified(&self.naming.playlist()));
        Outcome::Ended { written, listed }
    }

    /// A playlist that is not this server's stays, with the files that it names.
    fn remove(&self, most: usize, files: &mut Files<'_>) -> Outcome {
        let mut left = self.left.take().unwrap_or_else(|| files_of(&self.naming, files));
        left.drain(..most.min(left.len())).for_each(|path| files.remove(&path));
        if !left.is_empty() {
            self.left.put(left);
            return Outcome::Left;
        }
        self.remove_rest(files);
        Outcome::Removed
    }

    /// Removes the folders of a stream whose files have been removed, and its entries in the master playlist and the
    /// ledger.
    fn remove_rest(&self, files: &mut Files<'_>) {
        if matches!(files, Files::Disk) {
            for folder in self.naming.own_folders() {
                // Refused by the system while anything is in it.
                let _ = std::fs::remove_dir(folder);
            }
        }
        if self.master == MasterPath::Own
            && let Err(error) = master::write(files, &self.naming, self.wall)
        {
            log::error!("{}: hls master playlist: {error}", self.naming.label());
        }
        self.remove_from_ledger();
    }

    fn remove_from_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledgers::remove(ledger, &Entry::of(&self.naming));
        }
    }
}

/// The duration of the playlist.
fn listed(naming: &Naming, files: &Files<'_>) -> Duration {
    Found::read(naming, files).ok().flatten().map_or(Duration::ZERO, |found| found.listed())
}

/// Adds EXT-X-ENDLIST to the playlist; returns its duration.
fn end_playlist(naming: &Naming, files: &mut Files<'_>, wall: SystemTime) -> Duration {
    let Ok(Some(found)) = Found::read(naming, files) else { return Duration::ZERO };
    let mut found = found.existing(naming, files);
    if let Some(text) = found.with_end(naming) {
        let path = naming.playlist();
        let room = files.make_room(&path, text.len());
        match room.and_then(|()| files.replace(&path, text.as_bytes(), wall)) {
            Ok(()) => log::info!("{}: hls ends: nobody has come back", naming.label()),
            Err(error) => log::error!("{}: hls: {error}", naming.label()),
        }
    }
    found.listed()
}

/// The files of a stream: those that its playlist names, the hidden ones of a crash, and the playlist. It is the last,
/// so that a server that is killed meanwhile finds the rest.
fn files_of(naming: &Naming, files: &Files<'_>) -> Vec<PathBuf> {
    let Ok(found) = Found::read(naming, files) else { return Vec::new() };
    let mut paths = found.map_or_else(Vec::new, |found| found.files(naming));
    paths.extend([naming.open_fragment(), disk::part_of(&naming.playlist()), naming.playlist()]);
    paths
}
