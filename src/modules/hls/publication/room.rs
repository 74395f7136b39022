//! Room in memory for the files of one stream. Room is made before anything is written, so `hls_memory_size` always
//! holds; what finds no room is not written.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Join, Publication};
use crate::engine::{Growth, MemoryFile, MemoryFiles};
use crate::modules::hls::files::{Files, keys, no_room};
use crate::modules::hls::settings::variant::Variant;

/// The most bytes of a playlist before its first entry, and of an entry beside its names.
const HEAD_BYTES: u64 = 512;
const ENTRY_BYTES: u64 = 256;

impl Publication {
    /// Makes room in memory for the open fragment, and for the bytes that its sink keeps: frames that are not written
    /// yet, and buffers. It is an error if there is none: nothing of them may be written.
    pub fn make_room(&mut self, open: Growth, kept: usize, memory: &mut MemoryFiles) -> io::Result<()> {
        let kept_growth = memory.growth(self.kept.as_deref(), kept as u64);
        self.reserve(kept_growth + open, memory)?;
        if kept_growth.is_none() {
            return Ok(());
        }
        let extent = match &self.kept {
            Some(extent) => Arc::clone(extent),
            None => Arc::clone(self.kept.insert(memory.begin_draft(Some(&self.owner))?)),
        };
        memory.append(&extent, &[], kept as u64)
    }

    /// Makes room for the next playlist, and all that is written with it.
    pub(super) fn reserve_playlists(&mut self, files: &mut Files<'_>) -> io::Result<()> {
        match files {
            Files::Disk => Ok(()),
            Files::Memory(memory) => self.reserve(self.room_for_playlists(memory), memory),
        }
    }

    /// Makes room for this growth: if need be, the oldest fragments of the stream are removed. It is an error if all of
    /// them are not enough; nothing is listed then.
    fn reserve(&mut self, growth: Growth, memory: &mut MemoryFiles) -> io::Result<()> {
        let listed = self.playlist.len();
        let is_asked = growth.to > growth.from || memory.is_crowded();
        let mut has_room = !is_asked || memory.make_room(&self.owner, growth);
        while !has_room && self.give_up_oldest(memory) {
            // The shorter playlist is written while the longer one is still there.
            has_room = memory.make_room(&self.owner, growth)
                && (self.playlist.len() == listed || self.has_room_for_shorter_playlist(memory));
        }
        if self.playlist.len() < listed {
            self.write_shorter_playlist(memory);
        }
        memory.request_reclaim();
        if has_room { Ok(()) } else { Err(no_room()) }
    }

    /// Removes the oldest fragment, a retired one before those that are listed. False if there is none.
    fn give_up_oldest(&mut self, memory: &mut MemoryFiles) -> bool {
        if !mem::replace(&mut self.has_warned.room, true) {
            log::warn!("{}: hls lists less than it should: hls_memory_size is used up", self.label());
        }
        self.is_starting = false;
        if self.retired.is_empty()
            && let Some(fragment) = self.playlist.slide()
        {
            self.retired.push_back(fragment.retired());
        }
        self.remove_oldest(&mut Files::Memory(memory))
    }

    /// Makes room for a playlist of fewer fragments beside the one in place. Its tags may be longer by a few bytes.
    fn has_room_for_shorter_playlist(&self, memory: &mut MemoryFiles) -> bool {
        let text = memory.get(&self.naming.playlist()).map_or(0, MemoryFile::len);
        let growth = memory.growth(None, text + ENTRY_BYTES);
        self.playlist.is_empty() || memory.make_room(&self.owner, growth)
    }

    fn write_shorter_playlist(&mut self, memory: &mut MemoryFiles) {
        let path = self.naming.playlist();
        if self.playlist.is_empty() {
            self.join = Join::Discontinuity;
            return memory.remove(&path);
        }
        let modified = memory.get(&path).map_or(SystemTime::UNIX_EPOCH, |file| file.modified);
        if let Err(error) = memory.replace(&path, self.render().as_bytes(), modified) {
            log::error!("{}: hls: {error}", self.label());
        }
    }

    /// The most memory that the playlist with one more fragment, a key and the master playlist take up, beside those in
    /// place.
    fn room_for_playlists(&self, memory: &MemoryFiles) -> Growth {
        let path = self.naming.playlist();
        let text = memory.get(&path).map_or(HEAD_BYTES, MemoryFile::len);
        let next = self.playlist.next_id();
        let names = self.naming.uri(next).len() + self.naming.key_uri(next).len();
        let more = memory.growth(None, text + names as u64 + ENTRY_BYTES);
        let key = if self.settings.keys.is_some() {
            memory.growth(None, keys::BLOCK as u64)
        } else {
            Growth::default()
        };
        let master = match self.master_bytes() {
            0 => Growth::default(),
            bytes => memory.growth(None, bytes),
        };
        more + key + master
    }

    /// The most bytes of the master playlist; 0 if there is none.
    fn master_bytes(&self) -> u64 {
        if self.naming.base().is_none() {
            return 0;
        }
        let uri = self.naming.playlist_uri().len();
        let entry = |variant: &Variant| {
            let escaped_suffix = variant.suffix().len() * 3;
            ENTRY_BYTES + (uri + escaped_suffix + variant.attributes().to_string().len()) as u64
        };
        HEAD_BYTES + self.settings.variants.iter().map(entry).sum::<u64>()
    }
}
