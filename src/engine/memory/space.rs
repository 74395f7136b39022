//! The space of files in memory: one nameless file of the kernel, on no disk (memfd_create(2)).
//!
//! Each of our files has an extent of it. Memory is taken page by page as it is written; a freed extent is punched
//! out, so the system has its memory back at once, which no heap promises. Readers are sent it by sendfile, without a
//! copy. Who uses how much is counted elsewhere.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc::{MFD_NOEXEC_SEAL, off_t};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// The distance between extents: more than any of our files has, as addresses cost nothing. A multiple of the largest
/// page, so that a hole leaves no part of one.
const STRETCH: u64 = 1 << 30;

/// A range of the space. Shared by `Arc`: an output has drafts here or on the disk, and those are written by a thread.
#[derive(Debug)]
pub struct Extent {
    file: Arc<File>,
    number: u32,
}

impl Extent {
    /// The file that it is in.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its offset in that file, bytes.
    pub fn start(&self) -> u64 {
        u64::from(self.number) * STRETCH
    }

    /// Its number, unique while it is in use.
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

/// The space with its free extents.
#[derive(Debug, Default)]
pub(super) struct ExtentSpace {
    /// The kernel's file, opened with the first extent.
    file: Option<Arc<File>>,
    free: Vec<u32>,
    /// The number of extents so far.
    count: u32,
    /// Whether this system cannot punch holes, which is logged once.
    keeps_all: bool,
}

impl ExtentSpace {
    /// Takes an empty extent.
    pub fn take(&mut self) -> io::Result<Arc<Extent>> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(open()?))),
        };
        let number = self.free.pop().unwrap_or(self.count);
        self.count = self.count.max(number.saturating_add(1));
        Ok(Arc::new(Extent { file, number }))
    }

    /// Frees an extent that nobody reads any more.
    pub fn give_back(&mut self, extent: &Extent) {
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let punched = match (off_t::try_from(extent.start()), off_t::try_from(STRETCH)) {
            (Ok(start), Ok(length)) => fallocate(extent.file(), hole, start, length),
            // An off_t of 32 bits.
            _ => Err(Errno::EOVERFLOW),
        };
        if let Err(errno) = punched
            && !std::mem::replace(&mut self.keeps_all, true)
        {
            log::warn!("memory of deleted files is kept for others, as it cannot be given back: {errno}");
        }
        self.free.push(extent.number);
    }
}

fn open() -> io::Result<File> {
    // Systems may require that it cannot be executed (vm.memfd_noexec); Linux before 6.3 does not know the flag.
    let strict = MFdFlags::from_bits_retain(MFD_NOEXEC_SEAL) | MFdFlags::MFD_CLOEXEC;
    let made =
        memfd_create("millstream", strict).or_else(|_| memfd_create("millstream", MFdFlags::MFD_CLOEXEC));
    Ok(File::from(made?))
}
