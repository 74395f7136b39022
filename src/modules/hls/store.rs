//! Where files go: on the disk, or into memory. A sink does not have the memory at hand, so its changes
//! wait in a [`Store`] until the engine hands it over; whoever has it uses [`Files`].

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::engine::{Extent, Growth, MemoryFile, MemoryFiles};

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
            Self::Memory(memory) => {
                memory.get(path).filter(|file| file.len() <= limit).map(MemoryFile::read).transpose()
            }
        }
    }

    /// The length of a file that is there.
    pub fn size(&self, path: &Path) -> Option<u64> {
        match self {
            Self::Disk => files::size(path),
            Self::Memory(memory) => memory.get(path).map(MemoryFile::len),
        }
    }

    /// Writes a whole file.
    pub fn write(&mut self, path: PathBuf, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        match self {
            Self::Disk => files::write(&path, bytes),
            Self::Memory(memory) => memory.put(path, bytes, modified),
        }
    }

    /// Writes a file anew that is there.
    pub fn replace(&mut self, path: &Path, bytes: &[u8], modified: SystemTime) -> io::Result<()> {
        match self {
            Self::Disk => files::write(path, bytes),
            Self::Memory(memory) => memory.replace(path, bytes, modified),
        }
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
    /// On its way into memory.
    Memory(Draft),
}

impl Part {
    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(part) => part.write(bytes),
            Self::Memory(draft) => {
                draft.tail.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// A file on its way into memory.
#[derive(Debug, Default)]
pub struct Draft {
    /// Where its beginning is, once some of it has been stored.
    extent: Option<Rc<Extent>>,
    /// The rest, which waits for the memory.
    tail: Vec<u8>,
}

impl Draft {
    /// How it grows if all of it is stored while its writer has so many bytes more.
    pub fn growth(&self, memory: &MemoryFiles, buffered: usize) -> Growth {
        memory.growth(self.extent.as_deref(), (self.tail.len() + buffered) as u64)
    }

    /// Stores what waits.
    pub fn store(
        &mut self,
        memory: &mut MemoryFiles,
        owner: &Rc<Path>,
        buffered: usize,
    ) -> io::Result<Rc<Extent>> {
        let extent = match &self.extent {
            Some(extent) => Rc::clone(extent),
            None => Rc::clone(self.extent.insert(memory.begin_draft(Some(owner))?)),
        };
        memory.append(&extent, &mem::take(&mut self.tail), buffered as u64)?;
        Ok(extent)
    }
}

/// A change to files in memory.
#[derive(Debug)]
enum Change {
    Put(PathBuf, Draft),
    Remove(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Put(path, _) | Self::Remove(path) => path,
        }
    }

    fn growth(&self, memory: &MemoryFiles) -> Growth {
        let replaced = Growth { from: memory.bytes_at(self.path()), to: 0 };
        match self {
            Self::Put(_, draft) => replaced + draft.growth(memory, 0),
            Self::Remove(_) => replaced,
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
            Self::Memory(_) => Ok(Part::Memory(Draft::default())),
        }
    }

    /// Lets a file appear.
    pub fn publish(&mut self, part: Part, path: PathBuf) -> io::Result<()> {
        match (self, part) {
            (_, Part::File(part)) => return part.publish(&path),
            (Self::Memory(changes), Part::Memory(draft)) => changes.add(Change::Put(path, draft)),
            (Self::Disk, Part::Memory(draft)) => return files::write(&path, &draft.tail),
        }
        Ok(())
    }

    /// Makes a whole file ready to appear.
    pub fn prepare(&self, path: &Path, bytes: &[u8]) -> io::Result<Part> {
        match self {
            Self::Disk => files::prepare(path, bytes).map(Part::File),
            Self::Memory(_) => Ok(Part::Memory(Draft { extent: None, tail: bytes.to_vec() })),
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

    /// What they make of the memory.
    pub fn growth(&self, memory: &MemoryFiles) -> Growth {
        self.0.iter().fold(Growth::default(), |sum, change| sum + change.growth(memory))
    }

    /// Makes the changes: removes first. Files are the owner's, and a reader may take so long over one.
    pub fn apply(
        &mut self,
        memory: &mut MemoryFiles,
        owner: &Rc<Path>,
        (modified, hold): (SystemTime, Duration),
    ) -> io::Result<()> {
        let mut drafts = Vec::new();
        for change in mem::take(&mut self.0) {
            match change {
                Change::Put(path, draft) => drafts.push((path, draft)),
                Change::Remove(path) => memory.remove(&path),
            }
        }
        for (path, mut draft) in drafts {
            let extent = draft.store(memory, owner, 0)?;
            drop(draft);
            memory.publish(extent, path, modified, hold);
        }
        Ok(())
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
        let (mut memory, owner) = (MemoryFiles::default(), Rc::from(Path::new("/list")));
        memory.put("/a".into(), b"12345", SystemTime::UNIX_EPOCH).unwrap();
        let mut store = Store::new(Place::Memory { limit: 0 });
        store.write("/a".into(), b"1").unwrap();
        store.write("/b".into(), b"123").unwrap();
        store.write("/b".into(), b"12").unwrap();
        store.remove("/c".into());
        let part = store.create("/.c".into()).unwrap();
        store.publish(part, "/c".into()).unwrap();
        let Store::Memory(changes) = &mut store else { panic!("not the disk") };
        assert_eq!(changes.growth(&memory), Growth { from: 4096, to: 2 * 4096 });
        changes.apply(&mut memory, &owner, (SystemTime::UNIX_EPOCH, Duration::ZERO)).unwrap();
        assert!(changes.is_empty() && memory.get(Path::new("/c")).is_some());
        assert_eq!(memory.bytes(), 2 * 4096);
        let files = Files::Memory(&mut memory);
        assert_eq!(files.read(Path::new("/b"), 10).unwrap().as_deref(), Some(&b"12"[..]));
        assert_eq!((files.size(Path::new("/a")), files.size(Path::new("/d"))), (Some(1), None));
    }
}
