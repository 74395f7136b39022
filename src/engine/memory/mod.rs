//! Files in memory: served over HTTP, never on a disk.
//!
//! Whoever serves files looks here first, by the absolute path that the file would have on the disk. Everything in
//! memory is counted: files, drafts that nobody sees yet, and removed files that are still being sent. A sink that
//! adds files has a limit and asks for room first; where there is none, late readers and the files of ended streams
//! give way. What a file contains is not known here.

pub(in crate::engine) mod reclaim;

mod owners;
mod space;

use std::collections::HashMap;
use std::io;
use std::ops::Add;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::engine::http::body::Body;
use owners::Owners;
pub use space::Extent;
use space::ExtentSpace;

/// The unit in which memory is counted, bytes.
const PAGE: u64 = 4096;

/// The divisor for the part of the memory that is kept free of late readers: closing them takes a turn, in which more
/// may be written.
const RESERVE: u64 = 8;

/// The shortest time that a reader has for a file.
pub const SHORTEST_READ_TIME: Duration = Duration::from_secs(10);

/// A file in memory. It is replaced as a whole, so a reader that has begun gets the rest of the old one.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    extent: Arc<Extent>,
    length: u64,
    /// When it was published.
    pub modified: SystemTime,
    /// The longest time that a reader may take.
    read_time: Duration,
}

impl MemoryFile {
    /// The length, bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The body of a reply with the whole file.
    pub fn body(&self) -> Body {
        Body::Memory {
            extent: Arc::clone(&self.extent),
            offset: 0,
            length: self.length,
            within: self.read_time,
        }
    }

    /// The whole content.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        self.extent.read(0, usize::try_from(self.length).unwrap_or(usize::MAX))
    }
}

/// A change of the counted size of something, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Growth {
    /// The size now.
    pub from: u64,
    /// The size afterwards.
    pub to: u64,
}

impl Growth {
    /// Whether the size stays the same.
    pub fn is_none(self) -> bool {
        self.from == self.to
    }
}

impl Add for Growth {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { from: self.from + other.from, to: self.to + other.to }
    }
}

/// The state of an extent in use.
#[derive(Debug)]
struct ExtentState {
    length: u64,
    /// Bytes that are counted for it.
    charge: u64,
    /// The owner of the file; none once it has been removed.
    owner: Option<Arc<Path>>,
}

/// All files in memory, by absolute path.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    files: HashMap<PathBuf, MemoryFile>,
    space: ExtentSpace,
    /// The most bytes of all files together, once it is set.
    limit: Option<u64>,
    /// The state of each extent in use, by its number.
    extents: HashMap<u32, ExtentState>,
    /// Files that are being written.
    drafts: Vec<Arc<Extent>>,
    /// Removed files that may still be being sent, the oldest removal first.
    removed: Vec<Arc<Extent>>,
    owners: Owners,
    /// Invariant: the sum of all charges.
    bytes: u64,
    /// Bytes of removed files.
    removed_bytes: u64,
    /// Bytes of removed files that are to be freed by closing late readers.
    wanted: u64,
    /// Whether an owner with less than its share has found no room.
    is_crowded: bool,
}

impl MemoryFiles {
    /// Puts a whole file without an owner at a path, in place of one that was there.
    pub fn put(&mut self, path: PathBuf, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        let draft = self.begin_draft(None)?;
        self.append(&draft, bytes, 0)?;
        self.publish(draft, path, modified, SHORTEST_READ_TIME);
        Ok(())
    }

    /// Replaces the content of a file; the owner stays.
    pub fn replace(&mut self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        let Some(MemoryFile { extent, read_time, .. }) = self.files.get(path) else { return Ok(()) };
        let owner = self.extents.get(&extent.number()).and_then(|state| state.owner.clone());
        let (read_time, draft) = (*read_time, self.begin_draft(owner.as_ref())?);
        self.append(&draft, bytes, 0)?;
        self.publish(draft, path.to_owned(), modified, read_time);
        Ok(())
    }

