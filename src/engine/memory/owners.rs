//! The owners of files in memory, each with the bytes that are counted for it.
//!
//! An owner, such as the HLS of one stream, may use more than an equal share while nobody wants it, so that a new
//! stream finds room beside one that takes all it can get. Nothing is freed here; `memory/mod.rs` does that.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

/// All owners, by the path that identifies them.
#[derive(Debug, Default)]
pub(super) struct Owners {
    owners: HashMap<PathBuf, Owner>,
    /// Owners that have ended, the first first; one that has begun again may still be in it.
    ended: VecDeque<PathBuf>,
    /// The number of owners that write files.
    writing: u64,
}

#[derive(Debug, Default)]
struct Owner {
    bytes: u64,
    is_writing: bool,
}

impl Owners {
    pub fn begin(&mut self, owner: &Path) {
        let entry = self.owners.entry(owner.to_owned()).or_default();
        if !std::mem::replace(&mut entry.is_writing, true) {
            self.writing += 1;
            self.ended.retain(|other| other != owner);
        }
    }

    pub fn end(&mut self, owner: &Path) {
        let Some(entry) = self.owners.get_mut(owner) else { return };
        if std::mem::take(&mut entry.is_writing) {
            self.writing -= 1;
            self.ended.push_back(owner.to_owned());
            self.forget_empty(owner);
        }
    }

    /// Notes that the size of one of an owner's files has changed.
    pub fn charge(&mut self, owner: &Path, before: u64, after: u64) {
        if !self.owners.contains_key(owner) {
            // It has ended, and this is its last file.
            self.ended.push_back(owner.to_owned());
            self.owners.insert(owner.to_owned(), Owner::default());
        }
        if let Some(entry) = self.owners.get_mut(owner) {
            entry.bytes = (entry.bytes + after).saturating_sub(before);
        }
        self.forget_empty(owner);
    }

    pub fn bytes(&self, owner: &Path) -> u64 {
        self.owners.get(owner).map_or(0, |entry| entry.bytes)
    }

    /// Takes the owner that has ended first, other than `except`, which still writes its last file.
    pub fn next_ended(&mut self, except: &Path) -> Option<PathBuf> {
        let place = self.ended.iter().position(|ended| ended != except)?;
        self.ended.remove(place)
    }

    /// An equal share of a limit.
    pub fn share(&self, limit: u64) -> u64 {
        limit / self.writing.max(1)
    }

    /// Bytes beyond their shares of all owners that write files.
    pub fn excess(&self, limit: u64) -> u64 {
        let (share, owners) = (self.share(limit), self.owners.values().filter(|entry| entry.is_writing));
        owners.map(|entry| entry.bytes.saturating_sub(share)).sum()
    }

    fn forget_empty(&mut self, owner: &Path) {
        if self.owners.get(owner).is_some_and(|entry| !entry.is_writing && entry.bytes == 0) {
            self.owners.remove(owner);
            self.ended.retain(|other| other != owner);
        }
    }
}
