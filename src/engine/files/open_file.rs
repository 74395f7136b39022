//! Open files that the loop and readers share.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

use crate::engine::files::volume::{Medium, Volume};

/// An open, regular file on a disk.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// Which file that is, however often it is opened.
    pub id: FileId,
    /// Where it is.
    pub medium: Medium,
}

/// A file, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    /// The number of the inode.
    pub inode: u64,
}

impl OpenFile {
    /// An open file with its metadata.
    pub fn new(file: File, metadata: &Metadata, medium: Medium) -> Self {
        Self { file, id: FileId { device: metadata.dev(), inode: metadata.ino() }, medium }
    }

    /// The volume that it is on.
    pub fn volume(&self) -> Volume {
        Volume { device: self.id.device, medium: self.medium }
    }

    /// Opens a file, for tests.
    #[cfg(test)]
    pub fn open(path: &std::path::Path) -> Self {
        let file = File::open(path).unwrap();
        let (metadata, medium) = (file.metadata().unwrap(), Medium::of(&file));
        Self::new(file, &metadata, medium)
    }
}
