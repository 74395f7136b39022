//! The ledgers of all folders, which jobs read and write.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::ledger::{Entry, Ledger};
use crate::engine::{Handle, JobOwner, Jobs};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::NAME;

/// The owner of jobs whose results nobody needs.
pub const NOBODY: JobOwner = JobOwner::Module { name: NAME, token: u64::MAX };

/// The ledgers by their folders. Those of folders that are not configured any more stay.
#[derive(Debug, Default)]
pub struct Ledgers {
    by_root: HashMap<PathBuf, Handle<Ledger>>,
}

impl Ledgers {
    /// Takes a ledger that has been read, unless its folder has one by now.
    pub fn insert(&mut self, root: PathBuf, ledger: Ledger) {
        self.by_root.entry(root).or_insert_with(|| Handle::new(ledger));
    }

    /// Adds a stream to the ledger of its folder.
    pub fn add(&mut self, naming: &Naming, jobs: &mut Jobs) {
        let (root, entry) = (naming.root().to_owned(), Entry::of(naming));
        let handle = Handle::clone(self.by_root.entry(root.clone()).or_default());
        jobs.write_always(NOBODY, 0, move || {
            let mut ledger = handle.take().unwrap_or_else(|| Ledger::open(&root));
            ledger.add(entry);
            handle.put(ledger);
            None::<()>
        });
    }

    /// Removes a stream from the ledger of its folder.
    pub fn remove(&self, naming: &Naming, jobs: &mut Jobs) {
        if let Some(handle) = self.of(naming.root()) {
            let entry = Entry::of(naming);
            jobs.write_always(NOBODY, 0, move || {
                remove(&handle, &entry);
                None::<()>
            });
        }
    }

    /// Writes the ledgers again that somebody has removed.
    pub fn restore(&self, jobs: &mut Jobs) {
        for handle in self.by_root.values() {
            let handle = Handle::clone(handle);
            jobs.write_always(NOBODY, 0, move || {
                change(&handle, Ledger::restore);
                None::<()>
            });
        }
    }

    /// The ledger of a folder, for a job.
    pub fn of(&self, root: &Path) -> Option<Handle<Ledger>> {
        self.by_root.get(root).cloned()
    }

    pub fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.by_root.keys()
    }

    pub fn is_empty(&self) -> bool {
        self.by_root.is_empty()
    }
}

/// Removes an entry, in a job.
pub fn remove(ledger: &Handle<Ledger>, entry: &Entry) {
    change(ledger, |ledger| ledger.remove(entry));
}

/// Changes a ledger, in a job. One that has not been read has neither entries nor been lost.
fn change(ledger: &Handle<Ledger>, change: impl FnOnce(&mut Ledger)) {
    let _ = ledger.with(|ledger| {
        change(ledger);
        Ok(())
    });
}
