//! The streams that are being written, found by the paths that they claim.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::engine::StreamId;
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::settings::Storage;

/// The streams that are being written. No two have a claim in common.
#[derive(Debug, Default)]
pub struct LiveStreams {
    namings: HashMap<StreamId, Naming>,
    /// The stream that has each claim.
    claims: HashMap<PathBuf, StreamId>,
    /// The streams in each master playlist.
    masters: HashMap<PathBuf, Vec<StreamId>>,
}

impl LiveStreams {
    pub fn add(&mut self, stream: StreamId, naming: Naming) {
        if let Some(master) = naming.master_claim() {
            self.masters.entry(master).or_default().push(stream);
        }
        self.claims.extend(naming.claims().into_iter().map(|claim| (claim, stream)));
        self.namings.insert(stream, naming);
    }

    pub fn take(&mut self, stream: StreamId) -> Option<Naming> {
        let naming = self.namings.remove(&stream)?;
        for claim in naming.claims() {
            self.claims.remove(&claim);
        }
        if let Some(master) = naming.master_claim()
            && let Some(listed) = self.masters.get_mut(&master)
        {
            listed.retain(|other| *other != stream);
            if listed.is_empty() {
                self.masters.remove(&master);
            }
        }
        Some(naming)
    }

    pub fn is_empty(&self) -> bool {
        self.namings.is_empty()
    }

    /// Whether any of them has its files on the disk, in that `hls_path`.
    pub fn is_on_disk(&self, root: &Path) -> bool {
        let is_there = |naming: &Naming| naming.root() == root && naming.settings().storage == Storage::Disk;
        self.namings.values().any(is_there)
    }

    /// A claim of these files that a stream or a master playlist has already; the streams `own` do not count.
    pub fn conflict(&self, naming: &Naming, own: &[StreamId]) -> Option<PathBuf> {
        let is_own = |stream: &StreamId| own.contains(stream);
        let is_others = |claim: &PathBuf| {
            self.claims.get(claim).is_some_and(|stream| !is_own(stream))
                || self.masters.get(claim).is_some_and(|streams| !streams.iter().all(is_own))
        };
        naming.claims().into_iter().find(is_others)
    }

    /// Whether a stream has the path of a master playlist, or variants of other settings are in it.
    pub fn is_taken(&self, master: &Path, naming: &Naming) -> bool {
        let listed =
            self.masters.get(master).into_iter().flatten().filter_map(|stream| self.namings.get(stream));
        let mut others = listed.map(Naming::settings);
        self.claims.contains_key(master) || others.any(|settings| !settings.has_master_of(naming.settings()))
    }
}
