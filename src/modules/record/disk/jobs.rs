//! The jobs of the recordings: the loop adds them, and the writer does them with the [`Disk`].

use std::path::PathBuf;

use super::{Disk, FileKey, Outcome, Report, SharedDisk, Source};
use crate::engine::{JobOwner, Jobs, Now};
use crate::modules::record::file::piece::{Ending, Piece};
use crate::modules::record::file::search::Search;
use crate::modules::record::retention::space::Space;
use crate::modules::record::retention::{Retention, RetentionStatus};

/// The module's name, and that of the owner of its jobs and timers.
pub const NAME: &str = "record";
/// The token of no stream.
pub const NO_STREAM: u64 = 0;
/// The owner's token of jobs that are for no file; the others have that of the file's key.
pub const NO_FILE: u64 = 0;

/// Adds the jobs of the recordings of a stream. Their owner is the file, so that it is known whose job has panicked.
#[derive(Debug)]
pub struct DiskJobs<'a> {
    pub disk: &'a SharedDisk,
    pub jobs: &'a mut Jobs,
    /// The token of the stream.
    pub stream: u64,
}

impl DiskJobs<'_> {
    /// True if so many bytes may be given away.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.jobs.has_room(bytes)
    }

    /// An empty buffer for what comes next.
    pub fn buffer(&self) -> Vec<u8> {
        self.disk.buffers.take()
    }

    pub fn begin_search(&mut self, key: FileKey, search: Search) {
        self.add(key, 0, move |disk| Some(disk.begin_search(key, search)));
    }

    pub fn search(&mut self, key: FileKey) {
        self.add(key, 0, move |disk| disk.search(key));
    }

    pub fn abandon_search(&mut self, key: FileKey, why: &'static str) {
        self.add(key, 0, move |disk| {
            disk.abandon_search(key, why);
            None
        });
    }

    pub fn begin(&mut self, key: FileKey, source: Source, piece: Piece) {
        self.add(key, piece.bytes(), move |disk| disk.begin(key, source, piece));
    }

    pub fn write(&mut self, key: FileKey, piece: Piece) {
        self.add(key, piece.bytes(), move |disk| disk.write(key, piece));
    }

    pub fn close(&mut self, key: FileKey, ending: Ending, level: log::Level) {
        self.add(key, ending.piece.bytes(), move |disk| Some(disk.close(key, ending, level)));
    }

    /// Closes the file of a recording that has failed, if a job has left it open. It counts as closed then.
    pub fn discard(&mut self, key: FileKey) {
        self.add(key, 0, move |disk| Some(disk.discard(key)));
    }

    /// Asks whether the disk of a folder has room for the beginning of a file.
    pub fn ask_for_room(&mut self, key: FileKey, folder: PathBuf) {
        self.add(key, 0, move |_| Some(Outcome::HasRoom(Space::has_room(&folder))));
    }

    /// Lets go of a file that another program has removed or truncated.
    pub fn release(&mut self, key: FileKey, now: Now) {
        self.add_retention(move |disk| {
            disk.release(key);
            disk.check_retention(now)
        });
    }

    /// Begins to delete recordings, where that is due.
    pub fn check_retention(&mut self, now: Now) {
        self.add_retention(move |disk| disk.check_retention(now));
    }

    /// Takes the deletions one step further. `awaited` are the identities of the recordings that streams wait to append
    /// to.
    pub fn step_retention(&mut self, now: Now, awaited: Vec<String>) {
        self.add_retention(move |disk| disk.step_retention(now, &awaited));
    }

    /// Takes new settings of the retention.
    pub fn adopt_retention(&mut self, next: Retention, now: Now) {
        self.add_retention(move |disk| {
            disk.retention.adopt(next, now).iter().for_each(|warning| log::warn!("{warning}"));
            disk.check_retention(now)
        });
    }

    /// Adds a job whose outcome goes to a recorder of the stream. All have been asked for room before, or are little.
    fn add(
        &mut self,
        key: FileKey,
        bytes: usize,
        work: impl FnOnce(&mut Disk) -> Option<Outcome> + Send + 'static,
    ) {
        let (disk, stream) = (self.disk.disk.clone(), self.stream);
        let owner = JobOwner::Module { name: NAME, token: key.0 };
        self.jobs.write_always(owner, bytes, move || {
            let outcome = disk.with(|disk| Ok(work(disk))).ok()??;
            Some(Report { stream, key, outcome })
        });
    }

    fn add_retention(&mut self, work: impl FnOnce(&mut Disk) -> RetentionStatus + Send + 'static) {
        let disk = self.disk.disk.clone();
        let owner = JobOwner::Module { name: NAME, token: NO_FILE };
        self.jobs.write_always(owner, 0, move || disk.with(|disk| Ok(work(disk))).ok());
    }
}
