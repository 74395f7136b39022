//! The volumes of the folders that files are served from. The loop has to know them before it opens a file: on NFS and
//! FUSE, already that may wait.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::engine::Findings;
use crate::engine::files::volume::Volume;

use super::finding::{self, Finding};

/// Folders that are remembered. When there are more, all are forgotten, and readers find them out again.
const MAX_FOLDERS: usize = 4096;

/// Folders with the volumes of their files. It may be out of date, so a file that is opened is compared with it.
#[derive(Debug, Default)]
pub struct Volumes(HashMap<PathBuf, Volume>);

impl Volumes {
    /// The volume of the last file that a reader has found in the folder of this path.
    pub fn of(&self, base: &Path, path: &str) -> Option<Volume> {
        self.0.get(&*finding::folder(base, path)).copied()
    }

    /// Whether nothing is known.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers what readers have found.
    pub fn learn(&mut self, findings: &Findings) {
        for (folder, volume) in findings.all().filter_map(Finding::volume) {
            if self.0.get(&*folder) == Some(&volume) {
                continue;
            }
            if self.0.len() >= MAX_FOLDERS {
                self.0.clear();
            }
            self.0.insert(folder.into_owned(), volume);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    fn learn(volumes: &mut Volumes, base: &Path, path: &str) {
        let mut findings = Findings::default();
        findings.add(Finding::look_up(base, path).find());
        volumes.learn(&findings);
    }

    #[test]
    fn the_volume_of_a_folder_is_known_when_a_file_has_been_found_in_it() {
        let folder = Folder::new();
        folder.write("a", "");
        folder.write("sub/b", "");
        let mut volumes = Volumes::default();
        for path in ["", "none", "sub", "sub/none", "../a"] {
            learn(&mut volumes, &folder, path);
        }
        assert!(volumes.is_empty());
        learn(&mut volumes, &folder, "a");
        assert!(volumes.of(&folder, "other").is_some() && volumes.of(&folder, "").is_some());
        assert_eq!(volumes.of(&folder, "sub/b"), None);
        learn(&mut volumes, &folder, "sub/b");
        assert_eq!(volumes.of(&folder, "sub/other"), volumes.of(&folder, "a"));
    }

    #[test]
    fn the_number_of_folders_that_are_known_is_limited() {
        let folder = Folder::new();
        let mut volumes = Volumes::default();
        learn(&mut volumes, &folder.write("a", ""), "");
        let volume = volumes.of(&folder.join("a"), "").unwrap();
        volumes.0.extend((1..MAX_FOLDERS).map(|number| (number.to_string().into(), volume)));
        learn(&mut volumes, &folder, "a");
        assert_eq!((volumes.0.len(), volumes.of(&folder, "a")), (1, Some(volume)));
    }
}
