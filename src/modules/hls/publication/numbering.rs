//! The numbers of fragments, which are in their names.

use std::mem;
use std::path::PathBuf;

use super::{CompleteFragment, Publication};
use crate::modules::hls::files::disk;
use crate::modules::hls::settings::{Numbering, Storage};

/// The most numbers that are tried for one fragment.
const MAX_TRIED: u64 = 64;

impl Publication {
    /// The number by `hls_fragment_naming`, or a larger one: numbers must grow though an encoder that starts over
    /// counts from 0 again and two fragments may have the same multiple, and a folder may have the name.
    pub(super) fn number(&mut self, finished: &CompleteFragment) -> u64 {
        let (next, granularity) = (self.playlist.next_id(), self.settings.granularity);
        let wanted = match self.settings.numbering {
            Numbering::Sequential => next,
            Numbering::Timestamp => finished.timestamp.saturating_mul(90),
            Numbering::System => finished.date.unwrap_or_default(),
        };
        let id = wanted - wanted % granularity;
        let id = if id >= next { id } else { next.div_ceil(granularity).saturating_mul(granularity) };
        let Some(folder) = self.folder_in_place_of(id) else { return id };
        if !mem::replace(&mut self.has_warned.folders, true) {
            log::warn!("{}: hls takes another number: {} is a folder", self.label(), folder.display());
        }
        let mut others = (1..MAX_TRIED).map(|place| id.saturating_add(granularity.saturating_mul(place)));
        others.find(|id| self.folder_in_place_of(*id).is_none()).unwrap_or(id)
    }

    /// A folder that has the name of a fragment, or of its key.
    fn folder_in_place_of(&self, id: u64) -> Option<PathBuf> {
        if self.settings.storage != Storage::Disk {
            return None;
        }
        let key = self.key.as_ref().filter(|key| key.id.is_none()).map(|_| self.naming.key(id));
        [Some(self.naming.fragment(id)), key].into_iter().flatten().find(|path| disk::is_folder(path))
    }
}