    /// Begins a file that nobody sees. A draft that is dropped is freed by the next sweep.
    pub fn begin_draft(&mut self, owner: Option<&Arc<Path>>) -> io::Result<Arc<Extent>> {
        let extent = self.space.take()?;
        self.extents.insert(extent.number(), ExtentState { length: 0, charge: 0, owner: owner.cloned() });
        self.drafts.push(Arc::clone(&extent));
        Ok(extent)
    }

    /// Appends bytes to a draft. Its writer has another `buffered` bytes, which are counted, too.
    pub fn append(&mut self, draft: &Extent, bytes: &[u8], buffered: u64) -> io::Result<()> {
        let Some(state) = self.extents.get_mut(&draft.number()) else { return Ok(()) };
        draft.write(bytes, state.length)?;
        state.length += bytes.len() as u64;
        let charge = in_pages(state.length + buffered);
        self.charge(draft.number(), charge);
        Ok(())
    }

    /// The counted size of a draft now, and with `more` bytes.
    pub fn growth(&self, draft: Option<&Extent>, more: u64) -> Growth {
        let state = draft.and_then(|draft| self.extents.get(&draft.number()));
        let (length, charge) = state.map_or((0, 0), |state| (state.length, state.charge));
        Growth { from: charge, to: in_pages(length + more) }
    }

    /// Publishes a draft at a path, in place of a file that was there. A reader may take this long.
    pub fn publish(&mut self, draft: Arc<Extent>, path: PathBuf, modified: SystemTime, read_time: Duration) {
        debug_assert!(path.is_absolute(), "{} would never be found", path.display());
        self.drafts.retain(|other| !Arc::ptr_eq(other, &draft));
        let length = self.extents.get(&draft.number()).map_or(0, |state| state.length);
        self.charge(draft.number(), in_pages(length));
        self.remove(&path);
        self.files.insert(path, MemoryFile { extent: draft, length, modified, read_time });
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &Path) {
        let Some(MemoryFile { extent, .. }) = self.files.remove(path) else { return };
        self.retire(extent);
        self.sweep();
    }

    /// The file at a path.
    pub fn get(&self, path: &Path) -> Option<&MemoryFile> {
        // Nearly always there are none, and no path needs to be hashed.
        if self.files.is_empty() { None } else { self.files.get(path) }
    }

