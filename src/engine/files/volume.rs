//! Mounted file systems, and what the loop may do on them without waiting.

use std::fs::File;
use std::io::IoSliceMut;

use nix::sys::statfs::{FsType, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, fstatfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The file system of the kernel's early boot, which has no disk either.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// A mounted file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// The number of its device.
    pub device: u64,
    /// Where its files are.
    pub medium: Medium,
}

/// Where the files of a volume are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// On a disk of this machine. The kernel tells what it has of a file in memory.
    Disk,
    /// In memory, all of them.
    Memory,
    /// On disks of this machine, through overlayfs, as in containers. The kernel does not tell what it has in memory.
    Layers,
    /// Somewhere else, such as on another machine (NFS) or with a process (FUSE): each call may wait.
    Other,
}

impl Medium {
    /// Whether each call on a file may wait, even one that only asks for its length.
    pub fn may_wait(self) -> bool {
        self == Self::Other
    }

    /// Finds out where a regular file is; this may wait.
    pub fn of(file: &File) -> Self {
        match preadv2(file, &mut [IoSliceMut::new(&mut [0])], 0, ReadWriteFlags::NOWAIT) {
            Ok(_) | Err(Errno::AGAIN) => Self::Disk,
            Err(_) => match fstatfs(file).map(|facts| facts.filesystem_type()) {
                Ok(TMPFS_MAGIC | RAMFS_MAGIC) => Self::Memory,
                Ok(OVERLAYFS_SUPER_MAGIC) => Self::Layers,
                Ok(_) | Err(_) => Self::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_elsewhere_as_the_kernel_makes_them_when_they_are_read() {
        let file = File::open("/proc/self/status").unwrap();
        assert_eq!(Medium::of(&file), Medium::Other);
    }
}
