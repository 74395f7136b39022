//! Where files in memory lie: in one file of the kernel's that has no name and is on no disk (memfd_create(2)).
//!
//! Each of ours has a stretch of it. What is written takes up memory page by page; a stretch that is given back is
//! punched out of it, and the system has its memory again at once, which no heap promises. Readers are sent it
//! by sendfile, so none has a copy.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// How far stretches are apart: more than any file of ours has. Addresses cost nothing. A multiple of the largest
/// page, so that what is punched out leaves no part of one.
const STRETCH: u64 = 1 << 30;

/// A stretch of the space.
#[derive(Debug)]
pub struct Extent {
    file: Rc<File>,
    number: u32,
}

impl Extent {
    /// The file that it lies in.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it begins there, bytes.
    pub fn start(&self) -> u64 {
        u64::from(self.number) * STRETCH
    }

    /// Tells extents apart, as long as they live.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Reads so many bytes from `offset` on.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, self.start() + offset)?;
        Ok(bytes)
    }

    /// Writes bytes at `offset`.
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if offset + bytes.len() as u64 > STRETCH {
            return Err(io::Error::other("a file in memory is longer than any may be"));
        }
        self.file.write_all_at(bytes, self.start() + offset)
    }
}

/// The space, and which of its stretches are free.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Opened with the first file.
    file: Option<Rc<File>>,
    free: Vec<u32>,
    /// How many stretches there have been.
    count: u32,
}

impl Space {
    /// Takes a stretch, which is empty.
    pub fn take(&mut self) -> io::Result<Rc<Extent>> {
        let file = match &self.file {
            Some(file) => Rc::clone(file),
            None => Rc::clone(self.file.insert(Rc::new(open()?))),
        };
        let number = self.free.pop().unwrap_or(self.count);
        // On a system with offsets of 32 bits there are few.
        to_offset((u64::from(number) + 1) * STRETCH)?;
        self.count = self.count.max(number.saturating_add(1));
        Ok(Rc::new(Extent { file, number }))
    }

    /// Gives a stretch that nobody reads any more back to the system.
    pub fn give_back(&mut self, extent: &Extent) {
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let punched = to_offset(extent.start()).and_then(|start| {
            fallocate(extent.file(), hole, start, to_offset(STRETCH)?).map_err(io::Error::from)
        });
        match punched {
            Ok(()) => self.free.push(extent.number),
            Err(error) => log::error!("memory of a file is lost: {error}"),
        }
    }
}

fn open() -> io::Result<File> {
    Ok(File::from(memfd_create("millstream", MFdFlags::MFD_CLOEXEC).map_err(io::Error::from)?))
}

fn to_offset(bytes: u64) -> io::Result<nix::libc::off_t> {
    nix::libc::off_t::try_from(bytes)
        .map_err(|_| io::Error::other("this system has no room for more files in memory"))
}
