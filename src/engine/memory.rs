//! Files that are served but never written: what a module makes and keeps in memory for the web.
//!
//! They lie over the disk: whoever serves files asks here first, by the absolute path that a file would
//! have there. Whoever puts files here bounds them; this only counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// A file in memory. It is replaced as a whole, so a reader that has its bytes keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryFile {
    /// What is in it.
    pub bytes: Rc<[u8]>,
    /// When it was put here.
    pub modified: SystemTime,
}

/// All files in memory, by absolute path.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    files: HashMap<PathBuf, MemoryFile>,
    /// Invariant: the sum of the files' lengths.
    bytes: usize,
}

impl MemoryFiles {
    /// Puts a file at a path, in place of the one that was there.
    pub fn put(&mut self, path: PathBuf, bytes: Rc<[u8]>, modified: SystemTime) {
        debug_assert!(path.is_absolute(), "{} would never be found", path.display());
        self.bytes += bytes.len();
        if let Some(old) = self.files.insert(path, MemoryFile { bytes, modified }) {
            self.bytes -= old.bytes.len();
        }
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, path: &Path) {
        if let Some(old) = self.files.remove(path) {
            self.bytes -= old.bytes.len();
        }
    }

    /// The file at a path.
    pub fn get(&self, path: &Path) -> Option<&MemoryFile> {
        // Nearly always there are none, and no path needs to be hashed.
        if self.files.is_empty() { None } else { self.files.get(path) }
    }

    /// Bytes in all files.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_until_it_is_removed_and_all_are_counted() {
        let mut files = MemoryFiles::default();
        let put = |files: &mut MemoryFiles, path: &str, text: &str| {
            files.put(path.into(), text.as_bytes().into(), SystemTime::UNIX_EPOCH);
        };
        put(&mut files, "/hls/a.m3u8", "one");
        put(&mut files, "/hls//b.ts", "four");
        assert_eq!(files.bytes(), 7);
        put(&mut files, "/hls/a.m3u8", "seven77");
        assert_eq!((files.bytes(), files.is_empty()), (11, false));
        assert_eq!(files.get(Path::new("/hls/a.m3u8")).map(|file| file.bytes.len()), Some(7));
        assert_eq!(files.get(Path::new("/hls/b.ts")).map(|file| file.bytes.len()), Some(4));
        assert_eq!(files.get(Path::new("/hls/c.ts")), None);
        files.remove(Path::new("/hls/a.m3u8"));
        files.remove(Path::new("/hls/a.m3u8"));
        files.remove(Path::new("/hls/b.ts"));
        assert_eq!((files.bytes(), files.is_empty()), (0, true));
    }
}
