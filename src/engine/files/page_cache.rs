//! What the kernel has in memory of a file, so that reading it does not wait for a disk.

use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use rustix::io::{ReadWriteFlags, preadv2};

use crate::engine::files::open_file::OpenFile;
use crate::engine::files::volume::Medium;

/// Fills a buffer from a file if that does not wait. False if it would, or cannot be known, and at the end of the file.
pub fn read(open: &OpenFile, buffer: &mut [u8], offset: u64) -> bool {
    match open.medium {
        Medium::Disk => peek(open, buffer, offset),
        Medium::Memory => open.file.read_exact_at(buffer, offset).is_ok(),
        Medium::Layers | Medium::Other => false,
    }
}

/// The distance of the bytes by which [`cached`] finds out what is there. Each byte costs a system call; what readers
/// read is longer, so there are hardly any shorter holes.
const STEP: usize = 256 * 1024;

/// The length of the part from `offset` on, at most `length`, that is in memory. On a disk it is an estimate: bytes are
/// tried at both ends and every 256 KiB.
pub fn cached(open: &OpenFile, offset: u64, length: u64) -> u64 {
    match open.medium {
        Medium::Disk => cached_of_disk(open, offset, length),
        Medium::Memory => length,
        Medium::Layers | Medium::Other => 0,
    }
}

fn cached_of_disk(open: &OpenFile, offset: u64, length: u64) -> u64 {
    let Some(last) = length.checked_sub(1) else { return 0 };
    let has = |at: u64| peek(open, &mut [0], offset + at);
    if !has(0) {
        return 0;
    }
    let mut known = 0;
    for next in (0..last).step_by(STEP).skip(1).chain([last]) {
        if !has(next) {
            return known + 1;
        }
        known = next;
    }
    length
}

/// Fills a buffer if all of it is in memory.
fn peek(open: &OpenFile, buffer: &mut [u8], offset: u64) -> bool {
    let wanted = buffer.len();
    preadv2(&open.file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) == Ok(wanted)
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn what_has_been_written_is_cached_and_read_up_to_the_end_of_the_file() {
        let folder = Folder::new();
        let open = OpenFile::open(&folder.write("file", [7; 300_000]));
        let mut buffer = [0; 3];
        if !read(&open, &mut buffer, 299_997) {
            return; // A file system on which it cannot be known.
        }
        assert_eq!(buffer, [7; 3]);
        assert!(!read(&open, &mut buffer, 299_998), "the end of the file");
        assert_eq!([cached(&open, 0, 300_000), cached(&open, 1, 4), cached(&open, 0, 0)], [300_000, 4, 0]);
        if open.medium == Medium::Disk {
            assert_eq!(cached(&open, 250_000, 100_000), 1, "it became shorter");
            assert_eq!(cached(&open, 300_000, 1), 0);
        }
    }

    #[test]
    fn what_the_kernel_has_dropped_is_not_cached_until_it_is_read() {
        let folder = Folder::new();
        let open = OpenFile::open(&folder.write("file", [7; 300_000]));
        open.file.sync_all().unwrap();
        let drop_pages = || {
            posix_fadvise(&open.file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
            cached(&open, 0, 300_000)
        };
        let mut left = drop_pages();
        for _ in 0..200 {
            if left == 0 || left == 300_000 {
                break;
            }
            // The kernel keeps a page that it is busy with.
            thread::sleep(Duration::from_millis(10));
            left = drop_pages();
        }
        if left == 300_000 {
            return; // A file system that drops nothing.
        }
        assert_eq!(left, 0);
        open.file.read_exact_at(&mut [0], 0).unwrap();
        assert!(!matches!(open.medium, Medium::Disk) || cached(&open, 0, 4096) == 4096);
    }

    #[test]
    fn nothing_is_asked_or_read_where_it_could_wait() {
        let folder = Folder::new();
        let mut open = OpenFile::open(&folder.write("file", "text"));
        open.medium = Medium::Other;
        assert_eq!((read(&open, &mut [0], 0), cached(&open, 0, 4)), (false, 0));
        open.medium = Medium::Memory;
        assert_eq!((read(&open, &mut [0], 0), cached(&open, 0, 4)), (true, 4));
    }
}
