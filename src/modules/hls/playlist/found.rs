//! The playlist of a stream that an earlier run of the server, or an earlier publisher, has left.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listed::{Fragment, Retired};
use super::{End, MAX_TEXT, Playlist, stream_inf_line};
use crate::modules::hls::files::naming::Naming;
use crate::modules::hls::files::{Files, disk};

/// A playlist and the fragments that wait for their removal. Fragments of a playlist that was still hidden when the
/// server was killed wait, too.
#[derive(Debug)]
pub struct Found {
    pub playlist: Playlist,
    pub retired: Vec<Retired>,
    /// The text of the playlist in place; `None` if there is only a hidden one.
    text: Option<String>,
}

impl Found {
    /// Reads the playlist of a stream; an error if it is not one of this server's.
    pub fn read(naming: &Naming, files: &Files<'_>) -> Result<Option<Self>, String> {
        let path = naming.playlist();
        let parse = |path: &Path| {
            let Some(bytes) = files.read(path, MAX_TEXT).map_err(|error| error.to_string())? else {
                return Ok(None);
            };
            let text = String::from_utf8(bytes).ok();
            let parsed = text.and_then(|text| Some((Playlist::parse(&text, naming)?, text)));
            parsed.map(Some).ok_or_else(|| format!("{}: not a playlist of this server", path.display()))
        };
        let (in_place, prepared) = (parse(&path)?, parse(&disk::part_of(&path)).ok().flatten());
        let prepared = prepared.map(|(parsed, _)| parsed);
        let (parsed, text) = match in_place {
            Some((parsed, text)) => (Some(parsed), Some(text)),
            None => (prepared.clone(), None),
        };
        let Some((mut playlist, mut retired)) = parsed else { return Ok(None) };
        let listed: HashSet<u64> = playlist.fragments().map(|fragment| fragment.id).collect();
        for fragment in prepared.iter().flat_map(|(prepared, _)| prepared.fragments()) {
            if !listed.contains(&fragment.id) {
                playlist.skip(fragment.id);
                retired.push(fragment.retired());
            }
        }
        Ok(Some(Self { playlist, retired, text }))
    }

    /// The same if a publication can continue it; an error if not.
    pub fn continuable(self, naming: &Naming) -> Result<Self, String> {
        if self.playlist.can_grow() {
            Ok(self)
        } else {
            Err(format!("{}: its numbers are too large", naming.playlist().display()))
        }
    }

    /// The same without the fragments that are not there. On the disk, a publication does that itself before its first
    /// fragment.
    pub fn existing(mut self, naming: &Naming, files: &Files<'_>) -> Self {
        let is_in_place = self.text.is_some();
        if !is_in_place || matches!(files, Files::Memory(_)) {
            let mut size = playable_size(naming, files, None);
            let gone = self.playlist.keep_existing(|fragment| size(fragment).filter(|_| is_in_place));
            self.retired.extend(gone.iter().map(Fragment::retired));
        }
        self
    }

    /// The duration of the playlist in place.
    pub fn listed(&self) -> Duration {
        Duration::from_millis(self.text.as_ref().map_or(0, |_| self.playlist.total()))
    }

    /// The playlist in place with EXT-X-ENDLIST; `None` if nothing is listed, or it has that already.
    pub fn with_end(&mut self, naming: &Naming) -> Option<String> {
        let before = self.text.as_deref()?;
        let text = self.playlist.render(naming, &self.retired, stream_inf_line(before), End::Ended);
        (!self.playlist.is_empty() && text != before).then_some(text)
    }

    /// The fragments and keys that the playlist names, the oldest first.
    pub fn files(&self, naming: &Naming) -> Vec<PathBuf> {
        let listed = self.playlist.fragments().map(|fragment| fragment.retired());
        let all: Vec<Retired> = self.retired.iter().copied().chain(listed).collect();
        let keys: HashSet<u64> = all.iter().filter_map(|retired| retired.key).collect();
        let fragments = all.iter().map(|retired| naming.fragment(retired.id));
        fragments.chain(keys.into_iter().map(|key| naming.key(key))).collect()
    }
}

/// Returns the sizes of fragments: none if the file is missing, or the key, unless that is the key `in_use`.
pub fn playable_size<'a>(
    naming: &'a Naming,
    files: &'a Files<'_>,
    in_use: Option<u64>,
) -> impl FnMut(&Fragment) -> Option<u64> + 'a {
    let mut keys: HashMap<u64, bool> = in_use.into_iter().map(|key| (key, true)).collect();
    move |fragment| {
        let mut is_there = |key| *keys.entry(key).or_insert_with(|| files.size(&naming.key(key)).is_some());
        let has_key = fragment.encryption.is_none_or(|encryption| is_there(encryption.key));
        files.size(&naming.fragment(fragment.id)).filter(|_| has_key)
    }
}
