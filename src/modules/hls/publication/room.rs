//! Room in memory for the files of one stream. The limit is kept before anything is written: room is made first, and what does not
//! fit is not written.

use std::io;
use std::mem;
use std::rc::Rc;
use std::time::SystemTime;

use super::{Join, Publication};
use crate::engine::{Growth, MemoryFile, MemoryFiles};
use crate::modules::hls::files::keys;
use crate::modules::hls::settings::Storage;

/// The most bytes of a playlist before its first entry, and of an entry beside its names.
const HEAD_BYTES: u64 = 512;
const ENTRY_BYTES: u64 = 256;

impl Publication {
    /// Makes room in memory for the open fragment, and for so many bytes of frames that are not written yet. An error if there is none:
    /// nothing of them may be written.
    pub fn make_room(&mut self, open: Growth, frames: usize, memory: &mut MemoryFiles) -> io::Result<()> {
        if self.settings.storage == Storage::Disk {
            return Ok(());
        }
        let waiting = memory.growth(self.waiting.as_deref(), frames as u64);
        self.reserve(waiting + open, memory)?;
        if waiting.is_none() {
            return Ok(());
        }
        let extent = match &self.waiting {
            Some(extent) => Rc::clone(extent),
            None => Rc::clone(self.waiting.insert(memory.begin_draft(Some(&self.owner))?)),
        };
        memory.append(&extent, &[], frames as u64)
    }

    /// Makes room in memory for what is about to be written: the oldest fragments of this stream are removed. It is an error if even
    /// all of them are not enough; nothing is listed then.
    pub(super) fn reserve(&mut self, growth: Growth, memory: &mut MemoryFiles) -> io::Result<()> {
        let Storage::Memory { limit } = self.settings.storage else { return Ok(()) };
        let (limit, listed) = (limit as u64, self.playlist.len());
        let is_asked = growth.to > growth.from || memory.is_crowded();
        let mut has_room = !is_asked || memory.make_room(limit, &self.owner, growth);
        while !has_room && self.give_up_oldest(memory) {
            has_room = memory.make_room(limit, &self.owner, growth);
        }
        if self.playlist.len() < listed {
            self.list_less(memory);
        }
        memory.request_reclaim(limit);
        if has_room { Ok(()) } else { Err(io::Error::other("hls_memory_size is used up")) }
    }

    /// Removes the oldest fragment: one that is retired, or else one that is listed. False if there is none.
    fn give_up_oldest(&mut self, memory: &mut MemoryFiles) -> bool {
        if !mem::replace(&mut self.has_warned, true) {
            log::warn!("{}: hls lists less than it should: hls_memory_size is used up", self.label());
        }
        self.is_starting = false;
        if self.retired.is_empty()
            && let Some(fragment) = self.playlist.slide()
        {
            self.retired.push_back(fragment.retired());
        }
        self.remove_oldest(memory)
    }

    /// Replaces the list by a shorter one, which needs no more room.
    fn list_less(&mut self, memory: &mut MemoryFiles) {
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

    /// The most by which the list grows with one more fragment, and its key.
    pub(super) fn growth_of_list(&self, memory: &MemoryFiles) -> Growth {
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
        Growth { from: memory.bytes_at(&path), to: 0 } + more + key
    }
}
