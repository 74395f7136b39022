//! Retirement: fragments that have left the playlist stay for viewers who still play them, and are removed later with
//! their keys.

use super::Publication;
use crate::modules::hls::files::Files;
use crate::modules::hls::playlist::outline::MAX_LISTED;
use crate::modules::hls::playlist::{Fragment, Retired};
use crate::modules::hls::settings::Cleanup;

/// The most retired fragments, as many as were listed; beyond this the oldest are removed early.
const MAX_RETIRED: usize = MAX_LISTED + 1;

/// The most files that are removed with a new fragment, which should take some milliseconds at most.
pub const MAX_AT_ONCE: usize = 64;

impl Publication {
    /// Takes a fragment that has left the playlist. It is removed when it has been out of it for the length of the
    /// playlist and its own duration (RFC 8216 6.2.2), in media time.
    pub(super) fn retire(&mut self, fragment: &Fragment) {
        if self.settings.cleanup == Cleanup::Remove {
            let until = self.until(fragment.duration);
            self.retired.push_back(Retired { until, ..fragment.retired() });
        }
    }

    pub(super) fn until(&self, duration: u64) -> u64 {
        let listed = self.settings.playlist_length.max(self.playlist.total());
        self.clock.saturating_add(listed).saturating_add(duration)
    }

    pub(super) fn remove_retired(&mut self, clock: u64, files: &mut Files<'_>) {
        let too_many = self.retired.len().saturating_sub(MAX_RETIRED);
        for place in 0..MAX_AT_ONCE {
            let is_due = |retired: &&Retired| place < too_many || retired.until <= clock;
            if self.retired.front().filter(is_due).is_none() {
                break;
            }
            self.remove_oldest(files);
        }
    }

    /// Removes the oldest retired fragment, and its key, if no other needs that. False if there is none.
    pub(super) fn remove_oldest(&mut self, files: &mut Files<'_>) -> bool {
        let Some(Retired { id, key, .. }) = self.retired.pop_front() else { return false };
        files.remove(&self.naming.fragment(id));
        if let Some(key) = key {
            let waits = self.retired.iter().any(|retired| retired.key == Some(key));
            let is_listed = || {
                self.playlist
                    .fragments()
                    .any(|f| f.encryption.is_some_and(|encryption| encryption.key == key))
            };
            let is_current = self.key.as_ref().is_some_and(|current| current.id == Some(key));
            if !waits && !is_current && !is_listed() {
                files.remove(&self.naming.key(key));
            }
        }
        true
    }
}
