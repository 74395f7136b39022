//! What the kernel has in memory of a file, so that reading it does not wait for a disk.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The file system of the kernel's early boot, which has no disk either.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// The outcome of a read that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peek {
    /// The buffer is full.
    Filled,
    /// Not all of it is in memory, or the file ends there.
    Missing,
    /// The file system has no such read.
    Unsupported,
}

/// Fills a buffer from a file if that does not wait. False if it would, or cannot be known, and at the end of the file.
pub fn read(file: &File, buffer: &mut [u8], offset: u64) -> bool {
    match peek(file, buffer, offset) {
        Peek::Filled => true,
        Peek::Missing => false,
        Peek::Unsupported => is_in_memory(file) && file.read_exact_at(buffer, offset).is_ok(),
    }
}

/// The distance of the bytes by which [`cached`] finds out what is there. Each byte costs a system call; what readers
/// read is longer, so there are hardly any shorter holes.
const STEP: usize = 256 * 1024;

/// The length of the part from `offset` on, at most `length`, that is in memory. It is an estimate: bytes are tried at
/// both ends and every 256 KiB.
pub fn cached(file: &File, offset: u64, length: u64) -> u64 {
    let Some(last) = length.checked_sub(1) else { return 0 };
    let has = |at: u64| peek(file, &mut [0], offset + at);
    match has(0) {
        Peek::Filled => {}
        Peek::Missing => return 0,
        Peek::Unsupported => return if is_in_memory(file) { length } else { 0 },
    }
    let mut known = 0;
    for next in (0..last).step_by(STEP).skip(1).chain([last]) {
        if has(next) != Peek::Filled {
            return known + 1;
        }
        known = next;
    }
    length
}

fn peek(file: &File, buffer: &mut [u8], offset: u64) -> Peek {
    let wanted = buffer.len();
    match preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
        Ok(count) if count == wanted => Peek::Filled,
        Err(Errno::OPNOTSUPP) => Peek::Unsupported,
        Ok(_) | Err(_) => Peek::Missing,
    }
}

/// Whether the file system has no disk.
fn is_in_memory(file: &File) -> bool {
    fstatfs(file).is_ok_and(|facts| [TMPFS_MAGIC, RAMFS_MAGIC].contains(&facts.filesystem_type()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn what_has_been_written_is_cached_and_read_up_to_the_end_of_the_file() {
        let folder = Folder::new();
        let path = folder.join("file");
        fs::write(&path, [7; 300_000]).unwrap();
        let file = File::open(&path).unwrap();
        let mut buffer = [0; 3];
        if !read(&file, &mut buffer, 299_997) {
            return; // A file system on which it cannot be known.
        }
        assert_eq!(buffer, [7; 3]);
        assert!(!read(&file, &mut buffer, 299_998), "the end of the file");
        assert_eq!([cached(&file, 0, 300_000), cached(&file, 1, 4), cached(&file, 0, 0)], [300_000, 4, 0]);
        assert_eq!(cached(&file, 250_000, 100_000), 1, "it became shorter");
        assert_eq!(cached(&file, 300_000, 1), 0);
    }

    #[test]
    fn what_the_kernel_has_dropped_is_not_cached_until_it_is_read() {
        let folder = Folder::new();
        let path = folder.join("file");
        fs::write(&path, [7; 300_000]).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
        if is_in_memory(&file) || cached(&file, 0, 300_000) == 300_000 {
            return; // A file system that drops nothing.
        }
        assert_eq!(cached(&file, 0, 300_000), 0);
        file.read_exact_at(&mut [0], 0).unwrap();
        assert!(cached(&file, 0, 4096) == 4096);
    }
}
