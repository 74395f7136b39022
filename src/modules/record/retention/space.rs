//! The room on the file system that a folder is on.

use std::path::Path;

use nix::sys::statvfs::{Statvfs, statvfs};

/// Bytes that must be free before a file is begun on a disk that was full: or there would be a file for each
/// little that something else gives free.
const ROOM: u64 = 256 * 1024;

/// The space of a file system, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The bytes that users but root may still write.
    pub free: u64,
    pub total: u64,
}

impl Space {
    /// The file system of a folder, which need not be there yet. `None` if it cannot be found out.
    pub fn of(folder: &Path) -> Option<Self> {
        let here = |path: &Path| if path.as_os_str().is_empty() { statvfs(".") } else { statvfs(path) };
        let disk = folder.ancestors().find_map(|path| here(path).ok())?;
        Some(Self { free: bytes(&disk, Statvfs::blocks_available), total: bytes(&disk, Statvfs::blocks) })
    }

    /// True if the disk of a folder has room for more than the beginning of a file, or does not say.
    pub fn has_room(folder: &Path) -> bool {
        Self::of(folder).is_none_or(|space| space.free >= ROOM)
    }
}

/// So many blocks, whose type differs between systems, in bytes.
fn bytes<T>(disk: &Statvfs, blocks: fn(&Statvfs) -> T) -> u64
where
    u64: From<T>,
{
    u64::from(blocks(disk)).saturating_mul(disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_has_the_room_of_the_one_above_it() {
        let folder = std::env::temp_dir();
        let there = Space::of(&folder).unwrap();
        let missing = Space::of(&folder.join("no/such/folder")).unwrap();
        assert!(there.free <= there.total && there.total == missing.total);
        assert!(Space::of(Path::new("no-such-folder")).is_some());
    }
}
