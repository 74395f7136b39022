//! The files of streams, on the disk or in memory: the same operations for both.

pub mod case;
pub mod disk;
pub mod folder;
pub mod keys;
pub mod naming;
pub mod token_secret;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::engine::{Extent, Growth, MemoryFile, MemoryFiles};

#[derive(Debug)]
pub enum Files<'a> {
    Disk,
    Memory(&'a mut MemoryFiles),
}

/// A file being written, which nobody sees yet. Dropped before it is published, it is removed.
#[derive(Debug)]
pub enum Draft {
    Disk(disk::HiddenFile),
    Memory(Arc<Extent>),
}

/// The date and the deadline of a file in memory.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    pub modified: SystemTime,
    /// The time in which a client must have fetched it.
    pub hold: Duration,
}

impl Files<'_> {
    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Disk => disk::read(path, limit),
            Self::Memory(memory) => {
                memory.get(path).filter(|file| file.len() <= limit).map(MemoryFile::read).transpose()
            }
        }
    }

    pub fn size(&self, path: &Path) -> Option<u64> {
        match self {
            Self::Disk => disk::size(path),
            Self::Memory(memory) => memory.get(path).map(MemoryFile::len),
        }
    }

    /// Begins a file: on the disk under this hidden name, in memory as the owner's.
    pub fn begin(&mut self, hidden: PathBuf, owner: &Arc<Path>) -> io::Result<Draft> {
        match self {
            Self::Disk => disk::HiddenFile::create(hidden).map(Draft::Disk),
            Self::Memory(memory) => memory.begin_draft(Some(owner)).map(Draft::Memory),
        }
    }

    /// Appends bytes. Another `buffered` bytes of its writer count as memory of the file.
    pub fn append(&mut self, draft: &mut Draft, bytes: &[u8], buffered: usize) -> io::Result<()> {
        match (self, draft) {
            (_, Draft::Disk(draft)) => draft.write(bytes),
            (Self::Memory(memory), Draft::Memory(extent)) => memory.append(extent, bytes, buffered as u64),
            (Self::Disk, Draft::Memory(_)) => Ok(()),
        }
    }

    /// Writes a whole file that is to be placed at a path.
    pub fn prepare(&mut self, path: &Path, bytes: &[u8], owner: &Arc<Path>) -> io::Result<Draft> {
        let mut draft = self.begin(disk::part_of(path), owner)?;
        self.append(&mut draft, bytes, 0)?;
        Ok(draft)
    }

    /// Puts a whole file at a path, in place of any that was there.
    pub fn place(&mut self, draft: Draft, path: &Path, stamp: Stamp) -> io::Result<()> {
        match (self, draft) {
            (_, Draft::Disk(draft)) => return draft.rename(path),
            (Self::Memory(memory), Draft::Memory(extent)) => {
                memory.publish(extent, path.to_owned(), stamp.modified, stamp.hold);
            }
            (Self::Disk, Draft::Memory(_)) => {}
        }
        Ok(())
    }

    /// Makes room in memory for another file of this length; an error if there is none.
    pub fn make_room(&mut self, owner: &Path, length: usize) -> io::Result<()> {
        let Self::Memory(memory) = self else { return Ok(()) };
        let growth = memory.growth(None, length as u64);
        if memory.make_room(owner, growth) { Ok(()) } else { Err(no_room()) }
    }

    /// Writes a whole file without an owner.
    pub fn write(&mut self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        match self {
            Self::Disk => disk::write(path, bytes),
            Self::Memory(memory) => memory.put(path.to_owned(), bytes, modified),
        }
    }

    /// Replaces the content of a file; the owner stays.
    pub fn replace(&mut self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        match self {
            Self::Disk => disk::write(path, bytes),
            Self::Memory(memory) => memory.replace(path, bytes, modified),
        }
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &Path) {
        match self {
            Self::Disk => disk::remove(path),
            Self::Memory(memory) => memory.remove(path),
        }
    }
}

/// The error where there is no room in memory.
pub fn no_room() -> io::Error {
    io::Error::other("hls_memory_size is used up")
}

impl Draft {
    /// The memory that is counted for it now, and with this many bytes more.
    pub fn growth(&self, memory: &MemoryFiles, more: usize) -> Growth {
        match self {
            Self::Disk(_) => Growth::default(),
            Self::Memory(extent) => memory.growth(Some(extent), more as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_in_memory_counts_with_the_buffer_of_its_writer_and_is_freed_when_it_is_dropped() {
        let (mut memory, owner) = (MemoryFiles::default(), Arc::from(Path::new("/list")));
        let mut files = Files::Memory(&mut memory);
        let mut draft = files.begin("/.a".into(), &owner).unwrap();
        files.append(&mut draft, b"12345", 5000).unwrap();
        assert_eq!(memory.bytes(), 2 * 4096);
        assert_eq!(draft.growth(&memory, 9000), Growth { from: 2 * 4096, to: 3 * 4096 });
        let stamp = Stamp { modified: SystemTime::UNIX_EPOCH, hold: Duration::ZERO };
        let mut files = Files::Memory(&mut memory);
        files.place(draft, Path::new("/a"), stamp).unwrap();
        assert_eq!(files.read(Path::new("/a"), 10).unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!((files.size(Path::new("/a")), files.size(Path::new("/d"))), (Some(5), None));
        drop(files.prepare(Path::new("/b"), b"1", &owner).unwrap());
        memory.sweep();
        assert_eq!(memory.bytes(), 4096);
    }
}