    /// Sets the most bytes of all files together. If there are more, room is made at once, in the same order as for a
    /// growth.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = Some(limit);
        if !self.make_room_of_ended(Path::new(""), Growth::default()) {
            self.is_crowded = true;
        }
        self.request_reclaim();
    }

    /// The most bytes of all files together.
    pub fn limit(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX)
    }

    /// Bytes of all files and drafts, in whole pages.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the file at a path, in whole pages.
    pub fn bytes_at(&self, path: &Path) -> u64 {
        self.get(path).map_or(0, |file| in_pages(file.length))
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// An owner begins to write files, or continues.
    pub fn begin_owner(&mut self, owner: &Path) {
        self.owners.begin(owner);
    }

    /// An owner writes no more. Its files stay until others need the memory.
    pub fn end_owner(&mut self, owner: &Path) {
        self.owners.end(owner);
    }

    /// Makes room for a growth of an owner's files within the limit; false if there is none. Removed files do not
    /// count: their late readers are closed. Files of ended owners are removed if need be, the first that ended
    /// first. After that an owner within its share still gets room, as those beyond theirs are told before the turn
    /// is over.
    pub fn make_room(&mut self, owner: &Path, growth: Growth) -> bool {
        if !self.make_room_of_ended(owner, growth) {
            let limit = self.limit();
            let own = (self.owners.bytes(owner) + growth.to).saturating_sub(growth.from);
            if own > self.owners.share(limit)
                || self.is_over(limit.saturating_add(self.owners.excess(limit)), growth)
            {
                return false;
            }
            self.is_crowded = true;
        }
        true
    }

    /// Makes room for a growth of an owner's files by the removal of files of other owners that have ended; false if
    /// there is none.
    fn make_room_of_ended(&mut self, owner: &Path, growth: Growth) -> bool {
        if !self.is_over(self.limit(), growth) {
            return true;
        }
        self.sweep();
        while self.is_over(self.limit(), growth) {
            let Some(ended) = self.owners.next_ended(owner) else { return false };
            self.remove_all_of(&ended);
        }
        true
    }

    /// Requests the memory of late readers, as far as less than the reserve is free.
    pub fn request_reclaim(&mut self) {
        let limit = self.limit();
        let over = self.bytes.saturating_sub(limit - limit / RESERVE);
        self.wanted = self.wanted.max(over.min(self.removed_bytes));
    }

    /// Whether owners beyond their shares must give memory back.
    pub fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    /// Notes that those owners have been told.
    pub fn clear_crowded(&mut self) {
        self.is_crowded = false;
    }

    /// Takes the number of bytes of [`removed`](Self::removed) files that are to be freed.
    pub fn take_wanted(&mut self) -> u64 {
        std::mem::take(&mut self.wanted)
    }

    /// Removed files that are still being sent, the oldest removal first, with their bytes.
    pub fn removed(&self) -> impl Iterator<Item = (&Arc<Extent>, u64)> {
        let charge = |extent: &Extent| self.extents.get(&extent.number()).map_or(0, |state| state.charge);
        self.removed.iter().map(move |extent| (extent, charge(extent)))
    }

    /// Frees removed files that are no longer being sent, and drafts that have been dropped.
    pub fn sweep(&mut self) {
        let dropped = self.drafts.extract_if(.., |extent| Arc::strong_count(extent) == 1).collect::<Vec<_>>();
        dropped.iter().for_each(|extent| self.free(extent));
        let unread = self.removed.extract_if(.., |extent| Arc::strong_count(extent) == 1).collect::<Vec<_>>();
        for extent in unread {
            let charge = self.extents.get(&extent.number()).map_or(0, |state| state.charge);
            self.removed_bytes -= charge;
            self.free(&extent);
        }
    }

    fn is_over(&self, limit: u64, growth: Growth) -> bool {
        self.bytes + growth.to > limit.saturating_add(self.removed_bytes + growth.from)
    }

    fn remove_all_of(&mut self, owner: &Path) {
        let is_owned = |file: &MemoryFile| {
            let state = self.extents.get(&file.extent.number());
            state.is_some_and(|state| state.owner.as_deref() == Some(owner))
        };
        let gone: Vec<_> = self.files.extract_if(|_, file| is_owned(file)).collect();
        gone.into_iter().for_each(|(_, file)| self.retire(file.extent));
        self.sweep();
    }

    /// Counts an extent as that of a removed file.
    fn retire(&mut self, extent: Arc<Extent>) {
        if let Some(state) = self.extents.get_mut(&extent.number()) {
            self.removed_bytes += state.charge;
            if let Some(owner) = state.owner.take() {
                self.owners.charge(&owner, state.charge, 0);
            }
        }
        self.removed.push(extent);
    }

    fn free(&mut self, extent: &Extent) {
        self.charge(extent.number(), 0);
        self.extents.remove(&extent.number());
        self.space.give_back(extent);
    }

    /// Changes the bytes that are counted for an extent.
    fn charge(&mut self, number: u32, charge: u64) {
        let Some(state) = self.extents.get_mut(&number) else { return };
        let before = std::mem::replace(&mut state.charge, charge);
        if before == charge {
            return;
        }
        self.bytes = self.bytes + charge - before;
        if let Some(owner) = &state.owner {
            self.owners.charge(owner, before, charge);
        }
    }
}

fn in_pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(PAGE)
}

#[cfg(test)]
mod tests;
