//! Where files go: on the disk, or into memory. A sink does not have the memory at hand, so its changes
//! wait in a [`Store`] until the engine hands it over; whoever has it uses [`Files`].

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use crate::engine::MemoryFiles;

use super::files;
use super::settings::Place;

/// Files, with the memory at hand.
#[derive(Debug)]
pub enum Files<'a> {
    /// On the disk.
    Disk,
    /// In memory.
    Memory(&'a mut MemoryFiles),
}

impl<'a> Files<'a> {
    /// The files of a place.
    pub fn of(place: Place, memory: &'a mut MemoryFiles) -> Self {
        match place {
            Place::Disk => Self::Disk,
            Place::Memory { .. } => Self::Memory(memory),
        }
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Disk => files::read(path, limit),
            Self::Memory(memory) => Ok(memory.get(path).map(|file| file.bytes.to_vec())),
        }
    }

    /// The length of a file that is there.
    pub fn size(&self, path: &Path) -> Option<u64> {
        match self {
            Self::Disk => files::size(path),
            Self::Memory(memory) => u64::try_from(memory.get(path)?.bytes.len()).ok(),
        }
    }

    /// Writes a whole file.
    pub fn write(&mut self, path: PathBuf, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        match self {
            Self::Disk => return files::write(&path, bytes),
            Self::Memory(memory) => memory.put(path, bytes.into(), modified),
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &Path) {
        match self {
            Self::Disk => files::remove(path),
            Self::Memory(memory) => memory.remove(path),
        }
    }
}

/// A fragment being written, which nobody sees yet.
#[derive(Debug)]
pub enum Part {
    /// A hidden file.
    File(files::Part),
    /// Bytes.
    Memory(Vec<u8>),
}

impl Part {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(part) => part.write(bytes),
            Self::Memory(part) => {
                part.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// A change to files in memory.
#[derive(Debug)]
enum Change {
    Put(PathBuf, Rc<[u8]>),
    Remove(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Put(path, _) | Self::Remove(path) => path,
        }
    }
}

/// A sink's way to its files: the disk at once, or changes that wait for the memory.
#[derive(Debug)]
pub enum Store {
    /// On the disk.
    Disk,
    /// In memory.
    Memory(Changes),
}

/// Changes that wait, at most one for each path; a fragment's worth, as they are handed over after each
/// frame.
#[derive(Debug, Default)]
pub struct Changes(Vec<Change>);

impl Store {
    /// The way to a place.
    pub fn new(place: Place) -> Self {
        match place {
            Place::Disk => Self::Disk,
            Place::Memory { .. } => Self::Memory(Changes::default()),
        }
    }

    /// Starts a file, on the disk under this hidden name.
    pub fn create(&self, part: PathBuf) -> io::Result<Part> {
        match self {
            Self::Disk => files::Part::create(part).map(Part::File),
            Self::Memory(_) => Ok(Part::Memory(Vec::new())),
        }
    }

    /// Lets a file appear.
    pub fn publish(&mut self, part: Part, path: PathBuf) -> io::Result<()> {
        match (self, part) {
            (_, Part::File(part)) => return part.publish(&path),
            (Self::Memory(changes), Part::Memory(bytes)) => changes.put(path, bytes.into()),
            (Self::Disk, Part::Memory(bytes)) => return files::write(&path, &bytes),
        }
        Ok(())
    }

    /// Makes a whole file ready to appear.
    pub fn prepare(&self, path: &Path, bytes: &[u8]) -> io::Result<Part> {
        match self {
            Self::Disk => files::prepare(path, bytes).map(Part::File),
            Self::Memory(_) => Ok(Part::Memory(bytes.to_vec())),
        }
    }

    /// Writes a whole file.
    pub fn write(&mut self, path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        let part = self.prepare(&path, bytes)?;
        self.publish(part, path)
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: PathBuf) {
        match self {
            Self::Disk => files::remove(&path),
            Self::Memory(changes) => changes.add(Change::Remove(path)),
        }
    }
}

impl Changes {
    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes the memory would hold after these changes.
    pub fn bytes_after(&self, memory: &MemoryFiles) -> usize {
        let mut bytes = memory.bytes();
        for change in &self.0 {
            let old = memory.get(change.path()).map_or(0, |file| file.bytes.len());
            let new = if let Change::Put(_, bytes) = change { bytes.len() } else { 0 };
            bytes = bytes.saturating_sub(old).saturating_add(new);
        }
        bytes
    }

    /// Makes the changes.
    pub fn apply(&mut self, memory: &mut MemoryFiles, modified: SystemTime) {
        for change in mem::take(&mut self.0) {
            match change {
                Change::Put(path, bytes) => memory.put(path, bytes, modified),
                Change::Remove(path) => memory.remove(&path),
            }
        }
    }

    fn put(&mut self, path: PathBuf, bytes: Rc<[u8]>) {
        self.add(Change::Put(path, bytes));
    }

    /// What was to become of the path before does not matter any more.
    fn add(&mut self, change: Change) {
        self.0.retain(|waiting| waiting.path() != change.path());
        self.0.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_wait_for_the_memory_and_the_last_of_a_path_counts() {
        let mut memory = MemoryFiles::default();
        memory.put("/a".into(), b"12345"[..].into(), SystemTime::UNIX_EPOCH);
        let mut store = Store::new(Place::Memory { limit: 0 });
        store.write("/a".into(), b"1").unwrap();
        store.write("/b".into(), b"123").unwrap();
        store.write("/b".into(), b"12").unwrap();
        store.remove("/c".into());
        let part = store.create("/.c".into()).unwrap();
        store.publish(part, "/c".into()).unwrap();
        let Store::Memory(changes) = &mut store else { panic!("not the disk") };
        assert_eq!((changes.bytes_after(&memory), memory.bytes()), (3, 5));
        changes.apply(&mut memory, SystemTime::UNIX_EPOCH);
        assert!(changes.is_empty() && memory.get(Path::new("/c")).is_some());
        let files = Files::Memory(&mut memory);
        assert_eq!(files.read(Path::new("/b"), 10).unwrap().as_deref(), Some(&b"12"[..]));
        assert_eq!((files.size(Path::new("/a")), files.size(Path::new("/d"))), (Some(1), None));
    }
}
